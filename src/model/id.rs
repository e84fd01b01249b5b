//! The names of things: which conversation, which instance in it, which of its turns.
//!
//! A [`ConversationId`] is 128 random bits, so that no two processes, and no two lives of one process, ever give the
//! same one. An [`InstanceId`] is a number that is unique within its conversation for ever. A [`Turn`] is what an
//! answer names: the instance that asked and how many events it had handled by then.
//! An [`Owner`] is the host's name for whom a conversation belongs to. What names a committed state is in
//! [`revision`](crate::model::revision).
//! Nothing here draws randomness; the bits are handed in.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_DNSSEC;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The text form of an id was not one that this crate writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id")]
pub struct InvalidId;

/// Names one conversation: 128 bits from the operating system's random source.
///
/// Written as `cv-` and 26 characters of lower-case base32, for example `cv-0c9nq1vg2t0m7k0s6l0f3u8h1k`. There is one
/// spelling of each id: anything else is refused when it is read, so an id may be used as a file name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationId([u8; 16]);

const PREFIX: &str = "cv-";
/// 128 bits in base32, five bits a character.
const DIGITS: usize = 26;

impl ConversationId {
    /// The id made of these bits. They must come from a source that nobody can guess: whoever knows an id may, in
    /// some fronts, read the conversation.
    pub const fn from_bits(bits: [u8; 16]) -> Self {
        Self(bits)
    }

    /// The bits of the id.
    pub const fn bits(&self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        f.write_str(&BASE32_DNSSEC.encode(&self.0))
    }
}

impl fmt::Debug for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ConversationId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let digits = text.strip_prefix(PREFIX).ok_or(InvalidId)?;
        // Upper case would be decoded too, and one id must have one spelling.
        if digits.len() != DIGITS || !digits.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()) {
            return Err(InvalidId);
        }
        let bits = BASE32_DNSSEC.decode(digits.as_bytes()).map_err(|_| InvalidId)?;
        Ok(Self(bits.try_into().map_err(|_| InvalidId)?))
    }
}

impl Serialize for ConversationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ConversationId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse(deserializer)
    }
}

/// Names one instance within its conversation, for ever: the counter is kept in the record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(u64);

impl InstanceId {
    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }

    pub(crate) const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "i{}", self.0)
    }
}

impl fmt::Debug for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for InstanceId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.strip_prefix('i').and_then(number).map(Self).ok_or(InvalidId)
    }
}

impl Serialize for InstanceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for InstanceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse(deserializer)
    }
}

/// What an answer answers: the instance that asked, and the number of events that it had handled when it asked.
///
/// Written `i5.0`. A front puts it beside the question and sends it back with the answer, so that a double click, a
/// stale tab or a retry after a lost reply is recognised and never applied twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Turn {
    /// The instance that asked.
    pub instance: InstanceId,
    /// How many events it had handled by then.
    pub number: u64,
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.instance, self.number)
    }
}

impl FromStr for Turn {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (instance, turn) = text.split_once('.').ok_or(InvalidId)?;
        Ok(Self { instance: instance.parse()?, number: number(turn).ok_or(InvalidId)? })
    }
}

impl Serialize for Turn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Turn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse(deserializer)
    }
}

/// A decimal number in its one spelling: no sign, no leading zero.
pub(super) fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

pub(super) fn parse<'de, D: Deserializer<'de>, T: FromStr<Err = InvalidId>>(deserializer: D) -> Result<T, D::Error> {
    struct Visitor<T>(std::marker::PhantomData<T>);
    impl<T: FromStr<Err = InvalidId>> de::Visitor<'_> for Visitor<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an id")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }
    deserializer.deserialize_str(Visitor(std::marker::PhantomData))
}

/// Whom a conversation belongs to, in the host's own words: an account, or the checksum of a session's secret.
///
/// Stored in the clear and compared byte for byte; never written to logs or errors. Between 1 and 128 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Owner(String);

/// A text cannot be an [`Owner`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an owner has between 1 and {} bytes", Owner::MAX_BYTES)]
pub struct InvalidOwner;

impl Owner {
    /// The longest one, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// The owner that the host calls so.
    ///
    /// # Errors
    ///
    /// It is empty, or longer than [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidOwner> {
        let name = name.into();
        if (1..=Self::MAX_BYTES).contains(&name.len()) { Ok(Self(name)) } else { Err(InvalidOwner) }
    }

    /// What the host calls it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Without the name: it may be a secret's.
impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Owner(..)")
    }
}

impl<'de> Deserialize<'de> for Owner {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_id_has_one_spelling() {
        let id = ConversationId::from_bits([0xa5; 16]);
        let text = id.to_string();
        assert_eq!(text.len(), 29);
        assert_eq!(text.parse(), Ok(id));
        for other in [
            text.to_uppercase(),
            text.replace("cv-", ""),
            format!("{text}0"),
            text[..28].to_owned(),
            format!("{}/", &text[..28]),
            format!("{}\u{e9}", &text[..27]),
            // The last character holds three bits: the two that are left over must be zero.
            format!("{}v", &text[..28]),
            String::new(),
        ] {
            assert_eq!(other.parse::<ConversationId>(), Err(InvalidId), "{other}");
        }
    }

    #[test]
    fn a_turn_has_one_spelling() {
        let turn = Turn { instance: InstanceId::new(12), number: 0 };
        assert_eq!(turn.to_string(), "i12.0");
        assert_eq!("i12.0".parse(), Ok(turn));
        for other in ["", "i12", "i012.0", "i12.00", "i12.+1", "12.0", "i.0", "i1.", "i99999999999999999999.0"] {
            assert_eq!(other.parse::<Turn>(), Err(InvalidId), "{other}");
        }
    }
}
