//! Takes the graph and what lives where. Gives the [`Machine`]: the states of the flow with their names and fields, and
//! the jumps between its blocks with theirs. All names that reach the disk are given here. Never writes tokens.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::Span;
use syn::{Ident, Type};

use crate::graph::{Entry, Graph};
use crate::ids::{AwaitId, BlockId, LocalId, Place};
use crate::left::Left;
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
    /// The types of what is left of locals that parts have been moved out of.
    pub(crate) rests: Vec<Rest>,
    /// The type parameters of what has no written type: `Dates`, and `OrderName` of `order.name`.
    pub(crate) params: BTreeMap<Place, Ident>,
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
    /// The parts of it that are left, if it is not whole.
    pub(crate) left: Option<BTreeSet<String>>,
}

impl Field {
    /// What there is of the local: the whole of it, or its parts.
    pub(crate) fn places(&self) -> Vec<Place> {
        match &self.left {
            None => vec![Place::whole(self.local)],
            Some(left) => left.iter().map(|path| Place { local: self.local, path: path.clone() }).collect(),
        }
    }
}

/// `struct BookingStateOrder<OrderName> { name: OrderName }`: what is left of `order`.
pub(crate) struct Rest {
    pub(crate) name: Ident,
    /// Of which local, and where in it.
    of: Place,
    /// Its fields, and what each of them has: a part of the local, or what is left of that.
    pub(crate) fields: BTreeMap<String, Kept>,
}

/// A field of a [`Rest`].
pub(crate) enum Kept {
    /// All of it.
    Whole(Place),
    /// The rest with this index.
    Rest(usize),
}

impl Machine {
    /// The names of the states, and those that they had.
    pub(crate) fn names(&self, graph: &Graph) -> BTreeSet<String> {
        let now = self.states.values().map(|state| state.name.to_string());
        now.chain(graph.awaits.iter().flat_map(|point| point.was.iter().cloned())).collect()
    }

    /// The type of a local: written, or a parameter.
    pub(crate) fn ty<'a>(&'a self, graph: &'a Graph, place: &Place) -> Result<&'a Ident, &'a Type> {
        match self.params.get(place) {
            Some(param) => Ok(param),
            None => Err(graph.local(place.local).ty.as_ref().expect("what has no parameter has a type")),
        }
    }

    /// The rest that keeps just these parts of a local.
    pub(crate) fn rest(&self, local: LocalId, paths: &BTreeSet<String>) -> &Rest {
        let is_it = |rest: &&Rest| rest.of == Place::whole(local) && self.paths(rest) == *paths;
        self.rests.iter().find(is_it).expect("each has a type")
    }

    /// The parts that a rest keeps.
    pub(crate) fn places(&self, rest: &Rest) -> Vec<Place> {
        let kept = rest.fields.values().flat_map(|kept| match kept {
            Kept::Whole(place) => vec![place.clone()],
            Kept::Rest(index) => self.places(&self.rests[*index]),
        });
        kept.collect()
    }

    fn paths(&self, rest: &Rest) -> BTreeSet<String> {
        self.places(rest).into_iter().map(|place| place.path).collect()
    }
}

pub(crate) fn lower(source: &Source, graph: &Graph, live: &Liveness, left: &Left, args: &[LocalId]) -> Machine {
    let fields = |block: Option<BlockId>, locals: &mut dyn Iterator<Item = LocalId>| {
        let mut names = Names::default();
        let field = |local| {
            let known = graph.local(local);
            let left = block.and_then(|block| left.of(block, local)).cloned();
            Field { name: names.give(&known.name, known.ident.span().resolved_at(Span::call_site())), local, left }
        };
        locals.map(field).collect::<Vec<_>>()
    };
    let mut state_names = Names::default();
    let start = Variant {
        name: state_names.give("Start", source.ident.span()),
        fields: fields(None, &mut args.iter().copied()),
    };
    let reached = |block: &BlockId| graph.order.contains(block);
    // What the author named keeps its name, wherever it stands.
    let labelled = graph.awaits.iter().filter(|point| point.is_labelled && reached(&point.resume));
    labelled.for_each(|point| state_names.reserve(&point.name));
    let states = graph.awaits.iter().enumerate().filter(|(_, point)| reached(&point.resume)).map(|(index, point)| {
        let mut needed = live.needed(point.resume).iter().copied();
        let name = match point.is_labelled {
            true => Ident::new(&point.name, point.span),
            false => state_names.give(&point.name, point.span),
        };
        (AwaitId(index), Variant { name, fields: fields(Some(point.resume), &mut needed) })
    });
    let states: BTreeMap<_, _> = states.collect();
    let mut jump_names = Names::default();
    jump_names.give("Resume", Span::call_site());
    jump_names.give("Describe", Span::call_site());
    let jumps = graph.order.iter().filter_map(|&id| match graph.block(id).entry {
        Entry::Join { name, value } => {
            let needed: BTreeSet<_> = live.needed(id).iter().copied().chain(value).collect();
            let fields = fields(Some(id), &mut needed.into_iter());
            Some((id, Variant { name: jump_names.give(name, Span::call_site()), fields }))
        }
        Entry::Start | Entry::Resume(_) => None,
    });
    let jumps: BTreeMap<_, _> = jumps.collect();
    let variants = std::iter::once(&start).chain(states.values()).chain(jumps.values());
    let fields: Vec<_> = variants.flat_map(|variant| &variant.fields).collect();
    let params = params(source, graph, fields.iter().flat_map(|field| field.places()).collect());
    let rests = rests(source, graph, &fields);
    Machine { start, states, jumps, rests, params }
}

/// Gives a type to each set of parts that is left of a local somewhere.
fn rests(source: &Source, graph: &Graph, fields: &[&Field]) -> Vec<Rest> {
    let all: BTreeSet<_> = fields.iter().filter_map(|field| Some((field.local, field.left.as_ref()?))).collect();
    let (mut rests, mut names) = (Vec::new(), Names::default());
    for (local, paths) in all {
        let wanted = format!("{}{}", source.states, camel_case(&graph.local(local).name));
        let paths: Vec<_> = paths.iter().map(String::as_str).collect();
        rest(Place::whole(local), &paths, &wanted, &mut names, &mut rests);
    }
    rests
}

/// Adds the type that keeps these paths of a place, after those of its fields. Gives its index.
fn rest(of: Place, paths: &[&str], wanted: &str, names: &mut Names, rests: &mut Vec<Rest>) -> usize {
    let mut fields: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for path in paths {
        let (field, below) = path.split_once('.').map_or((*path, None), |(field, below)| (field, Some(below)));
        fields.entry(field).or_default().extend(below);
    }
    let fields = fields.into_iter().map(|(field, below)| {
        let path = if of.path.is_empty() { field.to_owned() } else { format!("{}.{field}", of.path) };
        let place = Place { local: of.local, path };
        let kept = match below.is_empty() {
            true => Kept::Whole(place),
            false => Kept::Rest(rest(place, &below, &format!("{wanted}{}", camel_case(field)), names, rests)),
        };
        (field.to_owned(), kept)
    });
    let fields = fields.collect();
    rests.push(Rest { name: names.give(wanted, Span::call_site()), of, fields });
    rests.len() - 1
}

/// Names a type parameter after each place whose type is not written, without hiding a type that the author names.
fn params(source: &Source, graph: &Graph, places: BTreeSet<Place>) -> BTreeMap<Place, Ident> {
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
    let unwritten = |place: &Place| {
        let is_written = graph.local(place.local).ty.is_some() && place.path.is_empty();
        !is_written || (local_types && place.local.0 >= args)
    };
    let param = |place: Place| {
        let words = place.path.split('.').map(camel_case);
        let wanted = words.fold(camel_case(&graph.local(place.local).name), |all, word| all + &word);
        (place, names.give(&wanted, Span::call_site()))
    };
    places.into_iter().filter(unwritten).map(param).collect()
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
