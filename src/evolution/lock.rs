//! The schema lock file `flows.lock`: all flows, states and schemas of a program, committed with its code.
//!
//! One line in the program, at the top level of any module:
//!
//! ```
//! stube::flows_lock!();
//! # fn main() {}
//! ```
//!
//! It is a test that compares the file with the code, and says for each state what an edit means for the conversations
//! that wait in it:
//!
//! - **unchanged**: they continue as before;
//! - **additive**: they continue; the test lists what was added, removed or reworded;
//! - **migrated**: they continue as `#[migrate]` declares;
//! - **breaking**: they would be left alone and unread until the code has a migration. The test fails, and says what is
//!   missing, at which line, and what to write: see [`migration`](crate::evolution::migration).
//!
//! `STUBE_LOCK=update cargo test flows_lock` writes the file, unless something is breaking. `STUBE_LOCK=overwrite` writes it
//! in any case, which is right if the previous schemas were never released.
//!
//! The file keeps the schemas of previous releases too, because conversations may still wait in them. When none does any
//! more, delete them from the file, and then their migrations from the code.
//!
//! The file lists what is linked into the tests of the crate that has the line, which should be the crate of the program.
//! Flows that are defined in its unit tests are listed too; those in `tests/` are not.
//!
//! The same line embeds the file in the program. A record whose schema is neither in the code nor in the embedded file was
//! written by a later release: it is left alone, byte for byte, so that a release can be rolled back. Without the line, the
//! program tries to read such a record.
//!
//! The comparison is available without the test:
//!
//! ```
//! use stube::evolution::lock::{Lock, Report};
//! use stube::{Prompt, flow};
//!
//! #[flow]
//! async fn welcome() -> String {
//!     let name = Prompt::new("Who are you?").await;
//!     format!("Hello, {name}")
//! }
//!
//! let released = Lock::current().to_text();
//! let report = Report::against_code(&Lock::parse(&released)?);
//! assert!(!report.is_breaking());
//! # Ok::<(), stube::evolution::lock::InvalidLock>(())
//! ```

mod check;
mod embedded;
mod file;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::component::Kind;
use crate::component::registry;
use crate::evolution::compat::{ComponentSchema, question_fingerprint, question_group};
use crate::json::ordered_map::OrderedMap;
use crate::schema::{Definitions, Field, Schema, Type, probe};

pub use check::{Compatibility, Finding, Report};
#[doc(hidden)]
pub use embedded::Embedded;
pub(crate) use embedded::{Downgrade, downgrade, is_known};
pub use file::{Mode, check_file, compare};

/// The content of a schema lock file: all flows, states and schemas of a program, and those of previous releases.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The purpose of the file, for its readers.
    #[serde(default)]
    about: String,
    /// The flows, by their names on disk.
    flows: BTreeMap<String, LockedFlow>,
    /// The hand-written components, by their names on disk.
    components: BTreeMap<String, LockedComponent>,
    /// The structs and enums that the types refer to.
    types: Definitions,
    /// The schemas of previous releases that the code does not have. Conversations may still wait in them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    previous: Vec<PreviousSchema>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockedFlow {
    answer: Type,
    /// In the order of the code, without `Start`: no saved conversation is in it.
    states: OrderedMap<String, LockedState>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockedState {
    /// The schema fingerprint, which records carry.
    schema: String,
    /// The name without its number, if it has one: `Confirm` of `Confirm2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base_name: Option<String>,
    /// The awaited expression, as the author wrote it; `None` if the author named the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    question: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    awaits: String,
    answer: Type,
    #[serde(default, skip_serializing_if = "OrderedMap::is_empty")]
    locals: OrderedMap<String, Type>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockedComponent {
    /// The schema fingerprint, which records carry.
    schema: String,
    answer: Type,
    fields: OrderedMap<String, Type>,
}

/// A schema that a previous release had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PreviousSchema {
    /// The name of the flow or component on disk.
    component: String,
    /// The state of the flow; empty for a component.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    state: String,
    /// The schema fingerprint.
    schema: String,
    /// The question group, as records carry it; empty if the author named the state.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    questions: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    awaits: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Type>,
    #[serde(default, skip_serializing_if = "OrderedMap::is_empty")]
    locals: OrderedMap<String, Type>,
    /// The structs and enums that its types refer to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    types: Definitions,
}

const ABOUT: &str = "All flows, states and schemas of this program. The test `flows_lock` compares the file with the code; \
                     `STUBE_LOCK=update cargo test flows_lock` writes it. Commit it.";

/// A text is not a schema lock file.
#[derive(Debug, thiserror::Error)]
#[error("not a schema lock file of this version of stube: {0}")]
pub struct InvalidLock(#[source] serde_json::Error);

/// The schemas of this program, with the defaults and old names that the code declares.
pub(crate) struct Code {
    pub(crate) components: Vec<ComponentSchema>,
    pub(crate) types: Definitions,
}

impl Code {
    /// The schemas of all components and flows that are linked into the program, except transient ones.
    pub(crate) fn linked() -> Self {
        let mut types = Definitions::new();
        let descriptors = registry::all().filter(|descriptor| !descriptor.transient);
        let components = descriptors.map(|descriptor| ComponentSchema::new(descriptor, &mut types)).collect();
        Self { components, types }
    }

    /// The component or flow that has this name, or declares it as an old name.
    pub(crate) fn component(&self, name: &str) -> Option<&ComponentSchema> {
        let current = registry::current_name(name);
        self.components.iter().find(|component| component.descriptor.name == current)
    }
}

impl Lock {
    /// The lock of the linked flows and components, without previous schemas.
    pub fn current() -> Self {
        Self::of(&Code::linked())
    }

    fn of(code: &Code) -> Self {
        let mut types = code.types.clone();
        let mut lock = Self { about: ABOUT.to_owned(), ..Self::default() };
        for component in &code.components {
            let name = component.descriptor.name;
            let answer = probe(component.descriptor.probe_answer, &mut types);
            match component.descriptor.kind {
                Kind::Flow { .. } => {
                    let states = component.states.iter().skip(1).map(|state| {
                        let site = &state.descriptor.site;
                        let is_named = site.wanted.is_empty();
                        let locked = LockedState {
                            schema: state.fingerprint.clone(),
                            base_name: (!is_named && site.wanted != site.name).then(|| site.wanted.to_owned()),
                            question: (!is_named).then(|| site.asks.to_owned()),
                            awaits: state.schema.awaits.clone(),
                            answer: state.schema.answer.clone().unwrap_or(Type::Any),
                            locals: types_by_name(&state.schema.locals),
                        };
                        (site.name.to_owned(), locked)
                    });
                    let states = OrderedMap(states.collect());
                    lock.flows.insert(name.to_owned(), LockedFlow { answer, states });
                }
                Kind::Component { .. } => {
                    let schema = component.fingerprint.clone();
                    let fields = types_by_name(&component.schema.locals);
                    lock.components.insert(name.to_owned(), LockedComponent { schema, answer, fields });
                }
            }
        }
        lock.types = types;
        lock.types = lock.definitions_of(lock.all_types().into_iter());
        lock
    }

    /// Parses the text of a schema lock file.
    ///
    /// # Errors
    ///
    /// The text is not JSON of this form; an unknown field is an error too.
    pub fn parse(text: &str) -> Result<Self, InvalidLock> {
        serde_json::from_str(text).map_err(InvalidLock)
    }

    /// The text of the file: indented JSON that ends with a newline.
    pub fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).expect("BUG: a lock is serializable as JSON") + "\n"
    }

    /// The component, state and schema fingerprint of each schema, those of previous releases included. The state of a
    /// component is empty.
    fn schema_keys(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let states = self.flows.iter().flat_map(|(flow, locked)| {
            locked.states.0.iter().map(move |(state, locked)| (flow.as_str(), state.as_str(), locked.schema.as_str()))
        });
        let components = self.components.iter().map(|(name, locked)| (name.as_str(), "", locked.schema.as_str()));
        let previous = self
            .previous
            .iter()
            .map(|previous| (previous.component.as_str(), previous.state.as_str(), previous.schema.as_str()));
        states.chain(components).chain(previous)
    }

    /// Whether it lists a flow of this name.
    pub(crate) fn has_flow(&self, name: &str) -> bool {
        self.flows.contains_key(name)
    }

    /// Whether a schema fingerprint of a state, or of a component whose state is empty, is current, previous or unknown.
    pub(crate) fn schema_age(&self, component: &str, state: &str, schema: &str) -> SchemaAge {
        let is_current = match (self.flows.get(component), self.components.get(component)) {
            (Some(flow), _) => flow.states.0.iter().any(|(name, locked)| name == state && locked.schema == schema),
            (None, Some(component)) => component.schema == schema,
            (None, None) => false,
        };
        let is_previous = |previous: &PreviousSchema| {
            previous.component == component
                && (previous.state == state || previous.state.is_empty())
                && previous.schema == schema
        };
        match () {
            () if is_current => SchemaAge::Current,
            () if self.previous.iter().any(is_previous) => SchemaAge::Previous,
            () => SchemaAge::Unknown,
        }
    }

    /// Every schema of this lock, as a release that follows it sees it: as a previous one.
    fn as_previous(&self) -> Vec<PreviousSchema> {
        let mut all = Vec::new();
        for (flow, locked) in &self.flows {
            let questions: Vec<_> = locked
                .states
                .0
                .iter()
                .map(|(name, state)| {
                    let base_name = state.question.as_ref().map_or("", |_| state.base_name.as_deref().unwrap_or(name));
                    (base_name, question_fingerprint(state.question.as_deref().unwrap_or("")))
                })
                .collect();
            for (index, (name, state)) in locked.states.0.iter().enumerate() {
                all.push(PreviousSchema {
                    component: flow.clone(),
                    state: name.clone(),
                    schema: state.schema.clone(),
                    questions: question_group(&questions, index),
                    awaits: state.awaits.clone(),
                    answer: Some(state.answer.clone()),
                    locals: state.locals.clone(),
                    types: self.definitions_of(state.locals.0.iter().map(|(_, ty)| ty).chain([&state.answer])),
                });
            }
        }
        for (name, component) in &self.components {
            all.push(PreviousSchema {
                component: name.clone(),
                state: String::new(),
                schema: component.schema.clone(),
                questions: String::new(),
                awaits: String::new(),
                answer: Some(component.answer.clone()),
                locals: component.fields.clone(),
                types: self.definitions_of(component.fields.0.iter().map(|(_, ty)| ty).chain([&component.answer])),
            });
        }
        all.extend(self.previous.iter().cloned());
        all
    }

    /// The types of all answers, locals and fields, without those of previous schemas.
    fn all_types(&self) -> Vec<&Type> {
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

    /// The definitions that these types refer to, directly or indirectly.
    fn definitions_of<'a>(&self, types: impl Iterator<Item = &'a Type>) -> Definitions {
        let mut names = BTreeSet::new();
        types.for_each(|ty| ty.collect_names(&mut names));
        let mut definitions = Definitions::new();
        while let Some(name) = names.pop_first() {
            let Some(definition) = self.types.get(&name).filter(|_| !definitions.contains_key(&name)) else { continue };
            definition.types().into_iter().for_each(|ty| ty.collect_names(&mut names));
            definitions.insert(name, definition.clone());
        }
        definitions
    }
}

impl PreviousSchema {
    fn schema(&self) -> Schema {
        let field = |(name, ty): &(String, Type)| Field {
            name: name.clone(),
            aliases: Vec::new(),
            ty: ty.clone(),
            optional: false,
        };
        Schema {
            locals: self.locals.0.iter().map(field).collect(),
            awaits: self.awaits.clone(),
            answer: self.answer.clone(),
        }
    }
}

/// The age of a schema relative to a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SchemaAge {
    /// The schema of the lock's own release.
    Current,
    /// A schema of a release before it.
    Previous,
    /// The lock does not have the schema.
    Unknown,
}

fn types_by_name(fields: &[Field]) -> OrderedMap<String, Type> {
    OrderedMap(fields.iter().map(|field| (field.name.clone(), field.ty.clone())).collect())
}
