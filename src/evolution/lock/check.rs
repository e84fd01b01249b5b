//! Compares a schema lock file with the code: what does an edit mean for waiting conversations?
//!
//! Takes a [`Lock`] and the schemas of the code. Gives a [`Report`] with one [`Finding`] for each schema of the lock, those
//! of previous releases included. Uses the same rules as [`compat`](crate::evolution::compat), on schemas instead of saved
//! states; so a finding that is not breaking means that every state of that schema can be loaded, except that a migration
//! may fail on a value, and that a migration by function is not checked.

use std::fmt;

use crate::component::Kind;
use crate::evolution::compat::{ComponentSchema, ResolvedState, StateSchema, candidate, resolve_state};
use crate::evolution::lock::{Code, Lock, PreviousSchema};
use crate::schema::{
    Content, Definition, DefinitionPair, Definitions, DiffEntry, Field, Impact, Type, diff_fields, probe,
};

/// What an edit means for the conversations that wait in one state, or hold one component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compatibility {
    /// They continue as before.
    Unchanged,
    /// They continue. The differences, one text each.
    Additive(Vec<String>),
    /// They continue as a migration declares. The migration, in words.
    Migrated(Vec<String>),
    /// They would be left alone, unread. The problems, each with what to write.
    Breaking(Vec<String>),
}

/// The result for one schema of the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The flow or component, by its name in the lock.
    pub component: String,
    /// The state, by its name in the lock; empty for a component.
    pub state: String,
    /// The schema fingerprint in the lock.
    pub schema: String,
    /// The file and line in the code; empty if the flow or component was removed.
    pub location: String,
    /// What the edit means.
    pub compatibility: Compatibility,
}

/// What an edit means for each schema of a lock.
///
/// Displays the number of unchanged schemas, and every other finding.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Report {
    /// The findings, in the order of the lock.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Compares a lock with the flows and components that are linked into the program.
    pub fn against_code(lock: &Lock) -> Self {
        Self::of(lock, &Code::linked())
    }

    /// Whether conversations would be left alone: whether any finding is [`Compatibility::Breaking`].
    pub fn is_breaking(&self) -> bool {
        self.findings.iter().any(|finding| matches!(finding.compatibility, Compatibility::Breaking(_)))
    }

    pub(super) fn of(lock: &Lock, code: &Code) -> Self {
        let current = Lock::of(code);
        let checker = Checker { code, types: &current.types };
        Self { findings: lock.as_previous().iter().map(|previous| checker.finding(previous)).collect() }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unchanged =
            self.findings.iter().filter(|finding| finding.compatibility == Compatibility::Unchanged).count();
        writeln!(f, "unchanged: {unchanged} of {}", self.findings.len())?;
        for finding in &self.findings {
            let (word, lines) = match &finding.compatibility {
                Compatibility::Unchanged => continue,
                Compatibility::Additive(lines) => ("additive", lines),
                Compatibility::Migrated(lines) => ("migrated", lines),
                Compatibility::Breaking(lines) => ("BREAKING", lines),
            };
            write!(f, "\n{word}: {}", finding.component)?;
            if !finding.state.is_empty() {
                write!(f, ", waiting in {}", finding.state)?;
            }
            if !finding.location.is_empty() {
                write!(f, "  ({})", finding.location)?;
            }
            writeln!(f)?;
            lines.iter().try_for_each(|line| writeln!(f, "    {line}"))?;
        }
        Ok(())
    }
}

struct Checker<'a> {
    code: &'a Code,
    /// The definitions of the code.
    types: &'a Definitions,
}

impl Checker<'_> {
    fn finding(&self, previous: &PreviousSchema) -> Finding {
        let (location, compatibility) = match self.code.component(&previous.component) {
            None => (String::new(), Compatibility::Breaking(vec![removed_component(previous)])),
            Some(component) if previous.state.is_empty() => {
                (location(component, None), self.component(component, previous))
            }
            Some(component) => self.state(component, previous),
        };
        Finding {
            component: previous.component.clone(),
            state: previous.state.clone(),
            schema: previous.schema.clone(),
            location,
            compatibility,
        }
    }

    fn component(&self, component: &ComponentSchema, previous: &PreviousSchema) -> Compatibility {
        if !component.states.is_empty() {
            return Compatibility::Breaking(vec![
                "it was a component and is now a flow; give the flow another name".to_owned(),
            ]);
        }
        if component.fingerprint == previous.schema {
            return unless_renamed(component, previous);
        }
        let differences = self.diff(&previous.schema().locals, &component.schema.locals, &previous.types);
        of_differences(&differences)
    }

    /// The location of the state in the code, and what the edit means for it.
    fn state(&self, component: &ComponentSchema, previous: &PreviousSchema) -> (String, Compatibility) {
        let candidates: Vec<_> = component.states.iter().map(candidate).collect();
        let resolved = resolve_state(&previous.state, &previous.questions, &candidates);
        let target = match resolved {
            ResolvedState::At(at) => Some(&component.states[at]),
            ResolvedState::Removed | ResolvedState::Ambiguous => None,
        };
        let location = location(component, target.map(|target| target.descriptor.site.line));
        if let Some(target) = target.filter(|target| target.fingerprint == previous.schema) {
            let compatibility = match self.answer_problem(previous, target) {
                Some(problem) => Compatibility::Breaking(vec![problem]),
                None => with_question_changes(unless_renamed(component, previous), previous, target),
            };
            return (location, compatibility);
        }
        if let Some(migrated) = self.migration(component, previous) {
            return (location, migrated);
        }
        let compatibility = match (target, resolved) {
            (Some(target), _) => {
                let mut differences = self.diff(&previous.schema().locals, &target.schema.locals, &previous.types);
                for difference in &mut differences {
                    describe_new_local(difference, target);
                }
                let mut compatibility = of_differences(&differences);
                if let Some(problem) = self.answer_problem(previous, target) {
                    match &mut compatibility {
                        Compatibility::Breaking(problems) => problems.push(problem),
                        other => *other = Compatibility::Breaking(vec![problem]),
                    }
                }
                with_question_changes(compatibility, previous, target)
            }
            (None, ResolvedState::Ambiguous) => Compatibility::Breaking(vec![format!(
                "several questions have this name, and more than one of them may be it; write `#[at(\"{0}\")]` on the one \
                 that it was, and `#[at(\"..\")]` on each of the others",
                previous.state
            )]),
            (None, _) => Compatibility::Breaking(vec![format!(
                "the flow has no such state; write `#[at(\"..\", was = \"{0}\")]` on the statement that replaces it, or \
                 `#[was = \"..\"]` on its `let`; or say with `#[migrate(..)]` on the flow where it continues, or that it \
                 ends: `#[migrate(|before: Before| match before {{ Before::{0} {{ .. }} => retire(..) }})]`",
                previous.state
            )]),
        };
        (location, compatibility)
    }

    fn diff(&self, old: &[Field], new: &[Field], types: &Definitions) -> Vec<DiffEntry> {
        diff_fields(&DefinitionPair { old: types, new: self.types }, old, new)
    }

    /// The problem with the awaited component, if it was removed or answers with another type than the code expects.
    fn answer_problem(&self, previous: &PreviousSchema, target: &StateSchema) -> Option<String> {
        if previous.awaits.is_empty() {
            return None;
        }
        let Some(awaited) = self.code.component(&previous.awaits) else {
            return Some(format!("it waits for `{}`, which was removed", previous.awaits));
        };
        let expected = target.descriptor.awaits.map_or("", |awaits| awaits.answer);
        let answer = (awaited.descriptor.answer)();
        (answer != expected).then(|| {
            format!(
                "it waits for `{}`, which answers {answer}, and the code expects {expected}; give the new question another \
                 name, `#[at(\"..\")]`, and write `#[migrate(..)]` on the flow for conversations that wait in this state",
                previous.awaits
            )
        })
    }

    /// The result if a `#[migrate]` takes the state; `None` if none does.
    fn migration(&self, component: &ComponentSchema, previous: &PreviousSchema) -> Option<Compatibility> {
        let Kind::Flow { takes, on_json, .. } = component.descriptor.kind else { return None };
        for take in takes {
            let mut types = Definitions::new();
            let Type::Named(name) = probe(*take, &mut types) else {
                return Some(Compatibility::Migrated(vec!["`#[migrate]` takes it as JSON".to_owned()]));
            };
            let Some(Definition::Enum(variants)) = types.get(&name) else { continue };
            let versioned = format!("{}@{}", previous.state, previous.schema);
            let variant_named = |name: &str| variants.iter().find(|variant| variant.name == name);
            let Some(variant) = variant_named(&versioned).or_else(|| variant_named(&previous.state)) else { continue };
            let new = match &variant.content {
                Content::Fields(fields) => fields.clone(),
                Content::Type(Type::Named(name)) => match types.get(name) {
                    Some(Definition::Struct(fields)) => fields.clone(),
                    _ => Vec::new(),
                },
                _ => Vec::new(),
            };
            let old = previous.schema().locals;
            let differences = diff_fields(&DefinitionPair { old: &previous.types, new: &types }, &old, &new);
            let breaking = differences.iter().filter(|difference| difference.impact == Impact::Breaking);
            let problems: Vec<_> = breaking
                .map(|difference| format!("`#[migrate]` takes it with other locals than were saved: {difference}"))
                .collect();
            return Some(match problems.is_empty() {
                true => Compatibility::Migrated(vec![format!("`#[migrate]` takes it as `{name}::{}`", previous.state)]),
                false => Compatibility::Breaking(problems),
            });
        }
        on_json
            .then(|| Compatibility::Migrated(vec!["`#[migrate]` modifies its JSON, which is not checked".to_owned()]))
    }
}

fn removed_component(previous: &PreviousSchema) -> String {
    let PreviousSchema { component: name, state, .. } = previous;
    if state.is_empty() {
        return format!(
            "the component was removed; write `#[component(was = \"{name}\")]` on the one that replaces it, or keep it until \
             no conversation holds it"
        );
    }
    format!(
        "the flow was removed; write `#[flow(was = \"{name}\")]` on the one that replaces it, or keep a flow of that name that \
         migrates waiting conversations: `#[flow(name = \"{name}\")] #[migrate(|_: SavedState| retire(..))]`"
    )
}

/// Adds to the difference of a new local its default, or how to declare one. Fields of the author's types keep their text.
fn describe_new_local(difference: &mut DiffEntry, target: &StateSchema) {
    if difference.path.contains('.') || !difference.message.starts_with("is new") {
        return;
    }
    let local = &difference.path;
    let mut defaults = target.descriptor.defaults.iter();
    let default = defaults.find(|default| default.local == *local).and_then(|default| default.json.as_ref());
    match (difference.impact, default) {
        (Impact::Additive, Some(json)) => difference.message = format!("is new and gets its default: {json}"),
        (Impact::Additive, None) => "is new and is `None`".clone_into(&mut difference.message),
        (Impact::Breaking, _) => {
            difference.fix = format!(
                "write `#[default = ..]` on its `let`, for conversations that wait in {}; or `#[was = \"..\"]`, if `{local}` \
                 had another name",
                target.name()
            );
        }
    }
}

/// Adds what changed in the name of the state and in the text of its question.
fn with_question_changes(
    compatibility: Compatibility,
    previous: &PreviousSchema,
    target: &StateSchema,
) -> Compatibility {
    let mut changes = match compatibility {
        Compatibility::Unchanged => Vec::new(),
        Compatibility::Additive(changes) => changes,
        other => return other,
    };
    if target.name() != previous.state {
        changes.insert(0, format!("the state is now called `{}`", target.name()));
    }
    let own = |questions: &str| questions.split(' ').find(|question| question.starts_with('*')).map(str::to_owned);
    if let (Some(before), Some(now)) = (own(&previous.questions), own(&target.questions))
        && before != now
    {
        changes.push(format!("its question was reworded: {}", target.descriptor.site.asks));
    }
    if changes.is_empty() { Compatibility::Unchanged } else { Compatibility::Additive(changes) }
}

/// `Unchanged`, or `Additive` if the flow or component has another name now.
fn unless_renamed(component: &ComponentSchema, previous: &PreviousSchema) -> Compatibility {
    match component.descriptor.name {
        name if name == previous.component => Compatibility::Unchanged,
        name => Compatibility::Additive(vec![format!("it is now called `{name}`")]),
    }
}

fn of_differences(differences: &[DiffEntry]) -> Compatibility {
    let with = |impact: Impact| differences.iter().filter(move |difference| difference.impact == impact);
    let breaking: Vec<_> =
        with(Impact::Breaking).map(|difference| format!("{difference}; {}", difference.fix)).collect();
    let additive: Vec<_> = with(Impact::Additive).map(ToString::to_string).collect();
    match (breaking.is_empty(), additive.is_empty()) {
        (false, _) => Compatibility::Breaking(breaking),
        (true, false) => Compatibility::Additive(additive),
        (true, true) => Compatibility::Unchanged,
    }
}

/// `src/booking.rs:12`
fn location(component: &ComponentSchema, line: Option<u32>) -> String {
    let defined = component.descriptor.defined;
    let location = defined.rsplit_once(" (").map_or(defined, |(_, location)| location).trim_end_matches(')');
    match (line, location.rsplit_once(':')) {
        (Some(line), Some((file, _))) => format!("{file}:{line}"),
        _ => location.to_owned(),
    }
}
