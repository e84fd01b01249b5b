//! Conversation to bytes and back.
//!
//! A [`Record`] is what a store keeps: a header that can be read without the program's components (which flow, in which
//! state, what is open), the body (the instances with their states), and a checksum over both. The header says where a
//! conversation is; it holds no answer and no digest of one.
//!
//! - [`Record::encode`] makes one from a conversation, and verifies before it may be saved that its bytes decode to the
//!   same conversation.
//! - [`Record::parse`] reads bytes from anywhere and trusts nothing: length, checksum, format, nesting.
//! - [`Record::decode`] gives the conversation back. A record that cannot be read is an [`Unreadable`] with the typed
//!   [`Reason`]; nothing here ever deletes or replaces one.
//!
//! ```json
//! {"format":1,"id":"cv-0c9n…","revision":4,"nonce":"k3f9q0ab","ancestors":"0c9nq1vg2t0m7k0s6l0f3u8h","flow":"booking",
//!  "state":"Room","awaits":[{"turn":"i5.0","component":"pick_room","state":"Room"}],
//!  "created":"2026-11-23T09:30:00.000Z","touched":"2026-11-23T09:31:07.412Z",
//!  "body":{"next":6,"root":{"stack":[
//!            {"id":"i1","type":"booking","schema":"7c0e…","state":{"Room":{"guest":"ada"}}},
//!            {"id":"i5","type":"pick_room","schema":"02d9…","state":{"nights":4}}],
//!          "receipts":["i4.0:4be1c0de2f3a9b10"]}},
//!  "sum":"…64 hexadecimal digits…"}
//! ```
//!
//! (One line in truth.) The checksum is the last field and covers every byte before it, the header too. `docs/format.md`
//! has every field. Values that JSON has no form for, such as `Some(())`, are marked: see ARCHITECTURE.md.

mod body;
mod checkpoint;
mod contents;
mod decode;
mod encode;
mod envelope;
mod header;
mod limits;
mod reason;
mod verify;
mod write_body;

use crate::component::Answer;
use crate::json;
use crate::kernel::ProgressRef;
use crate::kernel::conversation::Conversation;

pub(crate) use checkpoint::Checkpoint;
pub use contents::{RecordStatus, Stored, StoredResult};
pub use envelope::Record;
pub use header::Header;
pub use limits::{FORMAT, MAX_BYTES, MAX_DEPTH};
pub use reason::{EncodeError, Reason, Unreadable};
pub use write_body::WriteFor;

pub use crate::model::revision::{Ancestry, Lineage, Revision, RevisionNonce};

impl Record {
    /// The record of the state that a step led to.
    ///
    /// The body has been decoded again, and what came out encodes to the same body.
    ///
    /// # Errors
    ///
    /// A value has no JSON form, does not read back, or makes the record larger or deeper than the limits.
    pub fn encode<'a>(progress: impl Into<ProgressRef<'a>>, lineage: Lineage) -> Result<Self, EncodeError> {
        Self::encode_for(WriteFor::ThisRelease, progress, lineage)
    }

    /// The same, readable by these releases.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    pub fn encode_for<'a>(
        write_for: WriteFor,
        progress: impl Into<ProgressRef<'a>>,
        lineage: Lineage,
    ) -> Result<Self, EncodeError> {
        Self::encode_and_read_back(write_for, progress.into(), lineage).map(|(record, _)| record)
    }

    /// The same, with the conversation that was read back: what [`decode`](Self::decode) would give; `None` of one that
    /// has ended.
    pub(crate) fn encode_and_read_back(
        write_for: WriteFor,
        progress: ProgressRef<'_>,
        lineage: Lineage,
    ) -> Result<(Self, Option<Conversation>), EncodeError> {
        match progress {
            ProgressRef::Waits(conversation) => {
                let (record, again) = encode::conversation(conversation, lineage, write_for)?;
                Ok((record, Some(again)))
            }
            ProgressRef::Ended(ended) => Ok((encode::ended(ended, lineage)?, None)),
        }
    }

    /// The same state, marked: the conversation goes on in memory with `component`, which cannot be saved.
    ///
    /// # Errors
    ///
    /// The mark makes the record larger than the limit.
    pub fn superseded_in_memory(&self, component: &str, nonce: RevisionNonce) -> Result<Self, EncodeError> {
        let mut header = self.header().clone();
        header.set_lineage(self.lineage().next(nonce));
        header.superseded_by = Some(component.to_owned());
        Self::assemble(header, self.body())
    }

    /// The conversation that the record holds, or its result.
    ///
    /// # Errors
    ///
    /// A component is not in this program, a state does not fit its code, or the conversation went on in memory.
    pub fn decode(&self) -> Result<Stored, Reason> {
        decode::decode(self.header(), self.body()).map(|(stored, _)| stored)
    }

    /// What the record is to this program.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode): this program leaves the record alone.
    pub fn status(&self) -> Result<RecordStatus, Reason> {
        decode::decode(self.header(), self.body()).map(|(_, status)| status)
    }

    /// [`decode`](Self::decode) and [`status`](Self::status) in one.
    pub(crate) fn decode_with_status(&self) -> Result<(Stored, RecordStatus), Reason> {
        decode::decode(self.header(), self.body())
    }
}

/// The result of a conversation, from the JSON that [`StoredResult`] holds. Any JSON reader gives the same for a result
/// that is plain JSON; this one also knows the marked forms of values such as `Some(())`.
///
/// # Errors
///
/// It is not a `T`.
pub fn result<T: Answer>(json: &str) -> Result<T, Reason> {
    let name = std::any::type_name::<T>().to_owned();
    json::from_json(json).map_err(|error| Reason::ChangedSchema { name, class: json::describe(&error) })
}
