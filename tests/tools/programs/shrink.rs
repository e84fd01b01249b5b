//! Makes a program that fails smaller, as long as it fails in the same way.
//!
//! Pieces of text are left out that begin and end where a statement does and leave all brackets in pairs. Most of what
//! comes out does not compile as an async function, and is dropped; the smallest that still fails is taken, until none
//! of the pieces can be left out any more.

use std::io;

use crate::build::{Verdict, Workshop};
use crate::generate::Program;

/// Candidates that are built together.
const CANDIDATES: usize = 60;

/// The smallest program found, and what becomes of it.
pub(crate) fn shrink(workshop: &Workshop, program: &Program, verdict: &Verdict) -> io::Result<(Program, Verdict)> {
    let mut best = (program.clone(), verdict.clone());
    loop {
        let mut smaller = None;
        let pieces = pieces(&best.0.lines.join("\n"));
        for chunk in pieces.chunks(CANDIDATES) {
            let candidates: Vec<_> = chunk.iter().enumerate().map(|(n, text)| candidate(program, n, text)).collect();
            let verdicts = workshop.try_out(&candidates, matches!(verdict, Verdict::Differs(_)))?;
            let mut failing =
                candidates.into_iter().filter(|it| verdicts.get(&it.name()).is_some_and(|it| is_alike(it, verdict)));
            // The pieces that leave out most come first.
            if let Some(found) = failing.next() {
                let verdict = verdicts[&found.name()].clone();
                smaller = Some((found, verdict));
                break;
            }
        }
        match smaller {
            Some(found) => {
                println!("   {} characters", found.0.lines.join("\n").len());
                best = found;
            }
            None => {
                best.0.seed = program.seed;
                return Ok(best);
            }
        }
    }
}

fn candidate(program: &Program, number: usize, text: &str) -> Program {
    let lines = text.split('\n').map(str::to_owned).collect();
    Program { seed: 7_000_000_000 + number as u64, lines, ..program.clone() }
}

/// Whether two programs fail in the same way.
fn is_alike(one: &Verdict, other: &Verdict) -> bool {
    let code = |text: &str| {
        text.lines().find(|line| line.starts_with("error")).unwrap_or_default().split(':').next().map(str::to_owned)
    };
    match (one, other) {
        (Verdict::Same(_), Verdict::Same(_)) => true,
        (Verdict::NoFunction(one), Verdict::NoFunction(other)) => code(one) == code(other),
        (Verdict::NoFlow(one), Verdict::NoFlow(other)) => code(one) == code(other),
        (Verdict::Differs(_), Verdict::Differs(_)) => true,
        (Verdict::Same(_) | Verdict::NoFunction(_) | Verdict::NoFlow(_) | Verdict::Differs(_), _) => false,
    }
}

/// The text without each of its pieces, the shortest first.
fn pieces(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut ends = vec![(0, 0i32)];
    let (mut depth, mut quoted) = (0, false);
    for (at, &c) in chars.iter().enumerate() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' => {
                depth += 1;
                ends.push((at + 1, depth));
            }
            '}' => {
                ends.push((at, depth));
                depth -= 1;
                ends.push((at + 1, depth));
            }
            ';' | ',' => ends.push((at + 1, depth)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    for (index, &(from, depth)) in ends.iter().enumerate() {
        let same_level = ends[index + 1..].iter().take_while(|end| end.1 >= depth);
        for &(to, _) in same_level.filter(|end| end.1 == depth).take(12) {
            if chars[from..to].iter().any(|c| !c.is_whitespace()) {
                all.push(chars[..from].iter().chain(&chars[to..]).collect::<String>());
                // Braces alone may go too.
                let inner: String = chars[from..to].iter().collect();
                let inner = inner.trim();
                if let Some(open) = inner.find('{').filter(|_| inner.ends_with('}')) {
                    let kept = &inner[open + 1..inner.len() - 1];
                    all.push(chars[..from].iter().collect::<String>() + kept + &chars[to..].iter().collect::<String>());
                }
            }
        }
    }
    // A loop without its counter might not end.
    let rounds = |text: &str| text.matches("loop {").count() + text.matches("while ").count();
    all.retain(|text| text.matches(" += 1;").count() >= rounds(text));
    all.sort_by_key(String::len);
    all.dedup();
    all
}
