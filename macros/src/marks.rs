//! What an author writes on a statement or a parameter for conversations of earlier versions: `#[at("Payment")]`,
//! `#[was = "room"]`, `#[default = 0]`. Takes the attributes out. Never looks at what they stand on.

use proc_macro2::Span;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, ExprClosure, LitStr, Meta, Path, Stmt, Token};

use crate::check::{self, Problems};

/// The marks of one statement or parameter.
#[derive(Default)]
pub(crate) struct Marks {
    pub(crate) at: Option<At>,
    pub(crate) local: LocalMarks,
    /// Where the marks of the local stand.
    pub(crate) span: Option<Span>,
}

/// What is said of a local.
#[derive(Default, Clone)]
pub(crate) struct LocalMarks {
    /// What it was called.
    pub(crate) was: Vec<String>,
    /// What stands for it in a conversation that does not have it.
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
    /// `split_the_name`: on JSON.
    Function(Path),
    /// `|before: Before| ..`: on types.
    Closure(Box<ExprClosure>),
}

/// Takes the marks out of these attributes.
pub(crate) fn take(attrs: &mut Vec<Attribute>, problems: &mut Problems) -> Marks {
    let mut marks = Marks::default();
    attrs.retain(|attr| match mark(attr, &mut marks) {
        Ok(is_mark) => !is_mark,
        Err(error) => {
            problems.add(error);
            false
        }
    });
    marks
}

/// Takes the marks out of a statement; `None` if it has none.
pub(crate) fn take_from(stmt: &Stmt, problems: &mut Problems) -> Option<(Stmt, Marks)> {
    let mut stmt = stmt.clone();
    let attrs = match &mut stmt {
        Stmt::Local(local) => &mut local.attrs,
        Stmt::Macro(mac) => &mut mac.attrs,
        Stmt::Expr(expr, _) => attributes(expr)?,
        Stmt::Item(_) => return None,
    };
    let before = attrs.len();
    let marks = take(attrs, problems);
    (attrs.len() < before).then_some((stmt, marks))
}

fn mark(attr: &Attribute, marks: &mut Marks) -> syn::Result<bool> {
    let path = attr.path();
    if path.is_ident("at") {
        let parsed = attr.parse_args::<AtArgs>().map_err(|error| check::label_is_no_name(error.span()))?;
        marks.at = Some(At { span: attr.span(), name: parsed.name, was: parsed.was });
    } else if path.is_ident("was") {
        marks.span = Some(attr.span());
        marks.local.was = match &attr.meta {
            Meta::NameValue(pair) => names(&pair.value).ok_or_else(|| check::was_is_no_name(pair.value.span()))?,
            Meta::List(_) | Meta::Path(_) => return Err(check::was_is_no_name(attr.span())),
        };
    } else if path.is_ident("default") {
        marks.span = Some(attr.span());
        marks.local.default = Some(match &attr.meta {
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
    let key: syn::Ident = input.parse()?;
    input.parse::<Token![=]>()?;
    let value: Expr = input.parse()?;
    match names(&value) {
        Some(names) if key == "was" => Ok(names),
        _ => Err(check::was_is_no_name(value.span())),
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

/// Takes `#[migrate(..)]` out of the attributes of a flow.
pub(crate) fn migrations(attrs: &mut Vec<Attribute>, problems: &mut Problems) -> Vec<Migration> {
    let mut migrations = Vec::new();
    attrs.retain(|attr| {
        if !attr.path().is_ident("migrate") {
            return true;
        }
        let parsed = attr.parse_args_with(Punctuated::<Expr, Token![,]>::parse_terminated);
        for expr in parsed.unwrap_or_else(|error| {
            problems.add(error);
            Punctuated::new()
        }) {
            match expr {
                Expr::Path(path) if path.qself.is_none() => migrations.push(Migration::Function(path.path)),
                Expr::Closure(closure)
                    if closure.inputs.len() == 1 && matches!(closure.inputs.first(), Some(syn::Pat::Type(_))) =>
                {
                    migrations.push(Migration::Closure(Box::new(closure)));
                }
                other => problems.add(check::no_migration(other.span())),
            }
        }
        false
    });
    migrations
}

/// The attributes of an expression that can stand as a statement.
pub(crate) fn attributes(expr: &mut Expr) -> Option<&mut Vec<Attribute>> {
    match expr {
        // Before an expression, they belong to the first part of it.
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
