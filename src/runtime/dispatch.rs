//! What one call makes of one conversation.
//!
//! Takes an [`Access`] and what is to happen; gives a reply. An event is planned first: what is stored or in memory is
//! decoded, the kernel makes one step, and the outcome becomes a [`Change`]. Nothing has happened by then. A plan is
//! committed here, or by a transaction of the host's, see `transaction`. It never asks the store itself.

use std::sync::Arc;

use crate::component::AnyComponent;
use crate::kernel::conversation::Conversation;
use crate::kernel::{self, Cause, Input, Progress, RenderedInstance};
use crate::model::error::Failure;
use crate::model::id::{ConversationId, Owner};
use crate::model::timestamp::Timestamp;
use crate::record::{Checkpoint, Lineage, Reason, Record, RecordStatus, Revision, Stored};
use crate::runtime::access::Access;
use crate::runtime::change::{After, Before, Change, InMemory, Undo};
use crate::runtime::error::{Error, ErrorKind};
use crate::runtime::persistence::{Write, result_of};
use crate::runtime::reply::{Rendered, Reply, Started};
use crate::runtime::retention::Retention;

/// How often an event is run again on a state that another process has saved meanwhile.
const CONFLICT_RETRIES: usize = 3;

/// What an event comes to.
#[allow(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
pub(super) enum Plan {
    /// Nothing changes.
    Reply(Reply),
    Change(Change),
}

/// What a change takes the place of.
enum Replaced<'a> {
    /// Nothing: the conversation begins.
    Nothing,
    /// This record.
    Record(&'a Record),
    /// A conversation in memory, as it was before the step, over a marked record of this lineage, if there is one.
    InMemory(Checkpoint, Option<Lineage>),
}

// ---- Start --------------------------------------------------------------------------------------------------------

/// Plans the start of a conversation.
pub(super) fn plan_start(
    access: &mut Access<'_>,
    root: Box<dyn AnyComponent>,
    owner: Option<Owner>,
) -> Result<Change, Error> {
    let id = access.id();
    let outcome = kernel::start(id, root, owner, access.now()).map_err(|rejected| failed(id, rejected.cause))?;
    change(access, Replaced::Nothing, outcome.progress)
}

/// Starts a conversation.
pub(super) async fn start(
    access: &mut Access<'_>,
    root: Box<dyn AnyComponent>,
    owner: Option<Owner>,
) -> Result<Started, Error> {
    let change = plan_start(access, root, owner)?;
    let result = commit(access, change).await?;
    tracing::info!(conversation = %access.id(), ended = result.is_some(), "started");
    Ok(Started { id: access.id(), result })
}

// ---- One event ----------------------------------------------------------------------------------------------------

/// Carries out one event.
pub(super) async fn dispatch(access: &mut Access<'_>, input: Input) -> Result<Reply, Error> {
    if let Some(in_memory) = access.take_in_memory() {
        let plan = plan_in_memory(access, in_memory, &input)?;
        return carry_out(access, plan).await;
    }
    if let Some(record) = access.optimistic_read() {
        let plan = plan(access, &record, &input);
        let reply = match plan {
            Ok(plan) => carry_out(access, plan).await,
            Err(error) => Err(error),
        };
        match reply {
            // The store has compared, or has failed.
            done @ Ok(Reply::Applied | Reply::Ended { .. }) => return done,
            failed @ Err(Error { kind: ErrorKind::NotSaved(_) | ErrorKind::Unknown(_), .. }) => return failed,
            // Perhaps only because another process has changed the conversation since.
            Ok(Reply::Repeated | Reply::Stale | Reply::Refused { .. }) | Err(_) => access.forget_record(),
        }
    }
    for _ in 0..CONFLICT_RETRIES {
        let record = access.load().await?;
        let plan = plan(access, &record, &input)?;
        match carry_out(access, plan).await {
            Err(Error { kind: ErrorKind::Conflict, .. }) => {}
            done => return done,
        }
    }
    Err(access.error(ErrorKind::Conflict))
}

/// What an event makes of the conversation that this record holds.
pub(super) fn plan(access: &mut Access<'_>, record: &Record, input: &Input) -> Result<Plan, Error> {
    let id = access.id();
    let conversation = match access.take_decoded(record.revision()) {
        Some(conversation) => conversation,
        None => match decode(access, record)? {
            Stored::Conversation(conversation) => conversation,
            Stored::Ended(ended) => {
                return reply_to(id, kernel::apply_to_ended(&ended.receipts, input)).map(Plan::Reply);
            }
        },
    };
    let now = access.now();
    let conversation = wake(access, conversation, now)?;
    match kernel::apply(conversation, input.clone(), now) {
        Ok(outcome) => change(access, Replaced::Record(record), outcome.progress).map(Plan::Change),
        Err(rejected) => reply_to(id, rejected.cause).map(Plan::Reply),
    }
}

/// What an event makes of a conversation that is in memory only. If nothing comes of it, the conversation is back there.
fn plan_in_memory(access: &mut Access<'_>, in_memory: Box<InMemory>, input: &Input) -> Result<Plan, Error> {
    let id = access.id();
    let checkpoint = match Checkpoint::take(&in_memory.conversation) {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            access.put_in_memory(in_memory);
            return Err(Error::new(id, ErrorKind::NotSavable(error)));
        }
    };
    let InMemory { conversation, lineage } = *in_memory;
    match kernel::apply(conversation, input.clone(), access.now()) {
        Ok(outcome) => change(access, Replaced::InMemory(checkpoint, lineage), outcome.progress).map(Plan::Change),
        Err(rejected) => {
            let leftovers = rejected.leftovers;
            access.bring_back(Before::Stepped(Box::new(Undo { checkpoint, leftovers, lineage })))?;
            reply_to(id, rejected.cause).map(Plan::Reply)
        }
    }
}

async fn carry_out(access: &mut Access<'_>, plan: Plan) -> Result<Reply, Error> {
    match plan {
        Plan::Reply(reply) => Ok(reply),
        Plan::Change(change) => Ok(acknowledge(access.id(), commit(access, change).await?)),
    }
}

/// Makes a planned change. Gives the result if the conversation has ended with it.
async fn commit(access: &mut Access<'_>, change: Change) -> Result<Option<String>, Error> {
    let ended = EndedRecord::of(&change);
    access.commit(change).await?;
    // The result is durable before anybody hears of it, and before anything is deleted.
    Ok(ended.map(|ended| ended.discard(access)))
}

pub(super) fn acknowledge(id: ConversationId, result: Option<String>) -> Reply {
    match result {
        None => Reply::Applied,
        Some(result) => {
            tracing::info!(conversation = %id, "ended");
            Reply::Ended { result }
        }
    }
}

/// The record of a conversation that ends with a change.
pub(super) struct EndedRecord {
    revision: Revision,
    /// As JSON.
    result: String,
}

impl EndedRecord {
    /// `None` if the conversation goes on.
    pub(super) fn of(change: &Change) -> Option<Self> {
        let Write::Save { record, .. } = &change.write else { return None };
        Some(Self { revision: record.revision(), result: result_of(record)? })
    }

    /// Begins to delete the record, which is durable, if nobody wants to keep it. Gives the result.
    pub(super) fn discard(self, access: &mut Access<'_>) -> String {
        match access.core.retention {
            Retention::AtOnce => access.discard(Change::discard(access.id(), self.revision)),
            Retention::For(_) | Retention::UntilForgotten => {}
        }
        self.result
    }
}

// ---- From an outcome to a change ----------------------------------------------------------------------------------

/// The change that makes a new state durable, or lets it go on in memory. If there is none, a conversation that was in
/// memory is back there.
fn change(access: &mut Access<'_>, replaced: Replaced<'_>, progress: Progress) -> Result<Change, Error> {
    let progress = match progress {
        Progress::Waits(conversation) => match conversation.transient() {
            Some(component) => return change_in_memory(access, &replaced, conversation, component),
            None => Progress::Waits(conversation),
        },
        ended @ Progress::Ended(_) => ended,
    };
    let lineage = match &replaced {
        Replaced::Nothing => None,
        Replaced::Record(record) => Some(record.lineage()),
        Replaced::InMemory(_, lineage) => *lineage,
    };
    let encoded = access.core.persistence.encode(&progress, lineage);
    let before = match replaced {
        Replaced::Nothing | Replaced::Record(_) => Before::Stored,
        Replaced::InMemory(checkpoint, lineage) => {
            Before::Stepped(Box::new(Undo { checkpoint, leftovers: progress.into_leftovers(), lineage }))
        }
    };
    match encoded {
        Ok(encoded) => Ok(Change { before, ..Change::save(encoded, lineage.map(|lineage| lineage.revision())) }),
        Err(kind) => {
            access.bring_back(before)?;
            Err(access.error(kind))
        }
    }
}

/// The change with which a conversation goes on in memory. Its last durable record is marked, once.
fn change_in_memory(
    access: &Access<'_>,
    replaced: &Replaced<'_>,
    conversation: Conversation,
    component: &'static str,
) -> Result<Change, Error> {
    let id = access.id();
    let warn = || {
        tracing::warn!(
            conversation = %id,
            component,
            "not saved: the component is transient, and the conversation goes on in memory until it is gone"
        );
    };
    let (write, lineage) = match replaced {
        Replaced::InMemory(_, lineage) => (Write::Nothing, *lineage),
        Replaced::Nothing => {
            warn();
            (Write::Nothing, None)
        }
        Replaced::Record(record) => {
            warn();
            let marked = access.core.persistence.supersede(record, component);
            let marked = marked.map_err(|kind| access.error(kind))?;
            let lineage = marked.lineage();
            (Write::Save { record: Arc::new(marked), replaces: Some(record.revision()) }, Some(lineage))
        }
    };
    let after = After::InMemory(Box::new(InMemory { conversation, lineage }));
    Ok(Change { write, before: Before::Stored, after })
}

// ---- Other calls --------------------------------------------------------------------------------------------------

/// What the conversation shows.
pub(super) async fn render(access: &mut Access<'_>) -> Result<Rendered, Error> {
    let now = access.now();
    if let Some(in_memory) = access.in_memory() {
        return tree(&in_memory.conversation, now).map(Rendered::Open);
    }
    let record = access.load().await?;
    match decode(access, &record)? {
        Stored::Ended(ended) => Ok(Rendered::Ended(ended.json)),
        Stored::Conversation(conversation) => {
            // Woken to be shown only: what it changes is kept when an event is dispatched.
            let conversation = wake(access, conversation, now)?;
            tree(&conversation, now).map(Rendered::Open)
        }
    }
}

/// The result, if the conversation has ended.
pub(super) async fn result(access: &mut Access<'_>) -> Result<Option<String>, Error> {
    if access.in_memory().is_some() {
        return Ok(None);
    }
    let record = access.load().await?;
    match decode(access, &record)? {
        Stored::Ended(ended) => Ok(Some(ended.json)),
        Stored::Conversation(_) => Ok(None),
    }
}

/// Ends the conversation without a result and deletes its record.
pub(super) async fn end(access: &mut Access<'_>) -> Result<(), Error> {
    let id = access.id();
    let change = match access.take_in_memory() {
        Some(in_memory) => {
            let write = match &in_memory.lineage {
                Some(lineage) => Write::Delete { id, revision: lineage.revision() },
                None => Write::Nothing,
            };
            Change { write, before: Before::InMemory(in_memory), after: After::Gone }
        }
        None => {
            let Some(record) = load_if_any(access).await? else { return Ok(()) };
            deletion(access, &record)?
        }
    };
    access.commit(change).await?;
    tracing::info!(conversation = %id, "ended");
    Ok(())
}

/// The change that ends a stored conversation, or deletes what is left of one that has ended.
pub(super) fn deletion(access: &mut Access<'_>, record: &Record) -> Result<Change, Error> {
    let before = match decode(access, record)? {
        Stored::Conversation(conversation) => Before::Decoded(Box::new(conversation)),
        Stored::Ended(_) => Before::Stored,
    };
    Ok(Change { before, ..Change::delete(record.id(), record.revision()) })
}

/// Deletes the record of a conversation that has ended.
pub(super) async fn forget(access: &mut Access<'_>) -> Result<(), Error> {
    if access.in_memory().is_some() {
        return Err(access.error(ErrorKind::GoesOn));
    }
    let Some(record) = load_if_any(access).await? else { return Ok(()) };
    if !record.has_ended() {
        return Err(access.error(ErrorKind::GoesOn));
    }
    access.commit(Change::delete(record.id(), record.revision())).await
}

/// Writes a record of an earlier version as this program writes it.
pub(super) async fn migrate(access: &mut Access<'_>) -> Result<RecordStatus, Error> {
    let id = access.id();
    let record = access.load().await?;
    let (stored, status) = decode_record(&record)?;
    let Stored::Conversation(conversation) = stored else { return Ok(status) };
    if status == RecordStatus::Current {
        return Ok(status);
    }
    let progress = match conversation.is_upgraded() {
        true => Progress::Waits(conversation),
        false => {
            let upgraded = kernel::apply_upgrades(conversation, access.now());
            upgraded.map_err(|rejected| failed(id, rejected.cause))?.progress
        }
    };
    let encoded = access.core.persistence.encode(&progress, Some(record.lineage()));
    drop(progress);
    let written = encoded.map_err(|kind| access.error(kind))?;
    access.commit(Change::save(written, Some(record.revision()))).await?;
    Ok(status)
}

async fn load_if_any(access: &mut Access<'_>) -> Result<Option<Arc<Record>>, Error> {
    match access.load().await {
        Ok(record) => Ok(Some(record)),
        Err(Error { kind: ErrorKind::NotFound, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

// ---- Decoding -----------------------------------------------------------------------------------------------------

/// What a record holds, with the upgrades applied that a conversation of an earlier version has pending.
fn decode(access: &mut Access<'_>, record: &Record) -> Result<Stored, Error> {
    let id = record.id();
    match decode_record(record)?.0 {
        Stored::Conversation(conversation) if !conversation.is_upgraded() => {
            let upgraded = kernel::apply_upgrades(conversation, access.now());
            match upgraded.map_err(|rejected| failed(id, rejected.cause))?.progress {
                Progress::Waits(conversation) => Ok(Stored::Conversation(conversation)),
                ended @ Progress::Ended(_) => {
                    let ended = access.core.persistence.encode(&ended, Some(record.lineage()));
                    Ok(decode_record(&ended.map_err(|kind| access.error(kind))?.0)?.0)
                }
            }
        }
        stored => Ok(stored),
    }
}

/// What a record holds, as it is.
fn decode_record(record: &Record) -> Result<(Stored, RecordStatus), Error> {
    record.decode_with_status().map_err(|reason| {
        if let Reason::SupersededInMemory(_) = reason {
            tracing::debug!(conversation = %record.id(), "an older state is not served");
        }
        Error::new(record.id(), ErrorKind::Unreadable(reason))
    })
}

/// Wakes a conversation that an earlier process has saved.
fn wake(access: &mut Access<'_>, conversation: Conversation, now: Timestamp) -> Result<Conversation, Error> {
    if access.is_awake() {
        return Ok(conversation);
    }
    kernel::wakeup(conversation, now).map_err(|rejected| failed(access.id(), rejected.cause))
}

fn tree(conversation: &Conversation, now: Timestamp) -> Result<RenderedInstance, Error> {
    kernel::render(conversation, now).map_err(|cause| failed(conversation.id(), cause))
}

// ---- Errors -------------------------------------------------------------------------------------------------------

fn reply_to(id: ConversationId, cause: Cause) -> Result<Reply, Error> {
    match cause {
        Cause::Repeated => Ok(Reply::Repeated),
        Cause::Stale => Ok(Reply::Stale),
        Cause::Refused(refusal) => Ok(Reply::Refused { reason: refusal.to_string() }),
        cause @ (Cause::WrongType { .. } | Cause::Failed { .. }) => Err(failed(id, cause)),
    }
}

fn failed(id: ConversationId, cause: Cause) -> Error {
    let (component, instance, failure) = match cause {
        Cause::Failed { component, instance, failure } => {
            tracing::warn!(conversation = %id, %instance, component, "author code failed");
            (component, Some(instance), failure)
        }
        Cause::WrongType { component } => {
            (component, None, Failure::message("it does not answer with a value of this type"))
        }
        Cause::Refused(refusal) => ("?", None, Failure::Refused(refusal)),
        Cause::Repeated | Cause::Stale => ("?", None, Failure::message("the question is not open any more")),
    };
    Error::new(id, ErrorKind::Failed { component: component.to_owned(), instance, failure })
}
