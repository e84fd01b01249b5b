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
//! - A front shows a [`View`] and turns input into an [`Event`]: `terminal` (a feature) is one, and [`front`] has the
//!   parts of which another is made.
//! - [`operate`] inspects, edits, copies and moves the conversations in a store.
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
// Only the modules that are made for it reach outside of the program. Tests may.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

// The macros write `::stube` paths, here too.
extern crate self as stube;

mod model;

mod json;

pub mod schema;

pub mod component;

#[doc(hidden)]
pub mod flow;

pub mod kernel;

pub mod evolution;

pub mod record;

pub mod store;

pub mod runtime;

pub mod operate;

pub mod front;

pub mod testing;

pub use stube_macros::{component, flow};

pub use component::prompts::{Choose, ChooseOrCancel, Confirm, Info, Prompt, PromptOrCancel};
pub use component::{Component, Context, Handled, Next, Resume, Slots};
pub use evolution::diagram::diagram;
pub use evolution::manifest::manifest;
pub use flow::Boxed;
#[cfg(feature = "cli")]
pub use front::cli;
#[cfg(feature = "terminal")]
pub use front::terminal;
pub use kernel::AnswerKey;
pub use model::error::{BoxError, Failure};
pub use model::id::{ConversationId, InstanceId, InvalidId, InvalidOwner, Owner, Turn};
pub use model::timestamp::Timestamp;
pub use model::view;
pub use model::view::{Action, Event, Form, Input, InputKind, Refusal, Value, View};
pub use runtime::Runtime;
pub use runtime::error::{Error, ErrorKind};
#[cfg(unix)]
pub use store::file::FileStore;
#[cfg(feature = "postgres")]
pub use store::postgres::PostgresStore;
#[cfg(feature = "sqlite")]
pub use store::sqlite::SqliteStore;
pub use store::{MemoryStore, Store};

/// What the code that the macros write names. Not for anybody else; it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use stube_macros::{ConfiguredFlow, embed_lock, omitted};
    pub use {inventory, serde, serde_json, typetag};

    pub use crate::component::saved_state::{MigrationFn, SavedState, deserialize_state as earlier};
    pub use crate::component::{AnyAnswer, ComponentDescriptor, Kind};
    pub use crate::flow::iterate::lend::{
        Steps, again, chain, enumerate, flatten, lent, place, scan, skip, skip_while, step_by, take, take_while, zip,
    };
    pub use crate::flow::iterate::{iterate, normalize, normalize as settle};
    pub use crate::schema::probed;

    pub use crate::component::{AwaitSite, Migrated, StateDescriptor};
    pub use crate::flow::{
        AwaitPoint, CopiedOut, DefaultOf, Description, Enter, Flow, Gone, Layout, Local, Machine, Out, Plain,
        ReadLocals, Returns, Savable, Saved, State, States, Step, TakenOut, Undescribed, borrowed, broken, constant,
        describe, hand_to, kept, machine, migrate, number, probe_states, retire, step,
    };
    use crate::model::error::Failure;

    pub fn no_resume(key: &str) -> Failure {
        Failure::message(format!("no resume function is called `{key}`"))
    }

    /// # Panics
    ///
    /// Another type has this name on disk too.
    pub fn assert_alone(name: &str) {
        if let Err(places) = crate::component::registry::check_name(name) {
            panic!("{places}");
        }
    }

    pub const TRANSIENT: &str = "a transient component is never saved";
}

/// Defines a test that compares the schema lock file with the code, and embeds the file in the program. See
/// [`lock`](mod@crate::evolution::lock).
///
/// Write it once in a program, at the top level of a module. The file is `flows.lock` in the folder of the crate, or the
/// path that the argument gives relative to that folder: `flows_lock!("locks/flows.lock")`.
#[macro_export]
macro_rules! flows_lock {
    () => {
        $crate::flows_lock!("flows.lock");
    };
    ($path:literal) => {
        const _: () = {
            $crate::__private::inventory::submit! { $crate::evolution::lock::Embedded($crate::__private::embed_lock!($path)) }
        };

        #[cfg(test)]
        #[test]
        fn flows_lock() {
            $crate::evolution::lock::check_file(concat!(env!("CARGO_MANIFEST_DIR"), "/", $path));
        }
    };
}
