//! Takes the graph and what lives where. Gives the [`Machine`]: the states of the flow with their names and fields, and
//! the jumps between its blocks with theirs. All names that reach the disk are given here. Never writes tokens.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::Span;
use syn::{Ident, Type};

use crate::graph::{Entry, Graph};
use crate::ids::{AwaitId, BlockId, LocalId};
use crate::liveness::Liveness;
use crate::parse::Source;
use crate::syntax::{camel_case, mentioned};

/// A flow as states and jumps.
pub(crate) struct Machine {
    /// `Start { guest }`: the arguments, before the first step.
    pub(crate) start: Variant,
    /// One for each await: `Room { guest, dates, tries }`.
    pub(crate) states: BTreeMap<AwaitId, Variant>,
    /// One for each block that paths join in: `AfterLoop { guest, room }`.
    pub(crate) jumps: BTreeMap<BlockId, Variant>,
    /// The type parameters of the locals whose type is not written: `Dates`.
    pub(crate) params: BTreeMap<LocalId, Ident>,
}

/// A variant of one of the two enums.
pub(crate) struct Variant {
    pub(crate) name: Ident,
    /// In the order in which the locals were declared.
    pub(crate) fields: Vec<Field>,
}

/// `tries`, in the state `Room`.
pub(crate) struct Field {
    pub(crate) name: Ident,
    pub(crate) local: LocalId,
}

impl Machine {
    /// The type of a local: written, or a parameter.
    pub(crate) fn ty<'a>(&'a self, graph: &'a Graph, local: LocalId) -> Result<&'a Ident, &'a Type> {
        match self.params.get(&local) {
            Some(param) => Ok(param),
            None => Err(graph.local(local).ty.as_ref().expect("what has no parameter has a type")),
        }
    }
}

pub(crate) fn lower(source: &Source, graph: &Graph, live: &Liveness, args: &[LocalId]) -> Machine {
    let mut state_names = Names::default();
    let start =
        Variant { name: state_names.give("Start", source.ident.span()), fields: fields(graph, args.iter().copied()) };
    let reached = |block: &BlockId| graph.order.contains(block);
    // What the author named keeps its name, wherever it stands.
    let labelled = graph.awaits.iter().filter(|point| point.is_labelled && reached(&point.resume));
    labelled.for_each(|point| state_names.reserve(&point.name));
    let states = graph.awaits.iter().enumerate().filter(|(_, point)| reached(&point.resume)).map(|(index, point)| {
        let needed = live.needed(point.resume).iter().copied();
        let name = match point.is_labelled {
            true => Ident::new(&point.name, point.span),
            false => state_names.give(&point.name, point.span),
        };
        (AwaitId(index), Variant { name, fields: fields(graph, needed) })
    });
    let states: BTreeMap<_, _> = states.collect();
    let mut jump_names = Names::default();
    jump_names.give("Resume", Span::call_site());
    jump_names.give("Describe", Span::call_site());
    let jumps = graph.order.iter().filter_map(|&id| match graph.block(id).entry {
        Entry::Join { name, value } => {
            let needed: BTreeSet<_> = live.needed(id).iter().copied().chain(value).collect();
            Some((id, Variant { name: jump_names.give(name, Span::call_site()), fields: fields(graph, needed) }))
        }
        Entry::Start | Entry::Resume(_) => None,
    });
    let jumps: BTreeMap<_, _> = jumps.collect();
    let variants = std::iter::once(&start).chain(states.values()).chain(jumps.values());
    let locals: BTreeSet<_> = variants.flat_map(|variant| variant.fields.iter().map(|field| field.local)).collect();
    let params = params(source, graph, locals);
    Machine { start, states, jumps, params }
}

fn fields(graph: &Graph, locals: impl IntoIterator<Item = LocalId>) -> Vec<Field> {
    let mut names = Names::default();
    let field = |local| {
        let known = graph.local(local);
        Field { name: names.give(&known.name, known.ident.span().resolved_at(Span::call_site())), local }
    };
    locals.into_iter().map(field).collect()
}

/// Names a type parameter after each local whose type is not written, without hiding a type that the author names.
fn params(source: &Source, graph: &Graph, locals: BTreeSet<LocalId>) -> BTreeMap<LocalId, Ident> {
    let written =
        source.args.iter().map(|arg| &arg.ty).chain(graph.locals.iter().filter_map(|local| local.ty.as_ref()));
    let mut names = Names::default();
    for ty in written {
        names.taken.extend(mentioned(&quote::quote!(#ty)));
    }
    names.taken.extend([source.states.to_string(), "S".to_owned()]);
    // A type that is declared inside the body cannot be named outside of it.
    let local_types = !graph.items.is_empty();
    let args = source.args.len();
    let unwritten = |local: &LocalId| {
        let known = graph.local(*local);
        known.ty.is_none() || (local_types && local.0 >= args)
    };
    let param = |local: LocalId| (local, names.give(&camel_case(&graph.local(local).name), Span::call_site()));
    locals.into_iter().filter(unwritten).map(param).collect()
}

/// Gives each name once: `Confirm`, `Confirm2`, `Confirm3`.
#[derive(Default)]
struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    fn reserve(&mut self, name: &str) {
        self.taken.insert(name.to_owned());
    }

    fn give(&mut self, wanted: &str, span: Span) -> Ident {
        let wanted = match wanted {
            "" | "_" => "__".to_owned(),
            // The keywords that `r#` does not help.
            "Self" | "self" | "super" | "crate" => format!("{wanted}_"),
            _ if wanted.starts_with(|c: char| c.is_ascii_digit()) => format!("_{wanted}"),
            _ => wanted.to_owned(),
        };
        let numbered = (2..).map(|n| format!("{wanted}{n}"));
        let free = std::iter::once(wanted.clone()).chain(numbered).find(|name| !self.taken.contains(name));
        let name = free.expect("there are more numbers than names");
        self.taken.insert(name.clone());
        // `r#type` stays what it is; serde writes it without the `r#`.
        syn::parse_str::<Ident>(&name).map_or_else(|_| Ident::new_raw(&name, span), |_| Ident::new(&name, span))
    }
}
