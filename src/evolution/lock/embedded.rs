//! The schema lock files that are embedded in the program by [`flows_lock!`](crate::flows_lock).
//!
//! [`is_known`] decides whether a record was written by a later release. [`downgrade`] says how to write a state for the
//! previous release, while both run.
//!
//! **Process-wide state**: both functions cache what they read from the embedded files, at their first call. The files are
//! constants of the program, so the caches never change a result.

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use crate::evolution::lock::{Code, Lock, PreviousSchema};
use crate::schema::{Field, Schema};

/// The text of a schema lock file that is embedded in the program.
#[derive(Debug)]
pub struct Embedded(pub &'static str);

inventory::collect!(Embedded);

fn embedded_locks() -> impl Iterator<Item = Lock> {
    // The test of `flows_lock!` reports a file that cannot be parsed. At run time it is ignored.
    inventory::iter::<Embedded>.into_iter().filter_map(|Embedded(text)| Lock::parse(text).ok())
}

/// Whether an embedded lock has this schema of a state, or of a component whose state is empty. Always true for a component
/// or flow that no embedded lock lists.
pub(crate) fn is_known(component: &str, state: &str, schema: &str) -> bool {
    type Known = (HashSet<String>, HashSet<(String, String, String)>);
    static KNOWN: LazyLock<Known> = LazyLock::new(|| {
        let (mut components, mut schemas) = Known::default();
        for lock in embedded_locks() {
            components.extend(lock.flows.keys().chain(lock.components.keys()).cloned());
            let owned = |(component, state, schema): (&str, &str, &str)| {
                (component.to_owned(), state.to_owned(), schema.to_owned())
            };
            schemas.extend(lock.schema_keys().map(owned));
        }
        (components, schemas)
    });
    let (components, schemas) = &*KNOWN;
    !components.contains(component) || schemas.contains(&(component.to_owned(), state.to_owned(), schema.to_owned()))
}

/// How to write a state so that the previous release reads it.
#[derive(Debug)]
pub(crate) struct Downgrade {
    /// The schema fingerprint of the previous release.
    pub(crate) schema: String,
    /// The question group of the previous release.
    pub(crate) questions: String,
    /// The locals that the previous release does not have, with their defaults as JSON.
    pub(crate) new_locals: Vec<(String, String)>,
}

/// The downgrade of a state to the most similar previous schema of an embedded lock. `None` if no previous schema is the
/// current one without some locals that have defaults.
pub(crate) fn downgrade(component: &str, state: &str) -> Option<&'static Downgrade> {
    static DOWNGRADES: LazyLock<BTreeMap<(String, String), Downgrade>> = LazyLock::new(|| {
        let code = Code::linked();
        let mut all = BTreeMap::<_, Downgrade>::new();
        for previous in embedded_locks().flat_map(|lock| lock.as_previous()) {
            let key = (previous.component.clone(), previous.state.clone());
            if let Some(downgrade) = code.downgrade(previous)
                && all.get(&key).is_none_or(|known| known.new_locals.len() > downgrade.new_locals.len())
            {
                all.insert(key, downgrade);
            }
        }
        all
    });
    // A lookup by `(&str, &str)` is not possible in a map whose keys are pairs of `String`.
    DOWNGRADES.get(&(component.to_owned(), state.to_owned()))
}

impl Code {
    fn downgrade(&self, previous: PreviousSchema) -> Option<Downgrade> {
        let component = self.components.iter().find(|component| component.descriptor.name == previous.component)?;
        let state = component.state(&previous.state)?;
        let is_old = |local: &&Field| previous.locals.0.iter().any(|(name, _)| *name == local.name);
        let (old, new): (Vec<_>, Vec<_>) = state.schema.locals.iter().partition(is_old);
        let before = Schema { locals: old.into_iter().cloned().collect(), ..state.schema.clone() };
        if new.is_empty() || before.fingerprint(&self.types) != previous.schema {
            return None;
        }
        let default = |local: &Field| {
            let mut defaults = state.descriptor.defaults.iter();
            let json = defaults.find(|default| default.local == local.name)?.json.clone()?;
            Some((local.name.clone(), json))
        };
        let new_locals = new.into_iter().map(default).collect::<Option<_>>()?;
        Some(Downgrade { schema: previous.schema, questions: previous.questions, new_locals })
    }
}
