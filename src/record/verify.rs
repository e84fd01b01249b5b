//! The proof, before each save, that a record reads back.
//!
//! The body is decoded, and what came out is encoded once more. That must give the same body, but for the order in lists and
//! maps, since a hash map is written in another order each time. Two values of different serde types may have
//! one JSON form, so the [`TypeFingerprint`]s must be equal too.

use crate::component::{AnyAnswer, Like};
use crate::json::canonical::sort_maps_and_lists;
use crate::json::{self, TypeFingerprint, describe};
use crate::kernel::conversation::{Conversation, Instance};
use crate::kernel::receipt::Receipts;
use crate::record::body::{ParsedEnd, parse};
use crate::record::contents::Stored;
use crate::record::decode;
use crate::record::envelope::Record;
use crate::record::reason::EncodeError;
use crate::record::write_body::{EndedBody, ValueRef, Writing, encode_body, encode_state};

/// Verifies the record of a conversation that is about to be saved. Gives the conversation that was read back.
///
/// The header is this crate's alone, and its round trip is a property of it; here it is read back in debug builds only.
pub(super) fn round_trip(
    record: &Record,
    conversation: &Conversation,
    Writing { told, write_for }: Writing<'_>,
) -> Result<Conversation, EncodeError> {
    let lost = |what: String| EncodeError::NoRoundTrip(what);
    debug_assert_eq!(Record::parse(record.bytes().to_vec()).as_ref(), Ok(record));
    let body = record.body();
    let read = decode::decode(record.header(), body).map_err(|reason| lost(reason.to_string()))?;
    let Stored::Conversation(again) = read.0 else {
        return Err(lost("it came back as one that has ended".to_owned()));
    };
    let again_told = TypeFingerprint::default();
    let again_body = encode_body(&again, Writing { told: &again_told, write_for })?;
    if *told == again_told && is_same(&again_body, body) {
        return Ok(again);
    }
    let pairs = conversation.instances().into_iter().zip(again.instances());
    let differs = |(before, after): &(&Instance, &Instance)| match (encode_state(before), encode_state(after)) {
        (Ok((before, told)), Ok((after, again_told))) => told != again_told || !is_same(&before, &after),
        (Err(_), _) | (_, Err(_)) => true,
    };
    let component = pairs.rev().find(differs).map_or("?", |(instance, _)| instance.name());
    Err(lost(format!("a value of `{component}` came back as another one")))
}

/// Verifies the result of a conversation, which stands in the body that is about to be saved.
pub(super) fn result(result: &AnyAnswer, told: &TypeFingerprint, body: &str, flow: &str) -> Result<(), EncodeError> {
    let lost = |what: &str| EncodeError::NoRoundTrip(format!("the result of `{flow}`: {what}"));
    let parsed: ParsedEnd<'_> = parse(body).map_err(|reason| lost(&reason.to_string()))?;
    let again = json::read(Like(result), parsed.result).map_err(|error| lost(&describe(&error)))?;
    let again_told = TypeFingerprint::default();
    let again_result = Some(ValueRef(again.erased(), &again_told));
    let receipts: &Receipts = &parsed.receipts;
    let again_body = serde_json::to_string(&EndedBody { result: again_result, receipts });
    let again_body = again_body.map_err(|error| lost(&describe(&error)))?;
    if *told == again_told && is_same(&again_body, body) {
        return Ok(());
    }
    Err(EncodeError::NoRoundTrip(format!("the result of `{flow}` came back as another one")))
}

/// Whether two texts are one value, but for the order of what is in lists and maps.
fn is_same(one: &str, other: &str) -> bool {
    one == other
        || matches!((sort_maps_and_lists(one), sort_maps_and_lists(other)), (Ok(one), Ok(other)) if one == other)
}
