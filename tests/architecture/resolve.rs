//! Follows a path to what it means: through imports, other names, re-exports and aliases, from module to module.
//!
//! Takes a mention and the module that it stands in. Gives every module that the path leads through, the one that defines
//! what it ends at, and the path into another crate if it leaves this one. Where a name may mean several things (a type
//! and a function, one item for each system), all of them are followed.

use std::collections::BTreeSet;

use crate::mentions::{Kind, Mention};
use crate::source::{Binding, Crate, Id, ROOT};

/// Where a path leads.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reached {
    /// The modules that are named on the way, and those whose re-exports or aliases are followed.
    pub(crate) passed: BTreeSet<Id>,
    /// The modules that define what is meant.
    pub(crate) defined: BTreeSet<Id>,
    /// What is meant in other crates: `["std", "fs", "read"]`; a macro or an attribute is `["std", "println!"]`.
    pub(crate) external: BTreeSet<Vec<String>>,
}

pub(crate) fn resolve(of: &Crate, at: Id, mention: &Mention) -> Reached {
    let is_macro = mention.kind == Kind::Macro;
    let mut walk = Walk { of, reached: Reached::default(), following: Vec::new(), kind: mention.kind, is_macro };
    if mention.kind != Kind::Word {
        walk.start(at, mention.global, &mention.path);
    }
    walk.reached
}

struct Walk<'a> {
    of: &'a Crate,
    reached: Reached,
    /// The imports that are being followed: `use serde;` and `use tracing::tracing;` do not mean themselves.
    following: Vec<(Id, &'a Binding)>,
    kind: Kind,
    is_macro: bool,
}

impl<'a> Walk<'a> {
    fn start(&mut self, at: Id, global: bool, path: &[String]) {
        let [first, rest @ ..] = path else { return };
        let is_alone = rest.is_empty() && self.kind != Kind::Use && self.kind != Kind::Export;
        match first.as_str() {
            "crate" if !global => self.enter(ROOT, rest),
            "self" if !global => self.enter(at, rest),
            "super" if !global => self.enter(self.of.modules[at].parent, rest),
            "Self" => {}
            name if global => self.outside(name, path),
            name => {
                let of = self.of;
                let mut is_found = false;
                for binding in of.modules[at].bindings(name) {
                    if self.following.contains(&(at, binding)) {
                        continue;
                    }
                    is_found = true;
                    match binding {
                        // A word that is a local or a macro has the name of a module by chance.
                        Binding::Module(_) if is_alone => {}
                        binding => self.follow(at, binding, rest),
                    }
                }
                // A macro above in the text, or in a module above.
                if !is_found && is_alone && self.kind == Kind::Macro {
                    let definers = self.of.macros.get(name).cloned().unwrap_or_default();
                    is_found = !definers.is_empty();
                    self.reached.defined.extend(definers);
                }
                if !is_found {
                    self.outside(name, path);
                }
            }
        }
    }

    /// The rest of a path that has come to a module.
    fn enter(&mut self, module: Id, rest: &[String]) {
        if module != ROOT {
            self.reached.passed.insert(module);
        }
        let [first, rest @ ..] = rest else { return };
        match first.as_str() {
            "self" => return self.enter(module, rest),
            "super" => return self.enter(self.of.modules[module].parent, rest),
            _ => {}
        }
        let of = self.of;
        let bindings = of.modules[module].bindings(first);
        // A proc macro has the name of its module; nobody can call it here.
        let is_module = |binding: &Binding| matches!(binding, Binding::Module(_));
        let is_entry = module == ROOT && !self.is_macro && of.modules[module].bindings(first).any(is_module);
        let mut is_found = false;
        for binding in bindings {
            is_found = true;
            match binding {
                Binding::Module(_) if rest.is_empty() && self.is_macro => {}
                Binding::Value(_) if is_entry => {}
                binding => self.follow(module, binding, rest),
            }
        }
        if !is_found {
            // A macro makes it, or it does not exist.
            self.reached.defined.insert(module);
        }
    }

    fn follow(&mut self, module: Id, binding: &'a Binding, rest: &[String]) {
        let of = (module, binding);
        if self.following.contains(&of) {
            return;
        }
        match binding {
            Binding::Module(child) => self.enter(*child, rest),
            Binding::Value(_) if !rest.is_empty() => {}
            Binding::Type(definer) | Binding::Value(definer) => drop(self.reached.defined.insert(*definer)),
            Binding::Import { global, path } => {
                let path: Vec<_> = path.iter().chain(rest).cloned().collect();
                let kind = std::mem::replace(&mut self.kind, Kind::Use);
                self.following.push(of);
                self.start(module, *global, &path);
                self.following.pop();
                self.kind = kind;
            }
        }
    }

    /// A path whose first name is none of the module's.
    fn outside(&mut self, name: &str, path: &[String]) {
        if name == self.of.name {
            return self.enter(ROOT, &path[1..]);
        }
        let is_import = self.kind == Kind::Use || self.kind == Kind::Export;
        // A type is a parameter, or known everywhere.
        let is_type = name.starts_with(char::is_uppercase) || PRIMITIVE.contains(&name);
        // And a name alone is a local, unless a macro is called: then it is one that is known everywhere.
        let is_known_macro = self.is_macro && path.len() == 1;
        if !is_type && (is_import || path.len() > 1 || is_known_macro) {
            let mut path = path.to_vec();
            match name {
                "core" | "alloc" => path[0] = "std".to_owned(),
                _ if is_known_macro => path.insert(0, "std".to_owned()),
                _ => {}
            }
            if self.is_macro {
                path.last_mut().expect("a path has a name").push('!');
            }
            self.reached.external.insert(path);
        }
    }
}

const PRIMITIVE: [&str; 17] = [
    "bool", "char", "f32", "f64", "i128", "i16", "i32", "i64", "i8", "isize", "str", "u128", "u16", "u32", "u64", "u8",
    "usize",
];
