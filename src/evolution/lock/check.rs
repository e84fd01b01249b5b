//! What an edit means for conversations that wait: a lock against the code.

use std::fmt;

use super::{Code, Lock, SavedState};
use crate::component::Kind;
use crate::evolution::compat::{ComponentSchema, ResolvedState, StateSchema, candidate, resolve_state};
use crate::schema::{Both, Change, Content, Definition, Definitions, Difference, Field, Type, compare_fields, probe};

/// What an edit means for the conversations that wait in one state, or hold one component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compatibility {
    /// They go on as if nothing had happened.
    Same,
    /// They go on. What is new or gone, in words.
    Additive(Vec<String>),
    /// They go on, as the author wrote. What was written, in words.
    Migrated(Vec<String>),
    /// They would be left alone. What is missing, and what to write.
    Breaking(Vec<String>),
}

/// What was found of one state, or of one component.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The flow or component, as it was called.
    pub of: String,
    /// The state, as it was called; empty of a component.
    pub state: String,
    /// The short word for the shape that it had.
    pub shape: String,
    /// The file and the line to look at; empty if it is gone altogether.
    pub place: String,
    /// What the edit means.
    pub verdict: Compatibility,
}

/// What an edit means, state by state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Report {
    /// In the order of the lock.
    pub found: Vec<Finding>,
}

impl Report {
    /// Compares a lock with what is linked into the program.
    pub fn against_code(lock: &Lock) -> Self {
        Self::of(lock, &Code::linked())
    }

    /// Whether conversations would be left alone.
    pub fn is_breaking(&self) -> bool {
        self.found.iter().any(|found| matches!(found.verdict, Compatibility::Breaking(_)))
    }

    pub(super) fn of(lock: &Lock, code: &Code) -> Self {
        let current = Lock::of(code);
        let checker = Checker { code, types: &current.types };
        let found = lock.all().iter().map(|earlier| checker.found(earlier)).collect();
        Self { found }
    }
}

/// Each state that is not the same, with what it means; how many are the same.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let same = self.found.iter().filter(|found| found.verdict == Compatibility::Same).count();
        writeln!(f, "same: {same} of {}", self.found.len())?;
        for found in &self.found {
            let (word, what) = match &found.verdict {
                Compatibility::Same => continue,
                Compatibility::Additive(what) => ("additive", what),
                Compatibility::Migrated(what) => ("answered", what),
                Compatibility::Breaking(what) => ("BREAKING", what),
            };
            write!(f, "\n{word}: {}", found.of)?;
            if !found.state.is_empty() {
                write!(f, ", waiting in {}", found.state)?;
            }
            if !found.place.is_empty() {
                write!(f, "  ({})", found.place)?;
            }
            writeln!(f)?;
            what.iter().try_for_each(|what| writeln!(f, "    {what}"))?;
        }
        Ok(())
    }
}

struct Checker<'a> {
    code: &'a Code,
    /// The types of the code.
    types: &'a Definitions,
}

impl Checker<'_> {
    fn found(&self, earlier: &SavedState) -> Finding {
        let (place, verdict) = match self.code.of(&earlier.of) {
            None => (String::new(), Compatibility::Breaking(vec![gone(earlier)])),
            Some(component_schema) if earlier.state.is_empty() => {
                (place(component_schema, None), self.component(component_schema, earlier))
            }
            Some(component_schema) => self.state(component_schema, earlier),
        };
        Finding { of: earlier.of.clone(), state: earlier.state.clone(), shape: earlier.shape.clone(), place, verdict }
    }

    fn component(&self, component_schema: &ComponentSchema, earlier: &SavedState) -> Compatibility {
        if !component_schema.states.is_empty() {
            return Compatibility::Breaking(vec![
                "it was a component, and is a flow; give the flow another name".to_owned(),
            ]);
        }
        if component_schema.digest == earlier.shape {
            return renamed(component_schema, earlier);
        }
        let differences = self.fields(&earlier.shape().locals, &component_schema.shape.locals, &earlier.types);
        verdict(&differences)
    }

    fn state(&self, component_schema: &ComponentSchema, earlier: &SavedState) -> (String, Compatibility) {
        let candidates: Vec<_> = component_schema.states.iter().map(candidate).collect();
        let at = resolve_state(&earlier.state, &earlier.asks, &candidates);
        let target = match at {
            ResolvedState::At(at) => Some(&component_schema.states[at]),
            ResolvedState::Gone | ResolvedState::Ambiguous => None,
        };
        let line = target.map(|target| target.described.site.line);
        let place = place(component_schema, line);
        if let Some(target) = target.filter(|target| target.digest == earlier.shape) {
            let verdict = match self.answer(earlier, target.described.awaits.map_or("", |awaits| awaits.answer)) {
                Some(problem) => Compatibility::Breaking(vec![problem]),
                None => with_words(renamed(component_schema, earlier), earlier, target),
            };
            return (place, verdict);
        }
        if let Some(answered) = self.migrated(component_schema, earlier) {
            return (place, answered);
        }
        let verdict = match (target, at) {
            (Some(target), _) => {
                let mut differences = self.fields(&earlier.shape().locals, &target.shape.locals, &earlier.types);
                for difference in &mut differences {
                    say_of_local(difference, target);
                }
                let mut verdict = verdict(&differences);
                if let Some(problem) = self.answer(earlier, target.described.awaits.map_or("", |awaits| awaits.answer))
                {
                    match &mut verdict {
                        Compatibility::Breaking(problems) => problems.push(problem),
                        other => *other = Compatibility::Breaking(vec![problem]),
                    }
                }
                with_words(verdict, earlier, target)
            }
            (None, ResolvedState::Ambiguous) => Compatibility::Breaking(vec![format!(
                "several questions could be it, because they share a name; write `#[at(\"{0}\")]` on the one that it was, \
                 and `#[at(\"..\")]` on each of the others",
                earlier.state
            )]),
            (None, _) => Compatibility::Breaking(vec![format!(
                "the flow has no such state any more; write `#[at(\"..\", was = \"{0}\")]` on the statement that it is now, \
                 or `#[was = \"..\"]` on its `let`; or say with `#[migrate(..)]` on the flow where it goes on, or that it \
                 ends: `#[migrate(|before: Before| match before {{ Before::{0} {{ .. }} => retire(..) }})]`",
                earlier.state
            )]),
        };
        (place, verdict)
    }

    fn fields(&self, old: &[Field], new: &[Field], types: &Definitions) -> Vec<Difference> {
        compare_fields(&Both { old: types, new: self.types }, old, new)
    }

    /// What is wrong with what the state waits for, if it answers something else than the code takes there.
    fn answer(&self, earlier: &SavedState, takes: &str) -> Option<String> {
        if earlier.awaits.is_empty() {
            return None;
        }
        let Some(callee) = self.code.of(&earlier.awaits) else {
            return Some(format!("it waits for `{}`, which is gone", earlier.awaits));
        };
        let gives = (callee.registration.answer)();
        (gives != takes).then(|| {
            format!(
                "it waits for `{}`, which answers {gives}, and the code takes {takes} there; ask the new question under \
                 another name, `#[at(\"..\")]`, and write `#[migrate(..)]` on the flow for who waits in this state",
                earlier.awaits
            )
        })
    }

    /// Whether a migration takes the state, and with the locals that it had.
    fn migrated(&self, component_schema: &ComponentSchema, earlier: &SavedState) -> Option<Compatibility> {
        let Kind::Flow { takes, on_json, .. } = component_schema.registration.kind else { return None };
        for take in takes {
            let mut types = Definitions::new();
            let Type::Named(name) = probe(*take, &mut types) else {
                return Some(Compatibility::Migrated(vec!["`#[migrate]` takes it as JSON".to_owned()]));
            };
            let Some(Definition::Enum(variants)) = types.get(&name) else { continue };
            let exactly = format!("{}@{}", earlier.state, earlier.shape);
            let named = |name: &str| variants.iter().find(|variant| variant.name == name);
            let Some(variant) = named(&exactly).or_else(|| named(&earlier.state)) else { continue };
            let new = match &variant.content {
                Content::Fields(fields) => fields.clone(),
                Content::Type(Type::Named(name)) => match types.get(name) {
                    Some(Definition::Struct(fields)) => fields.clone(),
                    _ => Vec::new(),
                },
                _ => Vec::new(),
            };
            let old = earlier.shape().locals;
            let differences = compare_fields(&Both { old: &earlier.types, new: &types }, &old, &new);
            let breaking = differences.iter().filter(|difference| difference.change == Change::Breaking);
            let problems: Vec<_> = breaking
                .map(|difference| format!("`#[migrate]` takes it with other locals than it had: {difference}"))
                .collect();
            return Some(match problems.is_empty() {
                true => Compatibility::Migrated(vec![format!("`#[migrate]` takes it as `{name}::{}`", earlier.state)]),
                false => Compatibility::Breaking(problems),
            });
        }
        on_json.then(|| {
            Compatibility::Migrated(vec!["`#[migrate]` takes it apart as JSON, which is not checked".to_owned()])
        })
    }
}

fn gone(earlier: &SavedState) -> String {
    let SavedState { of, state, .. } = earlier;
    if state.is_empty() {
        return format!(
            "the component is gone; write `#[component(was = \"{of}\")]` on the one that stands for it, or keep it until \
             nobody holds it any more"
        );
    }
    format!(
        "the flow is gone; write `#[flow(was = \"{of}\")]` on the one that stands for it, or keep a flow of that name that \
         says what becomes of those who wait: `#[flow(name = \"{of}\")] #[migrate(|_: Earlier| retire(..))]`"
    )
}

/// The default of a local that is new, or what to write for one; a local is no field of a type of the author's.
fn say_of_local(difference: &mut Difference, target: &StateSchema) {
    if difference.at.contains('.') || !difference.what.starts_with("is new") {
        return;
    }
    let local = &difference.at;
    let mut defaults = target.described.defaults.iter();
    let default = defaults.find(|default| default.local == *local).and_then(|default| default.json.as_ref());
    match (difference.change, default) {
        (Change::Additive, Some(json)) => difference.what = format!("is new, and its default stands for it: {json}"),
        (Change::Additive, None) => "is new, and is `None`".clone_into(&mut difference.what),
        (Change::Breaking, _) => {
            difference.answer = format!(
                "write `#[default = ..]` on its `let`, for who waits in {}; or `#[was = \"..\"]`, if `{local}` had another \
                 name",
                target.name()
            );
        }
    }
}

/// The same, with what is new about the name and the words of the question.
fn with_words(verdict: Compatibility, earlier: &SavedState, target: &StateSchema) -> Compatibility {
    let mut said = match verdict {
        Compatibility::Same => Vec::new(),
        Compatibility::Additive(what) => what,
        other => return other,
    };
    if target.name() != earlier.state {
        said.insert(0, format!("the state is called `{}` now", target.name()));
    }
    let own = |asks: &str| asks.split(' ').find(|words| words.starts_with('*')).map(str::to_owned);
    if let (Some(before), Some(now)) = (own(&earlier.asks), own(&target.asks))
        && before != now
    {
        said.push(format!("it is asked in other words now: {}", target.described.site.asks));
    }
    if said.is_empty() { Compatibility::Same } else { Compatibility::Additive(said) }
}

fn renamed(component_schema: &ComponentSchema, earlier: &SavedState) -> Compatibility {
    match component_schema.registration.name {
        name if name == earlier.of => Compatibility::Same,
        name => Compatibility::Additive(vec![format!("it is called `{name}` now")]),
    }
}

fn verdict(differences: &[Difference]) -> Compatibility {
    let of = |change: Change| differences.iter().filter(move |difference| difference.change == change);
    let breaking: Vec<_> = of(Change::Breaking).map(|found| format!("{found}; {}", found.answer)).collect();
    let additive: Vec<_> = of(Change::Additive).map(ToString::to_string).collect();
    match (breaking.is_empty(), additive.is_empty()) {
        (false, _) => Compatibility::Breaking(breaking),
        (true, false) => Compatibility::Additive(additive),
        (true, true) => Compatibility::Same,
    }
}

/// `src/booking.rs:12`
fn place(component_schema: &ComponentSchema, line: Option<u32>) -> String {
    let defined = component_schema.registration.defined;
    let place = defined.rsplit_once(" (").map_or(defined, |(_, place)| place).trim_end_matches(')');
    match (line, place.rsplit_once(':')) {
        (Some(line), Some((file, _))) => format!("{file}:{line}"),
        _ => place.to_owned(),
    }
}
