//! The attribute macros of stube.
//!
//! `#[flow]` is a pipeline of stages, listed here in their order; `pipeline` calls them. `#[component]` is a macro by
//! itself. See `ARCHITECTURE.md`, "The macro".

use proc_macro::TokenStream;

mod pipeline;

// Before the stages.
mod configure;

// The stages.
mod parse;

mod expand;

mod check;

mod resolve;

mod held;

mod control_flow;

mod analysis;

mod lower;

mod old_states;

mod emit;

// The values between the stages.
mod graph;
mod header;
mod machine;

// What stages use.
mod def_use;
mod errors;
mod evolution_attrs;
mod ids;
mod methods;
mod registration;
mod syntax;

// Debugging of the macro itself.
mod dump;
mod validate;

mod component;

/// Gives a component its name on disk and registers it. Goes on the `impl Component for T` block.
///
/// Methods marked `#[resume]` take the answers of called components. `Self::on_dates` is then a value for [`Next::call`],
/// and its type accepts only a component whose `Answer` is the type of the method's second parameter.
///
/// Arguments: `name = "..."` sets the name on disk, which is otherwise the name of the type in snake case. `was = "..."` is
/// its name in earlier versions. `transient` marks a type that holds a value that cannot be saved.
///
/// [`Next::call`]: https://docs.rs/stube/latest/stube/struct.Next.html#method.call
#[proc_macro_attribute]
pub fn component(args: TokenStream, item: TokenStream) -> TokenStream {
    component::expand(args.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Turns an `async fn` into a flow: a component whose state is saved at every `.await`.
///
/// After `#[flow] async fn greet(guest: String) -> bool`, the call `greet("you".into())` returns a value of the type
/// `GreetFlow` and runs nothing yet. A runtime can start the value, or another flow can await it. `GreetState` is the enum
/// of its states. The macro replaces the async function: its body is run in pieces, from one `.await` to the next.
///
/// # What can be awaited
///
/// Components, and other flows. The value of the `.await` is the callee's `Answer`. If that is a `Result`, `?` and `match`
/// work on it as usual.
///
/// # What is saved
///
/// At each `.await`, the locals that are used after it, and nothing else. Their types are inferred, need not be written,
/// and must implement serde's two traits. They may contain `&'static str`. A state has the name of the binding
/// (`let name = ...` waits in `Name`), otherwise the name of the awaited component or function (`Confirm`); a second state
/// of that name gets a number. `#[at("Payment")]` on a statement with one `.await` sets the name of its state. The fields
/// have the names of the locals.
///
/// # When values are dropped
///
/// A value that is not used after an `.await` is not saved. It is dropped where the flow waits, or where paths join after a
/// branch, loop or block with an `.await`, or at the beginning of a round of such a loop; it is not kept until the end of
/// its scope. The operands of an expression with an `.await` are evaluated one by one, so a temporary of an operand before
/// the `.await` is dropped with that operand, and not at the end of the statement. Everything else is dropped where the
/// async function would drop it, and in the same order. No value is dropped twice, and none later than there.
///
/// # Borrows
///
/// A borrow is not saved. The macro saves the value that it borrows from, and repeats the borrow after the `.await`:
///
/// | Written | After the `.await` |
/// |---|---|
/// | `let name = &order.name;`, `let item = &mut items[i];` | the same; an index is evaluated once |
/// | `let whole = &value();` | the value is saved, and borrowed again |
/// | `as_str`, `as_slice`, `as_bytes`, `as_ref`, `as_mut`, `as_deref`, `as_path`, `as_os_str` and their `_mut` forms, `trim`, `trim_start`, `trim_end`, `first`, `last` and their `_mut` forms, `deref`, without arguments | the same call |
/// | `rooms.get(&name)`, `rooms.get_mut(i)`; `.unwrap()` and `.expect("..")` after any of these | the same call; an argument is evaluated once |
/// | `if let Some(x) = &maybe`, `match &order { .. }`, `let (a, b) = (&x, &y);`, `ref x`, and patterns on any of the above | the same pattern, without the tests that it has passed |
/// | `let title = "text";`, `let limit = LIMIT;` | the same |
/// | a closure without `move` | the same closure |
///
/// A key or an index that changes while the borrow is used is copied when the borrow is taken. A local that is a borrow itself
/// and gets another value meanwhile (`let name = text.trim(); text = "other";`) is a compile error, and so is any other borrow
/// that is used on both sides of an `.await`; the message says what to write instead. If one of
/// these methods, on a type of your own, returns a value that is no borrow, call it as `Dates::first(&dates)`, and the value
/// is saved.
///
/// # Parts of values
///
/// If a part of a local may have been moved out and only its other parts are used, only these are saved.
/// `order.items = edit(order.items).await` leaves the default of that part in the local while the flow waits.
///
/// # What runs again
///
/// The code between two awaits runs again if the program is killed before its result was saved. After that it never runs
/// again, so it need not be deterministic.
///
/// # Loops
///
/// A `for` loop with an `.await` in its body can iterate over
///
/// - a range or an owned collection: the remaining items are saved;
/// - borrowed items: `&items`, `&mut items`, `.iter()`, `.iter_mut()`, `.keys()`, `.values()`, `.chars()`, `.lines()`,
///   `.split(',')`, `.windows(2)`, `.chunks(2)` and the like: the position is saved (for a hash map, the remaining keys, so
///   they must be `Clone`; `.values()` of a hash map is not supported);
/// - either of them through the adapters of the standard library: `rev`, `enumerate`, `skip`, `take`, `step_by`, `zip`,
///   `chain`, `filter`, `map`, `filter_map`, `flat_map`, `flatten`, `take_while`, `skip_while`, `map_while`, `scan`,
///   `inspect`, `cloned`, `copied`.
///
/// For any other iterator, write `.collect::<Vec<_>>()` after it. There is no restriction on loops without an `.await` in
/// their body, nor on `while`, `while let` and `loop`.
///
/// # Macros
///
/// An `.await`, a `?` or a `return` can be in the arguments of `format!`, `print!` and its family, `write!`, `vec!`,
/// `assert!` and its family, `matches!`, `dbg!`, `panic!` and its family, and the events of tracing. It is evaluated if and
/// when the macro evaluates it. Any other macro can be used without an `.await` in it, also one that expands to a
/// `return Err(..)`, as `bail!` and `ensure!` do.
///
/// # What cannot be written
///
/// - A value that cannot be saved, used on both sides of an `.await`: a borrow or an iterator that is not in the lists
///   above, a guard, a closure with `move`, a function, a trait object ([`Boxed`] is one that can be saved). Own it, derive
///   serde's traits for it, or end its use before the `.await`.
/// - A local of which a part is moved out before an `.await` and assigned after it by another statement. Destructure it:
///   `let Order { name, items, .. } = order;`.
/// - An `.await` in a closure, an async block, an inner function, a constant, a match guard, an `unsafe` block, or a macro
///   that is not named above, such as `select!`.
/// - `place += value` with an `.await` on one side and a side effect on the other, and a value that a later part of the same
///   expression changes after an `.await`: the evaluation order would depend on types. Write a `let` for one of the two.
/// - A flow with generics or lifetimes, a borrowed argument, an `impl Trait` as argument or result, an `unsafe` flow: a flow
///   is found on disk by its one name.
/// - A `cfg` on a single statement, arm or argument with an `.await`, or in the arguments of one of the macros above. On
///   anything else in a flow, a `cfg` means what it means in a function.
/// - A `macro_rules!` in the body that names a local of the flow, or that has the name of a macro that is used before it.
/// - A constant that changes inside, such as a `Cell`, in a local that is used on both sides of an `.await`. Write
///   `let value = { CONSTANT };`, and the value is saved.
/// - A name that three locals in scope share, in a macro that may show it.
/// - A `break` or `continue` out of a loop with an `.await`, in the tokens of a macro that is not named above.
///
/// # Methods
///
/// On an `impl` block, `#[flow]` turns those functions into flows that are marked `#[flow]` too. They take `self` by value,
/// and its type is saved like that of any argument. For `stay` in `impl Hotel`, the type of the value is `HotelStayFlow`,
/// and its name on disk is `hotel_stay`.
///
/// # Arguments of the attribute
///
/// `name = "..."` sets the name on disk, which is otherwise the name of the function. A saved conversation is found by this
/// name, so it must not change. Two flows of one name are reported by a test that the macro writes beside each, and at
/// start-up. `was = "..."` is the name in earlier versions. `version = 2` makes it another flow of the same name, beside the
/// one whose conversations are to finish as they began.
///
/// # Conversations of earlier versions
///
/// A state is found by its name, and among several questions of one name by their words. So an edit concerns only
/// conversations that wait in a state whose locals changed. For these, declare the migration beside the code:
///
/// | Where | Attribute | Meaning |
/// |---|---|---|
/// | on a `let`, a parameter | `#[was = "room"]` | the old name of the local, and of the state that is named after it |
/// | on a `let`, a parameter | `#[default = 0]`, `#[default(Vec::new())]`, `#[default]` | the value in a conversation that does not have the local |
/// | on a statement | `#[at("Payment", was = "Pay")]` | the old name of the state |
/// | on the flow | `#[migrate(\|before: Before\| ..)]`, `#[migrate(function)]` | the state that the conversation continues in, or that it ends |
/// | on the flow | `#[earlier(Before)]` | generates the enum of old states from `flows.lock` |
///
/// See the module [`migration`] for details, and [`lock`] for the check.
///
/// [`Boxed`]: https://docs.rs/stube/latest/stube/struct.Boxed.html
/// [`migration`]: https://docs.rs/stube/latest/stube/evolution/migration/index.html
/// [`lock`]: https://docs.rs/stube/latest/stube/evolution/lock/index.html
#[proc_macro_attribute]
pub fn flow(args: TokenStream, item: TokenStream) -> TokenStream {
    pipeline::expand_item(args.into(), item.into()).into()
}

/// Takes a flow with a `#[cfg(..)]` inside from rustc, as the configuration makes it.
#[doc(hidden)]
#[proc_macro_derive(ConfiguredFlow, attributes(arguments))]
pub fn configured_flow(carrier: TokenStream) -> TokenStream {
    pipeline::expand_configured(carrier.into()).into()
}

/// Removes the enum that carried a flow.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn omitted(_: TokenStream, _: TokenStream) -> TokenStream {
    TokenStream::new()
}

/// The text of a file in the folder of the crate. It is empty if the file does not exist.
#[doc(hidden)]
#[proc_macro]
pub fn embed_lock(path: TokenStream) -> TokenStream {
    let path = syn::parse_macro_input!(path as syn::LitStr);
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    match std::path::Path::new(&folder).join(path.value()).exists() {
        true => quote::quote!(::core::include_str!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/", #path))),
        false => quote::quote!(""),
    }
    .into()
}
