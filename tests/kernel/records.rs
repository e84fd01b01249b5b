//! Records against bad input, and values against JSON.

use std::collections::{BTreeMap, HashMap, HashSet};

use data_encoding::HEXLOWER;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stube::kernel::conversation::Conversation;
use stube::kernel::{self, Progress};
use stube::record::{EncodeError, Lineage, MAX_BYTES, MAX_DEPTH, Reason, Record, RevisionNonce, Stored};
use stube::{Component, ConversationId, Owner, Timestamp, component};

/// Holds one of everything that JSON makes hard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Values {
    float: f64,
    small: f32,
    wide: i128,
    unsigned: u128,
    letter: char,
    text: String,
    bytes: Vec<u8>,
    map: HashMap<String, f64>,
    set: HashSet<i64>,
    numbers: BTreeMap<i64, String>,
    nothing: Option<()>,
}

#[component]
impl Component for Values {}

/// Holds whatever a test puts in.
#[derive(Debug, Serialize, Deserialize)]
struct Raw(serde_json::Value);

#[component]
impl Component for Raw {}

/// Has a map whose keys JSON has no form for.
#[derive(Debug, Serialize, Deserialize)]
struct Keys(BTreeMap<(i64, i64), i64>);

#[component]
impl Component for Keys {}

fn conversation(root: impl Component) -> Conversation {
    let id = ConversationId::from_bits([5; 16]);
    match kernel::start(id, Box::new(root), None, Timestamp::from_millis(1_767_225_600_000))
        .map(|outcome| outcome.progress)
    {
        Ok(Progress::Waits(conversation)) => conversation,
        other => panic!("it waits: {other:?}"),
    }
}

fn encode(root: impl Component) -> Result<Record, EncodeError> {
    Record::encode(&conversation(root), Lineage::for_test(1))
}

fn decode(record: &Record) -> Result<Conversation, Reason> {
    match record.decode()? {
        Stored::Conversation(conversation) => Ok(conversation),
        Stored::Ended(_) => panic!("it goes on"),
    }
}

fn simple() -> Record {
    encode(Raw(serde_json::json!({ "n": 1 }))).expect("it can be saved")
}

/// A record of this content under a checksum that is right.
fn sealed(content: &str) -> Vec<u8> {
    let sum = HEXLOWER.encode(&Sha256::digest(content));
    format!("{content},\"sum\":\"{sum}\"}}\n").into_bytes()
}

/// The simple record with something else in it.
fn forged(from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(simple().bytes().to_vec()).expect("text");
    let (content, _) = text.rsplit_once(",\"sum\":").expect("a sum");
    assert!(content.contains(from), "{content}");
    sealed(&content.replace(from, to))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn every_value_comes_back_bit_by_bit(
        // What is no number is in tests/kernel/json.rs.
        float in any::<f64>().prop_filter("a number", |f| !f.is_nan()),
        small in any::<f32>().prop_filter("a number", |f| !f.is_nan()),
        wide in any::<i128>(),
        unsigned in any::<u128>(),
        letter in any::<char>(),
        text in any::<String>(),
        bytes in any::<Vec<u8>>(),
        map in prop::collection::hash_map(any::<String>(), any::<i32>().prop_map(f64::from), 0..9),
        set in prop::collection::hash_set(any::<i64>(), 0..9),
        numbers in prop::collection::btree_map(any::<i64>(), any::<String>(), 0..5),
    ) {
        let text = format!("{text}\u{0}\u{10ffff}");
        let values = Values { float, small, wide, unsigned, letter, text, bytes, map, set, numbers, nothing: None };
        let record = encode(values.clone()).expect("it can be saved");
        let parsed = Record::parse(record.bytes().to_vec()).expect("it can be read");
        let back = decode(&parsed).expect("it can be decoded");
        let found = back.front().get::<Values>().expect("the values");
        prop_assert_eq!(found.float.to_bits(), float.to_bits());
        prop_assert_eq!(found, &values);
    }

    /// A save proves this of the body; a release build takes it for granted of the header.
    #[test]
    fn every_header_comes_back(
        id in any::<[u8; 16]>(),
        owner in prop::option::of(any::<String>().prop_filter("an owner", |text| (1..=128).contains(&text.len()))),
        created in 0..253_402_300_800_000_u64,
        nonces in prop::collection::vec(any::<[u8; 5]>(), 1..12),
    ) {
        let (id, created) = (ConversationId::from_bits(id), Timestamp::from_millis(created));
        let owner = owner.map(|text| Owner::new(text).expect("it has that many bytes"));
        let mut nonces = nonces.into_iter().map(RevisionNonce::from_bits);
        let first = Lineage::first(nonces.next().expect("one"));
        let lineage = nonces.fold(first, |before, nonce| before.next(nonce));
        let root = Raw(serde_json::json!({ "n": 1 }));
        let started = kernel::start(id, Box::new(root), owner.clone(), created).expect("it waits");
        let record = Record::encode(&started.progress, lineage).expect("it can be saved");
        let parsed = Record::parse(record.bytes().to_vec()).expect("it can be read");
        prop_assert_eq!(parsed.header(), record.header());
        let header = parsed.header();
        prop_assert_eq!((header.id, header.lineage(), header.created, &header.owner), (id, lineage, created, &owner));
    }
}

#[test]
fn a_record_is_refused_one_byte_beyond_the_limit() {
    let room = MAX_BYTES - encode(Raw("".into())).expect("it can be saved").bytes().len();
    let record = encode(Raw("x".repeat(room).into())).expect("at the limit");
    assert_eq!(record.bytes().len(), MAX_BYTES);
    assert!(Record::parse(record.bytes().to_vec()).is_ok());
    assert!(matches!(encode(Raw("x".repeat(room + 1).into())), Err(EncodeError::TooLarge(n)) if n == MAX_BYTES + 1));
    let mut longer = record.bytes().to_vec();
    longer.push(b' ');
    assert_eq!(Record::parse(longer), Err(Reason::TooLarge(MAX_BYTES as u64 + 1)));
}

#[test]
fn a_record_is_refused_one_level_beyond_the_limit() {
    let nested = |depth| (0..depth).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]));
    // The record itself, its body, the root slot, its stack and the instance.
    let around = 5;
    assert!(encode(Raw(nested(MAX_DEPTH - around))).is_ok());
    let deeper = encode(Raw(nested(MAX_DEPTH - around + 1)));
    assert!(matches!(deeper, Err(EncodeError::TooDeep(n)) if n == MAX_DEPTH + 1), "{deeper:?}");
}

#[test]
fn bytes_that_are_no_record_are_damaged() {
    let good = simple().bytes().to_vec();
    let text = String::from_utf8(good.clone()).expect("text");
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bad in [
        Vec::new(),
        b"{".to_vec(),
        b"   \n".to_vec(),
        [b"\xef\xbb\xbf".as_slice(), &good].concat(),
        utf16,
        [good.as_slice(), b"\xff"].concat(),
        [good.as_slice(), b" "].concat(),
        [good.as_slice(), &good].concat(),
        text.to_uppercase().into_bytes(),
        sealed("\u{feff}{\"format\":1"),
        sealed("{\"format\":1"),
        sealed("[1"),
        sealed(&format!("{{\"format\":1,\"body\":{}", "[".repeat(100_000))),
        sealed("{\"format\":1e400"),
    ] {
        let found = Record::parse(bad.clone());
        assert!(matches!(found, Err(Reason::Corrupt(_))), "{found:?} of {}", String::from_utf8_lossy(&bad));
    }
}

#[test]
fn a_header_that_does_not_fit_is_damaged() {
    for (from, to) in [
        ("\"revision\":1", "\"revision\":0"),
        ("\"revision\":1", "\"revision\":9007199254740993"),
        ("\"revision\":1", "\"revision\":-1"),
        ("\"revision\":1", "\"revision\":1.0"),
        ("\"revision\":1", "\"revision\":1,\"revision\":2"),
        ("\"flow\":\"raw\",", ""),
        ("\"flow\":\"raw\"", "\"flow\":7"),
        ("\"flow\":\"raw\"", "\"flow\":\"raw\",\"extra\":1"),
        ("\"id\":\"cv-", "\"id\":\"../"),
        ("\"created\":\"2026", "\"created\":\"then"),
        ("\"format\":1", "\"format\":\"1\""),
    ] {
        let found = Record::parse(forged(from, to));
        assert!(matches!(found, Err(Reason::Corrupt(_))), "{to}: {found:?}");
    }
    assert_eq!(Record::parse(forged("\"format\":1", "\"format\":2")), Err(Reason::NewerFormat(2)));
}

#[test]
fn a_body_that_does_not_fit_is_told_by_its_class() {
    let decoded = |from: &str, to: &str| decode(&Record::parse(forged(from, to)).expect("a record")).map(|_| ());
    let instance = "{\"id\":\"i1\",\"type\":\"raw\"";
    for (from, to) in [
        ("\"next\":2", "\"next\":1"),
        ("\"next\":2,", ""),
        ("\"stack\":[{", "\"stack\":[],\"other\":[{"),
        (instance, "{\"id\":\"i1\",\"id\":\"i1\",\"type\":\"raw\""),
        (instance, "{\"id\":\"x1\",\"type\":\"raw\""),
        ("\"flow\":\"raw\"", "\"flow\":\"values\""),
    ] {
        let found = decoded(from, to);
        assert!(matches!(found, Err(Reason::Corrupt(_))), "{to}: {found:?}");
    }
    let twice = decoded("\"stack\":[", "\"stack\":[{\"id\":\"i1\",\"type\":\"raw\",\"state\":null},");
    assert!(matches!(&twice, Err(Reason::Corrupt(text)) if text.contains("two instances are called i1")), "{twice:?}");
    // The type of another component, whose fields do not fit.
    let other = decoded("\"type\":\"raw\"", "\"type\":\"keys\"");
    assert!(matches!(other, Err(Reason::ChangedSchema { name, .. }) if name == "keys"));
    let unknown = decoded("\"type\":\"raw\"", "\"type\":\"gone\",\"crate\":\"elsewhere\"");
    assert!(matches!(unknown, Err(Reason::UnknownType { name, krate }) if name == "gone" && krate == "elsewhere"));
    for value in ["1e400", "\"\\ud800\"", &"[".repeat(200)] {
        assert!(Record::parse(forged("{\"n\":1}", value)).and_then(|record| decode(&record)).is_err(), "{value}");
    }
}

#[test]
fn an_empty_conversation_is_damaged() {
    let text = String::from_utf8(simple().bytes().to_vec()).expect("text");
    let (header, _) = text.split_once("\"body\":").expect("a body");
    let record =
        Record::parse(sealed(&format!("{header}\"body\":{{\"next\":1,\"root\":{{\"stack\":[]}}}}"))).expect("a record");
    assert!(matches!(decode(&record), Err(Reason::Corrupt(_))));
}
