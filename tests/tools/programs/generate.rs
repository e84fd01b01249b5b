//! Makes one program from a seed: the text of an async function that compiles, and what it is called with.
//!
//! Programs are made top down by type, with a model of what each local has become ([`scope`](crate::scope)), so that
//! each compiles as a plain async function. Code is made in the order in which it is evaluated, because the model
//! follows it.
//!
//! What `#[flow]` refuses by design is not made (all of it is in `macros/src/check.rs`):
//!
//! - an await in a closure, an async block, a constant, an inner function, a guard, an unsafe block, an argument that
//!   a macro evaluates lazily, or a macro of one's own;
//! - a closure or an iterator that is used after an await, or a borrow that cannot be taken again after it;
//! - a receiver, an indexed place or a shown value that a later, awaiting part of the expression changes;
//! - `place += value` where both sides do something and one awaits;
//! - a `for` loop that awaits, over something else than a range or an owned collection;
//! - a value behind a reference that is shown or compared, where a later part of the expression awaits;
//! - a `cfg` on something that awaits, an unknown label, a type in a block that awaits whose name means something else.
//!
//! Nor is what is known to fail (`Some(None)` over an await, which JSON cannot tell from `None`) and what nobody writes
//! (dead code that is the only one to use a local).

use crate::expressions::optional;
use crate::random::Random;
use crate::scope::{Frame, FrameKind, Known, Lock, State, Var, joined};
use crate::types::Ty;

/// The names of locals: few, so that they hide each other, and some that the generated code might use itself.
const NAMES: [&str; 22] = [
    "a", "b", "c", "n", "m", "x", "y", "s", "t", "name", "items", "total", "value", "operand", "item", "next", "state",
    "answer", "rest", "r#type", "callee", "_z",
];

/// A program that can be compiled and run.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) seed: u64,
    /// `(n: i64)`
    pub(crate) params: String,
    /// `(3i64)`
    pub(crate) args: String,
    pub(crate) output: String,
    pub(crate) lines: Vec<String>,
}

impl Program {
    pub(crate) fn name(&self) -> String {
        format!("p{}", self.seed)
    }

    /// `async fn p3(n: i64) -> bool { .. }`
    pub(crate) fn function(&self) -> Vec<String> {
        let mut lines = vec![format!("async fn {}{} -> {} {{", self.name(), self.params, self.output)];
        lines.extend(self.lines.iter().map(|line| format!("    {line}")));
        lines.push("}".to_owned());
        lines
    }
}

/// What a program returns.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    /// An `Option`.
    Maybe,
    /// A `Result`.
    Fallible,
    /// A value on which `?` does not work.
    Plain,
}

/// Makes the program of a seed. With `drops`, one whose values log when they are dropped.
pub(crate) fn generate(seed: u64, drops: bool) -> Program {
    let mut generator = Generator::new(seed, drops);
    generator.program(seed)
}

pub(crate) struct Generator {
    pub(crate) random: Random,
    pub(crate) env: Vec<Var>,
    pub(crate) frames: Vec<Frame>,
    /// Names of functions `i64 -> i64` in sight.
    pub(crate) helpers: Vec<String>,
    pub(crate) output: Ty,
    /// How many forms may still be nested or follow.
    pub(crate) size: i32,
    /// How many awaits may still be written.
    pub(crate) awaits: i32,
    pub(crate) may_await: bool,
    pub(crate) may_change: bool,
    pub(crate) may_jump: bool,
    /// Whether a condition may bind locals.
    pub(crate) may_bind: bool,
    pub(crate) dead: bool,
    drops: bool,
    pub(crate) numbers: usize,
    /// How many awaits have been written.
    pub(crate) awaited: usize,
}

impl Generator {
    fn new(seed: u64, drops: bool) -> Self {
        let mut random = Random::new(seed);
        let size = 20 + random.below(45) as i32;
        let awaits = 1 + random.below(9) as i32;
        Self {
            random,
            env: Vec::new(),
            frames: Vec::new(),
            helpers: Vec::new(),
            output: Ty::Unit,
            size,
            awaits,
            may_await: true,
            may_change: true,
            may_jump: true,
            may_bind: true,
            dead: false,
            drops,
            numbers: 0,
            awaited: 0,
        }
    }

    fn program(&mut self, seed: u64) -> Program {
        let (mut params, mut args) = (Vec::new(), Vec::new());
        for _ in 0..self.random.below(4) {
            let ty = if self.drops { Ty::I64 } else { self.some_type(1) };
            args.push(self.literal(&ty));
            let mut taken = self.env.iter().map(|var| var.name.clone()).collect();
            let pat = self.irrefutable(&ty, &mut taken, false);
            params.push(format!("{pat}: {}", ty.spelled()));
        }
        self.output = self.output_type();
        let mut lines = Vec::new();
        let statements = 4 + self.random.below(8);
        if !self.drops && self.random.chance(75) {
            let name = self.name(&[]);
            lines.push(format!("let mut {name} = 3i64;"));
            self.declare(&name, &Ty::I64, true);
        }
        let size = self.size;
        for _ in 0..statements {
            // No statement takes it all.
            self.size = size / statements as i32;
            if self.drops {
                self.dropping(4, &mut lines);
            } else {
                self.statement(4, &mut lines);
            }
        }
        self.size = size / statements as i32;
        if self.awaited == 0 {
            self.dead = false;
            let name = self.fresh("q");
            lines.push(format!("ask_unit(\"{name}\").await;"));
            self.wait();
        }
        if self.drops {
            let tail = match self.ending() {
                Ending::Maybe => "Some(5)",
                Ending::Fallible => "Ok(6)",
                Ending::Plain => "7",
            };
            lines.push(tail.to_owned());
            return self.finished(seed, &params, &args, &lines);
        }
        self.show_all(&mut lines);
        let output = self.output.clone();
        if self.random.chance(90) || output != Ty::Unit {
            let tail = self.expr(&output, 2);
            lines.push(if self.random.chance(90) { tail.text } else { format!("return {};", tail.text) });
        }
        self.finished(seed, &params, &args, &lines)
    }

    pub(crate) fn ending(&self) -> Ending {
        if matches!(self.output, Ty::Opt(_)) {
            Ending::Maybe
        } else if matches!(self.output, Ty::Res(_)) {
            Ending::Fallible
        } else {
            Ending::Plain
        }
    }

    fn finished(&self, seed: u64, params: &[String], args: &[String], lines: &[String]) -> Program {
        let lines = lines.iter().flat_map(|line| line.split('\n')).map(str::to_owned).collect();
        Program {
            seed,
            params: format!("({})", params.join(", ")),
            args: format!("({})", args.join(", ")),
            output: self.output.spelled(),
            lines,
        }
    }

    fn output_type(&mut self) -> Ty {
        if self.drops {
            return match self.random.below(4) {
                0 | 1 => Ty::I64,
                2 => Ty::res(Ty::I64),
                _ => Ty::opt(Ty::I64),
            };
        }
        match self.random.below(6) {
            0 => Ty::Unit,
            1 => self.some_option(),
            2 | 3 => {
                let of = self.some_type(1);
                Ty::res(of)
            }
            _ => self.some_type(2),
        }
    }

    /// A type; often that of a local, so that locals are used.
    pub(crate) fn some_type(&mut self, depth: usize) -> Ty {
        if self.random.chance(45)
            && let Some(index) = self.some_visible(|var| var.state == State::Ready && !var.ty.has_noisy())
        {
            return self.env[index].ty.clone();
        }
        let simple = match self.random.weighted(&[(6, 0), (2, 1), (2, 2), (4, 3)]) {
            0 => Ty::I64,
            1 => Ty::U32,
            2 => Ty::Bool,
            _ => Ty::Str,
        };
        if depth == 0 || self.random.chance(50) {
            return simple;
        }
        let of = if depth > 1 && self.random.chance(15) { self.some_type(depth - 1) } else { simple };
        match self.random.below(12) {
            0 | 1 => Ty::vec(of),
            // JSON has one `null` only, so `Some(None)` becomes `None` where it is saved.
            2..=4 if !matches!(of, Ty::Opt(_) | Ty::Unit) => Ty::opt(of),
            2..=4 => Ty::vec(of),
            5 => Ty::res(of),
            6 => Ty::pair(of, Ty::Str),
            7 => Ty::pair(Ty::I64, of),
            8 => Ty::array(of),
            9 => Ty::Map(Box::new(of)),
            10 => Ty::Order,
            _ => Ty::Shape,
        }
    }

    pub(crate) fn some_option(&mut self) -> Ty {
        let of = self.some_type(1);
        optional(&of).unwrap_or(Ty::opt(Ty::I64))
    }

    // ---- Names and locals -----------------------------------------------------------------------------------------

    /// A name that nothing else has.
    pub(crate) fn fresh(&mut self, prefix: &str) -> String {
        self.numbers += 1;
        format!("{prefix}{}", self.numbers)
    }

    /// A name for a local; often one that hides another.
    pub(crate) fn name(&mut self, taken: &[String]) -> String {
        loop {
            let name = self.random.one_of(&NAMES).to_owned();
            if !taken.contains(&name) {
                return name;
            }
        }
    }

    pub(crate) fn depth(&self) -> usize {
        self.frames.iter().filter(|frame| frame.kind.repeats()).count()
    }

    pub(crate) fn declare(&mut self, name: &str, ty: &Ty, mutable: bool) -> usize {
        let depth = self.depth();
        self.env.push(Var {
            name: name.to_owned(),
            ty: ty.clone(),
            mutable,
            is_ref: false,
            is_kept: false,
            of: None,
            vague: false,
            is_const: false,
            state: State::Ready,
            depth,
            lock: Lock::Free,
        });
        self.env.len() - 1
    }

    /// The locals that no other one hides, and for which this holds.
    pub(crate) fn visible(&self, fits: impl Fn(&Var) -> bool) -> Vec<usize> {
        if self.dead {
            // What only dead code needs is not kept, and nothing tells its type any more.
            return Vec::new();
        }
        let is_hidden = |index: usize| self.env[index + 1..].iter().any(|var| var.name == self.env[index].name);
        (0..self.env.len()).filter(|&index| fits(&self.env[index]) && !is_hidden(index)).collect()
    }

    pub(crate) fn some_visible(&mut self, fits: impl Fn(&Var) -> bool) -> Option<usize> {
        let all = self.visible(fits);
        if all.is_empty() { None } else { Some(all[self.random.below(all.len())]) }
    }

    /// A local that can be assigned to as a whole or in parts, or borrowed mutably.
    pub(crate) fn some_mutable(&mut self, fits: impl Fn(&Ty) -> bool) -> Option<usize> {
        self.some_visible(|var| {
            var.mutable && !var.is_ref && var.state == State::Ready && var.lock == Lock::Free && fits(&var.ty)
        })
    }

    /// A local changes or is moved: what borrows from it cannot be used any more.
    pub(crate) fn touch(&mut self, index: usize) {
        for var in &mut self.env {
            if var.of == Some(index) {
                var.state = State::Gone;
            }
        }
    }

    /// The code waits: nothing that is borrowed can be used any more.
    pub(crate) fn wait(&mut self) {
        self.awaited += 1;
        self.end_borrows(false);
    }

    /// Nothing that is borrowed can be used any more; with `kept`, not even what is taken again after an await.
    pub(crate) fn end_borrows(&mut self, kept: bool) {
        self.env.iter_mut().filter(|var| var.is_ref && (kept || !var.is_kept)).for_each(|var| var.state = State::Gone);
    }

    /// Runs `build` while a local may be used by what is around.
    pub(crate) fn locked<T>(&mut self, index: usize, lock: Lock, build: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.env[index].lock;
        self.env[index].lock = before.max(lock);
        let built = build(self);
        self.env[index].lock = before;
        built
    }

    // ---- Paths ----------------------------------------------------------------------------------------------------

    pub(crate) fn known(&self) -> Known {
        Known { states: self.env.iter().map(|var| var.state).collect(), dead: self.dead }
    }

    pub(crate) fn go_back(&mut self, known: &Known) {
        self.dead = known.dead;
        self.env.iter_mut().zip(&known.states).for_each(|(var, state)| var.state = *state);
    }

    /// Paths join here.
    pub(crate) fn join(&mut self, paths: &[Known]) {
        let mut alive = paths.iter().filter(|known| !known.dead);
        self.dead = paths.iter().all(|known| known.dead);
        let Some(first) = alive.next().or(paths.first()) else { return };
        let mut states = first.states.clone();
        for other in alive {
            states.iter_mut().zip(&other.states).for_each(|(state, other)| *state = joined(*state, *other));
        }
        self.env.iter_mut().zip(&states).for_each(|(var, state)| var.state = *state);
    }

    /// Runs `build`, and forgets the locals that it declares.
    pub(crate) fn scoped<T>(&mut self, build: impl FnOnce(&mut Self) -> T) -> T {
        let (locals, helpers) = (self.env.len(), self.helpers.len());
        let built = build(self);
        self.env.truncate(locals);
        self.helpers.truncate(helpers);
        built
    }

    /// Runs `build` as code that may be left out.
    pub(crate) fn maybe<T>(&mut self, build: impl FnOnce(&mut Self) -> T) -> T {
        let (without, awaited) = (self.known(), self.awaited);
        let built = build(self);
        let with = self.known();
        self.join(&[without, with]);
        self.joined_since(awaited);
        built
    }

    /// Paths have joined after a construct. If it awaits, then no borrow goes on after it, not even on a path that does
    /// not wait.
    pub(crate) fn joined_since(&mut self, awaited: usize) {
        if self.awaited > awaited {
            self.end_borrows(false);
        }
    }

    /// Runs `build` inside something that `break` can leave, and goes on after it.
    pub(crate) fn framed<T>(
        &mut self,
        kind: FrameKind,
        label: Option<String>,
        value: Option<Ty>,
        build: impl FnOnce(&mut Self) -> T,
    ) -> T {
        if kind.repeats() {
            // A later round could come back to what is used here.
            self.end_borrows(true);
        }
        let (before, awaited) = (self.known(), self.awaited);
        self.frames.push(Frame { kind, label, value, breaks: Vec::new(), locals: self.env.len() });
        let built = self.scoped(build);
        let frame = self.frames.pop().expect("it has been pushed");
        let mut paths: Vec<_> = frame.breaks.into_iter().map(|states| Known { states, dead: false }).collect();
        match kind {
            FrameKind::Loop => {}
            FrameKind::Round | FrameKind::Condition => paths.push(before.clone()),
            FrameKind::Block => paths.push(self.known()),
        }
        if paths.is_empty() {
            self.dead = true;
        } else {
            self.join(&paths);
            self.dead |= before.dead;
        }
        self.joined_since(awaited);
        built
    }

    /// Runs `build` without awaits.
    pub(crate) fn at_once<T>(&mut self, build: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.may_await, false);
        let built = build(self);
        self.may_await = before;
        built
    }

    /// Runs `build` as code that may run again or not at all, and owns nothing: a closure or a guard.
    pub(crate) fn aside<T>(&mut self, build: impl FnOnce(&mut Self) -> T) -> T {
        let before = (self.may_await, self.may_change, self.may_jump);
        (self.may_await, self.may_change, self.may_jump) = (false, false, false);
        let built = self.maybe(build);
        (self.may_await, self.may_change, self.may_jump) = before;
        built
    }
}
