//! The operations over a store that counts notifications and fails on demand.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use crate::component::SavedState;
use crate::evolution::lock::Lock;
use crate::model::error::BoxError;
use crate::model::id::{ConversationId, Owner};
use crate::operate::{
    self, Draft, ImportCounts, Imported, InvalidEdit, LockVerdict, OperateError, check_against_lock, import_record,
};
#[cfg(feature = "seal")]
use crate::record::Reason;
use crate::record::{Record, RecordStatus, Revision};
use crate::runtime::{Reply, Runtime};
use crate::store::{BoxFuture, LoadError, MemoryStore, Query, Store, Visitor, WriteOutcome};
use crate::{Component, Confirm, Context, Event, Handled, Next, Prompt, Slots, Value, component, flow};

/// A number that no `f64` can hold.
const LARGE: u128 = u128::MAX - 2;

#[flow]
async fn order(name: String, number: u128) -> String {
    let size = Prompt::new("Which size?").await;
    format!("{size} for {name}, {number}")
}

#[flow]
#[migrate(|_: SavedState| retire("closed".to_owned()))]
async fn closing() -> String {
    Prompt::new("Why?").await
}

/// Has a child slot.
#[derive(Serialize, Deserialize)]
struct Page {
    title: String,
}

#[component]
impl Component for Page {
    type Answer = bool;

    fn slots(&mut self) -> Slots<Self> {
        Slots::none().asking("question", Confirm::new(&self.title), Self::on_question)
    }

    #[resume]
    fn on_question(&mut self, sure: bool, _cx: &Context) -> Handled<Self> {
        Ok(Next::answer(sure))
    }
}

#[derive(Debug, Default)]
struct TestStore {
    inner: MemoryStore,
    notified: AtomicU64,
    /// What the next write comes to, without being made.
    next: Mutex<Option<WriteOutcome>>,
}

impl TestStore {
    fn fail(&self, outcome: WriteOutcome) {
        *self.next.lock().unwrap() = Some(outcome);
    }

    fn notified(&self) -> u64 {
        self.notified.load(Ordering::SeqCst)
    }
}

impl Store for TestStore {
    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        self.inner.load_all(each)
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        self.inner.load(id)
    }

    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, WriteOutcome> {
        match self.next.lock().unwrap().take() {
            Some(outcome) => Box::pin(async { outcome }),
            None => self.inner.save(record, replaces),
        }
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        match self.next.lock().unwrap().take() {
            Some(outcome) => Box::pin(async { outcome }),
            None => self.inner.delete(id, replaces),
        }
    }

    fn notify(&self, _id: ConversationId) {
        self.notified.fetch_add(1, Ordering::SeqCst);
    }
}

struct World {
    store: Arc<TestStore>,
    runtime: Runtime,
}

impl World {
    fn new() -> Self {
        let store = Arc::new(TestStore::default());
        Self { runtime: Runtime::open(Arc::clone(&store)).unwrap(), store }
    }

    async fn start(&self, root: impl Component) -> ConversationId {
        self.runtime.start_for(Owner::new("ada").unwrap(), root).await.unwrap().id
    }

    async fn order(&self) -> ConversationId {
        self.start(order("ada".to_owned(), LARGE)).await
    }

    /// Answers the prompt.
    async fn answer(&self, id: ConversationId, text: &str) -> Reply {
        let questions = self.runtime.render(id).await.unwrap().waiting().unwrap();
        let event = Event::new("ok").with("text", Value::Text(text.to_owned()));
        self.runtime.dispatch(id, questions[0].turn, event).await.unwrap()
    }

    async fn bytes(&self, id: ConversationId) -> Option<Vec<u8>> {
        self.store.load(id).await.unwrap().map(|record| record.bytes().to_vec())
    }
}

#[tokio::test]
async fn an_inspection_shows_the_stack_the_child_slots_and_every_digit() {
    let world = World::new();
    let id = world.order().await;
    let found = operate::inspect(&world.store, id).await.unwrap();
    assert_eq!((found.header.id, found.header.owner.as_ref().map(Owner::as_str)), (id, Some("ada")));
    assert_eq!((found.status, found.result), (Ok(RecordStatus::Current), None));
    let stack: Vec<_> = found.stack.iter().map(|instance| (&*instance.component, &*instance.state)).collect();
    let state = format!(r#"{{"Size":{{"name":"ada","number":{LARGE}}}}}"#);
    assert_eq!(stack, [("order", &*state), ("prompt", r#"{"label":"Which size?"}"#)]);

    let page = operate::inspect(&world.store, world.start(Page { title: "Sure?".to_owned() }).await).await.unwrap();
    let (name, slot) = &page.stack[0].slots[0];
    assert_eq!((&**name, &*slot[0].component), ("question", "confirm"));

    let nothing = ConversationId::from_bits([9; 16]);
    assert!(matches!(operate::inspect(&world.store, nothing).await, Err(OperateError::NotFound(id)) if id == nothing));
}

#[tokio::test]
async fn an_inspection_of_an_ended_conversation_shows_its_result() {
    let store = Arc::new(TestStore::default());
    let retention = crate::runtime::Retention::UntilForgotten;
    let runtime = Runtime::builder().retention(retention).open(Arc::clone(&store)).unwrap();
    let world = World { store, runtime };
    let id = world.order().await;
    assert!(matches!(world.answer(id, "small").await, Reply::Ended { .. }));
    let found = operate::inspect(&world.store, id).await.unwrap();
    assert_eq!(found.result, Some(format!("\"small for ada, {LARGE}\"")));
    assert!(found.stack.is_empty());
    assert!(matches!(operate::edit(&world.store, id).await, Err(OperateError::HasEnded(ended)) if ended == id));
}

#[tokio::test]
async fn an_edit_is_saved_and_the_next_answer_runs_on_it() {
    let world = World::new();
    let id = world.order().await;
    let draft = operate::edit(&world.store, id).await.unwrap();
    assert!(draft.text().contains(&format!(" \"number\": {LARGE}\n")), "{}", draft.text());
    let notified = world.store.notified();
    let edited = draft.text().replace("\"ada\"", "\"grace\"");
    assert_eq!(draft.save(&world.store, &edited).await.unwrap().number(), 2);
    assert_eq!(world.store.notified(), notified + 1);
    // The runtime had read the record before the edit.
    assert_eq!(world.answer(id, "small").await, Reply::Ended { result: format!("\"small for grace, {LARGE}\"") });
}

#[tokio::test]
async fn a_draft_has_no_schema_keys_not_even_in_child_slots() {
    let world = World::new();
    let id = world.start(Page { title: "Sure?".to_owned() }).await;
    let record = operate::load(&world.store, id).await.unwrap();
    let saved = record.body().matches("\"schema\"").count();
    assert_eq!(saved, 2, "{}", record.body());
    let draft = Draft::of(record).unwrap();
    assert!(!draft.text().contains("\"schema\"") && !draft.text().contains("\"questions\""), "{}", draft.text());
    draft.save(&world.store, draft.text()).await.unwrap();
    let after = operate::load(&world.store, id).await.unwrap();
    assert_eq!(after.body().matches("\"schema\"").count(), 2);
}

#[tokio::test]
async fn an_edit_that_is_no_state_of_this_program_is_refused() {
    let world = World::new();
    let id = world.order().await;
    let before = world.bytes(id).await;
    let draft = operate::edit(&world.store, id).await.unwrap();
    let changed = |from: &str, to: &str| draft.text().replacen(from, to, 1);
    assert!(matches!(draft.check("{"), Err(InvalidEdit::NotJson(_))));
    for (from, to, reason) in [
        ("\"Size\"", "\"Colour\"", "the code has no state `Colour`"),
        ("\"ada\"", "7", "does not fit its code"),
        ("\"name\"", "\"nome\"", "was saved without `name`"),
        ("\"prompt\"", "\"confirm\"", ""),
    ] {
        let text = changed(from, to);
        match draft.save(&world.store, &text).await {
            Err(OperateError::InvalidEdit(error @ InvalidEdit::Unreadable(_))) => {
                assert!(error.to_string().contains(reason), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
    let large = changed("\"ada\"", &format!("\"{}\"", "x".repeat(crate::record::MAX_BYTES)));
    assert!(matches!(draft.check(&large), Err(InvalidEdit::NotSavable(_))));
    assert_eq!(world.bytes(id).await, before);

    let closing = operate::edit(&world.store, world.start(closing()).await).await.unwrap();
    let text = closing.text().replace("\"Prompt\"", "\"Gone\"");
    assert!(matches!(closing.check(&text), Err(InvalidEdit::WouldEnd)), "{:?} of {text}", closing.check(&text));
}

#[tokio::test]
async fn an_edit_does_not_overwrite_what_was_saved_meanwhile() {
    let world = World::new();
    let id = world.order().await;
    let (draft, other) =
        (operate::edit(&world.store, id).await.unwrap(), operate::edit(&world.store, id).await.unwrap());
    other.save(&world.store, &other.text().replace("ada", "eve")).await.unwrap();
    let before = world.bytes(id).await;
    match draft.save(&world.store, draft.text()).await {
        Err(error @ OperateError::Conflict(_)) => assert!(!error.is_retryable()),
        other => panic!("{other:?}"),
    }
    assert_eq!(world.bytes(id).await, before);
}

#[tokio::test]
async fn a_failed_store_is_told_from_one_that_does_not_know() {
    let world = World::new();
    let id = world.order().await;
    let (before, notified) = (world.bytes(id).await, world.store.notified());
    world.store.fail(WriteOutcome::NotApplied("the disk is full".into()));
    let error = operate::fork(&world.store, id).await.unwrap_err();
    assert!(matches!(error, OperateError::Store(_)) && error.is_retryable(), "{error}");
    world.store.fail(WriteOutcome::Unknown("the line is cut".into()));
    let revision = operate::load(&world.store, id).await.unwrap().revision();
    let error = operate::delete(&world.store, id, revision).await.unwrap_err();
    assert!(matches!(error, OperateError::Unknown { .. }) && error.is_retryable(), "{error}");
    assert_eq!((world.bytes(id).await, world.store.notified()), (before, notified));
}

#[tokio::test]
async fn a_fork_is_independent_of_its_origin() {
    let world = World::new();
    let id = world.order().await;
    let draft = operate::edit(&world.store, id).await.unwrap();
    draft.save(&world.store, &draft.text().replace("ada", "eve")).await.unwrap();
    let copy = operate::fork(&world.store, id).await.unwrap();
    let (one, other) = (world.bytes(id).await.unwrap(), world.bytes(copy).await.unwrap());
    let (one, other) = (Record::parse(one).unwrap(), Record::parse(other).unwrap());
    assert_eq!(one.body(), other.body());
    assert_eq!((other.revision().number(), other.id(), &other.header().owner), (1, copy, &one.header().owner));
    assert_ne!(one.revision().nonce(), other.revision().nonce());
    assert!(matches!(world.answer(copy, "small").await, Reply::Ended { .. }));
    assert_eq!(world.bytes(id).await, Some(one.bytes().to_vec()));
}

#[tokio::test]
async fn a_delete_names_the_revision() {
    let world = World::new();
    let id = world.order().await;
    let first = operate::load(&world.store, id).await.unwrap().revision();
    let second = first.next(first.nonce());
    assert!(matches!(operate::delete(&world.store, id, second).await, Err(OperateError::Conflict(_))));
    operate::delete(&world.store, id, first).await.unwrap();
    assert!(matches!(operate::load(&world.store, id).await, Err(OperateError::NotFound(_))));
}

#[tokio::test]
async fn an_export_is_imported_byte_for_byte_and_never_over_another_record() {
    let world = World::new();
    let ids = [world.order().await, world.order().await, world.start(Confirm::new("Sure?")).await];
    let mut text = Vec::new();
    let exported = operate::export(&world.store, &Query::all(), &mut text, |_| unreachable!()).await.unwrap();
    assert_eq!((exported.records, exported.unreadable), (3, 0));
    let mut orders = Vec::new();
    let query = Query::all().flow("order");
    let exported = operate::export(&world.store, &query, &mut orders, |_| unreachable!());
    assert_eq!(exported.await.unwrap().records, 2);

    let other = TestStore::default();
    let mut seen = Vec::new();
    let counts = operate::import(&other, &text[..], |line| {
        assert_eq!(line.number, seen.len() as u64 + 1);
        seen.push(*line.outcome.as_ref().unwrap());
    });
    let counts = counts.await.unwrap();
    assert_eq!(counts, ImportCounts { saved: 3, unchanged: 0, refused: 0 });
    for id in ids {
        assert!(seen.contains(&Imported::Saved(id)));
        assert_eq!(other.load(id).await.unwrap().map(|record| record.bytes().to_vec()), world.bytes(id).await);
    }
    assert_eq!(other.notified(), 3);

    // One has been changed since the export; of the rest nothing is new, and one line is damaged.
    let draft = operate::edit(&world.store, ids[0]).await.unwrap();
    draft.save(&world.store, &draft.text().replace("ada", "eve")).await.unwrap();
    let before = world.bytes(ids[0]).await;
    let (mut input, mut refused) = (b"{\"nonsense\":1}\n\n".to_vec(), Vec::new());
    input.extend_from_slice(&text);
    let counts = operate::import(&world.store, &input[..], |line| {
        refused.extend(line.outcome.err().map(|error| (line.number, error.to_string())));
    });
    assert_eq!(counts.await.unwrap(), ImportCounts { saved: 0, unchanged: 2, refused: 2 });
    assert!(refused[0].0 == 1 && refused[0].1.contains("damaged"), "{refused:?}");
    assert!(refused[1].0 >= 3 && refused[1].1.contains(&ids[0].to_string()), "{refused:?}");
    assert_eq!(world.bytes(ids[0]).await, before);

    // A store that fails ends the import, and so does an output that fails the export.
    let line = world.bytes(ids[2]).await.unwrap();
    let broken = TestStore::default();
    broken.fail(WriteOutcome::NotApplied("the disk is full".into()));
    assert!(matches!(import_record(&broken, line).await, Err(OperateError::Store(_))));
    let exported = operate::export(&world.store, &Query::all(), &mut [0_u8; 10][..], |_| {}).await;
    assert!(matches!(exported, Err(OperateError::Io(_))), "{exported:?}");
}

#[tokio::test]
async fn a_lock_file_tells_the_schemas_that_it_lists_from_others() {
    let world = World::new();
    let record = operate::load(&world.store, world.order().await).await.unwrap();
    let current = Lock::current();
    assert_eq!(check_against_lock(&current, &record), LockVerdict::Current);
    let renamed = Lock::parse(&current.to_text().replace("\"Size\": {", "\"Gone\": {")).unwrap();
    let unknown = LockVerdict::UnknownSchema { component: "order".to_owned(), state: Some("Size".to_owned()) };
    assert_eq!(check_against_lock(&renamed, &record), unknown);
    let mut without: serde_json::Value = serde_json::from_str(&current.to_text()).unwrap();
    without["components"].as_object_mut().unwrap().remove("prompt").unwrap();
    let without = Lock::parse(&without.to_string()).unwrap();
    let unknown = LockVerdict::UnknownSchema { component: "prompt".to_owned(), state: None };
    assert_eq!(check_against_lock(&without, &record), unknown);
}

#[cfg(feature = "seal")]
#[tokio::test]
async fn an_encrypted_conversation_is_not_edited_or_copied_without_its_keys() {
    use crate::store::encrypted::{Encrypted, Keys};

    let store = Arc::new(TestStore::default());
    let encrypted = Arc::new(Encrypted::new(Arc::clone(&store), Keys::new("first", [7; 32]).unwrap()));
    let world = World { runtime: Runtime::open(Arc::clone(&encrypted)).unwrap(), store };
    let id = world.order().await;
    let before = world.bytes(id).await.unwrap();
    let found = operate::inspect(&world.store, id).await.unwrap();
    assert!(matches!(found.status, Err(Reason::Encrypted(_))) && found.stack.is_empty(), "{found:?}");
    assert!(matches!(operate::edit(&world.store, id).await, Err(OperateError::Encrypted(_))));
    assert!(matches!(operate::fork(&world.store, id).await, Err(OperateError::Encrypted(_))));
    assert_eq!(world.bytes(id).await, Some(before));

    let draft = operate::edit(&encrypted, id).await.unwrap();
    draft.save(&encrypted, &draft.text().replace("ada", "eve")).await.unwrap();
    let copy = operate::fork(&encrypted, id).await.unwrap();
    let stored = String::from_utf8(world.bytes(copy).await.unwrap()).unwrap();
    assert!(!stored.contains("Size\":") && !stored.contains("eve"), "{stored}");
    assert_eq!(world.answer(copy, "small").await, Reply::Ended { result: format!("\"small for eve, {LARGE}\"") });
}
