//! Random tokens under `#[flow]`: the macro does not panic, its output parses, and two expansions are equal.
//!
//! The bodies of the tests are the seeds. Each round takes one of them and cuts, doubles, swaps or exchanges pieces of
//! it, down to single tokens. `STUBE_FUZZ=100000 cargo test -p stube-macros fuzz` runs that many rounds; the seed of
//! the random numbers is printed, and `STUBE_FUZZ_SEED` sets it.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::pipeline::expand_item;

/// The number of rounds if the environment does not set one.
const ROUNDS: usize = 3_000;

/// Random numbers: xorshift64*, by Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled".
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit.max(1)
    }
}

/// The functions in the tests that are compiled as flows.
fn seeds() -> Vec<TokenStream> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    let mut seeds = Vec::new();
    for folder in ["language", "ui/fail"] {
        let mut files: Vec<_> = fs::read_dir(tests.join(folder)).expect("the folder").flatten().collect();
        files.sort_by_key(fs::DirEntry::path);
        for file in files {
            let text = fs::read_to_string(file.path()).expect("a text");
            if let Ok(tokens) = text.parse::<TokenStream>() {
                functions(tokens, &mut seeds);
            }
        }
    }
    assert!(seeds.len() > 200, "only {} functions have been found", seeds.len());
    seeds
}

fn functions(tokens: TokenStream, found: &mut Vec<TokenStream>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(ident) if ident == "async" => {
                let body = tokens[at..].iter().position(
                    |token| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace),
                );
                found.extend(body.map(|body| tokens[at..=at + body].iter().cloned().collect()));
            }
            TokenTree::Group(group) => functions(group.stream(), found),
            _ => {}
        }
    }
}

/// The same tokens with one change somewhere.
fn mutate(tokens: TokenStream, random: &mut Random, other: &[TokenTree]) -> TokenStream {
    let mut tokens: Vec<_> = tokens.into_iter().collect();
    let groups: Vec<_> = (0..tokens.len()).filter(|&at| matches!(tokens[at], TokenTree::Group(_))).collect();
    // Mostly deeper in the tree, where the code is.
    if !groups.is_empty() && random.below(8) != 0 {
        let at = groups[random.below(groups.len())];
        if let TokenTree::Group(group) = &tokens[at] {
            tokens[at] = TokenTree::Group(Group::new(group.delimiter(), mutate(group.stream(), random, other)));
        }
        return tokens.into_iter().collect();
    }
    if tokens.is_empty() {
        return other.iter().take(random.below(4)).cloned().collect();
    }
    let (at, to) = (random.below(tokens.len()), random.below(tokens.len()));
    match random.below(6) {
        0 => drop(tokens.remove(at)),
        1 => tokens.insert(at, tokens[to].clone()),
        2 => tokens.swap(at, to),
        3 => tokens[at] = other[random.below(other.len())].clone(),
        4 => tokens.insert(at, other[random.below(other.len())].clone()),
        _ => {
            let (first, last) = (at.min(to), at.max(to));
            let piece: Vec<_> = tokens[first..last].to_vec();
            tokens.splice(at..at, piece);
        }
    }
    tokens.into_iter().collect()
}

fn flat(tokens: TokenStream, into: &mut Vec<TokenTree>) {
    for token in tokens {
        if let TokenTree::Group(group) = &token {
            flat(group.stream(), into);
        }
        into.push(token);
    }
}

#[test]
fn fuzz_whatever_is_written_under_flow_is_answered_with_code() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed = number("STUBE_FUZZ_SEED").unwrap_or(1);
    let rounds = number("STUBE_FUZZ").map_or(ROUNDS, |rounds: u64| rounds as usize);
    let mut random = Random(seed.wrapping_mul(2).wrapping_add(1));
    let seeds = seeds();
    let mut words = Vec::new();
    seeds.iter().for_each(|seed| flat(seed.clone(), &mut words));
    let (mut flows, mut errors) = (0, 0);
    for round in 0..rounds + seeds.len() {
        let mut tokens = seeds[round % seeds.len()].clone();
        if round >= seeds.len() {
            for _ in 0..=random.below(4) {
                tokens = mutate(tokens, &mut random, &words);
            }
        }
        let text = tokens.to_string();
        let expanded = catch_unwind(AssertUnwindSafe(|| expand_item(TokenStream::new(), tokens.clone())));
        let Ok(expanded) = expanded else { panic!("seed {seed}, round {round}: panicked on\n{text}") };
        let has_error = expanded.to_string().contains("compile_error");
        // Tokens that are no function are returned as they are, and may be anything.
        if !has_error || syn::parse2::<syn::ItemFn>(tokens.clone()).is_ok() {
            let parsed = syn::parse2::<syn::File>(expanded.clone());
            assert!(parsed.is_ok(), "seed {seed}, round {round}: what came out does not parse\n{text}\n{expanded}");
        }
        let again = expand_item(TokenStream::new(), tokens).to_string();
        assert_eq!(expanded.to_string(), again, "seed {seed}, round {round}: two expansions differ");
        if has_error { errors += 1 } else { flows += 1 }
    }
    assert!(flows > 200, "most seeds are flows");
    println!("seed {seed}: {flows} flows, {errors} refused");
}
