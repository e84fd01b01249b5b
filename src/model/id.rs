//! Ids: of a conversation, of an instance in it, of a turn of that instance, and of an owner.
//!
//! A [`ConversationId`] is 128 random bits, so that no two processes, and no two runs of one process, generate the same one.
//! An [`InstanceId`] is a number that is unique within its conversation. A [`Turn`] is what an answer names: the instance that
//! asked, and the number of events that it had handled. An [`Owner`] is the host's name for the owner of a conversation. For the
//! committed states of a conversation, see [`revision`](crate::model::revision). Nothing here draws randomness; the bits are
//! passed in.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_DNSSEC;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A text is not the canonical form of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id")]
pub struct InvalidId;

/// The id of a conversation: 128 bits from the operating system's random source.
///
/// Written as `cv-` and 26 characters of lower-case base32, for example `cv-0c9nq1vg2t0m7k0s6l0f3u8h1k`. Each id has one
/// spelling, and any other text is refused, so an id can be used as a file name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationId([u8; 16]);

const PREFIX: &str = "cv-";
/// 128 bits in base32, five bits a character.
const DIGITS: usize = 26;

impl ConversationId {
    /// The id with these bits. They must be unpredictable: in some fronts, knowing the id gives access to the conversation.
    pub const fn from_bits(bits: [u8; 16]) -> Self {
        Self(bits)
    }

    /// The bits of the id.
    pub const fn bits(&self) -> [u8; 16] {
        self.0
    }
}

impl ConversationId {
    /// Hands over the text of the id, which is on the stack.
    fn with_text<T>(&self, take: impl FnOnce(&str) -> T) -> T {
        let mut text = [0; PREFIX.len() + DIGITS];
        let (prefix, digits) = text.split_at_mut(PREFIX.len());
        prefix.copy_from_slice(PREFIX.as_bytes());
        BASE32_DNSSEC.encode_mut(&self.0, digits);
        take(std::str::from_utf8(&text).expect("BUG: base32 is ASCII"))
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
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
        // Base32 decodes upper case too, but an id has one spelling.
        if digits.len() != DIGITS || !digits.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()) {
            return Err(InvalidId);
        }
        let bits = BASE32_DNSSEC.decode(digits.as_bytes()).map_err(|_| InvalidId)?;
        Ok(Self(bits.try_into().map_err(|_| InvalidId)?))
    }
}

impl Serialize for ConversationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_text(|text| serializer.serialize_str(text))
    }
}

impl<'de> Deserialize<'de> for ConversationId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse(deserializer)
    }
}

/// The id of an instance within its conversation. Never reused there: the counter is part of the record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(u64);

impl InstanceId {
    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }

    pub(crate) const fn number(self) -> u64 {
        self.0
    }

    /// Appends the text of the id. Records hold many ids, and this costs a third of a `Display`.
    fn push_to(self, text: &mut String) {
        text.push('i');
        text.push_str(itoa::Buffer::new().format(self.0));
    }
}

/// How many digits a `u64` has at most, and a character more.
const LONGEST_NUMBER: usize = 21;

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("i")?;
        f.write_str(itoa::Buffer::new().format(self.0))
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
        let mut text = String::with_capacity(LONGEST_NUMBER);
        self.push_to(&mut text);
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for InstanceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse(deserializer)
    }
}

/// Identifies a question: the instance that asks, and the number of events that it had handled when it asked.
///
/// Written `i5.0`. A front sends the turn of the question back with the answer, so that a double click, a stale tab or a retry
/// after a lost reply is recognized and not applied twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Turn {
    /// The instance that asked.
    pub instance: InstanceId,
    /// The number of events that it had handled.
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

impl Turn {
    /// Appends the text of the turn.
    pub(crate) fn push_to(self, text: &mut String) {
        self.instance.push_to(text);
        text.push('.');
        text.push_str(itoa::Buffer::new().format(self.number));
    }
}

impl Serialize for Turn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(2 * LONGEST_NUMBER);
        self.push_to(&mut text);
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Turn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse(deserializer)
    }
}

/// Parses a decimal number without a sign or leading zeros.
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

/// The owner of a conversation, as the host identifies it: an account, or the hash of a session's secret.
///
/// Between 1 and 128 bytes. Stored unencrypted, compared byte for byte, and never written to logs or error texts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Owner(String);

/// A text cannot be an [`Owner`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an owner has between 1 and {} bytes", Owner::MAX_BYTES)]
pub struct InvalidOwner;

impl Owner {
    /// The maximal length in bytes.
    pub const MAX_BYTES: usize = 128;

    /// The owner with this name.
    ///
    /// # Errors
    ///
    /// The name is empty or longer than [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidOwner> {
        let name = name.into();
        if (1..=Self::MAX_BYTES).contains(&name.len()) { Ok(Self(name)) } else { Err(InvalidOwner) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Without the name, which may be derived from a secret.
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
