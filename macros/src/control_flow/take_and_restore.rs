//! A part of a local that is taken out and restored by the answer: `cart.items = edit(cart.items).await`. While the flow
//! waits, the callee has the part, and the local, which is saved whole, has the default of the part's type.

use quote::quote_spanned;
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, ExprAssign};

use crate::control_flow::builder::Builder;
use crate::def_use;
use crate::syntax::part;

impl Builder<'_> {
    /// Replaces the move of the part by a take, if nothing else reads the part before it is restored.
    pub(super) fn take_and_restore(&self, assign: &mut ExprAssign) {
        let Some((name, path)) = part(&assign.left).filter(|(_, path)| !path.is_empty()) else { return };
        let def_use = def_use::of_expr(&assign.right, &self.env, &self.loops);
        let local = self.env.iter().rev().find(|(known, _)| *known == name).map(|&(_, local)| local);
        let Some(moved) = def_use.moves.iter().find(|place| Some(place.local) == local && place.path == path) else {
            return;
        };
        let mut others = def_use.uses.iter().filter(|place| place.local == moved.local && *place != moved);
        let mut finder = Finder { name, path, found: 0, awaits_after: false, replaces: false };
        finder.visit_expr_mut(&mut assign.right);
        if finder.found == 1 && finder.awaits_after && !others.any(|other| other.overlaps(moved)) {
            finder.replaces = true;
            finder.visit_expr_mut(&mut assign.right);
        }
    }
}

/// Finds the uses of a part.
struct Finder {
    name: String,
    path: String,
    found: usize,
    /// Whether an await comes after it.
    awaits_after: bool,
    replaces: bool,
}

impl VisitMut for Finder {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        if part(expr).is_some_and(|(name, path)| name == self.name && path == self.path) {
            self.found += 1;
            if self.replaces {
                *expr = syn::parse2(quote_spanned!(expr.span()=> {
                    #[allow(unused_imports, reason = "one of them is used")]
                    use ::stube::__private::{CopiedOut as _, TakenOut as _};
                    ::stube::__private::Out(&mut #expr).out()
                }))
                .expect("it is an expression");
            }
            return;
        }
        visit_mut::visit_expr_mut(self, expr);
        self.awaits_after |= self.found > 0 && matches!(expr, Expr::Await(_));
    }

    fn visit_item_mut(&mut self, _: &mut syn::Item) {}
}
