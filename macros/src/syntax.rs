//! Small questions about syntax that several stages ask: whether it contains an await, which names a pattern binds, what
//! the arguments of a macro are. Never looks at types.

mod awaits;
pub(crate) mod borrows;
pub(crate) mod effects;
mod groups;
mod macros;
mod names;
mod patterns;
pub(crate) mod rematch;

pub(crate) use awaits::{Node, contains_await, contains_try, count_awaits, tokens_await};
pub(crate) use borrows::may_borrow;
pub(crate) use groups::parenthesized;
pub(crate) use macros::{Arguments, always_evaluated, arguments, is_diverging, is_leaving};
pub(crate) use names::{Dots, below, camel_case, captured, mentioned, part, unraw};
pub(crate) use patterns::{
    bindings, borrowed_by, by_reference, condition_patterns, is_bare, is_binding, is_ref_mut, is_whole, links,
};
