//! The attribute macros of stube.

use proc_macro::TokenStream;

mod pipeline;

mod parse;

mod expand;

mod check;

mod resolve;

mod control_flow;

mod analysis;

mod lower;

mod old_states;

mod emit;

mod def_use;
mod errors;
mod evolution_attrs;
mod graph;
mod header;
mod ids;
mod machine;
mod methods;
mod registration;
mod syntax;

mod component;

/// Gives a component its name on disk and registers it. Goes on the `impl Component for T` block.
///
/// Methods marked `#[resume]` take the answers of what the component called: `Self::on_dates` is then a value that
/// [`Next::call`] takes, and it fits only a component whose `Answer` is the type of the function's second parameter.
///
/// Arguments: `name = "..."` sets the name on disk, which is otherwise the name of the type in snake case;
/// `was = "..."` says what it was called in earlier versions; `transient` says that the type holds something that cannot be saved.
///
/// [`Next::call`]: https://docs.rs/stube/latest/stube/struct.Next.html#method.call
#[proc_macro_attribute]
pub fn component(args: TokenStream, item: TokenStream) -> TokenStream {
    component::expand(args.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Turns an `async fn` into a flow: a component whose state is saved at every `.await`.
///
/// Of `async fn greet(guest: String) -> bool`, `greet("you".into())` is then a value, of the type `GreetFlow`, that runs
/// nothing yet: it can be started by a runtime, or awaited by another flow. `GreetState` is the enum of its states. The
/// function itself is gone; its body runs piece by piece, from one `.await` to the next.
///
/// # What may be awaited
///
/// Components, and other flows. The value of the `.await` is the callee's `Answer`. If that is a `Result`, `?` and
/// `match` work on it as on any other.
///
/// # What is saved
///
/// At each `.await`, the locals that are used after it, and nothing else. Their types are inferred, never written
/// down, and implement serde's two traits. A `&'static str` may stand anywhere in them. The state is called as the
/// binding (`let name = ...` waits in `Name`), else as what is awaited (`Confirm`); if that name is taken, it is
/// numbered. `#[at("Payment")]` on a statement with one `.await` names its state for good. The fields are the names of
/// the locals.
///
/// # Where values are dropped
///
/// A value that nobody uses after an `.await` is not saved: it is dropped where the flow waits, or where paths join
/// after a branch, loop or block that waits or at the beginning of a round of such a loop, and not at the end of its
/// scope. The operands of an expression that waits are evaluated one by one, so a temporary of an operand before the
/// `.await` is dropped with that operand, and not at the end of the statement. Everything else is dropped where the
/// async function would drop it, and in the same order. No value is dropped twice, and none later than there.
///
/// # Borrows
///
/// A borrow is not saved. What it borrows is, and after the `.await` it is taken again:
///
/// | Written | After the `.await` |
/// |---|---|
/// | `let name = &order.name;`, `let item = &mut items[i];` | the same; an index is evaluated once |
/// | `let whole = &value();` | the value is kept, and borrowed again |
/// | `as_str`, `as_slice`, `as_bytes`, `as_ref`, `as_mut`, `as_deref`, `as_path`, `as_os_str` and their `_mut` forms, `trim`, `trim_start`, `trim_end`, `first`, `last` and their `_mut` forms, `deref`, without arguments | the same call |
/// | `rooms.get(&name)`, `rooms.get_mut(i)`; `.unwrap()` and `.expect("..")` after any of these | the same call; an argument is evaluated once |
/// | `if let Some(x) = &maybe`, `match &order { .. }`, `let (a, b) = (&x, &y);`, `ref x`, and patterns on any of the above | the same pattern |
/// | `let title = "text";`, `let limit = LIMIT;` | the same |
/// | a closure without `move` | the same closure |
///
/// What is not in this table is refused where it would have to be saved, with what to write instead. If one
/// of these methods, on a type of your own, gives a value that is no borrow, call it as `Dates::first(&dates)`, and the
/// value is saved.
///
/// # Parts
///
/// Of a local whose part may have been moved out, only the other parts are saved, where nothing else of it is needed.
/// `order.items = edit(order.items).await` leaves the default of that part in the local while the flow waits.
///
/// # What runs again
///
/// Code between two awaits runs again if the program is killed before its effect was saved. It is never run again
/// after that, so it need not be deterministic.
///
/// # Loops
///
/// A `for` loop with an `.await` in its body goes over
///
/// - a range or an owned collection: what is left of it is saved;
/// - something borrowed: `&items`, `&mut items`, `.iter()`, `.iter_mut()`, `.keys()`, `.values()`, `.chars()`,
///   `.lines()`, `.split(',')`, `.windows(2)`, `.chunks(2)` and the like: the place in it is saved (of a hash map, the
///   keys that are left, so they are `Clone`; it cannot go over `.values()` of one);
/// - either of them through the adapters of the standard library: `rev`, `enumerate`, `skip`, `take`, `step_by`, `zip`,
///   `chain`, `filter`, `map`, `filter_map`, `flat_map`, `flatten`, `take_while`, `skip_while`, `map_while`, `scan`,
///   `inspect`, `cloned`, `copied`.
///
/// For any other iterator, write `.collect::<Vec<_>>()` after it. Loops without an `.await` in their body, and `while`,
/// `while let` and `loop`, are free.
///
/// # Macros
///
/// An `.await`, a `?` or a `return` may stand in the arguments of `format!`, `print!` and its family, `write!`, `vec!`,
/// `assert!` and its family, `matches!`, `dbg!`, `panic!` and its family, and the events of tracing, and is evaluated
/// if and when the macro evaluates it. Any other macro may stand in a flow as it is, also one that hides a
/// `return Err(..)`, as `bail!` and `ensure!` do.
///
/// # What cannot be written
///
/// - What cannot be saved, in use on both sides of an `.await`: a borrow or an iterator that is not in the lists above,
///   a guard, a closure with `move`, a function, a trait object ([`Boxed`] is one that can). Own it, derive serde's
///   traits for it, or end its use before the `.await`.
/// - A local of which a part is moved out before an `.await` and put back after it by another statement. Take it apart:
///   `let Order { name, items, .. } = order;`.
/// - An `.await` in a closure, an async block, an inner function, a constant, a match guard, an `unsafe` block, or a
///   macro that is not named above, such as `select!`.
/// - `place += value` with an `.await` on one side and an effect on the other, and a value that a later part of the
///   same expression changes after an `.await`: the order depends on types. Write a `let` for one of the two.
/// - A flow with generics or lifetimes, a borrowed argument, an `impl Trait` as argument or result, an `unsafe` flow: a
///   flow is found on disk by its one name.
/// - A `cfg` on a single statement with an `.await`, and a `break` or `continue` of a loop with an `.await` that is
///   hidden in a macro.
///
/// # Methods
///
/// On an `impl` block, `#[flow]` makes flows of those functions in it that are marked `#[flow]` too. They take `self`
/// by value, and its type is saved as that of any argument. Of `stay` in `impl Hotel`, the value is a `HotelStayFlow`,
/// called `hotel_stay` on disk.
///
/// # Arguments of the attribute
///
/// `name = "..."` sets the name on disk, which is otherwise the name of the function. Names are for ever: a
/// conversation that waits on disk is found by them. Two flows of one name are found by a test that the macro writes
/// beside each, and at start-up. `was = "..."` says what it was called before, and `version = 2` makes it another flow of
/// the same name, beside the one whose conversations are to finish as they began.
///
/// # Conversations of earlier versions
///
/// A state is found by its name; of several questions that share one, by its words. So an edit concerns only those who
/// wait in a state whose own locals changed, and for these an answer is written in the code:
///
/// | Where | What | Means |
/// |---|---|---|
/// | on a `let`, a parameter | `#[was = "room"]` | the local was called so, and the state that is called as it |
/// | on a `let`, a parameter | `#[default = 0]`, `#[default(Vec::new())]`, `#[default]` | the value in a conversation that does not have the local |
/// | on a statement | `#[at("Payment", was = "Pay")]` | the state was called so |
/// | on the flow | `#[migrate(\|before: Before\| ..)]`, `#[migrate(function)]` | where a state goes on, or that it ends |
/// | on the flow | `#[earlier(Before)]` | makes that enum of `flows.lock` |
///
/// The module [`migration`] has the whole of it, and [`lock`] the check.
///
/// [`Boxed`]: https://docs.rs/stube/latest/stube/struct.Boxed.html
/// [`migration`]: https://docs.rs/stube/latest/stube/migration/index.html
/// [`lock`]: https://docs.rs/stube/latest/stube/lock/index.html
#[proc_macro_attribute]
pub fn flow(args: TokenStream, item: TokenStream) -> TokenStream {
    pipeline::expand_item(args.into(), item.into()).into()
}

/// The text of a file in the folder of the crate; empty if there is none.
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
