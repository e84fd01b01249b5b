//! The [`Builder`] of the graph: blocks, scopes, locals and the current position. The other modules of `control_flow`
//! call it for each form of syntax.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::Span;
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::visit_mut::VisitMut;
use syn::{Block as SynBlock, Expr, Ident, Item, Pat, Stmt, Type, parse_quote};

use crate::control_flow::exits::exits;
use crate::def_use::{self, DefUse, Env, SplitLoop};
use crate::errors::{self, Errors};
use crate::evolution_attrs::{At, LocalAttrs};
use crate::graph::{Block, BlockLabels, Code, Entry, Graph, Local, Node};
use crate::header::Header;
use crate::ids::{BlockId, LocalId, ScopeId, SeqId};
use crate::resolve::Renamed;
use crate::syntax::{bindings, is_bare, is_whole, mentioned, unraw};

/// The use of the value of an expression.
#[derive(Debug, Clone, Copy)]
pub(super) enum Dest {
    /// The flow returns it.
    Return,
    /// A block is entered with it.
    Value(BlockId),
    /// It is dropped, and the code continues at a block.
    Discard(BlockId),
}

pub(super) struct Builder<'a> {
    pub(super) graph: Graph,
    /// The locals in scope, the innermost last.
    pub(super) env: Env,
    /// The open scopes, the outermost first.
    pub(super) scopes: Vec<ScopeId>,
    pub(super) next_scope: usize,
    /// The open sequences, the innermost last. `None` where the code is unreachable.
    pub(super) cur: Option<Vec<SeqId>>,
    /// The loops and labelled blocks with an await that are open here.
    pub(super) loops: Vec<SplitLoop>,
    /// The state name of the next await, from the `let` around it.
    pub(super) hint: Option<String>,
    /// The `#[at(..)]` of the next await.
    pub(super) label: Option<At>,
    /// The old names of the local that the next await is named after.
    pub(super) was: Vec<String>,
    /// The names given by `#[at(..)]`.
    pub(super) labels: BTreeSet<String>,
    /// Every identifier of the body, with repetitions.
    pub(super) written: Vec<String>,
    /// The names of locals that the macro has added.
    pub(super) added: BTreeSet<String>,
    /// The items of each scope that are visible in that scope only.
    pub(super) items: BTreeMap<ScopeId, Vec<Item>>,
    /// The macros of the body that declare locals.
    pub(super) declaring: BTreeSet<String>,
    /// The names of locals that change while a borrow is used whose key they are: such a key is copied.
    pub(super) copied: &'a BTreeSet<String>,
    pub(super) renamed: &'a Renamed,
    pub(super) errors: &'a mut Errors,
}

impl<'a> Builder<'a> {
    pub(super) fn new(
        body: &SynBlock,
        renamed: &'a Renamed,
        copied: &'a BTreeSet<String>,
        errors: &'a mut Errors,
    ) -> Self {
        let written = mentioned(&body.to_token_stream());
        let graph = Graph {
            locals: Vec::new(),
            args: Vec::new(),
            awaits: Vec::new(),
            reborrows: Vec::new(),
            sources: BTreeMap::new(),
            blocks: Vec::new(),
            seqs: Vec::new(),
            order: Vec::new(),
            items: Vec::new(),
            labels: BlockLabels::unlike(&written),
            shown: BTreeMap::new(),
        };
        Self {
            graph,
            env: Env::new(),
            scopes: vec![ScopeId(0)],
            next_scope: 1,
            cur: None,
            loops: Vec::new(),
            hint: None,
            label: None,
            was: Vec::new(),
            labels: BTreeSet::from(["Start".to_owned()]),
            written,
            added: BTreeSet::new(),
            items: BTreeMap::new(),
            declaring: BTreeSet::new(),
            copied,
            renamed,
            errors,
        }
    }

    /// Opens the first block and declares the arguments.
    pub(super) fn start(&mut self, header: &Header) {
        let start = self.new_block(Entry::Start);
        self.graph.blocks[start.0].predecessors = 1;
        self.enter(start);
        let mut patterns = Vec::new();
        for (index, arg) in header.args.iter().enumerate() {
            if let (Pat::Ident(pat), true) = (&arg.pat, is_bare(&arg.pat)) {
                let local = self.declare(&pat.ident, pat.mutability.is_some(), Some(&arg.ty));
                self.graph.locals[local.0].evolution = arg.evolution.clone();
                self.graph.args.push(local);
                continue;
            }
            let ident = self.fresh(&format!("arg{index}"), arg.pat.span());
            let local = self.declare(&ident, false, Some(&arg.ty));
            self.graph.args.push(local);
            let pat = &arg.pat;
            patterns.push(parse_quote!(let #pat = #ident;));
        }
        patterns.into_iter().for_each(|stmt: Stmt| self.stmt(&stmt));
    }

    /// Builds the body.
    pub(super) fn body(&mut self, header: &Header, body: &SynBlock) {
        // An item is visible in the whole function, also before it.
        self.graph.items = items(&body.stmts).cloned().collect();
        self.check_own_macros(&body.stmts);
        self.block_stmts(&body.stmts, Dest::Return, &header.output);
    }

    // ---- Blocks, scopes, nodes ------------------------------------------------------------------------------------

    pub(super) fn new_seq(&mut self) -> SeqId {
        self.graph.seqs.push(Vec::new());
        SeqId(self.graph.seqs.len() - 1)
    }

    pub(super) fn new_block(&mut self, entry: Entry) -> BlockId {
        let code = self.new_seq();
        self.graph.blocks.push(Block { entry, scopes: self.scopes.clone(), code, predecessors: 0 });
        BlockId(self.graph.blocks.len() - 1)
    }

    pub(super) fn join(&mut self, name: &'static str) -> BlockId {
        self.new_block(Entry::Join { name, value: None })
    }

    /// A join that takes a value, and the local that holds the value.
    pub(super) fn join_with(
        &mut self,
        name: &'static str,
        ident: &Ident,
        mutable: bool,
        ty: Option<&Type>,
    ) -> (BlockId, LocalId) {
        let value = self.new_local(ident, mutable, ty);
        (self.new_block(Entry::Join { name, value: Some(value) }), value)
    }

    /// Continues at the entry of a block, inside all the scopes that are open there. If the block has no predecessor, the
    /// code is unreachable from here on.
    pub(super) fn enter(&mut self, id: BlockId) {
        if self.graph.blocks[id.0].predecessors == 0 {
            self.cur = None;
            return;
        }
        self.graph.order.push(id);
        let mut open = vec![self.graph.blocks[id.0].code];
        for &scope in &self.graph.blocks[id.0].scopes.clone()[1..] {
            let inner = self.new_seq();
            let outer = *open.last().expect("the function is open");
            self.graph.seqs[outer.0].push(Node::Scope(scope, inner));
            if let Some(items) = self.items.get(&scope) {
                self.graph.seqs[inner.0].push(Node::Items(items.clone()));
            }
            open.push(inner);
        }
        self.cur = Some(open);
    }

    pub(super) fn push(&mut self, node: Node) {
        if let Some(open) = &self.cur {
            let seq = *open.last().expect("something is open");
            self.graph.seqs[seq.0].push(node);
        }
    }

    pub(super) fn is_reachable(&self) -> bool {
        self.cur.is_some()
    }

    pub(super) fn new_scope(&mut self) -> ScopeId {
        self.next_scope += 1;
        ScopeId(self.next_scope - 1)
    }

    /// Runs `build` inside a scope of its own, in the current block.
    pub(super) fn scoped(&mut self, build: impl FnOnce(&mut Self)) {
        let scope = self.new_scope();
        let seq = self.new_seq();
        self.push(Node::Scope(scope, seq));
        if let Some(open) = &mut self.cur {
            open.push(seq);
        }
        self.in_scope(scope, build);
        if let Some(open) = &mut self.cur {
            open.pop();
        }
    }

    /// Runs `build` in a scope and a sequence of its own, as a branch. All its paths leave the block.
    pub(super) fn branch(&mut self, build: impl FnOnce(&mut Self)) -> SeqId {
        let seq = self.new_seq();
        // A branch of unreachable code is unreachable.
        let outside = self.cur.take();
        self.cur = outside.as_ref().map(|_| vec![seq]);
        let scope = self.new_scope();
        self.in_scope(scope, build);
        debug_assert!(!self.is_reachable(), "BUG: a branch does not leave its block");
        self.cur = outside;
        seq
    }

    pub(super) fn in_scope(&mut self, scope: ScopeId, build: impl FnOnce(&mut Self)) {
        let visible = self.env.len();
        self.scopes.push(scope);
        build(self);
        self.scopes.pop();
        self.env.truncate(visible);
    }

    /// A name for a local of the macro that the author has not used: `item`, or `item_2`.
    pub(super) fn fresh(&mut self, name: &str, span: Span) -> Ident {
        let numbered = (2..).map(|n| format!("{name}_{n}"));
        let mut all = std::iter::once(name.to_owned()).chain(numbered);
        let free = all.find(|name| !self.written.contains(name) && !self.added.contains(name));
        let free = free.expect("there are more numbers than names");
        self.added.insert(free.clone());
        Ident::new(&free, Span::mixed_site().located_at(span))
    }

    pub(super) fn new_local(&mut self, ident: &Ident, mutable: bool, ty: Option<&Type>) -> LocalId {
        let called = unraw(ident);
        let local = Local {
            ident: ident.clone(),
            name: self.renamed.get(&called).cloned().unwrap_or(called),
            mutable,
            ty: ty.cloned(),
            reborrow: None,
            evolution: LocalAttrs::default(),
            scope: *self.scopes.last().expect("the function is a scope"),
        };
        self.graph.locals.push(local);
        LocalId(self.graph.locals.len() - 1)
    }

    pub(super) fn declare(&mut self, ident: &Ident, mutable: bool, ty: Option<&Type>) -> LocalId {
        let local = self.new_local(ident, mutable, ty);
        self.env.push((unraw(ident), local));
        local
    }

    pub(super) fn declare_pat(&mut self, pat: &Pat) -> Vec<LocalId> {
        let (pat, ty) = match pat {
            Pat::Type(typed) => (&*typed.pat, Some(&*typed.ty).filter(|ty| is_whole(ty))),
            pat => (pat, None),
        };
        let ty = ty.filter(|_| matches!(pat, Pat::Ident(_)));
        let found: Vec<_> = bindings(pat).into_iter().cloned().collect();
        found.iter().map(|pat| self.declare(&pat.ident, pat.mutability.is_some(), ty)).collect()
    }

    /// Stores the value of an expression in a new local, so that it is saved at the next await. Returns the local.
    pub(super) fn spill(&mut self, name: &str, expr: Expr, mutable: bool) -> Expr {
        let ident = self.fresh(name, expr.span());
        let expr = self.make_repeatable(expr);
        let borrows = self.borrows(&parse_quote!(#ident), &expr);
        let code = self.code(expr);
        let local = self.new_local(&ident, mutable, None);
        self.bind_reborrows(borrows, &[local]);
        self.graph.locals[local.0].name = name.to_owned();
        self.env.push((unraw(&ident), local));
        let Code { expr, def_use } = code;
        let mutability = mutable.then(|| quote!(mut));
        let stmt = parse_quote!(let #mutability #ident = #expr;);
        self.push(Node::Stmt { stmt, def_use, declares: vec![local] });
        parse_quote!(#ident)
    }

    /// An expression without an await, with its jumps to other blocks rewritten.
    pub(super) fn code(&mut self, mut expr: Expr) -> Code {
        let def_use = def_use::of_expr(&expr, &self.env, &self.loops);
        self.count_exits(&def_use);
        if let Some(mut exits) = exits(&def_use, &self.loops, &self.graph.labels) {
            exits.visit_expr_mut(&mut expr);
        }
        Code { expr, def_use }
    }

    /// Counts the jumps of a piece of code to other blocks, and reports labels that do not exist.
    pub(super) fn count_exits(&mut self, def_use: &DefUse) {
        if self.is_reachable() {
            def_use.exits.keys().for_each(|exit| self.graph.blocks[exit.0].predecessors += 1);
        }
        for &span in &def_use.unknown_labels {
            self.errors.add(errors::body::unknown_label(span));
        }
    }

    pub(super) fn jump(&mut self, to: BlockId, value: Option<Code>) {
        if self.is_reachable() {
            self.graph.blocks[to.0].predecessors += 1;
        }
        self.push(Node::Jump { to, value });
        self.cur = None;
    }

    /// Ends a path with a value.
    pub(super) fn deliver(&mut self, value: Option<Expr>, dest: Dest) {
        match dest {
            Dest::Return => {
                let code = value.map(|value| self.code(value));
                self.push(Node::Return(code));
                self.cur = None;
            }
            Dest::Value(to) => {
                let code = self.code(value.unwrap_or_else(|| parse_quote!(())));
                self.jump(to, Some(code));
            }
            Dest::Discard(to) => {
                if let Some(value) = value {
                    self.discard(value);
                }
                if self.is_reachable() {
                    self.jump(to, None);
                }
            }
        }
    }

    /// Evaluates an expression without an await, and drops its value.
    pub(super) fn discard(&mut self, expr: Expr) {
        self.plain(&Stmt::Expr(expr, Some(Default::default())));
    }
}

/// The items among statements.
pub(super) fn items(stmts: &[Stmt]) -> impl Iterator<Item = &Item> {
    stmts.iter().filter_map(|stmt| if let Stmt::Item(item) = stmt { Some(item) } else { None })
}
