//! Walks an item: the names that it declares, and every path that it mentions.
//!
//! A path is mentioned by a `use`, an expression, a type, a pattern, an attribute (also in its strings, where serde has
//! paths), and by the tokens of a macro, which are read as what they look like. What could hide a path is noted as
//! forbidden: globs, `include!`, another name of the crate's root, a path that a macro puts together.

use std::sync::Arc;

use proc_macro2::{Ident, TokenStream};
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{
    Arm, Attribute, Expr, Field, FieldValue, ImplItem, Item, ItemUse, Local, Macro, Meta, Path, Signature, Stmt, Token,
    TraitItem, Type, UseTree, Variant, Visibility,
};

use crate::source::{Binding, Crate, Id, ROOT};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mention {
    pub(crate) kind: Kind,
    /// It begins with `::`.
    pub(crate) global: bool,
    /// As it is written: `["crate", "store", "Store"]`.
    pub(crate) path: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// For the module itself.
    Use,
    /// For others too: `pub use`.
    Export,
    /// In an expression, a type, a pattern or the tokens of a macro.
    Path,
    /// The name of a macro or an attribute.
    Macro,
    /// `async`, `await`, or a lint that is allowed: `clippy::disallowed_methods`.
    Word,
}

/// Adds what an item declares and mentions to its module.
pub(crate) fn collect(to: &mut Crate, module: Id, item: &Item) {
    Collector { to, module, is_quoted: false }.visit_item(item);
}

pub(crate) fn attributes(to: &mut Crate, module: Id, attributes: &[Attribute]) {
    let mut collector = Collector { to, module, is_quoted: false };
    attributes.iter().for_each(|attribute| collector.visit_attribute(attribute));
}

/// Without `r#`.
pub(crate) fn name(ident: &Ident) -> String {
    ident.unraw().to_string()
}

/// Whether it is `#[cfg(test)]`, or says so among other conditions that must all hold.
pub(crate) fn is_for_tests(attribute: &Attribute) -> bool {
    fn holds_in_tests_only(meta: &Meta) -> bool {
        match meta {
            Meta::Path(path) => path.is_ident("test"),
            Meta::List(list) if list.path.is_ident("all") => list
                .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
                .is_ok_and(|all| all.iter().any(holds_in_tests_only)),
            Meta::List(_) | Meta::NameValue(_) => false,
        }
    }
    attribute.path().is_ident("cfg") && attribute.parse_args::<Meta>().is_ok_and(|meta| holds_in_tests_only(&meta))
}

/// Attributes that name no code: documentation, lints, conditions, and words to the compiler.
pub(crate) const NOT_CODE: [&str; 12] = [
    "allow",
    "cfg",
    "clippy",
    "deny",
    "deprecated",
    "diagnostic",
    "doc",
    "expect",
    "forbid",
    "must_use",
    "rustfmt",
    "warn",
];

/// Macros whose tokens become code of somebody else.
const QUOTES: [&str; 4] = ["quote", "quote_spanned", "parse_quote", "parse_quote_spanned"];

pub(crate) struct Collector<'a> {
    to: &'a mut Crate,
    module: Id,
    /// In a text or in code that is written for somebody else, where `crate` alone is a word.
    pub(crate) is_quoted: bool,
}

impl Collector<'_> {
    pub(crate) fn mention(&mut self, kind: Kind, global: bool, path: Vec<String>) {
        let mention = Mention { kind, global, path };
        let mentions = &mut self.to.module(self.module).mentions;
        if !mentions.contains(&mention) {
            mentions.push(mention);
        }
    }

    pub(crate) fn forbid(&mut self, what: String) {
        let forbidden = &mut self.to.module(self.module).forbidden;
        if !forbidden.contains(&what) {
            forbidden.push(what);
        }
    }

    fn declare(&mut self, ident: &Ident) {
        self.to.bind(self.module, &name(ident), Binding::Type(self.module));
    }

    fn declare_value(&mut self, ident: &Ident) {
        self.to.bind(self.module, &name(ident), Binding::Value(self.module));
    }

    fn import(&mut self, name: String, global: bool, path: Vec<String>) {
        if name != "_" {
            self.to.bind(self.module, &name, Binding::Import { global, path });
        }
    }

    /// `allow(clippy::disallowed_methods)`, and other ways to be freed of the lists in `clippy.toml`.
    fn allowance(&mut self, attribute: &Attribute) {
        let Ok(list) = attribute.meta.require_list() else { return };
        let text: String = list.tokens.to_string().split_whitespace().collect();
        let frees = ["clippy::disallowed_methods", "clippy::disallowed_types", "clippy::style", "clippy::all"];
        if !list.path.is_ident("deny") && !list.path.is_ident("forbid") {
            for lint in frees.into_iter().filter(|lint| text.contains(lint)) {
                self.mention(Kind::Word, false, vec![lint.to_owned()]);
            }
        }
    }

    pub(crate) fn use_tree(&mut self, kind: Kind, global: bool, before: &[String], tree: &UseTree) {
        let with = |ident: &Ident| {
            let mut path = before.to_vec();
            path.push(name(ident));
            path
        };
        match tree {
            UseTree::Path(tree) => self.use_tree(kind, global, &with(&tree.ident), &tree.tree),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.use_tree(kind, global, before, tree)),
            // What is written for somebody else is told there.
            UseTree::Glob(_) if self.is_quoted => {}
            UseTree::Glob(_) => {
                self.forbid(format!("`use {}::*` hides what is used", before.join("::")));
                self.mention(kind, global, before.to_vec());
            }
            UseTree::Name(tree) => {
                let path = if tree.ident == "self" { before.to_vec() } else { with(&tree.ident) };
                let name = path.last().cloned().unwrap_or_default();
                self.imported(kind, global, path, name);
            }
            UseTree::Rename(tree) => {
                let path = if tree.ident == "self" { before.to_vec() } else { with(&tree.ident) };
                self.imported(kind, global, path, name(&tree.rename));
            }
        }
    }

    fn imported(&mut self, kind: Kind, global: bool, path: Vec<String>, name: String) {
        if path.iter().all(|part| is_root_word(part)) && !self.is_quoted {
            self.forbid(format!("`use {} as {name}` gives a module above another name", path.join("::")));
        }
        if QUOTES.contains(&name.as_str()) && path.last() != Some(&name) {
            self.forbid(format!("`{name}!` is the macro of another crate"));
        }
        self.import(name, global, path.clone());
        self.mention(kind, global, path);
    }

    fn declared_by(&mut self, item: &Item) {
        match item {
            Item::Const(item) => self.declare_value(&item.ident),
            Item::Enum(item) => self.declare(&item.ident),
            Item::Fn(item) => self.declare_value(&item.sig.ident),
            Item::Static(item) => self.declare_value(&item.ident),
            Item::Struct(item) => self.declare(&item.ident),
            Item::Trait(item) => self.declare(&item.ident),
            Item::TraitAlias(item) => self.declare(&item.ident),
            Item::Union(item) => self.declare(&item.ident),
            Item::Type(item) => {
                self.declare(&item.ident);
                if let Type::Path(of) = &*item.ty
                    && of.qself.is_none()
                {
                    let (global, path) = segments(&of.path);
                    self.import(name(&item.ident), global, path);
                }
            }
            Item::ExternCrate(item) => {
                let called = item.rename.as_ref().map_or_else(|| name(&item.ident), |(_, rename)| name(rename));
                if item.ident != "self" {
                    self.import(called, true, vec![name(&item.ident)]);
                } else if called != self.to.name {
                    self.forbid(format!("`extern crate self as {called}` gives the root another name"));
                    self.import(called, false, vec!["crate".to_owned()]);
                }
            }
            Item::Macro(item) => {
                if let Some(ident) = &item.ident {
                    let (name, module) = (name(ident), self.module);
                    self.declare_value(ident);
                    if QUOTES.contains(&name.as_str()) {
                        self.forbid(format!("`{name}!` is the macro of another crate"));
                    }
                    if item.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export")) {
                        self.to.bind(ROOT, &name, Binding::Value(module));
                    }
                    Arc::make_mut(&mut self.to.macros).entry(name).or_default().insert(module);
                }
            }
            Item::Use(_) | Item::Impl(_) | Item::ForeignMod(_) | Item::Mod(_) | Item::Verbatim(_) => {}
            // `syn` may learn new items; their paths are walked all the same.
            _ => {}
        }
    }
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_skipped(item_attributes(item)) {
            return;
        }
        self.declared_by(item);
        if let Item::Mod(item) = item {
            self.forbid(format!("the module `{}` stands in a function", item.ident));
        }
        visit::visit_item(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let kind = if matches!(item.vis, Visibility::Inherited) { Kind::Use } else { Kind::Export };
        self.use_tree(kind, item.leading_colon.is_some(), &[], &item.tree);
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes = match item {
            ImplItem::Const(item) => &item.attrs[..],
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            ImplItem::Macro(item) => &item.attrs,
            _ => &[],
        };
        if !is_skipped(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        let attributes = match item {
            TraitItem::Const(item) => &item.attrs[..],
            TraitItem::Fn(item) => &item.attrs,
            TraitItem::Type(item) => &item.attrs,
            TraitItem::Macro(item) => &item.attrs,
            _ => &[],
        };
        if !is_skipped(attributes) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        let attributes = match statement {
            Stmt::Macro(statement) => &statement.attrs[..],
            Stmt::Local(_) | Stmt::Item(_) | Stmt::Expr(..) => &[],
        };
        if !is_skipped(attributes) {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_local(&mut self, local: &'ast Local) {
        if !is_skipped(&local.attrs) {
            visit::visit_local(self, local);
        }
    }

    fn visit_field(&mut self, field: &'ast Field) {
        if !is_skipped(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_field_value(&mut self, field: &'ast FieldValue) {
        if !is_skipped(&field.attrs) {
            visit::visit_field_value(self, field);
        }
    }

    fn visit_variant(&mut self, variant: &'ast Variant) {
        if !is_skipped(&variant.attrs) {
            visit::visit_variant(self, variant);
        }
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        if !is_skipped(&arm.attrs) {
            visit::visit_arm(self, arm);
        }
    }

    fn visit_expr(&mut self, expr: &'ast Expr) {
        match expr {
            Expr::Async(_) => self.mention(Kind::Word, false, vec!["async".to_owned()]),
            Expr::Await(_) => self.mention(Kind::Word, false, vec!["await".to_owned()]),
            Expr::Closure(closure) if closure.asyncness.is_some() => {
                self.mention(Kind::Word, false, vec!["async".to_owned()]);
            }
            Expr::Verbatim(tokens) => self.tokens(tokens.clone()),
            _ => {}
        }
        visit::visit_expr(self, expr);
    }

    fn visit_signature(&mut self, signature: &'ast Signature) {
        if signature.asyncness.is_some() {
            self.mention(Kind::Word, false, vec!["async".to_owned()]);
        }
        visit::visit_signature(self, signature);
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let (global, segments) = segments(path);
        self.mention(Kind::Path, global, segments);
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {
        // Only a module above can be named here.
    }

    fn visit_macro(&mut self, invocation: &'ast Macro) {
        let (global, path) = segments(&invocation.path);
        if path.last().is_some_and(|last| last == "include") {
            self.forbid("`include!` hides what is used".to_owned());
        }
        let quotes = path.last().is_some_and(|last| QUOTES.contains(&last.as_str()));
        self.mention(Kind::Macro, global, path);
        if quotes {
            self.quoted(invocation.tokens.clone());
        } else {
            self.tokens(invocation.tokens.clone());
        }
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let path = attribute.path();
        let (global, names) = segments(path);
        let first = names.first().map_or("", String::as_str);
        if NOT_CODE.contains(&first) {
            self.allowance(attribute);
            return;
        }
        // The texts of thiserror are sentences.
        let is_prose = first == "error";
        if first == "cfg_attr" {
            self.allowance(attribute);
        }
        self.mention(Kind::Macro, global, names);
        match &attribute.meta {
            Meta::Path(_) => {}
            Meta::List(list) => {
                if path.is_ident("cfg_attr") && list.tokens.to_string().contains("path =") {
                    self.forbid("`cfg_attr` chooses the file of a module".to_owned());
                }
                self.tokens(list.tokens.clone());
                if !is_prose {
                    self.strings(list.tokens.clone());
                }
            }
            Meta::NameValue(value) => match &value.value {
                Expr::Lit(literal) if !is_prose && !path.is_ident("path") => self.string(&literal.lit),
                Expr::Lit(_) => {}
                value => self.visit_expr(value),
            },
        }
    }

    fn visit_token_stream(&mut self, tokens: &'ast TokenStream) {
        self.tokens(tokens.clone());
    }
}

fn is_skipped(attributes: &[Attribute]) -> bool {
    attributes.iter().any(is_for_tests)
}

fn item_attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether it begins with `::`, and the names of a path.
fn segments(path: &Path) -> (bool, Vec<String>) {
    (path.leading_colon.is_some(), path.segments.iter().map(|segment| name(&segment.ident)).collect())
}

pub(crate) fn is_root_word(word: &str) -> bool {
    word == "crate" || word == "super" || word == "self"
}
