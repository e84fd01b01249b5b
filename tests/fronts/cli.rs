//! The command, by itself and with the flows of an application: this program, if its first argument is `app`.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use serde_json::Value;
use stube::record::Record;
use stube::runtime::Runtime;
use stube::testing::TestConversation;
use stube::{Confirm, ConversationId, FileStore, Owner, Prompt, SqliteStore, Store, flow};
use tempfile::TempDir;

#[flow]
async fn order(name: String) -> String {
    let size = Prompt::new("Which size?").await;
    if Confirm::new(format!("A {size} one for {name}?")).await { size } else { "nothing".to_owned() }
}

/// What `order` was in a version before.
#[flow(was = "ordering")]
async fn later(name: String) -> String {
    #[default = 1]
    let cups = 1_u32;
    let size = Prompt::new("Which size?").await;
    format!("{cups} {size} for {name}")
}

#[flow(name = "closed")]
#[migrate(|_: stube::evolution::migration::SavedState| retire("closed".to_owned()))]
async fn closed() -> String {
    #[at("Nowhere")]
    let text = Prompt::new("?").await;
    text
}

/// Something that a command is to do to a store with three conversations.
type Test = fn(Place);

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().collect();
    if args.get(1).is_some_and(|first| first == "app") {
        return stube::cli::Command::new().main_from(args.into_iter().skip(1));
    }
    let tests: &[(&str, Test)] = &[
        ("ls", ls),
        ("show", show),
        ("check_and_migrate", check_and_migrate),
        ("edit", edit),
        ("fork_end_and_rm", fork_end_and_rm),
        ("export_and_import", export_and_import),
        ("doctor", doctor),
    ];
    let wanted: Vec<_> = args[1..].iter().filter(|arg| !arg.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| name.contains(wanted.as_str()));
    let mut ran = 0;
    for (name, test) in tests.iter().filter(|(name, _)| is_wanted(name)) {
        for kind in [Kind::Files, Kind::Sqlite] {
            test(Place::new(kind));
            println!("test {name} on {kind:?} ... ok");
            ran += 1;
        }
    }
    let alone: &[(&str, fn())] = &[("places", places), ("graph", graph), ("help", help)];
    for (name, test) in alone.iter().filter(|(name, _)| is_wanted(name)) {
        test();
        println!("test {name} ... ok");
        ran += 1;
    }
    println!("\ntest result: ok. {ran} passed");
    ExitCode::SUCCESS
}

// ---- A store and the command --------------------------------------------------------------------------------------

#[derive(Debug, Clone, Copy)]
enum Kind {
    Files,
    Sqlite,
}

struct Place {
    kind: Kind,
    dir: TempDir,
}

struct Said {
    status: i32,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }

    #[track_caller]
    fn ok(self) -> Self {
        assert_eq!(self.status, 0, "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    fn fails(self, status: i32, text: &str) -> Self {
        assert!(self.status == status && self.err.contains(text), "{}: {}{}", self.status, self.out, self.err);
        self
    }
}

impl Place {
    fn new(kind: Kind) -> Self {
        let place = Self { kind, dir: TempDir::new().unwrap() };
        if let Kind::Files = kind {
            fs::create_dir(place.path()).unwrap();
        }
        place
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join(match self.kind {
            Kind::Files => "records",
            Kind::Sqlite => "records.db",
        })
    }

    fn store(&self) -> Arc<dyn Store> {
        match self.kind {
            Kind::Files => Arc::new(FileStore::open(self.path()).unwrap()),
            Kind::Sqlite => Arc::new(SqliteStore::open(self.path()).unwrap()),
        }
    }

    /// Does something with the store, and closes it again.
    fn with<T>(&self, work: impl AsyncFnOnce(Arc<dyn Store>) -> T) -> T {
        let executor = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        executor.block_on(work(self.store()))
    }

    /// Three conversations: two in `Size`, one of them with an owner, and one in `Confirm`.
    fn filled(&self) -> [ConversationId; 3] {
        self.with(async |store| {
            let runtime = Runtime::open(store).unwrap();
            let first = runtime.start(order("ada".into())).await.unwrap().id;
            let second = runtime.start_for(Owner::new("grace").unwrap(), order("grace".into())).await.unwrap().id;
            let third = runtime.start(order("alan".into())).await.unwrap().id;
            let turn = runtime.render(third).await.unwrap().waiting().unwrap()[0].turn;
            runtime.answer::<Prompt>(third, turn, "large".into()).await.unwrap();
            [first, second, third]
        })
    }

    /// A conversation of `order`, as if it had been one of another flow.
    fn of_flow(&self, name: &str) -> ConversationId {
        let here = TestConversation::start(order("ada".into()));
        let text = String::from_utf8(here.bytes().to_vec()).unwrap();
        let text = text.replace("\"flow\":\"order\"", &format!("\"flow\":\"{name}\""));
        self.save(&text.replace("\"type\":\"order\"", &format!("\"type\":\"{name}\"")))
    }

    fn save(&self, record: &str) -> ConversationId {
        let record = Record::parse(with_sum(record)).unwrap();
        let id = record.id();
        let saved = self.with(async |store| format!("{:?}", store.save(&record, None).await));
        assert_eq!(saved, "Applied");
        id
    }

    fn bytes(&self, id: ConversationId) -> Vec<u8> {
        self.with(async |store| store.load(id).await.unwrap().unwrap().bytes().to_vec())
    }

    fn run(&self, program: &Path, first: &[&str], args: &[&str], input: &str, editor: &str) -> Said {
        let mut command = Command::new(program);
        command.args(first).args(["--store", self.path().to_str().unwrap()]).args(args);
        command.env("EDITOR", editor).env_remove("VISUAL").env("TMPDIR", self.dir.path());
        said(command, input)
    }

    /// With the flows of this program.
    fn app(&self, args: &[&str]) -> Said {
        self.run(&std::env::current_exe().unwrap(), &["app"], args, "", "false")
    }

    /// Without any.
    fn bare(&self, args: &[&str]) -> Said {
        self.run(Path::new(env!("CARGO_BIN_EXE_stube")), &[], args, "", "false")
    }
}

fn said(mut command: Command, input: &str) -> Said {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { status: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

fn with_sum(record: &str) -> Vec<u8> {
    use sha2::Digest;
    let content = &record[..record.find(",\"sum\":").unwrap()];
    format!("{content},\"sum\":\"{}\"}}\n", data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(content))).into_bytes()
}

// ---- The verbs ----------------------------------------------------------------------------------------------------

fn ls(place: Place) {
    let [first, second, third] = place.filled();
    let ids = |args: &[&str]| -> Vec<String> {
        let listed = place.bare(&[&["ls"], args].concat()).ok().json();
        listed.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    let mut all = [first, second, third].map(|id| id.to_string());
    all.sort();
    assert_eq!(ids(&[]), all);
    assert_eq!(ids(&["--limit", "2"]), all[..2]);
    assert_eq!(ids(&["--state", "Confirm"]), [third.to_string()]);
    assert_eq!(ids(&["--owner", "grace"]), [second.to_string()]);
    assert_eq!(ids(&["--waits-for", "confirm", "--flow", "order"]), [third.to_string()]);
    assert!(ids(&["--older-than", "1h"]).is_empty() && ids(&["--ended"]).is_empty());
    assert_eq!(ids(&["--going-on"]).len(), 3);
    let counted = place.bare(&["ls", "--count"]).ok().json();
    let counted: Vec<_> =
        counted.iter().map(|row| (row["state"].as_str().unwrap(), row["conversations"].as_u64())).collect();
    assert_eq!(counted, [("Confirm", Some(1)), ("Size", Some(2))]);
    let table = place.bare(&["ls", "--table"]).ok().out;
    assert!(table.contains("waits for") && table.lines().count() == 4, "{table}");
    place.bare(&["ls", "--older-than", "soon"]).fails(2, "invalid value 'soon'");
    place.bare(&["ls", "--ended", "--going-on"]).fails(2, "cannot be used with");
}

fn show(place: Place) {
    let [first, _, third] = place.filled();
    let shown = place.bare(&["show", &third.to_string()]).ok();
    let record: Value = serde_json::from_slice(&place.bytes(third)).unwrap();
    assert_eq!(shown.json(), [record]);
    let table = place.app(&["show", &first.to_string(), "--table"]).ok().out;
    for expected in ["started as  order", "in Size, for prompt", "in this program it goes on", "\"name\": \"ada\""] {
        assert!(table.contains(expected), "{expected} in {table}");
    }
    let other = ConversationId::from_bits([9; 16]).to_string();
    place.bare(&["show", &other]).fails(1, &format!("there is no conversation {other}"));
    place.bare(&["show", "cv-nonsense"]).fails(2, "invalid value");
}

fn check_and_migrate(place: Place) {
    place.filled();
    assert!(place.app(&["check"]).ok().json().iter().all(|row| row["verdict"] == "unchanged"));
    place.bare(&["check"]).fails(1, "needs the flows of your application");
    let lock = place.dir.path().join("flows.lock");
    fs::write(&lock, stube::evolution::lock::Lock::current().to_text()).unwrap();
    let lock = lock.to_str().unwrap();
    assert!(place.bare(&["check", "--lock", lock]).ok().json().iter().all(|row| row["verdict"] == "unchanged"));
    let text = fs::read_to_string(lock).unwrap();
    fs::write(lock, text.replace("\"Size\": {", "\"Gone\": {")).unwrap();
    let rows = place.bare(&["check", "--lock", lock]).fails(1, "").json();
    assert!(
        rows.iter().any(|row| row["state"] == "Size"
            && row["conversations"] == 2
            && row["verdict"] == "breaking: the file has no such schema of order in Size"),
        "{rows:?}"
    );
    fs::write(lock, "[]").unwrap();
    place.bare(&["check", "--lock", lock]).fails(1, "not a schema lock file");

    // One of a version before, which goes on; and later one that ends.
    let changed = place.of_flow("ordering");
    let rows = place.app(&["check"]).ok().json();
    assert!(rows.iter().any(|row| row["flow"] == "ordering" && row["verdict"] == "goes on, changed"), "{rows:?}");
    let before = place.bytes(changed);
    let rows = place.app(&["migrate"]).ok().json();
    assert_eq!((rows.len(), &rows[0]["verdict"]), (1, &"would be written: goes on, changed".into()));
    assert_eq!(place.bytes(changed), before);
    assert_eq!(place.app(&["migrate", "--apply"]).ok().json()[0]["verdict"], "written");
    let after: Value = serde_json::from_slice(&place.bytes(changed)).unwrap();
    assert_eq!(after["flow"], "later");
    assert_eq!(after["revision"], 2);
    assert_eq!(after["body"]["root"]["stack"][0]["state"]["Size"]["cups"], 1);
    assert!(place.app(&["migrate", "--apply"]).ok().out.is_empty());
    place.bare(&["migrate"]).fails(1, "needs the flows");
    place.app(&["rm", "--yes", &changed.to_string()]).ok();
    let ended = place.of_flow("closed");
    assert!(place.app(&["check"]).ok().json().iter().any(|row| row["verdict"] == "ends, or is handed on"));
    place.app(&["migrate", "--apply"]).ok();
    let after: Value = serde_json::from_slice(&place.bytes(ended)).unwrap();
    assert_eq!((&after["body"]["result"], after.get("awaits")), (&"closed".into(), None));
    place.app(&["rm", "--yes", &ended.to_string()]).ok();

    // One that nobody knows is left alone, and said.
    let unknown = place.of_flow("gone");
    let before = place.bytes(unknown);
    let rows = place.app(&["check"]).fails(1, "").json();
    assert!(rows.iter().any(|row| {
        row["verdict"].as_str().unwrap().starts_with("breaking: the component `gone` is not in this program")
    }));
    let rows = place.app(&["migrate", "--apply"]).fails(1, "").json();
    assert!(rows[0]["verdict"].as_str().unwrap().starts_with("left alone, breaking"), "{rows:?}");
    assert_eq!(place.bytes(unknown), before);
}

/// An editor that runs this on the file.
fn editor(place: &Place, script: &str) -> String {
    let path = place.dir.path().join("editor.sh");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn edit(place: Place) {
    let [first, ..] = place.filled();
    let id = first.to_string();
    let this = std::env::current_exe().unwrap();
    let run = |script: &str| place.run(&this, &["app"], &["edit", &id], "", &editor(&place, script));
    assert!(run("sed -i 's/\"ada\"/\"Ada Lovelace\"/' \"$1\"").ok().out.contains("saved as revision 2"));
    let text = String::from_utf8(place.bytes(first)).unwrap();
    assert!(text.contains("Ada Lovelace") && text.contains("\"schema\":"), "{text}");
    assert!(run("true").ok().out.contains("nothing was changed"));
    assert_eq!(place.bytes(first), text.as_bytes());
    // No legal state: nothing is saved, and what was written is kept.
    for (script, reason) in [
        ("sed -i 's/\"Size\"/\"Colour\"/' \"$1\"", "the code has no state `Colour`"),
        ("sed -i 's/\"name\": \"Ada Lovelace\"/\"name\": 7/' \"$1\"", "does not fit its code"),
        ("sed -i 's/\"name\"/\"nome\"/' \"$1\"", "was saved without `name`"),
        ("echo '{' > \"$1\"", "the text is not JSON"),
    ] {
        let refused = run(script).fails(1, reason);
        let kept = refused.err.trim().rsplit(' ').next().unwrap().to_owned();
        assert!(Path::new(&kept).exists(), "{}", refused.err);
        assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_file(kept).unwrap();
        assert_eq!(place.bytes(first), text.as_bytes());
    }
    run("exit 3").fails(1, "the editor failed");
    place.bare(&["edit", &id]).fails(1, "needs the flows");
    if let Kind::Sqlite = place.kind {
        // Somebody answers meanwhile: the conversation is as that left it.
        let other = format!("{} app --store {} edit {id}", this.display(), place.path().display());
        let inner = editor_at(&place, "inner.sh", "sed -i 's/Ada Lovelace/Countess/' \"$1\"");
        let script = format!("EDITOR={inner} {other} >/dev/null && sed -i 's/Ada Lovelace/Nobody/' \"$1\"");
        run(&script).fails(1, "another process changed");
        assert!(String::from_utf8(place.bytes(first)).unwrap().contains("Countess"));
    }
}

fn editor_at(place: &Place, name: &str, script: &str) -> String {
    let path = place.dir.path().join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn fork_end_and_rm(place: Place) {
    let [first, second, third] = place.filled();
    let copy: ConversationId = place.bare(&["fork", &third.to_string()]).ok().out.trim().parse().unwrap();
    let (one, other) = (place.bytes(third), place.bytes(copy));
    let body = |bytes: &[u8]| Record::parse(bytes.to_vec()).unwrap().body().to_owned();
    assert_eq!(body(&one), body(&other));
    assert_eq!(Record::parse(other).unwrap().revision().number(), 1);
    place.app(&["end", &copy.to_string()]).ok();
    place.app(&["end", &copy.to_string()]).fails(1, "there is no conversation");
    place.bare(&["end", &first.to_string()]).fails(1, "needs the flows");
    place.bare(&["rm", &first.to_string()]).fails(1, "write `--yes`");
    place.bare(&["rm", "--yes", &first.to_string(), &second.to_string()]).ok();
    assert_eq!(place.bare(&["ls"]).ok().json().len(), 1);
    place.bare(&["rm", "--yes", &first.to_string()]).fails(1, "there is no conversation");
}

fn export_and_import(place: Place) {
    let ids = place.filled();
    let exported = place.bare(&["export"]).ok().out;
    for id in ids {
        assert!(exported.contains(std::str::from_utf8(&place.bytes(id)).unwrap()));
    }
    assert_eq!(place.bare(&["export", "--state", "Confirm"]).ok().out.lines().count(), 1);
    let file = place.dir.path().join("out.jsonl");
    let file = file.to_str().unwrap();
    place.bare(&["export", "--out", file]).ok();
    // In any order: a directory is read by several threads.
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&fs::read_to_string(file).unwrap()), sorted(&exported));
    place.bare(&["export", "--out", file]).fails(1, "exists");

    let other = Place::new(match place.kind {
        Kind::Files => Kind::Sqlite,
        Kind::Sqlite => Kind::Files,
    });
    other.with(async |_| ());
    assert!(other.bare(&["import", file]).ok().out.contains("3 saved, 0 in the store already, 0 refused"));
    assert!(other.bare(&["import", file]).ok().out.contains("0 saved, 3 in the store already"));
    ids.iter().for_each(|id| assert_eq!(place.bytes(*id), other.bytes(*id)));
    // What is there as something else is not overwritten, and a damaged line is named; the rest goes on.
    let changed = String::from_utf8(place.bytes(ids[0])).unwrap().replace("\"ada\"", "\"eve\"");
    let changed = String::from_utf8(with_sum(&changed)).unwrap();
    let input = format!("{changed}{{\"nonsense\":1}}\n\n{exported}");
    let program = Path::new(env!("CARGO_BIN_EXE_stube"));
    let said = other.run(program, &[], &["import", "-"], &input, "");
    let said = said
        .fails(1, "line 1: ")
        .fails(1, "is in the store already, with other content")
        .fails(1, "line 2: it is damaged");
    assert!(said.out.contains("0 saved, 3 in the store already, 2 refused"), "{}", said.out);
    assert_eq!(other.bytes(ids[0]), place.bytes(ids[0]));
}

fn doctor(place: Place) {
    let [first, ..] = place.filled();
    assert_eq!(place.bare(&["doctor"]).ok().json()[0]["sound"], 3);
    let unknown = place.of_flow("gone");
    // By itself the command does not know that the flow is gone.
    assert_eq!(place.bare(&["doctor"]).ok().json()[0]["sound"], 4);
    let rows = place.app(&["doctor"]).fails(1, "").json();
    assert_eq!((rows.len(), rows[0]["entry"].as_str()), (2, Some(unknown.to_string().as_str())));
    if let Kind::Files = place.kind {
        let path = place.path().join(format!("{first}.json"));
        let mut bytes = fs::read(&path).unwrap();
        bytes[100] ^= 1;
        fs::write(&path, bytes).unwrap();
        let rows = place.bare(&["doctor"]).fails(1, "").json();
        assert!(rows[0]["reason"].as_str().unwrap().contains("damaged"), "{rows:?}");
        place.bare(&["show", &first.to_string()]).fails(1, "damaged");
        place.bare(&["rm", "--yes", &first.to_string()]).fails(1, "damaged");
        assert!(path.exists());
        // While a program has the directory, the command says so.
        let _held = place.store();
        place.bare(&["ls"]).fails(3, "");
    }
}

fn places() {
    let bare = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stube"));
        command.args(args).env_remove("STUBE_STORE");
        said(command, "")
    };
    bare(&["ls"]).fails(1, "no store is given: write `--store PLACE` or set STUBE_STORE");
    bare(&["ls", "--store", "/nowhere"]).fails(3, "/nowhere is not a directory");
    bare(&["ls", "--store", "sqlite:/nowhere.db"]).fails(3, "/nowhere.db is not a file");
    bare(&["ls", "--store", "/nowhere.sqlite3"]).fails(3, "/nowhere.sqlite3 is not a file");
    if !cfg!(feature = "postgres") {
        bare(&["ls", "--store", "postgres://localhost/x"]).fails(3, "built without Postgres");
    }
    bare(&["dance"]).fails(2, "unrecognized subcommand 'dance'");
}

fn graph() {
    let app = |args: &[&str]| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("app").args(args);
        said(command, "")
    };
    assert_eq!(app(&["graph", "order"]).ok().out, stube::diagram("order").unwrap().mermaid());
    assert_eq!(app(&["graph", "order", "--as", "dot"]).ok().out, stube::diagram("order").unwrap().dot());
    let svg = app(&["graph", "order", "--as", "svg"]).ok().out;
    assert!(svg.starts_with("<svg ") && svg.contains(">Size (prompt)</text>") && svg.trim_end().ends_with("</svg>"));
    assert_eq!(svg.matches("<rect ").count(), 4);
    assert_eq!(svg.matches("marker-end").count(), 3);
    app(&["graph", "nothing"]).fails(1, "no flow is called `nothing`; there are closed, later, order");
}

fn help() {
    let bare = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stube"));
        command.args(args);
        said(command, "").ok().out
    };
    let help = bare(&["--help"]);
    for expected in ["Exit status: 0 success", "stube::cli::main()", "ls --count", "STUBE_STORE"] {
        assert!(help.contains(expected), "{expected} in {help}");
    }
    assert!(bare(&["man"]).contains(".TH stube 1"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(bare(&["completions", shell]).contains("older-than"), "{shell}");
    }
}
