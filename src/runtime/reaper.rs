//! The reaper: ends idle conversations, and deletes the records of ended ones that are not kept any longer.

use std::sync::Arc;
use std::time::Duration;

use crate::model::id::ConversationId;
use crate::model::timestamp::Timestamp;
use crate::runtime::access::Core;
use crate::runtime::dispatch::deletion;
use crate::runtime::error::{Error, ErrorKind};
use crate::store::{Page, Query, Summary};

/// How many conversations the reaper looks at in one page.
const PAGE: usize = 1_024;

/// Ends the conversations that were not changed for `idle`, and deletes the ended ones that are not kept any longer.
pub(super) async fn reap(core: &Arc<Core>, idle: Duration) -> Result<Vec<ConversationId>, Error> {
    let mut reaper = Reaper { core, gone: Vec::new() };
    reaper.reap(&Query::all().ended(false), idle).await?;
    if let Some(age) = core.retention.max_age() {
        reaper.reap(&Query::all().ended(true), age).await?;
    }
    Ok(reaper.gone)
}

/// One sweep over the store.
struct Reaper<'a> {
    core: &'a Arc<Core>,
    /// What it has deleted.
    gone: Vec<ConversationId>,
}

/// What may be old enough.
struct Candidates {
    page: Page,
    /// The time of this process, where the store has no clock and has not compared by its own.
    now: Option<Timestamp>,
}

impl Reaper<'_> {
    /// Deletes of what matches what has not been changed for `age`.
    async fn reap(&mut self, query: &Query, age: Duration) -> Result<(), Error> {
        let mut after = None;
        while let Some(Candidates { page, now }) = self.candidates(query, age, after).await? {
            for summary in &page {
                if now.is_none_or(|now| is_over(summary, age, now)) && self.delete(summary).await {
                    self.gone.push(summary.id);
                }
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.id),
                Some(_) | None => break,
            }
        }
        Ok(())
    }

    async fn candidates(
        &self,
        query: &Query,
        age: Duration,
        after: Option<ConversationId>,
    ) -> Result<Option<Candidates>, Error> {
        let store = &self.core.persistence.store;
        let failed = |error| Error::general(ErrorKind::Store(error));
        if let Some(page) = store.older_than(query, age, after, PAGE).await.map_err(failed)? {
            return Ok(Some(Candidates { page, now: None }));
        }
        let now = self.core.clock.guarded_now();
        let Some(last) = last_change(age, now) else { return Ok(None) };
        // So that a store which can find the old ones need not list all.
        let old = query.clone().touched_before(last.after(Duration::from_millis(1)));
        let page = store.list(&old, after, PAGE).await.map_err(failed)?;
        Ok(Some(Candidates { page, now: Some(now) }))
    }

    /// Deletes a conversation if it is still the one that was found to be over. One that goes on in memory is not.
    async fn delete(&self, found: &Summary) -> bool {
        let id = found.id;
        let Ok(mut access) = self.core.enter(id).await else { return false };
        if access.in_memory().is_some() {
            return false;
        }
        let Ok(record) = access.load().await else { return false };
        if record.revision() != found.revision {
            return false;
        }
        // What cannot be decoded is not this program's to remove.
        let Ok(change) = deletion(&mut access, &record) else { return false };
        // The store compares the revision once more: another process may have been faster.
        match access.commit(change).await {
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
    let unchanged = now.since(summary.touched);
    // What changes in this very moment is not idle, and a clock that was set back shows everything in its future.
    unchanged >= age && (summary.has_ended() || unchanged > Duration::ZERO)
}
