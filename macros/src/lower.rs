//! From an [`AnalyzedFlow`] to a [`Machine`]: the states with their names and fields, the jumps between blocks, and the
//! code of each block. Every name that reaches the disk is made here. Never writes tokens.

use std::collections::BTreeSet;

use proc_macro2::Span;
use syn::Ident;

use crate::analysis::AnalyzedFlow;
use crate::graph::Entry;
use crate::ids::AwaitId;
use crate::lower::entries::{Entries, JoinDraft, StateDraft};
use crate::lower::fields::{Types, drafts};
use crate::lower::names::Names;
use crate::machine::{Join, Machine, State};

mod blocks;
mod entries;
mod fields;
mod names;

pub(crate) fn lower(flow: AnalyzedFlow) -> Machine {
    let (states, joins) = (state_drafts(&flow), join_drafts(&flow));
    let entries = Entries::new(&states, &joins, &flow.graph);
    let state_fields = states.iter().flat_map(|state| &state.fields);
    let join_fields = joins.iter().flat_map(|join| &join.fields);
    let types = Types::new(&flow, state_fields.clone().chain(join_fields.clone()));
    let (state_params, join_params) = (types.params(state_fields), types.params(join_fields));
    let mut states: Vec<_> = states.into_iter().map(|draft| state(&flow, &entries, &types, draft)).collect();
    let joins: Vec<_> = joins.into_iter().map(|draft| join(&flow, &types, draft)).collect();
    let partial_types = types.into_partial_types();
    let saved = states.iter().flat_map(|state| &state.fields);
    let defaults: BTreeSet<_> = saved.filter(|field| field.default.is_some()).map(|field| field.local).collect();
    let known_names = known_names(&flow, &states);
    let AnalyzedFlow { header, mut graph, liveness, .. } = flow;
    let blocks = blocks::blocks(&mut graph, &liveness, &entries, &mut states, &joins);
    Machine {
        next: Ident::new(&format!("{}Next", header.states), Span::call_site()),
        header,
        states,
        state_params,
        joins,
        join_params,
        partial_types,
        defaults: defaults.into_iter().collect(),
        items: graph.items,
        blocks,
        labels: graph.labels,
        shown: graph.shown,
        label_targets: entries.joins,
        known_names,
        old_states: None,
    }
}

/// `Start`, and a state for each reachable await.
fn state_drafts(flow: &AnalyzedFlow) -> Vec<StateDraft> {
    let AnalyzedFlow { header, graph, liveness, .. } = flow;
    let mut names = Names::default();
    let name = names.give("Start", header.ident.span());
    let mut states = vec![StateDraft { name, point: None, fields: drafts(flow, None, graph.args.iter().copied()) }];
    let reachable: BTreeSet<_> = graph.order.iter().collect();
    let points = || graph.awaits.iter().enumerate().filter(|(_, point)| reachable.contains(&point.resume));
    // A name from `#[at(..)]` is given as it is, wherever the await is.
    names.reserve(points().filter(|(_, point)| point.is_labelled).map(|(_, point)| point.name.clone()));
    for (index, point) in points() {
        let name = match point.is_labelled {
            true => Ident::new(&point.name, point.span),
            false => names.give(&point.name, point.span),
        };
        let fields = drafts(flow, Some(point.resume), liveness.live(point.resume).iter().copied());
        states.push(StateDraft { name, point: Some(AwaitId(index)), fields });
    }
    states
}

/// A join for each reachable block that paths join at.
fn join_drafts(flow: &AnalyzedFlow) -> Vec<JoinDraft> {
    let mut names = Names::default();
    // The variants that are not joins.
    names.reserve(["Resume".to_owned(), "Describe".to_owned()]);
    let joins = flow.graph.order.iter().filter_map(|&block| match flow.graph.block(block).entry {
        Entry::Join { name, value } => {
            let locals: BTreeSet<_> = flow.liveness.live(block).iter().copied().chain(value).collect();
            let fields = drafts(flow, Some(block), locals);
            Some(JoinDraft { name: names.give(name, Span::call_site()), block, fields })
        }
        Entry::Start | Entry::Resume(_) => None,
    });
    let mut joins: Vec<_> = joins.collect();
    joins.sort_by_key(|join| join.block);
    joins
}

fn state(flow: &AnalyzedFlow, entries: &Entries, types: &Types<'_>, draft: StateDraft) -> State {
    let StateDraft { name, point, fields } = draft;
    let next = &flow.successors[&point];
    let mut fields = types.fields(fields);
    let point_of_graph = point.map(|id| flow.graph.point(id));
    if point.is_none() {
        // Defaults are for the states after the first, which hold locals.
        fields.iter_mut().for_each(|field| field.default = None);
    }
    State {
        name,
        fields,
        point,
        span: point_of_graph.map_or(flow.header.ident.span(), |point| point.span),
        next: next.awaits.iter().map(|&id| entries.state(id)).collect(),
        ends: next.ends,
        wanted: point_of_graph.filter(|point| !point.is_labelled).map_or_else(String::new, |point| point.name.clone()),
        asks: point_of_graph.map_or_else(String::new, |point| point.asks.clone()),
        was: point_of_graph.map_or_else(Vec::new, |point| point.was.clone()),
    }
}

fn join(flow: &AnalyzedFlow, types: &Types<'_>, draft: JoinDraft) -> Join {
    let value = flow.graph.value(draft.block);
    let fields = types.fields(draft.fields);
    let value = fields.iter().position(|field| Some(field.local) == value);
    Join { name: draft.name, fields, value }
}

/// The names of the states, and their names in earlier versions.
fn known_names(flow: &AnalyzedFlow, states: &[State]) -> BTreeSet<String> {
    let now = states[1..].iter().map(|state| state.name.to_string());
    now.chain(flow.graph.awaits.iter().flat_map(|point| point.was.iter().cloned())).collect()
}
