//! [`Failure`]: the error that author code returns to the kernel. For the errors of the runtime see
//! [`runtime::error`](crate::runtime::error).
//!
//! No error text repeats an answer or a part of a saved state.

use std::fmt;

use crate::model::view::Refusal;

/// An error of any type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Why author code did not handle an event. The conversation stays as it was.
///
/// The operator `?` converts a [`Refusal`] to [`Failure::Refused`], and any other error to [`Failure::Failed`].
#[derive(Debug)]
pub enum Failure {
    /// The input is not valid. The reason is shown to the person, and the question stays open.
    Refused(Refusal),
    /// The code returned an error.
    Failed(BoxError),
    /// The code panicked with this message.
    Panicked(String),
}

impl Failure {
    /// Refuses the input with this reason, which is shown to the person.
    pub fn refuse(reason: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(reason))
    }

    /// A [`Failure::Failed`] with this message.
    pub fn message(message: impl Into<String>) -> Self {
        Self::Failed(message.into().into())
    }

    pub(crate) fn bug(message: impl fmt::Display) -> Self {
        Self::message(format!("BUG: {message}"))
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let error: BoxError = Box::new(error);
        match error.downcast() {
            Ok(refusal) => Self::Refused(*refusal),
            Err(error) => Self::Failed(error),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Failed(error) => error.fmt(f),
            Self::Panicked(message) => write!(f, "it panicked: {message}"),
        }
    }
}
