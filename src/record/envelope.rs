//! A record as bytes: the header, the body, and a checksum over both.
//!
//! Takes a header and a body, and gives the bytes of a record; takes bytes that may hold anything, and gives a record.
//! Knows no component, and never looks into the body.

use std::fmt;

use data_encoding::HEXLOWER;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::json::describe;
use crate::model::id::ConversationId;
use crate::model::revision::{Lineage, Revision};
use crate::record::header::{Header, split};
use crate::record::limits::{FORMAT, MAX_BYTES, MAX_DEPTH};
use crate::record::reason::{EncodeError, Reason};

/// What a store keeps of one conversation. Its bytes are immutable and carry their own checksum.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    header: Header,
    bytes: Vec<u8>,
    /// Where the body lies in `bytes`.
    body: std::ops::Range<usize>,
}

/// The header without the body, which holds the author's values.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("header", &self.header).field("bytes", &self.bytes.len()).finish()
    }
}

impl Record {
    /// What can be read without knowing the components.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The conversation.
    pub fn id(&self) -> ConversationId {
        self.header.id
    }

    /// Which committed state it is.
    pub fn revision(&self) -> Revision {
        self.header.lineage().revision()
    }

    /// Which committed state it is, and which came before it.
    pub fn lineage(&self) -> Lineage {
        self.header.lineage()
    }

    /// The whole record: what a store keeps, and [`parse`](Self::parse) takes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The body, as JSON.
    pub fn body(&self) -> &str {
        std::str::from_utf8(&self.bytes[self.body.clone()]).expect("BUG: a record is made of JSON")
    }

    /// Whether the conversation has ended.
    pub fn has_ended(&self) -> bool {
        self.header.has_ended()
    }

    /// All that comes before the body: the header, as it was written.
    #[cfg(feature = "seal")]
    pub(crate) fn head(&self) -> &[u8] {
        &self.bytes[..self.body.start]
    }

    /// The same conversation with another body, which is JSON.
    #[cfg(feature = "seal")]
    pub(crate) fn with_body(&self, body: &str) -> Result<Self, EncodeError> {
        Self::assemble(self.header.clone(), body)
    }

    /// A record of these parts. `body` is JSON.
    pub(crate) fn assemble(header: Header, body: &str) -> Result<Self, EncodeError> {
        let mut bytes = Vec::with_capacity(512 + body.len());
        serde_json::to_writer(&mut bytes, &header).expect("BUG: a header is plain JSON");
        assert_eq!(bytes.pop(), Some(b'}'), "BUG: a header is a map");
        bytes.extend_from_slice(b",\"body\":");
        let start = bytes.len();
        bytes.extend_from_slice(body.as_bytes());
        let body = start..bytes.len();
        let sum = checksum(&bytes);
        bytes.extend_from_slice(SUM.as_bytes());
        bytes.extend_from_slice(sum.as_bytes());
        bytes.extend_from_slice(END.as_bytes());
        if bytes.len() > MAX_BYTES {
            return Err(EncodeError::TooLarge(bytes.len()));
        }
        let depth = depth(&bytes);
        if depth > MAX_DEPTH {
            return Err(EncodeError::TooDeep(depth));
        }
        Ok(Self { header, bytes, body })
    }

    /// Reads a record from bytes that may hold anything.
    ///
    /// # Errors
    ///
    /// The reason why these bytes are not a record of this program, or not a whole one.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, Reason> {
        if bytes.len() > MAX_BYTES {
            return Err(Reason::TooLarge(bytes.len() as u64));
        }
        let corrupt = |what: &str| Reason::Corrupt(what.to_owned());
        // The checksum first: nothing is interpreted of bytes that are not those that were written.
        let summed =
            bytes.len().checked_sub(SUM.len() + SUM_DIGITS + END.len()).ok_or_else(|| corrupt("it is cut off"))?;
        let (content, tail) = bytes.split_at(summed);
        let sum = tail.strip_prefix(SUM.as_bytes()).and_then(|tail| tail.strip_suffix(END.as_bytes()));
        let sum = sum.ok_or_else(|| corrupt("it does not end as a record does"))?;
        if sum != checksum(content).as_bytes() {
            return Err(corrupt("its checksum is that of other bytes"));
        }
        // What was written by a newer version may have any layout but this much.
        #[derive(Deserialize)]
        struct Probe {
            format: u32,
        }
        let wire = std::str::from_utf8(&bytes).map_err(|_| corrupt("it is not UTF-8"))?;
        let unfit = |error: serde_json::Error| Reason::Corrupt(describe(&error));
        let Probe { format } = serde_json::from_str(wire).map_err(unfit)?;
        if format > FORMAT {
            return Err(Reason::NewerFormat(format));
        }
        let (header, body) = split(wire)?;
        let start = body.as_ptr() as usize - wire.as_ptr() as usize;
        let body = start..start + body.len();
        Ok(Self { header, bytes, body })
    }
}

const SUM: &str = ",\"sum\":\"";
const SUM_DIGITS: usize = 64;
const END: &str = "\"}\n";

fn checksum(content: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(content))
}

/// How deep lists and maps are nested, if deeper than is allowed; otherwise a depth that is allowed.
fn depth(bytes: &[u8]) -> usize {
    // Nearly every record has fewer brackets in all, and these are counted many at a time.
    let brackets = bytes.iter().filter(|&&byte| matches!(byte, b'{' | b'[')).count();
    if brackets <= MAX_DEPTH {
        return brackets;
    }
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for &byte in bytes {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
