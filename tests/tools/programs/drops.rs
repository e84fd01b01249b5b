//! Programs whose values log when they are dropped.
//!
//! Each value has a name, and all of them are bound to locals: in an expression with an await, what becomes of
//! temporaries is not promised. What stands after a construct that awaits, and at the beginning of each round of a
//! loop, logs `join`, so that the log tells whether a value that is dropped early is dropped where paths join.

use crate::expressions::one_line;
use crate::generate::{Ending, Generator};
use crate::scope::{FrameKind, Lock, State, Var};
use crate::types::Ty;

const JOIN: &str = "log(\"join\");";

impl Generator {
    /// Statements of a block.
    pub(crate) fn dropping(&mut self, depth: usize, lines: &mut Vec<String>) {
        for _ in 0..1 + self.random.below(4) {
            self.size -= 1;
            self.dropping_statement(depth, lines);
        }
    }

    fn dropping_block(&mut self, depth: usize) -> String {
        self.scoped(|this| {
            let mut lines = Vec::new();
            this.dropping(depth - 1, &mut lines);
            one_line(&lines)
        })
    }

    fn dropping_statement(&mut self, depth: usize, lines: &mut Vec<String>) {
        let is_small = depth <= 1 || self.size <= 0;
        let form = if is_small { self.random.below(8) } else { self.random.below(20) };
        match form {
            0 | 1 => self.let_noisy(lines),
            2 => self.show_noisy(lines),
            3 => self.move_noisy(lines),
            4 => self.refill_noisy(lines),
            5 | 6 => self.ask_something(lines),
            7 => self.take_apart(depth, lines),
            8..=10 => self.dropping_if(depth, lines),
            11 | 12 => self.dropping_match(depth, lines),
            13..=15 => self.dropping_loop(depth, lines),
            16 => {
                let text = self.dropping_block(depth);
                lines.push(format!("{{ {text} }} {JOIN}"));
            }
            17 => self.dropping_labelled(depth, lines),
            18 => self.noisy_from_a_branch(depth, lines),
            _ => self.leave_noisily(lines),
        }
    }

    fn noisy(&mut self) -> String {
        let name = self.fresh("v");
        format!("noisy(\"{name}\")")
    }

    fn noisy_type(&mut self) -> Ty {
        match self.random.below(8) {
            0..=3 => Ty::Noisy,
            4 | 5 => Ty::opt(Ty::Noisy),
            6 => Ty::pair(Ty::Noisy, Ty::Noisy),
            _ => Ty::vec(Ty::Noisy),
        }
    }

    fn noisy_value(&mut self, ty: &Ty) -> String {
        match ty {
            Ty::Opt(_) if self.random.chance(25) => "None::<Noisy>".to_owned(),
            Ty::Opt(_) => format!("Some({})", self.noisy()),
            Ty::Pair(..) => {
                let first = self.noisy();
                format!("({first}, {})", self.noisy())
            }
            Ty::Vec(_) => {
                let first = self.noisy();
                format!("vec![{first}, {}]", self.noisy())
            }
            Ty::Noisy => self.noisy(),
            Ty::I64 | Ty::U32 | Ty::Bool | Ty::Str | Ty::Unit | Ty::Res(_) | Ty::Array(_) => self.literal(ty),
            Ty::Map(_) | Ty::Order | Ty::Shape => self.literal(ty),
        }
    }

    fn let_noisy(&mut self, lines: &mut Vec<String>) {
        let ty = self.noisy_type();
        let value = self.noisy_value(&ty);
        let name = self.name(&[]);
        let mutable = self.random.chance(50);
        lines.push(format!("let {}{name} = {value};", if mutable { "mut " } else { "" }));
        self.declare(&name, &ty, mutable);
    }

    fn some_noisy(&mut self) -> Option<usize> {
        self.some_visible(|var| var.ty.has_noisy() && var.state == State::Ready && var.lock == Lock::Free)
    }

    fn show_noisy(&mut self, lines: &mut Vec<String>) {
        if let Some(index) = self.some_noisy() {
            lines.push(format!("log(format!(\"{{:?}}\", {}));", self.env[index].name));
        }
    }

    fn move_noisy(&mut self, lines: &mut Vec<String>) {
        let Some(index) = self.some_noisy().filter(|index| self.can_move(*index)) else { return };
        let var = self.env[index].clone();
        self.env[index].state = State::Gone;
        match self.random.below(3) {
            0 => lines.push(format!("drop({});", var.name)),
            1 => {
                let name = self.name(&[]);
                lines.push(format!("let {name} = {};", var.name));
                self.declare(&name, &var.ty, false);
            }
            _ => {
                let name = self.name(&[]);
                let text = self.fresh("q");
                lines.push(format!("let {name} = ({}, ask(\"{text}\").await);", var.name));
                self.wait();
                self.declare(&name, &Ty::pair(var.ty, Ty::U32), false);
            }
        }
    }

    fn refill_noisy(&mut self, lines: &mut Vec<String>) {
        let can_be_set = |var: &Var| var.mutable && var.ty.has_noisy() && var.lock == Lock::Free;
        let Some(index) = self.some_visible(can_be_set) else { return };
        let ty = self.env[index].ty.clone();
        let value = self.noisy_value(&ty);
        lines.push(format!("{} = {value};", self.env[index].name));
        self.env[index].state = State::Ready;
    }

    fn ask_something(&mut self, lines: &mut Vec<String>) {
        let text = self.fresh("q");
        if self.random.chance(60) {
            lines.push(format!("ask_unit(\"{text}\").await;"));
        } else {
            let name = self.fresh("n");
            lines.push(format!("let {name} = ask(\"{text}\").await;"));
        }
        self.wait();
    }

    /// `let (a, _) = pair;`
    fn take_apart(&mut self, depth: usize, lines: &mut Vec<String>) {
        let is_pair =
            |var: &Var| var.ty == Ty::pair(Ty::Noisy, Ty::Noisy) && var.state == State::Ready && var.lock == Lock::Free;
        let Some(index) = self.some_visible(is_pair).filter(|index| self.can_move(*index)) else {
            return self.dropping_statement(depth.min(1), lines);
        };
        let whole = self.env[index].name.clone();
        self.env[index].state = State::Gone;
        let (first, second) = (self.name(&[]), self.fresh("p"));
        match self.random.below(3) {
            0 => lines.push(format!("let ({first}, {second}) = {whole};")),
            1 => lines.push(format!("let ({first}, _) = {whole};")),
            _ => lines.push(format!("let (_, {first}) = {whole};")),
        }
        self.declare(&first, &Ty::Noisy, false);
        if lines.last().is_some_and(|line| line.contains(&second)) {
            self.declare(&second, &Ty::Noisy, false);
        }
    }

    fn choice(&mut self) -> String {
        let text = self.fresh("q");
        self.wait();
        format!("ask_bool(\"{text}\").await")
    }

    fn dropping_if(&mut self, depth: usize, lines: &mut Vec<String>) {
        let cond = self.choice();
        let before = self.known();
        let then = self.dropping_block(depth);
        let chosen = self.known();
        self.go_back(&before);
        let otherwise = if self.random.chance(50) { self.dropping_block(depth) } else { String::new() };
        let other = self.known();
        self.join(&[chosen, other]);
        lines.push(format!("if {cond} {{ {then} }} else {{ {otherwise} }} {JOIN}"));
    }

    fn dropping_match(&mut self, depth: usize, lines: &mut Vec<String>) {
        let is_option = |var: &Var| var.ty == Ty::opt(Ty::Noisy) && var.state == State::Ready && var.lock == Lock::Free;
        let Some(index) = self.some_visible(is_option).filter(|index| self.can_move(*index)) else {
            return self.let_noisy(lines);
        };
        let option = self.env[index].name.clone();
        self.env[index].state = State::Gone;
        let before = self.known();
        let name = self.name(&[]);
        let some = self.scoped(|this| {
            this.declare(&name, &Ty::Noisy, false);
            this.dropping_block(depth)
        });
        let chosen = self.known();
        self.go_back(&before);
        let none = self.dropping_block(depth);
        let other = self.known();
        self.join(&[chosen, other]);
        lines.push(if self.random.chance(50) {
            format!("match {option} {{ Some({name}) => {{ {some} }} None => {{ {none} }} }} {JOIN}")
        } else {
            format!("if let Some({name}) = {option} {{ {some} }} else {{ {none} }} {JOIN}")
        });
    }

    fn dropping_loop(&mut self, depth: usize, lines: &mut Vec<String>) {
        let counter = self.fresh("r");
        let label = self.label();
        let text = label.as_ref().map_or(String::new(), |label| format!("{label}: "));
        match self.random.below(4) {
            0 => {
                let inner = self.framed(FrameKind::Loop, label, Some(Ty::Unit), |this| {
                    this.leave(this.frames.len() - 1);
                    this.dropping_block(depth)
                });
                lines.push(format!("let mut {counter} = 0; {text}loop {{ {JOIN} {counter} += 1; if {counter} > 2 {{ break; }} {inner} }} {JOIN}"));
            }
            1 => {
                let inner = self.framed(FrameKind::Round, label, None, |this| this.dropping_block(depth));
                let cond = self.choice();
                lines.push(format!("let mut {counter} = 0; {text}while {cond} {{ {JOIN} {counter} += 1; if {counter} > 2 {{ break; }} {inner} }} {JOIN}"));
            }
            2 => {
                let inner = self.framed(FrameKind::Round, label, None, |this| this.dropping_block(depth));
                lines.push(format!("{text}for {counter} in 0..2 {{ {JOIN} {inner} }} {JOIN}"));
            }
            _ => {
                let (first, second) = (self.noisy(), self.noisy());
                let name = self.name(&[]);
                let inner = self.framed(FrameKind::Round, label, None, |this| {
                    this.declare(&name, &Ty::Noisy, false);
                    this.dropping_block(depth)
                });
                lines.push(format!("{text}for {name} in vec![{first}, {second}] {{ {JOIN} {inner} }} {JOIN}"));
            }
        }
    }

    fn dropping_labelled(&mut self, depth: usize, lines: &mut Vec<String>) {
        let inner = self.framed(FrameKind::Block, Some("'a".to_owned()), Some(Ty::Unit), |this| {
            let mut lines = Vec::new();
            this.dropping(depth - 1, &mut lines);
            let cond = this.choice();
            this.leave(this.frames.len() - 1);
            lines.push(format!("if {cond} {{ break 'a; }} {JOIN}"));
            this.dropping(depth - 1, &mut lines);
            one_line(&lines)
        });
        lines.push(format!("'a: {{ {inner} }} {JOIN}"));
    }

    /// `let a = if c { .. b } else { noisy() };`
    fn noisy_from_a_branch(&mut self, depth: usize, lines: &mut Vec<String>) {
        let cond = self.choice();
        let before = self.known();
        let then = self.dropping_block(depth);
        let value = self.noisy();
        let chosen = self.known();
        self.go_back(&before);
        let is_noisy = |var: &Var| var.ty == Ty::Noisy && var.state == State::Ready;
        let other = match self.some_visible(is_noisy).filter(|index| self.can_move(*index)) {
            Some(index) => {
                self.env[index].state = State::Gone;
                self.env[index].name.clone()
            }
            None => self.noisy(),
        };
        let moved = self.known();
        self.join(&[chosen, moved]);
        let name = self.name(&[]);
        lines.push(format!("let {name} = if {cond} {{ {then} {value} }} else {{ {other} }}; {JOIN}"));
        self.declare(&name, &Ty::Noisy, false);
    }

    fn leave_noisily(&mut self, lines: &mut Vec<String>) {
        let cond = self.choice();
        let before = self.known();
        let jump = match self.frames.len() {
            0 => None,
            count => {
                let target = count - 1;
                let frame = &self.frames[target];
                let (kind, label) = (frame.kind, frame.label.clone());
                let to = label.filter(|_| kind == FrameKind::Block || self.random.chance(50));
                let to = to.map_or(String::new(), |label| format!(" {label}"));
                if kind.repeats() && self.random.chance(40) {
                    Some(format!("continue{to}"))
                } else {
                    self.leave(target);
                    Some(format!("break{to}"))
                }
            }
        };
        let jump = jump.filter(|_| self.random.chance(80)).unwrap_or_else(|| {
            let all = match self.ending() {
                Ending::Maybe => ["None::<i64>?", "return None"],
                Ending::Fallible => ["Err::<i64, String>(\"tried\".to_owned())?", "return Err(\"left\".to_owned())"],
                Ending::Plain => ["return 1", "return 2"],
            };
            self.random.one_of(&all).to_owned()
        });
        self.go_back(&before);
        lines.push(format!("if {cond} {{ {jump}; }} {JOIN}"));
    }
}
