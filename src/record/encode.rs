//! A conversation, or its end, to a record: its header, its body, and the proof that they read back.

use crate::json::{TypeFingerprint, describe};
use crate::kernel::Ended;
use crate::kernel::conversation::Conversation;
use crate::model::revision::Lineage;
use crate::record::envelope::Record;
use crate::record::header::Header;
use crate::record::reason::EncodeError;
use crate::record::verify;
use crate::record::write_body::{EndedBody, ValueRef, WriteFor, Writing, encode_body};

/// The record of a conversation that goes on, and the conversation as it was read back from it.
pub(super) fn conversation(
    conversation: &Conversation,
    lineage: Lineage,
    write_for: WriteFor,
) -> Result<(Record, Conversation), EncodeError> {
    debug_assert_eq!(conversation.check(), Ok(()));
    let told = TypeFingerprint::default();
    let writing = Writing { told: &told, write_for };
    let body = encode_body(conversation, writing)?;
    let bottom = conversation.bottom();
    let header = Header {
        state: bottom.state().map(str::to_owned),
        awaits: conversation.open_awaits(),
        touched: conversation.touched,
        owner: conversation.owner.clone(),
        ..Header::new(conversation.id, lineage, bottom.name(), conversation.created)
    };
    let record = Record::assemble(header, &body)?;
    let again = verify::round_trip(&record, conversation, writing)?;
    Ok((record, again))
}

/// The record of a conversation that has ended.
pub(super) fn ended(ended: &Ended, lineage: Lineage) -> Result<Record, EncodeError> {
    let told = TypeFingerprint::default();
    let result = ended.result.as_ref().map(|answer| ValueRef(answer.erased(), &told));
    let body = serde_json::to_string(&EndedBody { result, receipts: &ended.receipts })
        .map_err(|error| EncodeError::NoJson { component: ended.flow.to_owned(), class: describe(&error) })?;
    if let Some(result) = &ended.result {
        verify::result(result, &told, &body, ended.flow)?;
    }
    let header = Header {
        touched: ended.touched,
        owner: ended.owner.clone(),
        ..Header::new(ended.id, lineage, ended.flow, ended.created)
    };
    Record::assemble(header, &body)
}
