//! Conversations in unit tests: no server, no store, no tokio, and a clock that the test sets.
//!
//! ```
//! use stube::{Confirm, Prompt, flow, testing::TestConversation};
//!
//! #[flow]
//! async fn greet() -> String {
//!     let name = Prompt::new("Who are you?").await;
//!     if Confirm::new(format!("Are you really {name}?")).await { format!("Hello, {name}!") } else { "Hm.".into() }
//! }
//!
//! let mut greeting = TestConversation::start(greet());
//! greeting.answer::<Prompt>("Ada".into());
//! greeting.reload(); // what a restart does
//! assert!(greeting.waiting_for::<Confirm>().is_some());
//! greeting.answer::<Confirm>(true);
//! assert_eq!(greeting.result::<String>(), "Hello, Ada!");
//! ```

use std::time::Duration;

use crate::component::registry;
use crate::component::{Answer, Component};
use crate::kernel::conversation::{Conversation, Instance};
use crate::kernel::{self, Cause, Input, Outcome, Progress};
use crate::model::id::ConversationId;
use crate::model::timestamp::Timestamp;
use crate::model::view::{Event, View};
use crate::record::{Lineage, Reason, Record, RevisionNonce, Stored};

/// A conversation without a runtime. Every method panics with a clear message where a test would fail anyway.
#[derive(Debug)]
pub struct TestConversation {
    now: Timestamp,
    phase: Progress,
    /// The last state that was saved, and where a failed event goes back to.
    record: Record,
}

/// The time at which every test conversation starts, unless set: the beginning of 2026.
pub const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

impl TestConversation {
    /// Starts a conversation and runs it to its first question.
    ///
    /// # Panics
    ///
    /// Two components have one name on disk, author code fails, or the state cannot be saved.
    #[track_caller]
    pub fn start(root: impl Component) -> Self {
        Self::start_at(root, START)
    }

    /// The same, at this time.
    ///
    /// # Panics
    ///
    /// Two components have one name on disk, author code fails, or the state cannot be saved.
    #[track_caller]
    pub fn start_at(root: impl Component, now: Timestamp) -> Self {
        if let Err(twice) = registry::check() {
            panic!("{twice}");
        }
        let id = ConversationId::from_bits([0; 16]);
        let outcome = kernel::start(id, Box::new(root), None, now).unwrap_or_else(|rejected| fail(&rejected.cause));
        let (phase, record) = commit(outcome, Lineage::first(RevisionNonce::ZERO));
        Self { now, phase, record }
    }

    /// Goes on with a saved record, perhaps of an earlier version: what a restart of a new version does.
    ///
    /// # Errors
    ///
    /// Why the record is left alone.
    ///
    /// # Panics
    ///
    /// The conversation has ended, or author code fails where a flow that is handed to begins.
    #[track_caller]
    pub fn load(bytes: &[u8]) -> Result<Self, Reason> {
        let record = Record::parse(bytes.to_vec())?;
        let now = record.header().touched;
        let Stored::Conversation(conversation) = record.decode()? else { panic!("the conversation has ended") };
        let settled = kernel::apply_upgrades(conversation, now).unwrap_or_else(|rejected| fail(&rejected.cause));
        let phase = settled.progress;
        Ok(Self { now, phase, record })
    }

    /// The component in front, if it is a `C` and the conversation goes on.
    pub fn waiting_for<C: Component>(&self) -> Option<&C> {
        self.front()?.get()
    }

    /// The instance in front; `None` once the conversation has ended.
    pub fn front(&self) -> Option<&Instance> {
        match &self.phase {
            Progress::Waits(conversation) => Some(conversation.front()),
            Progress::Ended(_) => None,
        }
    }

    /// The conversation; `None` once it has ended.
    pub fn conversation(&self) -> Option<&Conversation> {
        match &self.phase {
            Progress::Waits(conversation) => Some(conversation),
            Progress::Ended(_) => None,
        }
    }

    /// What the component in front shows.
    ///
    /// # Panics
    ///
    /// The conversation has ended, or `render` panics.
    #[track_caller]
    pub fn view(&self) -> View {
        let conversation = self.going_on();
        kernel::view(conversation, conversation.front(), self.now).unwrap_or_else(|cause| fail(&cause))
    }

    /// Answers in place of the component in front.
    ///
    /// # Panics
    ///
    /// The conversation does not wait for a `C`, author code fails, or the new state cannot be saved.
    #[track_caller]
    pub fn answer<C: Component>(&mut self, value: C::Answer)
    where
        C::Answer: Clone,
    {
        let front = self.going_on().front();
        let asked = std::any::type_name::<C>();
        assert!(front.get::<C>().is_some(), "the conversation waits for `{}`, not for a `{asked}`", front.name());
        let turn = front.turn();
        if let Err(cause) = self.apply(Input::answer(turn, value)) {
            fail(&cause);
        }
    }

    /// Sends an event to the component in front.
    ///
    /// # Panics
    ///
    /// The event is refused, author code fails, or the new state cannot be saved.
    #[track_caller]
    pub fn send(&mut self, event: Event) {
        if let Err(cause) = self.try_send(event) {
            fail(&cause);
        }
    }

    /// Sends an event to the component in front. If that is refused or fails, the conversation stays as it was.
    ///
    /// # Errors
    ///
    /// Why nothing changed.
    ///
    /// # Panics
    ///
    /// The conversation has ended, or the new state cannot be saved.
    #[track_caller]
    pub fn try_send(&mut self, event: Event) -> Result<(), Cause> {
        let turn = self.going_on().front().turn();
        self.apply(Input::event(turn, event))
    }

    /// Goes through the saved bytes and back: what a restart of the program does.
    ///
    /// # Panics
    ///
    /// The saved bytes cannot be read.
    #[track_caller]
    pub fn reload(&mut self) {
        if let Progress::Waits(_) = self.phase {
            self.phase = Progress::Waits(decode(&self.record));
        }
    }

    /// The record of the present state, as a store keeps it.
    pub fn bytes(&self) -> &[u8] {
        self.record.bytes()
    }

    /// The record of the present state, as JSON.
    ///
    /// # Panics
    ///
    /// Never: a record is JSON.
    pub fn record(&self) -> serde_json::Value {
        serde_json::from_slice(self.record.bytes()).expect("BUG: a record is JSON")
    }

    /// The result of the conversation.
    ///
    /// # Panics
    ///
    /// The conversation goes on, ended without a result, or the result is not a `T`.
    #[track_caller]
    pub fn result<T: Answer>(self) -> T {
        let asked = std::any::type_name::<T>();
        match self.phase {
            Progress::Waits(conversation) => {
                panic!("the conversation goes on and waits for `{}`", conversation.front().name())
            }
            Progress::Ended(ended) => ended.result().unwrap_or_else(|| panic!("the result is not a `{asked}`")),
        }
    }

    /// Whether the conversation has ended.
    pub fn has_ended(&self) -> bool {
        matches!(self.phase, Progress::Ended(_))
    }

    /// The time that the next event happens at.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Lets this much time pass.
    pub fn advance(&mut self, duration: Duration) {
        self.now = self.now.after(duration);
    }

    /// Sets the clock, back too.
    pub fn set_now(&mut self, now: Timestamp) {
        self.now = now;
    }

    #[track_caller]
    fn going_on(&self) -> &Conversation {
        self.conversation().expect("the conversation has ended")
    }

    /// Applies an input to the conversation. If that is refused or fails, the conversation stays as it was.
    ///
    /// # Errors
    ///
    /// Why nothing changed.
    ///
    /// # Panics
    ///
    /// The conversation has ended, or the new state cannot be saved.
    #[track_caller]
    pub fn apply(&mut self, input: Input) -> Result<(), Cause> {
        let before = std::mem::replace(&mut self.phase, Progress::Waits(decode(&self.record)));
        let Progress::Waits(conversation) = before else { panic!("the conversation has ended") };
        let outcome = kernel::apply(conversation, input, self.now).map_err(|rejected| rejected.cause)?;
        (self.phase, self.record) = commit(outcome, self.record.lineage().next(RevisionNonce::ZERO));
        Ok(())
    }
}

#[track_caller]
fn commit(outcome: Outcome, lineage: Lineage) -> (Progress, Record) {
    let record = Record::encode(&outcome.progress, lineage);
    let record = record.unwrap_or_else(|error| panic!("the conversation cannot be saved: {error}"));
    (outcome.progress, record)
}

#[track_caller]
fn decode(record: &Record) -> Conversation {
    match record.decode() {
        Ok(Stored::Conversation(conversation)) => conversation,
        Ok(Stored::Ended(_)) => panic!("the conversation has ended"),
        Err(reason) => panic!("the saved conversation cannot be read: {reason}"),
    }
}

#[track_caller]
fn fail(cause: &Cause) -> ! {
    match cause {
        Cause::Repeated => panic!("this answer has been given already"),
        Cause::Stale => panic!("the question is no longer open"),
        Cause::Refused(refusal) => panic!("the event was refused: {refusal}"),
        Cause::WrongType { component } => panic!("`{component}` does not answer with a value of this type"),
        Cause::Failed { component, instance, failure } => panic!("`{component}` ({instance}) failed: {failure}"),
    }
}
