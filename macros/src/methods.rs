//! From an `impl` block under `#[flow]` to its `#[flow]` methods as free functions, which the pipeline expands, and back to
//! the block with the expanded functions. The block is needed because a method alone does not show the type of `self`.
//!
//! ```text
//! impl Hotel { #[flow] async fn stay(self, nights: u32) -> Bill { self.bill(nights).await } }
//!
//! async fn stay(self_: Hotel, nights: u32) -> Bill { self_.bill(nights).await }
//! ```

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{FnArg, Ident, ImplItem, ImplItemFn, ItemFn, ItemImpl, Meta, Path, ReceiverKind, Type, parse_quote};

use crate::errors;
use crate::syntax::mentioned;

/// A method that is a flow.
pub(crate) struct Method {
    /// Its index in the block.
    pub(crate) index: usize,
    /// The arguments of its attribute.
    pub(crate) args: TokenStream,
    pub(crate) function: ItemFn,
    /// `Hotel`.
    pub(crate) owner: Ident,
}

/// The methods of a block that are flows.
pub(crate) fn methods(block: &ItemImpl) -> syn::Result<Vec<Method>> {
    let Type::Path(ty) = &*block.self_ty else { return Err(errors::signature::flows_of_a_type(block.self_ty.span())) };
    let plain = ty.qself.is_none() && ty.path.segments.iter().all(|segment| segment.arguments.is_none());
    if !plain || block.trait_.is_some() || !block.generics.params.is_empty() {
        return Err(errors::signature::flows_of_a_type(block.self_ty.span()));
    }
    let owner = ty.path.segments.last().expect("a path has a segment").ident.clone();
    let mut methods = Vec::new();
    for (index, item) in block.items.iter().enumerate() {
        let ImplItem::Fn(method) = item else { continue };
        if let Some((args, method)) = marked(method) {
            methods.push(Method { index, args, function: free(method, &ty.path), owner: owner.clone() });
        }
    }
    if methods.is_empty() {
        return Err(errors::signature::no_flow_in_block(block.impl_token.span));
    }
    Ok(methods)
}

/// The arguments of `#[flow(..)]` on a method, and the method without it.
fn marked(method: &ImplItemFn) -> Option<(TokenStream, ImplItemFn)> {
    let is_flow = |attr: &syn::Attribute| attr.path().segments.last().is_some_and(|last| last.ident == "flow");
    let at = method.attrs.iter().position(is_flow)?;
    let mut method = method.clone();
    let args = match method.attrs.remove(at).meta {
        Meta::List(list) => list.tokens,
        Meta::Path(_) | Meta::NameValue(_) => TokenStream::new(),
    };
    Some((args, method))
}

/// The method as a function with its `self` as the first argument.
fn free(method: ImplItemFn, owner: &Path) -> ItemFn {
    let ImplItemFn { attrs, vis, modifiers, mut sig, mut block } = method;
    let written = mentioned(&block.to_token_stream());
    let numbered = (2..).map(|n| format!("self_{n}"));
    let mut names = std::iter::once("self_".to_owned()).chain(numbered);
    let name = names.find(|name| !written.contains(name)).expect("there are more numbers than names");
    let mut selves = Selves { owner, name: &name };
    selves.visit_block_mut(&mut block);
    selves.visit_return_type_mut(&mut sig.output);
    for input in &mut sig.inputs {
        match input {
            // A receiver that borrows is reported by `parse`.
            FnArg::Receiver(receiver) if matches!(receiver.kind, ReceiverKind::Value) => {
                let (mutability, name) = (&receiver.mutability, Ident::new(&name, receiver.self_token.span));
                *input = parse_quote!(#mutability #name: #owner);
            }
            FnArg::Receiver(_) => {}
            FnArg::Typed(arg) => selves.visit_type_mut(&mut arg.ty),
        }
    }
    ItemFn { attrs, vis, modifiers, sig, block: Box::new(block) }
}

/// Replaces `self` and `Self`.
struct Selves<'a> {
    owner: &'a Path,
    name: &'a str,
}

impl Selves<'_> {
    fn tokens(&self, tokens: TokenStream) -> TokenStream {
        let mut tokens = tokens.into_iter().peekable();
        let mut written = TokenStream::new();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) => {
                    let mut new = Group::new(group.delimiter(), self.tokens(group.stream()));
                    new.set_span(group.span());
                    written.extend([TokenTree::Group(new)]);
                }
                TokenTree::Ident(ident) if ident == "Self" => written.extend(self.owner.to_token_stream()),
                // `self::name` is a path from this module.
                TokenTree::Ident(ident)
                    if ident == "self"
                        && !matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == ':') =>
                {
                    written.extend([TokenTree::Ident(Ident::new(self.name, ident.span()))]);
                }
                other => written.extend([other]),
            }
        }
        written
    }
}

impl VisitMut for Selves<'_> {
    fn visit_path_mut(&mut self, path: &mut Path) {
        visit_mut::visit_path_mut(self, path);
        if path.leading_colon.is_some() {
            return;
        }
        let Some(first) = path.segments.first() else { return };
        if first.ident == "self" && path.segments.len() == 1 {
            path.segments[0].ident = Ident::new(self.name, first.ident.span());
        } else if first.ident == "Self" {
            let rest = path.segments.iter().skip(1);
            let owner = self.owner;
            *path = parse_quote!(#owner #(::#rest)*);
        }
    }

    fn visit_macro_mut(&mut self, mac: &mut syn::Macro) {
        self.visit_path_mut(&mut mac.path);
        mac.tokens = self.tokens(std::mem::take(&mut mac.tokens));
    }

    // An item has a `self` of its own.
    fn visit_item_mut(&mut self, _: &mut syn::Item) {}
}

/// The block, with each flow replaced by the function that creates it.
pub(crate) fn block(mut block: ItemImpl, functions: Vec<(usize, TokenStream)>) -> TokenStream {
    for (index, function) in functions {
        block.items[index] = ImplItem::Verbatim(function);
    }
    quote!(#block)
}
