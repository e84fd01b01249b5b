//! Whether a state that was saved by an earlier version fits this program, and what makes it fit.
//!
//! A state is found by its name, never by its place in the code. A record says the shape of each state beside it, so a
//! state whose shape is the one that this program knows is read as it is; that is all there is to nearly every record.
//! The rest is looked at here: where the state is now, what its locals are called now, which of them are new, and what
//! the author wrote for it. Nothing is guessed: what does not fit is a [`Reason`](crate::record::Reason), and the record
//! stays as it is.
//!
//! Questions that share a name are numbered in the order of the code: `Confirm`, `Confirm2`. There a name alone would be
//! a place, so the words of the questions are compared too, all of those that share it. See [`resolve_state`].

use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use serde_json::value::RawValue;

use crate::component::{AnyAnswer, AnyComponent, ComponentDescriptor, DefaultValue, Kind, Migrated, StateDescriptor};
use crate::evolution::migration::SavedState;
use crate::json::describe;
use crate::schema::{self, Content, Definition, Definitions, Field, Shape, Type, probe};

/// What this program knows of a component or flow.
#[derive(Debug)]
pub(crate) struct ComponentSchema {
    pub(crate) registration: &'static ComponentDescriptor,
    /// Of a component; of a flow, each state has its own.
    pub(crate) shape: Shape,
    pub(crate) digest: String,
    /// In the order of the code; none of a component.
    pub(crate) states: Vec<StateSchema>,
    by_name: HashMap<&'static str, usize>,
}

/// What this program knows of a state.
#[derive(Debug)]
pub(crate) struct StateSchema {
    pub(crate) described: StateDescriptor,
    pub(crate) shape: Shape,
    pub(crate) digest: String,
    /// The words of all questions that would be called as this one, with its own marked; empty if the author named it.
    pub(crate) asks: String,
}

impl StateSchema {
    pub(crate) fn name(&self) -> &'static str {
        self.described.site.name
    }
}

impl ComponentSchema {
    pub(crate) fn state(&self, name: &str) -> Option<&StateSchema> {
        self.by_name.get(name).map(|index| &self.states[*index])
    }

    /// Finds it out. The types that the shapes name are added to `types`.
    pub(crate) fn new(registration: &'static ComponentDescriptor, types: &mut Definitions) -> Self {
        let whole = match registration.transient {
            true => Type::Any,
            false => probe(registration.probe, types),
        };
        let definition = match &whole {
            Type::Named(name) => types.get(name).cloned(),
            _ => None,
        };
        let Kind::Flow { describe, .. } = registration.kind else {
            let locals = match definition {
                Some(Definition::Struct(fields)) => fields,
                _ => vec![Field { name: "*".to_owned(), aliases: Vec::new(), ty: whole, optional: false }],
            };
            let shape = Shape { locals, ..Shape::default() };
            let (digest, states, by_name) = (shape.digest(types), Vec::new(), HashMap::new());
            return Self { registration, shape, digest, states, by_name };
        };
        let variants = match definition {
            Some(Definition::Enum(variants)) => variants,
            _ => Vec::new(),
        };
        // It is the states themselves, which are listed.
        if let Type::Named(name) = &whole {
            types.remove(name);
        }
        let described = describe();
        let all_words: Vec<_> = described.iter().map(|state| (state.site.wanted, words(state.site.asks))).collect();
        let mut states = Vec::new();
        for (index, described) in described.into_iter().enumerate() {
            let variant = variants.iter().find(|variant| variant.name == described.site.name);
            let mut locals = match variant.map(|variant| &variant.content) {
                Some(Content::Fields(fields)) => fields.clone(),
                _ => Vec::new(),
            };
            for local in &mut locals {
                let were = described.site.locals_were.iter().filter(|(name, _)| *name == local.name);
                local.aliases.extend(were.flat_map(|(_, were)| *were).map(|name| (*name).to_owned()));
                local.optional |= described.defaults.iter().any(|default| default.local == local.name);
            }
            let awaited = described.awaits.as_ref();
            let shape = Shape {
                locals,
                awaits: awaited.map_or_else(String::new, |awaited| awaited.component.to_owned()),
                answer: awaited.map(|awaited| probe(awaited.probe_answer, types)),
            };
            let digest = shape.digest(types);
            let asks = asks(&all_words, index);
            states.push(StateSchema { described, shape, digest, asks });
        }
        let by_name = states.iter().enumerate().map(|(index, state)| (state.name(), index)).collect();
        Self { registration, shape: Shape::default(), digest: String::new(), states, by_name }
    }
}

/// What this program knows of a component or flow. Found out once for each, when it is first saved or read.
pub(crate) fn component_schema(registration: &'static ComponentDescriptor) -> &'static ComponentSchema {
    static ALL: LazyLock<RwLock<HashMap<&'static str, &'static ComponentSchema>>> = LazyLock::new(RwLock::default);
    if let Some(component_schema) = ALL.read().unwrap_or_else(PoisonError::into_inner).get(registration.name) {
        return component_schema;
    }
    let component_schema = ComponentSchema::new(registration, &mut Definitions::new());
    let mut all = ALL.write().unwrap_or_else(PoisonError::into_inner);
    all.entry(registration.name).or_insert_with(|| Box::leak(Box::new(component_schema)))
}

/// A short word for the words of a question.
pub(crate) fn words(asks: &str) -> String {
    schema::digest(asks)[..8].to_owned()
}

/// `"a1b2c3d4 *0f0f0f0f"`: the second of two questions that share a name.
pub(crate) fn asks(all: &[(&str, String)], own: usize) -> String {
    let wanted = all[own].0;
    if wanted.is_empty() {
        return String::new();
    }
    let sharing = all.iter().enumerate().filter(|(_, (other, _))| *other == wanted);
    let marked = sharing.map(|(index, (_, words))| if index == own { format!("*{words}") } else { words.clone() });
    marked.collect::<Vec<_>>().join(" ")
}

/// Questions that share a name, as they were: their words in the order of the code, and which of them it is.
fn sharing(asks: &str) -> Option<(Vec<&str>, usize)> {
    let own = asks.split(' ').position(|words| words.starts_with('*'))?;
    Some((asks.split(' ').map(|words| words.trim_start_matches('*')).collect(), own))
}

/// Where a saved state is in the code now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResolvedState {
    /// Here.
    At(usize),
    /// No state has its name.
    Gone,
    /// Several have, and the words do not say which.
    Ambiguous,
}

/// A state of the code: its name, what it would be called if it were the only one, what it was called, and its words.
pub(crate) struct Candidate<'a> {
    pub(crate) name: &'a str,
    pub(crate) wanted: &'a str,
    pub(crate) was: Vec<&'a str>,
    pub(crate) asks: &'a str,
}

/// Finds a state that was called `name` and asked `asks` among those of the code.
///
/// What the author named, or said the old name of, is where he says. Otherwise a name is a place only among those that
/// share it, so there the words decide: if all of them are as they were, nothing was moved; if those of one place
/// changed and no others, that question was rewritten; else the question is where its own words are now.
pub(crate) fn resolve_state(name: &str, asks: &str, candidates: &[Candidate<'_>]) -> ResolvedState {
    let found = candidates.iter().position(|candidate| candidate.name == name);
    let was = candidates.iter().position(|candidate| candidate.was.contains(&name));
    if let Some(at) = was.filter(|_| found.is_none_or(|found| candidates[found].asks != asks)) {
        return ResolvedState::At(at);
    }
    let Some((before, own)) = sharing(asks) else {
        return found.map_or(ResolvedState::Gone, ResolvedState::At);
    };
    if let Some(found) = found.filter(|found| candidates[*found].wanted.is_empty()) {
        return ResolvedState::At(found);
    }
    // Those that share the name now. If none is called so any more, they are called as it without its number.
    let wanted = found.map_or_else(|| name.trim_end_matches(|c: char| c.is_ascii_digit()), |at| candidates[at].wanted);
    let now: Vec<_> = (0..candidates.len()).filter(|index| candidates[*index].wanted == wanted).collect();
    let words: Vec<_> =
        now.iter().filter_map(|index| sharing(candidates[*index].asks)).map(|(all, own)| all[own]).collect();
    if words.len() != now.len() || now.is_empty() {
        return ResolvedState::Gone;
    }
    let changed = before.iter().zip(&words).filter(|(before, now)| before != now).count();
    if before.len() == words.len() && changed <= 1 {
        return ResolvedState::At(now[own]);
    }
    let once = |all: &[&str]| all.iter().filter(|words| **words == before[own]).count() == 1;
    match words.iter().position(|words| *words == before[own]) {
        Some(at) if once(&before) && once(&words) => ResolvedState::At(now[at]),
        Some(_) => ResolvedState::Ambiguous,
        None if words.len() < before.len() => ResolvedState::Gone,
        None => ResolvedState::Ambiguous,
    }
}

/// What a saved state is to this program.
pub(crate) enum Upgrade {
    /// It is read as it is.
    AsIs,
    /// It is read as this.
    Changed(Box<RawValue>),
    /// It goes on as this.
    Goes(Box<dyn AnyComponent>),
    /// It has ended with this answer.
    Retired(AnyAnswer),
    /// This begins in its place.
    HandedTo(Box<dyn AnyComponent>),
}

/// Why a state does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Incompatible {
    /// The code has no such state.
    #[error("the code has no state `{0}` any more, and nothing says what becomes of it: `was`, or `#[migrate]`")]
    Gone(String),
    /// Several states could be it.
    #[error("the code has several questions that could be `{0}`; name each with `#[at(\"..\")]`")]
    Ambiguous(String),
    /// Locals are new, and nothing stands for them.
    #[error(
        "the state `{state}` was saved without {}; a `#[default = ..]` stands for a new local, a `#[was = \"..\"]` says its old name",
        names(locals)
    )]
    Missing {
        /// The state.
        state: String,
        /// The locals.
        locals: Vec<String>,
    },
    /// What the author wrote for it failed.
    #[error("its migration failed: {0}")]
    Migration(String),
    /// It waits for what answers something else than the code takes.
    #[error("the state `{state}` waits for `{waits_for}`, which answers something else than the code takes there")]
    AnotherAnswer {
        /// The state.
        state: String,
        /// The component that it waits for.
        waits_for: String,
    },
    /// The function that takes the answer is gone.
    #[error("it has no resume function `{0}` any more")]
    NoResume(String),
    /// What was saved is of another type than the code has.
    #[error("a local of the state `{state}`, or a field of it, was saved as another type: {class}")]
    AnotherType {
        /// The state; empty of a component.
        state: String,
        /// What serde says, without the value.
        class: String,
    },
    /// A version that this program does not know wrote it.
    #[error("another version of this program wrote it: this one knows no such shape of `{0}`")]
    Newer(String),
}

fn names(locals: &[String]) -> String {
    locals.iter().map(|local| format!("`{local}`")).collect::<Vec<_>>().join(", ")
}

/// Whether a saved state is one that this program knows as it is: nearly every one is.
pub(crate) fn is_current(component_schema: &ComponentSchema, state: &RawValue, shape: &str, asks: &str) -> bool {
    match component_schema.registration.kind {
        Kind::Component { .. } => component_schema.digest == shape,
        Kind::Flow { .. } => {
            let found = name_of(state).and_then(|name| component_schema.state(name));
            found.is_some_and(|found| found.digest == shape && found.asks == asks)
        }
    }
}

/// Looks at a saved state that is not, with what its record says of its shape.
pub(crate) fn fit(
    component_schema: &ComponentSchema,
    state: &RawValue,
    shape: &str,
    asks: &str,
) -> Result<Upgrade, Incompatible> {
    let Kind::Flow { migrate, .. } = component_schema.registration.kind else { return Ok(Upgrade::AsIs) };
    let name = || name_of(state).unwrap_or_default().to_owned();
    let earlier = SavedState::parse(state, shape)
        .map_err(|error| Incompatible::AnotherType { state: name(), class: describe(&error) })?;
    let candidates: Vec<_> = component_schema.states.iter().map(candidate).collect();
    let mut at = resolve_state(earlier.state(), asks, &candidates);
    let is_same = |at: usize| component_schema.states[at].digest == shape;
    let mut earlier = match at {
        ResolvedState::At(at) if is_same(at) => earlier,
        _ => {
            let before = earlier.state().to_owned();
            match migrate(earlier) {
                Ok(Migrated::State(component)) => return Ok(Upgrade::Goes(component)),
                Ok(Migrated::Answer(answer)) => return Ok(Upgrade::Retired(answer)),
                Ok(Migrated::HandTo(component)) => return Ok(Upgrade::HandedTo(component)),
                Ok(Migrated::Failed(failure)) => return Err(Incompatible::Migration(failure.to_string())),
                Err(earlier) => {
                    if earlier.state() != before {
                        at = resolve_state(earlier.state(), "", &candidates);
                    }
                    earlier
                }
            }
        }
    };
    let target = match at {
        ResolvedState::At(at) => &component_schema.states[at],
        ResolvedState::Gone => return Err(Incompatible::Gone(earlier.state().to_owned())),
        ResolvedState::Ambiguous => return Err(Incompatible::Ambiguous(earlier.state().to_owned())),
    };
    earlier.rename_state(target.name());
    complete(&mut earlier, target)?;
    Ok(Upgrade::Changed(earlier.to_json()))
}

pub(crate) fn candidate(state: &StateSchema) -> Candidate<'_> {
    let site = &state.described.site;
    Candidate { name: site.name, wanted: site.wanted, was: site.was.to_vec(), asks: &state.asks }
}

/// Gives the locals their new names, and fills in those that are new.
fn complete(earlier: &mut SavedState, target: &StateSchema) -> Result<(), Incompatible> {
    let mut missing = Vec::new();
    for local in target.shape.locals.iter() {
        for alias in &local.aliases {
            earlier.rename(alias, &*local.name);
        }
        if earlier.has(&local.name) {
            continue;
        }
        let mut defaults = target.described.defaults.iter();
        match defaults.find(|default| default.local == local.name) {
            Some(DefaultValue { json: Some(json), .. }) => {
                earlier.fill(&local.name, json).expect("BUG: it was written as JSON");
            }
            _ if local.optional => {}
            _ => missing.push(local.name.clone()),
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Incompatible::Missing { state: target.name().to_owned(), locals: missing })
}

/// `Room` of `{"Room":{..}}`, where it stands there as plainly as that.
pub(crate) fn name_of(state: &RawValue) -> Option<&str> {
    let rest = state.get().strip_prefix("{\"")?;
    let (name, _) = rest.split_once('"')?;
    (!name.contains('\\')).then_some(name)
}
