//! Receipts: how a repeated answer is recognised.
//!
//! A [`Receipt`] is kept for each answer that was applied: the turn that it answered, and a proof of what was sent. It
//! belongs to the slot in which the answering instance sat, not to the instance, because an answered question is taken
//! away. A slot keeps the last [`Receipts::LIMIT`] of them. They stand in the body of a record, never in its header.
//!
//! The proof is the key that the host gave the answer, or else 64 bits of a checksum of the answer's JSON with map
//! entries sorted. Lists are compared as they are, so a hash set that comes back in another order is taken for another
//! answer.

use std::borrow::Cow;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use crate::json;
use crate::model::id::Turn;

/// A host's own name for one answer: two answers to one turn that carry the same key are the same answer.
///
/// Between 1 and 64 bytes of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerKey(String);

/// A text cannot be an [`AnswerKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key of an answer has between 1 and {} bytes", AnswerKey::MAX_BYTES)]
pub struct InvalidAnswerKey;

impl AnswerKey {
    /// The longest key, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// The key with this text.
    ///
    /// # Errors
    ///
    /// It is empty, or longer than [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn new(key: impl Into<String>) -> Result<Self, InvalidAnswerKey> {
        let key = key.into();
        if (1..=Self::MAX_BYTES).contains(&key.len()) { Ok(Self(key)) } else { Err(InvalidAnswerKey) }
    }
}

/// What tells an answer from another one to the same turn.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Proof {
    /// 64 bits of the SHA-256 of the answer, in hexadecimal.
    Digest(String),
    Key(AnswerKey),
}

/// One answer that was applied. Written `i4.0:4be1c0de2f3a9b10`, or `i4.0=order-17` if the host gave a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Receipt {
    turn: Turn,
    proof: Proof,
}

impl Receipt {
    pub(crate) fn new(turn: Turn, key: Option<&AnswerKey>, sent: &dyn erased_serde::Serialize) -> Self {
        let proof = match key {
            Some(key) => Proof::Key(key.clone()),
            None => Proof::Digest(digest(sent)),
        };
        Self { turn, proof }
    }
}

/// 64 bits of a checksum of what was sent: enough to tell the same answer sent twice from another one.
fn digest(sent: &dyn erased_serde::Serialize) -> String {
    // An answer without a JSON form cannot be sent twice: it came from the program itself.
    let text = json::to_json(sent).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    HEXLOWER.encode(&Sha256::digest(json::canonical::sort_maps(&text).as_bytes())[..8])
}

impl Serialize for Receipt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(128);
        self.turn.push_to(&mut text);
        let (separator, proof) = match &self.proof {
            Proof::Digest(digest) => (':', digest),
            Proof::Key(AnswerKey(key)) => ('=', key),
        };
        text.push(separator);
        text.push_str(proof);
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Receipt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let invalid = || de::Error::custom("not a receipt");
        let at = text.find([':', '=']).ok_or_else(invalid)?;
        let turn = text[..at].parse().map_err(de::Error::custom)?;
        let rest = &text[at + 1..];
        let proof = match text.as_bytes()[at] {
            b':' => {
                let is_digest = rest.len() == 16 && rest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                Proof::Digest(is_digest.then(|| rest.to_owned()).ok_or_else(invalid)?)
            }
            _ => Proof::Key(AnswerKey::new(rest).map_err(de::Error::custom)?),
        };
        Ok(Self { turn, proof })
    }
}

/// What the receipts say of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recognised {
    /// It was applied.
    Repeated,
    /// Another answer was applied to that turn.
    AnotherAnswer,
}

/// The receipts of one slot, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Receipts(Vec<Receipt>);

impl Receipts {
    /// How many receipts a slot keeps.
    pub(crate) const LIMIT: usize = 8;

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds one, and forgets the oldest beyond the limit.
    pub(crate) fn push(&mut self, receipt: Receipt) {
        if self.0.len() == Self::LIMIT {
            self.0.remove(0);
        }
        self.0.push(receipt);
    }

    /// Takes over the receipts of slots that go away, in the order of their turns. That of the turn that is answered at
    /// this moment becomes the latest, so that it is the last one to be forgotten.
    pub(crate) fn take_over(&mut self, mut others: Vec<Receipt>, answered: Option<Turn>) {
        others.sort_by_key(|receipt| receipt.turn);
        self.0.extend(others);
        if let Some(at) = self.0.iter().position(|receipt| Some(receipt.turn) == answered) {
            let latest = self.0.remove(at);
            self.0.push(latest);
        }
        let excess = self.0.len().saturating_sub(Self::LIMIT);
        self.0.drain(..excess);
    }

    pub(crate) fn into_vec(self) -> Vec<Receipt> {
        self.0
    }

    /// What is known of an answer; `None` if nothing is known of its turn.
    pub(crate) fn recognise(&self, answer: &Receipt) -> Option<Recognised> {
        let found = self.0.iter().rev().find(|receipt| receipt.turn == answer.turn)?;
        Some(if found.proof == answer.proof { Recognised::Repeated } else { Recognised::AnotherAnswer })
    }
}

impl Serialize for Receipts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Receipts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let receipts = Vec::<Receipt>::deserialize(deserializer)?;
        if receipts.len() > Self::LIMIT {
            return Err(de::Error::custom("a slot has too many receipts"));
        }
        Ok(Self(receipts))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::model::id::InstanceId;

    fn receipt(instance: u64, key: Option<&str>, sent: &dyn erased_serde::Serialize) -> Receipt {
        let key = key.map(|key| AnswerKey::new(key).expect("it is short"));
        Receipt::new(Turn { instance: InstanceId::new(instance), number: 0 }, key.as_ref(), sent)
    }

    #[test]
    fn a_receipt_survives_its_text() {
        for receipt in [receipt(4, None, &"yes"), receipt(4, Some("order:17=a"), &"yes")] {
            let text = serde_json::to_string(&receipt).expect("it is a string");
            assert_eq!(serde_json::from_str::<Receipt>(&text).expect("it was written so"), receipt, "{text}");
        }
        for other in ["i4.0", "i4.0:", "i4.0:4BE1C0DE2F3A9B10", "i4.0=", "4.0:4be1c0de2f3a9b10", ":", "\u{e9}:"] {
            assert!(serde_json::from_str::<Receipt>(&format!("{other:?}")).is_err(), "{other}");
        }
    }

    #[test]
    fn a_map_is_the_same_answer_in_every_order_and_a_list_is_not() {
        let maps: Vec<HashMap<u32, u32>> = (0..20).map(|_| (0..50).map(|n| (n, n)).collect()).collect();
        let receipts: Vec<_> = maps.iter().map(|map| receipt(1, None, map)).collect();
        assert!(receipts.windows(2).all(|pair| pair[0] == pair[1]));
        assert_ne!(receipt(1, None, &[1, 2]), receipt(1, None, &[2, 1]));
    }

    #[test]
    fn a_slot_keeps_the_latest_and_tells_a_repeated_answer_from_another_one() {
        let mut receipts = Receipts::default();
        for instance in 0..20 {
            receipts.push(receipt(instance, None, &"yes"));
        }
        assert_eq!(receipts.recognise(&receipt(19, None, &"yes")), Some(Recognised::Repeated));
        assert_eq!(receipts.recognise(&receipt(12, None, &"yes")), Some(Recognised::Repeated));
        assert_eq!(receipts.recognise(&receipt(11, None, &"yes")), None);
        assert_eq!(receipts.recognise(&receipt(19, None, &"no")), Some(Recognised::AnotherAnswer));
        assert_eq!(receipts.recognise(&receipt(19, Some("k"), &"yes")), Some(Recognised::AnotherAnswer));
        receipts.push(receipt(30, Some("k"), &"yes"));
        assert_eq!(receipts.recognise(&receipt(30, Some("k"), &"no")), Some(Recognised::Repeated));
    }
}
