//! Takes `#[earlier(Before: Room)]`, and `flows.lock`. Gives an enum of the states of earlier versions that the flow has
//! no more, and of those that are named, each with the locals and types that it was saved with. So a `match` over it is
//! one that the compiler checks: for every state that is gone the author says what becomes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use serde_json::{Map, Value};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Ident, Token, Visibility};

use crate::check::{self, Problems};
use crate::component::snake_case;
use crate::syntax::unraw;

/// `#[earlier(Before: Room, Confirm)]`
#[derive(Clone)]
pub(crate) struct Earlier {
    /// The enum.
    name: Ident,
    /// States that the flow has still, and that held something else.
    also: Vec<Ident>,
}

impl Parse for Earlier {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.parse()?;
        let also = match input.peek(Token![:]) {
            true => {
                input.parse::<Token![:]>()?;
                input.parse_terminated(Ident::parse, Token![,])?.into_iter().collect()
            }
            false => Vec::new(),
        };
        Ok(Self { name, also })
    }
}

/// Takes the attribute out of those of a flow.
pub(crate) fn take(attrs: &mut Vec<Attribute>, problems: &mut Problems) -> Option<Earlier> {
    let at = attrs.iter().position(|attr| attr.path().is_ident("earlier"))?;
    match attrs.remove(at).parse_args() {
        Ok(earlier) => Some(earlier),
        Err(error) => {
            problems.add(check::no_earlier(error.span()));
            None
        }
    }
}

/// A state of an earlier version.
struct State<'l> {
    name: &'l str,
    shape: &'l str,
    locals: Vec<(&'l str, &'l str)>,
    types: &'l Map<String, Value>,
}

/// The enum, and a module with the types that it names.
pub(crate) fn expand(
    earlier: &Earlier,
    vis: &Visibility,
    names: &[String],
    has: &BTreeSet<String>,
) -> syn::Result<TokenStream> {
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let path = Path::new(&folder).join("flows.lock");
    let text = std::fs::read_to_string(&path).map_err(|_| check::no_lock(earlier.name.span()))?;
    let written = write(earlier, vis, names, has, &text)?;
    let shown = path.to_string_lossy();
    Ok(quote! {
        #written
        // So that it is written again when the file changes.
        const _: &str = ::core::include_str!(#shown);
    })
}

fn write(
    earlier: &Earlier,
    vis: &Visibility,
    names: &[String],
    has: &BTreeSet<String>,
    text: &str,
) -> syn::Result<TokenStream> {
    let span = earlier.name.span();
    let lock: Value = serde_json::from_str(text).map_err(|_| check::not_a_lock(span))?;
    let all = states(&lock, names);
    for also in &earlier.also {
        if !all.iter().any(|state| *also == state.name) {
            return Err(check::not_in_the_lock(also.span(), &unraw(also)));
        }
    }
    let wanted = |state: &&State<'_>| !has.contains(state.name) || earlier.also.iter().any(|also| *also == state.name);
    let states: Vec<_> = all.iter().filter(wanted).collect();
    if states.is_empty() {
        return Err(check::nothing_is_gone(span));
    }
    let module = Ident::new(&snake_case(&earlier.name.to_string()), span);
    let mut types = Types { module: &module, known: BTreeMap::new(), open: Vec::new(), written: Vec::new() };
    let mut variants = Vec::new();
    for state in &states {
        let is_alone = states.iter().filter(|other| other.name == state.name).count() == 1;
        let ident =
            if is_alone { format_ident!("{}", state.name) } else { format_ident!("{}_{}", state.name, state.shape) };
        let tag = format!("{}@{}", state.name, state.shape);
        let doc = format!("`{}`, as it was saved in the shape `{}`.", state.name, state.shape);
        let mut fields = Vec::new();
        for (local, ty) in &state.locals {
            let ty = types.ty(ty, state.types, true).ok_or_else(|| check::not_a_lock(span))?;
            let local = field(local, span);
            fields.push(quote!(#local: #ty));
        }
        variants.push(quote!(#[doc = #doc] #[serde(rename = #tag)] #ident { #(#fields),* }));
    }
    let (name, written) = (&earlier.name, &types.written);
    Ok(quote! {
        #[doc = "States of earlier versions, as `flows.lock` has them."]
        #[derive(Debug, ::stube::__private::serde::Deserialize)]
        #[serde(crate = "::stube::__private::serde")]
        #[allow(missing_docs, non_camel_case_types, dead_code, reason = "it is what was")]
        #vis enum #name { #(#variants),* }

        #[doc = "The types of what earlier versions saved."]
        #[allow(missing_docs, dead_code, unused_imports, reason = "they are what was")]
        #vis mod #module {
            use super::*;
            #(#written)*
        }
    })
}

/// The states of a flow that a lock has: those of the version before, and those of all before it.
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

/// The types that states name, each written once.
struct Types<'t> {
    module: &'t Ident,
    /// What a definition is called, by its name in the lock and its text.
    known: BTreeMap<(String, String), Ident>,
    /// Those that are being written.
    open: Vec<Ident>,
    written: Vec<TokenStream>,
}

impl Types<'_> {
    /// A type as Rust writes it, from outside of the module or from inside.
    fn ty(&mut self, text: &str, defined: &Map<String, Value>, is_outside: bool) -> Option<TokenStream> {
        let ty: syn::Type = match text {
            // What serde decides when it sees the value.
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
                            // It holds itself.
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
        // Before its parts, because it may hold itself.
        self.known.insert(key, ident.clone());
        self.open.push(ident.clone());
        let head = quote! {
            #[derive(Debug, Clone, ::stube::__private::serde::Deserialize)]
            #[serde(crate = "::stube::__private::serde")]
        };
        let written = match definition {
            Value::Object(fields) => {
                let fields = self.fields(fields, defined)?;
                quote!(#head pub struct #ident { #(pub #fields),* })
            }
            Value::Array(variants) => {
                let variants =
                    variants.iter().map(|variant| self.variant(variant, defined)).collect::<Option<Vec<_>>>()?;
                quote!(#head pub enum #ident { #(#variants),* })
            }
            _ => return None,
        };
        self.open.pop();
        self.written.push(written);
        Some(ident)
    }

    fn fields(&mut self, fields: &Map<String, Value>, defined: &Map<String, Value>) -> Option<Vec<TokenStream>> {
        let field = |(name, ty): (&String, &Value)| {
            let ty = self.ty(ty.as_str()?, defined, false)?;
            let ident = field(name, Span::call_site());
            Some(quote!(#ident: #ty))
        };
        fields.iter().map(field).collect()
    }

    fn variant(&mut self, variant: &Value, defined: &Map<String, Value>) -> Option<TokenStream> {
        let (name, content) = match variant {
            Value::String(name) => (name, None),
            Value::Object(map) => map.iter().next().map(|(name, content)| (name, Some(content)))?,
            _ => return None,
        };
        let ident = field(name, Span::call_site());
        Some(match content {
            None => quote!(#ident),
            Some(Value::String(ty)) => {
                let ty = self.ty(ty, defined, false)?;
                quote!(#ident(#ty))
            }
            Some(Value::Object(fields)) => {
                let fields = self.fields(fields, defined)?;
                quote!(#ident { #(#fields),* })
            }
            Some(_) => return None,
        })
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

    fn written(attribute: &str, has: &[&str]) -> Result<String, String> {
        let earlier = syn::parse_str(attribute).map_err(|error: syn::Error| error.to_string())?;
        let has = has.iter().map(|name| (*name).to_owned()).collect();
        let text = write(&earlier, &Visibility::Inherited, &["booking".to_owned()], &has, LOCK);
        text.map(|tokens| tokens.to_string().replace(' ', "")).map_err(|error| error.to_string())
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
            "the flow has every state that it ever had, says `flows.lock`; remove this, or name the states that held \
             something else: `#[earlier(Before: Room)]`"
        );
        assert_eq!(
            written("Before: Desk", &[]).unwrap_err(),
            "no earlier version of this flow had a state `Desk`, says `flows.lock`"
        );
        let earlier = syn::parse_str("Before").unwrap();
        let error = write(&earlier, &Visibility::Inherited, &[], &BTreeSet::new(), "[").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`flows.lock` is not as stube writes it; take back what was changed in it by hand"
        );
    }
}
