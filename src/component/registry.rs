//! The registry: every component and flow that is linked into the program, by its name on disk.
//!
//! typetag has a table of its own for deserialization. This one finds two types with the same name before anything is
//! saved, names the crate that a program must link, and maps the names of earlier versions to present ones.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::component::ComponentDescriptor;

/// This crate, whose components are in every program.
pub(crate) const OWN_CRATE: &str = env!("CARGO_PKG_NAME");

/// One entry. The macros submit it.
#[doc(hidden)]
#[derive(Debug)]
pub struct Entry(pub &'static ComponentDescriptor);

inventory::collect!(Entry);

static TABLE: LazyLock<BTreeMap<&'static str, Vec<&'static ComponentDescriptor>>> = LazyLock::new(|| {
    let mut table = BTreeMap::<_, Vec<_>>::new();
    for Entry(descriptor) in inventory::iter::<Entry> {
        table.entry(descriptor.name).or_default().push(*descriptor);
    }
    table
});

/// The component of this name, if it is linked into the program.
pub(crate) fn lookup(name: &str) -> Option<&'static ComponentDescriptor> {
    TABLE.get(name)?.first().copied()
}

/// All components and flows, in the order of their names; of two with the same name, the first.
pub(crate) fn all() -> impl Iterator<Item = &'static ComponentDescriptor> {
    TABLE.values().filter_map(|found| found.first().copied())
}

/// Names of earlier versions, with the present ones.
static RENAMED: LazyLock<BTreeMap<&'static str, &'static str>> = LazyLock::new(|| {
    let renamed = all().flat_map(|descriptor| descriptor.was.iter().map(|was| (*was, descriptor.name)));
    renamed.collect()
});

/// The present name of what was saved as `name`.
pub(crate) fn current_name(name: &str) -> &str {
    match RENAMED.get(name) {
        Some(current) if !TABLE.contains_key(name) => current,
        Some(_) | None => name,
    }
}

/// Checks that every name on disk belongs to one type.
///
/// # Errors
///
/// The names that belong to several types, each with the places that define it.
pub fn check() -> Result<(), String> {
    let twice: Vec<_> = TABLE.keys().filter_map(|name| check_name(name).err()).collect();
    if twice.is_empty() { Ok(()) } else { Err(twice.join("; ")) }
}

/// Checks that this name on disk belongs to one type. The error names the places that define it.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let Some(found) = TABLE.get(name).filter(|found| found.len() > 1) else { return Ok(()) };
    let mut places: Vec<_> = found.iter().map(|descriptor| descriptor.defined).collect();
    places.sort_unstable();
    let places = places.join(" and ");
    Err(format!("two types have the name `{name}` on disk: {places}; give one of them another name"))
}
