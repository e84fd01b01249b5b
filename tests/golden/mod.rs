//! Golden records: one for each question of an example, written once for a release and read by every later build.
//!
//! They lie in `tests/golden/VERSION`. `STUBE_GOLDEN=write cargo test golden` adds those of this version that are not
//! there yet, and never touches one that is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use stube::testing::TestConversation;
use stube::{Choose, Confirm, Event, Info, Prompt, Value};

/// What a person does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    Text(&'static str),
    Choice(&'static str),
    Sure(bool),
    Seen,
    Form(&'static [(&'static str, Filled)]),
}

/// What stands in a field of a form.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Filled {
    Number(i64),
    Text(&'static str),
}

fn give(here: &mut TestConversation, answer: Answer) {
    match answer {
        Answer::Text(text) => here.answer::<Prompt>(text.to_owned()),
        Answer::Choice(choice) => here.answer::<Choose>(choice.to_owned()),
        Answer::Sure(sure) => here.answer::<Confirm>(sure),
        Answer::Seen => here.answer::<Info>(()),
        Answer::Form(fields) => {
            let event = fields.iter().fold(Event::new("ok"), |event, (name, filled)| {
                event.with(
                    *name,
                    match filled {
                        Filled::Number(number) => Value::Integer(*number),
                        Filled::Text(text) => Value::Text((*text).to_owned()),
                    },
                )
            });
            here.send(event);
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The states in which it waits, the outermost first: `stay.Price.Confirm`.
fn waits(here: &TestConversation) -> String {
    let conversation = here.conversation().expect("it goes on");
    let mut path = vec![conversation.bottom().name()];
    path.extend(conversation.instances().into_iter().filter_map(|instance| instance.state()));
    path.join(".")
}

/// Walks through an example, and goes on from each golden record of it, of every version, to the same end.
pub(crate) fn walk(start: impl Fn() -> TestConversation, answers: &[Answer]) {
    let mut here = start();
    let name = here.conversation().expect("it asks something").bottom().name();
    let mut asked = Vec::new();
    for answer in answers {
        asked.push((waits(&here), here.bytes().to_vec()));
        give(&mut here, *answer);
    }
    assert!(here.has_ended(), "{name}: the answers lead to the end");
    let result = here.record()["body"]["result"].clone();
    let own = folder().join(env!("CARGO_PKG_VERSION"));
    if std::env::var("STUBE_GOLDEN").is_ok_and(|mode| mode == "write") {
        fs::create_dir_all(&own).expect("a folder");
        for (step, (waits, bytes)) in asked.iter().enumerate() {
            let path = own.join(format!("{name}-{step:02}-{waits}.json"));
            if !path.exists() {
                fs::write(path, bytes).expect("it is written");
            }
        }
    }
    let mut read = 0;
    for version in fs::read_dir(folder()).expect("the golden records").filter_map(Result::ok).map(|entry| entry.path())
    {
        if !version.is_dir() {
            continue;
        }
        let mut steps = BTreeSet::new();
        for path in fs::read_dir(&version).expect("a version").map(|entry| entry.expect("a file").path()) {
            let file = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
            let mut parts = file.splitn(3, '-');
            if parts.next() != Some(name) {
                continue;
            }
            let step: usize = parts.next().and_then(|step| step.parse().ok()).expect("a step");
            let bytes = fs::read(&path).expect("a record");
            let mut here = TestConversation::load(&bytes).unwrap_or_else(|reason| panic!("{file}: {reason}"));
            assert_eq!(Some(waits(&here).as_str()), parts.next(), "{file}");
            answers[step..].iter().for_each(|answer| give(&mut here, *answer));
            assert_eq!(here.record()["body"]["result"], result, "{file} comes to the same end");
            steps.insert(step);
            read += 1;
        }
        if version == own {
            let missing: Vec<_> = (0..answers.len()).filter(|step| !steps.contains(step)).collect();
            assert!(
                missing.is_empty(),
                "{name}: no record of the questions {missing:?}; STUBE_GOLDEN=write writes them"
            );
        }
    }
    assert!(read >= answers.len(), "{name}: only {read} records");
}

/// Whether the answers of the walks led through every state of these flows.
pub(crate) fn all_states_of(flows: &[&str]) {
    let manifest = stube::manifest();
    let files: Vec<_> = fs::read_dir(folder().join(env!("CARGO_PKG_VERSION"))).expect("the golden records").collect();
    let files: Vec<_> =
        files.into_iter().map(|file| file.expect("a file").file_name().into_string().unwrap()).collect();
    for flow in flows {
        for state in manifest.flows[*flow].states.iter().skip(1) {
            let name = format!(".{}.", state.name);
            assert!(files.iter().any(|file| file.contains(&name)), "no record waits in {} of {flow}", state.name);
        }
    }
}
