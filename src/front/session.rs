//! One conversation, as a front uses it: find or start it, show it, send an answer, read the result.
//!
//! A [`Session`] is a cheap handle, so a server holds one for each of its users over one [`Runtime`]. It keeps no
//! state: what it shows is what is saved, and a session that is opened anew after a restart shows the same.
//!
//! ```
//! use stube::front::lines::Dialog;
//! use stube::front::session::{Answered, Screen, Session};
//! use stube::{MemoryStore, Owner, Prompt, Runtime, flow};
//!
//! #[flow]
//! async fn introduce() -> String {
//!     let name = Prompt::new("Who are you?").await;
//!     format!("Hello, {name}!")
//! }
//!
//! /// One request of a line server: the lines that a user has sent since the last one.
//! async fn serve(runtime: &Runtime, user: &Owner, lines: &[&str]) -> Result<String, Box<dyn std::error::Error>> {
//!     let (session, screen) = match Session::find(runtime, Some(user)).await? {
//!         Some((session, _)) => {
//!             let screen = session.screen().await?;
//!             (session, screen)
//!         }
//!         None => Session::start(runtime, Some(user.clone()), introduce()).await?,
//!     };
//!     let Screen::Asks(questions) = screen else { return Ok("It has ended.".into()) };
//!     let mut dialog = Dialog::new(questions);
//!     for line in lines {
//!         if let Some((turn, event)) = dialog.enter(line) {
//!             return Ok(match session.answer(turn, event).await? {
//!                 Answered::Applied => "Next question.".into(),
//!                 Answered::Unchanged(notice) => notice,
//!                 Answered::Ended(result) => result.unwrap_or_default(),
//!             });
//!         }
//!     }
//!     Ok(dialog.take_output())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = Runtime::open(MemoryStore::new())?;
//! let (ada, eve) = (Owner::new("ada")?, Owner::new("eve")?);
//! assert_eq!(serve(&runtime, &ada, &[]).await?, "\nWho are you?: ");
//! assert_eq!(serve(&runtime, &eve, &["Eve"]).await?, "Hello, Eve!");
//! assert_eq!(serve(&runtime, &ada, &["Ada"]).await?, "Hello, Ada!");
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::marker::PhantomData;

use crate::component::Component;
use crate::model::id::{ConversationId, Owner, Turn};
use crate::model::view::{Event, Form, View};
use crate::record;
use crate::runtime::error::Error;
use crate::runtime::{Question, Rendered, Reply, Runtime};
use crate::store::{Query, Summary};

/// A conversation that was started with the component or flow `C`.
pub struct Session<C> {
    runtime: Runtime,
    id: ConversationId,
    root: PhantomData<fn() -> C>,
}

/// The view of a whole conversation.
#[derive(Debug)]
pub enum Screen<A> {
    /// It waits. The views of the instances that a person sees, the outermost first; some of them may ask nothing.
    Asks(Vec<Question>),
    /// It has ended, with this result; `None` if it ended without one.
    Ended(Option<A>),
}

/// The outcome of an answer.
#[derive(Debug)]
pub enum Answered<A> {
    /// It was applied and saved. The conversation shows something else now.
    Applied,
    /// It changed nothing, for this reason, in words for the person. The conversation shows what is open now.
    Unchanged(String),
    /// It ended the conversation, with this result; `None` if it ended without one.
    Ended(Option<A>),
}

/// Why a session could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The runtime failed. What was acknowledged is stored.
    #[error(transparent)]
    Runtime(#[from] Error),
    /// The conversation ended with a result of another type: an earlier version of this program saved it.
    #[error("conversation {0}: its result does not fit this program")]
    Result(ConversationId),
}

impl SessionError {
    /// The view for the person. It omits the reason, which is for the log.
    pub fn view(&self) -> View {
        match self {
            Self::Runtime(error) => error.view(),
            Self::Result(_) => Form::text("This conversation has ended. Its result cannot be shown.").into(),
        }
    }
}

impl<C: Component> Session<C> {
    /// Starts a conversation, for this owner if one is given, and shows it.
    ///
    /// # Errors
    ///
    /// See [`Runtime::start`]: there is no conversation. See [`Runtime::render`]: it has been started.
    pub async fn start(
        runtime: &Runtime,
        owner: Option<Owner>,
        root: C,
    ) -> Result<(Self, Screen<C::Answer>), SessionError> {
        let started = match owner {
            Some(owner) => runtime.start_for(owner, root).await?,
            None => runtime.start(root).await?,
        };
        let session = Self::open(runtime, started.id);
        let screen = match started.result {
            Some(result) => Screen::Ended(session.ended(&result)?),
            None => session.screen().await?,
        };
        Ok((session, screen))
    }

    /// The conversation that was started with a `C` and changed last, of this owner if one is given, and its summary.
    /// One that has ended and is still stored is found too, so that its result can be shown after a crash. A
    /// conversation that an earlier version started under another name of `C` is found.
    ///
    /// # Errors
    ///
    /// The store could not be read.
    pub async fn find(runtime: &Runtime, owner: Option<&Owner>) -> Result<Option<(Self, Summary)>, SessionError> {
        let mut last: Option<Summary> = None;
        for name in C::DESCRIPTOR.was.iter().chain([&C::DESCRIPTOR.name]) {
            let mut query = Query::all().flow(*name);
            query.owner = owner.cloned();
            let mut after = None;
            loop {
                let page = runtime.list(&query, after, PAGE).await?;
                let Some(end) = page.last() else { break };
                after = Some(end.id);
                last = last.into_iter().chain(page).max_by_key(|found| found.touched);
            }
        }
        Ok(last.map(|summary| (Self::open(runtime, summary.id), summary)))
    }

    /// The session of a conversation whose id is known, for instance from a link. Reads nothing.
    pub fn open(runtime: &Runtime, id: ConversationId) -> Self {
        Self { runtime: runtime.clone(), id, root: PhantomData }
    }

    /// The conversation.
    pub fn id(&self) -> ConversationId {
        self.id
    }

    /// Renders the conversation.
    ///
    /// # Errors
    ///
    /// See [`Runtime::render`]; [`SessionError::Result`] if it has ended with a result that is no `C::Answer`.
    pub async fn screen(&self) -> Result<Screen<C::Answer>, SessionError> {
        match self.runtime.render(self.id).await? {
            Rendered::Ended(result) => self.ended(&result).map(Screen::Ended),
            open @ Rendered::Open(_) => Ok(Screen::Asks(open.waiting().unwrap_or_default())),
        }
    }

    /// Sends an event to the question of this turn.
    ///
    /// # Errors
    ///
    /// See [`Runtime::dispatch`]; [`SessionError::Result`] cannot occur, because this program has made the result.
    pub async fn answer(&self, turn: Turn, event: Event) -> Result<Answered<C::Answer>, SessionError> {
        match self.runtime.dispatch(self.id, turn, event).await? {
            Reply::Applied => Ok(Answered::Applied),
            Reply::Ended { result } => self.ended(&result).map(Answered::Ended),
            Reply::Refused { reason } => Ok(Answered::Unchanged(refused(&reason))),
            Reply::Stale | Reply::Repeated => Ok(Answered::Unchanged(ANSWERED_BEFORE.to_owned())),
        }
    }

    /// Deletes the conversation after it has ended and its result has been shown. If there is none, that is fine.
    ///
    /// # Errors
    ///
    /// See [`Runtime::forget`].
    pub async fn forget(&self) -> Result<(), SessionError> {
        Ok(self.runtime.forget(self.id).await?)
    }

    fn ended(&self, result: &str) -> Result<Option<C::Answer>, SessionError> {
        // Without a result the record has `null`, which may be a result too: of `()` or of an `Option`.
        match record::result::<C::Answer>(result) {
            Ok(answer) => Ok(Some(answer)),
            Err(_) if result == "null" => Ok(None),
            Err(_) => Err(SessionError::Result(self.id)),
        }
    }
}

impl<C> Clone for Session<C> {
    fn clone(&self) -> Self {
        Self { runtime: self.runtime.clone(), id: self.id, root: PhantomData }
    }
}

impl<C> fmt::Debug for Session<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The number of conversations in one page of a search.
const PAGE: usize = 1_000;

// ---- Words for persons --------------------------------------------------------------------------------------------

/// The notice after an answer to a question that is no longer open.
const ANSWERED_BEFORE: &str = "That question was answered already.";

/// The notice after an input that was refused for this reason.
pub(crate) fn refused(reason: &str) -> String {
    format!("That does not fit: {reason}.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Retention;
    use crate::{Confirm, MemoryStore, Prompt, Timestamp, flow};

    #[flow(was = "hire")]
    async fn rent(days: u32) -> Option<String> {
        let car = Prompt::new("Which car?").await;
        Confirm::new(format!("The {car} for {days} days?")).await.then_some(car)
    }

    #[flow]
    async fn silent(number: u32) -> u32 {
        if number == 0 { u32::from(Confirm::new("Zero?").await) } else { number }
    }

    fn text(text: &str) -> Event {
        Event::new("ok").with("text", crate::Value::Text(text.to_owned()))
    }

    async fn turn<C: Component>(session: &Session<C>) -> Turn {
        match session.screen().await.unwrap() {
            Screen::Asks(questions) => questions[0].turn,
            Screen::Ended(_) => panic!("it has ended"),
        }
    }

    #[tokio::test]
    async fn a_session_is_found_by_its_owner_also_after_it_has_ended() {
        let clock = std::sync::atomic::AtomicU64::new(1_000);
        let tick = move || Timestamp::from_millis(clock.fetch_add(1, std::sync::atomic::Ordering::SeqCst));
        let runtime = Runtime::builder().retention(Retention::UntilForgotten).clock(tick);
        let runtime = runtime.open(MemoryStore::new()).unwrap();
        let [ada, eve] = ["ada", "eve"].map(|name| Owner::new(name).unwrap());
        let found = async |owner: Option<&Owner>| {
            let found = Session::<RentFlow>::find(&runtime, owner).await.unwrap();
            found.map(|(session, summary)| {
                assert_eq!(session.id(), summary.id);
                session
            })
        };
        assert!(found(None).await.is_none());
        let (first, _) = Session::start(&runtime, Some(ada.clone()), rent(1)).await.unwrap();
        let (second, _) = Session::start(&runtime, Some(ada.clone()), rent(2)).await.unwrap();
        let (other, _) = Session::start(&runtime, Some(eve.clone()), rent(3)).await.unwrap();
        Session::start(&runtime, Some(eve.clone()), silent(0)).await.unwrap();
        assert_eq!(found(Some(&ada)).await.unwrap().id(), second.id());
        assert_eq!(found(None).await.unwrap().id(), other.id());
        assert!(matches!(first.answer(turn(&first).await, text("red")).await.unwrap(), Answered::Applied));
        let found_first = found(Some(&ada)).await.unwrap();
        assert_eq!(found_first.id(), first.id(), "it changed last");
        let answered = first.answer(turn(&first).await, Event::new("yes")).await.unwrap();
        assert!(matches!(answered, Answered::Ended(Some(Some(car))) if car == "red"));
        let screen = found(Some(&ada)).await.unwrap().screen().await.unwrap();
        assert!(matches!(screen, Screen::Ended(Some(Some(car))) if car == "red"));
        first.forget().await.unwrap();
        first.forget().await.unwrap();
        assert_eq!(found(Some(&ada)).await.unwrap().id(), second.id());
        let error = first.screen().await.unwrap_err();
        assert!(matches!(error, SessionError::Runtime(_)), "{error}");
    }

    #[tokio::test]
    async fn an_answer_that_changes_nothing_is_told_in_words() {
        let runtime = Runtime::in_memory().unwrap();
        let (session, screen) = Session::start(&runtime, None, rent(1)).await.unwrap();
        let Screen::Asks(questions) = screen else { panic!("it asks") };
        let unchanged = async |turn, event| match session.answer(turn, event).await.unwrap() {
            Answered::Unchanged(notice) => notice,
            other => panic!("{other:?}"),
        };
        assert_eq!(unchanged(questions[0].turn, Event::new("ok")).await, "That does not fit: please type something.");
        assert!(matches!(session.answer(questions[0].turn, text("red")).await.unwrap(), Answered::Applied));
        // Sent twice, and sent too late.
        assert_eq!(unchanged(questions[0].turn, text("red")).await, ANSWERED_BEFORE);
        assert_eq!(unchanged(questions[0].turn, text("blue")).await, ANSWERED_BEFORE);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_users_talk_at_once_over_one_runtime() {
        use crate::front::lines::Dialog;

        let runtime = Runtime::in_memory().unwrap();
        let talk = |user: u32| {
            let runtime = runtime.clone();
            tokio::spawn(async move {
                let owner = Owner::new(format!("user-{user}")).unwrap();
                Session::start(&runtime, Some(owner.clone()), rent(user)).await.unwrap();
                for line in ["", &format!("car {user}"), "perhaps", "y"] {
                    // As after a restart: nothing is kept from one line to the next.
                    let (session, _) = Session::<RentFlow>::find(&runtime, Some(&owner)).await.unwrap().unwrap();
                    let Screen::Asks(questions) = session.screen().await.unwrap() else { panic!("it asks") };
                    let mut dialog = Dialog::new(questions);
                    let Some((turn, event)) = dialog.enter(line) else { continue };
                    if let Answered::Ended(result) = session.answer(turn, event).await.unwrap() {
                        return result.flatten();
                    }
                }
                panic!("it goes on")
            })
        };
        let talks: Vec<_> = (0..64).map(talk).collect();
        for (user, talk) in talks.into_iter().enumerate() {
            assert_eq!(talk.await.unwrap(), Some(format!("car {user}")));
        }
    }

    #[tokio::test]
    async fn a_conversation_that_ends_at_once_shows_its_result() {
        let runtime = Runtime::in_memory().unwrap();
        let (session, screen) = Session::start(&runtime, None, silent(7)).await.unwrap();
        assert!(matches!(screen, Screen::Ended(Some(7))), "{screen:?}");
        assert!(session.screen().await.is_err(), "it is deleted at once");
    }

    #[tokio::test]
    async fn a_result_of_another_type_is_an_error_and_no_result() {
        let runtime = Runtime::builder().retention(Retention::UntilForgotten).open(MemoryStore::new()).unwrap();
        let (session, _) = Session::start(&runtime, None, silent(7)).await.unwrap();
        let other = Session::<RentFlow>::open(&runtime, session.id());
        let error = other.screen().await.unwrap_err();
        assert!(matches!(error, SessionError::Result(id) if id == session.id()), "{error}");
        let text = error.to_string().replace(&session.id().to_string(), "");
        assert!(!text.contains('7'), "the value stands in {text}");
        assert_eq!(error.view().form().unwrap().text, ["This conversation has ended. Its result cannot be shown."]);
    }
}
