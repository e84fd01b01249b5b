//! The promises of the machine.

use std::collections::BTreeSet;

use syn::visit::Visit;
use syn::{Expr, Ident, Lifetime, Pat, Stmt};

use crate::ids::Place;
use crate::machine::{
    Block, Code, Entry, Field, FieldType, JoinId, Machine, Op, PartialField, PartialFields, PartialType, PlaceType,
    StateId,
};
use crate::syntax::{arguments, bindings, condition_patterns};

/// The promises that a machine breaks, in words.
pub(super) fn broken(machine: &Machine) -> Vec<String> {
    let mut checker = Checker {
        machine,
        broken: Vec::new(),
        saved: vec![0; machine.states.len()],
        state_blocks: vec![0; machine.states.len()],
        join_blocks: vec![0; machine.joins.len()],
        visible: Vec::new(),
    };
    checker.names();
    checker.types();
    machine.blocks.iter().for_each(|block| checker.block(block));
    checker.entries();
    checker.checks();
    checker.broken
}

struct Checker<'m> {
    machine: &'m Machine,
    broken: Vec<String>,
    /// How many awaits save each state.
    saved: Vec<usize>,
    /// How many blocks are entered with each state.
    state_blocks: Vec<usize>,
    /// How many blocks are entered with each join.
    join_blocks: Vec<usize>,
    /// The locals that are declared here.
    visible: Vec<String>,
}

impl Checker<'_> {
    fn names(&mut self) {
        let Machine { states, joins, state_params, join_params, .. } = self.machine;
        self.unique("state", states.iter().map(|state| &state.name));
        self.unique("join", joins.iter().map(|join| &join.name));
        self.unique("parameter", state_params.iter());
        self.unique("parameter", join_params.iter());
        self.unique("partial type", self.machine.partial_types.iter().map(|ty| &ty.name));
        let fields = states.iter().map(|state| &state.fields).chain(joins.iter().map(|join| &join.fields));
        fields.for_each(|fields| self.unique("field", fields.iter().map(|field| &field.name)));
        for state in states {
            if state.next.iter().any(|next| next.0 == 0 || next.0 >= states.len()) {
                self.broken.push(format!("a successor of `{}` is no state of an await", state.name));
            }
        }
    }

    fn unique<'n>(&mut self, what: &str, names: impl Iterator<Item = &'n Ident>) {
        let mut seen = BTreeSet::new();
        for name in names {
            if !seen.insert(name.to_string()) {
                self.broken.push(format!("two are called `{name}`: {what}"));
            }
        }
    }

    fn types(&mut self) {
        let Machine { states, joins, state_params, join_params, partial_types, .. } = self.machine;
        for (fields, params) in states
            .iter()
            .map(|state| (&state.fields, state_params))
            .chain(joins.iter().map(|join| (&join.fields, join_params)))
        {
            for field in fields {
                self.params(field, params);
                if matches!(field.ty, FieldType::Partial(id) if id.0 >= partial_types.len()) {
                    self.broken.push(format!("the type of the field `{}` does not exist", field.name));
                }
            }
        }
        for (index, ty) in partial_types.iter().enumerate() {
            if parts(ty).iter().any(|part| matches!(part, PartialField::Partial(id) if id.0 >= index)) {
                self.broken.push(format!("the type `{}` has a field whose type comes after it", ty.name));
            }
        }
    }

    fn params(&mut self, field: &Field, params: &[Ident]) {
        for place in &field.places {
            if matches!(&place.ty, PlaceType::Param(param) if !params.contains(param)) {
                self.broken.push(format!("the type of `{}` is a parameter that its enum does not have", place.name));
            }
        }
    }

    fn block(&mut self, block: &Block) {
        let count = match block.entry {
            Entry::State(id) => self.state_blocks.get_mut(id.0),
            Entry::Join(id) => self.join_blocks.get_mut(id.0),
        };
        match count {
            Some(count) => *count += 1,
            None => self.broken.push("a block is entered with a variant that does not exist".to_owned()),
        }
        self.visible = block.bindings.iter().map(|binding| binding.ident.to_string()).collect();
        self.ops(&block.code);
    }

    fn ops(&mut self, ops: &[Op]) {
        let known = self.visible.len();
        ops.iter().for_each(|op| self.op(op));
        self.visible.truncate(known);
    }

    fn op(&mut self, op: &Op) {
        match op {
            Op::Declare { ident, .. } | Op::Rebind { ident, .. } => self.visible.push(ident.to_string()),
            Op::Reborrow { pat, .. } => self.declare(pat),
            Op::Stmt { stmt, jumps } => {
                if *jumps {
                    let mut labels = Labels::default();
                    labels.visit_stmt(stmt);
                    self.labels(labels);
                }
                if let Stmt::Local(local) = stmt {
                    self.declare(&local.pat);
                }
            }
            Op::Items(_) => {}
            Op::Use(idents) => {
                for ident in idents {
                    self.is_declared(ident, "is used");
                }
            }
            Op::Scope(inner) => self.ops(inner),
            Op::If { cond, then, otherwise } => {
                self.code(cond);
                self.ops(otherwise);
                let known = self.visible.len();
                condition_patterns(&cond.expr).iter().for_each(|(pat, _)| self.declare(pat));
                self.ops(then);
                self.visible.truncate(known);
            }
            Op::Match { scrutinee, arms } => {
                self.code(scrutinee);
                for arm in arms {
                    let known = self.visible.len();
                    self.declare(&arm.pat);
                    if arm.jumps {
                        let mut labels = Labels::default();
                        labels.visit_pat(&arm.pat);
                        self.labels(labels);
                    }
                    self.ops(&arm.code);
                    self.visible.truncate(known);
                }
            }
            Op::LetElse { pat, value, otherwise } => {
                self.code(value);
                self.ops(otherwise);
                self.declare(pat);
            }
            Op::Await { state, callee } => {
                self.code(callee);
                self.save(*state);
            }
            Op::Jump { to, value } => {
                value.iter().for_each(|value| self.code(value));
                self.jump(*to, value.is_some());
            }
            Op::FallThrough(value) | Op::Return(value) => value.iter().for_each(|value| self.code(value)),
        }
    }

    fn declare(&mut self, pat: &Pat) {
        self.visible.extend(bindings(pat).into_iter().map(|binding| binding.ident.to_string()));
    }

    fn code(&mut self, code: &Code) {
        if code.jumps {
            let mut labels = Labels::default();
            labels.visit_expr(&code.expr);
            self.labels(labels);
        }
    }

    /// The jumps in code of the author's. A `break` without a value passes `()` if its join takes a value.
    fn labels(&mut self, labels: Labels) {
        let targets = labels.0.iter().filter_map(|label| self.machine.labels.block(label));
        for block in targets.collect::<Vec<_>>() {
            match self.machine.label_targets.get(block.0) {
                Some(Some(to)) => {
                    let takes_value = self.machine.joins.get(to.0).is_some_and(|join| join.value.is_some());
                    self.jump(*to, takes_value);
                }
                Some(None) | None => {
                    self.broken.push(format!("a label names the block b{}, which is no join", block.0))
                }
            }
        }
    }

    fn jump(&mut self, to: JoinId, has_value: bool) {
        let Some(join) = self.machine.joins.get(to.0) else {
            return self.broken.push(format!("a jump goes to a join {} that does not exist", to.0));
        };
        if join.value.is_some() != has_value {
            self.broken.push(format!("a jump to `{}` passes a wrong number of values", join.name));
        }
        for (_, field) in join.fields.iter().enumerate().filter(|(index, _)| Some(*index) != join.value) {
            self.is_declared(&field.ident, &format!("is passed to `{}`", join.name));
        }
    }

    fn save(&mut self, id: StateId) {
        let Some(state) = self.machine.states.get(id.0) else {
            return self.broken.push(format!("an await saves a state {} that does not exist", id.0));
        };
        self.saved[id.0] += 1;
        for field in &state.fields {
            self.is_declared(&field.ident, &format!("is saved in `{}`", state.name));
        }
    }

    fn is_declared(&mut self, ident: &Ident, what: &str) {
        if !self.visible.iter().rev().any(|known| ident == known) {
            self.broken.push(format!("`{ident}` {what} where it is not declared"));
        }
    }

    fn entries(&mut self) {
        for (index, state) in self.machine.states.iter().enumerate() {
            if self.saved[index] != usize::from(index > 0) {
                self.broken.push(format!("{} awaits save the state `{}`", self.saved[index], state.name));
            }
            if self.state_blocks[index] != 1 {
                self.broken.push(format!("{} blocks are entered with `{}`", self.state_blocks[index], state.name));
            }
        }
        for (index, join) in self.machine.joins.iter().enumerate() {
            if self.join_blocks[index] != 1 {
                self.broken.push(format!("{} blocks are entered with `{}`", self.join_blocks[index], join.name));
            }
        }
    }

    fn checks(&mut self) {
        let saved = self.machine.states.iter().skip(1).flat_map(|state| &state.fields);
        let places = |field: &'_ Field| field.places.iter().map(|place| place.place.clone()).collect::<Vec<_>>();
        let checked: BTreeSet<Place> = saved.clone().filter(|field| field.is_checked).flat_map(places).collect();
        let all: BTreeSet<Place> = saved.flat_map(places).collect();
        if checked != all {
            self.broken.push("a saved place is not checked".to_owned());
        }
    }
}

fn parts(ty: &PartialType) -> Vec<&PartialField> {
    match &ty.fields {
        PartialFields::Named(fields) => fields.iter().map(|(_, field)| field).collect(),
        PartialFields::Tuple(fields) => fields.iter().flatten().collect(),
    }
}

/// The labels of the jumps in code.
#[derive(Default)]
struct Labels(Vec<Lifetime>);

impl<'ast> Visit<'ast> for Labels {
    fn visit_expr_break(&mut self, expr: &'ast syn::ExprBreak) {
        self.0.extend(expr.label.clone());
        syn::visit::visit_expr_break(self, expr);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        if let Some(args) = arguments(mac) {
            let mut inner = Labels::default();
            args.exprs().for_each(|arg: &Expr| inner.visit_expr(arg));
            self.0.extend(inner.0);
        }
    }
}
