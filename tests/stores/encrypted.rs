//! Sealed records: what is in them is read by nobody, and what was done to them is found.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use stube::BoxError;
use stube::record::{MAX_BYTES, Reason, Record};
use stube::store::contract::{self, Harness};
use stube::store::encrypted::{Encrypted, InvalidKeyName, Keys};
use stube::store::{LoadError, WriteOutcome};
use stube::{ConversationId, ErrorKind, Event, FileStore, MemoryStore, Owner, Runtime, Store};

use crate::common::{Counter, all, send};

type Inner = Arc<MemoryStore>;

fn keys() -> Keys {
    Keys::new("now", [7; 32]).expect("it is a name")
}

fn sealed(inner: &Inner) -> Encrypted<Inner> {
    Encrypted::new(Arc::clone(inner), keys())
}

async fn stored(inner: &Inner, id: ConversationId) -> Record {
    inner.load(id).await.expect("memory can be read").expect("it is there")
}

/// Puts bytes in place of a record that whoever can write to the store has made, with a checksum that fits.
async fn forge(inner: &Inner, record: &Record, change: impl FnOnce(String) -> String) {
    let text = String::from_utf8(record.bytes().to_vec()).expect("a record is text");
    let content = change(text[..text.len() - 75].to_owned());
    let sum = HEXLOWER.encode(&Sha256::digest(content.as_bytes()));
    let forged =
        Record::parse(format!("{content},\"sum\":\"{sum}\"}}\n").into_bytes()).expect("it looks like a record");
    put(inner, &forged).await;
}

async fn put(inner: &Inner, record: &Record) {
    if let Some(there) = inner.load(record.id()).await.expect("memory can be read") {
        assert!(matches!(inner.delete(there.id(), there.revision()).await, WriteOutcome::Applied));
    }
    assert!(matches!(inner.save(record, None).await, WriteOutcome::Applied));
}

/// The reason why it does not open.
async fn refused(store: &impl Store, id: ConversationId) -> String {
    match store.load(id).await {
        Err(LoadError::Unreadable(left)) => {
            assert!(matches!(left.reason, Reason::Encrypted(_)) && left.id == Some(id), "{left:?}");
            left.reason.to_string()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_over_memory_and_files() {
    // The largest records cannot be sealed, which is said where they are saved.
    let broken = |report: &contract::Report| report.broken().iter().map(|promise| promise.number()).collect::<Vec<_>>();
    let report = contract::run(|| Encrypted::new(MemoryStore::new(), keys())).await;
    assert_eq!(broken(&report), [2, 19], "{report}");

    // What is overwritten there is not encrypted; the tests below do worse.
    struct Files(tempfile::TempDir);
    impl Harness for Files {
        type Store = Encrypted<FileStore>;

        async fn fresh(&mut self) -> Result<Self::Store, BoxError> {
            self.0 = tempfile::tempdir()?;
            Ok(Encrypted::new(FileStore::open(self.0.path())?, keys()))
        }

        async fn reopen(&mut self) -> Result<Option<Self::Store>, BoxError> {
            Ok(Some(Encrypted::new(FileStore::open(self.0.path())?, keys())))
        }
    }
    let report = contract::run(Files(tempfile::tempdir().expect("a directory"))).await;
    assert_eq!(broken(&report), [2, 19], "{report}");
    let too_large = report.to_string();
    assert_eq!(
        too_large.matches("BROKEN").count(),
        too_large.matches("NotApplied(Record(TooLarge(").count(),
        "{report}"
    );
}

#[tokio::test]
async fn what_is_stored_tells_nothing_but_its_header() {
    let inner = Inner::default();
    let runtime = Runtime::open(sealed(&inner)).expect("it opens");
    let owner = Owner::new("ada").expect("it is short");
    let id = runtime.start_for(owner, Counter::new()).await.expect("it starts").id;
    let note = Event::new("note").with("note", stube::Value::Text("SECRET-hunter2".to_owned()));
    let _ = send(&runtime, id, note).await.expect("it is applied");
    let record = stored(&inner, id).await;
    let text = String::from_utf8_lossy(record.bytes()).into_owned();
    assert!(!text.contains("SECRET") && !text.contains("\"count\""), "{text}");
    assert!(
        text.contains(r#""flow":"counter""#) && text.contains(r#""body":{"sealed":{"key":"now","text":""#),
        "{text}"
    );
    let (_, shown) = crate::common::open(&runtime, id).await;
    assert_eq!(shown, "1 0 SECRET-hunter2");
    assert_eq!(all(&runtime).await[0].owner.as_ref().map(Owner::as_str), Some("ada"), "headers are found by");
    let debug = format!("{:?}", sealed(&inner));
    assert!(debug.contains("now") && !debug.contains("7, 7"), "{debug}");

    // Each save has a nonce of its own.
    let twice = [stored(&inner, id).await, {
        let record = sealed(&inner).load(id).await.expect("it opens").expect("it is there");
        put(&inner, &record).await;
        assert!(matches!(inner.delete(id, record.revision()).await, WriteOutcome::Applied));
        assert!(matches!(sealed(&inner).save(&record, None).await, WriteOutcome::Applied));
        stored(&inner, id).await
    }];
    assert_eq!(twice[0].header(), twice[1].header());
    assert_ne!(twice[0].body(), twice[1].body());
}

#[tokio::test]
async fn every_edit_is_found() {
    let inner = Inner::default();
    let runtime = Runtime::open(sealed(&inner)).expect("it opens");
    let owner = Owner::new("ada").expect("it is short");
    let id = runtime.start_for(owner.clone(), Counter::new()).await.expect("it starts").id;
    let other = runtime.start_for(owner, Counter::new()).await.expect("it starts").id;
    let first = stored(&inner, id).await;
    let _ = send(&runtime, id, Event::new("up")).await.expect("it is applied");
    let second = stored(&inner, id).await;
    let store = sealed(&inner);

    // The body of another conversation, or of another revision, under this header.
    for body in [stored(&inner, other).await.body().to_owned(), first.body().to_owned()] {
        forge(&inner, &second, |text| text.replace(second.body(), &body)).await;
        assert!(refused(&store, id).await.contains("cannot be decrypted"));
    }
    // Another header over this body.
    let nonce = format!(r#""nonce":"{}""#, second.revision().nonce());
    for (from, to) in [(r#""owner":"ada""#, r#""owner":"eve""#), (&*nonce, r#""nonce":"00000000""#)] {
        forge(&inner, &second, |text| text.replace(from, to)).await;
        assert!(refused(&store, id).await.contains("cannot be decrypted"));
    }
    // Every character of what is sealed.
    let text = second.body().len() - r#"{"sealed":{"key":"now","text":""}}"#.len();
    let start = r#"{"sealed":{"key":"now","text":""#.len();
    for at in 0..text {
        let mut body = second.body().as_bytes().to_vec();
        body[start + at] = if body[start + at] == b'A' { b'B' } else { b'A' };
        let body = String::from_utf8(body).expect("it is text");
        forge(&inner, &second, |text| text.replace(second.body(), &body)).await;
        refused(&store, id).await;
    }
    // Cut at every length.
    for length in 0..text {
        let cut = format!("{}\"}}}}", &second.body()[..start + length]);
        forge(&inner, &second, |text| text.replace(second.body(), &cut)).await;
        refused(&store, id).await;
    }
    // Plain text in its place.
    let plain = {
        put(&inner, &second).await;
        store.load(id).await.expect("it opens").expect("it is there")
    };
    put(&inner, &plain).await;
    assert_eq!(refused(&store, id).await, "the record is not encrypted");
    let error = runtime.render(id).await.expect_err("it does not open");
    assert!(matches!(error.kind, ErrorKind::Unreadable(_)), "{error}");
    let scan = runtime.scan().await.expect("the store can be read");
    assert_eq!(scan.unreadable.iter().map(|left| left.id).collect::<Vec<_>>(), [Some(id)], "others are served");
    assert_eq!(inner.load(id).await.expect("memory can be read").as_ref(), Some(&plain), "and it is left as it is");
}

#[tokio::test]
async fn keys_are_changed_while_conversations_go_on() {
    let inner = Inner::default();
    let old = Runtime::open(sealed(&inner)).expect("it opens");
    let id = old.start(Counter::new()).await.expect("it starts").id;

    let strangers = [Keys::new("next", [8; 32]), Keys::new("now", [9; 32])];
    let [without, wrong] = strangers.map(|keys| Encrypted::new(Arc::clone(&inner), keys.expect("a name")));
    assert_eq!(refused(&without, id).await, "the record is encrypted with the unknown key `now`");
    assert!(refused(&wrong, id).await.contains("cannot be decrypted"));

    let both = Keys::new("next", [8; 32]).and_then(|keys| keys.and("now", [7; 32])).expect("two names");
    let new = Runtime::open(Encrypted::new(Arc::clone(&inner), both)).expect("it opens");
    let _ = send(&new, id, Event::new("up")).await.expect("it is applied");
    assert!(stored(&inner, id).await.body().starts_with(r#"{"sealed":{"key":"next""#));
    assert!(without.load(id).await.expect("it opens").is_some(), "the old key can go");
}

#[tokio::test]
async fn a_store_in_use_moves_over_to_sealing() {
    let inner = Inner::default();
    let plain = Runtime::open(Arc::clone(&inner)).expect("it opens");
    let id = plain.start(Counter::new()).await.expect("it starts").id;
    assert_eq!(refused(&sealed(&inner), id).await, "the record is not encrypted");
    let moving = Runtime::open(sealed(&inner).accept_unencrypted()).expect("it opens");
    let _ = send(&moving, id, Event::new("up")).await.expect("it is applied");
    assert!(sealed(&inner).load(id).await.expect("it opens").is_some(), "it is sealed now");
}

#[tokio::test]
async fn what_is_too_large_when_it_is_sealed_is_not_saved_and_said() {
    let runtime = Runtime::open(sealed(&Inner::default())).expect("it opens");
    let id = runtime.start(Counter::new()).await.expect("it starts").id;
    let note = |bytes: usize| Event::new("note").with("note", stube::Value::Text("x".repeat(bytes)));
    let _ = send(&runtime, id, note(MAX_BYTES * 3 / 4 - 1_000)).await.expect("it fits");
    let error = send(&runtime, id, note(MAX_BYTES * 3 / 4 + 1_000)).await.expect_err("it does not fit");
    assert!(error.to_string().contains("the encrypted record cannot be saved"), "{error}");
    let _ = send(&runtime, id, note(5)).await.expect("it goes on");
}

#[test]
fn names_of_keys_are_short_and_differ() {
    for name in ["", "a b", "ä", &"x".repeat(33)] {
        assert_eq!(Keys::new(name, [0; 32]).map(drop), Err(InvalidKeyName::NoName));
    }
    assert_eq!(keys().and("now", [1; 32]).map(drop), Err(InvalidKeyName::Twice));
}

#[stube::flow]
async fn canary() -> (String, String) {
    let first = stube::Prompt::new("First?").await;
    let second = stube::Prompt::new("Second?").await;
    (first, second)
}

/// An answer, and everything that could be computed from it without a key: checksums of its JSON in several forms, whole
/// and cut, in hexadecimal.
fn traces(answer: &str) -> Vec<String> {
    let event = answer_of(answer);
    let forms = [
        answer.to_owned(),
        serde_json::to_string(answer).expect("it is JSON"),
        serde_json::to_string(&event).expect("it is JSON"),
    ];
    let digests = forms.iter().map(|form| HEXLOWER.encode(&Sha256::digest(form))[..16].to_owned());
    digests.chain([answer.to_owned()]).collect()
}

fn answer_of(answer: &str) -> Event {
    Event::new("ok").with("text", stube::Value::Text(answer.to_owned()))
}

#[tokio::test]
async fn no_answer_and_no_digest_of_one_stands_in_a_header_a_column_or_a_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("db");
    for is_encrypted in [false, true] {
        let (store, answers) = (stube::SqliteStore::open(&path).expect("it opens"), ["CANARY-4711", "CANARY-0815"]);
        let runtime = match is_encrypted {
            false => Runtime::open(store.clone()),
            true => Runtime::open(Encrypted::new(store.clone(), keys())),
        };
        let runtime = runtime.expect("it opens");
        let id = runtime.start(canary()).await.expect("it starts").id;
        let questions = runtime.render(id).await.expect("it is there").waiting().expect("it waits");
        let action = questions[0].view.form().expect("it has a form").actions[0].name.clone();
        let input = questions[0].view.form().expect("it has a form").inputs[0].name.clone();
        let event = Event::new(&action).with(&input, stube::Value::Text(answers[0].to_owned()));
        let digest =
            HEXLOWER.encode(&Sha256::digest(serde_json::to_string(&event).expect("it is JSON")))[..16].to_owned();
        assert_eq!(
            runtime.dispatch(id, questions[0].turn, event).await.expect("it is saved"),
            stube::runtime::Reply::Applied
        );
        let record = store.load(id).await.expect("it can be read").expect("it is there");
        assert_eq!(record.body().contains(answers[0]), !is_encrypted, "the body holds the answer, encrypted or not");
        assert_eq!(record.body().contains(&digest), !is_encrypted, "the body holds its receipt, encrypted or not");
        let header = serde_json::to_string(record.header()).expect("it is JSON");
        let connection = store.connect().expect("a connection");
        let mut cells = vec![header];
        for table in ["stube_conversation", "stube_open_await", "stube_store"] {
            let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).expect("a table");
            let names: Vec<_> = statement.column_names().map(str::to_owned).collect();
            let mut rows = statement.query([]).expect("rows");
            while let Some(row) = rows.next().expect("a row") {
                let columns = names.iter().enumerate().filter(|(_, name)| *name != "record");
                cells.extend(columns.map(|(column, _)| format!("{:?}", row.get_ref(column).expect("a cell"))));
            }
        }
        for trace in traces(answers[0]).into_iter().chain([digest]) {
            for cell in &cells {
                assert!(!cell.contains(&trace), "{trace} stands in {cell}");
            }
            if is_encrypted {
                for name in ["db", "db-wal"] {
                    let bytes = std::fs::read(dir.path().join(name)).unwrap_or_default();
                    let holds = bytes.windows(trace.len()).any(|window| window == trace.as_bytes());
                    assert!(!holds, "{trace} stands in {name}");
                }
            }
        }
        drop(runtime);
        drop(connection);
        drop(store);
        for name in ["db", "db-wal", "db-shm"] {
            let _ = std::fs::remove_file(dir.path().join(name));
        }
    }
}
