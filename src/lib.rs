//! Conversations that survive.
//!
//! A dialogue of many steps (a wizard, an approval, a booking, a chat) is one ordinary `async fn` under [`#[flow]`](flow).
//! At each `.await` it waits for a person, and there it can be saved: the program may be killed at any instant, and goes
//! on at the same question, in another process, days later.
//!
//! ```
//! use stube::{Choose, Confirm, Prompt, flow};
//!
//! #[flow]
//! async fn order() -> Option<String> {
//!     let size = Choose::new("Which size?", ["small", "large"]).await;
//!     let name = Prompt::new("For whom?").await;
//!     let sure = Confirm::new(format!("A {size} coffee for {name}?")).await;
//!     sure.then(|| format!("{size} coffee for {name}"))
//! }
//!
//! // In a test, without a store or an executor:
//! use stube::testing::TestConversation;
//!
//! let mut order = TestConversation::start(order());
//! order.answer::<Choose>("large".into());
//! order.reload(); // through the saved bytes and back: what a restart does
//! order.answer::<Prompt>("Ada".into());
//! order.answer::<Confirm>(true);
//! assert_eq!(order.result::<Option<String>>(), Some("large coffee for Ada".to_owned()));
//! ```
//!
//! # The parts
//!
//! - What a flow awaits is a [`Component`]: a serde value with an `Answer`, which says what it shows. `order()` is one
//!   too, so flows await flows. See [`component`](mod@component).
//! - A [`Runtime`] holds conversations over a [`Store`]: it saves, and then it speaks.
//! - A front shows a [`View`] and turns input into an [`Event`]: `terminal` (a feature) is one.
//! - [`testing`] runs conversations in unit tests.
//!
//! # Features
//!
//! | Feature | Adds |
//! |---|---|
//! | `terminal` | the front for a terminal |
//! | `cli` | the command for operators, with the flows of an application or without |
//! | `sqlite` | the store for load: one SQLite file, also for several processes |
//! | `postgres` | the store for many processes: one Postgres database |
//! | `seal` | encryption of what a store keeps, over any of them |
//! | `store-contract` | what a [`Store`] promises, as a suite for a store of one's own |
//!
//! None is on by default.

#![warn(clippy::print_stdout)]

// The macros write `::stube` paths, here too.
extern crate self as stube;

pub mod error;
pub mod view;

mod id;
mod timestamp;

#[cfg(feature = "cli")]
pub mod cli;
pub mod component;
pub mod conversation;
mod entries;
mod exact;
mod fit;
#[doc(hidden)]
pub mod flow;
mod iterate;
pub mod kernel;
pub mod lock;
pub mod manifest;
pub mod migration;
pub mod record;
pub mod registry;
pub mod runtime;
pub mod shape;
pub mod store;
#[cfg(feature = "terminal")]
pub mod terminal;
pub mod testing;
mod texts;

mod questions;

pub use stube_macros::{component, flow};

pub use component::{Component, Context, Handled, Next, Resume, Slots};
pub use error::{Error, ErrorKind, Failure};
pub use flow::Boxed;
pub use id::{ConversationId, InstanceId, InvalidId, InvalidOwner, Owner, Turn};
pub use manifest::{diagram, manifest};
pub use questions::{Choose, ChooseOrCancel, Confirm, Info, Prompt, PromptOrCancel};
pub use runtime::Runtime;
#[cfg(unix)]
pub use store::file::FileStore;
#[cfg(feature = "postgres")]
pub use store::postgres::PostgresStore;
#[cfg(feature = "sqlite")]
pub use store::sqlite::SqliteStore;
pub use store::{MemoryStore, Store};
pub use timestamp::Timestamp;
pub use view::{Action, Event, Form, Input, InputKind, Refusal, Value, View};

/// What the code that the macros write names. Not for anybody else; it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use stube_macros::embed_lock;
    pub use {inventory, serde, serde_json, typetag};

    pub use crate::component::{AnyAnswer, Kind, Registration};
    pub use crate::iterate::lend::{
        Steps, again, chain, enumerate, flatten, lent, place, scan, skip, skip_while, step_by, take, take_while, zip,
    };
    pub use crate::iterate::{iterate, settle};
    pub use crate::migration::{Earlier, MigrationFn, earlier};
    pub use crate::shape::probed;

    pub use crate::component::{Described, Migrated, Site};
    use crate::error::Failure;
    pub use crate::flow::{
        AwaitPoint, CopiedOut, DefaultOf, Description, Enter, Flow, Gone, Machine, Out, Plain, Returns, Savable, State,
        States, Step, TakenOut, Undescribed, borrowed, broken, describe, hand_to, kept, machine, migrate, number,
        probe_states, retire, step,
    };

    pub fn no_resume(key: &str) -> Failure {
        Failure::message(format!("no resume function is called `{key}`"))
    }

    /// # Panics
    ///
    /// Another type has this name on disk too.
    pub fn assert_alone(name: &str) {
        if let Err(places) = crate::registry::check_name(name) {
            panic!("{places}");
        }
    }

    pub const TRANSIENT: &str = "a transient component is never saved";
}
