//! Transactions of the host: a change that is planned here, and made durable by the host together with its own rows.
//!
//! [`Runtime::prepare`](crate::runtime::Runtime::prepare) plans a change exactly as `dispatch` does, and saves nothing. The
//! host puts the record into its own transaction, which a store offers, commits, and then says what became of it. From
//! there the change goes the way of every other one.

use crate::kernel::Input;
use crate::kernel::conversation::Conversation;
use crate::model::id::ConversationId;
use crate::record::{Record, Revision};
use crate::runtime::access::Access;
use crate::runtime::change::{After, Change};
use crate::runtime::dispatch::{EndedRecord, Plan, acknowledge, plan};
use crate::runtime::error::{Error, ErrorKind};
use crate::runtime::persistence::{Resolution, Write, compare};
use crate::runtime::reply::Reply;

/// What an event comes to, before anything is saved.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
pub enum Prepared<'a> {
    /// The conversation changes, once the record is committed.
    Commit(PendingCommit<'a>),
    /// Nothing is to be saved: the answer was applied before, is stale, or was refused.
    Reply(Reply),
}

/// A change of one conversation that is not saved yet. No other call in this process can change that conversation as long
/// as this exists. If it is dropped, the runtime does not know whether it was committed, and reads what is stored.
#[must_use = "a change that is not committed is no change"]
pub struct PendingCommit<'a> {
    access: Access<'a>,
    change: Change,
}

impl std::fmt::Debug for PendingCommit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingCommit").field("record", self.record()).field("replaces", &self.replaces()).finish()
    }
}

/// Plans an event for a transaction.
pub(super) async fn prepare<'a>(mut access: Access<'a>, input: Input) -> Result<Prepared<'a>, Error> {
    if let Some(in_memory) = access.in_memory() {
        let conversation = &in_memory.conversation;
        return Err(in_memory_only(conversation));
    }
    let record = access.load().await?;
    match plan(&mut access, &record, &input)? {
        Plan::Reply(reply) => Ok(Prepared::Reply(reply)),
        Plan::Change(change) => PendingCommit::new(access, change).map(Prepared::Commit),
    }
}

impl<'a> PendingCommit<'a> {
    /// # Errors
    ///
    /// The conversation goes on in memory.
    pub(super) fn new(mut access: Access<'a>, change: Change) -> Result<Self, Error> {
        if let After::InMemory(in_memory) = &change.after {
            return Err(in_memory_only(&in_memory.conversation));
        }
        // Until the host says so, nobody knows what is durable.
        access.forget_record();
        Ok(Self { access, change })
    }

    /// The conversation.
    pub fn id(&self) -> ConversationId {
        self.access.id()
    }

    /// The record to be saved.
    pub fn record(&self) -> &Record {
        match &self.change.write {
            Write::Save { record, .. } => record,
            Write::Nothing | Write::Delete { .. } | Write::Discard { .. } => {
                unreachable!("BUG: an event that is not in memory saves a record")
            }
        }
    }

    /// The revision that it takes the place of; `None` if the conversation begins.
    pub fn replaces(&self) -> Option<Revision> {
        match self.change.write {
            Write::Save { replaces, .. } => replaces,
            Write::Nothing | Write::Delete { .. } | Write::Discard { .. } => None,
        }
    }

    /// To be called once the transaction that holds the record has been committed durably. The new state may not be shown
    /// before.
    #[allow(clippy::unused_async, reason = "so that it may wait for something one day")]
    pub async fn committed(self) -> Reply {
        let id = self.id();
        match self.settle(Resolution::Applied) {
            Ok(reply) => reply,
            Err(_) => unreachable!("BUG: a change of {id} that is applied does not fail"),
        }
    }

    /// To be called if it is not known whether the transaction has been committed: reads what is stored.
    ///
    /// # Errors
    ///
    /// It was not committed, another process has changed the conversation, or the store cannot be read. With
    /// [`ErrorKind::Unknown`] another process has changed it since, and the conversation does not tell whether this was
    /// committed before that: a row of the host's that was to come with it does.
    pub async fn resolve(mut self) -> Result<Reply, Error> {
        let stored = self.access.load_uncached().await?;
        let source = "the transaction was not committed, as far as it can be told".into();
        let resolution = compare(self.record(), self.replaces(), stored.as_ref(), source);
        self.settle(resolution)
    }

    fn settle(self, resolution: Resolution) -> Result<Reply, Error> {
        let Self { mut access, change } = self;
        let ended = EndedRecord::of(&change);
        access.settle_as(change, resolution)?;
        Ok(acknowledge(access.id(), ended.map(|ended| ended.discard(&mut access))))
    }
}

fn in_memory_only(conversation: &Conversation) -> Error {
    let component = conversation.transient().unwrap_or("?").to_owned();
    let what = "no transaction reaches it there";
    Error::new(conversation.id(), ErrorKind::InMemoryOnly { component, what })
}
