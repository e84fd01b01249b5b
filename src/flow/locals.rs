//! Locals of a flow: which types can be kept over an `.await`, and the helpers for parts that are moved out, borrowed
//! again or filled in by a default.
//!
//! Each helper is called by the code that `#[flow]` writes, at the author's own expression, so that a type that does
//! not fit is reported there and with the trait's message.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::component::DefaultValue;

/// The types of locals that can be kept over an await. Implemented for every such type.
pub trait Savable: Serialize + Deserialize<'static> + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + Deserialize<'static> + Send + 'static> Savable for T {}

/// Implemented by [`Await`] for every `T` that can be kept over an await.
#[diagnostic::on_unimplemented(
    message = "`{T}` is used again after an `.await`, so it would have to be saved, and it cannot be",
    label = "this would have to be saved over the `.await`",
    note = "own it and derive `Serialize` and `Deserialize` for its type, or end its use before the `.await`"
)]
pub trait Keeps<T> {
    /// `T` itself. An associated type, so that rustc reports a type that cannot be kept once and without follow-up
    /// errors.
    type Kept;

    /// The same value.
    fn keep(value: T) -> Self::Kept;
}

/// The implementor of [`Keeps`]. If the local's type implemented it, rustc would suggest to borrow the local.
#[derive(Debug)]
pub enum Await {}

#[diagnostic::do_not_recommend]
impl<T: Savable> Keeps<T> for Await {
    type Kept = T;

    fn keep(value: T) -> T {
        value
    }
}

/// Returns a local unchanged, if its type can be saved. Emitted with the span of the author's local.
pub fn kept<T>(value: T) -> <Await as Keeps<T>>::Kept
where
    Await: Keeps<T>,
{
    Await::keep(value)
}

/// A part that is moved out of a local and assigned again at an await.
#[derive(Debug)]
pub struct Out<'a, T>(pub &'a mut T);

/// Copies the part out.
pub trait CopiedOut<T> {
    fn out(self) -> T;
}

impl<T: Copy> CopiedOut<T> for Out<'_, T> {
    fn out(self) -> T {
        *self.0
    }
}

/// Takes the part out and leaves its default.
pub trait TakenOut<T> {
    fn out(&mut self) -> T
    where
        T: Refilled;
}

impl<T> TakenOut<T> for Out<'_, T> {
    fn out(&mut self) -> T
    where
        T: Refilled,
    {
        self.0.take()
    }
}

/// The types with a default.
#[diagnostic::on_unimplemented(
    message = "this part is missing in what the flow saves while it waits, and `{Self}` has no default to stand for it",
    label = "moved out here, and put back after the `.await`",
    note = "derive `Default` for `{Self}`, or take the whole apart: `let Order {{ name, items, .. }} = order;`"
)]
pub trait Refilled: Sized {
    fn take(&mut self) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default> Refilled for T {
    fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

/// Stands for a tuple element that has been moved out, so that the others keep their positions. Deserializes from
/// anything.
#[derive(Debug, Clone, Copy)]
pub struct Gone;

impl Serialize for Gone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Gone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// The primitive types, for which `+=` evaluates its right side first. For any other type `+=` is a method call, which
/// evaluates its left side first.
#[diagnostic::on_unimplemented(
    message = "which side of this assignment is evaluated first depends on its type, and for `{Self}` it is the left one",
    label = "this is evaluated before the `.await`, and would have to be saved over it",
    note = "write `let value = ...;` before the assignment for its right side"
)]
pub trait Number {}

macro_rules! numbers {
    ($($number:ty)*) => { $(impl Number for $number {})* };
}

numbers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 bool);

/// Returns the place unchanged, if its type is a [`Number`].
pub const fn number<T: Number>(place: &mut T) -> &mut T {
    place
}

/// Implemented by [`Method`] for every `T` that is a borrow: what a method may return that is called again after an
/// await.
#[diagnostic::on_unimplemented(
    message = "`{T}` is not a borrow, so it cannot be taken again after an `.await`",
    label = "this is taken to lend a part of what it is called on, because of its name",
    note = "call it as a function, `Type::method(&value)`, and what it gives is saved instead"
)]
pub trait Lends<T> {}

/// The implementor of [`Lends`]. If the returned type implemented it, rustc would suggest to borrow the value.
#[derive(Debug)]
pub enum Method {}

#[diagnostic::do_not_recommend]
impl<T: ?Sized> Lends<&T> for Method {}
#[diagnostic::do_not_recommend]
impl<T: ?Sized> Lends<&mut T> for Method {}
#[diagnostic::do_not_recommend]
impl<T> Lends<Option<T>> for Method where Self: Lends<T> {}
#[diagnostic::do_not_recommend]
impl<T, E> Lends<Result<T, E>> for Method where Self: Lends<T> + Lends<E> {}

/// Returns the borrow unchanged.
pub const fn borrowed<T>(borrow: T) -> T
where
    Method: Lends<T>,
{
    borrow
}

/// A constant that is the same wherever it is written. That a value is shared says most of it, and that a borrow of the
/// constant is `'static` the rest: such a constant has no inside that changes, and nothing to drop.
#[diagnostic::on_unimplemented(
    message = "this constant may change inside, and is written again after the `.await`",
    label = "a `{Self}` is a new value wherever the constant is written",
    note = "write `let value = {{ CONSTANT }};` and the value is saved, or end its use before the `.await`"
)]
pub trait Constant {}

#[diagnostic::do_not_recommend]
impl<T: Sync + ?Sized> Constant for T {}

/// Checks a constant that is written again.
pub const fn constant<T: Constant + ?Sized>(_: &'static T) {}

/// Ties the value of a `#[default]` to the type of its local.
pub struct DefaultOf<T>(PhantomData<fn(T)>);

impl<T: Savable> DefaultOf<T> {
    /// Its type is inferred from [`of`](Self::of).
    #[expect(clippy::new_without_default, reason = "a default would hide that the type is still to be inferred")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    /// Ties the default to this local's type.
    pub const fn of(&self, _: &T) {}

    /// The default as a [`DefaultValue`].
    pub fn value(&self, state: &'static str, local: &'static str, value: T) -> DefaultValue {
        let json = crate::json::to_json(&value).ok();
        DefaultValue { state, local, json: json.and_then(|json| String::from_utf8(json).ok()) }
    }
}

impl<T> fmt::Debug for DefaultOf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DefaultOf")
    }
}
