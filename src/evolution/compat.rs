//! Decides whether a state that an earlier release saved fits this program, and converts it if it does.
//!
//! Takes a saved state with the schema fingerprint and the question group that its record carries. Gives an [`Upgrade`],
//! or the reason why the state is [`Incompatible`]; then the record stays as it is. Nothing is guessed. Never reads a
//! record or a store.
//!
//! A state is identified by its name, never by its position in the code. If the fingerprint is the one that this program
//! has for that state, the state is read as it is ([`is_current`]); this holds for nearly every record. Otherwise
//! [`upgrade`] finds the state in the code, renames its locals, fills in defaults for new ones, or runs the author's
//! migration.
//!
//! Questions with the same name are numbered in the order of the code: `Confirm`, `Confirm2`. For these a name is only a
//! position, so the texts of all questions of the group are compared too: see [`resolve_state`].
//!
//! **Process-wide state**: the schema of each component and flow is derived once, when it is first saved or loaded, and
//! cached for the life of the process behind a read-write lock ([`component_schema`]). The schema depends only on the
//! program, so the cache never changes a result.

use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use serde_json::value::RawValue;

use crate::component::{AnyAnswer, AnyComponent, ComponentDescriptor, DefaultValue, Kind, Migrated, StateDescriptor};
use crate::evolution::migration::SavedState;
use crate::json::describe;
use crate::schema::{self, Content, Definition, Definitions, Field, Schema, Type, probe};

/// The schema of a component or flow of this program.
#[derive(Debug)]
pub(crate) struct ComponentSchema {
    pub(crate) descriptor: &'static ComponentDescriptor,
    /// The schema of a component; empty for a flow, whose states have schemas of their own.
    pub(crate) schema: Schema,
    /// The fingerprint of `schema`; empty for a flow.
    pub(crate) fingerprint: String,
    /// The states of a flow in the order of the code; empty for a component.
    pub(crate) states: Vec<StateSchema>,
    by_name: HashMap<&'static str, usize>,
}

/// The schema of a state of a flow of this program.
#[derive(Debug)]
pub(crate) struct StateSchema {
    pub(crate) descriptor: StateDescriptor,
    pub(crate) schema: Schema,
    pub(crate) fingerprint: String,
    /// The question group of the state, see [`question_group`]; empty if the author named the state.
    pub(crate) questions: String,
}

impl StateSchema {
    pub(crate) fn name(&self) -> &'static str {
        self.descriptor.site.name
    }
}

impl ComponentSchema {
    pub(crate) fn state(&self, name: &str) -> Option<&StateSchema> {
        self.by_name.get(name).map(|index| &self.states[*index])
    }

    /// Derives the schema. Adds the definitions that it refers to to `types`.
    pub(crate) fn new(descriptor: &'static ComponentDescriptor, types: &mut Definitions) -> Self {
        let root = match descriptor.transient {
            true => Type::Any,
            false => probe(descriptor.probe, types),
        };
        let definition = match &root {
            Type::Named(name) => types.get(name).cloned(),
            _ => None,
        };
        let Kind::Flow { describe, .. } = descriptor.kind else {
            let locals = match definition {
                Some(Definition::Struct(fields)) => fields,
                _ => vec![Field { name: "*".to_owned(), aliases: Vec::new(), ty: root, optional: false }],
            };
            let schema = Schema { locals, ..Schema::default() };
            let (fingerprint, states, by_name) = (schema.fingerprint(types), Vec::new(), HashMap::new());
            return Self { descriptor, schema, fingerprint, states, by_name };
        };
        let variants = match definition {
            Some(Definition::Enum(variants)) => variants,
            _ => Vec::new(),
        };
        // The enum of states is not a type of the author's: its variants are listed as states.
        if let Type::Named(name) = &root {
            types.remove(name);
        }
        let descriptors = describe();
        let questions: Vec<_> =
            descriptors.iter().map(|state| (state.site.wanted, question_fingerprint(state.site.asks))).collect();
        let mut states = Vec::new();
        for (index, state) in descriptors.into_iter().enumerate() {
            let variant = variants.iter().find(|variant| variant.name == state.site.name);
            let mut locals = match variant.map(|variant| &variant.content) {
                Some(Content::Fields(fields)) => fields.clone(),
                _ => Vec::new(),
            };
            for local in &mut locals {
                let old_names = state.site.locals_were.iter().filter(|(name, _)| *name == local.name);
                local.aliases.extend(old_names.flat_map(|(_, names)| *names).map(|name| (*name).to_owned()));
                local.optional |= state.defaults.iter().any(|default| default.local == local.name);
            }
            let awaited = state.awaits.as_ref();
            let schema = Schema {
                locals,
                awaits: awaited.map_or_else(String::new, |awaited| awaited.component.to_owned()),
                answer: awaited.map(|awaited| probe(awaited.probe_answer, types)),
            };
            let fingerprint = schema.fingerprint(types);
            let questions = question_group(&questions, index);
            states.push(StateSchema { descriptor: state, schema, fingerprint, questions });
        }
        let by_name = states.iter().enumerate().map(|(index, state)| (state.name(), index)).collect();
        Self { descriptor, schema: Schema::default(), fingerprint: String::new(), states, by_name }
    }
}

/// The schema of a component or flow of this program, from the process-wide cache.
pub(crate) fn component_schema(descriptor: &'static ComponentDescriptor) -> &'static ComponentSchema {
    static CACHE: LazyLock<RwLock<HashMap<&'static str, &'static ComponentSchema>>> = LazyLock::new(RwLock::default);
    if let Some(schema) = CACHE.read().unwrap_or_else(PoisonError::into_inner).get(descriptor.name) {
        return schema;
    }
    let schema = ComponentSchema::new(descriptor, &mut Definitions::new());
    let mut cache = CACHE.write().unwrap_or_else(PoisonError::into_inner);
    cache.entry(descriptor.name).or_insert_with(|| Box::leak(Box::new(schema)))
}

/// The fingerprint of the text of a question: 8 hexadecimal digits of a SHA-256.
pub(crate) fn question_fingerprint(text: &str) -> String {
    schema::fingerprint(text)[..8].to_owned()
}

/// The question group of the state at `own`: the fingerprints of all questions with the same base name, in the order of
/// the code, with an asterisk on its own. `"a1b2c3d4 *0f0f0f0f"` is the second of two. Empty for a state without a base
/// name, which the author named.
///
/// `all` has the base name and the question fingerprint of each state.
pub(crate) fn question_group(all: &[(&str, String)], own: usize) -> String {
    let base_name = all[own].0;
    if base_name.is_empty() {
        return String::new();
    }
    let group = all.iter().enumerate().filter(|(_, (other, _))| *other == base_name);
    let marked = group.map(|(index, (_, question))| match index == own {
        true => format!("*{question}"),
        false => question.clone(),
    });
    marked.collect::<Vec<_>>().join(" ")
}

/// The fingerprints of a question group, and the index of the marked one.
fn parse_question_group(group: &str) -> Option<(Vec<&str>, usize)> {
    let own = group.split(' ').position(|question| question.starts_with('*'))?;
    Some((group.split(' ').map(|question| question.trim_start_matches('*')).collect(), own))
}

/// The state of the code that a saved state corresponds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResolvedState {
    /// The candidate at this index.
    At(usize),
    /// No state of the code corresponds to it.
    Removed,
    /// Several states have its name, and their questions do not decide.
    Ambiguous,
}

/// A state of the code, as [`resolve_state`] compares it.
pub(crate) struct Candidate<'a> {
    pub(crate) name: &'a str,
    /// The name without the number that tells questions of one name apart; empty if the author named the state.
    pub(crate) base_name: &'a str,
    /// The old names that the author declared with `was`.
    pub(crate) old_names: Vec<&'a str>,
    /// The question group.
    pub(crate) questions: &'a str,
}

/// Finds the candidate for a saved state with this name and question group.
///
/// 1. A candidate that declares `name` as an old name is the one, unless another candidate has that name and the same
///    question group.
/// 2. If the saved state or the candidate of that name was named by the author, the name decides.
/// 3. Otherwise the state belongs to a group of questions that share a name. If the group has as many questions as before
///    and at most one text differs, the position in the group decides. Otherwise the text of the question decides, if it
///    occurs exactly once before and now.
pub(crate) fn resolve_state(name: &str, questions: &str, candidates: &[Candidate<'_>]) -> ResolvedState {
    let same_name = candidates.iter().position(|candidate| candidate.name == name);
    let renamed = candidates.iter().position(|candidate| candidate.old_names.contains(&name));
    if let Some(at) = renamed.filter(|_| same_name.is_none_or(|at| candidates[at].questions != questions)) {
        return ResolvedState::At(at);
    }
    let Some((before, own)) = parse_question_group(questions) else {
        return same_name.map_or(ResolvedState::Removed, ResolvedState::At);
    };
    if let Some(at) = same_name.filter(|at| candidates[*at].base_name.is_empty()) {
        return ResolvedState::At(at);
    }
    // If no state has the name any more, the base name is the name without its number.
    let base_name =
        same_name.map_or_else(|| name.trim_end_matches(|c: char| c.is_ascii_digit()), |at| candidates[at].base_name);
    let group: Vec<_> = (0..candidates.len()).filter(|at| candidates[*at].base_name == base_name).collect();
    let now: Vec<_> = group
        .iter()
        .filter_map(|at| parse_question_group(candidates[*at].questions))
        .map(|(questions, own)| questions[own])
        .collect();
    if now.len() != group.len() || group.is_empty() {
        return ResolvedState::Removed;
    }
    let changed = before.iter().zip(&now).filter(|(before, now)| before != now).count();
    if before.len() == now.len() && changed <= 1 {
        return ResolvedState::At(group[own]);
    }
    let is_unique = |questions: &[&str]| questions.iter().filter(|question| **question == before[own]).count() == 1;
    match now.iter().position(|question| *question == before[own]) {
        Some(at) if is_unique(&before) && is_unique(&now) => ResolvedState::At(group[at]),
        Some(_) => ResolvedState::Ambiguous,
        None if now.len() < before.len() => ResolvedState::Removed,
        None => ResolvedState::Ambiguous,
    }
}

/// How a saved state continues in this program.
pub(crate) enum Upgrade {
    /// It is read as it is.
    Unchanged,
    /// It is read from this JSON.
    Converted(Box<RawValue>),
    /// A migration replaced it with this state of the same flow.
    Migrated(Box<dyn AnyComponent>),
    /// A migration ended the flow with this answer.
    Retired(AnyAnswer),
    /// A migration replaced the flow with this one.
    HandedTo(Box<dyn AnyComponent>),
}

/// Why a saved state does not fit this program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Incompatible {
    /// The code has no such state.
    #[error("the code has no state `{0}`; declare its new name with `was`, or write `#[migrate]` on the flow")]
    RemovedState(String),
    /// Several states of the code may correspond to it.
    #[error("several questions of the code may be `{0}`; name each of them with `#[at(\"..\")]`")]
    AmbiguousState(String),
    /// Locals are new and have no default.
    #[error(
        "the state `{state}` was saved without {}; write `#[default = ..]` for a new local, `#[was = \"..\"]` for a renamed one",
        names(locals)
    )]
    MissingLocals {
        /// The state.
        state: String,
        /// The locals.
        locals: Vec<String>,
    },
    /// The author's migration of the state failed.
    #[error("its migration failed: {0}")]
    MigrationFailed(String),
    /// The awaited component answers with another type than the code expects.
    #[error("the state `{state}` waits for `{waits_for}`, which answers with another type than the code expects there")]
    AnswerTypeChanged {
        /// The state.
        state: String,
        /// The awaited component.
        waits_for: String,
    },
    /// The resume function that takes the answer was removed.
    #[error("the code has no resume function `{0}`")]
    RemovedResume(String),
    /// A saved value has another type than the code.
    #[error("a local of the state `{state}`, or a field of it, was saved with another type: {class}")]
    TypeChanged {
        /// The state; empty for a component.
        state: String,
        /// serde's error, without the value.
        class: String,
    },
    /// A later release of the program wrote the state.
    #[error("written by another version of the program: this one does not know that schema of `{0}`")]
    UnknownSchema(String),
}

fn names(locals: &[String]) -> String {
    locals.iter().map(|local| format!("`{local}`")).collect::<Vec<_>>().join(", ")
}

/// Whether a saved state has the schema and the question group that this program has for it, so that it is read as it is.
pub(crate) fn is_current(component: &ComponentSchema, state: &RawValue, fingerprint: &str, questions: &str) -> bool {
    match component.descriptor.kind {
        Kind::Component { .. } => component.fingerprint == fingerprint,
        Kind::Flow { .. } => {
            let known = name_of(state).and_then(|name| component.state(name));
            known.is_some_and(|known| known.fingerprint == fingerprint && known.questions == questions)
        }
    }
}

/// Decides how a saved state that is not [current](is_current) continues.
///
/// `fingerprint` and `questions` are those that its record carries.
pub(crate) fn upgrade(
    component: &ComponentSchema,
    state: &RawValue,
    fingerprint: &str,
    questions: &str,
) -> Result<Upgrade, Incompatible> {
    let Kind::Flow { migrate, .. } = component.descriptor.kind else { return Ok(Upgrade::Unchanged) };
    let name = || name_of(state).unwrap_or_default().to_owned();
    let saved = SavedState::parse(state, fingerprint)
        .map_err(|error| Incompatible::TypeChanged { state: name(), class: describe(&error) })?;
    let candidates: Vec<_> = component.states.iter().map(candidate).collect();
    let mut resolved = resolve_state(saved.state(), questions, &candidates);
    let mut saved = match resolved {
        ResolvedState::At(at) if component.states[at].fingerprint == fingerprint => saved,
        _ => {
            let old_name = saved.state().to_owned();
            match migrate(saved) {
                Ok(Migrated::State(component)) => return Ok(Upgrade::Migrated(component)),
                Ok(Migrated::Answer(answer)) => return Ok(Upgrade::Retired(answer)),
                Ok(Migrated::HandTo(component)) => return Ok(Upgrade::HandedTo(component)),
                Ok(Migrated::Failed(failure)) => return Err(Incompatible::MigrationFailed(failure.to_string())),
                Err(saved) => {
                    if saved.state() != old_name {
                        resolved = resolve_state(saved.state(), "", &candidates);
                    }
                    saved
                }
            }
        }
    };
    let target = match resolved {
        ResolvedState::At(at) => &component.states[at],
        ResolvedState::Removed => return Err(Incompatible::RemovedState(saved.state().to_owned())),
        ResolvedState::Ambiguous => return Err(Incompatible::AmbiguousState(saved.state().to_owned())),
    };
    saved.rename_state(target.name());
    complete_locals(&mut saved, target)?;
    Ok(Upgrade::Converted(saved.to_json()))
}

pub(crate) fn candidate(state: &StateSchema) -> Candidate<'_> {
    let site = &state.descriptor.site;
    Candidate { name: site.name, base_name: site.wanted, old_names: site.was.to_vec(), questions: &state.questions }
}

/// Renames the locals to their new names, and adds the defaults of new ones.
fn complete_locals(saved: &mut SavedState, target: &StateSchema) -> Result<(), Incompatible> {
    let mut missing = Vec::new();
    for local in &target.schema.locals {
        for alias in &local.aliases {
            saved.rename(alias, &*local.name);
        }
        if saved.has(&local.name) {
            continue;
        }
        let mut defaults = target.descriptor.defaults.iter();
        match defaults.find(|default| default.local == local.name) {
            Some(DefaultValue { json: Some(json), .. }) => {
                saved.fill(&local.name, json).expect("BUG: a default was serialized as JSON");
            }
            _ if local.optional => {}
            _ => missing.push(local.name.clone()),
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Incompatible::MissingLocals { state: target.name().to_owned(), locals: missing })
}

/// The name of a saved state: `Room` of `{"Room":{..}}`. `None` if the text has another form, such as white space or an
/// escape in the name.
pub(crate) fn name_of(state: &RawValue) -> Option<&str> {
    let rest = state.get().strip_prefix("{\"")?;
    let (name, _) = rest.split_once('"')?;
    (!name.contains('\\')).then_some(name)
}
