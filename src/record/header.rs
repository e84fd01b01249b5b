//! The header of a record, and the frame of bytes around header and body.
//!
//! Takes a header and a body, and gives the bytes of a record; takes bytes that may hold anything, and gives a record.
//! Knows no component, and never looks into the body.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize, de};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::json::describe;
use crate::kernel::OpenAwait;
use crate::model::id::{ConversationId, Owner};
use crate::model::revision::{Ancestors, Lineage, RevisionNonce};
use crate::model::timestamp::Timestamp;
use crate::record::{EncodeError, FORMAT, MAX_BYTES, MAX_DEPTH, Reason, Record};

/// What can be read of a record without knowing its components.
///
/// It says where a conversation is: flow, state, and what is open. It holds no answer, and no digest of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Header {
    /// The version of the record's own layout.
    pub format: u32,
    /// The conversation.
    pub id: ConversationId,
    /// The number of the revision.
    #[serde(rename = "revision")]
    pub(crate) number: u64,
    pub(crate) nonce: RevisionNonce,
    #[serde(skip_serializing_if = "Ancestors::is_empty")]
    pub(crate) ancestors: Ancestors,
    /// The component or flow that it was started with.
    pub flow: String,
    /// The await at which that flow is; `None` if it is no flow, or has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// What the conversation waits for, the outermost first. Empty once it has ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub awaits: Vec<OpenAwait>,
    /// When it was started.
    pub created: Timestamp,
    /// When it last changed.
    pub touched: Timestamp,
    /// Whom it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// The component because of which the conversation went on in memory only. This record is older than what was last
    /// shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<String>,
}

impl Header {
    /// The header of a conversation that was started with `flow` and waits for nothing yet. The fields are public.
    pub fn new(id: ConversationId, lineage: Lineage, flow: impl Into<String>, created: Timestamp) -> Self {
        Self {
            format: FORMAT,
            id,
            number: lineage.revision().number(),
            nonce: lineage.revision().nonce(),
            ancestors: lineage.ancestors(),
            flow: flow.into(),
            state: None,
            awaits: Vec::new(),
            created,
            touched: created,
            owner: None,
            superseded_by: None,
        }
    }

    /// Which committed state it is, and which came before it.
    pub fn lineage(&self) -> Lineage {
        Lineage::from_parts(self.number, self.nonce, self.ancestors)
            .expect("BUG: the parts were checked when they were set")
    }

    pub(crate) fn set_lineage(&mut self, lineage: Lineage) {
        (self.number, self.nonce) = (lineage.revision().number(), lineage.revision().nonce());
        self.ancestors = lineage.ancestors();
    }

    /// Whether the conversation has ended.
    pub fn has_ended(&self) -> bool {
        self.awaits.is_empty()
    }

    /// The component in front of the root slot; `None` once the conversation has ended.
    pub fn waits_for(&self) -> Option<&str> {
        self.awaits.first().map(|open| open.component.as_str())
    }

    /// The earliest time at which anything open is [due](crate::Component::due).
    pub fn due(&self) -> Option<Timestamp> {
        self.awaits.iter().filter_map(|open| open.due).min()
    }
}

impl Record {
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

/// Splits the text of a record into header and body. Written by hand because serde's `flatten` would buffer the body.
pub(super) fn split(text: &str) -> Result<(Header, &str), Reason> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Fields<'a> {
        format: u32,
        id: ConversationId,
        revision: u64,
        nonce: RevisionNonce,
        #[serde(default)]
        ancestors: Ancestors,
        flow: String,
        #[serde(default)]
        state: Option<String>,
        #[serde(default)]
        awaits: Vec<OpenAwait>,
        created: Timestamp,
        touched: Timestamp,
        #[serde(default)]
        owner: Option<Owner>,
        #[serde(default)]
        superseded_by: Option<String>,
        #[serde(borrow)]
        body: &'a RawValue,
        #[serde(rename = "sum")]
        _sum: de::IgnoredAny,
    }
    let f: Fields<'_> = serde_json::from_str(text).map_err(|error| Reason::Corrupt(describe(&error)))?;
    if Lineage::from_parts(f.revision, f.nonce, f.ancestors).is_none() {
        return Err(Reason::Corrupt("its revision is out of range, or has another number of ancestors".to_owned()));
    }
    let header = Header {
        format: f.format,
        id: f.id,
        number: f.revision,
        nonce: f.nonce,
        ancestors: f.ancestors,
        flow: f.flow,
        state: f.state,
        awaits: f.awaits,
        created: f.created,
        touched: f.touched,
        owner: f.owner,
        superseded_by: f.superseded_by,
    };
    Ok((header, f.body.get()))
}
