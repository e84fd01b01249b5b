//! From a [`Machine`] and `flows.lock` to the states of earlier versions that `#[earlier(Before: Room)]` asks for: those
//! that the flow no longer has, and those that are named, each with the locals and types that it was saved with. `emit`
//! writes an enum of them, so rustc checks that a `match` over it handles every removed state. The only stage that reads
//! a file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use serde_json::{Map, Value};
use syn::Ident;

use crate::errors::{self, Errors};
use crate::evolution_attrs::OldStatesAttr;
use crate::machine::{Machine, OldContent, OldState, OldStates, OldType, OldVariant};
use crate::registration::snake_case;
use crate::syntax::unraw;

/// Adds the states of earlier versions, if the flow asks for them.
pub(crate) fn add_old_states(mut machine: Machine, errors: &mut Errors) -> Machine {
    if let Some(attr) = &machine.header.old_states {
        match read_lock(attr, &machine.header.names(), &machine.known_names) {
            Ok(old_states) => machine.old_states = Some(old_states),
            Err(error) => errors.add(error),
        }
    }
    machine
}

fn read_lock(attr: &OldStatesAttr, names: &[String], known: &BTreeSet<String>) -> syn::Result<OldStates> {
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let path = Path::new(&folder).join("flows.lock");
    let text = std::fs::read_to_string(&path).map_err(|_| errors::evolution::no_lock(attr.name.span()))?;
    old_states(attr, names, known, &text, &path.to_string_lossy())
}

/// The states that a lock has and the flow does not.
fn old_states(
    attr: &OldStatesAttr,
    names: &[String],
    known: &BTreeSet<String>,
    text: &str,
    path: &str,
) -> syn::Result<OldStates> {
    let span = attr.name.span();
    let lock: Value = serde_json::from_str(text).map_err(|_| errors::evolution::not_a_lock(span))?;
    let all = states(&lock, names);
    for also in &attr.also {
        if !all.iter().any(|state| *also == state.name) {
            return Err(errors::evolution::not_in_the_lock(also.span(), &unraw(also)));
        }
    }
    let is_wanted =
        |state: &&State<'_>| !known.contains(state.name) || attr.also.iter().any(|also| *also == state.name);
    let wanted: Vec<_> = all.iter().filter(is_wanted).collect();
    if wanted.is_empty() {
        return Err(errors::evolution::nothing_is_gone(span));
    }
    let module = Ident::new(&snake_case(&attr.name.to_string()), span);
    let mut types = Types { module: &module, known: BTreeMap::new(), open: Vec::new(), written: Vec::new() };
    let mut states = Vec::new();
    for state in &wanted {
        let is_alone = wanted.iter().filter(|other| other.name == state.name).count() == 1;
        let ident =
            if is_alone { format_ident!("{}", state.name) } else { format_ident!("{}_{}", state.name, state.shape) };
        let mut fields = Vec::new();
        for (local, ty) in &state.locals {
            let ty = types.ty(ty, state.types, true).ok_or_else(|| errors::evolution::not_a_lock(span))?;
            fields.push((field(local, span), ty));
        }
        states.push(OldState { ident, name: state.name.to_owned(), schema: state.shape.to_owned(), fields });
    }
    let types = types.written;
    Ok(OldStates { name: attr.name.clone(), module, states, types, lock: path.to_owned() })
}

/// A state of an earlier version, in the lock.
struct State<'l> {
    name: &'l str,
    shape: &'l str,
    locals: Vec<(&'l str, &'l str)>,
    types: &'l Map<String, Value>,
}

/// The states of a flow in a lock: those of the last version, and those of all versions before it.
fn states<'l>(lock: &'l Value, names: &[String]) -> Vec<State<'l>> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    let types = lock["types"].as_object().unwrap_or(&NONE);
    let state = |name: &'l str, of: &'l Value, types| {
        let locals = of["locals"].as_object().unwrap_or(&NONE).iter();
        let locals = locals.filter_map(|(name, ty)| Some((name.as_str(), ty.as_str()?))).collect();
        State { name, shape: of["schema"].as_str().unwrap_or_default(), locals, types }
    };
    let mut all = Vec::new();
    for name in names {
        for (name, of) in lock["flows"][name]["states"].as_object().unwrap_or(&NONE) {
            all.push(state(name, of, types));
        }
    }
    for of in lock["previous"].as_array().into_iter().flatten() {
        if let (Some(flow), Some(name)) = (of["component"].as_str(), of["state"].as_str())
            && names.iter().any(|wanted| wanted == flow)
        {
            all.push(state(name, of, of["types"].as_object().unwrap_or(&NONE)));
        }
    }
    all
}

fn field(name: &str, span: Span) -> Ident {
    syn::parse_str::<Ident>(name).unwrap_or_else(|_| Ident::new_raw(name, span))
}

/// The types that the states use, each defined once.
struct Types<'t> {
    module: &'t Ident,
    /// The name of each definition, by its name and its text in the lock.
    known: BTreeMap<(String, String), Ident>,
    /// The types that are being defined.
    open: Vec<Ident>,
    written: Vec<OldType>,
}

impl Types<'_> {
    /// A type as Rust code, for use outside of the module or inside of it.
    fn ty(&mut self, text: &str, defined: &Map<String, Value>, is_outside: bool) -> Option<TokenStream> {
        let ty: syn::Type = match text {
            // A type that only the value decides.
            "_" => return Some(quote!(::stube::__private::serde_json::Value)),
            text => syn::parse_str(text).ok()?,
        };
        self.rust(&ty, defined, is_outside)
    }

    fn rust(&mut self, ty: &syn::Type, defined: &Map<String, Value>, is_outside: bool) -> Option<TokenStream> {
        match ty {
            syn::Type::Infer(_) => Some(quote!(::stube::__private::serde_json::Value)),
            syn::Type::Tuple(tuple) => {
                let parts = tuple.elems.iter().map(|part| self.rust(part, defined, is_outside));
                let parts = parts.collect::<Option<Vec<_>>>()?;
                Some(quote!((#(#parts,)*)))
            }
            syn::Type::Path(path) => {
                let last = path.path.segments.last()?;
                let mut inner = Vec::new();
                if let syn::PathArguments::AngleBracketed(arguments) = &last.arguments {
                    for argument in &arguments.args {
                        let syn::GenericArgument::Type(ty) = argument else { return None };
                        inner.push(self.rust(ty, defined, is_outside)?);
                    }
                }
                match (last.ident.to_string().as_str(), inner.as_slice()) {
                    ("Option", [inner]) => Some(quote!(::core::option::Option<#inner>)),
                    ("Vec", [inner]) => Some(quote!(::std::vec::Vec<#inner>)),
                    ("Map", [key, value]) => Some(quote!(::std::collections::BTreeMap<#key, #value>)),
                    ("String", []) => Some(quote!(::std::string::String)),
                    ("Bytes", []) => Some(quote!(::std::vec::Vec<u8>)),
                    (
                        "bool" | "char" | "u8" | "u16" | "u32" | "u64" | "u128" | "i8" | "i16" | "i32" | "i64" | "i128"
                        | "f32" | "f64",
                        [],
                    ) => {
                        let ident = Ident::new(&last.ident.to_string(), Span::call_site());
                        Some(quote!(::core::primitive::#ident))
                    }
                    (name, []) => {
                        let (module, ident) = (self.module, self.named(name, defined)?);
                        Some(match () {
                            // A recursive type.
                            () if self.open.contains(&ident) => quote!(::std::boxed::Box<#ident>),
                            () if is_outside => quote!(#module::#ident),
                            () => quote!(#ident),
                        })
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn named(&mut self, name: &str, defined: &Map<String, Value>) -> Option<Ident> {
        let definition = defined.get(name)?;
        let key = (name.to_owned(), definition.to_string());
        if let Some(known) = self.known.get(&key) {
            return Some(known.clone());
        }
        let wanted: String = name.chars().filter(|c| c.is_alphanumeric() || *c == '_').collect();
        let numbered = (2..).map(|number| format!("{wanted}_{number}"));
        let mut names = std::iter::once(wanted.clone()).chain(numbered);
        let free = names.find(|name| !self.known.values().any(|known| known == name))?;
        let ident = syn::parse_str::<Ident>(&free).ok()?;
        // Before its fields, because it may be recursive.
        self.known.insert(key, ident.clone());
        self.open.push(ident.clone());
        let ty = match definition {
            Value::Object(fields) => OldType::Struct(ident.clone(), self.fields(fields, defined)?),
            Value::Array(variants) => {
                let variants = variants.iter().map(|variant| self.variant(variant, defined));
                OldType::Enum(ident.clone(), variants.collect::<Option<_>>()?)
            }
            _ => return None,
        };
        self.open.pop();
        self.written.push(ty);
        Some(ident)
    }

    fn fields(
        &mut self,
        fields: &Map<String, Value>,
        defined: &Map<String, Value>,
    ) -> Option<Vec<(Ident, TokenStream)>> {
        let field = |(name, ty): (&String, &Value)| {
            let ty = self.ty(ty.as_str()?, defined, false)?;
            Some((field(name, Span::call_site()), ty))
        };
        fields.iter().map(field).collect()
    }

    fn variant(&mut self, variant: &Value, defined: &Map<String, Value>) -> Option<OldVariant> {
        let (name, content) = match variant {
            Value::String(name) => (name, None),
            Value::Object(map) => map.iter().next().map(|(name, content)| (name, Some(content)))?,
            _ => return None,
        };
        let content = match content {
            None => OldContent::Unit,
            Some(Value::String(ty)) => OldContent::Value(self.ty(ty, defined, false)?),
            Some(Value::Object(fields)) => OldContent::Fields(self.fields(fields, defined)?),
            Some(_) => return None,
        };
        Some(OldVariant { ident: field(name, Span::call_site()), content })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"{
        "flows": { "booking": { "answer": "()", "states": {
            "Room": { "schema": "a1", "locals": { "guest": "String", "days": "Dates", "type": "Option<(u8, Kind)>" } },
            "Pay": { "schema": "a2" }
        } } },
        "types": {
            "Dates": { "first": "String", "tree": "Vec<Tree>" },
            "Tree": { "name": "String", "children": "Vec<Tree>" },
            "Kind": ["Alone", { "Group": { "size": "u32" } }, { "Two": "(u8, u8)" }, { "Any": "_" }]
        },
        "previous": [
            { "component": "booking", "state": "Gone", "schema": "b1", "locals": { "by": "Map<String, Dates>" },
              "types": { "Dates": { "first": "String" } } },
            { "component": "booking", "state": "Gone", "schema": "b2" },
            { "component": "other", "state": "Elsewhere", "schema": "b3" }
        ]
    }"#;

    fn written(attribute: &str, known: &[&str]) -> Result<String, String> {
        let attr = syn::parse_str(attribute).map_err(|error: syn::Error| error.to_string())?;
        let known = known.iter().map(|name| (*name).to_owned()).collect();
        let found = old_states(&attr, &["booking".to_owned()], &known, LOCK, "flows.lock");
        let text = found.map(|states| crate::emit::old_states(&syn::Visibility::Inherited, &states).to_string());
        text.map(|text| text.replace(' ', "")).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_gone_is_written_with_the_types_that_it_had() {
        let text = written("Before: Room", &["Room", "Pay"]).unwrap();
        for expected in [
            r#"#[serde(rename="Room@a1")]Room{days:before::Dates,guest:::std::string::String,r#type:::core::option::Option<(::core::primitive::u8,before::Kind,)>}"#,
            r#"#[serde(rename="Gone@b1")]Gone_b1{by:::std::collections::BTreeMap<::std::string::String,before::Dates_2>}"#,
            r#"#[serde(rename="Gone@b2")]Gone_b2{}"#,
            "pubstructTree{pubchildren:::std::vec::Vec<::std::boxed::Box<Tree>>,pubname:::std::string::String}",
            "pubstructDates{pubfirst:::std::string::String,pubtree:::std::vec::Vec<Tree>}",
            "pubstructDates_2{pubfirst:::std::string::String}",
            "pubenumKind{Alone,Group{size:::core::primitive::u32},Two((::core::primitive::u8,::core::primitive::u8,)),\
             Any(::stube::__private::serde_json::Value)}",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
        assert!(!text.contains("Pay") && !text.contains("Elsewhere"), "{text}");
        assert!(written("Before", &["Room", "Gone"]).unwrap().contains("Pay{}"));
    }

    #[test]
    fn what_cannot_be_written_is_said() {
        assert_eq!(
            written("Before", &["Room", "Pay", "Gone"]).unwrap_err(),
            "the flow still has every state that `flows.lock` has; remove this, or name the states whose locals have \
             changed: `#[earlier(Before: Room)]`"
        );
        assert_eq!(
            written("Before: Desk", &[]).unwrap_err(),
            "`flows.lock` has no state `Desk` of an earlier version of this flow"
        );
        let attr = syn::parse_str("Before").unwrap();
        let error = old_states(&attr, &[], &BTreeSet::new(), "[", "flows.lock").err().unwrap();
        assert_eq!(
            error.to_string(),
            "`flows.lock` is not in the form that stube writes; revert what was changed in it by hand"
        );
    }
}
