//! Derives the schema of a type by running its `Deserialize`.
//!
//! [`Probe`] is a deserializer with a path to one place inside the type. It supplies only what leads along the path; at
//! the end of the path it records what the type requests, and fails. So one run examines one place. Values beside the path,
//! such as the other elements of a tuple, are supplied by a [`Placeholder`], which tries a few values for each.
//!
//! ```text
//! struct Dates { first: String, nights: u32 }
//!   path []                   the type requests Struct("Dates", ["first", "nights"])
//!   path [Field("nights")]    the type requests Primitive(U32)
//! ```

mod deserializer;
mod error;
mod placeholder;
mod request;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use serde::Deserialize;

use crate::schema::types::{Content, Definition, Definitions, Field, Primitive, Type, Variant};

use deserializer::Probe;
use placeholder::Choices;
use request::{MAX_DEPTH, PathStep, Request};

/// A function that deserializes a value of some type and drops it.
pub type Probed = fn(&mut dyn erased_serde::Deserializer<'static>) -> Result<(), erased_serde::Error>;

/// The [`Probed`] function of the type `T`.
pub fn probed<T: Deserialize<'static>>(
    from: &mut dyn erased_serde::Deserializer<'static>,
) -> Result<(), erased_serde::Error> {
    erased_serde::deserialize::<T>(from).map(drop)
}

/// The schema of a type. New definitions are added to `types`, each under its name, with a number appended if another
/// definition has that name.
pub(crate) fn probe(probed: Probed, types: &mut Definitions) -> Type {
    Prober { probed, types, path: Vec::new(), enclosing: Vec::new() }.ty()
}

struct Prober<'a> {
    probed: Probed,
    types: &'a mut Definitions,
    path: Vec<PathStep>,
    /// The definitions that are being derived, for recursive types.
    enclosing: Vec<(&'static str, &'static [&'static str])>,
}

impl Prober<'_> {
    fn ty(&mut self) -> Type {
        if self.path.len() >= MAX_DEPTH {
            return Type::Any;
        }
        match self.request() {
            Request::Primitive(primitive) => Type::Primitive(primitive),
            Request::Nullable => Type::Optional(Box::new(self.type_at(PathStep::Inside))),
            Request::List => Type::List(Box::new(self.type_at(PathStep::Inside))),
            Request::Map => Type::Map(Box::new(self.type_at(PathStep::Key)), Box::new(self.type_at(PathStep::Value))),
            Request::Tuple(0) => Type::Primitive(Primitive::Unit),
            Request::Tuple(parts) => {
                Type::Tuple((0..parts).map(|index| self.type_at(PathStep::Element(index))).collect())
            }
            Request::Struct(name, fields) => {
                self.definition(name, fields, |this| Definition::Struct(this.fields(fields)))
            }
            Request::Enum(name, variants) => {
                self.definition(name, variants, |this| Definition::Enum(this.variants(variants)))
            }
            Request::Any
            | Request::UnitVariant
            | Request::Fields(_)
            | Request::Optional(_)
            | Request::OneField(_)
            | Request::TwoFields => Type::Any,
        }
    }

    fn type_at(&mut self, step: PathStep) -> Type {
        self.path.push(step);
        let ty = self.ty();
        self.path.pop();
        ty
    }

    fn definition(
        &mut self,
        name: &'static str,
        parts: &'static [&'static str],
        make: impl FnOnce(&mut Self) -> Definition,
    ) -> Type {
        if self.enclosing.contains(&(name, parts)) {
            return Type::Named(name.to_owned());
        }
        self.enclosing.push((name, parts));
        let definition = make(self);
        self.enclosing.pop();
        let numbered = (2..).map(|number| format!("{name}{number}"));
        for name in std::iter::once(name.to_owned()).chain(numbered) {
            match self.types.get(&name) {
                Some(known) if *known == definition => return Type::Named(name),
                Some(_) => {}
                None => {
                    self.types.insert(name.clone(), definition);
                    return Type::Named(name);
                }
            }
        }
        unreachable!("there are more numbers than names")
    }

    fn fields(&mut self, names: &'static [&'static str]) -> Vec<Field> {
        // serde lists the aliases of a field next to its name.
        let mut fields: Vec<(&'static str, Vec<&'static str>)> = Vec::new();
        for name in names {
            let same = fields.last().map(|(before, _)| self.request_at(PathStep::Both(before, name)));
            match (fields.last_mut(), same) {
                (Some((written, aliases)), Some(Request::OneField(main))) => {
                    aliases.push(if main == *written { name } else { std::mem::replace(written, main) });
                }
                _ => fields.push((name, Vec::new())),
            }
        }
        let written: Rc<[_]> = fields.iter().map(|(name, _)| *name).collect();
        let field = |(name, aliases): (&'static str, Vec<&'static str>)| Field {
            name: name.to_owned(),
            aliases: aliases.into_iter().map(str::to_owned).collect(),
            ty: self.type_at(PathStep::Field(name)),
            optional: self.request_at(PathStep::Without(name, Rc::clone(&written))) == Request::Optional(true),
        };
        fields.into_iter().map(field).collect()
    }

    fn variants(&mut self, names: &'static [&'static str]) -> Vec<Variant> {
        let variant = |name: &&'static str| {
            self.path.push(PathStep::Variant(name));
            let content = match self.request() {
                Request::UnitVariant => Content::Unit,
                Request::Fields(fields) => Content::Fields(self.fields(fields)),
                _ => Content::Type(self.ty()),
            };
            self.path.pop();
            Variant { name: (**name).to_owned(), content }
        };
        names.iter().map(variant).collect()
    }

    fn request_at(&mut self, step: PathStep) -> Request {
        self.path.push(step);
        let request = self.request();
        self.path.pop();
        request
    }

    /// What the type requests at the end of the path. If a placeholder is refused, tries again with another value.
    fn request(&self) -> Request {
        let mut choices = Choices::default();
        loop {
            let found = RefCell::new(None);
            choices.restart();
            let probe = Probe { path: &self.path, found: &found, choices: &choices };
            // The author's code may panic on a placeholder that it does not expect.
            let run = || (self.probed)(&mut <dyn erased_serde::Deserializer<'static>>::erase(probe));
            let ended = catch_unwind(AssertUnwindSafe(run)).is_ok();
            match found.into_inner() {
                Some(found) => return found,
                None if ended && choices.advance() => {}
                None => return Request::Any,
            }
        }
    }
}
