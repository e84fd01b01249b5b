//! `flows.lock`: the file against the code of this program.
//!
//! An edit of the code is stood for by the opposite edit of the file.

use std::fs;
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stube::evolution::lock::{Compatibility, Lock, Mode, Report, compare};
use stube::record::{Lineage, Record, WriteFor};
use stube::testing::TestConversation;
use stube::{Component, Confirm, Prompt, component, flow};
use tempfile::TempDir;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Address {
    street: String,
    #[serde(default)]
    floor: u8,
}

#[derive(Debug, Serialize, Deserialize)]
struct AskAddress {
    of: String,
}

#[component]
impl Component for AskAddress {
    type Answer = Address;
}

#[flow]
async fn delivery(name: String) -> String {
    let address = AskAddress { of: name.clone() }.await;
    #[default = 3]
    let mut tries = 3_u8;
    while !Confirm::new(format!("{}?", address.street)).await {
        tries -= 1;
    }
    let note = Prompt::new("A note?").await;
    format!("{name} {} {note} {tries}", address.street)
}

struct Files {
    dir: TempDir,
}

impl Files {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("flows.lock")
    }

    fn write(&self, text: &str) {
        fs::write(self.path(), text).unwrap();
    }

    fn read(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    fn compare(&self, mode: Mode) -> Result<Report, String> {
        compare(&self.path(), mode)
    }

    /// The file as the version before would have written it.
    fn before(change: impl Fn(&str) -> String) -> Self {
        let files = Self::new();
        let (now, before) = (Lock::current().to_text(), change(&Lock::current().to_text()));
        assert_ne!(now, before, "the version before was another one");
        files.write(&before);
        files
    }
}

/// In the state `Confirm` of `delivery`, replaces one text by another, and the fingerprint by that of another schema.
fn in_confirm<'a>(from: &'a str, to: &'a str) -> impl Fn(&str) -> String + 'a {
    move |lock| {
        let mut lock: serde_json::Value = serde_json::from_str(lock).unwrap();
        let state = &mut lock["flows"]["delivery"]["states"]["Confirm"];
        let text = serde_json::to_string(state).unwrap();
        assert!(text.contains(from), "{text}");
        *state = serde_json::from_str(&text.replace(from, to)).unwrap();
        state["schema"] = "000000000001".into();
        Lock::parse(&lock.to_string()).unwrap().to_text()
    }
}

fn compatibility(report: &Report, of: &str, state: &str) -> Compatibility {
    let found = report.findings.iter().find(|finding| finding.component == of && finding.state == state);
    found.unwrap_or_else(|| panic!("{of} {state} is there")).compatibility.clone()
}

#[test]
fn a_file_that_is_not_there_is_asked_for_and_written() {
    let files = Files::new();
    let problem = files.compare(Mode::Check).unwrap_err();
    assert!(problem.contains("does not exist yet. `STUBE_LOCK=update cargo test flows_lock` writes it"), "{problem}");
    assert!(!files.path().exists());
    files.compare(Mode::Update).unwrap();
    let text = files.read();
    let report = files.compare(Mode::Check).unwrap();
    assert!(report.findings.iter().all(|finding| finding.compatibility == Compatibility::Unchanged));
    files.compare(Mode::Update).unwrap();
    assert_eq!(files.read(), text);
    assert_eq!(fs::read_dir(files.dir.path()).unwrap().count(), 1);
}

#[test]
fn it_says_what_is_saved_where() {
    let text = Lock::current().to_text();
    let lock: serde_json::Value = serde_json::from_str(&text).unwrap();
    let confirm = &lock["flows"]["delivery"]["states"]["Confirm"];
    assert_eq!(confirm["locals"], serde_json::json!({ "name": "String", "address": "Address", "tries": "u8" }));
    assert_eq!((&confirm["awaits"], &confirm["answer"]), (&"confirm".into(), &"bool".into()));
    assert_eq!(lock["types"]["Address"], serde_json::json!({ "street": "String", "floor": "u8" }));
    assert_eq!(lock["components"]["ask_address"]["fields"], serde_json::json!({ "of": "String" }));
    // In the order of the code, and not that of the letters.
    assert!(text.find("\"Address\": {").unwrap() < text.find("\"Note\": {").unwrap());
    assert_eq!(Lock::parse(&text).unwrap().to_text(), text);
}

#[test]
fn an_additive_edit_is_named_and_its_old_shape_is_kept() {
    let files = Files::before(in_confirm(",\"tries\":\"u8\"", ""));
    let problem = files.compare(Mode::Check).unwrap_err();
    assert!(problem.contains("No conversation is stranded"), "{problem}");
    assert!(problem.contains("additive: delivery, waiting in Confirm"), "{problem}");
    assert!(problem.contains("`tries` is new and gets its default: 3"), "{problem}");
    let report = files.compare(Mode::Update).unwrap();
    assert!(matches!(compatibility(&report, "delivery", "Confirm"), Compatibility::Additive(_)));
    assert_eq!(files.read().matches("000000000001").count(), 1);
    // From now on the old shape is looked at each time, because somebody may still wait in it.
    let report = files.compare(Mode::Check).unwrap();
    let old = report.findings.iter().find(|finding| finding.schema == "000000000001").unwrap();
    assert!(matches!(old.compatibility, Compatibility::Additive(_)));
    files.compare(Mode::Update).unwrap();
    assert_eq!(files.read().matches("000000000001").count(), 1);
}

#[test]
fn a_breaking_edit_names_the_local_the_line_and_what_to_write_and_nothing_is_written() {
    let files = Files::before(in_confirm("\"name\":\"String\",", ""));
    let before = files.read();
    for mode in [Mode::Check, Mode::Update] {
        let problem = files.compare(mode).unwrap_err();
        let line = include_str!("lock.rs").lines().position(|line| line.contains("while !Confirm")).unwrap() + 1;
        assert!(
            problem.contains(&format!("BREAKING: delivery, waiting in Confirm  (tests/evolution/lock.rs:{line})")),
            "{problem}"
        );
        assert!(
            problem.contains("`name` is new and has no default; write `#[default = ..]` on its `let`"),
            "{problem}"
        );
        assert_eq!(files.read(), before);
    }
    files.compare(Mode::Overwrite).unwrap();
    assert_eq!(files.read(), Lock::current().to_text());
}

#[test]
fn a_type_that_changed_inside_is_found_in_the_state_that_holds_it() {
    let files = Files::before(|lock| {
        in_confirm("u8", "u8")(lock).replace("\"floor\": \"u8\"", "\"floor\": \"u8\",\n      \"door\": \"String\"")
    });
    let problem = files.compare(Mode::Check).unwrap_err();
    assert!(problem.contains("`address.door` was removed; its saved value is dropped"), "{problem}");
    let files = Files::before(|lock| in_confirm("u8", "u8")(lock).replace("\"floor\": \"u8\"", "\"floor\": \"u32\""));
    let problem = files.compare(Mode::Check).unwrap_err();
    assert!(problem.contains("`address.floor` was u32 and is u8"), "{problem}");
    let files = Files::before(|lock| in_confirm("u8", "u8")(lock).replace("\"floor\": \"u8\",", ""));
    let problem = files.compare(Mode::Check).unwrap_err();
    assert!(problem.contains("`address.floor` is new and gets its default"), "{problem}");
}

#[test]
fn what_is_gone_is_breaking() {
    let files = Files::before(|lock| lock.replace("\"delivery\": {", "\"pickup\": {"));
    let problem = files.compare(Mode::Check).unwrap_err();
    assert!(problem.contains("BREAKING: pickup, waiting in Note"), "{problem}");
    assert!(problem.contains("write `#[flow(was = \"pickup\")]` on the one that replaces it"), "{problem}");
    let files = Files::before(|lock| lock.replace("\"Note\": {", "\"Remark\": {"));
    let problem = files.compare(Mode::Check).unwrap_err();
    assert!(problem.contains("write `#[at(\"..\", was = \"Remark\")]` on the statement that replaces it"), "{problem}");
    let files = Files::before(|lock| lock.replace("\"ask_address\": {", "\"ask_where\": {"));
    let problem = files.compare(Mode::Check).unwrap_err();
    assert!(problem.contains("write `#[component(was = \"ask_where\")]`"), "{problem}");
}

#[test]
fn what_is_no_lock_is_refused_and_left_alone() {
    for text in ["", "{}", "no lock", "{\"flows\":{},\"components\":{},\"types\":{},\"more\":1}"] {
        let files = Files::new();
        files.write(text);
        for mode in [Mode::Check, Mode::Update] {
            let problem = files.compare(mode).unwrap_err();
            assert!(problem.contains("not a schema lock file"), "{problem}");
            assert_eq!(files.read(), text);
        }
    }
}

// ---- A lock that is a part of the program -------------------------------------------------------------------------

#[flow]
async fn guarded() -> String {
    let mut said = String::new();
    said += &Prompt::new("First?").await;
    said + &Prompt::new("Second?").await
}

/// What the versions up to this one wrote: the state `Prompt` with the schema `00000000000a`, too.
const GUARDED: &str = r#"{"flows":{"guarded":{"answer":"String","states":{}}},"components":{},"types":{},
    "previous":[{"component":"guarded","state":"Prompt","schema":"00000000000a"}]}"#;

stube::__private::inventory::submit! { stube::evolution::lock::Embedded(GUARDED) }

fn with_schema(schema: &str) -> Result<TestConversation, stube::record::Reason> {
    const BEFORE: &str = r#""type":"guarded","schema":""#;
    let record = String::from_utf8(TestConversation::start(guarded()).bytes().to_vec()).unwrap();
    let at = record.find(BEFORE).unwrap() + BEFORE.len();
    let changed = format!("{}{schema}{}", &record[..at], &record[at + schema.len()..]);
    let content = &changed[..changed.find(",\"sum\":").unwrap()];
    let record = format!("{content},\"sum\":\"{}\"}}\n", HEXLOWER.encode(&Sha256::digest(content)));
    TestConversation::load(record.as_bytes())
}

#[test]
fn a_record_of_a_later_version_is_left_alone_by_a_program_that_knows_its_versions() {
    assert!(with_schema("00000000000a").is_ok());
    let reason = with_schema("00000000000b").unwrap_err().to_string();
    assert!(
        reason.contains("written by another version of the program: this one does not know that schema of `Prompt`"),
        "{reason}"
    );
}

// ---- Two releases at once -----------------------------------------------------------------------------------------

/// What the release before had.
#[flow]
async fn rolled_before(name: String) -> String {
    let size = Prompt::new("Which size?").await;
    let sure = Confirm::new("Sure?").await;
    format!("{name} {size} {sure}")
}

/// The next one: one more local, which is what its default says until `many` is typed.
#[flow]
async fn rolled(name: String) -> String {
    #[default = 1]
    let mut cups = 1_u32;
    let size = Prompt::new("Which size?").await;
    if size == "many" {
        cups = 7;
    }
    let sure = Confirm::new("Sure?").await;
    format!("{name} {size} {sure} {cups}")
}

const ROLLED: &str = r#"{"flows":{"rolled":{"answer":"String","states":{}}},"components":{},"types":{},"previous":[
    {"component":"rolled","state":"Size","schema":"3b35b4ce8f83","questions":"*11111111"},
    {"component":"rolled","state":"Sure","schema":"6ed1d7b71d00","questions":"*22222222",
     "locals":{"name":"String","size":"String"}}]}"#;

stube::__private::inventory::submit! { stube::evolution::lock::Embedded(ROLLED) }

/// The record in the state `Sure`, for the release before too.
fn for_both(size: &str) -> String {
    let mut here = TestConversation::start(rolled("ada".into()));
    here.answer::<Prompt>(size.into());
    let record =
        Record::encode_for(WriteFor::PreviousRelease, here.conversation().unwrap(), Lineage::for_test(1)).unwrap();
    String::from_utf8(record.bytes().to_vec()).unwrap()
}

fn with_sum(record: &str) -> Vec<u8> {
    let content = &record[..record.find(",\"sum\":").unwrap()];
    format!("{content},\"sum\":\"{}\"}}\n", HEXLOWER.encode(&Sha256::digest(content))).into_bytes()
}

#[test]
fn a_state_that_only_lacks_defaults_is_written_for_the_release_before() {
    let lock: serde_json::Value = serde_json::from_str(&Lock::current().to_text()).unwrap();
    let before = lock["flows"]["rolled_before"]["states"]["Sure"]["schema"].as_str().unwrap();
    assert!(ROLLED.contains(before), "{before} is the schema of the previous release");
    let record = for_both("large");
    assert!(record.contains(before) && !record.contains("cups"), "{record}");
    // The release before goes on with it, and so does this one.
    let mut old = TestConversation::load(&with_sum(&record.replace("\"rolled\"", "\"rolled_before\""))).unwrap();
    old.answer::<Confirm>(true);
    assert_eq!(old.result::<String>(), "ada large true");
    let mut new = TestConversation::load(record.as_bytes()).unwrap();
    new.answer::<Confirm>(true);
    assert_eq!(new.result::<String>(), "ada large true 1");
}

#[test]
fn a_state_that_holds_more_is_written_as_it_is_and_loses_nothing() {
    let record = for_both("many");
    assert!(record.contains("\"cups\":7"), "{record}");
    let mut new = TestConversation::load(record.as_bytes()).unwrap();
    new.answer::<Confirm>(true);
    assert_eq!(new.result::<String>(), "ada many true 7");
    let mut here = TestConversation::start(rolled("ada".into()));
    here.answer::<Prompt>("large".into());
    assert!(here.record().to_string().contains("\"cups\":1"), "nobody asked for the release before");
}
