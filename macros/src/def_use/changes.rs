//! The places that a piece of code may change.

use syn::{Expr, Pat};

use crate::def_use::walker::Walker;
use crate::ids::Place;
use crate::syntax::{bindings, borrowed_by, is_ref_mut, part};

impl Walker<'_> {
    /// A place that gets another value, or may get one.
    pub(super) fn changed(&mut self, place: &Expr, surely: bool) {
        if let Some((name, path)) = part(place) {
            return self.changed_part(&name, path, surely);
        }
        match place {
            Expr::Paren(place) => self.changed(&place.expr, surely),
            Expr::Group(place) => self.changed(&place.expr, surely),
            Expr::Field(place) => self.changed(&place.base, surely),
            Expr::Index(place) => self.changed(&place.expr, surely),
            // What is behind a borrow, and not the borrow itself.
            Expr::Unary(place) => self.changed(&place.expr, false),
            Expr::Reference(place) => self.changed(&place.expr, false),
            Expr::MethodCall(call) => self.changed(&call.receiver, false),
            _ => {}
        }
    }

    pub(super) fn changed_part(&mut self, name: &str, path: String, surely: bool) {
        let Some(local) = self.local(name).filter(|_| !self.dead) else { return };
        let changes = &mut self.def_use.changes;
        let kind = if surely { &mut changes.surely } else { &mut changes.perhaps };
        kind.insert(Place { local, path });
    }

    /// The parts of an expression that a pattern borrows to change them.
    pub(super) fn changed_by(&mut self, pat: &Pat, expr: &Expr) {
        let Some((name, path)) = part(expr) else {
            if bindings(pat).into_iter().any(is_ref_mut) {
                self.changed(expr, true);
            }
            return;
        };
        let mut parts = Vec::new();
        borrowed_by(pat, &path, &mut parts, &is_ref_mut);
        parts.into_iter().for_each(|path| self.changed_part(&name, path, true));
    }
}
