//! Takes the body of a flow. Gives its [`Graph`]: the body cut at every await, and at every place that more than one
//! path leads to. Never looks at types, and invents no names that an author will see.
//!
//! A [`Block`] begins where the function starts, goes on after an await, or joins paths. Its code is a tree that looks
//! like the author's: statements as they were written, `if` and `match` with the paths that they choose, scopes. Every
//! path through it ends in an await, a jump to a block, or a return. A construct without an await is one statement,
//! whatever is inside.
//!
//! ```text
//! let room = loop {                        Start:     .. ; jump Loop
//!     let room = PickRoom.await;           Loop:      await PickRoom
//!     if ok(&room) { break room }          Room:      let room = answer; if ok(&room) { jump AfterLoop(room) } jump Loop
//! };                                       AfterLoop: (room) ..
//! ```

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Block as SynBlock, Expr, Ident, Item, Label, Local as SynLocal, Pat, Stmt, Type, parse_quote};

use crate::check::{self, Problems};
use crate::facts::{self, Env, Facts, SplitLoop};
use crate::parse::Source;
use crate::resolve::Renamed;
use crate::syntax::{
    always_evaluated, arguments, bindings, camel_case, condition_patterns, contains_await, is_binding, is_diverging,
    links, mentioned, tokens_await, unraw,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LocalId(pub(crate) usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BlockId(pub(crate) usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AwaitId(pub(crate) usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ScopeId(usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SeqId(usize);

/// A body, cut at its awaits.
pub(crate) struct Graph {
    pub(crate) locals: Vec<Local>,
    pub(crate) awaits: Vec<Await>,
    blocks: Vec<Block>,
    seqs: Vec<Vec<Node>>,
    /// The blocks that something leads to, in the order of their code.
    pub(crate) order: Vec<BlockId>,
    /// Functions, types and imports that the author wrote inside the body and that are seen in all of it.
    pub(crate) items: Vec<Item>,
}

/// `let mut tries: u32`.
pub(crate) struct Local {
    /// What it is called in code.
    pub(crate) ident: Ident,
    /// What it is called on disk.
    pub(crate) name: String,
    pub(crate) mutable: bool,
    /// The type, where it is written and whole.
    pub(crate) ty: Option<Type>,
    /// `"title"`, of `let title = "title";`: a text that is written out again after an await instead of being saved,
    /// because what is read from disk is no `&'static str`.
    pub(crate) text: Option<Expr>,
    pub(crate) scope: ScopeId,
}

/// `PickRoom { nights }.await`.
pub(crate) struct Await {
    /// `Room`, from `let room = ...`, else what is awaited: `PickRoom`.
    pub(crate) name: String,
    pub(crate) span: Span,
    /// Where the code goes on.
    pub(crate) resume: BlockId,
}

/// Code with one entrance.
pub(crate) struct Block {
    pub(crate) entry: Entry,
    /// The scopes around its beginning, the outermost first.
    pub(crate) scopes: Vec<ScopeId>,
    pub(crate) code: SeqId,
    /// How many paths lead to it.
    edges: usize,
}

/// How a block is entered.
pub(crate) enum Entry {
    /// With the arguments.
    Start,
    /// With the answer of an await.
    Resume(AwaitId),
    /// From several places: `AfterLoop`, with the value that the loop was left with.
    Join { name: &'static str, value: Option<LocalId> },
}

/// A piece of a block's code.
pub(crate) enum Node {
    /// A statement as it was written.
    Stmt { stmt: Stmt, facts: Facts, loops: Vec<SplitLoop>, declares: Vec<LocalId> },
    /// `let room;`
    Declare(LocalId),
    /// `fn price() -> u32 { .. }`: what only a scope sees.
    Items(Vec<Item>),
    /// `{ ... }`
    Scope(ScopeId, SeqId),
    /// `if cond { ... } else { ... }`; both paths lead elsewhere.
    If { cond: Code, binds: Vec<LocalId>, then: SeqId, otherwise: SeqId },
    /// `match scrutinee { ... }`; all paths lead elsewhere.
    Match { scrutinee: Code, arms: Vec<Arm> },
    /// `let Some(x) = value else { ... };`; the other path leads elsewhere.
    LetElse { pat: Pat, value: Code, binds: Vec<LocalId>, otherwise: SeqId },
    /// `operand.await`: nothing after it.
    Await { id: AwaitId, operand: Code },
    /// Go on at a block, with a value if it takes one.
    Jump { to: BlockId, value: Option<Code> },
    /// `return value`.
    Return(Option<Code>),
}

pub(crate) struct Arm {
    pub(crate) pat: Pat,
    /// Of the guard, if there is one.
    pub(crate) facts: Facts,
    pub(crate) loops: Vec<SplitLoop>,
    pub(crate) binds: Vec<LocalId>,
    pub(crate) body: SeqId,
}

/// An expression as it was written.
pub(crate) struct Code {
    pub(crate) expr: Expr,
    pub(crate) facts: Facts,
    pub(crate) loops: Vec<SplitLoop>,
}

impl Graph {
    pub(crate) fn block(&self, id: BlockId) -> &Block {
        &self.blocks[id.0]
    }

    pub(crate) fn seq(&self, id: SeqId) -> &[Node] {
        &self.seqs[id.0]
    }

    pub(crate) fn local(&self, id: LocalId) -> &Local {
        &self.locals[id.0]
    }

    pub(crate) fn point(&self, id: AwaitId) -> &Await {
        &self.awaits[id.0]
    }

    /// The value with which a block is entered.
    pub(crate) fn value(&self, id: BlockId) -> Option<LocalId> {
        match self.block(id).entry {
            Entry::Join { value, .. } => value,
            Entry::Start | Entry::Resume(_) => None,
        }
    }
}

/// The local that holds the answer at the beginning of a block. A name that no author can write.
pub(crate) fn answer_ident(place: Span) -> Ident {
    Ident::new("answer", Span::mixed_site().located_at(place))
}

/// The constant of an await: `at_0.call(operand)`, `at_0.answer(answer)`.
pub(crate) fn point_ident(id: AwaitId, place: Span) -> Ident {
    Ident::new(&format!("at_{}", id.0), Span::mixed_site().located_at(place))
}

/// Builds the graph of a flow.
pub(crate) fn graph(source: &Source, renamed: &Renamed) -> syn::Result<(Graph, Vec<LocalId>)> {
    let mut builder = Builder::new(source, renamed);
    let args = builder.start(source);
    builder.body(source);
    builder.problems.into_result()?;
    Ok((builder.graph, args))
}

/// What becomes of the value of an expression.
#[derive(Debug, Clone, Copy)]
enum Dest {
    /// It is what the flow returns.
    Return,
    /// It goes along to a block.
    Value(BlockId),
    /// It is dropped, and the code goes on at a block.
    Discard(BlockId),
}

struct Builder<'a> {
    graph: Graph,
    env: Env,
    scopes: Vec<ScopeId>,
    next_scope: usize,
    /// The open sequences, the innermost last. `None` where nothing leads.
    cur: Option<Vec<SeqId>>,
    loops: Vec<SplitLoop>,
    /// The name that the next await gets: that of the `let` it stands in.
    hint: Option<String>,
    /// Every identifier of the body, as often as it stands there.
    written: Vec<String>,
    /// The names of our own locals.
    given: BTreeSet<String>,
    /// What only these scopes see.
    items: BTreeMap<ScopeId, Vec<Item>>,
    renamed: &'a Renamed,
    problems: Problems,
}

impl<'a> Builder<'a> {
    fn new(source: &Source, renamed: &'a Renamed) -> Self {
        let graph = Graph {
            locals: Vec::new(),
            awaits: Vec::new(),
            blocks: Vec::new(),
            seqs: Vec::new(),
            order: Vec::new(),
            items: Vec::new(),
        };
        Self {
            graph,
            env: Env::new(),
            scopes: vec![ScopeId(0)],
            next_scope: 1,
            cur: None,
            loops: Vec::new(),
            hint: None,
            written: mentioned(&source.body.to_token_stream()),
            given: BTreeSet::new(),
            items: BTreeMap::new(),
            renamed,
            problems: Problems::default(),
        }
    }

    /// Opens the first block and declares the arguments.
    fn start(&mut self, source: &Source) -> Vec<LocalId> {
        let start = self.new_block(Entry::Start);
        self.graph.blocks[start.0].edges = 1;
        self.enter(start);
        let mut args = Vec::new();
        let mut patterns = Vec::new();
        for (index, arg) in source.args.iter().enumerate() {
            if let (Pat::Ident(pat), true) = (&arg.pat, is_bare(&arg.pat)) {
                args.push(self.declare(&pat.ident, pat.mutability.is_some(), Some(&arg.ty)));
                continue;
            }
            let ident = self.fresh(&format!("arg{index}"), arg.pat.span());
            args.push(self.declare(&ident, false, Some(&arg.ty)));
            let pat = &arg.pat;
            patterns.push(parse_quote!(let #pat = #ident;));
        }
        patterns.into_iter().for_each(|stmt: Stmt| self.stmt(&stmt));
        args
    }

    fn body(&mut self, source: &Source) {
        // An item is seen in the whole function, above it too.
        self.graph.items = items(&source.body.stmts).cloned().collect();
        self.block_stmts(&source.body.stmts, Dest::Return, &source.output);
    }

    // ---- Blocks, scopes, nodes ------------------------------------------------------------------------------------

    fn new_seq(&mut self) -> SeqId {
        self.graph.seqs.push(Vec::new());
        SeqId(self.graph.seqs.len() - 1)
    }

    fn new_block(&mut self, entry: Entry) -> BlockId {
        let code = self.new_seq();
        self.graph.blocks.push(Block { entry, scopes: self.scopes.clone(), code, edges: 0 });
        BlockId(self.graph.blocks.len() - 1)
    }

    fn join(&mut self, name: &'static str) -> BlockId {
        self.new_block(Entry::Join { name, value: None })
    }

    /// A join that is entered with a value, and the local that holds it.
    fn join_with(&mut self, name: &'static str, ident: &Ident, mutable: bool, ty: Option<&Type>) -> (BlockId, LocalId) {
        let value = self.new_local(ident, mutable, ty);
        (self.new_block(Entry::Join { name, value: Some(value) }), value)
    }

    /// Goes on at the beginning of a block, inside all the scopes that are open. Nowhere, if nothing leads there.
    fn enter(&mut self, id: BlockId) {
        if self.graph.blocks[id.0].edges == 0 {
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

    fn push(&mut self, node: Node) {
        if let Some(open) = &self.cur {
            let seq = *open.last().expect("something is open");
            self.graph.seqs[seq.0].push(node);
        }
    }

    fn is_reachable(&self) -> bool {
        self.cur.is_some()
    }

    fn new_scope(&mut self) -> ScopeId {
        self.next_scope += 1;
        ScopeId(self.next_scope - 1)
    }

    /// Runs `build` inside a scope of its own, in the current block.
    fn scoped(&mut self, build: impl FnOnce(&mut Self)) {
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

    /// Runs `build` in a scope of its own and in a sequence of its own, as a branch. All its paths lead elsewhere.
    fn branch(&mut self, build: impl FnOnce(&mut Self)) -> SeqId {
        let seq = self.new_seq();
        let outside = self.cur.replace(vec![seq]);
        let scope = self.new_scope();
        self.in_scope(scope, build);
        debug_assert!(!self.is_reachable(), "a branch leads elsewhere");
        self.cur = outside;
        seq
    }

    fn in_scope(&mut self, scope: ScopeId, build: impl FnOnce(&mut Self)) {
        let visible = self.env.len();
        self.scopes.push(scope);
        build(self);
        self.scopes.pop();
        self.env.truncate(visible);
    }

    /// A name of our own that the author has not written: `item`, or `item_2`.
    fn fresh(&mut self, name: &str, span: Span) -> Ident {
        let numbered = (2..).map(|n| format!("{name}_{n}"));
        let mut all = std::iter::once(name.to_owned()).chain(numbered);
        let free = all.find(|name| !self.written.contains(name) && !self.given.contains(name));
        let free = free.expect("there are more numbers than names");
        self.given.insert(free.clone());
        Ident::new(&free, Span::mixed_site().located_at(span))
    }

    fn new_local(&mut self, ident: &Ident, mutable: bool, ty: Option<&Type>) -> LocalId {
        let called = unraw(ident);
        let local = Local {
            ident: ident.clone(),
            name: self.renamed.get(&called).cloned().unwrap_or(called),
            mutable,
            ty: ty.cloned(),
            text: None,
            scope: *self.scopes.last().expect("the function is a scope"),
        };
        self.graph.locals.push(local);
        LocalId(self.graph.locals.len() - 1)
    }

    fn declare(&mut self, ident: &Ident, mutable: bool, ty: Option<&Type>) -> LocalId {
        let local = self.new_local(ident, mutable, ty);
        self.env.push((unraw(ident), local));
        local
    }

    fn declare_pat(&mut self, pat: &Pat) -> Vec<LocalId> {
        let (pat, ty) = match pat {
            Pat::Type(typed) => (&*typed.pat, Some(&*typed.ty).filter(|ty| is_whole(ty))),
            pat => (pat, None),
        };
        let ty = ty.filter(|_| matches!(pat, Pat::Ident(_)));
        let found: Vec<_> = bindings(pat).into_iter().cloned().collect();
        found.iter().map(|pat| self.declare(&pat.ident, pat.mutability.is_some(), ty)).collect()
    }

    /// A local of our own, which holds a value over an await.
    fn hold(&mut self, name: &str, expr: Expr, mutable: bool) -> Expr {
        let ident = self.fresh(name, expr.span());
        let code = self.code(expr);
        let local = self.new_local(&ident, mutable, None);
        self.graph.locals[local.0].name = name.to_owned();
        self.env.push((unraw(&ident), local));
        let Code { expr, facts, loops } = code;
        let mutability = mutable.then(|| quote!(mut));
        let stmt = parse_quote!(let #mutability #ident = #expr;);
        self.push(Node::Stmt { stmt, facts, loops, declares: vec![local] });
        parse_quote!(#ident)
    }

    fn code(&mut self, expr: Expr) -> Code {
        let facts = facts::of_expr(&expr, &self.env, &self.loops);
        self.note(&facts);
        Code { expr, facts, loops: self.loops.clone() }
    }

    /// Counts the jumps that a piece of code makes by itself.
    fn note(&mut self, facts: &Facts) {
        if self.is_reachable() {
            facts.exits.keys().for_each(|exit| self.graph.blocks[exit.0].edges += 1);
        }
        for &span in &facts.unknown_labels {
            self.problems.add(check::unknown_label(span));
        }
    }

    fn jump(&mut self, to: BlockId, value: Option<Code>) {
        if self.is_reachable() {
            self.graph.blocks[to.0].edges += 1;
        }
        self.push(Node::Jump { to, value });
        self.cur = None;
    }

    /// Ends a path with this value.
    fn deliver(&mut self, value: Option<Expr>, dest: Dest) {
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

    /// Evaluates an expression that does not await, for what it does.
    fn discard(&mut self, expr: Expr) {
        self.plain(&Stmt::Expr(expr, Some(Default::default())));
    }

    // ---- Statements -----------------------------------------------------------------------------------------------

    /// The statements of an inner block, whose tail goes to `dest`.
    fn stmts(&mut self, stmts: &[Stmt], dest: Dest, output: &Type) {
        self.inner_items(stmts);
        self.block_stmts(stmts, dest, output);
    }

    /// The items of an inner block. Those that may be written twice are written wherever the block goes on, for nobody
    /// else to see. A type is one type for the whole function, so its name must mean one thing in it.
    fn inner_items(&mut self, stmts: &[Stmt]) {
        let is_copied = |item: &Item| matches!(item, Item::Fn(_) | Item::Const(_) | Item::Use(_) | Item::Macro(_));
        let (copied, shared): (Vec<_>, Vec<_>) = items(stmts).cloned().partition(is_copied);
        let here: Vec<_> = stmts.iter().flat_map(|stmt| mentioned(&stmt.to_token_stream())).collect();
        for name in shared.iter().filter_map(item_name) {
            let count = |names: &[String]| names.iter().filter(|other| **other == unraw(name)).count();
            if count(&here) != count(&self.written) {
                self.problems.add(check::item_of_a_block(name.span()));
            }
        }
        self.graph.items.extend(shared);
        if !copied.is_empty() {
            self.push(Node::Items(copied.clone()));
            self.items.insert(*self.scopes.last().expect("the function is a scope"), copied);
        }
    }

    fn block_stmts(&mut self, stmts: &[Stmt], dest: Dest, output: &Type) {
        let (tail, before) = match stmts.split_last() {
            Some((Stmt::Expr(tail, None), before)) => (Some(tail.clone()), before),
            Some((Stmt::Macro(tail), before)) if tail.semi_token.is_none() => {
                let mac = tail.mac.clone();
                (Some(Expr::Macro(syn::ExprMacro { attrs: tail.attrs.clone(), mac })), before)
            }
            _ => (None, stmts),
        };
        before.iter().for_each(|stmt| self.stmt(stmt));
        if !self.is_reachable() {
            return;
        }
        match tail {
            Some(tail) => self.tail(tail, dest),
            // If the end is reached after all, rustc says that a value is missing.
            None if matches!(dest, Dest::Return) && !is_unit(output) => self.cur = None,
            None => self.deliver(None, dest),
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        if !self.is_reachable() {
            return;
        }
        match stmt {
            Stmt::Item(_) => {}
            Stmt::Local(local) if local.init.is_none() => self.declare_later(local),
            Stmt::Local(local) if contains_await(stmt) => self.local(local),
            Stmt::Expr(expr, _) if contains_await(stmt) || is_jump(expr) => self.effect(expr.clone()),
            Stmt::Macro(mac) if contains_await(stmt) => {
                self.effect(Expr::Macro(syn::ExprMacro { attrs: mac.attrs.clone(), mac: mac.mac.clone() }));
            }
            Stmt::Local(_) | Stmt::Expr(..) | Stmt::Macro(_) => self.plain(stmt),
        }
    }

    /// A statement without an await, taken as it is.
    fn plain(&mut self, stmt: &Stmt) {
        let facts = facts::of_stmt(stmt, &self.env, &self.loops);
        self.note(&facts);
        let declares = match stmt {
            Stmt::Local(local) => self.declare_pat(&local.pat),
            Stmt::Item(_) | Stmt::Expr(..) | Stmt::Macro(_) => Vec::new(),
        };
        if let (Some(text), &[local]) = (text(stmt), declares.as_slice()) {
            self.graph.locals[local.0].text = Some(text.clone());
        }
        let diverges = facts.diverges || matches!(stmt, Stmt::Macro(mac) if is_diverging(&mac.mac));
        self.push(Node::Stmt { stmt: stmt.clone(), facts, loops: self.loops.clone(), declares });
        if diverges {
            self.cur = None;
        }
    }

    /// `let room;`
    fn declare_later(&mut self, local: &SynLocal) {
        for local in self.declare_pat(&local.pat) {
            self.push(Node::Declare(local));
        }
    }

    /// `let pat = init;` or `let pat = init else { ... };` with an await in it.
    fn local(&mut self, local: &SynLocal) {
        let init = local.init.as_ref().expect("a let without a value has no await");
        let value = (*init.expr).clone();
        let (pat, ty) = match &local.pat {
            Pat::Type(typed) => (&*typed.pat, Some(&*typed.ty)),
            pat => (pat, None),
        };
        let simple = match pat {
            Pat::Ident(bare) if is_bare(pat) && ty.is_none_or(is_whole) => Some(bare),
            _ => None,
        };
        let named = match &local.pat {
            Pat::Type(typed) => bindings(&typed.pat),
            pat => bindings(pat),
        };
        if let [only] = named.as_slice()
            && ends_in_await(&value)
        {
            let called = unraw(&only.ident);
            self.hint = Some(camel_case(self.renamed.get(&called).unwrap_or(&called)));
        }
        if let (Some(pat), true, None) = (simple, splits(&value), &init.diverge) {
            // The value of `loop { ... }` arrives under the name that the author gave it.
            let (join, local) = self.join_with(after(&value), &pat.ident, pat.mutability.is_some(), ty);
            self.tail(value, Dest::Value(join));
            self.enter(join);
            self.env.push((unraw(&pat.ident), local));
            return;
        }
        if let (Some(pat), Expr::Loop(expr), None) = (simple, &value, &init.diverge) {
            let (after, local) = self.join_with("AfterLoop", &pat.ident, pat.mutability.is_some(), ty);
            self.split_loop(expr, after);
            self.env.push((unraw(&pat.ident), local));
            return;
        }
        let value = if contains_await(&value) { self.expr(value) } else { value };
        self.hint = None;
        let Some((_, otherwise)) = init.diverge.as_ref().filter(|(_, otherwise)| contains_await(&**otherwise)) else {
            let mut local = local.clone();
            *local.init.as_mut().expect("it has a value").expr = value;
            self.plain(&Stmt::Local(local));
            return;
        };
        let value = self.code(value);
        let otherwise = self.branch(|this| match &**otherwise {
            Expr::Block(block) => {
                let nowhere = this.join("Nowhere");
                this.stmts(&block.block.stmts, Dest::Discard(nowhere), &parse_quote!(!));
                this.cur = None;
            }
            _ => unreachable!("an else of a let is a block"),
        });
        let binds = self.declare_pat(&local.pat);
        self.push(Node::LetElse { pat: local.pat.clone(), value, binds, otherwise });
    }

    /// An expression with an await, or a jump, for what it does.
    fn effect(&mut self, expr: Expr) {
        if is_jump(&expr) {
            self.expr(expr);
            return;
        }
        match expr {
            Expr::Loop(expr) => {
                let after = self.join("AfterLoop");
                self.split_loop(&expr, after);
            }
            Expr::While(expr) => self.split_while(expr),
            Expr::ForLoop(expr) if contains_await(&expr.body) => self.scoped(|this| this.split_for(expr)),
            Expr::Block(expr) if expr.label.is_some() => {
                let after = self.join("AfterBlock");
                self.labelled_block(expr, after, Dest::Discard(after));
            }
            expr if splits(&expr) => {
                let join = self.join(after(&expr));
                self.tail(expr, Dest::Discard(join));
                self.enter(join);
            }
            expr => {
                let value = self.expr(expr);
                if self.is_reachable() {
                    self.discard(value);
                }
            }
        }
    }

    /// An expression at the end of a path.
    fn tail(&mut self, expr: Expr, dest: Dest) {
        if !contains_await(&expr) && !is_jump(&expr) {
            self.deliver(Some(expr), dest);
            return;
        }
        match expr {
            Expr::If(expr) if splits_if(&expr) => self.split_if(expr, dest),
            Expr::Match(expr) if expr.arms.iter().any(|arm| contains_await(&*arm.body)) => self.split_match(expr, dest),
            Expr::Block(expr) if expr.label.is_none() => self.block(&expr.block, dest),
            Expr::Paren(expr) => self.tail(*expr.expr, dest),
            Expr::Group(expr) => self.tail(*expr.expr, dest),
            expr if matches!(dest, Dest::Discard(_)) || matches!(expr, Expr::While(_) | Expr::ForLoop(_)) => {
                self.effect(expr);
                if self.is_reachable() {
                    self.deliver(None, dest);
                }
            }
            expr => {
                let value = self.expr(expr);
                if self.is_reachable() {
                    self.deliver(Some(value), dest);
                }
            }
        }
    }

    /// `{ ... }` with an await in it.
    fn block(&mut self, block: &SynBlock, dest: Dest) {
        self.scoped(|this| {
            this.stmts(&block.stmts, dest, &parse_quote!(()));
            // Whatever the end of the block leads to has been said inside of it.
            this.cur = None;
        });
    }

    // ---- Branches -------------------------------------------------------------------------------------------------

    fn split_if(&mut self, expr: syn::ExprIf, dest: Dest) {
        let otherwise = expr.else_branch.map(|(_, branch)| *branch);
        self.condition(&expr.cond, dest, otherwise, |this| this.branch_stmts(&expr.then_branch, dest));
    }

    fn branch_stmts(&mut self, block: &SynBlock, dest: Dest) {
        self.stmts(&block.stmts, dest, &parse_quote!(()));
    }

    fn otherwise(&mut self, branch: Option<Expr>, dest: Dest) {
        match branch {
            None => self.deliver(None, dest),
            Some(Expr::Block(block)) if block.label.is_none() => self.branch_stmts(&block.block, dest),
            Some(branch) => self.tail(branch, dest),
        }
        self.cur = None;
    }

    /// `if cond { then } else { otherwise }`. Awaits may lie in any link of the condition.
    fn condition(&mut self, cond: &Expr, dest: Dest, otherwise: Option<Expr>, then: impl FnOnce(&mut Self)) {
        let links: Vec<_> = links(cond).into_iter().cloned().collect();
        let first = links.iter().position(contains_await);
        let rest_awaits = links.iter().skip(1).any(contains_await);
        if first.is_none() || !rest_awaits {
            // At most the first link awaits, so the whole condition can stand where the first one is evaluated.
            let cond = if first.is_some() { self.first_link(cond.clone()) } else { cond.clone() };
            self.decide(cond, |this| this.otherwise(otherwise, dest), then);
            return;
        }
        // Several places lead to the other branch, so it becomes a block.
        let other = self.join("Else");
        self.chain(&links, other, Box::new(then));
        self.enter(other);
        if self.is_reachable() {
            self.scoped(|this| this.otherwise(otherwise, dest));
        }
        self.cur = None;
    }

    /// Awaits what the first link of a condition awaits.
    fn first_link(&mut self, cond: Expr) -> Expr {
        match cond {
            Expr::Binary(mut binary) if matches!(binary.op, syn::BinOp::And(_)) => {
                binary.left = Box::new(self.first_link(*binary.left));
                Expr::Binary(binary)
            }
            Expr::Let(mut link) => {
                link.expr = Box::new(self.expr(*link.expr));
                Expr::Let(link)
            }
            cond => self.expr(cond),
        }
    }

    /// `if cond { then } else { otherwise }`, where the condition does not await.
    fn decide(&mut self, cond: Expr, otherwise: impl FnOnce(&mut Self), then: impl FnOnce(&mut Self)) {
        let patterns: Vec<_> = condition_patterns(&cond).into_iter().cloned().collect();
        let cond = self.code(cond);
        let mut binds = Vec::new();
        let then = self.branch(|this| {
            binds = patterns.iter().flat_map(|pat| this.declare_pat(pat)).collect();
            then(this);
            this.cur = None;
        });
        let otherwise = self.branch(|this| {
            otherwise(this);
            this.cur = None;
        });
        self.push(Node::If { cond, binds, then, otherwise });
        self.cur = None;
    }

    /// `if links[0] && links[1] && ...`: each link that awaits is an `if` inside the one before.
    fn chain(&mut self, links: &[Expr], other: BlockId, then: Box<dyn FnOnce(&mut Self) + '_>) {
        let Some((first, rest)) = links.split_first() else {
            then(self);
            return;
        };
        let plain = rest.iter().take_while(|link| !contains_await(*link)).count();
        let (together, rest) = rest.split_at(plain);
        let first = if contains_await(first) { self.first_link(first.clone()) } else { first.clone() };
        let cond = together.iter().fold(first, |cond, link| parse_and(cond, link.clone()));
        self.decide(cond, |this| this.jump(other, None), |this| this.chain(rest, other, then));
    }

    fn split_match(&mut self, expr: syn::ExprMatch, dest: Dest) {
        let scrutinee = if contains_await(&*expr.expr) { self.expr(*expr.expr) } else { *expr.expr };
        let scrutinee = self.code(scrutinee);
        let arms = expr.arms.into_iter().map(|arm| {
            let (mut binds, mut facts) = (Vec::new(), Facts::default());
            let loops = self.loops.clone();
            let pat = arm.pat;
            let body = self.branch(|this| {
                binds = this.declare_pat(&pat);
                if let Pat::Guard(guarded) = &pat {
                    facts = this.code((*guarded.guard).clone()).facts;
                }
                match *arm.body {
                    Expr::Block(block) if block.label.is_none() => this.branch_stmts(&block.block, dest),
                    body => this.tail(body, dest),
                }
                this.cur = None;
            });
            Arm { pat, facts, loops, binds, body }
        });
        let arms = arms.collect();
        self.push(Node::Match { scrutinee, arms });
        self.cur = None;
    }

    // ---- Loops ----------------------------------------------------------------------------------------------------

    /// A loop with an await in it, up to the place after it. `build` gets the place to repeat from.
    fn loop_to(&mut self, label: Option<&Label>, after: BlockId, build: impl FnOnce(&mut Self, BlockId)) {
        let head = self.join("Loop");
        self.jump(head, None);
        self.enter(head);
        let label = label.map(|label| label.name.ident.to_string());
        self.loops.push(SplitLoop { label, break_to: after, continue_to: Some(head) });
        self.scoped(|this| {
            build(this, head);
            this.cur = None;
        });
        self.loops.pop();
        self.enter(after);
    }

    /// A join whose value the author gave no name.
    fn join_with_value(&mut self, name: &'static str) -> (BlockId, LocalId) {
        // Two values may be in sight at once, so each gets a name of its own.
        let ident = self.fresh("value", Span::mixed_site());
        // As a temporary value is: `{ .. }.push(x)` may change it.
        let (join, local) = self.join_with(name, &ident, true, None);
        self.graph.locals[local.0].name = "value".to_owned();
        (join, local)
    }

    /// The value with which the current block was entered.
    fn value(&mut self, local: LocalId) -> Expr {
        let ident = self.graph.local(local).ident.clone();
        self.env.push((unraw(&ident), local));
        parse_quote!(#ident)
    }

    fn split_for(&mut self, expr: syn::ExprForLoop) {
        let iter = if contains_await(&*expr.expr) { self.expr(*expr.expr) } else { *expr.expr };
        let name = bindings(&expr.pat)
            .first()
            .map_or_else(|| "rest".to_owned(), |pat| format!("rest_of_{}", unraw(&pat.ident)));
        // Not savable is the collection, so that is where the compiler points.
        let iterate = quote::quote_spanned!(iter.span()=> ::stube::__private::iterate);
        let items = self.hold(&name, parse_quote!(#iterate(#iter)), true);
        let after = self.join("AfterLoop");
        self.loop_to(expr.label.as_ref(), after, |this, head| {
            let next: Expr = parse_quote!(::core::iter::Iterator::next(&mut #items));
            let value = this.code(next);
            let otherwise = this.branch(|this| this.jump(after, None));
            let pat = &expr.pat;
            if is_bare(pat) {
                let binds = this.declare_pat(pat);
                let some = parse_quote!(::core::option::Option::Some(#pat));
                this.push(Node::LetElse { pat: some, value, binds, otherwise });
            } else {
                // What the pattern leaves of the item lives as long as the round of the loop.
                let item = this.fresh("item", pat.span());
                let local = this.declare(&item, false, None);
                let some = parse_quote!(::core::option::Option::Some(#item));
                this.push(Node::LetElse { pat: some, value, binds: vec![local], otherwise });
                this.plain(&parse_quote!(let #pat = #item;));
            }
            this.branch_stmts(&expr.body, Dest::Discard(head));
        });
    }

    fn split_while(&mut self, expr: syn::ExprWhile) {
        let after = self.join("AfterLoop");
        self.loop_to(expr.label.as_ref(), after, |this, head| {
            let body = |this: &mut Self| this.branch_stmts(&expr.body, Dest::Discard(head));
            this.condition(&expr.cond, Dest::Discard(after), None, body);
        });
    }

    fn split_loop(&mut self, expr: &syn::ExprLoop, after: BlockId) {
        self.loop_to(expr.label.as_ref(), after, |this, head| this.branch_stmts(&expr.body, Dest::Discard(head)));
    }

    fn labelled_block(&mut self, expr: syn::ExprBlock, after: BlockId, dest: Dest) {
        let label = expr.label.map(|label| label.name.ident.to_string());
        self.loops.push(SplitLoop { label, break_to: after, continue_to: None });
        self.block(&expr.block, dest);
        self.loops.pop();
        self.enter(after);
    }

    // ---- Expressions ----------------------------------------------------------------------------------------------

    /// An expression with an await in it. What comes back can stand in the current block and must be evaluated next.
    fn expr(&mut self, expr: Expr) -> Expr {
        match expr {
            Expr::Await(expr) => self.await_(expr),
            Expr::Paren(mut expr) => {
                expr.expr = Box::new(self.expr(*expr.expr));
                Expr::Paren(expr)
            }
            Expr::Group(mut expr) => {
                expr.expr = Box::new(self.expr(*expr.expr));
                Expr::Group(expr)
            }
            Expr::Unary(mut expr) => {
                expr.expr = Box::new(self.expr(*expr.expr));
                Expr::Unary(expr)
            }
            Expr::Cast(mut expr) => {
                expr.expr = Box::new(self.expr(*expr.expr));
                Expr::Cast(expr)
            }
            Expr::Field(mut expr) => {
                expr.base = Box::new(self.expr(*expr.base));
                Expr::Field(expr)
            }
            Expr::Try(mut expr) => {
                expr.expr = Box::new(self.expr(*expr.expr));
                Expr::Try(expr)
            }
            Expr::Reference(mut expr) => {
                expr.expr = Box::new(self.expr(*expr.expr));
                Expr::Reference(expr)
            }
            Expr::Binary(expr) if matches!(expr.op, syn::BinOp::And(_) | syn::BinOp::Or(_)) => self.lazy(expr),
            Expr::Binary(expr) if is_compound(&expr.op) => self.compound(expr),
            Expr::Binary(mut expr) if is_comparison(&expr.op) => {
                let [left, right] = self.operands([(*expr.left, Role::Compared), (*expr.right, Role::Compared)]);
                (expr.left, expr.right) = (Box::new(left), Box::new(right));
                Expr::Binary(expr)
            }
            Expr::Binary(mut expr) => {
                let [left, right] = self.operands([(*expr.left, Role::Value), (*expr.right, Role::Value)]);
                (expr.left, expr.right) = (Box::new(left), Box::new(right));
                Expr::Binary(expr)
            }
            Expr::Assign(mut expr) => {
                // Rust evaluates what is assigned before the place that it goes to.
                let [right, left] = self.operands([(*expr.right, Role::Value), (*expr.left, Role::Place)]);
                (expr.left, expr.right) = (Box::new(left), Box::new(right));
                Expr::Assign(expr)
            }
            Expr::Call(mut expr) => {
                let args = std::mem::take(&mut expr.args).into_iter().map(|arg| (arg, Role::Value));
                let mut all = self.sequence([(*expr.func, Role::Place)].into_iter().chain(args).collect()).into_iter();
                expr.func = Box::new(all.next().expect("the function"));
                expr.args = all.collect();
                Expr::Call(expr)
            }
            Expr::MethodCall(mut expr) => {
                let args = std::mem::take(&mut expr.args).into_iter().map(|arg| (arg, Role::Value));
                let receiver = (*expr.receiver, Role::Place);
                let mut all = self.sequence([receiver].into_iter().chain(args).collect()).into_iter();
                expr.receiver = Box::new(all.next().expect("the receiver"));
                expr.args = all.collect();
                Expr::MethodCall(expr)
            }
            Expr::Index(mut expr) => {
                let [base, index] = self.operands([(*expr.expr, Role::Place), (*expr.index, Role::Value)]);
                (expr.expr, expr.index) = (Box::new(base), Box::new(index));
                Expr::Index(expr)
            }
            Expr::Tuple(mut expr) => {
                expr.elems = self.values(std::mem::take(&mut expr.elems)).into_iter().collect();
                if expr.elems.len() == 1 {
                    expr.elems.push_punct(Default::default());
                }
                Expr::Tuple(expr)
            }
            Expr::Array(mut expr) => {
                expr.elems = self.values(std::mem::take(&mut expr.elems)).into_iter().collect();
                Expr::Array(expr)
            }
            Expr::Repeat(mut expr) => {
                expr.expr = Box::new(self.expr(*expr.expr));
                Expr::Repeat(expr)
            }
            Expr::Range(mut expr) => {
                let ends = [expr.start.take(), expr.end.take()].map(|end| end.map(|end| *end));
                let [start, end] = ends.clone();
                let all = ends.into_iter().flatten().map(|end| (end, Role::Value)).collect();
                let mut all = self.sequence(all).into_iter();
                expr.start = start.and_then(|_| all.next()).map(Box::new);
                expr.end = end.and_then(|_| all.next()).map(Box::new);
                Expr::Range(expr)
            }
            Expr::Struct(mut expr) => {
                let values = expr.fields.iter().map(|field| (field.expr.clone(), Role::Value));
                let rest = expr.rest.take().map(|rest| (*rest, Role::Value));
                let has_rest = rest.is_some();
                let mut all = self.sequence(values.chain(rest).collect()).into_iter();
                for field in &mut expr.fields {
                    field.expr = all.next().expect("each field has a value");
                    field.colon_token.get_or_insert_with(Default::default);
                }
                expr.rest = if has_rest { all.next().map(Box::new) } else { None };
                Expr::Struct(expr)
            }
            Expr::Macro(mut expr) => {
                let Some(mut args) = arguments(&expr.mac) else { return Expr::Macro(expr) };
                let role = if args.formats { Role::Shown } else { Role::Value };
                let list = args.exprs().map(|arg| match arg {
                    Expr::Assign(named) if args.formats => ((*named.right).clone(), role),
                    arg => (arg.clone(), role),
                });
                let list: Vec<_> = list.collect();
                for (lazy, _) in list.iter().skip(always_evaluated(&expr.mac)) {
                    if let Some(span) = tokens_await(&lazy.to_token_stream()) {
                        self.problems.add(check::await_in_macro(span, &expr.mac));
                    }
                }
                let lowered = self.sequence(list);
                let formats = args.formats;
                for (arg, lowered) in args.exprs_mut().zip(lowered) {
                    match arg {
                        Expr::Assign(named) if formats => *named.right = lowered,
                        arg => *arg = lowered,
                    }
                }
                expr.mac.tokens = args.into_tokens();
                Expr::Macro(expr)
            }
            Expr::If(expr) if !splits_if(&expr) => {
                let mut expr = expr;
                expr.cond = Box::new(self.first_link(*expr.cond));
                Expr::If(expr)
            }
            Expr::Match(expr) if !expr.arms.iter().any(|arm| contains_await(&*arm.body)) => {
                let mut expr = expr;
                expr.expr = Box::new(self.expr(*expr.expr));
                Expr::Match(expr)
            }
            Expr::Loop(expr) => {
                let (after, local) = self.join_with_value("AfterLoop");
                self.split_loop(&expr, after);
                self.value(local)
            }
            Expr::ForLoop(mut expr) if !contains_await(&expr.body) => {
                expr.expr = Box::new(self.expr(*expr.expr));
                Expr::ForLoop(expr)
            }
            Expr::While(_) | Expr::ForLoop(_) => {
                self.effect(expr);
                parse_quote!(())
            }
            Expr::Block(expr) if expr.label.is_some() => {
                let (after, local) = self.join_with_value("AfterBlock");
                self.labelled_block(expr, after, Dest::Value(after));
                self.value(local)
            }
            Expr::If(_) | Expr::Match(_) | Expr::Block(_) => {
                let (join, local) = self.join_with_value(after(&expr));
                self.tail(expr, Dest::Value(join));
                self.enter(join);
                self.value(local)
            }
            Expr::Return(expr) => {
                match expr.expr {
                    Some(value) => self.tail(*value, Dest::Return),
                    None => self.deliver(None, Dest::Return),
                }
                self.cur = None;
                never()
            }
            Expr::Break(expr) => self.break_(expr),
            Expr::Continue(expr) => self.continue_(expr),
            // Awaits inside of these have been refused.
            other => other,
        }
    }

    fn await_(&mut self, expr: syn::ExprAwait) -> Expr {
        let name = self.hint.take().unwrap_or_else(|| awaited(&expr.base));
        let span = expr.await_token.span;
        let operand = if contains_await(&*expr.base) { self.expr(*expr.base) } else { *expr.base };
        let operand = self.code(operand);
        let id = AwaitId(self.graph.awaits.len());
        let resume = self.new_block(Entry::Resume(id));
        self.graph.awaits.push(Await { name, span, resume });
        if self.is_reachable() {
            self.graph.blocks[resume.0].edges = 1;
        }
        self.push(Node::Await { id, operand });
        self.enter(resume);
        let (point, answer) = (point_ident(id, span), answer_ident(span));
        // Whatever is wrong with the type of the answer is reported on the await.
        Expr::Verbatim(quote_spanned!(span=> #point.answer(#answer)))
    }

    /// `a && b.await`
    fn lazy(&mut self, expr: syn::ExprBinary) -> Expr {
        if !contains_await(&*expr.right) {
            let mut expr = expr;
            expr.left = Box::new(self.expr(*expr.left));
            return Expr::Binary(expr);
        }
        let left = if contains_await(&*expr.left) { self.expr(*expr.left) } else { *expr.left };
        let right = *expr.right;
        let (join, local) = self.join_with_value("AfterCondition");
        let is_and = matches!(expr.op, syn::BinOp::And(_));
        let decided: Expr = if is_and { parse_quote!(false) } else { parse_quote!(true) };
        let go_on = |this: &mut Self| this.tail(right, Dest::Value(join));
        let stop = |this: &mut Self| this.deliver(Some(decided), Dest::Value(join));
        if is_and {
            self.decide(left, stop, go_on);
        } else {
            self.decide(left, go_on, stop);
        }
        self.enter(join);
        self.value(local)
    }

    /// `place += value`. Rust evaluates the right side first if both are numbers, else the left side.
    fn compound(&mut self, mut expr: syn::ExprBinary) -> Expr {
        if !contains_await(&*expr.right) {
            let read = mentioned(&expr.right.to_token_stream());
            if !is_pure(&expr.right) || read.iter().any(|name| changes_name(&expr.left, name)) {
                self.problems.add(check::compound_order(expr.op.span()));
            }
            expr.left = Box::new(self.expr(*expr.left));
            return Expr::Binary(expr);
        }
        if contains_await(&*expr.left) || index_changes(&expr.right, &expr.left) {
            self.problems.add(check::compound_order(expr.op.span()));
        }
        expr.right = Box::new(self.expr(*expr.right));
        if !is_pure(&expr.left) {
            // It does something, so it matters that it comes second: only numbers will do.
            let left = &expr.left;
            expr.left = syn::parse_quote_spanned!(left.span()=> *::stube::__private::number(&mut #left));
        }
        Expr::Binary(expr)
    }

    fn break_(&mut self, expr: syn::ExprBreak) -> Expr {
        let Some(split) = facts::target(&self.loops, expr.label.as_ref()).cloned() else {
            match &expr.label {
                Some(label) => self.problems.add(check::unknown_label(label.span())),
                None => self.plain(&parse_quote!(break;)),
            }
            return never();
        };
        let dest = match self.graph.value(split.break_to) {
            Some(_) => Dest::Value(split.break_to),
            None => Dest::Discard(split.break_to),
        };
        match expr.expr {
            Some(value) => self.tail(*value, dest),
            None => self.deliver(None, dest),
        }
        self.cur = None;
        never()
    }

    fn continue_(&mut self, expr: syn::ExprContinue) -> Expr {
        match facts::target(&self.loops, expr.label.as_ref()).and_then(|split| split.continue_to) {
            Some(head) => {
                self.jump(head, None);
                never()
            }
            None => {
                match &expr.label {
                    Some(label) => self.problems.add(check::unknown_label(label.span())),
                    None => self.plain(&parse_quote!(continue;)),
                }
                never()
            }
        }
    }

    fn values(&mut self, values: impl IntoIterator<Item = Expr>) -> Vec<Expr> {
        self.sequence(values.into_iter().map(|value| (value, Role::Value)).collect())
    }

    fn operands<const N: usize>(&mut self, operands: [(Expr, Role); N]) -> [Expr; N] {
        let all = self.sequence(operands.into_iter().collect());
        all.try_into().unwrap_or_else(|_| unreachable!("as many come out as went in"))
    }

    /// Operands in the order in which Rust evaluates them. Those before the last await are evaluated before it.
    fn sequence(&mut self, operands: Vec<(Expr, Role)>) -> Vec<Expr> {
        let Some(last) = operands.iter().rposition(|(operand, _)| contains_await(operand)) else {
            return operands.into_iter().map(|(operand, _)| operand).collect();
        };
        let later: Vec<_> = operands.iter().map(|(operand, _)| operand.clone()).collect();
        let operands = operands.into_iter().enumerate().map(|(index, (operand, role))| {
            if index > last {
                return operand;
            }
            let operand = if contains_await(&operand) { self.expr(operand) } else { operand };
            if index == last { operand } else { self.keep(operand, role, &later[index + 1..=last]) }
        });
        operands.collect()
    }

    /// An operand that is used after these later ones have been evaluated.
    fn keep(&mut self, operand: Expr, role: Role, later: &[Expr]) -> Expr {
        let changed = later.iter().any(|later| changes(later, &operand));
        match role {
            Role::Value if is_settled(&operand) && !changed => operand,
            // Whoever could change what is borrowed here has been stopped by the compiler.
            Role::Value if matches!(operand, Expr::Reference(_)) => self.place(operand, later),
            Role::Compared if is_place(&operand) && !changed => self.place(operand, later),
            Role::Value | Role::Compared => self.hold("operand", operand, false),
            Role::Place | Role::Shown if changed => {
                self.problems.add(check::changed_while_used(operand.span()));
                operand
            }
            Role::Place | Role::Shown => self.place(operand, later),
        }
    }

    /// A place that is used later: what it is made of is evaluated now.
    fn place(&mut self, place: Expr, later: &[Expr]) -> Expr {
        match place {
            Expr::Lit(_) | Expr::Path(_) => place,
            // The text of a format macro.
            Expr::Macro(_) if is_text(&place) => place,
            Expr::Paren(mut place) => {
                place.expr = Box::new(self.place(*place.expr, later));
                Expr::Paren(place)
            }
            Expr::Group(mut place) => {
                place.expr = Box::new(self.place(*place.expr, later));
                Expr::Group(place)
            }
            Expr::Field(mut place) => {
                place.base = Box::new(self.place(*place.base, later));
                Expr::Field(place)
            }
            Expr::Reference(mut place) => {
                place.expr = Box::new(self.place(*place.expr, later));
                Expr::Reference(place)
            }
            Expr::Unary(mut place) if matches!(place.op, syn::UnOp::Deref(_)) => {
                place.expr = Box::new(self.place(*place.expr, later));
                Expr::Unary(place)
            }
            Expr::Index(mut place) => {
                place.expr = Box::new(self.place(*place.expr, later));
                place.index = Box::new(self.keep(*place.index, Role::Value, later));
                // An element that is not there panics now, not later. A range is moved where it indexes.
                let mut probe = place.clone();
                if !matches!(*probe.index, Expr::Lit(_) | Expr::Reference(_)) {
                    let index = &place.index;
                    *probe.index = parse_quote!(::core::clone::Clone::clone(&#index));
                }
                self.plain(&parse_quote!(let _ = &#probe;));
                Expr::Index(place)
            }
            value => self.hold("operand", value, true),
        }
    }
}

/// How an operand is taken.
#[derive(Debug, Clone, Copy)]
enum Role {
    /// Moved or copied when it is evaluated.
    Value,
    /// Copied when it is evaluated if it is a number, else borrowed.
    Compared,
    /// A place that is used when all operands have been evaluated: `v` of `v.push(x)`.
    Place,
    /// Borrowed by a macro that shows it.
    Shown,
}

/// Whether an expression can be evaluated later with the same result, as long as nobody changes its local.
fn is_settled(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(_) | Expr::Path(_) => true,
        Expr::Paren(expr) => is_settled(&expr.expr),
        Expr::Group(expr) => is_settled(&expr.expr),
        Expr::Field(expr) => is_settled(&expr.base),
        Expr::Reference(expr) => is_settled(&expr.expr),
        Expr::Unary(expr) => matches!(*expr.expr, Expr::Lit(_)),
        _ => false,
    }
}

/// Whether `later` may change the local at the root of `place`.
fn changes(later: &Expr, place: &Expr) -> bool {
    root(place).is_some_and(|name| changes_name(later, &name))
}

fn changes_name(later: &Expr, name: &str) -> bool {
    struct Finder {
        name: String,
        found: bool,
    }
    impl Finder {
        fn check(&mut self, place: &Expr) {
            self.found |= root(place).is_some_and(|root| root == self.name);
        }
    }
    impl<'ast> syn::visit::Visit<'ast> for Finder {
        fn visit_expr_assign(&mut self, expr: &'ast syn::ExprAssign) {
            self.check(&expr.left);
            syn::visit::visit_expr_assign(self, expr);
        }

        fn visit_expr_binary(&mut self, expr: &'ast syn::ExprBinary) {
            if is_compound(&expr.op) {
                self.check(&expr.left);
            }
            syn::visit::visit_expr_binary(self, expr);
        }

        fn visit_expr_reference(&mut self, expr: &'ast syn::ExprReference) {
            if expr.mutability.is_some() {
                self.check(&expr.expr);
            }
            syn::visit::visit_expr_reference(self, expr);
        }

        fn visit_expr_method_call(&mut self, expr: &'ast syn::ExprMethodCall) {
            if !READING.iter().any(|name| expr.method == name) {
                self.check(&expr.receiver);
            }
            syn::visit::visit_expr_method_call(self, expr);
        }

        fn visit_macro(&mut self, mac: &'ast syn::Macro) {
            match arguments(mac) {
                Some(args) => self.found |= args.exprs().any(|arg| changes_name(arg, &self.name)),
                None => self.found |= mentioned(&mac.tokens).contains(&self.name),
            }
        }
    }
    let mut finder = Finder { name: name.to_owned(), found: false };
    syn::visit::Visit::visit_expr(&mut finder, later);
    finder.found
}

/// Methods that leave a local as it is, even if it is one that is copied.
const READING: [&str; 32] = [
    "abs",
    "as_deref",
    "as_ref",
    "as_slice",
    "as_str",
    "chars",
    "checked_add",
    "checked_sub",
    "clone",
    "cloned",
    "contains",
    "contains_key",
    "copied",
    "ends_with",
    "first",
    "get",
    "into",
    "is_empty",
    "is_none",
    "is_some",
    "iter",
    "keys",
    "last",
    "len",
    "max",
    "min",
    "starts_with",
    "to_owned",
    "to_string",
    "trim",
    "unwrap_or",
    "values",
];

/// Whether `later` may change a local that an index of `place` reads.
fn index_changes(later: &Expr, place: &Expr) -> bool {
    match place {
        Expr::Paren(place) => index_changes(later, &place.expr),
        Expr::Group(place) => index_changes(later, &place.expr),
        Expr::Field(place) => index_changes(later, &place.base),
        Expr::Unary(place) => index_changes(later, &place.expr),
        Expr::Index(place) => {
            let names = mentioned(&place.index.to_token_stream());
            names.iter().any(|name| changes_name(later, name)) || index_changes(later, &place.expr)
        }
        _ => false,
    }
}

/// Whether an expression only reads: nobody can tell when it is evaluated, unless what it reads is changed.
fn is_pure(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(_) | Expr::Path(_) => true,
        Expr::Paren(expr) => is_pure(&expr.expr),
        Expr::Group(expr) => is_pure(&expr.expr),
        Expr::Field(expr) => is_pure(&expr.base),
        Expr::Reference(expr) => is_pure(&expr.expr),
        Expr::Unary(expr) => is_pure(&expr.expr),
        Expr::Cast(expr) => is_pure(&expr.expr),
        Expr::Index(expr) => is_pure(&expr.expr) && is_pure(&expr.index),
        Expr::Binary(expr) => !is_compound(&expr.op) && is_pure(&expr.left) && is_pure(&expr.right),
        _ => false,
    }
}

fn is_place(expr: &Expr) -> bool {
    match expr {
        Expr::Path(_) | Expr::Field(_) | Expr::Index(_) => true,
        Expr::Unary(expr) => matches!(expr.op, syn::UnOp::Deref(_)),
        Expr::Paren(expr) => is_place(&expr.expr),
        Expr::Group(expr) => is_place(&expr.expr),
        _ => false,
    }
}

/// `concat!("a", "b")`, which stands where a literal must stand.
fn is_text(expr: &Expr) -> bool {
    let Expr::Macro(expr) = expr else { return false };
    let name = expr.mac.path.segments.last().map(|last| last.ident.to_string());
    matches!(name.as_deref(), Some("concat" | "stringify" | "include_str" | "env" | "file" | "module_path"))
}

fn is_comparison(op: &syn::BinOp) -> bool {
    use syn::BinOp::{Eq, Ge, Gt, Le, Lt, Ne};
    matches!(op, Eq(_) | Ne(_) | Lt(_) | Le(_) | Gt(_) | Ge(_))
}

fn is_compound(op: &syn::BinOp) -> bool {
    use syn::BinOp::*;
    matches!(
        op,
        AddAssign(_)
            | SubAssign(_)
            | MulAssign(_)
            | DivAssign(_)
            | RemAssign(_)
            | BitXorAssign(_)
            | BitAndAssign(_)
            | BitOrAssign(_)
            | ShlAssign(_)
            | ShrAssign(_)
    )
}

/// The local at the root of a place: `order` of `order.items[0]`.
fn root(place: &Expr) -> Option<String> {
    match place {
        Expr::Path(path) => path.path.get_ident().map(unraw),
        Expr::Paren(expr) => root(&expr.expr),
        Expr::Group(expr) => root(&expr.expr),
        Expr::Field(expr) => root(&expr.base),
        Expr::Index(expr) => root(&expr.expr),
        Expr::Reference(expr) => root(&expr.expr),
        Expr::Unary(expr) => root(&expr.expr),
        _ => None,
    }
}

/// Stands where nothing is evaluated any more.
fn never() -> Expr {
    Expr::Verbatim(TokenStream::new())
}

fn items(stmts: &[Stmt]) -> impl Iterator<Item = &Item> {
    stmts.iter().filter_map(|stmt| if let Stmt::Item(item) = stmt { Some(item) } else { None })
}

/// The text that a `let` gives a local for good.
fn text(stmt: &Stmt) -> Option<&Expr> {
    let Stmt::Local(SynLocal { pat, init: Some(init), .. }) = stmt else { return None };
    let pat = if let Pat::Type(typed) = pat { &*typed.pat } else { pat };
    let Expr::Lit(lit) = &*init.expr else { return None };
    let is_text = matches!(lit.lit, syn::Lit::Str(_) | syn::Lit::ByteStr(_) | syn::Lit::CStr(_));
    let is_for_good = is_bare(pat) && matches!(pat, Pat::Ident(pat) if pat.mutability.is_none());
    (is_text && is_for_good).then_some(&*init.expr)
}

/// The name that an item brings into the block it stands in.
fn item_name(item: &Item) -> Option<&Ident> {
    match item {
        Item::Enum(item) => Some(&item.ident),
        Item::Mod(item) => Some(&item.ident),
        Item::Static(item) => Some(&item.ident),
        Item::Struct(item) => Some(&item.ident),
        Item::Trait(item) => Some(&item.ident),
        Item::TraitAlias(item) => Some(&item.ident),
        Item::Type(item) => Some(&item.ident),
        Item::Union(item) => Some(&item.ident),
        _ => None,
    }
}

fn is_jump(expr: &Expr) -> bool {
    matches!(expr, Expr::Return(_) | Expr::Break(_) | Expr::Continue(_))
}

/// Whether an expression with an await becomes paths that join after it.
fn splits(expr: &Expr) -> bool {
    match expr {
        Expr::If(expr) => splits_if(expr),
        Expr::Match(expr) => expr.arms.iter().any(|arm| contains_await(&*arm.body)),
        Expr::Block(expr) => expr.label.is_none() && contains_await(&expr.block),
        Expr::Paren(expr) => splits(&expr.expr),
        Expr::Group(expr) => splits(&expr.expr),
        _ => false,
    }
}

/// An `if` whose condition awaits in its first link only is evaluated as a whole after that await.
fn splits_if(expr: &syn::ExprIf) -> bool {
    contains_await(&expr.then_branch)
        || expr.else_branch.as_ref().is_some_and(|(_, branch)| contains_await(&**branch))
        || links(&expr.cond).into_iter().skip(1).any(contains_await)
        || !first_operand_only(&expr.cond)
}

/// Whether all awaits of a condition lie in its first link, and `&&` is all that joins the links.
fn first_operand_only(cond: &Expr) -> bool {
    !links(cond).into_iter().skip(1).any(contains_await)
}

/// The name of the block after an expression.
fn after(expr: &Expr) -> &'static str {
    match expr {
        Expr::If(_) => "AfterIf",
        Expr::Match(_) => "AfterMatch",
        Expr::Paren(expr) => after(&expr.expr),
        Expr::Group(expr) => after(&expr.expr),
        _ => "AfterBlock",
    }
}

fn parse_and(left: Expr, right: Expr) -> Expr {
    Expr::Binary(syn::ExprBinary {
        attrs: Vec::new(),
        left: Box::new(left),
        op: syn::BinOp::And(Default::default()),
        right: Box::new(right),
    })
}

/// `x` or `mut x`.
fn is_bare(pat: &Pat) -> bool {
    matches!(pat, Pat::Ident(pat) if pat.subpat.is_none() && pat.by_ref.is_none() && is_binding(pat))
}

fn is_unit(ty: &Type) -> bool {
    matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// Whether a written type is the whole type of its local: nothing left to infer, nothing borrowed.
fn is_whole(ty: &Type) -> bool {
    struct Finder(bool);
    impl<'ast> syn::visit::Visit<'ast> for Finder {
        fn visit_type_infer(&mut self, _: &'ast syn::TypeInfer) {
            self.0 = true;
        }

        fn visit_type_reference(&mut self, _: &'ast syn::TypeReference) {
            self.0 = true;
        }

        fn visit_type_impl_trait(&mut self, _: &'ast syn::TypeImplTrait) {
            self.0 = true;
        }

        fn visit_type_macro(&mut self, _: &'ast syn::TypeMacro) {
            self.0 = true;
        }

        fn visit_lifetime(&mut self, _: &'ast syn::Lifetime) {
            self.0 = true;
        }
    }
    let mut finder = Finder(false);
    syn::visit::Visit::visit_type(&mut finder, ty);
    !finder.0
}

/// Whether the value of an expression is that of an await: `PickRoom.await?`, `(&Ask.await).name`.
fn ends_in_await(expr: &Expr) -> bool {
    match expr {
        Expr::Await(_) => true,
        Expr::Paren(expr) => ends_in_await(&expr.expr),
        Expr::Group(expr) => ends_in_await(&expr.expr),
        Expr::Try(expr) => ends_in_await(&expr.expr),
        Expr::Field(expr) => ends_in_await(&expr.base),
        Expr::Cast(expr) => ends_in_await(&expr.expr),
        Expr::Unary(expr) => ends_in_await(&expr.expr),
        Expr::Reference(expr) => ends_in_await(&expr.expr),
        Expr::MethodCall(expr) => ends_in_await(&expr.receiver),
        _ => false,
    }
}

/// What is awaited, in one word: `Confirm` of `Confirm::new(text).await`, `Pay` of `pay(guest).await`.
fn awaited(expr: &Expr) -> String {
    let of_path = |path: &syn::Path| {
        let mut words = path.segments.iter().rev().map(|segment| unraw(&segment.ident));
        let last = words.next().expect("a path has a segment");
        // The type before a constructor says more than the constructor.
        let ty = words.next().filter(|word| word.starts_with(char::is_uppercase));
        camel_case(&ty.unwrap_or(last))
    };
    match expr {
        Expr::Path(expr) => of_path(&expr.path),
        Expr::Struct(expr) => of_path(&expr.path),
        Expr::Call(expr) => awaited(&expr.func),
        Expr::MethodCall(expr) => awaited(&expr.receiver),
        Expr::Field(expr) => awaited(&expr.base),
        Expr::Paren(expr) => awaited(&expr.expr),
        Expr::Group(expr) => awaited(&expr.expr),
        Expr::Try(expr) => awaited(&expr.expr),
        Expr::Macro(expr) => of_path(&expr.mac.path),
        _ => "Await".to_owned(),
    }
}

/// The locals of a block, by the scopes in which they live.
pub(crate) fn by_scope(graph: &Graph, locals: impl IntoIterator<Item = LocalId>) -> BTreeMap<ScopeId, Vec<LocalId>> {
    let mut scopes = BTreeMap::<_, Vec<_>>::new();
    for local in locals {
        scopes.entry(graph.local(local).scope).or_default().push(local);
    }
    scopes
}
