//! Takes the body of a flow. Gives its [`Graph`], cut at its awaits. Never looks at types, and invents no names that an
//! author will see.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{Block as SynBlock, Expr, Ident, Item, Local as SynLocal, Pat, Stmt, Type, parse_quote};

use crate::check::{self, Problems};
use crate::cut::names::ends_in_await;
use crate::facts::{self, Env, Facts, SplitLoop};
use crate::graph::{Arm, Block, Code, Entry, Graph, Local, Node};
use crate::ids::{BlockId, LocalId, ScopeId, SeqId};
use crate::marks::{self, At, LocalMarks, Marks};
use crate::parse::Source;
use crate::resolve::Renamed;
use crate::syntax::{
    bindings, camel_case, condition_patterns, contains_await, count_awaits, is_binding, is_diverging, links, mentioned,
    unraw,
};

mod borrows;
mod expressions;
mod iterators;
mod loops;
mod names;
mod operands;
mod refill;

pub(crate) use borrows::{may_borrow, only};

/// Builds the graph of a flow.
pub(crate) fn cut(source: &Source, renamed: &Renamed) -> syn::Result<(Graph, Vec<LocalId>)> {
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
    /// The name that the author gave the next await.
    label: Option<At>,
    /// What the local that the next await is called as was called.
    was: Vec<String>,
    /// The names that the author gave.
    labels: BTreeSet<String>,
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
            agains: Vec::new(),
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
            label: None,
            was: Vec::new(),
            labels: BTreeSet::from(["Start".to_owned()]),
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
                let local = self.declare(&pat.ident, pat.mutability.is_some(), Some(&arg.ty));
                self.graph.locals[local.0].marks = arg.marks.clone();
                args.push(local);
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
            again: None,
            marks: LocalMarks::default(),
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
        let expr = self.lend(expr);
        let borrows = self.borrows(&parse_quote!(#ident), &expr);
        let code = self.code(expr);
        let local = self.new_local(&ident, mutable, None);
        self.take_again(borrows, &[local]);
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
        if let Some((stmt, marks)) = marks::take_from(stmt, &mut self.problems) {
            return self.marked(&stmt, marks);
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

    /// A statement with what stood on it.
    fn marked(&mut self, stmt: &Stmt, marks: Marks) {
        let Marks { at, local, span } = marks;
        if let Some(at) = at {
            self.label(stmt, at);
        }
        let Some(span) = span else { return self.stmt(stmt) };
        let binding = match stmt {
            Stmt::Local(stmt) => only_binding(&stmt.pat),
            Stmt::Expr(..) | Stmt::Macro(_) | Stmt::Item(_) => None,
        };
        let Some(ident) = binding else {
            self.problems.add(check::mark_without_local(span));
            return self.stmt(stmt);
        };
        // The state that is called as the local was called as it.
        self.was = local.was.iter().map(|name| camel_case(name)).collect();
        let known = self.graph.locals.len();
        self.stmt(stmt);
        self.was.clear();
        let scope = *self.scopes.last().expect("the function is a scope");
        let new = &mut self.graph.locals[known..];
        if let Some(found) = new.iter_mut().rev().find(|local| local.ident == ident && local.scope == scope) {
            found.marks = local;
        }
    }

    /// `#[at("Payment")]`, which stood on this statement.
    fn label(&mut self, stmt: &Stmt, at: At) {
        match count_awaits(stmt) {
            0 => self.problems.add(check::label_without_await(at.span)),
            1 => {}
            _ => self.problems.add(check::label_on_several_awaits(at.span)),
        }
        if let Some(name) = &at.name {
            let is_name =
                syn::parse_str::<Ident>(&name.value()).is_ok_and(|ident| camel_case(&unraw(&ident)) == name.value());
            if !is_name {
                return self.problems.add(check::label_is_no_name(name.span()));
            }
            if !self.labels.insert(name.value()) {
                self.problems.add(check::label_used_twice(name.span(), &name.value()));
            }
        }
        self.label = Some(at);
    }

    /// A statement without an await, taken as it is.
    fn plain(&mut self, stmt: &Stmt) {
        let (mut stmt, mut borrows) = (stmt.clone(), Vec::new());
        if let Stmt::Local(SynLocal { pat, init: Some(init), .. }) = &mut stmt {
            *init.expr = self.lend((*init.expr).clone());
            borrows = self.borrows(pat, &init.expr);
        }
        let stmt = &stmt;
        let facts = facts::of_stmt(stmt, &self.env, &self.loops);
        self.note(&facts);
        let declares = match stmt {
            Stmt::Local(local) => self.declare_pat(&local.pat),
            Stmt::Item(_) | Stmt::Expr(..) | Stmt::Macro(_) => Vec::new(),
        };
        self.take_again(borrows, &declares);
        let diverges = facts.diverges || matches!(stmt, Stmt::Macro(mac) if is_diverging(&mac.mac));
        let stmt = match stmt {
            // Nothing comes after it, so it would be taken for a value.
            Stmt::Expr(expr, None) if diverges => Stmt::Expr(expr.clone(), Some(Default::default())),
            stmt => stmt.clone(),
        };
        self.push(Node::Stmt { stmt, facts, loops: self.loops.clone(), declares });
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
        let value = self.lend(value);
        let borrows = self.borrows(&local.pat, &value);
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
        self.take_again(borrows, &binds);
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
        if !links.iter().skip(1).any(|link| self.stands_alone(link)) {
            // The whole condition can stand where its first link is evaluated.
            let cond = if links.iter().any(contains_await) { self.first_link(cond.clone()) } else { cond.clone() };
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

    /// Whether something has to be done just before a link of a condition: it awaits, or it borrows a value that must
    /// last over an await.
    fn stands_alone(&self, link: &Expr) -> bool {
        contains_await(link)
            || matches!(link, Expr::Let(link)
                if !bindings(&link.pat).is_empty() && may_borrow(&link.expr) && !self.is_lent(&link.expr))
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
        let cond = self.lend_first(cond);
        let patterns = condition_patterns(&cond);
        let code = self.code(cond.clone());
        let mut binds = Vec::new();
        let then = self.branch(|this| {
            for (pat, value) in &patterns {
                let borrows = this.borrows(pat, value);
                let declared = this.declare_pat(pat);
                this.take_again(borrows, &declared);
                binds.extend(declared);
            }
            then(this);
            this.cur = None;
        });
        let otherwise = self.branch(|this| {
            otherwise(this);
            this.cur = None;
        });
        self.push(Node::If { cond: code, binds, then, otherwise });
        self.cur = None;
    }

    /// Makes what the first link of a condition borrows last over an await. The others borrow nothing that is not there
    /// anyway.
    fn lend_first(&mut self, cond: Expr) -> Expr {
        match cond {
            Expr::Binary(mut binary) if matches!(binary.op, syn::BinOp::And(_)) => {
                binary.left = Box::new(self.lend_first(*binary.left));
                Expr::Binary(binary)
            }
            Expr::Let(mut link) if !bindings(&link.pat).is_empty() => {
                link.expr = Box::new(self.lend(*link.expr));
                Expr::Let(link)
            }
            cond => cond,
        }
    }

    /// `if links[0] && links[1] && ...`: each link that stands alone is an `if` inside the one before.
    fn chain(&mut self, links: &[Expr], other: BlockId, then: Box<dyn FnOnce(&mut Self) + '_>) {
        let Some((first, rest)) = links.split_first() else {
            then(self);
            return;
        };
        let plain = rest.iter().take_while(|link| !self.stands_alone(link)).count();
        let (together, rest) = rest.split_at(plain);
        let first = if contains_await(first) { self.first_link(first.clone()) } else { first.clone() };
        let cond = together.iter().fold(first, |cond, link| parse_and(cond, link.clone()));
        self.decide(cond, |this| this.jump(other, None), |this| this.chain(rest, other, then));
    }

    fn split_match(&mut self, expr: syn::ExprMatch, dest: Dest) {
        let scrutinee = if contains_await(&*expr.expr) { self.expr(*expr.expr) } else { *expr.expr };
        let scrutinee =
            if expr.arms.iter().any(|arm| !bindings(&arm.pat).is_empty()) { self.lend(scrutinee) } else { scrutinee };
        let matched = scrutinee.clone();
        let scrutinee = self.code(scrutinee);
        let arms = expr.arms.into_iter().map(|arm| {
            let (mut binds, mut facts) = (Vec::new(), Facts::default());
            let loops = self.loops.clone();
            let pat = arm.pat;
            let body = self.branch(|this| {
                let borrows = this.borrows(&pat, &matched);
                binds = this.declare_pat(&pat);
                this.take_again(borrows, &binds);
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
}

/// Stands where nothing is evaluated any more.
fn never() -> Expr {
    Expr::Verbatim(TokenStream::new())
}

/// The only name that a `let` binds.
fn only_binding(pat: &Pat) -> Option<Ident> {
    let found = bindings(pat);
    let [binding] = found.as_slice() else { return None };
    Some(binding.ident.clone())
}

fn items(stmts: &[Stmt]) -> impl Iterator<Item = &Item> {
    stmts.iter().filter_map(|stmt| if let Stmt::Item(item) = stmt { Some(item) } else { None })
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
pub(crate) fn is_bare(pat: &Pat) -> bool {
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
