//! Which committed state of a conversation a record holds, and which states came before it.
//!
//! A revision number alone is fooled by a store that went back in time and was overtaken: two histories of one
//! conversation reach the same number. So a [`Revision`] is a number and a random [`RevisionNonce`], and a [`Lineage`]
//! also names the nonces of the last [`Lineage::WINDOW`] predecessors. Two histories that parted within that window are
//! told apart by [`Lineage::relation_to`]. Nothing here draws randomness; the nonces are handed in.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_DNSSEC;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::model::id::{InvalidId, number, parse};

/// Revision numbers go up to 2^53, so that every JSON reader keeps them exactly.
const LAST_NUMBER: u64 = 1 << 53;

/// How many characters a nonce has in text: 40 bits in base32, five bits a character.
const NONCE_DIGITS: usize = 8;

/// 40 random bits that tell two revisions of one number apart.
///
/// Two independent draws are equal with a probability of 2^-40. Written as 8 characters of lower-case base32.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RevisionNonce([u8; 5]);

impl RevisionNonce {
    /// All bits zero: for tests, and for tools that write records by hand.
    pub const ZERO: Self = Self([0; 5]);

    /// The nonce made of these bits. The runtime draws them from the operating system.
    pub const fn from_bits(bits: [u8; 5]) -> Self {
        Self(bits)
    }

    /// As a number below 2^40, for a store that keeps it in a column.
    pub const fn number(self) -> u64 {
        let [a, b, c, d, e] = self.0;
        u64::from_be_bytes([0, 0, 0, a, b, c, d, e])
    }

    /// The nonce of this [number](Self::number); `None` from 2^40 on.
    pub const fn from_number(number: u64) -> Option<Self> {
        match number.to_be_bytes() {
            [0, 0, 0, a, b, c, d, e] => Some(Self([a, b, c, d, e])),
            _ => None,
        }
    }
}

impl RevisionNonce {
    fn encode_to<'a>(&self, text: &'a mut [u8]) -> &'a str {
        BASE32_DNSSEC.encode_mut(&self.0, text);
        std::str::from_utf8(text).expect("BUG: base32 is ASCII")
    }
}

impl fmt::Display for RevisionNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; NONCE_DIGITS];
        f.write_str(self.encode_to(&mut text))
    }
}

impl fmt::Debug for RevisionNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for RevisionNonce {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = [0; NONCE_DIGITS];
        serializer.serialize_str(self.encode_to(&mut text))
    }
}

impl<'de> Deserialize<'de> for RevisionNonce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse(deserializer)
    }
}

impl FromStr for RevisionNonce {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        // Upper case would be decoded too, and one nonce has one spelling.
        if text.len() != NONCE_DIGITS || !text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()) {
            return Err(InvalidId);
        }
        let bits = BASE32_DNSSEC.decode(text.as_bytes()).map_err(|_| InvalidId)?;
        Ok(Self(bits.try_into().map_err(|_| InvalidId)?))
    }
}

/// Names one committed state of a conversation: how many saves there were, and a random nonce of that save.
///
/// Written `7-0c9nq1vg`. Equality compares both parts. The order, by number and then by nonce, is for
/// maps; whether one revision comes after another is what [`Lineage::relation_to`] says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision {
    number: u64,
    nonce: RevisionNonce,
}

impl Revision {
    /// The revision of a conversation's first save.
    pub const fn first(nonce: RevisionNonce) -> Self {
        Self { number: 1, nonce }
    }

    /// The revision of the save after this one.
    ///
    /// # Panics
    ///
    /// After 2^53 saves.
    #[must_use]
    pub const fn next(self, nonce: RevisionNonce) -> Self {
        assert!(self.number < LAST_NUMBER, "BUG: a conversation cannot be saved 2^53 times");
        Self { number: self.number + 1, nonce }
    }

    /// The revision of this number with the nonce [`ZERO`](RevisionNonce::ZERO), for tests of stores.
    ///
    /// # Panics
    ///
    /// The number is 0 or above 2^53.
    pub const fn for_test(number: u64) -> Self {
        assert!(number > 0 && number <= LAST_NUMBER, "no revision has this number");
        Self { number, nonce: RevisionNonce::ZERO }
    }

    /// The revision with these parts, for a store that keeps them in columns; `None` if the number is 0 or above 2^53.
    pub const fn from_parts(number: u64, nonce: RevisionNonce) -> Option<Self> {
        if number == 0 || number > LAST_NUMBER { None } else { Some(Self { number, nonce }) }
    }

    /// How many saves there were, this one included.
    pub const fn number(self) -> u64 {
        self.number
    }

    /// The random part.
    pub const fn nonce(self) -> RevisionNonce {
        self.nonce
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.number, self.nonce)
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Revision {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (digits, nonce) = text.split_once('-').ok_or(InvalidId)?;
        Self::from_parts(number(digits).ok_or(InvalidId)?, nonce.parse()?).ok_or(InvalidId)
    }
}

/// A revision, and the nonces of the revisions before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lineage {
    revision: Revision,
    ancestors: Ancestors,
}

/// How a stored revision relates to one that was seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ancestry {
    /// It is the same revision.
    Same,
    /// It comes after the one that was seen.
    Descends,
    /// It does not come after the one that was seen: the store went back in time, and may have been overtaken since.
    WentBack,
    /// More saves came in between than the window holds, so neither can be shown.
    Unconfirmed,
}

impl Lineage {
    /// How many predecessors are named. Their nonces take 8 bytes each in a record.
    pub const WINDOW: usize = 8;

    /// The lineage of a conversation's first save.
    pub const fn first(nonce: RevisionNonce) -> Self {
        Self { revision: Revision::first(nonce), ancestors: Ancestors::NONE }
    }

    /// The lineage of [`Revision::for_test`], for tests of stores.
    ///
    /// # Panics
    ///
    /// The number is 0 or above 2^53.
    pub fn for_test(number: u64) -> Self {
        let len = usize::try_from(number - 1).unwrap_or(usize::MAX).min(Self::WINDOW);
        let ancestors = Ancestors { nonces: [RevisionNonce::ZERO; Self::WINDOW], len };
        Self { revision: Revision::for_test(number), ancestors }
    }

    /// The lineage of the save after this one.
    #[must_use]
    pub fn next(&self, nonce: RevisionNonce) -> Self {
        Self { revision: self.revision.next(nonce), ancestors: self.ancestors.and(self.revision.nonce) }
    }

    /// A lineage that ends at `revision`, whose ancestors have the nonces that `nonce` gives for their numbers: for tests
    /// of stores, which save revisions that no history leads to.
    #[cfg(any(test, feature = "store-contract"))]
    pub(crate) fn at(revision: Revision, nonce: impl Fn(u64) -> RevisionNonce) -> Self {
        let first = revision.number.saturating_sub(Self::WINDOW as u64).max(1);
        let ancestors =
            (first..revision.number).fold(Ancestors::NONE, |ancestors, number| ancestors.and(nonce(number)));
        Self { revision, ancestors }
    }

    /// Put together from its parts; `None` if it names more ancestors than the revision has, or fewer than it can.
    pub(crate) fn from_parts(number: u64, nonce: RevisionNonce, ancestors: Ancestors) -> Option<Self> {
        let revision = Revision::from_parts(number, nonce)?;
        let expected = (revision.number - 1).min(Self::WINDOW as u64);
        (ancestors.len as u64 == expected).then_some(Self { revision, ancestors })
    }

    /// The revision itself.
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// The nonces of the predecessors, the latest first.
    pub(crate) const fn ancestors(&self) -> Ancestors {
        self.ancestors
    }

    /// How this revision relates to `seen`, an earlier or later revision of the same conversation.
    pub fn relation_to(&self, seen: Revision) -> Ancestry {
        let Some(distance) = self.revision.number.checked_sub(seen.number) else { return Ancestry::WentBack };
        let Some(steps) = distance.checked_sub(1) else {
            return if self.revision == seen { Ancestry::Same } else { Ancestry::WentBack };
        };
        let named = usize::try_from(steps).ok().and_then(|steps| self.ancestors.as_slice().get(steps));
        match named {
            Some(nonce) if *nonce == seen.nonce => Ancestry::Descends,
            Some(_) => Ancestry::WentBack,
            None => Ancestry::Unconfirmed,
        }
    }
}

/// The nonces of up to [`Lineage::WINDOW`] predecessors, the latest first. In text, one after the other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ancestors {
    nonces: [RevisionNonce; Lineage::WINDOW],
    len: usize,
}

impl Ancestors {
    pub(crate) const NONE: Self = Self { nonces: [RevisionNonce::ZERO; Lineage::WINDOW], len: 0 };

    fn and(&self, latest: RevisionNonce) -> Self {
        let len = (self.len + 1).min(Lineage::WINDOW);
        let mut nonces = [RevisionNonce::ZERO; Lineage::WINDOW];
        nonces[0] = latest;
        nonces[1..len].copy_from_slice(&self.nonces[..len - 1]);
        Self { nonces, len }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn as_slice(&self) -> &[RevisionNonce] {
        &self.nonces[..self.len]
    }
}

impl Default for Ancestors {
    fn default() -> Self {
        Self::NONE
    }
}

impl fmt::Debug for Ancestors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

impl FromStr for Ancestors {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text.len() > Lineage::WINDOW * NONCE_DIGITS || !text.len().is_multiple_of(NONCE_DIGITS) || !text.is_ascii() {
            return Err(InvalidId);
        }
        let mut ancestors = Self::NONE;
        for at in (0..text.len()).step_by(NONCE_DIGITS) {
            ancestors.nonces[ancestors.len] = text[at..at + NONCE_DIGITS].parse()?;
            ancestors.len += 1;
        }
        Ok(ancestors)
    }
}

impl Serialize for Ancestors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = [0; Lineage::WINDOW * NONCE_DIGITS];
        let text = &mut text[..self.len * NONCE_DIGITS];
        for (nonce, digits) in self.as_slice().iter().zip(text.chunks_exact_mut(NONCE_DIGITS)) {
            nonce.encode_to(digits);
        }
        serializer.serialize_str(std::str::from_utf8(text).expect("BUG: base32 is ASCII"))
    }
}

impl<'de> Deserialize<'de> for Ancestors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonce(number: u64) -> RevisionNonce {
        RevisionNonce::from_number(number).expect("it is below 2^40")
    }

    /// The lineage after `saves` saves, the nonces drawn from `seed` on.
    fn history(saves: u64, seed: u64) -> Vec<Lineage> {
        let mut history = vec![Lineage::first(nonce(seed))];
        for save in 1..saves {
            history.push(history[history.len() - 1].next(nonce(seed + save)));
        }
        history
    }

    #[test]
    fn a_revision_has_one_spelling() {
        let revision = Revision::first(nonce(0x1f_ffff_ffff)).next(nonce(7));
        let text = revision.to_string();
        assert_eq!(text, "2-0000000e".replace("0000000e", &nonce(7).to_string()));
        assert_eq!(text.parse(), Ok(revision));
        for other in ["", "2", "2-", "0-00000000", "02-00000000", "2-0000000", "2-000000000", "2-0000000A", "-00000000"]
        {
            assert_eq!(other.parse::<Revision>(), Err(InvalidId), "{other}");
        }
        let last = format!("{}-00000000", 1_u64 << 53);
        assert_eq!(last.parse::<Revision>().map(|revision| revision.to_string()), Ok(last));
        assert_eq!(format!("{}-00000000", (1_u64 << 53) + 1).parse::<Revision>(), Err(InvalidId));
    }

    fn from_parts(revision: Revision, ancestors: Ancestors) -> Option<Lineage> {
        Lineage::from_parts(revision.number(), revision.nonce(), ancestors)
    }

    #[test]
    fn a_lineage_survives_its_text() {
        for lineage in history(20, 1_000) {
            let text = serde_json::to_string(&lineage.ancestors()).expect("it is a string");
            let ancestors: Ancestors = serde_json::from_str(&text).expect("it was written so");
            assert_eq!(from_parts(lineage.revision(), ancestors), Some(lineage));
            assert_eq!(ancestors.is_empty(), lineage.revision().number() == 1);
            if !ancestors.is_empty() {
                assert_eq!(from_parts(lineage.revision(), Ancestors::NONE), None);
            }
        }
    }

    #[test]
    fn a_later_revision_of_one_history_descends_within_the_window_and_is_unconfirmed_beyond() {
        let history = history(30, 0);
        for (seen, earlier) in history.iter().enumerate() {
            for (stored, later) in history.iter().enumerate() {
                let expected = match stored.checked_sub(seen) {
                    None => Ancestry::WentBack,
                    Some(0) => Ancestry::Same,
                    Some(distance) if distance <= Lineage::WINDOW => Ancestry::Descends,
                    Some(_) => Ancestry::Unconfirmed,
                };
                assert_eq!(later.relation_to(earlier.revision()), expected, "{seen} seen, {stored} stored");
            }
        }
    }

    #[test]
    fn a_history_that_went_back_and_overtook_is_found_within_the_window() {
        let seen = history(10, 0);
        for back_to in 1..10_usize {
            // The store lost what came after `back_to` saves, and another process went on from there.
            let mut other = seen[back_to - 1];
            for save in 0..20 {
                other = other.next(nonce(500 + save));
                let last_seen = seen[9].revision();
                let overtaken_by = other.revision().number().checked_sub(last_seen.number());
                let expected = match overtaken_by {
                    Some(distance) if distance > Lineage::WINDOW as u64 => Ancestry::Unconfirmed,
                    Some(_) | None => Ancestry::WentBack,
                };
                assert_eq!(other.relation_to(last_seen), expected, "back to {back_to}, then {save} saves");
            }
        }
    }
}
