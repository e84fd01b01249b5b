//! Texts of the program: `&'static str` in locals, lists, tuples, maps and loops.

same! { [()] async fn texts_by_cases() -> String {
    let n = ask("n").await;
    let size = match n { 0 => "small", 1 => "large", _ => "huge" };
    let kind = if ask_bool("kind").await { "tea" } else { "coffee" };
    let (label, price) = match ask("m").await { 0 => ("single", 80), _ => ("double", 120) };
    ask_unit("so").await;
    format!("{size} {kind} {label} {price}")
} }

same! { [()] async fn texts_in_lists() -> String {
    let mut answers = Vec::new();
    for question in ["name", "age", "town"] {
        let answer = ask_text(question).await;
        answers.push((question, answer));
    }
    let names = vec!["x", "y"];
    for (i, name) in names.into_iter().enumerate() {
        answers.push((name, ask_text(i).await));
    }
    for (name, n) in [("a", 1), ("b", 2)] {
        if ask(name).await == n { answers.push((name, n.to_string())); }
    }
    format!("{answers:?}")
} }

same! { [()] async fn texts_in_maps() -> String {
    let mut counts = BTreeMap::new();
    while ask_bool("more").await {
        let key = if ask_bool("which").await { "left" } else { "right" };
        *counts.entry(key).or_insert(0) += ask("n").await;
        if counts.len() > 1 { break; }
    }
    format!("{counts:?}")
} }

same! { [()] async fn a_text_that_changes() -> String {
    let mut status = "new";
    let mut seen = vec![status];
    loop {
        status = match ask("next").await { 0 => break, 1 => "asked", _ => status };
        seen.push(status);
        if seen.len() > 4 { return format!("many {seen:?}"); }
    }
    format!("{status} {seen:?}")
} }

same! { [()] async fn texts_of_functions() -> String {
    fn name_of(n: u32) -> &'static str { if n == 0 { "none" } else { "some" } }
    let name = name_of(ask("n").await);
    let maybe = (name == "some").then_some("indeed");
    ask_unit("so").await;
    let bytes: &'static [u8] = name.as_bytes();
    let c = ask("c").await;
    format!("{name} {maybe:?} {bytes:?} {c}")
} }
