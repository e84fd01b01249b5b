//! The machine: its states, its joins, and the code of each block.

use std::fmt::{self, Debug, Formatter};

use crate::dump::text::{Lines, list, text};
use crate::machine::{
    Block, Code, Entry, Field, FieldType, Machine, Op, PartialField, PartialFields, PartialType, PlaceType, State,
};

impl Debug for Machine {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let mut lines = Lines { out, depth: 0 };
        for ty in &self.partial_types {
            lines.line(&format!("type {}", partial_type(self, ty)))?;
        }
        for one in &self.states {
            lines.line(&format!("state {}", state(self, one)))?;
        }
        for join in &self.joins {
            lines.line(&format!("join {} {}", join.name, fields(self, &join.fields)))?;
        }
        self.blocks.iter().try_for_each(|one| block(&mut lines, self, one))
    }
}

/// `Room { guest: String, dates: Dates } -> Confirm, end`
fn state(machine: &Machine, state: &State) -> String {
    let next = state.next.iter().map(|&id| machine.state(id).name.to_string());
    let next = list(next.chain(state.ends.then(|| "end".to_owned())));
    let asks = if state.asks.is_empty() { String::new() } else { format!(", asks {:?}", state.asks) };
    format!("{} {} -> {next}{asks}", state.name, fields(machine, &state.fields))
}

fn fields(machine: &Machine, fields: &[Field]) -> String {
    let fields = fields.iter().map(|field| {
        let ty = match &field.ty {
            FieldType::Whole(ty) => place_type(ty),
            FieldType::Partial(id) => machine.partial_type(*id).name.to_string(),
        };
        let checked = if field.is_checked { " (checked)" } else { "" };
        format!("{}: {ty}{checked}", field.name)
    });
    braces(list(fields))
}

fn partial_type(machine: &Machine, ty: &PartialType) -> String {
    let field = |field: &PartialField| match field {
        PartialField::Whole { ty, .. } => place_type(ty),
        PartialField::Partial(id) => machine.partial_type(*id).name.to_string(),
    };
    let fields = match &ty.fields {
        PartialFields::Named(fields) => list(fields.iter().map(|(name, of)| format!("{}: {}", text(name), field(of)))),
        PartialFields::Tuple(fields) => list(fields.iter().map(|of| of.as_ref().map_or_else(|| "_".to_owned(), field))),
    };
    format!("{} {}", ty.name, braces(fields))
}

fn place_type(ty: &PlaceType) -> String {
    match ty {
        PlaceType::Param(param) => param.to_string(),
        PlaceType::Written(ty) => text(ty),
    }
}

fn braces(inner: String) -> String {
    if inner.is_empty() { "{}".to_owned() } else { format!("{{ {inner} }}") }
}

fn block(lines: &mut Lines<'_, '_>, machine: &Machine, block: &Block) -> fmt::Result {
    let name = match block.entry {
        Entry::State(id) => &machine.state(id).name,
        Entry::Join(id) => &machine.join(id).name,
    };
    let bindings = block.bindings.iter().map(|binding| {
        let mutable = if binding.mutable { "mut " } else { "" };
        let name = if binding.field == binding.ident { String::new() } else { format!("{}: ", binding.field) };
        format!("{name}{mutable}{}", binding.ident)
    });
    lines.line(&format!("{name} {}:", braces(list(bindings))))?;
    lines.indented(|lines| ops(lines, machine, &block.code))
}

fn ops(lines: &mut Lines<'_, '_>, machine: &Machine, ops: &[Op]) -> fmt::Result {
    ops.iter().try_for_each(|one| op(lines, machine, one))
}

fn op(lines: &mut Lines<'_, '_>, machine: &Machine, op: &Op) -> fmt::Result {
    let mutable = |mutable: &bool| if *mutable { "mut " } else { "" };
    match op {
        Op::Declare { ident, mutable: is_mutable, .. } => lines.line(&format!("let {}{ident};", mutable(is_mutable))),
        Op::Rebind { ident, mutable: is_mutable } => {
            lines.line(&format!("let {}{ident} = {ident};", mutable(is_mutable)))
        }
        Op::Reborrow { pat, expr, .. } => lines.line(&format!("reborrow {} = {};", text(pat), text(expr))),
        Op::Stmt { stmt, .. } => lines.line(&text(stmt)),
        Op::Items(items) => items.iter().try_for_each(|item| lines.line(&text(item))),
        Op::Scope(inner) => {
            lines.line("scope")?;
            lines.indented(|lines| ops(lines, machine, inner))
        }
        Op::If { cond, then, otherwise } => {
            lines.line(&format!("if {}", text(&cond.expr)))?;
            lines.indented(|lines| ops(lines, machine, then))?;
            lines.line("else")?;
            lines.indented(|lines| ops(lines, machine, otherwise))
        }
        Op::Match { scrutinee, arms } => {
            lines.line(&format!("match {}", text(&scrutinee.expr)))?;
            for arm in arms {
                lines.line(&format!("case {}", text(&arm.pat)))?;
                lines.indented(|lines| ops(lines, machine, &arm.code))?;
            }
            Ok(())
        }
        Op::LetElse { pat, value, otherwise } => {
            lines.line(&format!("let {} = {} else", text(pat), text(&value.expr)))?;
            lines.indented(|lines| ops(lines, machine, otherwise))
        }
        Op::Use(idents) => lines.line(&format!("use {}", list(idents))),
        Op::Await { state, callee } => {
            lines.line(&format!("await {}: {}", machine.state(*state).name, text(&callee.expr)))
        }
        Op::Jump { to, value } => lines.line(&format!("jump {}{}", machine.join(*to).name, passed(value.as_ref()))),
        Op::FallThrough(value) => lines.line(&format!("fall through{}", passed(value.as_ref()))),
        Op::Return(value) => lines.line(&format!("return{}", passed(value.as_ref()))),
    }
}

fn passed(value: Option<&Code>) -> String {
    value.map_or_else(String::new, |value| format!("({})", text(&value.expr)))
}
