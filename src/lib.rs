//! Conversations that survive.

// The macros write `::stube` paths, here too.
extern crate self as stube;

pub mod error;
pub mod view;

mod id;
mod timestamp;

pub mod component;
pub mod conversation;
#[doc(hidden)]
pub mod flow;
mod iterate;
pub mod kernel;
pub mod record;
pub mod registry;
pub mod store;
pub mod testing;

mod questions;

pub use stube_macros::{component, flow};

pub use component::{Component, Context, Handled, Next, Resume, Slots};
pub use error::{Error, ErrorKind, Failure};
pub use id::{ConversationId, InstanceId, InvalidId, Turn};
pub use questions::{Choose, ChooseOrCancel, Confirm, Info, Prompt, PromptOrCancel};
#[cfg(unix)]
pub use store::file::FileStore;
pub use store::{MemoryStore, Store};
pub use timestamp::Timestamp;
pub use view::{Action, Event, Form, Input, InputKind, Refusal, Value, View};

/// What the code that the macros write names. Not for anybody else; it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use {inventory, serde, typetag};

    pub use crate::component::{AnyAnswer, Kind, Registration};
    pub use crate::iterate::iterate;

    use crate::error::Failure;
    pub use crate::flow::{
        AwaitPoint, Enter, Flow, Machine, Plain, Returns, Savable, State, States, Step, machine, number, savable, step,
    };

    pub fn no_resume(key: &str) -> Failure {
        Failure::message(format!("no resume function is called `{key}`"))
    }

    pub fn transient<E: serde::ser::Error + serde::de::Error>() -> E {
        <E as serde::ser::Error>::custom("a transient component is never saved")
    }
}
