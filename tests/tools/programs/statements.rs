//! Statements of every kind.

use crate::expressions::{one_line, optional};
use crate::generate::Generator;
use crate::patterns::Look;
use crate::scope::{FrameKind, Lock, State, Var};
use crate::types::Ty;

impl Generator {
    /// One or several statements that can stand here.
    pub(crate) fn statement(&mut self, depth: usize, lines: &mut Vec<String>) {
        self.size -= 1;
        let small = depth == 0 || self.size <= 0;
        loop {
            let form = if small {
                self.random.weighted(&[(5, 0), (3, 6), (3, 4)])
            } else {
                self.random.weighted(&[
                    (14, 0),
                    (5, 1),
                    (5, 2),
                    (5, 3),
                    (8, 4),
                    (6, 5),
                    (7, 6),
                    (3, 7),
                    (9, 8),
                    (7, 9),
                    (8, 10),
                    (4, 11),
                    (3, 12),
                    (4, 13),
                    (4, 14),
                    (4, 15),
                    (3, 16),
                    (7, 17),
                    (5, 18),
                    (5, 19),
                    (3, 20),
                    (1, 21),
                    (3, 22),
                    (4, 23),
                    (3, 24),
                ])
            };
            let depth = depth.max(1);
            let done = match form {
                0 => self.let_(depth, lines),
                1 => self.let_pattern(depth, lines),
                2 => self.let_else(depth, lines),
                3 => self.set_later(depth, lines),
                4 => self.assign(depth, lines),
                5 => self.compound(depth, lines),
                6 => self.log(depth, lines),
                7 => self.show(lines),
                8 => self.if_statement(depth, lines),
                9 => self.match_statement(depth, lines),
                10 => self.for_loop(depth, lines),
                11 => self.while_loop(depth, lines),
                12 => self.endless_loop(depth, lines),
                13 => self.labelled(depth, lines),
                14 => self.jump_maybe(depth, lines),
                15 => self.closure(depth, lines),
                16 => self.item(lines),
                17 => self.mutate(depth, lines),
                18 => self.borrow(lines),
                19 => self.move_and_refill(depth, lines),
                20 => self.move_and_leave(depth, lines),
                21 => self.leave_for_good(depth, lines),
                22 => self.assertion(depth, lines),
                23 => self.parts(depth, lines),
                _ => self.fall_back(lines),
            };
            if done {
                return;
            }
        }
    }

    /// Statements in braces, indented.
    fn braced(&mut self, lines: &mut Vec<String>, build: impl FnOnce(&mut Self, &mut Vec<String>)) {
        let mut inner = Vec::new();
        build(self, &mut inner);
        lines.extend(inner.iter().flat_map(|line| line.split('\n')).map(|line| format!("    {line}")));
    }

    fn some(&mut self, depth: usize, lines: &mut Vec<String>) {
        for _ in 0..1 + self.random.below(3) {
            self.statement(depth.saturating_sub(1), lines);
        }
    }

    // ---- Locals ---------------------------------------------------------------------------------------------------

    fn let_(&mut self, depth: usize, lines: &mut Vec<String>) -> bool {
        let ty = self.some_type(2);
        let vague = matches!(ty, Ty::I64 | Ty::U32) && self.random.chance(25);
        let value = if vague { self.random.below(9).to_string() } else { self.expr(&ty, depth).text };
        let name = self.name(&[]);
        let mutable = self.random.chance(55);
        let typed = if self.random.chance(35) { format!(": {}", ty.spelled()) } else { String::new() };
        lines.push(format!("let {}{name}{typed} = {value};", if mutable { "mut " } else { "" }));
        let index = self.declare(&name, &ty, mutable);
        self.env[index].vague = vague && typed.is_empty();
        true
    }

    fn let_pattern(&mut self, depth: usize, lines: &mut Vec<String>) -> bool {
        let ty = match self.random.below(4) {
            0 => Ty::Order,
            1 => {
                let of = self.some_type(1);
                Ty::array(of)
            }
            _ => {
                let (first, second) = (self.some_type(1), self.some_type(1));
                Ty::pair(first, second)
            }
        };
        let value = self.expr(&ty, depth);
        let of = self.local_of(&value);
        let by_ref = false;
        let pattern = self.pattern(&ty, 2, &mut Vec::new(), Look { by_ref, is_kept: false, of, refutable: false });
        lines.push(format!("let {pattern} = {};", value.text));
        true
    }

    fn let_else(&mut self, depth: usize, lines: &mut Vec<String>) -> bool {
        if !self.may_jump {
            return false;
        }
        let ty = match self.random.below(4) {
            0 => Ty::Shape,
            1 => {
                let of = self.some_type(1);
                Ty::res(of)
            }
            _ => self.some_option(),
        };
        let value = self.expr(&ty, depth).tight();
        let before = self.known();
        let mut otherwise = Vec::new();
        let jump = self.scoped(|this| {
            if this.random.chance(50) {
                this.statement(depth - 1, &mut otherwise);
            }
            this.jump(depth)
        });
        // Without somewhere to go, it panics.
        otherwise.push(jump.map_or("panic!(\"else\");".to_owned(), |jump| format!("{jump};")));
        self.go_back(&before);
        let of = self.env.iter().rposition(|var| var.name == value);
        let look = Look { by_ref: false, is_kept: false, of, refutable: true };
        let pattern = self.pattern(&ty, 2, &mut Vec::new(), look);
        lines.push(format!("let {pattern} = {value} else {{ {} }};", one_line(&otherwise)));
        true
    }

    /// `let x; .. x = value;`
    fn set_later(&mut self, depth: usize, lines: &mut Vec<String>) -> bool {
        let ty = self.some_type(1);
        let name = self.name(&[]);
        let mutable = self.random.chance(30);
        let typed = if self.random.chance(50) { format!(": {}", ty.spelled()) } else { String::new() };
        lines.push(format!("let {}{name}{typed};", if mutable { "mut " } else { "" }));
        let index = self.declare(&name, &ty, mutable);
        self.env[index].state = State::Unset;
        self.env[index].lock = Lock::Exclusive;
        // Whatever comes between leaves it alone, as long as it does not hide it.
        let mut between = Vec::new();
        if self.random.chance(50) {
            self.scoped(|this| this.statement(depth - 1, &mut between));
            lines.push(format!("{{ {} }}", one_line(&between)));
        }
        let set = |this: &mut Self| {
            let value = this.expr(&ty, depth - 1).text;
            format!("{name} = {value};")
        };
        if self.random.chance(30) {
            let text = set(self);
            lines.push(text);
        } else if self.random.chance(60) {
            // The condition must not hide what is set.
            let binds = std::mem::replace(&mut self.may_bind, false);
            let (cond, then, otherwise) = self.branches(depth, set, set);
            self.may_bind = binds;
            lines.push(format!("if {cond} {{ {then} }} else {{ {otherwise} }}"));
        } else {
            let counter = self.fresh("r");
            let mut inner = Vec::new();
            lines.push(format!("let mut {counter} = 0;"));
            self.framed(FrameKind::Loop, None, None, |this| {
                let jumps = std::mem::replace(&mut this.may_jump, false);
                this.scoped(|this| this.statement(depth - 1, &mut inner));
                inner.insert(0, "{".to_owned());
                inner.push("}".to_owned());
                let value = this.expr(&ty, depth - 1).text;
                this.may_jump = jumps;
                inner.push(format!("{name} = {value}; break;"));
                this.leave(this.frames.len() - 1);
                this.dead = true;
            });
            lines.push(format!(
                "loop {{ {counter} += 1; if {counter} > 4 {{ panic!(\"rounds\"); }} {} }}",
                one_line(&inner)
            ));
        }
        self.env[index].state = State::Ready;
        self.env[index].lock = Lock::Free;
        true
    }

    /// A number whose type nothing says.
    fn fall_back(&mut self, lines: &mut Vec<String>) -> bool {
        let name = self.fresh("i");
        let n = self.random.below(100);
        let mutable = self.random.chance(50);
        lines.push(format!("let {}{name} = {n};", if mutable { "mut " } else { "" }));
        if mutable {
            lines.push(format!("{name} += 1;"));
        }
        if self.may_await && self.awaits > 0 && self.random.chance(70) {
            self.awaits -= 1;
            let text = self.fresh("q");
            lines.push(format!("ask_unit(\"{text}\").await;"));
            self.wait();
        }
        let text = self.random.one_of(&["{}", "{:?}"]);
        lines.push(format!("log(format!(\"{text} {{}}\", {name}, std::mem::size_of_val(&{name})));"));
        true
    }

    // ---- Assignments ----------------------------------------------------------------------------------------------

    fn assign(&mut self, depth: usize, lines: &mut Vec<String>) -> bool {
        if !self.may_change {
            return false;
        }
        // A local that has been moved gets a value again.
        let can_be_set = |var: &Var| var.mutable && !var.is_ref && var.lock == Lock::Free;
        let Some(index) = self.some_visible(can_be_set) else { return false };
        let var = self.env[index].clone();
        if let Ty::Array(of) = &var.ty
            && var.state == State::Ready
            && self.random.chance(50)
        {
            // The index is evaluated after the value.
            let value = self.locked(index, Lock::Shared, |this| this.expr(of, depth)).text;
            let at = self.locked(index, Lock::Exclusive, |this| this.expr(&Ty::U32, depth)).tight();
            self.touch(index);
            lines.push(format!("{}[{at} as usize % 3] = {value};", var.name));
            return true;
        }
        let value = self.expr(&var.ty, depth);
        self.touch(index);
        lines.push(format!("{} = {};", var.name, value.text));
        self.env[index].state = State::Ready;
        true
    }

    fn compound(&mut self, depth: usize, lines: &mut Vec<String>) -> bool {
        if !self.may_change {
            return false;
        }
        let Some(index) = self.some_mutable(|ty| matches!(ty, Ty::I64 | Ty::U32 | Ty::Bool | Ty::Order)) else {
            return self.destructured(depth, lines);
        };
        let var = self.env[index].clone();
        let (ty, place) = match &var.ty {
            Ty::Order => (Ty::I64, format!("{}.total", var.name)),
            ty => (ty.clone(), var.name.clone()),
        };
        let ops: &[&str] = if ty == Ty::Bool {
            &["&=", "|=", "^="]
        } else if ty == Ty::U32 {
            &["+=", "^=", "|="]
        } else {
            &["+=", "-=", "^=", "*=", "%="]
        };
        let op = self.random.one_of(ops);
        let value = if op == "%=" {
            "7".to_owned()
        } else if var.ty == Ty::Order {
            self.locked(index, Lock::Exclusive, |this| this.expr(&ty, depth)).text
        } else {
            self.expr(&ty, depth).text
        };
        self.touch(index);
        lines.push(format!("{place} {op} {value};"));
        true
    }

    /// `(a, b) = value;`
    fn destructured(&mut self, depth: usize, lines: &mut Vec<String>) -> bool {
        let Some(first) = self.some_mutable(|_| true) else { return false };
        let Some(second) = self.some_mutable(|_| true).filter(|second| *second != first) else { return false };
        let (one, two) = (self.env[first].clone(), self.env[second].clone());
        let value = self.expr(&Ty::pair(one.ty, two.ty), depth);
        for index in [first, second] {
            self.touch(index);
            self.env[index].state = State::Ready;
        }
        lines.push(format!("({}, {}) = {};", one.name, two.name, value.text));
        true
    }

    // ---- What can be seen -----------------------------------------------------------------------------------------

    fn log(&mut self, depth: usize, lines: &mut Vec<String>) -> bool {
        if self.random.chance(35)
            && let Some(changed) = self.changed_operand(depth)
        {
            lines.push(format!("log({});", changed.text));
            return true;
        }
        let ty = self.random.one_of(&[&Ty::I64, &Ty::Str, &Ty::Bool, &Ty::U32]).clone();
        let value = self.expr(&ty, depth).text;
        lines.push(format!("log({value});"));
        true
    }

    /// Logs some locals.
    fn show(&mut self, lines: &mut Vec<String>) -> bool {
        let mut all = self.visible(|var| var.state == State::Ready && var.lock < Lock::Exclusive && !var.is_const);
        all.truncate(3);
        if all.is_empty() {
            return false;
        }
        let captured: Vec<_> = all.iter().map(|&index| self.env[index].name.clone()).collect();
        let shown: Vec<_> =
            captured.iter().filter(|name| !name.starts_with("r#")).map(|name| format!("{{{name}:?}}")).collect();
        lines.push(format!("log(format!(\"{}\"));", shown.join(" ")));
        true
    }

    /// Logs all locals that can be seen at the end.
    pub(crate) fn show_all(&mut self, lines: &mut Vec<String>) {
        let all = self.visible(|var| var.state == State::Ready && !var.is_const);
        for index in all {
            let name = &self.env[index].name.clone();
            match self.random.below(4) {
                0 => lines.push(format!("log(format!(\"{{:?}}\", {name}));")),
                1 | 2 if !name.starts_with("r#") => lines.push(format!("log(format!(\"{{{name}:?}}\"));")),
                _ => {}
            }
        }
    }

    fn assertion(&mut self, depth: usize, lines: &mut Vec<String>) -> bool {
        if self.random.chance(50) {
            let cond = self.expr(&Ty::Bool, depth).text;
            lines.push(format!("assert!({cond} || true);"));
        } else {
            let cond = self.expr(&Ty::Bool, depth).text;
            lines.push(format!("assert_eq!({cond}, true, \"as {{}} said\", 1);"));
        }
        true
    }

    // ---- Branches -------------------------------------------------------------------------------------------------

    fn if_statement(&mut self, depth: usize, lines: &mut Vec<String>) -> bool {
        let (mut then, mut otherwise) = (Vec::new(), Vec::new());
        let has_else = self.random.chance(55);
        let (cond, (), ()) = self.branches(
            depth,
            |this| this.braced(&mut then, |this, lines| this.some(depth, lines)),
            |this| {
                if has_else {
                    this.braced(&mut otherwise, |this, lines| this.some(depth, lines));
                }
            },
        );
        lines.push(format!("if {cond} {{"));
        lines.extend(then);
        if has_else {
            lines.push("} else {".to_owned());
            lines.extend(otherwise);
        }
        lines.push("}".to_owned());
        true
    }

    fn match_statement(&mut self, depth: usize, lines: &mut Vec<String>) -> bool {
        let text = self.arms(depth, |this, _| {
            let mut inner = Vec::new();
            this.scoped(|this| this.some(depth, &mut inner));
            format!("{{ {} }}", one_line(&inner))
        });
        lines.push(text);
        true
    }

    // ---- Loops ----------------------------------------------------------------------------------------------------

    fn for_loop(&mut self, depth: usize, lines: &mut Vec<String>) -> bool {
        let item = match self.random.below(4) {
            0 => Ty::U32,
            _ => self.some_type(1),
        };
        let (iter, item) = match self.random.below(7) {
            0 | 1 => {
                let end = self.expr(&Ty::U32, depth - 1).tight();
                (format!("0..({end}) % 4"), Ty::U32)
            }
            2 => {
                let start = self.expr(&Ty::U32, 1).tight();
                let end = self.expr(&Ty::U32, depth - 1).tight();
                (format!("({start}) % 3..=({end}) % 4"), Ty::U32)
            }
            3 => {
                let item = if optional(&item).is_some() { item } else { Ty::Str };
                (self.expr(&Ty::opt(item.clone()), depth - 1).in_condition(), item)
            }
            4 => {
                let map = Ty::Map(Box::new(item.clone()));
                (self.expr(&map, depth - 1).in_condition(), Ty::pair(Ty::Str, item))
            }
            5 => (self.expr(&Ty::array(item.clone()), depth - 1).in_condition(), item),
            _ => (self.expr(&Ty::vec(item.clone()), depth - 1).in_condition(), item),
        };
        let label = self.label();
        let mut inner = Vec::new();
        let pattern = self.framed(FrameKind::Round, label.clone(), None, |this| {
            let look = Look { by_ref: false, is_kept: false, of: None, refutable: false };
            let pattern = this.pattern(&item, 1, &mut Vec::new(), look);
            this.braced(&mut inner, |this, lines| this.some(depth, lines));
            pattern
        });
        let label = label.map_or(String::new(), |label| format!("{label}: "));
        lines.push(format!("{label}for {pattern} in {iter} {{"));
        lines.extend(inner);
        lines.push("}".to_owned());
        true
    }

    fn while_loop(&mut self, depth: usize, lines: &mut Vec<String>) -> bool {
        let counter = self.fresh("r");
        let rounds = 1 + self.random.below(3);
        let label = self.label();
        let mut inner = Vec::new();
        let cond = self.framed(FrameKind::Round, label.clone(), None, |this| {
            let frame = this.frames.len() - 1;
            this.frames[frame].kind = FrameKind::Condition;
            let (cond, _) = this.condition(depth - 1);
            this.frames[frame].kind = FrameKind::Round;
            this.braced(&mut inner, |this, lines| {
                lines.push(format!("if {counter} > {rounds} {{ break; }}"));
                lines.push(format!("{counter} += 1;"));
                let locals = this.frames[frame].locals;
                let states = this.env[..locals].iter().map(|var| var.state).collect();
                this.frames[frame].breaks.push(states);
                this.some(depth, lines);
            });
            cond
        });
        let label = label.map_or(String::new(), |label| format!("{label}: "));
        lines.push(format!("let mut {counter} = 0;"));
        lines.push(format!("{label}while {cond} {{"));
        lines.extend(inner);
        lines.push("}".to_owned());
        true
    }

    fn endless_loop(&mut self, depth: usize, lines: &mut Vec<String>) -> bool {
        let counter = self.fresh("r");
        let rounds = self.random.below(3);
        let label = self.label();
        let mut inner = Vec::new();
        self.framed(FrameKind::Loop, label.clone(), Some(Ty::Unit), |this| {
            this.braced(&mut inner, |this, lines| {
                lines.push(format!("{counter} += 1;"));
                lines.push(format!("if {counter} > {rounds} {{ break; }}"));
                this.leave(this.frames.len() - 1);
                this.some(depth, lines);
            });
        });
        let label = label.map_or(String::new(), |label| format!("{label}: "));
        lines.push(format!("let mut {counter} = 0;"));
        lines.push(format!("{label}loop {{"));
        lines.extend(inner);
        lines.push("}".to_owned());
        true
    }

    fn labelled(&mut self, depth: usize, lines: &mut Vec<String>) -> bool {
        let label = self.random.one_of(&["'a", "'b", "'c"]).to_owned();
        let mut inner = Vec::new();
        self.framed(FrameKind::Block, Some(label.clone()), Some(Ty::Unit), |this| {
            this.braced(&mut inner, |this, lines| {
                this.some(depth, lines);
                this.jump_maybe(1, lines);
                this.some(depth, lines);
            });
        });
        lines.push(format!("{label}: {{"));
        lines.extend(inner);
        lines.push("}".to_owned());
        true
    }

    // ---- Jumps ----------------------------------------------------------------------------------------------------

    /// `if cond { jump }`
    fn jump_maybe(&mut self, depth: usize, lines: &mut Vec<String>) -> bool {
        if !self.may_jump {
            return false;
        }
        let (cond, jump, ()) = self.branches(
            1,
            |this| {
                let jump = this.jump(depth);
                this.dead |= jump.is_some();
                jump
            },
            |_| (),
        );
        lines.push(format!("if {cond} {{ {}; }}", jump.unwrap_or("log(\"stay\")".to_owned())));
        true
    }

    /// A jump, and what comes after it is never reached.
    fn leave_for_good(&mut self, depth: usize, lines: &mut Vec<String>) -> bool {
        if self.frames.is_empty() && self.random.chance(80) {
            return false;
        }
        let Some(jump) = self.jump(depth) else { return false };
        lines.push(format!("{jump};"));
        self.dead = true;
        true
    }

    /// `if cond { let y = x; .. break; }`: moves what may be moved once only, and leaves.
    fn move_and_leave(&mut self, depth: usize, lines: &mut Vec<String>) -> bool {
        if !self.may_jump || !self.may_change {
            return false;
        }
        let can_go = |var: &Var| {
            !var.ty.is_copy() && !var.is_ref && !var.is_const && var.state == State::Ready && var.lock == Lock::Free
        };
        let Some(index) = self.some_visible(can_go) else { return false };
        let var = self.env[index].clone();
        let (cond, inner, ()) = self.branches(
            1,
            |this| {
                // Only out of all loops that the local is declared outside of.
                if this.env[index].state != State::Ready || !this.visible(|_| true).contains(&index) {
                    return None;
                }
                this.env[index].state = State::Gone;
                this.touch(index);
                let jump = this.jump_past(var.depth, depth);
                this.dead = true;
                Some(format!("log(format!(\"{{:?}}\", {})); drop({}); {jump};", var.name, var.name))
            },
            |_| (),
        );
        let Some(inner) = inner else {
            lines.push(format!("if {cond} {{ log(\"here\"); }}"));
            return true;
        };
        lines.push(format!("if {cond} {{ {inner} }}"));
        true
    }

    /// A jump out of all loops inside of this depth.
    fn jump_past(&mut self, depth: usize, size: usize) -> String {
        let mut around = 0;
        let mut target = None;
        for (index, frame) in self.frames.iter().enumerate() {
            around += usize::from(frame.kind.repeats());
            if around > depth {
                target = Some(index);
                break;
            }
        }
        let innermost = target.is_some_and(|target| target + 1 == self.frames.len());
        match target {
            Some(target) if innermost && self.frames[target].kind != FrameKind::Condition => {
                let value = self.frames[target].value.clone().filter(|ty| *ty != Ty::Unit);
                let value = value.map_or(String::new(), |ty| format!(" {}", self.expr(&ty, size.min(1)).after_break()));
                self.leave(target);
                format!("break{value}")
            }
            _ => {
                let output = self.output.clone();
                format!("return {}", self.expr(&output, size.min(1)).text)
            }
        }
    }

    /// A local whose parts are moved out one by one, with awaits between.
    fn parts(&mut self, depth: usize, lines: &mut Vec<String>) -> bool {
        if self.awaits <= 0 || !self.may_await {
            return false;
        }
        let (ty, [name, items, total]) = match self.random.below(2) {
            0 => (Ty::Order, ["name", "items", "total"]),
            _ => (Ty::pair(Ty::Str, Ty::pair(Ty::vec(Ty::I64), Ty::I64)), ["0", "1.0", "1.1"]),
        };
        let value = self.expr(&ty, depth.min(2)).text;
        let whole = self.fresh("w");
        lines.push("{".to_owned());
        self.braced(lines, |this, lines| {
            lines.push(format!("let mut {whole} = {value};"));
            let (mut has_name, mut has_items) = (true, true);
            for _ in 0..4 + this.random.below(5) {
                let question = this.fresh("q");
                match this.random.below(10) {
                    0 if has_name => {
                        lines.push(format!("log({whole}.{name});"));
                        has_name = false;
                    }
                    1 if has_name => {
                        lines.push(format!("if ask_bool(\"{question}\").await {{ drop({whole}.{name}); }}"));
                        this.wait();
                        has_name = false;
                    }
                    2 if has_name => {
                        lines.push(format!("{whole}.{name} = ask_text({whole}.{name}).await;"));
                        this.wait();
                    }
                    3 if has_items => {
                        lines.push(format!("for n in {whole}.{items} {{ log(n); ask_unit(n).await; }}"));
                        this.wait();
                        has_items = false;
                    }
                    4 if has_items => {
                        lines.push(format!("let {question} = {whole}.{items}; log({question}.len() as i64);"));
                        has_items = false;
                    }
                    5 if has_items => lines.push(format!("{whole}.{items}.push({whole}.{total} % 9);")),
                    6 if has_name => lines.push(format!("log(short(format!(\"{{}}\", &{whole}.{name})));")),
                    7 => this.scoped(|this| {
                        this.braced(lines, |this, lines| {
                            lines.push("{".to_owned());
                            this.statement(depth.saturating_sub(1), lines);
                            lines.push("}".to_owned());
                        })
                    }),
                    _ => {
                        lines.push(format!("{whole}.{total} += signed(\"{question}\").await % 7;"));
                        this.wait();
                    }
                }
            }
            lines.push(format!("log({whole}.{total});"));
        });
        lines.push("}".to_owned());
        true
    }

    // ---- Pieces without an await ----------------------------------------------------------------------------------

    fn closure(&mut self, depth: usize, lines: &mut Vec<String>) -> bool {
        if self.random.chance(50) || !self.may_change {
            let name = self.fresh("f");
            let body = self.scoped(|this| {
                this.declare("arg", &Ty::I64, false);
                this.aside(|this| this.expr(&Ty::I64, depth.min(2))).text
            });
            let body = if body.starts_with('{') { format!("({body})") } else { body };
            lines.push(format!("{{ let {name} = |arg: i64| {body}; log({name}(1) + {name}(2)); }}"));
            return true;
        }
        let Some(index) = self.some_mutable(|ty| *ty == Ty::I64) else { return false };
        let name = self.env[index].name.clone();
        self.touch(index);
        let amount = self.at_once(|this| this.locked(index, Lock::Exclusive, |this| this.expr(&Ty::I64, 1))).text;
        lines.push(format!("{{ let mut add = |arg: i64| {name} += arg; add(1); add({amount}); }}"));
        true
    }

    fn item(&mut self, lines: &mut Vec<String>) -> bool {
        let n = self.random.below(9);
        if self.random.chance(50) {
            let name = self.fresh("helper");
            lines.push(format!("fn {name}(n: i64) -> i64 {{ let x = n; x % 100 + {n} }}"));
            self.helpers.push(name);
        } else {
            let name = self.fresh("LIMIT");
            lines.push(format!("const {name}: i64 = {n};"));
            let index = self.declare(&name, &Ty::I64, false);
            self.env[index].is_const = true;
        }
        true
    }

    /// Subscription a local through one of its methods, or through a reference.
    fn mutate(&mut self, depth: usize, lines: &mut Vec<String>) -> bool {
        if !self.may_change {
            return false;
        }
        let Some(index) = self.some_mutable(|ty| !matches!(ty, Ty::Shape | Ty::Res(_) | Ty::Unit | Ty::Bool)) else {
            return false;
        };
        let (name, ty) = (self.env[index].name.clone(), self.env[index].ty.clone());
        self.touch(index);
        let text = self.locked(index, Lock::Exclusive, |this| match &ty {
            Ty::Vec(of) => format!("{name}.push({});", this.expr(of, depth).text),
            Ty::Str => {
                let value = this.expr(&Ty::Str, depth).tight();
                format!("{name}.push_str(&{value}); {name}.truncate(40);")
            }
            Ty::Map(of) => {
                let key = this.expr(&Ty::Str, depth).text;
                format!("{name}.insert({key}, {});", this.expr(of, depth).text)
            }
            Ty::Opt(of) => {
                let value = this.expr(of, depth).text;
                if this.random.chance(50) || of.has_noisy() {
                    format!("{name} = Some({value});")
                } else {
                    format!("{name}.get_or_insert({value});")
                }
            }
            Ty::Order => match this.random.below(3) {
                0 => format!("{name}.items.push({});", this.expr(&Ty::I64, depth).text),
                1 => format!("{name}.total = {};", this.expr(&Ty::I64, depth).text),
                _ => format!("{name}.name = {};", this.expr(&Ty::Str, depth).text),
            },
            Ty::Pair(first, _) => format!("{name}.0 = {};", this.expr(first, depth).text),
            Ty::Array(of) => format!("{name}[1] = {};", this.expr(of, depth).text),
            ty => {
                let value = this.at_once(|this| this.expr(ty, 1)).text;
                format!("{{ let place = &mut {name}; *place = {value}; }}")
            }
        });
        lines.push(text);
        true
    }

    /// `let r = &x;`
    fn borrow(&mut self, lines: &mut Vec<String>) -> bool {
        let can_be_lent = |var: &Var| {
            var.state == State::Ready && var.lock < Lock::Exclusive && !var.is_ref && !var.is_const && !var.vague
        };
        let Some(index) = self.some_visible(can_be_lent) else { return false };
        let var = self.env[index].clone();
        let name = self.name(&[]);
        let by_pattern = self.random.chance(20);
        lines.push(if by_pattern {
            format!("let ref {name} = {};", var.name)
        } else {
            format!("let {name} = &{};", var.name)
        });
        let lent = self.declare(&name, &var.ty, false);
        self.env[lent].is_ref = true;
        self.env[lent].is_kept = !by_pattern;
        self.env[lent].of = Some(index);
        true
    }

    /// `let y = x; .. x = value;`
    fn move_and_refill(&mut self, depth: usize, lines: &mut Vec<String>) -> bool {
        if !self.may_change {
            return false;
        }
        let Some(index) = self.some_mutable(|ty| !ty.is_copy()) else { return false };
        let (name, ty) = (self.env[index].name.clone(), self.env[index].ty.clone());
        self.touch(index);
        let taken = self.fresh("taken");
        let text = self.locked(index, Lock::Exclusive, |this| {
            this.scoped(|this| {
                let jumps = std::mem::replace(&mut this.may_jump, false);
                let mut inner = vec![format!("let {taken} = {name};")];
                this.declare(&taken, &ty, false);
                inner.push("{".to_owned());
                this.scoped(|this| this.statement(depth - 1, &mut inner));
                inner.push("}".to_owned());
                let value = this.expr(&ty, depth - 1).text;
                inner.push(format!("{name} = {value};"));
                this.may_jump = jumps;
                one_line(&inner)
            })
        });
        lines.push(format!("{{ {text} }}"));
        true
    }
}
