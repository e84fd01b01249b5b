//! `flows.lock`: every flow, state and shape of a program, committed beside its code.
//!
//! One line in the program, anywhere:
//!
//! ```
//! stube::flows_lock!();
//! # fn main() {}
//! ```
//!
//! It is a test, which compares the file with the code and says of each state what an edit means for the conversations
//! that wait in it:
//!
//! - **same**: they go on as if nothing had happened;
//! - **additive**: they go on, and what is new, gone, or asked in other words is named;
//! - **answered**: they go on as `was`, `#[default]` or `#[migrate]` says;
//! - **breaking**: they would be left alone, unread, until the code fits. The test fails, and says what is missing, in
//!   which line, and what to write: see [`migration`](crate::evolution::migration).
//!
//! `STUBE_LOCK=update cargo test flows_lock` writes the file; it does not while something breaks. `STUBE_LOCK=overwrite`
//! writes it whatever was there, which is right if none of that was ever released.
//!
//! The file keeps the shapes of earlier versions too, because conversations may wait in them for as long as they like.
//! Whoever knows that none does any more deletes them from the file, and then their answers from the code.
//!
//! It has everything that is linked into the tests of the crate in which the line stands, so that is the crate of the
//! program, which links all others. Flows that only unit tests have are in it too; in `tests/` they are not.
//!
//! The same line makes the file a part of the program. A record in a shape that is neither in the code nor in the file
//! is from a later version: it is left alone, byte for byte, so a release can be rolled back. Without the line, such a
//! record is read if it can be.

mod check;
mod file;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::component::Kind;
use crate::component::registry;
use crate::evolution::compat;
use crate::json::ordered_map::OrderedMap;
use crate::schema::{Definitions, Field, Shape, Type};

pub use check::{Compatibility, Finding, Report};
pub use file::{Mode, check_file, compare};

/// Every flow, state and shape of a program.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// What the file is, for whoever opens it.
    #[serde(default)]
    about: String,
    /// The flows, by their names on disk.
    flows: BTreeMap<String, LockedFlow>,
    /// The components written by hand.
    components: BTreeMap<String, LockedComponent>,
    /// The structs and enums that their shapes name.
    types: Definitions,
    /// What earlier versions had and this one has not, which conversations may still wait in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<SavedState>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockedFlow {
    /// What it answers.
    answer: Type,
    /// In the order of the code. `Start` is none of them: nobody waits there.
    states: OrderedMap<String, LockedState>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockedState {
    /// The short word for its shape, which records carry.
    shape: String,
    /// What it would be called if it were the only one, where that is another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wanted: Option<String>,
    /// What is awaited, in the author's words; nothing if the author named the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asks: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    awaits: String,
    answer: Type,
    #[serde(default, skip_serializing_if = "OrderedMap::is_empty")]
    locals: OrderedMap<String, Type>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockedComponent {
    shape: String,
    answer: Type,
    fields: OrderedMap<String, Type>,
}

/// A state or a component as an earlier version had it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedState {
    /// The flow, or the component.
    of: String,
    /// The state; empty of a component.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    state: String,
    shape: String,
    /// The words of the questions that shared its name, as records carry them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    asks: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    awaits: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Type>,
    #[serde(default, skip_serializing_if = "OrderedMap::is_empty")]
    locals: OrderedMap<String, Type>,
    /// The types that it names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    types: Definitions,
}

const ABOUT: &str = "Every flow, state and shape of this program. The test `flows_lock` compares it with the code; \
                     `STUBE_LOCK=update cargo test flows_lock` writes it. Commit it.";

/// A file that is no lock.
#[derive(Debug, thiserror::Error)]
#[error("it is not a lock as this version of stube writes it: {0}")]
pub struct NotALock(#[source] serde_json::Error);

/// What the code says, in full: what stands for new locals, what old names there are.
pub(crate) struct Code {
    pub(crate) component_schema: Vec<compat::ComponentSchema>,
    pub(crate) types: Definitions,
}

impl Code {
    /// That of everything that is linked into the program.
    pub(crate) fn linked() -> Self {
        let mut types = Definitions::new();
        let component_schema = registry::all().filter(|registration| !registration.transient);
        Self {
            component_schema: component_schema
                .map(|registration| compat::ComponentSchema::new(registration, &mut types))
                .collect(),
            types,
        }
    }

    pub(crate) fn of(&self, name: &str) -> Option<&compat::ComponentSchema> {
        let current = registry::current_name(name);
        self.component_schema.iter().find(|component_schema| component_schema.registration.name == current)
    }
}

impl Lock {
    /// That of everything that is linked into the program, without earlier versions.
    pub fn current() -> Self {
        Self::of(&Code::linked())
    }

    fn of(code: &Code) -> Self {
        let mut types = code.types.clone();
        let mut lock = Self { about: ABOUT.to_owned(), ..Self::default() };
        for component_schema in &code.component_schema {
            let name = component_schema.registration.name;
            let answer = crate::schema::probe(component_schema.registration.probe_answer, &mut types);
            match component_schema.registration.kind {
                Kind::Flow { .. } => {
                    let states = component_schema.states.iter().skip(1).map(|state| {
                        let site = &state.described.site;
                        let is_named = site.wanted.is_empty();
                        let locked = LockedState {
                            shape: state.digest.clone(),
                            wanted: (!is_named && site.wanted != site.name).then(|| site.wanted.to_owned()),
                            asks: (!is_named).then(|| site.asks.to_owned()),
                            awaits: state.shape.awaits.clone(),
                            answer: state.shape.answer.clone().unwrap_or(Type::Any),
                            locals: locals(&state.shape.locals),
                        };
                        (site.name.to_owned(), locked)
                    });
                    let states = OrderedMap(states.collect());
                    lock.flows.insert(name.to_owned(), LockedFlow { answer, states });
                }
                Kind::Component { .. } => {
                    let (shape, fields) = (component_schema.digest.clone(), locals(&component_schema.shape.locals));
                    lock.components.insert(name.to_owned(), LockedComponent { shape, answer, fields });
                }
            }
        }
        lock.types = types;
        lock.types = lock.named(lock.mentioned().into_iter());
        lock
    }

    /// Reads one from its text.
    ///
    /// # Errors
    ///
    /// The text is no lock.
    pub fn parse(text: &str) -> Result<Self, NotALock> {
        serde_json::from_str(text).map_err(NotALock)
    }

    /// Its text: JSON, as it is committed.
    pub fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).expect("BUG: a lock is plain JSON") + "\n"
    }

    /// What records of this program, and of the versions before it, may carry.
    fn shapes(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let states = self.flows.iter().flat_map(|(flow, locked)| {
            locked.states.0.iter().map(move |(state, locked)| (flow.as_str(), state.as_str(), locked.shape.as_str()))
        });
        let components = self.components.iter().map(|(name, locked)| (name.as_str(), "", locked.shape.as_str()));
        let earlier = self.earlier.iter().map(|old| (old.of.as_str(), old.state.as_str(), old.shape.as_str()));
        states.chain(components).chain(earlier)
    }

    /// Whether it has this shape of a flow's state, or of a component, whose state is empty.
    #[cfg(feature = "cli")]
    pub(crate) fn knows(&self, of: &str, state: &str, shape: &str) -> ComponentSchema {
        let now = match (self.flows.get(of), self.components.get(of)) {
            (Some(flow), _) => flow.states.0.iter().any(|(name, locked)| name == state && locked.shape == shape),
            (None, Some(component)) => component.shape == shape,
            (None, None) => false,
        };
        let is_it =
            |old: &SavedState| old.of == of && (old.state == state || old.state.is_empty()) && old.shape == shape;
        match () {
            () if now => ComponentSchema::Now,
            () if self.earlier.iter().any(is_it) => ComponentSchema::Before,
            () => ComponentSchema::Not,
        }
    }

    /// What was, one by one: the states and components of the version before, and those of all before it.
    fn all(&self) -> Vec<SavedState> {
        let mut all = Vec::new();
        for (flow, locked) in &self.flows {
            let words: Vec<_> = locked
                .states
                .0
                .iter()
                .map(|(name, state)| {
                    let wanted = state.asks.as_ref().map_or("", |_| state.wanted.as_deref().unwrap_or(name));
                    (wanted, crate::evolution::compat::words(state.asks.as_deref().unwrap_or("")))
                })
                .collect();
            for (index, (name, state)) in locked.states.0.iter().enumerate() {
                all.push(SavedState {
                    of: flow.clone(),
                    state: name.clone(),
                    shape: state.shape.clone(),
                    asks: crate::evolution::compat::asks(&words, index),
                    awaits: state.awaits.clone(),
                    answer: Some(state.answer.clone()),
                    locals: state.locals.clone(),
                    types: self.named(state.locals.0.iter().map(|(_, ty)| ty).chain([&state.answer])),
                });
            }
        }
        for (name, component) in &self.components {
            all.push(SavedState {
                of: name.clone(),
                state: String::new(),
                shape: component.shape.clone(),
                asks: String::new(),
                awaits: String::new(),
                answer: Some(component.answer.clone()),
                locals: component.fields.clone(),
                types: self.named(component.fields.0.iter().map(|(_, ty)| ty).chain([&component.answer])),
            });
        }
        all.extend(self.earlier.iter().cloned());
        all
    }

    /// The types of all answers, locals and fields.
    fn mentioned(&self) -> Vec<&Type> {
        let mut all = Vec::new();
        for flow in self.flows.values() {
            all.push(&flow.answer);
            for (_, state) in &flow.states.0 {
                all.push(&state.answer);
                all.extend(state.locals.0.iter().map(|(_, ty)| ty));
            }
        }
        for component in self.components.values() {
            all.push(&component.answer);
            all.extend(component.fields.0.iter().map(|(_, ty)| ty));
        }
        all
    }

    /// The definitions that these types name, and those that they name.
    fn named<'a>(&self, types: impl Iterator<Item = &'a Type>) -> Definitions {
        let mut names = BTreeSet::new();
        types.for_each(|ty| ty.names(&mut names));
        let mut found = Definitions::new();
        while let Some(name) = names.pop_first() {
            let Some(definition) = self.types.get(&name).filter(|_| !found.contains_key(&name)) else { continue };
            definition.types().into_iter().for_each(|ty| ty.names(&mut names));
            found.insert(name, definition.clone());
        }
        found
    }
}

impl SavedState {
    fn shape(&self) -> Shape {
        let field = |(name, ty): &(String, Type)| Field {
            name: name.clone(),
            aliases: Vec::new(),
            ty: ty.clone(),
            optional: false,
        };
        Shape {
            locals: self.locals.0.iter().map(field).collect(),
            awaits: self.awaits.clone(),
            answer: self.answer.clone(),
        }
    }
}

fn locals(fields: &[Field]) -> OrderedMap<String, Type> {
    OrderedMap(fields.iter().map(|field| (field.name.clone(), field.ty.clone())).collect())
}

// ---- What is a part of the program --------------------------------------------------------------------------------

/// A lock that is a part of the program.
#[doc(hidden)]
#[derive(Debug)]
pub struct Embedded(pub &'static str);

inventory::collect!(Embedded);

fn embedded() -> impl Iterator<Item = Lock> {
    // The test says what is wrong with one; a program is not held up by that.
    inventory::iter::<Embedded>.into_iter().filter_map(|Embedded(text)| Lock::parse(text).ok())
}

/// Whether a record of this program, or of a version before it, may carry this shape of a flow's state or a component.
/// Always, if no lock is a part of the program that names the flow.
pub(crate) fn is_known(of: &str, state: &str, shape: &str) -> bool {
    type Shapes = (HashSet<String>, HashSet<(String, String, String)>);
    static KNOWN: LazyLock<Shapes> = LazyLock::new(|| {
        let (mut names, mut shapes) = Shapes::default();
        for lock in embedded() {
            names.extend(lock.flows.keys().chain(lock.components.keys()).cloned());
            let owned = |(of, state, shape): (&str, &str, &str)| (of.to_owned(), state.to_owned(), shape.to_owned());
            shapes.extend(lock.shapes().map(owned));
        }
        (names, shapes)
    });
    let (names, shapes) = &*KNOWN;
    !names.contains(of) || shapes.contains(&(of.to_owned(), state.to_owned(), shape.to_owned()))
}

/// Which version of a program has a shape.
#[cfg(feature = "cli")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ComponentSchema {
    /// The present one.
    Now,
    /// One before.
    Before,
    /// None.
    Not,
}

/// What a state was in a version before, and what it did not have then.
#[derive(Debug)]
pub(crate) struct Downgrade {
    pub(crate) shape: String,
    pub(crate) asks: String,
    /// The locals that are new, and their defaults as JSON.
    pub(crate) without: Vec<(String, String)>,
}

/// The nearest version of a state that is the present one without locals that have defaults, if a lock that is a part of
/// the program has one.
pub(crate) fn rolling(of: &str, state: &str) -> Option<&'static Downgrade> {
    static ALL: LazyLock<BTreeMap<(String, String), Downgrade>> = LazyLock::new(|| {
        let code = Code::linked();
        let mut all = BTreeMap::new();
        for earlier in embedded().flat_map(|lock| lock.all()) {
            let key = (earlier.of.clone(), earlier.state.clone());
            if let Some(rolling) = code.rolling(earlier)
                && all
                    .get(&key)
                    .is_none_or(|component_schema: &Downgrade| component_schema.without.len() > rolling.without.len())
            {
                all.insert(key, rolling);
            }
        }
        all
    });
    // Without a copy of the names, this would be looked up as a pair of texts.
    ALL.get(&(of.to_owned(), state.to_owned()))
}

impl Code {
    fn rolling(&self, earlier: SavedState) -> Option<Downgrade> {
        let component_schema =
            self.component_schema.iter().find(|component_schema| component_schema.registration.name == earlier.of)?;
        let state = component_schema.state(&earlier.state)?;
        let had = |local: &&Field| earlier.locals.0.iter().any(|(name, _)| *name == local.name);
        let (kept, new): (Vec<_>, Vec<_>) = state.shape.locals.iter().partition(had);
        let before = Shape { locals: kept.into_iter().cloned().collect(), ..state.shape.clone() };
        if new.is_empty() || before.digest(&self.types) != earlier.shape {
            return None;
        }
        let default = |local: &Field| {
            let mut defaults = state.described.defaults.iter();
            let json = defaults.find(|default| default.local == local.name)?.json.clone()?;
            Some((local.name.clone(), json))
        };
        let without = new.into_iter().map(default).collect::<Option<_>>()?;
        Some(Downgrade { shape: earlier.shape, asks: earlier.asks, without })
    }
}
