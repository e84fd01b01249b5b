//! Expressions of every type, with awaits in every place.

use crate::generate::Generator;
use crate::patterns::Look;
use crate::scope::{FrameKind, Known, Lock, State, Var};
use crate::types::Ty;

/// The text of an expression.
#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub(crate) text: String,
    /// It needs no parentheses, whatever stands around it.
    is_atom: bool,
}

pub(crate) fn atom(text: impl Into<String>) -> Expr {
    Expr { text: text.into(), is_atom: true }
}

fn loose(text: impl Into<String>) -> Expr {
    Expr { text: text.into(), is_atom: false }
}

impl Expr {
    /// As an operand.
    pub(crate) fn tight(self) -> String {
        if self.is_atom { self.text } else { format!("({})", self.text) }
    }
}

/// `Option<T>`, if it can be saved: JSON cannot tell `Some(None)` from `None`.
pub(crate) fn optional(of: &Ty) -> Option<Ty> {
    (!matches!(of, Ty::Opt(_) | Ty::Unit)).then(|| Ty::opt(of.clone()))
}

/// The questions that answer with a type.
fn questions(ty: &Ty) -> &'static [&'static str] {
    match ty {
        Ty::I64 => &["signed"],
        Ty::U32 => &["ask"],
        Ty::Bool => &["ask_bool"],
        Ty::Str => &["ask_text"],
        Ty::Unit => &["ask_unit"],
        Ty::Opt(of) if **of == Ty::U32 => &["ask_maybe"],
        Ty::Opt(of) if **of == Ty::I64 => &["signed_maybe"],
        Ty::Res(of) if **of == Ty::U32 => &["ask_result"],
        Ty::Res(of) if **of == Ty::I64 => &["signed_result", "pay"],
        Ty::Pair(first, second) if **first == Ty::I64 && **second == Ty::Str => &["ask_pair"],
        Ty::Vec(of) if **of == Ty::I64 => &["ask_list"],
        Ty::Shape => &["ask_shape"],
        Ty::Opt(_) | Ty::Res(_) | Ty::Pair(..) | Ty::Vec(_) | Ty::Array(_) | Ty::Map(_) | Ty::Order | Ty::Noisy => &[],
    }
}

impl Generator {
    /// An expression that can be evaluated here.
    pub(crate) fn expr(&mut self, ty: &Ty, depth: usize) -> Expr {
        self.size -= 1;
        if depth == 0 || self.size <= 0 {
            return self.leaf(ty, depth);
        }
        loop {
            let form = self.random.weighted(&[
                (18, 0),
                (22, 1),
                (26, 2),
                (6, 3),
                (5, 4),
                (5, 5),
                (4, 6),
                (3, 7),
                (5, 8),
                (7, 9),
                (3, 10),
                (4, 11),
            ]);
            let made = match form {
                0 => Some(self.leaf(ty, depth)),
                1 => self.awaited(ty, depth),
                2 => self.by_type(ty, depth),
                3 => Some(self.block(ty, depth)),
                4 => Some(self.if_(ty, depth)),
                5 => Some(self.match_(ty, depth)),
                6 => Some(self.loop_(ty, depth)),
                7 => Some(self.labelled_block(ty, depth)),
                8 => self.logged(ty, depth),
                9 => self.try_(ty, depth),
                10 => self.replaced(ty, depth),
                _ => self.part(ty, depth),
            };
            if let Some(made) = made {
                return made;
            }
        }
    }

    // ---- Leaves ---------------------------------------------------------------------------------------------------

    fn leaf(&mut self, ty: &Ty, depth: usize) -> Expr {
        if self.random.chance(75)
            && let Some(used) = self.used(ty)
        {
            return used;
        }
        if self.random.chance(30)
            && let Some(awaited) = self.awaited(ty, depth.min(1))
        {
            return awaited;
        }
        if depth > 0
            && self.random.chance(50)
            && let Some(made) = self.by_type(ty, 1)
        {
            return made;
        }
        let text = self.literal(ty);
        if text.starts_with('-') || text.contains('{') { loose(text) } else { atom(text) }
    }

    /// A local, or a copy of what it holds.
    pub(crate) fn used(&mut self, ty: &Ty) -> Option<Expr> {
        let is_usable = |var: &Var| var.ty == *ty && var.state == State::Ready && var.lock < Lock::Exclusive;
        let index = self.some_visible(is_usable)?;
        let var = self.env[index].clone();
        if ty.is_copy() {
            return Some(match (var.is_ref, self.may_await) {
                (false, _) => atom(var.name),
                (true, false) => loose(format!("*{}", var.name)),
                // As a place it would be borrowed by what shows or compares it.
                (true, true) => loose(format!("{{ *{} }}", var.name)),
            });
        }
        let can_move = self.can_move(index);
        if ty.has_noisy() && !can_move {
            return None;
        }
        if can_move && (ty.has_noisy() || self.random.chance(45)) {
            self.env[index].state = State::Gone;
            self.touch(index);
            return Some(atom(var.name));
        }
        Some(atom(format!("{}.clone()", var.name)))
    }

    pub(crate) fn can_move(&self, index: usize) -> bool {
        let var = &self.env[index];
        self.may_change && !var.is_ref && !var.is_const && var.lock == Lock::Free && var.depth == self.depth()
    }

    /// A literal, as far as there is one. It says its own type.
    pub(crate) fn literal(&mut self, ty: &Ty) -> String {
        match ty {
            Ty::I64 => {
                let n = self.random.below(12) as i64 - 2;
                format!("{n}i64")
            }
            Ty::U32 => format!("{}u32", self.random.below(6)),
            Ty::Bool => self.random.one_of(&["true", "false"]).to_owned(),
            Ty::Str => {
                let text = self.fresh("s");
                match self.random.below(3) {
                    0 => format!("\"{text}\".to_owned()"),
                    1 => format!("String::from(\"{text}\")"),
                    _ => format!("\"{text}\".to_string()"),
                }
            }
            Ty::Unit => "()".to_owned(),
            Ty::Vec(of) => {
                let items: Vec<_> = (0..self.random.below(3)).map(|_| self.literal(of)).collect();
                if items.is_empty() {
                    format!("Vec::<{}>::new()", of.spelled())
                } else {
                    format!("vec![{}]", items.join(", "))
                }
            }
            Ty::Opt(of) => {
                if self.random.chance(30) {
                    return format!("None::<{}>", of.spelled());
                }
                format!("Some({})", self.literal(of))
            }
            Ty::Res(of) => {
                if self.random.chance(30) {
                    let text = self.fresh("e");
                    return format!("Err::<{}, String>(\"{text}\".to_owned())", of.spelled());
                }
                format!("Ok::<_, String>({})", self.literal(of))
            }
            Ty::Pair(first, second) => {
                let first = self.literal(first);
                format!("({first}, {})", self.literal(second))
            }
            Ty::Array(of) => {
                let items: Vec<_> = (0..3).map(|_| self.literal(of)).collect();
                format!("[{}]", items.join(", "))
            }
            Ty::Map(of) => {
                let items: Vec<_> =
                    (0..self.random.below(3)).map(|n| format!("(\"k{n}\".to_owned(), {})", self.literal(of))).collect();
                if items.is_empty() {
                    format!("BTreeMap::<String, {}>::new()", of.spelled())
                } else {
                    format!("BTreeMap::from([{}])", items.join(", "))
                }
            }
            Ty::Order => {
                let text = self.fresh("o");
                let n = self.random.below(9);
                format!("Order {{ name: \"{text}\".to_owned(), items: vec![{n}, 1], total: {n} }}")
            }
            Ty::Shape => {
                let n = self.random.below(9);
                match self.random.below(4) {
                    0 => "Shape::Point".to_owned(),
                    1 => format!("Shape::Circle {{ radius: {n} }}"),
                    2 => format!("Shape::Box({n}, 2)"),
                    _ => format!("Shape::Named(\"n{n}\".to_owned())"),
                }
            }
            Ty::Noisy => {
                let text = self.fresh("v");
                format!("noisy(\"{text}\")")
            }
        }
    }

    // ---- Awaits ---------------------------------------------------------------------------------------------------

    fn awaited(&mut self, ty: &Ty, depth: usize) -> Option<Expr> {
        if !self.may_await || self.awaits <= 0 {
            return None;
        }
        let questions = questions(ty);
        if questions.is_empty() {
            return None;
        }
        self.awaits -= 1;
        let question = self.random.one_of(questions);
        if question == "pay" {
            let arg = self.expr(&Ty::I64, depth.saturating_sub(1));
            self.wait();
            return Some(atom(format!("pay({}).await", arg.text)));
        }
        let text = self.shown(depth.saturating_sub(1));
        self.wait();
        Some(atom(format!("{question}({text}).await")))
    }

    /// What a question asks: anything that can be shown.
    fn shown(&mut self, depth: usize) -> String {
        match self.random.weighted(&[(6, 0), (2, 1), (1, 2), (1, 3), (1, 4)]) {
            1 if depth > 0 => self.expr(&Ty::I64, depth).text,
            2 if depth > 0 => self.format(depth).text,
            3 if depth > 0 => self.expr(&Ty::Str, depth).text,
            4 if depth > 0 => format!("&{}", self.expr(&Ty::Str, depth).tight()),
            _ => {
                let text = self.fresh("q");
                format!("\"{text}\"")
            }
        }
    }

    // ---- Blocks and branches --------------------------------------------------------------------------------------

    fn block(&mut self, ty: &Ty, depth: usize) -> Expr {
        let text = self.scoped(|this| {
            let mut lines = Vec::new();
            for _ in 0..1 + this.random.below(2) {
                this.statement(depth - 1, &mut lines);
            }
            let tail = this.expr(ty, depth - 1);
            lines.push(tail.text);
            one_line(&lines)
        });
        loose(format!("{{ {text} }}"))
    }

    /// A branch with a value: a block that ends with it, or one that is left.
    fn branch(&mut self, ty: &Ty, depth: usize, may_leave: bool) -> String {
        if may_leave
            && self.random.chance(12)
            && let Some(jump) = self.jump(depth)
        {
            self.dead = true;
            return format!("{jump};");
        }
        self.scoped(|this| {
            let mut lines = Vec::new();
            if this.random.chance(35) {
                this.statement(depth.saturating_sub(1), &mut lines);
            }
            lines.push(this.expr(ty, depth.saturating_sub(1)).text);
            one_line(&lines)
        })
    }

    fn if_(&mut self, ty: &Ty, depth: usize) -> Expr {
        // One of them must have a value, or nothing tells the type.
        let leaves_first = self.random.chance(50);
        let (cond, then, otherwise) = self.branches(
            depth,
            |this| this.branch(ty, depth, leaves_first),
            |this| {
                if this.random.chance(20) {
                    let inner = this.if_(ty, depth.saturating_sub(1).max(1));
                    return (inner.text, true);
                }
                (this.branch(ty, depth, !leaves_first), false)
            },
        );
        let (text, is_if) = otherwise;
        let otherwise = if is_if { text } else { format!("{{ {text} }}") };
        loose(format!("if {cond} {{ {then} }} else {otherwise}"))
    }

    /// Two branches with the condition that chooses. Nothing that the condition binds is seen in the second one.
    pub(crate) fn branches<T, U>(
        &mut self,
        depth: usize,
        then: impl FnOnce(&mut Self) -> T,
        otherwise: impl FnOnce(&mut Self) -> U,
    ) -> (String, T, U) {
        let awaited = self.awaited;
        let (cond, then, failed, chosen) = self.scoped(|this| {
            let (cond, failed) = this.condition(depth.saturating_sub(1));
            let then = this.scoped(then);
            (cond, then, failed, this.known())
        });
        self.go_back(&failed);
        let otherwise = self.scoped(otherwise);
        let other = self.known();
        self.join(&[chosen, other]);
        self.joined_since(awaited);
        (cond, then, otherwise)
    }

    /// A condition, with what is known where it does not hold. Declares what it binds. Of a `while`, no jump may stand in
    /// it without a label.
    pub(crate) fn condition(&mut self, depth: usize) -> (String, Known) {
        let links = self.random.weighted(&[(6, 1), (2, 2), (1, 3)]);
        let mut texts = Vec::new();
        let mut failures = Vec::new();
        for _ in 0..links {
            if self.may_bind && self.random.chance(if links == 1 { 30 } else { 45 }) {
                texts.push(self.let_condition(depth));
            } else if links == 1 {
                texts.push(self.expr(&Ty::Bool, depth).in_condition());
            } else {
                texts.push(self.expr(&Ty::Bool, depth).tight());
            }
            failures.push(self.known());
        }
        let chosen = self.known();
        self.join(&failures);
        let failed = self.known();
        self.go_back(&chosen);
        (texts.join(" && "), failed)
    }

    /// `let Some(x) = value`
    fn let_condition(&mut self, depth: usize) -> String {
        let ty = match self.random.below(4) {
            0 => Ty::Shape,
            1 => Ty::res(Ty::I64),
            _ => self.some_option(),
        };
        let (value, look) = self.scrutinee(&ty, depth);
        let pattern = self.pattern(&ty, 2, &mut Vec::new(), Look { refutable: true, ..look });
        format!("let {pattern} = {value}")
    }

    /// What a pattern looks at, and how.
    fn scrutinee(&mut self, ty: &Ty, depth: usize) -> (String, Look) {
        let look = Look { by_ref: false, is_kept: false, of: None, refutable: true };
        if self.random.chance(30) {
            let is_usable =
                |var: &Var| var.ty == *ty && var.state == State::Ready && var.lock < Lock::Exclusive && !var.is_const;
            if let Some(index) = self.some_visible(is_usable) {
                let var = self.env[index].clone();
                let of = if var.is_ref { var.of } else { Some(index) };
                let text = if var.is_ref { var.name } else { format!("&{}", var.name) };
                return (text, Look { by_ref: true, is_kept: !var.is_ref, of, ..look });
            }
        }
        if self.random.chance(15) {
            let value = self.expr(ty, depth).tight();
            return (format!("&{value}"), Look { by_ref: true, is_kept: true, ..look });
        }
        let value = self.expr(ty, depth);
        let of = self.local_of(&value);
        (value.in_condition(), Look { of, ..look })
    }

    fn match_(&mut self, ty: &Ty, depth: usize) -> Expr {
        let arms = self.arms(depth, |this, is_last| {
            let body = this.branch(ty, depth, !is_last);
            if body.contains(';') || this.random.chance(30) { format!("{{ {body} }}") } else { body }
        });
        loose(arms)
    }

    /// A match, with the bodies that `body` makes.
    pub(crate) fn arms(&mut self, depth: usize, body: impl Fn(&mut Self, bool) -> String) -> String {
        let scrutinized = match self.random.below(6) {
            0 => Ty::I64,
            1 => Ty::U32,
            2 => Ty::Shape,
            3 => Ty::pair(Ty::I64, Ty::Bool),
            4 => {
                let of = self.some_type(1);
                Ty::res(of)
            }
            _ => self.some_option(),
        };
        let (value, look) = self.scrutinee(&scrutinized, depth.saturating_sub(1));
        let (before, awaited) = (self.known(), self.awaited);
        let mut paths = Vec::new();
        let mut texts = Vec::new();
        let count = 1 + self.random.below(3);
        for index in 0..=count {
            self.go_back(&before);
            let text = self.scoped(|this| {
                let last = index == count;
                let depth_of_pattern = if last { 0 } else { 2 };
                let refutable = !last;
                let mut pattern =
                    this.pattern(&scrutinized, depth_of_pattern, &mut Vec::new(), Look { refutable, ..look });
                if !last && this.random.chance(30) {
                    let guard = this.aside(|this| this.expr(&Ty::Bool, 1)).in_condition();
                    pattern = format!("{pattern} if {guard}");
                }
                format!("{pattern} => {}", body(this, last))
            });
            texts.push(text);
            paths.push(self.known());
        }
        self.join(&paths);
        self.joined_since(awaited);
        format!("match {value} {{ {} }}", texts.join(", "))
    }

    fn loop_(&mut self, ty: &Ty, depth: usize) -> Expr {
        let counter = self.fresh("r");
        let label = self.label();
        let rounds = self.random.below(3);
        let text = self.framed(FrameKind::Loop, label.clone(), Some(ty.clone()), |this| {
            let mut lines = Vec::new();
            let out =
                label.clone().filter(|_| this.random.chance(50)).map_or(String::new(), |label| format!(" {label}"));
            lines.push(format!("{counter} += 1;"));
            let last = this.maybe(|this| {
                // Nothing in the value goes back to the beginning, or the loop might not end.
                let frame = this.frames.len() - 1;
                this.frames[frame].kind = FrameKind::Condition;
                let value = this.expr(ty, depth - 1).after_break();
                this.frames[frame].kind = FrameKind::Loop;
                this.leave(frame);
                let left = format!("if {counter} > {rounds} {{ break{out} {value}; }}");
                this.dead = true;
                left
            });
            lines.push(last);
            for _ in 0..1 + this.random.below(2) {
                this.statement(depth - 1, &mut lines);
            }
            one_line(&lines)
        });
        let label = label.map_or(String::new(), |label| format!("{label}: "));
        loose(format!("{{ let mut {counter} = 0; {label}loop {{ {text} }} }}"))
    }

    fn labelled_block(&mut self, ty: &Ty, depth: usize) -> Expr {
        let label = self.random.one_of(&["'a", "'b", "'c"]).to_owned();
        let text = self.framed(FrameKind::Block, Some(label.clone()), Some(ty.clone()), |this| {
            let mut lines = Vec::new();
            this.statement(depth - 1, &mut lines);
            let left = this.branches(
                1,
                |this| {
                    let value = this.expr(ty, depth - 1).after_break();
                    this.leave(this.frames.len() - 1);
                    this.dead = true;
                    value
                },
                |_| (),
            );
            lines.push(format!("if {} {{ break {label} {}; }}", left.0, left.1));
            this.statement(depth - 1, &mut lines);
            lines.push(this.expr(ty, depth - 1).text);
            one_line(&lines)
        });
        loose(format!("{label}: {{ {text} }}"))
    }

    pub(crate) fn label(&mut self) -> Option<String> {
        if self.random.chance(45) { Some(self.random.one_of(&["'a", "'b", "'c"]).to_owned()) } else { None }
    }

    /// Notes what is known where a frame is left.
    pub(crate) fn leave(&mut self, frame: usize) {
        if !self.dead {
            let locals = self.frames[frame].locals;
            let states = self.env[..locals].iter().map(|var| var.state).collect();
            self.frames[frame].breaks.push(states);
        }
    }

    /// `return`, `break` or `continue`, as far as there is something to leave. The caller says that nothing follows.
    pub(crate) fn jump(&mut self, depth: usize) -> Option<String> {
        if !self.may_jump {
            return None;
        }
        if self.frames.is_empty() || self.random.chance(35) {
            let output = self.output.clone();
            if output == Ty::Unit && self.random.chance(70) {
                return Some("return".to_owned());
            }
            return Some(format!("return {}", self.expr(&output, depth.min(1)).text));
        }
        let target = self.random.below(self.frames.len());
        let frame = &self.frames[target];
        let hidden = |label: &String| self.frames[target + 1..].iter().any(|inner| inner.label.as_ref() == Some(label));
        let label = frame.label.clone().filter(|label| !hidden(label));
        // A `break` without a label leaves the innermost loop, and may not stand in a labelled block inside of it.
        let innermost = self.frames.len() - 1 == target && frame.kind != FrameKind::Block;
        if frame.kind == FrameKind::Condition || (label.is_none() && !innermost) {
            return None;
        }
        let label = if innermost && self.random.chance(50) { None } else { label };
        let to = match &label {
            Some(label) => format!(" {label}"),
            None if innermost => String::new(),
            None => return None,
        };
        let (kind, value) = (frame.kind, frame.value.clone());
        if kind.repeats() && self.random.chance(40) {
            return Some(format!("continue{to}"));
        }
        let value = match value {
            Some(ty) if ty != Ty::Unit => format!(" {}", self.expr(&ty, depth.min(1)).after_break()),
            Some(_) | None => String::new(),
        };
        self.leave(target);
        Some(format!("break{to}{value}"))
    }

    // ---- Forms of any type ----------------------------------------------------------------------------------------

    fn logged(&mut self, ty: &Ty, depth: usize) -> Option<Expr> {
        ty.is_shown().then(|| atom(format!("log({})", self.expr(ty, depth - 1).text)))
    }

    fn try_(&mut self, ty: &Ty, depth: usize) -> Option<Expr> {
        if !self.may_jump {
            return None;
        }
        let wrapped = if let Ty::Opt(_) = self.output {
            optional(ty)?
        } else if let Ty::Res(_) = self.output {
            Ty::res(ty.clone())
        } else {
            return None;
        };
        let value = if self.random.chance(60) { self.awaited(&wrapped, depth) } else { None };
        let value = value.unwrap_or_else(|| self.expr(&wrapped, depth - 1));
        Some(atom(format!("{}?", value.tight())))
    }

    /// Puts another value into a local.
    fn replaced(&mut self, ty: &Ty, depth: usize) -> Option<Expr> {
        if !self.may_change {
            return None;
        }
        let index = self.some_mutable(|other| other == ty)?;
        let name = self.env[index].name.clone();
        if ty.has_default() && self.random.chance(40) {
            self.touch(index);
            return Some(atom(format!("std::mem::take(&mut {name})")));
        }
        // It is borrowed before the other value is made.
        self.touch(index);
        let with = self.locked(index, Lock::Exclusive, |this| this.expr(ty, depth - 1));
        Some(atom(format!("std::mem::replace(&mut {name}, {})", with.text)))
    }

    /// A part of something bigger.
    fn part(&mut self, ty: &Ty, depth: usize) -> Option<Expr> {
        match self.random.below(6) {
            0 => {
                let other = self.some_type(1);
                let whole = self.expr(&Ty::pair(ty.clone(), other), depth - 1);
                Some(atom(format!("{}.0", whole.tight())))
            }
            1 => {
                let other = self.some_type(0);
                let whole = self.expr(&Ty::pair(other, ty.clone()), depth - 1);
                Some(atom(format!("{}.1", whole.tight())))
            }
            2 if ty.is_copy() => {
                let items: Vec<_> = (0..3).map(|_| self.expr(ty, depth - 1).text).collect();
                let index = self.expr(&Ty::U32, depth - 1).tight();
                Some(atom(format!("[{}][{index} as usize % 3]", items.join(", "))))
            }
            3 if !ty.has_noisy() => Some(self.method_of_any(&Ty::opt(ty.clone()), "unwrap_or", ty, depth - 1)),
            4 if ty.is_copy() => Some(loose(format!("*&{}", self.expr(ty, depth - 1).tight()))),
            5 => Some(loose(format!("*Box::new({})", self.expr(ty, depth - 1).text))),
            _ => None,
        }
    }

    /// A place of this type that can be read, and its local.
    fn place(&mut self, ty: &Ty) -> Option<(String, usize)> {
        let fits = |var: &Var| {
            let is_here = var.state == State::Ready && var.lock < Lock::Exclusive;
            var.ty == *ty && is_here && !var.vague && !var.is_ref
        };
        let index = self.some_visible(fits)?;
        Some((self.env[index].name.clone(), index))
    }

    /// Something to call a method on, and what must not be touched while the arguments are evaluated.
    fn receiver(&mut self, ty: &Ty, depth: usize) -> (String, Option<(usize, Lock)>) {
        if self.random.chance(50)
            && let Some((text, index)) = self.place(ty)
        {
            // A method of a local that is in use already could be taken for a change of it.
            if self.env[index].lock == Lock::Free {
                return (text, Some((index, Lock::Shared)));
            }
        }
        let value = self.expr(ty, depth);
        match ty {
            Ty::I64 | Ty::U32 => (format!("({} as {})", value.tight(), ty.spelled()), None),
            _ => {
                let local = self.local_of(&value).map(|index| (index, Lock::Exclusive));
                (value.tight(), local)
            }
        }
    }

    /// An argument that is evaluated while this local must not be touched.
    fn argument(&mut self, local: Option<(usize, Lock)>, ty: &Ty, depth: usize) -> Expr {
        match local {
            Some((index, lock)) => self.locked(index, lock, |this| this.expr(ty, depth)),
            None => self.expr(ty, depth),
        }
    }

    /// `receiver.method(arg)`
    fn method(&mut self, of: &Ty, method: &str, arg: &Ty, depth: usize) -> Expr {
        let (receiver, local) = self.receiver(of, depth);
        let arg = self.argument(local, arg, depth);
        atom(format!("{receiver}.{method}({})", arg.text))
    }

    /// The same, of a receiver that is consumed.
    fn method_of_any(&mut self, of: &Ty, method: &str, arg: &Ty, depth: usize) -> Expr {
        let value = self.expr(of, depth);
        let local = self.local_of(&value).map(|index| (index, Lock::Exclusive));
        let arg = self.argument(local, arg, depth);
        atom(format!("{}.{method}({})", value.tight(), arg.text))
    }

    pub(crate) fn format(&mut self, depth: usize) -> Expr {
        let (mut text, mut args, mut locked, mut named) = (String::new(), String::new(), Vec::new(), false);
        for number in 0..1 + self.random.below(3) {
            let ty = self.some_type(1);
            let arg = match self.place(&ty).filter(|_| self.random.chance(40)) {
                Some((name, index)) => {
                    locked.push((index, self.env[index].lock));
                    self.env[index].lock = self.env[index].lock.max(Lock::Shared);
                    name
                }
                None => {
                    let arg = self.expr(&ty, depth.saturating_sub(1));
                    if let Some(index) = self.local_of(&arg) {
                        locked.push((index, self.env[index].lock));
                        self.env[index].lock = Lock::Exclusive;
                    }
                    arg.text
                }
            };
            // Those with a name come last.
            named |= self.random.chance(20);
            if named {
                text.push_str(&format!("{{named{number}:?}}-"));
                args.push_str(&format!(", named{number} = {arg}"));
            } else {
                text.push_str("{:?} ");
                args.push_str(&format!(", {arg}"));
            }
        }
        for (index, before) in locked.into_iter().rev() {
            self.env[index].lock = before;
        }
        let mut captured = self.visible(|var| var.state == State::Ready && var.lock < Lock::Exclusive);
        captured.retain(|&index| !self.env[index].name.starts_with("r#") && !self.env[index].is_const);
        if self.random.chance(40) && !captured.is_empty() {
            let index = captured[self.random.below(captured.len())];
            text.push_str(&format!("{{{}:?}}", self.env[index].name));
        }
        atom(format!("short(format!(\"{text}\"{args}))"))
    }

    /// The local that an expression is the name of.
    pub(crate) fn local_of(&self, expr: &Expr) -> Option<usize> {
        self.env.iter().rposition(|var| var.name == expr.text)
    }

    // ---- Forms by type --------------------------------------------------------------------------------------------

    fn by_type(&mut self, ty: &Ty, depth: usize) -> Option<Expr> {
        let depth = depth - 1;
        match ty {
            Ty::I64 => self.number(depth),
            Ty::U32 => self.count(depth),
            Ty::Bool => self.truth(depth),
            Ty::Str => self.text(depth),
            Ty::Unit => {
                let ty = self.random.one_of(&[&Ty::I64, &Ty::Str, &Ty::Bool]).clone();
                Some(atom(format!("drop({})", self.expr(&ty, depth).text)))
            }
            Ty::Vec(of) => self.list(of, depth),
            Ty::Opt(of) => self.option(of, depth),
            Ty::Res(of) => self.result(of, depth),
            Ty::Pair(first, second) => {
                let first = self.expr(first, depth).text;
                Some(atom(format!("({first}, {})", self.expr(second, depth).text)))
            }
            Ty::Array(of) => {
                if of.is_copy() && self.random.chance(25) {
                    return Some(atom(format!("[{}; 3]", self.expr(of, depth).text)));
                }
                let items: Vec<_> = (0..3).map(|_| self.expr(of, depth).text).collect();
                Some(atom(format!("[{}]", items.join(", "))))
            }
            Ty::Map(of) => {
                let key = self.expr(&Ty::Str, depth).text;
                let value = self.expr(of, depth).text;
                Some(atom(format!("BTreeMap::from([({key}, {value})])")))
            }
            Ty::Order => self.order(depth),
            Ty::Shape => Some(match self.random.below(3) {
                0 => loose(format!("Shape::Circle {{ radius: {} }}", self.expr(&Ty::I64, depth).text)),
                1 => {
                    let first = self.expr(&Ty::I64, depth).text;
                    atom(format!("Shape::Box({first}, {})", self.expr(&Ty::I64, depth).text))
                }
                _ => atom(format!("Shape::Named({})", self.expr(&Ty::Str, depth).text)),
            }),
            Ty::Noisy => None,
        }
    }

    /// A local that a later operand changes.
    pub(crate) fn changed_operand(&mut self, depth: usize) -> Option<Expr> {
        if !self.may_change {
            return None;
        }
        let index = self.some_mutable(|ty| *ty == Ty::I64)?;
        let name = self.env[index].name.clone();
        let change = match self.random.below(4) {
            0 => format!("{name} += {};", self.expr(&Ty::I64, depth).text),
            1 => format!("{name} = {};", self.expr(&Ty::I64, depth).text),
            2 => format!("{name} = std::mem::take(&mut {name}) + 2;"),
            _ => format!("let add = &mut {name}; *add += 3;"),
        };
        self.touch(index);
        let then = self.awaited(&Ty::I64, depth).map_or_else(|| format!("{name} * 2"), |awaited| awaited.text);
        let change = format!("{{ {change} {then} }}");
        Some(match self.random.below(6) {
            0 => loose(format!("{name} + {change}")),
            1 => loose(format!("{name} - {change} * {name}")),
            2 => loose(format!("three({name}, {change}, {name}).len() as i64")),
            3 => atom(format!("vec![{name}, {change}].iter().sum::<i64>()")),
            4 => atom(format!("({name}, {change}).0")),
            _ => atom(format!("i64::from({name} < {change})")),
        })
    }

    fn number(&mut self, depth: usize) -> Option<Expr> {
        match self.random.below(19) {
            0..=3 => {
                let left = self.expr(&Ty::I64, depth).tight();
                let op = self.random.one_of(&["+", "-", "*", "^", "&", "|"]);
                let right = self.expr(&Ty::I64, depth).tight();
                Some(loose(format!("{left} {op} {right}")))
            }
            4 => {
                let left = self.expr(&Ty::I64, depth).tight();
                let middle = self.expr(&Ty::I64, depth).tight();
                let right = self.expr(&Ty::I64, depth).tight();
                Some(loose(format!("{left} + {middle} * {right} % 97")))
            }
            5 => {
                let method = self.random.one_of(&["max", "min", "wrapping_add", "wrapping_mul", "saturating_sub"]);
                Some(self.method(&Ty::I64, method, &Ty::I64, depth))
            }
            6 => Some(loose(format!("{} as i64", self.expr(&Ty::U32, depth).tight()))),
            7 => Some(atom(format!("i64::from({})", self.expr(&Ty::Bool, depth).text))),
            8 => {
                let (text, _) = self.receiver(&Ty::Str, depth);
                Some(loose(format!("{text}.len() as i64")))
            }
            9 => {
                let (list, _) = self.receiver(&Ty::vec(Ty::I64), depth);
                let sum = self.random.one_of(&[
                    "len() as i64",
                    "iter().sum::<i64>()",
                    "iter().copied().max().unwrap_or(0)",
                    "iter().map(|x| x * 2).filter(|x| *x > 2).count() as i64",
                    "first().copied().unwrap_or_default()",
                ]);
                Some(loose(format!("{list}.{sum}")))
            }
            10 => {
                let (order, index) = self.place(&Ty::Order)?;
                Some(match self.random.below(3) {
                    0 => {
                        let at = self.locked(index, Lock::Shared, |this| this.expr(&Ty::U32, depth)).tight();
                        atom(format!("{order}.items[{at} as usize % 2]"))
                    }
                    1 => loose(format!("{order}.name.len() as i64")),
                    _ => atom(format!("{order}.total")),
                })
            }
            11 => {
                let (array, index) = self.place(&Ty::array(Ty::I64))?;
                let at = self.locked(index, Lock::Shared, |this| this.expr(&Ty::U32, depth)).tight();
                Some(atom(format!("{array}[{at} as usize % 3]")))
            }
            12 => {
                let helpers = self.helpers.clone();
                let all: Vec<&str> = helpers.iter().map(|name| &**name).chain(["f2"]).collect();
                let helper = self.random.one_of(&all).to_owned();
                Some(atom(format!("{helper}({})", self.expr(&Ty::I64, depth).text)))
            }
            13 => Some(loose(format!("-{}", self.expr(&Ty::I64, depth).tight()))),
            14..=17 => self.changed_operand(depth),
            _ => {
                let (map, _) = self.place(&Ty::Map(Box::new(Ty::I64)))?;
                Some(loose(format!("{map}.len() as i64 + {}", self.expr(&Ty::I64, depth).tight())))
            }
        }
    }

    fn count(&mut self, depth: usize) -> Option<Expr> {
        match self.random.below(6) {
            0 | 1 => {
                let left = self.expr(&Ty::U32, depth).tight();
                let right = self.expr(&Ty::U32, depth).tight();
                Some(loose(format!("({left} + {right}) % 50")))
            }
            2 => {
                let method = self.random.one_of(&["max", "min", "saturating_sub", "wrapping_add"]);
                Some(self.method(&Ty::U32, method, &Ty::U32, depth))
            }
            3 => Some(loose(format!("{} as u8 as u32 % 7", self.expr(&Ty::I64, depth).tight()))),
            4 => {
                let (text, _) = self.receiver(&Ty::Str, depth);
                Some(loose(format!("{text}.chars().count() as u32")))
            }
            _ => {
                let (array, index) = self.place(&Ty::array(Ty::U32))?;
                let at = self.locked(index, Lock::Shared, |this| this.expr(&Ty::U32, depth)).tight();
                Some(atom(format!("{array}[{at} as usize % 3]")))
            }
        }
    }

    fn truth(&mut self, depth: usize) -> Option<Expr> {
        match self.random.below(11) {
            0 | 1 => {
                let ty = self.random.one_of(&[&Ty::I64, &Ty::U32]).clone();
                let left = self.expr(&ty, depth).tight();
                let op = self.random.one_of(&["==", "!=", "<", "<=", ">", ">="]);
                let right = self.expr(&ty, depth).tight();
                Some(loose(format!("({left}) {op} {right}")))
            }
            2 => {
                let ty = self.some_type(1);
                let (left, index) = self.place(&ty)?;
                if self.env[index].is_ref {
                    return None;
                }
                let right = self.locked(index, Lock::Shared, |this| this.expr(&ty, depth)).tight();
                Some(loose(format!("{left} == {right}")))
            }
            3..=5 => {
                let op = self.random.one_of(&["&&", "||"]);
                let left = self.expr(&Ty::Bool, depth).tight();
                let right = self.maybe(|this| this.expr(&Ty::Bool, depth)).tight();
                Some(loose(format!("{left} {op} {right}")))
            }
            6 => Some(loose(format!("!{}", self.expr(&Ty::Bool, depth).tight()))),
            7 => {
                let option = self.some_option();
                let (value, _) = self.receiver(&option, depth);
                let method = self.random.one_of(&["is_some()", "is_none()"]);
                Some(atom(format!("{value}.{method}")))
            }
            8 => {
                let (text, local) = self.receiver(&Ty::Str, depth);
                let other = self.argument(local, &Ty::Str, depth);
                let method = self.random.one_of(&["starts_with", "contains"]);
                Some(atom(format!("{text}.{method}(&{}[..])", other.tight())))
            }
            9 => {
                let (value, _) = self.place(&Ty::opt(Ty::I64))?;
                Some(atom(format!("matches!({value}, Some(n) if n > 1)")))
            }
            _ => {
                let left = self.expr(&Ty::Bool, depth).tight();
                let op = self.random.one_of(&["&", "|", "^"]);
                Some(loose(format!("{left} {op} {}", self.expr(&Ty::Bool, depth).tight())))
            }
        }
    }

    fn text(&mut self, depth: usize) -> Option<Expr> {
        match self.random.below(8) {
            0..=2 => Some(self.format(depth)),
            3 => {
                let args: Vec<_> = (0..3).map(|_| self.expr(&Ty::I64, depth).text).collect();
                Some(atom(format!("three({})", args.join(", "))))
            }
            4 => {
                let first = self.expr(&Ty::Str, depth).text;
                let second = self.expr(&Ty::I64, depth).text;
                Some(atom(format!("short(joined({first}, {second}, {}))", self.expr(&Ty::I64, depth).text)))
            }
            5 => {
                let left = self.expr(&Ty::Str, depth).tight();
                let right = self.expr(&Ty::Str, depth).tight();
                Some(atom(format!("short({left} + &{right})")))
            }
            6 => {
                let (text, _) = self.receiver(&Ty::Str, depth);
                let method =
                    self.random.one_of(&["to_uppercase()", "trim().to_owned()", "chars().rev().collect::<String>()"]);
                Some(atom(format!("{text}.{method}")))
            }
            _ => {
                let (order, _) = self.place(&Ty::Order)?;
                Some(atom(format!("{order}.name.clone()")))
            }
        }
    }

    fn list(&mut self, of: &Ty, depth: usize) -> Option<Expr> {
        match self.random.below(5) {
            0 | 1 => {
                let items: Vec<_> = (0..1 + self.random.below(3)).map(|_| self.expr(of, depth).text).collect();
                Some(atom(format!("vec![{}]", items.join(", "))))
            }
            2 if !of.has_noisy() => {
                let item = self.expr(of, depth).text;
                let count = self.expr(&Ty::U32, depth).tight();
                Some(atom(format!("vec![{item}; {count} as usize % 3]")))
            }
            3 if *of == Ty::I64 => {
                let (list, _) = self.receiver(&Ty::vec(Ty::I64), depth);
                let rest = self.random.one_of(&[
                    "iter().map(|x| x ^ 3).collect::<Vec<i64>>()",
                    "into_iter().rev().collect::<Vec<_>>()",
                    "iter().skip(1).copied().collect::<Vec<i64>>()",
                ]);
                let rest = if rest.starts_with("into") { format!("clone().{rest}") } else { rest.to_owned() };
                Some(atom(format!("{list}.{rest}")))
            }
            4 if *of == Ty::I64 => {
                let (order, _) = self.place(&Ty::Order)?;
                Some(atom(format!("{order}.items.clone()")))
            }
            _ => None,
        }
    }

    fn option(&mut self, of: &Ty, depth: usize) -> Option<Expr> {
        match self.random.below(5) {
            0 | 1 => Some(atom(format!("Some({})", self.expr(of, depth).text))),
            2 => {
                let result = self.expr(&Ty::res(of.clone()), depth).tight();
                Some(atom(format!("{result}.ok()")))
            }
            3 => {
                let list = self.some_mutable(|ty| *ty == Ty::vec(of.clone())).filter(|_| self.may_change)?;
                self.touch(list);
                Some(atom(format!("{}.pop()", self.env[list].name)))
            }
            _ => {
                let option = self.some_mutable(|ty| *ty == Ty::opt(of.clone())).filter(|_| self.may_change)?;
                self.touch(option);
                Some(atom(format!("{}.take()", self.env[option].name)))
            }
        }
    }

    fn result(&mut self, of: &Ty, depth: usize) -> Option<Expr> {
        match self.random.below(4) {
            0 | 1 => Some(atom(format!("Ok::<_, String>({})", self.expr(of, depth).text))),
            2 => Some(atom(format!("Err::<{}, String>({})", of.spelled(), self.expr(&Ty::Str, depth).text))),
            _ => Some(self.method_of_any(&Ty::opt(of.clone()), "ok_or", &Ty::Str, depth)),
        }
    }

    fn order(&mut self, depth: usize) -> Option<Expr> {
        let has = |this: &Self, name: &str, ty: &Ty| {
            let fits = |var: &Var| {
                var.name == name
                    && var.ty == *ty
                    && !var.is_ref
                    && var.state == State::Ready
                    && var.lock < Lock::Exclusive
            };
            !this.visible(fits).is_empty()
        };
        if has(self, "total", &Ty::I64) && self.random.chance(50) {
            let name = self.expr(&Ty::Str, depth).text;
            return Some(loose(format!("Order {{ name: {name}, total, ..Order::default() }}")));
        }
        if self.random.chance(40) {
            let total = self.expr(&Ty::I64, depth).text;
            let rest = self.expr(&Ty::Order, depth).tight();
            return Some(loose(format!("Order {{ total: {total}, ..{rest} }}")));
        }
        let total = self.expr(&Ty::I64, depth).text;
        let items = self.expr(&Ty::vec(Ty::I64), depth).text;
        let name = self.expr(&Ty::Str, depth).text;
        Some(loose(format!("Order {{ total: {total}, items: {items}, name: {name} }}")))
    }
}

impl Expr {
    /// After a `break`, where a label would be that of the `break`.
    pub(crate) fn after_break(self) -> String {
        if self.text.starts_with('\'') { format!("({})", self.text) } else { self.text }
    }

    /// As the condition of an `if` or what a `match` looks at, where no struct may stand bare.
    pub(crate) fn in_condition(self) -> String {
        let is_struct = self.text.contains("Order {") || self.text.contains("Shape::Circle {");
        if is_struct && !self.is_atom { format!("({})", self.text) } else { self.text }
    }
}

/// Statements in one line.
pub(crate) fn one_line(lines: &[String]) -> String {
    lines.join(" ").replace('\n', " ")
}
