//! The types that a flow can await: components, flows, and [`Boxed`], which erases which of several it is.
//!
//! An [`AwaitPoint`] ties the type of what is awaited to the type of its answer, so that rustc infers both.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use crate::component::{Answer, AnyAnswer, AnyComponent, AwaitDescriptor, Component};
use crate::schema;

/// The types that can be awaited in a flow.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a component",
    label = "only a component or a flow may be called or awaited here",
    note = "a component is a type with `#[component] impl Component for {Self}`; a flow is an `async fn` under `#[flow]`"
)]
pub trait Awaited {
    /// The type of the `.await` expression.
    type Answer: Answer;

    /// The component that the flow calls.
    fn into_callee(self) -> Box<dyn AnyComponent>;

    /// Its description, which needs no instance.
    fn describe() -> AwaitDescriptor;
}

#[diagnostic::do_not_recommend]
impl<C: Component> Awaited for C {
    type Answer = C::Answer;

    fn into_callee(self) -> Box<dyn AnyComponent> {
        Box::new(self)
    }

    fn describe() -> AwaitDescriptor {
        let descriptor = C::DESCRIPTOR;
        let (type_name, answer) = ((descriptor.type_name)(), (descriptor.answer)());
        AwaitDescriptor { component: descriptor.name, type_name, answer, probe_answer: descriptor.probe_answer }
    }
}

/// A component of any type with this answer. Lets one `.await` ask one of several components, as in
/// `if vip { Boxed::new(a) } else { Boxed::new(b) }` with `a` and `b` of different types.
///
/// ```
/// use stube::{Boxed, Confirm, Prompt, Component, component, flow};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize)]
/// # struct Fingerprint;
/// # #[component]
/// # impl Component for Fingerprint { type Answer = bool; }
///
/// #[flow]
/// async fn sign(has_reader: bool) -> bool {
///     let question = if has_reader { Boxed::new(Fingerprint) } else { Boxed::new(Confirm::new("Sign it?")) };
///     question.await
/// }
/// ```
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent, bound = "")]
pub struct Boxed<A> {
    component: Box<dyn AnyComponent>,
    #[serde(skip)]
    answer: PhantomData<fn() -> A>,
}

impl<A: Answer> Boxed<A> {
    /// Erases the type of a component.
    pub fn new(component: impl Component<Answer = A>) -> Self {
        Self { component: Box::new(component), answer: PhantomData }
    }
}

#[diagnostic::do_not_recommend]
impl<A: Answer> Awaited for Boxed<A> {
    type Answer = A;

    fn into_callee(self) -> Box<dyn AnyComponent> {
        self.component
    }

    fn describe() -> AwaitDescriptor {
        let (type_name, answer) = (std::any::type_name::<Self>(), std::any::type_name::<A>());
        AwaitDescriptor { component: "", type_name, answer, probe_answer: schema::probed::<A> }
    }
}

/// One `.await` of a flow: ties the type of what is awaited to the type of its answer.
pub struct AwaitPoint<C, A>(PhantomData<fn(C) -> A>);

impl<C: Awaited> AwaitPoint<C, C::Answer> {
    /// The description of what is awaited.
    pub fn describe(&self) -> Option<AwaitDescriptor> {
        Some(C::describe())
    }
}

/// The description of a type that cannot be awaited: none. So rustc reports the `.await` and nothing else.
pub trait Undescribed {
    /// `None`.
    fn describe(&self) -> Option<AwaitDescriptor> {
        None
    }
}

impl<C, A> Undescribed for AwaitPoint<C, A> {}

impl<C, A: Answer> AwaitPoint<C, A> {
    /// Its type is inferred from [`call`](Self::call).
    #[expect(clippy::new_without_default, reason = "a default would hide that the type is still to be inferred")]
    pub fn new() -> Self {
        Self(PhantomData)
    }

    /// Makes the component to call.
    pub fn call(&self, callee: C) -> Box<dyn AnyComponent>
    where
        C: Awaited<Answer = A>,
    {
        callee.into_callee()
    }

    /// Downcasts its answer.
    ///
    /// # Panics
    ///
    /// The answer has another type, because the saved conversation awaits another component than the code does.
    pub fn answer(&self, answer: AnyAnswer) -> A {
        answer.downcast().unwrap_or_else(|_| {
            let expected = std::any::type_name::<A>();
            panic!("the conversation waits for another component than this code, which expects a {expected}")
        })
    }
}

impl<C, A> fmt::Debug for AwaitPoint<C, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwaitPoint")
    }
}
