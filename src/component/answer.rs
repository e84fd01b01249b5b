//! Answers: the serde values that components give, and one whose type is erased.

use std::any::Any;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Error as _};
use serde::{Deserializer, Serialize};

use crate::model::error::Failure;

/// The type of an answer: any serde value that is `Send`. Implemented for every such type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an answer, because it cannot be saved",
    label = "this has to be saved",
    note = "derive `Serialize` and `Deserialize` for it, and own what it borrows"
)]
pub trait Answer: Serialize + DeserializeOwned + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Answer for T {}

/// An answer with its type erased. The receiver knows the type and downcasts to it.
pub struct AnyAnswer(Box<dyn ErasedAnswer>);

trait ErasedAnswer: erased_serde::Serialize + Any + Send {
    /// Reads another answer of the same type.
    fn read(&self, from: &mut dyn erased_serde::Deserializer<'_>) -> Result<AnyAnswer, erased_serde::Error>;
}

impl<T: Answer> ErasedAnswer for T {
    fn read(&self, from: &mut dyn erased_serde::Deserializer<'_>) -> Result<AnyAnswer, erased_serde::Error> {
        erased_serde::deserialize::<T>(from).map(AnyAnswer::new)
    }
}

/// Deserializes an answer of the type that another answer has.
pub(crate) struct Like<'a>(pub(crate) &'a AnyAnswer);

impl<'de> DeserializeSeed<'de> for Like<'_> {
    type Value = AnyAnswer;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<AnyAnswer, D::Error> {
        self.0.0.read(&mut <dyn erased_serde::Deserializer<'de>>::erase(deserializer)).map_err(D::Error::custom)
    }
}

impl AnyAnswer {
    /// Erases the type of this answer.
    pub fn new(answer: impl Answer) -> Self {
        Self(Box::new(answer))
    }

    /// The answer, if it is a `T`; otherwise the erased answer again.
    pub fn downcast<T: Answer>(self) -> Result<T, Self> {
        if self.is::<T>() {
            let any: Box<dyn Any> = self.0;
            Ok(*any.downcast().expect("BUG: the type was compared one line above"))
        } else {
            Err(self)
        }
    }

    /// Whether the answer is a `T`.
    pub(crate) fn is<T: Answer>(&self) -> bool {
        (&*self.0 as &dyn Any).is::<T>()
    }

    pub(crate) fn erased(&self) -> &dyn erased_serde::Serialize {
        &*self.0
    }

    /// The same for a resume function, where another type is a bug of the caller.
    #[doc(hidden)]
    pub fn expect<T: Answer>(self) -> Result<T, Failure> {
        self.downcast().map_err(|_| Failure::bug(format!("the answer is not a {}", std::any::type_name::<T>())))
    }
}

impl Serialize for AnyAnswer {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        erased_serde::serialize(&*self.0, serializer)
    }
}

/// Omits the value, so that no answer reaches a log.
impl fmt::Debug for AnyAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyAnswer(..)")
    }
}
