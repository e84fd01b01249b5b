//! What it costs to turn a conversation into a record and back, and how large the record is.
//!
//! `encode` includes the proof: the bytes are decoded and encoded again before anybody may save them. The floor is
//! serde_json on a struct with the same values and nothing around them.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stube::kernel::conversation::Conversation;
use stube::kernel::{self, Progress};
use stube::record::{Lineage, Record};
use stube::{Confirm, ConversationId, Timestamp, flow};

/// What is live while the question is open.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Order {
    guest: String,
    items: Vec<(String, u32)>,
    total: f64,
}

#[flow]
async fn order(order: Order, tries: u32) -> Option<Order> {
    let sure = Confirm::new("Order it?").await;
    (sure && tries < 3).then_some(order)
}

/// A later version, in which a local has another name and one is new.
#[flow]
async fn renamed(
    #[was = "order"] cart: Order,
    #[was = "tries"] rounds: u32,
    #[default = 7] channel: u32,
) -> Option<Order> {
    let sure = Confirm::new("Order it?").await;
    (sure && rounds < channel).then_some(cart)
}

/// What the version before left.
#[derive(Deserialize)]
enum Before {
    Sure { order: Order, tries: u32 },
}

/// A later version, in which two locals have become one.
#[flow]
#[migrate(|before: Before| match before {
    Before::Sure { order, tries } => Sure { cart: (order, u64::from(tries)) },
})]
async fn migrated(order: Order, tries: u32) -> Option<Order> {
    let cart = (order, u64::from(tries));
    let sure = Confirm::new("Order it?").await;
    (sure && cart.1 < 3).then_some(cart.0)
}

/// The record, as if its flow had been called `flow`.
fn of_flow(record: &Record, flow: &str) -> Vec<u8> {
    let text = String::from_utf8(record.bytes().to_vec()).expect("a record is text");
    let text = text.replace("\"flow\":\"order\"", &format!("\"flow\":\"{flow}\""));
    let text = text.replace("\"type\":\"order\"", &format!("\"type\":\"{flow}\""));
    let content = &text[..text.find(",\"sum\":").expect("it has a sum")];
    format!("{content},\"sum\":\"{}\"}}\n", HEXLOWER.encode(&Sha256::digest(content))).into_bytes()
}

/// The same values, bare.
#[derive(Serialize, Deserialize)]
struct Bare {
    order: Order,
    tries: u32,
    question: String,
}

fn example(items: usize) -> Order {
    let items = (0..items).map(|n| (format!("item number {n}"), n as u32)).collect();
    Order { guest: "Ada Lovelace".to_owned(), items, total: 99.9 }
}

fn conversation(items: usize) -> Conversation {
    let id = ConversationId::from_bits([1; 16]);
    match kernel::start(id, Box::new(order(example(items), 1)), None, Timestamp::from_millis(1_767_225_600_000))
        .map(|outcome| outcome.progress)
    {
        Ok(Progress::Waits(conversation)) => conversation,
        other => panic!("it waits: {other:?}"),
    }
}

fn records(c: &mut Criterion) {
    for items in [0, 10, 100] {
        let conversation = conversation(items);
        let record = Record::encode(&conversation, Lineage::for_test(1)).expect("it can be saved");
        let bare = Bare { order: example(items), tries: 1, question: "Order it?".to_owned() };
        let json = serde_json::to_string(&bare).expect("it is JSON");
        // Not a measurement of time, but of the same values.
        let (bytes, limit) = (record.bytes().len(), json.len() * 3 / 2 + 400);
        eprintln!("{items} items: {} bytes bare, {bytes} bytes as a record, at most {limit} are allowed", json.len());
        assert!(bytes <= limit, "a record is at most 1.5 times the JSON of its live locals and 400 bytes");

        let mut group = c.benchmark_group(format!("{items} items"));
        group.bench_function("bare: encode and decode", |b| {
            b.iter(|| {
                let json = serde_json::to_vec(black_box(&bare)).expect("it is JSON");
                serde_json::from_slice::<Bare>(&json).expect("it reads back")
            });
        });
        group.bench_function("record: encode", |b| {
            b.iter(|| Record::encode(black_box(&conversation), Lineage::for_test(1)))
        });
        group.bench_function("record: parse and decode", |b| {
            b.iter(|| Record::parse(black_box(record.bytes()).to_vec()).expect("a record").decode());
        });
        for (what, flow) in [("#[was] and #[default]", "renamed"), ("#[migrate]", "migrated")] {
            let older = of_flow(&record, flow);
            Record::parse(older.clone()).expect("a record").decode().expect("it goes on in the later version");
            group.bench_function(format!("record of a version before: {what}"), |b| {
                b.iter(|| Record::parse(black_box(&older).to_vec()).expect("a record").decode());
            });
        }
        group.finish();
    }
}

criterion_group!(benches, records);
criterion_main!(benches);
