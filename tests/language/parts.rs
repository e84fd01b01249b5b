//! Parts of a local that are moved out of it on one side of an await, and others that are used on the other.

/// A value with parts that move, parts that are copied, and a part with parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Form {
    name: String,
    email: String,
    age: u32,
    address: Address,
    r#type: Option<String>,
}

/// A part of a [`Form`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Address {
    street: String,
    city: String,
    lines: Vec<String>,
}

use serde::{Deserialize, Serialize};

impl Form {
    pub(crate) fn of(n: u32) -> Self {
        Self {
            name: format!("name {n}"),
            email: format!("email {n}"),
            age: n,
            address: Address {
                street: format!("street {n}"),
                city: format!("city {n}"),
                lines: vec![format!("line {n}"), "last".to_owned()],
            },
            r#type: (n % 2 == 0).then(|| "even".to_owned()),
        }
    }

    pub(crate) fn is_old(&self) -> bool {
        self.age > 1
    }
}

same! { [()] async fn one_is_asked_for_and_another_shown() -> String {
    let form = crate::parts::Form::of(ask("form").await);
    let answer = ask_text(form.email).await;
    let other = ask_text(form.name).await;
    format!("{answer} {other} {}", form.age)
} }

same! { [(crate::parts::Form::of(3))] async fn of_an_argument(form: crate::parts::Form) -> String {
    let email = form.email;
    ask("first").await;
    let name = form.name;
    ask("second").await;
    log(form.address.street);
    ask("third").await;
    format!("{email} {name} {:?} {}", form.r#type, form.address.city)
} }

same! { [()] async fn after_it_was_used_whole() -> Result<String, String> {
    let form = crate::parts::Form::of(ask("form").await);
    if form.is_old() && ask_bool("sure").await { return Err(form.name); }
    let copy = form.clone();
    log(copy == form);
    let email = { form.email };
    if email != ask_text("email").await { log(&form.name); }
    Ok(form.name + &copy.email)
} }

same! { [()] async fn parts_of_parts() -> String {
    let mut form = crate::parts::Form::of(ask("form").await);
    form.address.city.push('!');
    let street = form.address.street;
    form.address.lines.push(ask_text(street).await);
    for line in form.address.lines { log(&line); ask_unit(line).await; }
    form.address.city.push('?');
    form.age += ask(form.address.city.clone()).await;
    format!("{} {} {}", form.address.city, form.age, form.name)
} }

same! { [()] async fn of_tuples() -> String {
    let pair = (ask_text("a").await, (ask_text("b").await, ask_text("c").await), ask("d").await);
    log(pair.0);
    ask("first").await;
    let (b, _) = pair.1;
    ask("second").await;
    log(pair.1.1);
    ask("third").await;
    format!("{b} {}", pair.2)
} }

same! { [()] async fn by_patterns() -> String {
    let form = crate::parts::Form::of(ask("form").await);
    let crate::parts::Form { name, address: crate::parts::Address { street, ref city, .. }, .. } = form;
    log(city);
    let x = ask_text(format!("{name} {street}")).await;
    x + &form.email + &form.address.city + &form.address.lines.join(" ")
} }

same! { [()] async fn in_one_branch_only() -> String {
    let form = crate::parts::Form::of(ask("form").await);
    let mut text = String::new();
    if ask_bool("branch").await {
        text = form.email;
    } else if form.is_old() {
        text = ask_text(&form.name).await;
    }
    let other = ask("other").await;
    match form.r#type {
        Some(kind) => { log(ask("kind").await); log(kind); }
        None => log_it().to_string().into_bytes().iter().for_each(|b| { log(b); }),
    }
    format!("{text} {other} {} {}", form.name, form.address.city)
} }

same! { [()] async fn in_loops() -> u32 {
    let mut sum = 0;
    while sum < 5 {
        let form = crate::parts::Form::of(ask("form").await);
        let email = form.email;
        sum += ask(&email).await + 1;
        for i in 0..form.age {
            if i > ask(&form.name).await { break; }
            sum += form.address.city.len() as u32;
        }
        if sum == 4 { drop(form.address); continue; }
        log(form.address.lines.len());
    }
    sum
} }

same! { [()] async fn moved_by_calls_and_closures() -> String {
    let form = crate::parts::Form::of(ask("form").await);
    let shout = move |text: &str| format!("{} {text}", form.email);
    let shouted = shout("!");
    let bytes = crate::parts::Form::of(1).email.into_bytes().len();
    let city = form.address.city.into_boxed_str();
    let n = ask(shouted).await;
    let taken = form.r#type.unwrap_or_default();
    log(ask(taken).await);
    format!("{bytes} {city} {} {n}", form.name)
} }

same! { [()] async fn set_anew() -> String {
    let mut form = crate::parts::Form::of(ask("form").await);
    let email = form.email;
    form = crate::parts::Form::of(ask(email).await);
    let name = form.name;
    ask(name).await;
    form.email.push('x');
    form.email
} }

same! { [()] async fn what_is_copied_is_still_there() -> u32 {
    let form = crate::parts::Form::of(ask("form").await);
    let twice = form.age * 2;
    let email = ask_text(form.email).await;
    log(email);
    ask("again").await + form.age + twice + form.name.len() as u32
} }

same! { [()] async fn borrowed_parts() -> String {
    let form = crate::parts::Form::of(ask("form").await);
    log(form.email);
    let name = &form.name;
    let city = form.address.city.as_str();
    let n = ask(name).await;
    let m = ask(city).await;
    for line in &form.address.lines { log(ask(line).await); }
    format!("{name} {city} {n} {m}")
} }

same! { [()] async fn two_ways_to_one_place() -> String {
    let form = crate::parts::Form::of(ask("form").await);
    let mut texts = Vec::new();
    loop {
        match ask("which").await {
            0 => { texts.push(form.email); break; }
            1 => { texts.push(form.name); ask("one").await; texts.push(form.email); break; }
            2 if texts.len() < 3 => { texts.push(ask_text(&form.email).await); }
            _ => { ask("else").await; return form.name + &form.email; }
        }
    }
    ask("end").await;
    format!("{texts:?} {}", form.address.street)
} }

same! { [()] async fn a_part_of_self_hidden_by_a_name() -> String {
    let form = crate::parts::Form::of(ask("form").await);
    let x = {
        let form = form.email;
        ask_text(&form).await + &form
    };
    let form = (form.name, x);
    log(form.1);
    ask("last").await;
    form.0
} }

/// Only what is left is on disk.
#[test]
fn saves_the_parts_that_are_left() {
    let manifest = stube::manifest();
    let locals = |state: &str| {
        let states = &manifest.flows["of_an_argument"].states;
        let state = states.iter().find(|known| known.name == state).expect("the flow waits there");
        state.locals.iter().map(|local| local.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(locals("Start"), ["form"]);
    assert_eq!(locals("Ask"), ["form.address.city", "form.address.street", "form.name", "form.type", "email"]);
    assert_eq!(locals("Ask2"), ["form.address.city", "form.address.street", "form.type", "email", "name"]);
    assert_eq!(locals("Ask3"), ["form.address.city", "form.type", "email", "name"]);
}

/// A kind of no default.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum Step {
    First,
    Then(u32),
}

same! { calls {
    async fn edit(lines: Vec<String>, limit: usize) -> [Vec<String>] {
        let mut lines = lines;
        while lines.len() < limit && ask_bool("one more").await { lines.push(ask_text("line").await); }
        lines
    }
    async fn advance(step: crate::parts::Step) -> [crate::parts::Step] {
        match (step, ask("advance").await) {
            (crate::parts::Step::First, n) => crate::parts::Step::Then(n),
            (crate::parts::Step::Then(m), n) if n > 1 => crate::parts::Step::Then(m + n),
            _ => crate::parts::Step::First,
        }
    }
} [()] async fn a_part_that_is_put_back() -> String {
    let mut form = crate::parts::Form::of(ask("form").await);
    let mut pair = (crate::parts::Step::First, 0);
    form.address.lines = edit(form.address.lines, 4).await;
    log(format!("{form:?}"));
    for _ in 0..2 {
        pair.0 = advance(pair.0).await;
        pair.1 = pair.1 * 2 + ask("twice").await;
        form.email = form.email + &ask_text(&form.name).await;
        form.r#type = match form.r#type { Some(text) => Some(ask_text(text).await), None => { ask_unit("none").await; None } };
    }
    log(format!("{pair:?}"));
    form.email += &form.email.clone();
    format!("{form:?} {}", form.is_old())
} }
