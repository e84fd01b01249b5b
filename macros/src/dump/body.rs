//! The stages that hold a body: a header and one statement a line.

use std::fmt::{self, Debug, Formatter};

use syn::Block;

use crate::check::CheckedFlow;
use crate::dump::text::{Lines, list, text};
use crate::expand::ExpandedFlow;
use crate::header::Header;
use crate::parse::ParsedFlow;
use crate::resolve::ResolvedFlow;

impl Debug for ParsedFlow {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        body(out, &self.header, &self.body)
    }
}

impl Debug for ExpandedFlow {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        body(out, &self.header, &self.body)
    }
}

impl Debug for CheckedFlow {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        body(out, &self.header, &self.body)
    }
}

impl Debug for ResolvedFlow {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        body(out, &self.header, &self.body)?;
        if !self.renamed.is_empty() {
            let renamed = list(self.renamed.iter().map(|(new, old)| format!("{new} was {old}")));
            writeln!(out, "renamed: {renamed}")?;
        }
        Ok(())
    }
}

/// `booking(guest: String) -> bool`
pub(super) fn signature(header: &Header) -> String {
    let args = list(header.args.iter().map(|arg| format!("{}: {}", text(&arg.pat), text(&arg.ty))));
    format!("{}({args}) -> {}", header.ident, text(&header.output))
}

fn body(out: &mut Formatter<'_>, header: &Header, body: &Block) -> fmt::Result {
    let mut lines = Lines { out, depth: 0 };
    lines.line(&signature(header))?;
    lines.indented(|lines| body.stmts.iter().try_for_each(|stmt| lines.line(&text(stmt))))
}
