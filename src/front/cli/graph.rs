//! The verb `graph`: draws a flow as Mermaid, DOT or SVG.

use std::fmt::Write as _;

use crate::evolution::diagram::diagram;
use crate::evolution::manifest::{Flow, manifest};
use crate::front::cli::args::Form;
use crate::front::cli::inspect::println_all;
use crate::front::cli::outcome::{Done, has_flows, needs_flows, refused};

pub(super) fn graph(flow: &str, form: Form) -> Done {
    if !has_flows() {
        return Err(needs_flows("graph"));
    }
    let manifest = manifest();
    let (Some(diagram), Some(component_schema)) = (diagram(flow), manifest.flows.get(flow)) else {
        let flows: Vec<_> = manifest.flows.keys().map(String::as_str).collect();
        return refused(format!("no flow is called `{flow}`; there are {}", flows.join(", ")));
    };
    let text = match form {
        Form::Mermaid => diagram.mermaid(),
        Form::Dot => diagram.dot(),
        Form::Svg => svg(component_schema),
    };
    println_all(text.trim_end())?;
    Ok(true)
}

const WIDTH: i32 = 220;
const HEIGHT: i32 = 40;
const STEP: i32 = 80;
const LEFT: i32 = 160;

/// Draws the states in a column, in the order of the code. An edge to the next state goes straight down, an edge that
/// skips states goes along the right side, an edge back along the left side.
fn svg(flow: &Flow) -> String {
    let name_of = |index: usize| flow.states.get(index).map_or("end", |state| state.name.as_str());
    let end = flow.states.len();
    let row = |name: &str| flow.states.iter().position(|state| state.name == name).unwrap_or(end);
    let y = |row: usize| 20 + i32::try_from(row).unwrap_or(0) * STEP;
    let (width, height) = (LEFT * 2 + WIDTH, y(end) + HEIGHT + 20);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" \
         markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n"
    );
    for (from, state) in flow.states.iter().enumerate() {
        let ends = state.ends.then_some(end);
        for to in state.next.iter().map(|name| row(name)).chain(ends) {
            let middle = LEFT + WIDTH / 2;
            let path = match to {
                to if to == from + 1 => format!("M{middle} {}L{middle} {}", y(from) + HEIGHT, y(to)),
                to if to > from => {
                    let (right, out) = (LEFT + WIDTH, LEFT + WIDTH + 20 + bend(to - from));
                    let (one, other) = (y(from) + HEIGHT * 2 / 3, y(to) + HEIGHT / 3);
                    format!("M{right} {one}C{out} {one} {out} {other} {right} {other}")
                }
                to => {
                    let out = LEFT - 20 - bend(from - to);
                    let (one, other) = (y(from) + HEIGHT / 3, y(to) + HEIGHT * 2 / 3);
                    format!("M{LEFT} {one}C{out} {one} {out} {other} {LEFT} {other}")
                }
            };
            let _ = writeln!(text, "<path d=\"{path}\" fill=\"none\" stroke=\"black\" marker-end=\"url(#tip)\"/>");
        }
    }
    for index in 0..=end {
        let awaits = flow.states.get(index).and_then(|state| state.awaits.as_ref());
        let label = match awaits {
            Some(awaits) if awaits.component.is_empty() => format!("{} ({})", name_of(index), awaits.answer),
            Some(awaits) => format!("{} ({})", name_of(index), awaits.component),
            None => name_of(index).to_owned(),
        };
        let round = if awaits.is_some() { 6 } else { HEIGHT / 2 };
        let (top, middle) = (y(index), LEFT + WIDTH / 2);
        let _ = writeln!(
            text,
            "<rect x=\"{LEFT}\" y=\"{top}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"{round}\" fill=\"white\" \
             stroke=\"black\"/>\n<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            top + HEIGHT / 2 + 5,
            escaped(&label)
        );
    }
    text + "</svg>\n"
}

fn bend(rows: usize) -> i32 {
    (i32::try_from(rows).unwrap_or(0) * 18).min(LEFT - 30)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
