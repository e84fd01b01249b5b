//! Finds how a piece of code without an await uses the locals around it ([`DefUse`]): the places that it reads, the locals
//! that it certainly assigns, the parts that it may move out, and the blocks that it may jump to. Never looks at types; a
//! name in the tokens of a macro counts as read.

use syn::{Expr, Stmt};

use crate::def_use::walker::Walker;

mod changes;
mod places;
mod types;
mod walker;

pub(crate) use types::{Changes, DefUse, Env, SplitLoop, target};

/// The uses and definitions of an expression.
pub(crate) fn of_expr(expr: &Expr, env: &Env, loops: &[SplitLoop]) -> DefUse {
    let mut walker = Walker::new(env, loops);
    walker.walk_expr(expr);
    walker.finish()
}

/// Those of a statement. A local that it declares is not one of the locals around it.
pub(crate) fn of_stmt(stmt: &Stmt, env: &Env, loops: &[SplitLoop]) -> DefUse {
    let mut walker = Walker::new(env, loops);
    walker.hidden.push(Vec::new());
    walker.walk_stmt(stmt);
    walker.finish()
}
