//! Unique names: each wanted name is given once, then with a number.

use std::collections::BTreeSet;

use proc_macro2::Span;
use syn::Ident;

/// Gives each name once: `Confirm`, `Confirm2`, `Confirm3`.
#[derive(Default)]
pub(super) struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    /// Takes names that must not be given.
    pub(super) fn reserve(&mut self, names: impl IntoIterator<Item = String>) {
        self.taken.extend(names);
    }

    /// A name that is a legal identifier, as close to the wanted one as possible.
    pub(super) fn give(&mut self, wanted: &str, span: Span) -> Ident {
        let wanted = match wanted {
            "" | "_" => "__".to_owned(),
            // The keywords that have no raw form.
            "Self" | "self" | "super" | "crate" => format!("{wanted}_"),
            _ if wanted.starts_with(|c: char| c.is_ascii_digit()) => format!("_{wanted}"),
            _ => wanted.to_owned(),
        };
        let numbered = (2..).map(|n| format!("{wanted}{n}"));
        let free = std::iter::once(wanted.clone()).chain(numbered).find(|name| !self.taken.contains(name));
        let name = free.expect("there are more numbers than names");
        self.taken.insert(name.clone());
        // A keyword becomes `r#type`; serde writes it without the `r#`.
        syn::parse_str::<Ident>(&name).map_or_else(|_| Ident::new_raw(&name, span), |_| Ident::new(&name, span))
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;

    use super::Names;

    #[test]
    fn each_name_is_given_once_and_is_an_identifier() {
        let mut names = Names::default();
        names.reserve(["Pay".to_owned()]);
        let given = ["Confirm", "Confirm", "Pay", "type", "self", "0", "_"];
        let given = given.map(|wanted| names.give(wanted, Span::call_site()).to_string());
        assert_eq!(given, ["Confirm", "Confirm2", "Pay2", "r#type", "self_", "_0", "__"]);
    }
}
