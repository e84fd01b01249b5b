//! The code of each block: which locals it declares, rebinds and borrows again at its entry, where scopes need braces,
//! and what each await and jump passes on.

use std::collections::BTreeSet;

use syn::{Expr, ExprPath, Pat};

use crate::analysis::liveness::{Liveness, mentioned};
use crate::graph::{self, Entry as BlockEntry, Graph, Node, Reborrow};
use crate::ids::{BlockId, LocalId, Place, ScopeId, SeqId};
use crate::lower::entries::Entries;
use crate::machine::{Arm, Binding, Block, Code, Entry, Field, Join, Op, State, StateId};
use crate::syntax::borrows::constants;
use crate::syntax::rematch::rematch;
use crate::syntax::unraw;

/// The blocks in the order of their code. Moves the code out of the graph.
pub(super) fn blocks(
    graph: &mut Graph,
    liveness: &Liveness,
    entries: &Entries,
    states: &mut [State],
    joins: &[Join],
) -> Vec<Block> {
    let mut lowering = Lowering { graph, liveness, entries, states, joins, checked: BTreeSet::new() };
    lowering.graph.order.clone().into_iter().map(|id| lowering.block(id)).collect()
}

struct Lowering<'a> {
    graph: &'a mut Graph,
    liveness: &'a Liveness,
    entries: &'a Entries,
    states: &'a mut [State],
    joins: &'a [Join],
    /// The places that an await has saved in a block before.
    checked: BTreeSet<Place>,
}

/// The locals and scopes of one block.
struct Locals {
    id: BlockId,
    /// The locals that the block is entered with.
    carried: BTreeSet<LocalId>,
    /// The locals that the block mentions, and the borrows that these are built from.
    mentioned: BTreeSet<LocalId>,
    /// The locals that the code of the block declares.
    declared: BTreeSet<LocalId>,
    /// The locals that are declared at the entry, because the code assigns them before it reads them or borrows again.
    at_entry: BTreeSet<LocalId>,
    /// The scopes that end with the block. They need no braces, because nothing follows them.
    open_ended: BTreeSet<ScopeId>,
}

impl Lowering<'_> {
    fn block(&mut self, id: BlockId) -> Block {
        let entry = match self.graph.block(id).entry {
            BlockEntry::Start => Entry::State(StateId(0)),
            BlockEntry::Resume(point) => Entry::State(self.entries.state(point)),
            BlockEntry::Join { .. } => Entry::Join(self.entries.joins[id.0].expect("a reachable join has a variant")),
        };
        let fields = match entry {
            Entry::State(state) => &self.states[state.0].fields,
            Entry::Join(join) => &self.joins[join.0].fields,
        };
        let locals = self.locals(id, fields);
        let binding = |field: &Field| Binding {
            field: field.name.clone(),
            ident: field.ident.clone(),
            mutable: self.graph.local(field.local).mutable && self.stays(&locals, field.local),
        };
        let bindings = fields.iter().map(binding).collect();
        let (scope, code) = (self.graph.block(id).scopes[0], self.graph.block(id).code);
        let mut ops = self.declarations(&locals, scope);
        self.seq(&locals, code, &mut ops);
        Block { entry, bindings, code: ops }
    }

    fn locals(&self, id: BlockId, fields: &[Field]) -> Locals {
        let graph = &*self.graph;
        let code = graph.block(id).code;
        let carried: BTreeSet<_> = fields.iter().map(|field| field.local).collect();
        let mut mentioned = mentioned(graph, self.liveness, id);
        let reborrows = self.liveness.reborrows(id);
        let mut open: Vec<_> = mentioned.intersection(reborrows).copied().collect();
        // A borrow that is not live here would borrow from locals that are not saved.
        mentioned.retain(|&local| graph.reborrow(local).is_none());
        // A borrow may be built from other borrows.
        while let Some(local) = open.pop() {
            if mentioned.insert(local)
                && let Some(reborrow) = graph.reborrow(local)
            {
                let parts = reborrow.def_use.uses.iter().map(|place| place.local);
                open.extend(parts.filter(|local| reborrows.contains(local)));
            }
        }
        let mut declared = BTreeSet::new();
        declared_in(graph, code, &mut declared);
        let at_entry = mentioned.iter().filter(|local| !carried.contains(local) && !declared.contains(local));
        let at_entry = at_entry.copied().collect();
        Locals { id, carried, mentioned, declared, at_entry, open_ended: open_ended(graph, code) }
    }

    /// Whether a local that the block is entered with can stay where the entry binds it: its scope ends with the block,
    /// and it is dropped in the right order, because no local that was declared before it is declared after it now.
    fn stays(&self, locals: &Locals, local: LocalId) -> bool {
        let scope = self.graph.local(local).scope;
        let ends_here = scope == self.graph.block(locals.id).scopes[0] || locals.open_ended.contains(&scope);
        ends_here && !locals.at_entry.range(..local).any(|&other| self.graph.local(other).reborrow.is_none())
    }

    /// The declarations at the beginning of a scope that is open at the entry of the block: its locals in the order of
    /// the source, so that they are dropped at its end in reverse order.
    fn declarations(&self, locals: &Locals, scope: ScopeId) -> Vec<Op> {
        let graph = &*self.graph;
        if !graph.block(locals.id).scopes.contains(&scope) {
            return Vec::new();
        }
        let rebound = locals.carried.iter().copied().filter(|&local| !self.stays(locals, local));
        let here: BTreeSet<_> = rebound.chain(locals.at_entry.iter().copied()).collect();
        let (mut ops, mut written) = (Vec::new(), BTreeSet::new());
        for id in here.into_iter().filter(|&id| graph.local(id).scope == scope) {
            let local = graph.local(id);
            if locals.carried.contains(&id) {
                ops.push(Op::Rebind { ident: local.ident.clone(), mutable: local.mutable });
                continue;
            }
            match local.reborrow {
                None => ops.push(self.declare(id)),
                Some(id) if written.insert(id) => ops.push(self.reborrow(locals, &graph.reborrows[id.0])),
                Some(_) => {}
            }
        }
        ops
    }

    fn declare(&self, local: LocalId) -> Op {
        let local = self.graph.local(local);
        Op::Declare { ident: local.ident.clone(), mutable: local.mutable, ty: local.ty.clone() }
    }

    /// The `let` of a borrow, with only those names in its pattern that the block mentions.
    fn reborrow(&self, locals: &Locals, reborrow: &Reborrow) -> Op {
        let needed = reborrow.locals.iter().filter(|local| locals.mentioned.contains(local));
        let needed: Vec<_> = needed.map(|local| &self.graph.local(*local).ident).collect();
        let pat = rematch(&reborrow.pat, &needed);
        let is_refutable = !matches!(&pat, Pat::Ident(bare) if bare.subpat.is_none());
        Op::Reborrow {
            pat: Box::new(pat),
            ty: reborrow.ty.clone().map(Box::new),
            expr: Box::new(reborrow.expr.clone()),
            is_refutable,
            constants: self.constants(reborrow),
        }
    }

    /// The constants that a borrow is built from. A local may have a name in capitals too.
    fn constants(&self, reborrow: &Reborrow) -> Vec<ExprPath> {
        let locals: BTreeSet<_> =
            reborrow.def_use.mentions.iter().map(|local| unraw(&self.graph.local(*local).ident)).collect();
        let is_local = |path: &ExprPath| path.path.get_ident().is_some_and(|ident| locals.contains(&unraw(ident)));
        constants(&reborrow.expr).into_iter().filter(|path| !is_local(path)).collect()
    }

    fn seq(&mut self, locals: &Locals, seq: SeqId, ops: &mut Vec<Op>) {
        for node in std::mem::take(&mut self.graph.seqs[seq.0]) {
            self.node(locals, node, ops);
        }
    }

    fn branch(&mut self, locals: &Locals, seq: SeqId) -> Vec<Op> {
        let mut ops = Vec::new();
        self.seq(locals, seq, &mut ops);
        ops
    }

    fn node(&mut self, locals: &Locals, node: Node, ops: &mut Vec<Op>) {
        match node {
            Node::Stmt { stmt, def_use, .. } => ops.push(Op::Stmt { stmt, jumps: def_use.jumps() }),
            // If the block does not mention it, its type could not be inferred here.
            Node::Declare(local) if !locals.mentioned.contains(&local) => {}
            Node::Declare(local) => ops.push(self.declare(local)),
            Node::Items(items) => ops.push(Op::Items(items)),
            Node::Scope(scope, seq) => {
                let mut inner = self.declarations(locals, scope);
                self.seq(locals, seq, &mut inner);
                match locals.open_ended.contains(&scope) {
                    true => ops.append(&mut inner),
                    false => ops.push(Op::Scope(inner)),
                }
            }
            Node::If { cond, then, otherwise, .. } => {
                let (then, otherwise) = (self.branch(locals, then), self.branch(locals, otherwise));
                ops.push(Op::If { cond: code(cond), then, otherwise });
            }
            Node::Match { scrutinee, arms } => {
                let arms = arms.into_iter().map(|arm| {
                    let jumps = arm.def_use.jumps();
                    Arm { pat: arm.pat, jumps, code: self.branch(locals, arm.body) }
                });
                let arms = arms.collect();
                ops.push(Op::Match { scrutinee: code(scrutinee), arms });
            }
            Node::LetElse { pat, value, otherwise, .. } => {
                let otherwise = self.branch(locals, otherwise);
                ops.push(Op::LetElse { pat: Box::new(pat), value: code(value), otherwise });
            }
            Node::Await { id, operand } => {
                ops.extend(self.uses(locals, self.graph.point(id).resume));
                let state = self.entries.state(id);
                self.check(state.0);
                let mut callee = code(operand);
                // `(Order { .. }).await` needs its parentheses, and an argument does not.
                while let Expr::Paren(inner) = callee.expr {
                    callee.expr = *inner.expr;
                }
                ops.push(Op::Await { state, callee });
            }
            Node::Jump { to, value } => {
                ops.extend(self.uses(locals, to));
                let value = value.map(code);
                ops.push(match self.entries.joins[to.0] {
                    Some(to) => Op::Jump { to, value },
                    None => Op::FallThrough(value),
                });
            }
            Node::Return(value) => ops.push(Op::Return(value.map(code))),
        }
    }

    /// Marks the fields of a state that no await has saved before.
    fn check(&mut self, state: usize) {
        for field in &mut self.states[state].fields {
            for place in &field.places {
                field.is_checked |= self.checked.insert(place.place.clone());
            }
        }
    }

    /// A use of the borrows that are live at a block and declared in this one. rustc cannot see that the other block
    /// uses them, because it borrows again.
    fn uses(&self, locals: &Locals, block: BlockId) -> Option<Op> {
        let used = self.liveness.borrows(block).iter().filter(|local| locals.declared.contains(local));
        let used: Vec<_> = used.map(|local| self.graph.local(*local).ident.clone()).collect();
        (!used.is_empty()).then_some(Op::Use(used))
    }
}

fn code(code: graph::Code) -> Code {
    Code { jumps: code.def_use.jumps(), expr: code.expr }
}

/// The locals that the nodes of a sequence declare.
fn declared_in(graph: &Graph, seq: SeqId, declared: &mut BTreeSet<LocalId>) {
    for node in graph.seq(seq) {
        match node {
            Node::Stmt { declares, .. } => declared.extend(declares),
            Node::Declare(local) => {
                declared.insert(*local);
            }
            Node::Scope(_, seq) => declared_in(graph, *seq, declared),
            Node::If { binds, then, otherwise, .. } => {
                declared.extend(binds);
                declared_in(graph, *then, declared);
                declared_in(graph, *otherwise, declared);
            }
            Node::Match { arms, .. } => {
                for arm in arms {
                    declared.extend(&arm.binds);
                    declared_in(graph, arm.body, declared);
                }
            }
            Node::LetElse { binds, otherwise, .. } => {
                declared.extend(binds);
                declared_in(graph, *otherwise, declared);
            }
            Node::Items(_) | Node::Await { .. } | Node::Jump { .. } | Node::Return(_) => {}
        }
    }
}

/// The scopes that end where the block ends. A scope with items keeps its braces, because code before it must not see
/// the items.
fn open_ended(graph: &Graph, mut seq: SeqId) -> BTreeSet<ScopeId> {
    let mut scopes = BTreeSet::new();
    while let Some(&Node::Scope(scope, inner)) = graph.seq(seq).last()
        && !graph.seq(inner).iter().any(|node| matches!(node, Node::Items(_)))
    {
        scopes.insert(scope);
        seq = inner;
    }
    scopes
}
