//! The fields of states and joins, with their types: written, a type parameter, or the type of a partially moved local.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::Span;
use syn::{Ident, Member};

use crate::analysis::AnalyzedFlow;
use crate::ids::{BlockId, LocalId, Place};
use crate::lower::names::Names;
use crate::machine::{
    Field, FieldPlace, FieldType, PartialField, PartialFields, PartialType, PartialTypeId, PlaceType,
};
use crate::syntax::{camel_case, mentioned, unraw};

/// A field before its type is known.
pub(super) struct Draft {
    name: Ident,
    pub(super) local: LocalId,
    /// The parts that are saved, if the local is partially moved.
    parts: Option<BTreeSet<String>>,
}

impl Draft {
    /// The whole local, or its parts.
    fn places(&self) -> Vec<Place> {
        match &self.parts {
            None => vec![Place::whole(self.local)],
            Some(parts) => parts.iter().map(|path| Place { local: self.local, path: path.clone() }).collect(),
        }
    }
}

/// The fields for these locals, as they are saved for a block.
pub(super) fn drafts(
    flow: &AnalyzedFlow,
    block: Option<BlockId>,
    locals: impl IntoIterator<Item = LocalId>,
) -> Vec<Draft> {
    let mut names = Names::default();
    let draft = |local| {
        let known = flow.graph.local(local);
        let parts = block.and_then(|block| flow.partial_moves.parts(block, local)).cloned();
        let span = known.ident.span().resolved_at(Span::call_site());
        Draft { name: names.give(&known.name, span), local, parts }
    };
    locals.into_iter().map(draft).collect()
}

/// The types of all places that are saved or passed on.
pub(super) struct Types<'a> {
    flow: &'a AnalyzedFlow,
    /// By place whose type is not written: its type parameter, `Dates`, or `OrderName` of `order.name`.
    params: BTreeMap<Place, Ident>,
    partial: Vec<PartialType>,
    /// By local and parts: the type for them.
    partial_ids: BTreeMap<(LocalId, BTreeSet<String>), PartialTypeId>,
}

impl<'a> Types<'a> {
    pub(super) fn new<'d>(flow: &'a AnalyzedFlow, drafts: impl Iterator<Item = &'d Draft> + Clone) -> Self {
        let params = params(flow, drafts.clone().flat_map(Draft::places).collect());
        let mut types = Self { flow, params, partial: Vec::new(), partial_ids: BTreeMap::new() };
        let mut names = Names::default();
        let all: BTreeSet<_> = drafts.filter_map(|draft| Some((draft.local, draft.parts.clone()?))).collect();
        for (local, parts) in all {
            let wanted = format!("{}{}", flow.header.states, camel_case(&flow.graph.local(local).name));
            let paths: Vec<_> = parts.iter().map(String::as_str).collect();
            let (id, _) = types.add_partial(Place::whole(local), &paths, &wanted, &mut names);
            types.partial_ids.insert((local, parts), id);
        }
        types
    }

    pub(super) fn into_partial_types(self) -> Vec<PartialType> {
        self.partial
    }

    /// The type parameters for these fields, in the order of their locals.
    pub(super) fn params<'d>(&self, drafts: impl Iterator<Item = &'d Draft>) -> Vec<Ident> {
        self.params_of(&drafts.flat_map(Draft::places).collect())
    }

    fn params_of(&self, places: &BTreeSet<Place>) -> Vec<Ident> {
        places.iter().filter_map(|place| self.params.get(place)).cloned().collect()
    }

    fn ty(&self, place: &Place) -> PlaceType {
        match self.params.get(place) {
            Some(param) => PlaceType::Param(param.clone()),
            None => {
                let written = self.flow.graph.local(place.local).ty.as_ref();
                PlaceType::Written(Box::new(written.expect("a place without a parameter has a written type").clone()))
            }
        }
    }

    /// The fields of a variant.
    pub(super) fn fields(&self, drafts: Vec<Draft>) -> Vec<Field> {
        drafts.into_iter().map(|draft| self.field(draft)).collect()
    }

    fn field(&self, draft: Draft) -> Field {
        let places = draft.places().into_iter().map(|place| {
            let name = unraw(&draft.name);
            let name = if place.path.is_empty() { name } else { format!("{name}.{}", place.path) };
            FieldPlace { name, path: members(&place.path), ty: self.ty(&place), place }
        });
        let places = places.collect();
        let Draft { name, local, parts } = draft;
        let known = self.flow.graph.local(local);
        // A default is for a whole local.
        let default = known.evolution.default.as_ref().filter(|_| parts.is_none()).cloned();
        let ty = match parts {
            None => FieldType::Whole(self.ty(&Place::whole(local))),
            Some(parts) => FieldType::Partial(self.partial_ids[&(local, parts)]),
        };
        let was = known.evolution.was.clone();
        Field { name, ident: known.ident.clone(), local, ty, places, was, default, is_checked: false }
    }

    /// Adds the type for these parts of a place, after the types of its fields. Returns its id and all places in it.
    fn add_partial(
        &mut self,
        of: Place,
        paths: &[&str],
        wanted: &str,
        names: &mut Names,
    ) -> (PartialTypeId, BTreeSet<Place>) {
        let mut by_field: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for path in paths {
            let (field, below) = path.split_once('.').map_or((*path, None), |(field, below)| (field, Some(below)));
            by_field.entry(field).or_default().extend(below);
        }
        let (mut fields, mut all) = (Vec::new(), BTreeSet::new());
        for (field, below) in by_field {
            let path = if of.path.is_empty() { field.to_owned() } else { format!("{}.{field}", of.path) };
            let place = Place { local: of.local, path };
            let part = if below.is_empty() {
                all.insert(place.clone());
                PartialField::Whole { path: members(&place.path), ty: self.ty(&place) }
            } else {
                let wanted = format!("{wanted}{}", camel_case(field));
                let (id, places) = self.add_partial(place, &below, &wanted, names);
                all.extend(places);
                PartialField::Partial(id)
            };
            fields.push((field, part));
        }
        let fields = if fields.iter().all(|(name, _)| name.parse::<usize>().is_ok()) {
            let mut by_index: BTreeMap<_, _> =
                fields.into_iter().filter_map(|(name, part)| Some((name.parse::<usize>().ok()?, part))).collect();
            let last = by_index.keys().next_back().copied().unwrap_or_default();
            PartialFields::Tuple((0..=last).map(|index| by_index.remove(&index)).collect())
        } else {
            PartialFields::Named(fields.into_iter().map(|(name, part)| (member(name), part)).collect())
        };
        let params = self.params_of(&all);
        self.partial.push(PartialType { name: names.give(wanted, Span::call_site()), params, fields });
        (PartialTypeId(self.partial.len() - 1), all)
    }
}

/// A type parameter for each place whose type is not written. Its name differs from every type that the author names.
fn params(flow: &AnalyzedFlow, places: BTreeSet<Place>) -> BTreeMap<Place, Ident> {
    let AnalyzedFlow { header, graph, .. } = flow;
    let written =
        header.args.iter().map(|arg| &arg.ty).chain(graph.locals.iter().filter_map(|local| local.ty.as_ref()));
    let mut names = Names::default();
    for ty in written {
        names.reserve(mentioned(&quote::quote!(#ty)));
    }
    names.reserve([header.states.to_string(), "S".to_owned()]);
    // A type that is declared in the body cannot be named outside of it.
    let has_local_types = !graph.items.is_empty();
    let is_unwritten = |place: &Place| {
        let is_written = graph.local(place.local).ty.is_some() && place.path.is_empty();
        !is_written || (has_local_types && place.local.0 >= header.args.len())
    };
    let param = |place: Place| {
        let words = place.path.split('.').map(camel_case);
        let wanted = words.fold(camel_case(&graph.local(place.local).name), |all, word| all + &word);
        (place, names.give(&wanted, Span::call_site()))
    };
    places.into_iter().filter(is_unwritten).map(param).collect()
}

/// The members of a path: `address` and `city` of `address.city`.
fn members(path: &str) -> Vec<Member> {
    path.split('.').filter(|name| !name.is_empty()).map(member).collect()
}

fn member(name: &str) -> Member {
    match name.parse::<u32>() {
        Ok(index) => Member::from(index as usize),
        Err(_) => Member::Named(syn::parse_str(name).unwrap_or_else(|_| Ident::new_raw(name, Span::call_site()))),
    }
}
