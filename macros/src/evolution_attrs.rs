//! The attributes about earlier versions of a flow: `#[at("Payment")]`, `#[was = "room"]` and `#[default = 0]` on a
//! statement or a parameter, `#[migrate(..)]` and `#[earlier(..)]` on the flow. Parses the attributes and removes them.
//! Never looks at the item that they are on.

use proc_macro2::Span;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, ExprClosure, Ident, LitStr, Meta, Path, Stmt, Token};

use crate::errors::{self, Errors};

/// The attributes of one statement or parameter.
#[derive(Default)]
pub(crate) struct EvolutionAttrs {
    pub(crate) at: Option<At>,
    pub(crate) local: LocalAttrs,
    /// The span of the attributes of the local, if there are any.
    pub(crate) span: Option<Span>,
}

/// The attributes of a local.
#[derive(Default, Clone)]
pub(crate) struct LocalAttrs {
    /// Its names in earlier versions: `#[was = "room"]`.
    pub(crate) was: Vec<String>,
    /// Its value in a saved state that does not have it: `#[default = 0]`.
    pub(crate) default: Option<Expr>,
}

/// `#[at("Payment", was = "Pay")]`
pub(crate) struct At {
    pub(crate) span: Span,
    pub(crate) name: Option<LitStr>,
    pub(crate) was: Vec<String>,
}

/// `#[migrate(..)]`
#[derive(Clone)]
pub(crate) enum Migration {
    /// `split_the_name`: a function that works on JSON.
    Function(Path),
    /// `|before: Before| ..`: a closure that works on types.
    Closure(Box<ExprClosure>),
}

/// Removes the attributes about earlier versions from a list, and parses them.
pub(crate) fn take(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> EvolutionAttrs {
    let mut evolution = EvolutionAttrs::default();
    attrs.retain(|attr| match parse_attr(attr, &mut evolution) {
        Ok(is_ours) => !is_ours,
        Err(error) => {
            errors.add(error);
            false
        }
    });
    evolution
}

/// The same for a statement; `None` if it has no such attribute.
pub(crate) fn take_from(stmt: &Stmt, errors: &mut Errors) -> Option<(Stmt, EvolutionAttrs)> {
    let mut stmt = stmt.clone();
    let attrs = match &mut stmt {
        Stmt::Local(local) => &mut local.attrs,
        Stmt::Macro(mac) => &mut mac.attrs,
        Stmt::Expr(expr, _) => attributes(expr)?,
        Stmt::Item(_) => return None,
    };
    let before = attrs.len();
    let evolution = take(attrs, errors);
    (attrs.len() < before).then_some((stmt, evolution))
}

/// Whether an attribute is one of `#[at]`, `#[was]` and `#[default]`.
fn parse_attr(attr: &Attribute, evolution: &mut EvolutionAttrs) -> syn::Result<bool> {
    let path = attr.path();
    if path.is_ident("at") {
        let parsed = attr.parse_args::<AtArgs>().map_err(|error| errors::evolution::label_is_no_name(error.span()))?;
        evolution.at = Some(At { span: attr.span(), name: parsed.name, was: parsed.was });
    } else if path.is_ident("was") {
        evolution.span = Some(attr.span());
        evolution.local.was = match &attr.meta {
            Meta::NameValue(pair) => {
                names(&pair.value).ok_or_else(|| errors::evolution::was_is_no_name(pair.value.span()))?
            }
            Meta::List(_) | Meta::Path(_) => return Err(errors::evolution::was_is_no_name(attr.span())),
        };
    } else if path.is_ident("default") {
        evolution.span = Some(attr.span());
        evolution.local.default = Some(match &attr.meta {
            Meta::NameValue(pair) => pair.value.clone(),
            Meta::List(_) => attr.parse_args()?,
            Meta::Path(_) => syn::parse_quote!(::core::default::Default::default()),
        });
    } else {
        return Ok(false);
    }
    Ok(true)
}

struct AtArgs {
    name: Option<LitStr>,
    was: Vec<String>,
}

impl Parse for AtArgs {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut args = Self { name: None, was: Vec::new() };
        if input.peek(LitStr) {
            args.name = Some(input.parse()?);
            if input.is_empty() {
                return Ok(args);
            }
            input.parse::<Token![,]>()?;
        }
        args.was = was(input)?;
        Ok(args)
    }
}

/// `was = "room"`, `was = ["room", "chamber"]`
fn was(input: ParseStream<'_>) -> syn::Result<Vec<String>> {
    let key: Ident = input.parse()?;
    input.parse::<Token![=]>()?;
    let value: Expr = input.parse()?;
    match names(&value) {
        Some(names) if key == "was" => Ok(names),
        _ => Err(errors::evolution::was_is_no_name(value.span())),
    }
}

/// The old names in `"room"` or `["room", "chamber"]`.
pub(crate) fn names(value: &Expr) -> Option<Vec<String>> {
    let text = |expr: &Expr| match expr {
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) if !text.value().is_empty() => Some(text.value()),
        _ => None,
    };
    match value {
        Expr::Array(array) => array.elems.iter().map(text).collect(),
        Expr::Group(group) => names(&group.expr),
        value => text(value).map(|name| vec![name]),
    }
}

/// `#[earlier(Before: Room, Confirm)]`
#[derive(Clone)]
pub(crate) struct OldStatesAttr {
    /// The name of the enum.
    pub(crate) name: Ident,
    /// States that the flow still has, but with other locals.
    pub(crate) also: Vec<Ident>,
}

impl Parse for OldStatesAttr {
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

/// Removes `#[earlier(..)]` from the attributes of a flow, and parses it.
pub(crate) fn old_states(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Option<OldStatesAttr> {
    let at = attrs.iter().position(|attr| attr.path().is_ident("earlier"))?;
    match attrs.remove(at).parse_args() {
        Ok(attr) => Some(attr),
        Err(error) => {
            errors.add(errors::evolution::no_earlier(error.span()));
            None
        }
    }
}

/// Removes `#[migrate(..)]` from the attributes of a flow, and parses it.
pub(crate) fn migrations(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Vec<Migration> {
    let mut migrations = Vec::new();
    attrs.retain(|attr| {
        if !attr.path().is_ident("migrate") {
            return true;
        }
        let parsed = attr.parse_args_with(Punctuated::<Expr, Token![,]>::parse_terminated);
        for expr in parsed.unwrap_or_else(|error| {
            errors.add(error);
            Punctuated::new()
        }) {
            match expr {
                Expr::Path(path) if path.qself.is_none() => migrations.push(Migration::Function(path.path)),
                Expr::Closure(closure)
                    if closure.inputs.len() == 1 && matches!(closure.inputs.first(), Some(syn::Pat::Type(_))) =>
                {
                    migrations.push(Migration::Closure(Box::new(closure)));
                }
                other => errors.add(errors::evolution::no_migration(other.span())),
            }
        }
        false
    });
    migrations
}

/// The attributes of an expression that can stand as a statement.
pub(crate) fn attributes(expr: &mut Expr) -> Option<&mut Vec<Attribute>> {
    match expr {
        // syn puts attributes before such an expression on its first operand.
        Expr::Assign(expr) => attributes_of(&mut expr.attrs, &mut expr.left),
        Expr::Binary(expr) => attributes_of(&mut expr.attrs, &mut expr.left),
        Expr::Await(expr) => attributes_of(&mut expr.attrs, &mut expr.base),
        Expr::Try(expr) => attributes_of(&mut expr.attrs, &mut expr.expr),
        Expr::MethodCall(expr) => attributes_of(&mut expr.attrs, &mut expr.receiver),
        Expr::Call(expr) => attributes_of(&mut expr.attrs, &mut expr.func),
        Expr::Field(expr) => attributes_of(&mut expr.attrs, &mut expr.base),
        Expr::Index(expr) => attributes_of(&mut expr.attrs, &mut expr.expr),
        Expr::Struct(expr) => Some(&mut expr.attrs),
        Expr::Path(expr) => Some(&mut expr.attrs),
        Expr::Return(expr) => Some(&mut expr.attrs),
        Expr::Break(expr) => Some(&mut expr.attrs),
        Expr::If(expr) => Some(&mut expr.attrs),
        Expr::Match(expr) => Some(&mut expr.attrs),
        Expr::Macro(expr) => Some(&mut expr.attrs),
        Expr::Paren(expr) => Some(&mut expr.attrs),
        Expr::Reference(expr) => Some(&mut expr.attrs),
        Expr::Unary(expr) => Some(&mut expr.attrs),
        _ => None,
    }
}

fn attributes_of<'e>(own: &'e mut Vec<syn::Attribute>, first: &'e mut Expr) -> Option<&'e mut Vec<syn::Attribute>> {
    if own.is_empty() { attributes(first) } else { Some(own) }
}
