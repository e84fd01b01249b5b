//! What nobody comes back to is ended, and what has ended is deleted when its time is over.

use std::time::Duration;

use crate::model::id::ConversationId;
use crate::model::timestamp::Timestamp;
use crate::record::Stored;
use crate::runtime::error::{Error, ErrorKind};
use crate::runtime::{Retention, Runtime, stop};
use crate::store::{Query, Summary};

/// How many conversations the reaper looks at in one page.
const REAPED_AT_ONCE: usize = 1_024;

impl Runtime {
    /// Ends the conversations that nobody has changed for `idle`, and deletes the ended ones whose time is over. Gives
    /// the ids of those that are gone. One that is answered meanwhile, here or by another process, is left alone.
    ///
    /// How old a record is says the clock of the [store](crate::Store::idle), if it has one: then the clocks of the processes
    /// do not matter. Otherwise the clock of this process does. If that is the system's and is set while the program
    /// runs, nothing is deleted because of that: what this process has saved never looks older to it than it is. Of what
    /// an earlier process has saved it believes the clock at which it began.
    ///
    /// # Errors
    ///
    /// The runtime is shutting down, or the store cannot be read. A conversation that the store did not delete is left
    /// for the next time.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn reap(&self, idle: Duration) -> Result<Vec<ConversationId>, Error> {
        self.accepting()?;
        let mut gone = Vec::new();
        self.reap_those(&Query::all().ended(false), idle, &mut gone).await?;
        let kept = match self.inner.retention {
            Retention::AtOnce => Duration::ZERO,
            Retention::For(time) => time,
            Retention::UntilForgotten => return Ok(gone),
        };
        self.reap_those(&Query::all().ended(true), kept, &mut gone).await?;
        Ok(gone)
    }

    /// Of what matches, those that have not been changed for `age`.
    async fn reap_those(&self, query: &Query, age: Duration, gone: &mut Vec<ConversationId>) -> Result<(), Error> {
        let mut after = None;
        loop {
            let page = self.inner.store.older_than(query, age, after, REAPED_AT_ONCE).await;
            let (page, by_clock) = match page.map_err(|error| Error::general(ErrorKind::Store(error)))? {
                Some(page) => (page, None),
                None => {
                    let now = self.inner.time.believed();
                    let Some(last) = last_change(age, now) else { return Ok(()) };
                    // So that a store which can find the old ones need not tell of all.
                    let old = query.clone().touched_before(last.after(Duration::from_millis(1)));
                    (self.list(&old, after, REAPED_AT_ONCE).await?, Some(now))
                }
            };
            for summary in &page {
                if by_clock.is_none_or(|now| is_over(summary, age, now)) && self.reap_one(summary).await {
                    gone.push(summary.id);
                }
            }
            match page.last() {
                Some(last) if page.len() == REAPED_AT_ONCE => after = Some(last.id),
                Some(_) | None => return Ok(()),
            }
        }
    }

    /// Deletes a conversation if it is still the one that was found to be over.
    async fn reap_one(&self, found: &Summary) -> bool {
        let id = found.id;
        let Ok(_lock) = self.enter(id).await else { return false };
        let Ok(record) = self.load(id).await else { return false };
        if self.memory_only().contains_key(&id) || record.revision() != found.revision {
            return false;
        }
        match self.decode(&record) {
            Ok(Stored::Conversation(conversation)) => drop(stop(id, conversation, self.now())),
            Ok(Stored::Ended(_)) => {}
            // It is not this program's to remove.
            Err(_) => return false,
        }
        // The store compares the revision once more: another process may have been faster.
        match self.delete(id, record.revision()).await {
            Ok(()) => {
                tracing::info!(conversation = %id, "reaped");
                true
            }
            Err(error) => {
                tracing::warn!(conversation = %id, %error, "could not reap");
                false
            }
        }
    }
}

/// When what is that old was last changed, to the millisecond or a little later; `None` if there was no such time.
fn last_change(age: Duration, now: Timestamp) -> Option<Timestamp> {
    let age = u64::try_from(age.as_millis()).ok()?;
    now.as_millis().checked_sub(age).map(Timestamp::from_millis)
}

/// Whether a record is that old, by the clock of this process.
fn is_over(summary: &Summary, age: Duration, now: Timestamp) -> bool {
    let is = now.since(summary.touched);
    // What goes on in this very moment is not idle, and a clock that was set back shows everything in its future.
    is >= age && (summary.has_ended() || is > Duration::ZERO)
}
