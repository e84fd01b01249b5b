//! Places: the parts that a pattern moves out of its value or borrows, and the methods that borrow their receiver.

use syn::{Member, Pat};

use crate::syntax::below;

/// The parts that a pattern moves out of its value, as far as it names fields.
pub(super) fn moved_by(pat: &Pat, path: &str, parts: &mut Vec<String>) {
    match pat {
        Pat::Ident(binding) if binding.by_ref.is_none() && !path.is_empty() => parts.push(path.to_owned()),
        Pat::Paren(pat) => moved_by(&pat.pat, path, parts),
        Pat::Type(pat) => moved_by(&pat.pat, path, parts),
        Pat::Struct(fields) => {
            fields.fields.iter().for_each(|field| moved_by(&field.pat, &below(path, &field.member), parts));
        }
        Pat::Tuple(tuple) => {
            let elems = tuple.elems.iter().take_while(|elem| !matches!(elem, Pat::Rest(_))).enumerate();
            elems.for_each(|(index, elem)| moved_by(elem, &below(path, &Member::from(index)), parts));
        }
        _ => {}
    }
}

/// Whether a method borrows its receiver, as far as its name tells: by the naming conventions of the Rust API guidelines,
/// and by the names of common methods of the standard library.
pub(super) fn borrows_receiver(method: &str) -> bool {
    const PREFIXES: [&str; 12] =
        ["as_", "is_", "to_", "get", "has_", "iter", "contains", "starts_", "ends_", "push", "len", "trim"];
    const METHODS: [&str; 20] = [
        "clone", "first", "last", "chars", "lines", "bytes", "split", "keys", "values", "entry", "insert", "remove",
        "pop", "extend", "clear", "sort", "eq", "cmp", "find", "take",
    ];
    PREFIXES.iter().any(|prefix| method.starts_with(prefix)) || METHODS.contains(&method)
}
