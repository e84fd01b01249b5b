//! Conversations in unit tests: without a store, a runtime or tokio, and with a clock that the test sets.
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
use crate::component::{Answer, AnyComponent, Component};
use crate::kernel::conversation::{Conversation, Instance};
use crate::kernel::{self, Cause, Input, Outcome, Progress};
use crate::model::id::ConversationId;
use crate::model::timestamp::Timestamp;
use crate::model::view::{Event, View};
use crate::record::{Lineage, Reason, Record, RevisionNonce, Stored};

/// A conversation without a runtime. Methods panic with a message where a test would fail anyway.
#[derive(Debug)]
pub struct TestConversation {
    now: Timestamp,
    phase: Progress,
    /// The record of the present state. After a failed event, the state is decoded from it again.
    record: Record,
}

/// The default start time of a test conversation: the beginning of 2026.
pub const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

impl TestConversation {
    /// Starts a conversation at [`START`] and runs it to its first question.
    ///
    /// # Panics
    ///
    /// Two components have one name on disk, author code fails, or the state cannot be saved.
    #[track_caller]
    pub fn start(root: impl Component) -> Self {
        Self::start_at(root, START)
    }

    /// Starts a conversation at this time and runs it to its first question.
    ///
    /// # Panics
    ///
    /// Two components have one name on disk, author code fails, or the state cannot be saved.
    #[track_caller]
    pub fn start_at(root: impl Component, now: Timestamp) -> Self {
        Self::begin(Box::new(root), now)
    }

    /// Compiled once, and not for each component.
    #[track_caller]
    fn begin(root: Box<dyn AnyComponent>, now: Timestamp) -> Self {
        if let Err(twice) = registry::check() {
            panic!("{twice}");
        }
        let id = ConversationId::from_bits([0; 16]);
        let outcome = kernel::start(id, root, None, now).unwrap_or_else(|rejected| fail(&rejected.cause));
        let (phase, record) = commit(outcome, Lineage::first(RevisionNonce::ZERO));
        Self { now, phase, record }
    }

    /// Loads a saved record, which an earlier version of the program may have written: what a release does.
    ///
    /// # Errors
    ///
    /// The reason why this program cannot read the record.
    ///
    /// # Panics
    ///
    /// The conversation has ended, or a migration hands it to another flow whose start fails.
    #[track_caller]
    pub fn load(bytes: &[u8]) -> Result<Self, Reason> {
        let record = Record::parse(bytes.to_vec())?;
        let now = record.header().touched;
        let Stored::Conversation(conversation) = record.decode()? else { panic!("the conversation has ended") };
        let upgraded = kernel::apply_upgrades(conversation, now).unwrap_or_else(|rejected| fail(&rejected.cause));
        Ok(Self { now, phase: upgraded.progress, record })
    }

    /// The component on top of the root slot, if it is a `C` and the conversation is running.
    pub fn waiting_for<C: Component>(&self) -> Option<&C> {
        self.front()?.get()
    }

    /// The instance on top of the root slot; `None` if the conversation has ended.
    pub fn front(&self) -> Option<&Instance> {
        match &self.phase {
            Progress::Waits(conversation) => Some(conversation.front()),
            Progress::Ended(_) => None,
        }
    }

    /// The conversation; `None` if it has ended.
    pub fn conversation(&self) -> Option<&Conversation> {
        match &self.phase {
            Progress::Waits(conversation) => Some(conversation),
            Progress::Ended(_) => None,
        }
    }

    /// The view of the instance on top of the root slot.
    ///
    /// # Panics
    ///
    /// The conversation has ended, or `render` panics.
    #[track_caller]
    pub fn view(&self) -> View {
        let conversation = self.going_on();
        kernel::view(conversation, conversation.front(), self.now).unwrap_or_else(|cause| fail(&cause))
    }

    /// Answers in place of the component on top of the root slot.
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

    /// Sends an event to the component on top of the root slot.
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

    /// Sends an event to the component on top of the root slot. If it is refused or fails, the conversation stays as it
    /// was.
    ///
    /// # Errors
    ///
    /// The reason why nothing changed.
    ///
    /// # Panics
    ///
    /// The conversation has ended, or the new state cannot be saved.
    #[track_caller]
    pub fn try_send(&mut self, event: Event) -> Result<(), Cause> {
        let turn = self.going_on().front().turn();
        self.apply(Input::event(turn, event))
    }

    /// Replaces the conversation by the one decoded from its record: what a restart of the program does.
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
    /// The conversation is running, ended without a result, or its result is not a `T`.
    #[track_caller]
    pub fn result<T: Answer>(self) -> T {
        let asked = std::any::type_name::<T>();
        match self.phase {
            Progress::Waits(conversation) => {
                panic!("the conversation is running and waits for `{}`", conversation.front().name())
            }
            Progress::Ended(ended) => ended.result().unwrap_or_else(|| panic!("the result is not a `{asked}`")),
        }
    }

    /// Whether the conversation has ended.
    pub fn has_ended(&self) -> bool {
        matches!(self.phase, Progress::Ended(_))
    }

    /// The time of the next event.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Advances the clock.
    pub fn advance(&mut self, duration: Duration) {
        self.now = self.now.after(duration);
    }

    /// Sets the clock, forward or back.
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
    /// The reason why nothing changed.
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
