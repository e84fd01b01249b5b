//! Patterns of every kind.

use crate::generate::Generator;
use crate::scope::State;
use crate::types::Ty;

/// How a pattern looks at what it is matched with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// It is a reference, so that all bindings are.
    pub(crate) by_ref: bool,
    /// What it borrows is borrowed again after an await.
    pub(crate) is_kept: bool,
    /// The local that is looked at.
    pub(crate) of: Option<usize>,
    /// The pattern may fail to match.
    pub(crate) refutable: bool,
}

impl Generator {
    /// A pattern that always matches. Declares what it binds.
    pub(crate) fn irrefutable(&mut self, ty: &Ty, taken: &mut Vec<String>, by_ref: bool) -> String {
        self.pattern(ty, 2, taken, Look { by_ref, is_kept: false, of: None, refutable: false })
    }

    /// A pattern. Declares what it binds.
    pub(crate) fn pattern(&mut self, ty: &Ty, depth: usize, taken: &mut Vec<String>, look: Look) -> String {
        let bare = depth == 0 || self.random.chance(if look.refutable { 25 } else { 45 });
        if bare {
            return self.binding(ty, taken, look);
        }
        match ty {
            Ty::I64 | Ty::U32 if look.refutable => self.number_pattern(ty, taken, look),
            Ty::Bool if look.refutable => self.random.one_of(&["true", "false"]).to_owned(),
            Ty::Opt(of) if look.refutable => {
                if self.random.chance(25) {
                    return "None".to_owned();
                }
                format!("Some({})", self.pattern(of, depth - 1, taken, look))
            }
            Ty::Res(of) if look.refutable => {
                if self.random.chance(30) {
                    return format!("Err({})", self.pattern(&Ty::Str, depth - 1, taken, look));
                }
                format!("Ok({})", self.pattern(of, depth - 1, taken, look))
            }
            Ty::Shape if look.refutable => self.shape_pattern(taken, look),
            Ty::Pair(first, second) => {
                if self.random.chance(15) {
                    let rest = if self.random.chance(50) {
                        self.pattern(first, depth - 1, taken, look)
                    } else {
                        String::new()
                    };
                    return if rest.is_empty() { "(..)".to_owned() } else { format!("({rest}, ..)") };
                }
                let first = self.pattern(first, depth - 1, taken, look);
                let second = self.pattern(second, depth - 1, taken, look);
                self.at(ty, format!("({first}, {second})"), taken, look)
            }
            Ty::Array(of) => match self.random.below(3) {
                0 => {
                    let parts: Vec<_> = (0..3).map(|_| self.pattern(of, depth - 1, taken, look)).collect();
                    format!("[{}]", parts.join(", "))
                }
                1 => {
                    let first = self.pattern(of, depth - 1, taken, look);
                    format!("[{first}, ..]")
                }
                _ => {
                    let first = self.pattern(of, depth - 1, taken, look);
                    let last = self.pattern(of, depth - 1, taken, look);
                    format!("[{first}, .., {last}]")
                }
            },
            Ty::Order => match self.random.below(3) {
                0 if !taken.contains(&"total".to_owned()) => {
                    taken.push("total".to_owned());
                    self.bind("total", &Ty::I64, false, look);
                    "Order { total, .. }".to_owned()
                }
                1 => {
                    let items = self.pattern(&Ty::vec(Ty::I64), 0, taken, look);
                    format!("Order {{ items: {items}, name: _, total: _ }}")
                }
                _ => {
                    let name = self.pattern(&Ty::Str, 0, taken, look);
                    let total = self.pattern(&Ty::I64, depth - 1, taken, look);
                    format!("Order {{ name: {name}, total: {total}, .. }}")
                }
            },
            Ty::I64 | Ty::U32 | Ty::Bool | Ty::Opt(_) | Ty::Res(_) | Ty::Shape => self.binding(ty, taken, look),
            Ty::Str | Ty::Unit | Ty::Vec(_) | Ty::Map(_) | Ty::Noisy => self.binding(ty, taken, look),
        }
    }

    /// `x @ pattern`, of what is copied.
    fn at(&mut self, ty: &Ty, pattern: String, taken: &mut Vec<String>, look: Look) -> String {
        if !ty.is_copy() || look.by_ref || self.random.chance(80) || pattern.contains("ref ") {
            return pattern;
        }
        let name = self.name(taken);
        taken.push(name.clone());
        self.bind(&name, ty, false, look);
        format!("{name} @ {pattern}")
    }

    /// `x`, `mut x`, `ref x` or `_`.
    fn binding(&mut self, ty: &Ty, taken: &mut Vec<String>, look: Look) -> String {
        if self.random.chance(12) {
            return "_".to_owned();
        }
        let name = self.name(taken);
        taken.push(name.clone());
        if !look.by_ref && self.random.chance(8) {
            self.bind(&name, ty, false, Look { by_ref: true, is_kept: false, ..look });
            return format!("ref {name}");
        }
        let mutable = !look.by_ref && self.random.chance(30);
        self.bind(&name, ty, mutable, look);
        if mutable { format!("mut {name}") } else { name }
    }

    fn bind(&mut self, name: &str, ty: &Ty, mutable: bool, look: Look) {
        let index = self.declare(name, ty, mutable);
        self.env[index].is_ref = look.by_ref;
        self.env[index].is_kept = look.is_kept;
        self.env[index].of = look.of.filter(|_| look.by_ref);
        self.env[index].state = State::Ready;
    }

    fn number_pattern(&mut self, ty: &Ty, taken: &mut Vec<String>, look: Look) -> String {
        let n = self.random.below(4);
        match self.random.below(5) {
            0 => format!("{n}"),
            1 => format!("({n} | {})", n + 2),
            2 => format!("({n}..={})", n + 3),
            3 => format!("(..{})", n + 1),
            _ => {
                let name = self.name(taken);
                taken.push(name.clone());
                self.bind(&name, ty, false, look);
                if self.random.chance(50) { format!("{name} @ ({n}..)") } else { format!("{name} @ ({n} | {})", n + 3) }
            }
        }
    }

    fn shape_pattern(&mut self, taken: &mut Vec<String>, look: Look) -> String {
        match self.random.below(6) {
            0 => "Shape::Point".to_owned(),
            1 if !taken.contains(&"radius".to_owned()) => {
                taken.push("radius".to_owned());
                self.bind("radius", &Ty::I64, false, look);
                "Shape::Circle { radius }".to_owned()
            }
            2 => {
                let first = self.pattern(&Ty::I64, 1, taken, look);
                let second = self.pattern(&Ty::I64, 1, taken, look);
                format!("Shape::Box({first}, {second})")
            }
            3 => format!("Shape::Named({})", self.binding(&Ty::Str, taken, look)),
            4 => "(Shape::Point | Shape::Named(_))".to_owned(),
            _ => {
                let name = self.name(taken);
                taken.push(name.clone());
                self.bind(&name, &Ty::I64, false, look);
                format!("(Shape::Circle {{ radius: {name} }} | Shape::Box({name}, _))")
            }
        }
    }
}
