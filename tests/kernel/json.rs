//! Values that plain JSON changes or has no form for: each comes back as what it was, or is refused.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Debug;

use data_encoding::HEXLOWER;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stube::kernel::conversation::Conversation;
use stube::kernel::{self, Input, Progress};
use stube::record::{EncodeError, Lineage, Reason, Record, Stored};
use stube::testing::TestConversation;
use stube::{Component, Confirm, ConversationId, Info, Timestamp, component, flow};

/// A component that holds one value of the type.
macro_rules! holds {
    ($($name:ident($ty:ty);)*) => {$(
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        struct $name($ty);

        #[component]
        impl Component for $name {}
    )*};
}

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

fn decode(bytes: &[u8]) -> Result<Conversation, Reason> {
    match Record::parse(bytes.to_vec())?.decode()? {
        Stored::Conversation(conversation) => Ok(conversation),
        Stored::Ended(_) => panic!("it goes on"),
    }
}

/// The state as it is written, and the value that comes back.
fn saved<C: Component + Clone>(value: &C) -> (String, C) {
    let record = encode(value.clone()).unwrap_or_else(|error| panic!("it can be saved: {error}"));
    let back = decode(record.bytes()).unwrap_or_else(|reason| panic!("it can be loaded: {reason}: {}", record.body()));
    let (_, state) = record.body().split_once("\"state\":").expect("a state");
    let state = state.strip_suffix("}]}}").expect("the state is last").to_owned();
    (state, back.front().get::<C>().expect("the same component").clone())
}

/// Saves and loads the value, and says how it was written.
#[track_caller]
fn carried<C: Component + Clone + PartialEq + Debug>(value: C) -> String {
    let (state, back) = saved(&value);
    assert_eq!(back, value, "{state}");
    state
}

/// Why the value is refused.
#[track_caller]
fn refused(value: impl Component) -> String {
    encode(value).expect_err("it would come back as another one").to_string()
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Nothing;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Around<T>(T);

holds! {
    OfUnit(Option<()>);
    OfUnitStruct(Option<Nothing>);
    OfOption(Option<Option<u8>>);
    OfThree(Option<Option<Option<()>>>);
    OfNewtype(Option<Around<Option<Around<()>>>>);
    OfJson(Option<Value>);
    OfMany(Vec<(Option<()>, Option<Option<bool>>)>);
    OfMap(BTreeMap<String, Option<()>>);
    OfBox(Option<Box<Option<String>>>);
}

#[test]
fn some_of_what_is_null_is_told_from_none() {
    let some = "{\"$stube:some\":null}";
    assert_eq!(carried(OfUnit(None)), "null");
    assert_eq!(carried(OfUnit(Some(()))), some);
    assert_eq!(carried(OfUnitStruct(Some(Nothing))), some);
    assert_eq!(carried(OfOption(None)), "null");
    assert_eq!(carried(OfOption(Some(None))), some);
    assert_eq!(carried(OfOption(Some(Some(7)))), "7");
    let two = format!("{{\"$stube:some\":{some}}}");
    for (value, form) in [
        (None, "null".to_owned()),
        (Some(None), some.to_owned()),
        (Some(Some(None)), two.clone()),
        (Some(Some(Some(()))), format!("{{\"$stube:some\":{two}}}")),
    ] {
        assert_eq!(carried(OfThree(value)), form);
    }
    assert_eq!(carried(OfNewtype(Some(Around(None)))), some);
    assert_eq!(carried(OfNewtype(Some(Around(Some(Around(())))))), two);
    assert_eq!(carried(OfJson(Some(Value::Null))), some);
    assert_eq!(carried(OfJson(Some(json!([null])))), "[null]");
    assert_eq!(
        carried(OfMany(vec![(Some(()), Some(None)), (None, None), (Some(()), Some(Some(true)))])),
        format!("[[{some},{some}],[null,null],[{some},true]]")
    );
    assert_eq!(
        carried(OfMap([("a".into(), Some(())), ("b".into(), None)].into())),
        format!("{{\"a\":{some},\"b\":null}}")
    );
    assert_eq!(carried(OfBox(Some(Box::new(None)))), some);
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Fields {
    #[serde(default)]
    unit: Option<()>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    skipped: Option<Option<u8>>,
    after: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Every {
    Unit,
    Newtype(Option<()>),
    OfUnit(()),
    Tuple(Option<Nothing>, f32),
    Struct { inner: Option<Option<String>>, next: Option<Box<Every>> },
}

holds! {
    OfFields(Fields);
    OfEvery(Vec<Every>);
    OfEveryOption(Option<Every>);
}

#[test]
fn every_form_of_struct_and_enum_keeps_what_is_in_it() {
    for skipped in [None, Some(None), Some(Some(1))] {
        for unit in [None, Some(())] {
            carried(OfFields(Fields { unit, skipped, after: "\"\\\u{0}\n\u{1f980}".into() }));
        }
    }
    let of = |inner, next: Option<Every>| Every::Struct { inner, next: next.map(Box::new) };
    let all = vec![
        Every::Unit,
        Every::Newtype(None),
        Every::Newtype(Some(())),
        Every::OfUnit(()),
        Every::Tuple(None, 0.1),
        Every::Tuple(Some(Nothing), f32::INFINITY),
        of(None, None),
        of(Some(None), Some(Every::Unit)),
        of(Some(Some("x".into())), Some(of(Some(None), Some(Every::Newtype(Some(())))))),
    ];
    for every in &all {
        carried(OfEveryOption(Some(every.clone())));
    }
    carried(OfEvery(all));
}

holds! {
    OfFloats(Vec<(f64, f32, Option<f64>)>);
    OfWide(Vec<(i128, u128, Option<u128>, i8, u64)>);
    OfText(Vec<(char, String, Option<String>)>);
}

/// The bits, with all that are no numbers made one.
fn bits(floats: &OfFloats) -> Vec<(u64, u32, Option<u64>)> {
    let wide = |float: f64| if float.is_nan() { f64::NAN.to_bits() } else { float.to_bits() };
    let small = |float: f32| if float.is_nan() { f32::NAN.to_bits() } else { float.to_bits() };
    floats.0.iter().map(|&(a, b, c)| (wide(a), small(b), c.map(wide))).collect()
}

#[test]
fn a_float_comes_back_bit_by_bit_and_so_does_what_is_no_number() {
    let edges = [0.0, f64::MIN_POSITIVE, 5e-324, f64::MAX, 1e-308, 0.1, 1e23, 9_007_199_254_740_993.0, f64::INFINITY];
    let edges = edges.into_iter().flat_map(|float| [float, -float]).chain([f64::NAN]);
    let small = [f32::MIN_POSITIVE, 1e-45, f32::MAX, 0.1, 16_777_217.0, f32::NEG_INFINITY, f32::NAN];
    let floats = OfFloats(edges.zip(small.into_iter().cycle()).map(|(a, b)| (a, b, Some(a))).collect());
    let (_, back) = saved(&floats);
    assert_eq!(bits(&back), bits(&floats));
    let nan = "{\"$stube:float\":\"NaN\"}";
    let (state, _) = saved(&OfFloats(vec![(f64::NAN, f32::NEG_INFINITY, Some(f64::INFINITY))]));
    assert_eq!(state, format!("[[{nan},{{\"$stube:float\":\"-inf\"}},{{\"$stube:float\":\"inf\"}}]]"));
    let (state, _) = saved(&OfFloats(vec![(-0.0, -0.0, None)]));
    assert_eq!(state, "[[-0.0,-0.0,null]]");
}

#[test]
fn wide_integers_and_characters_come_back() {
    carried(OfWide(vec![(i128::MIN, u128::MAX, Some(u128::MAX), i8::MIN, u64::MAX), (i128::MAX, 0, None, 0, 0)]));
    carried(OfText(vec![
        ('\u{0}', "null".into(), Some("null".into())),
        (char::MAX, "NaN".into(), Some(String::new())),
    ]));
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Place {
    Door,
    Seat(u8),
    Table { number: Option<u8> },
    Pair(i8, String),
}

/// A float that is in order.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Ordered(f64);

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

holds! {
    ByTuple(BTreeMap<(i64, String), u8>);
    ByHash(HashMap<(u8, char), Vec<Option<()>>>);
    ByOption(BTreeMap<Option<String>, u8>);
    ByOptions(BTreeMap<Option<Option<()>>, u8>);
    ByUnit(BTreeMap<(), u8>);
    ByList(BTreeMap<Vec<u8>, u8>);
    ByPlace(BTreeMap<Place, u8>);
    ByFloat(BTreeMap<Ordered, u8>);
    ByBool(BTreeMap<bool, u8>);
    ByChar(BTreeMap<char, u8>);
    ByWide(BTreeMap<i128, BTreeMap<u128, u8>>);
    ByText(BTreeMap<String, u8>);
    ByMap(BTreeMap<BTreeMap<(u8, u8), u8>, u8>);
    BySet(BTreeMap<BTreeSet<String>, u8>);
}

#[test]
fn a_map_keeps_its_keys_whatever_they_are() {
    assert_eq!(carried(ByTuple([((1, "\"".into()), 3)].into())), r#"{"$stube:key [1,\"\\\"\"]":3}"#);
    carried(ByHash((0..20).map(|n| ((n, 'x'), vec![Some(()), None])).collect()));
    assert_eq!(carried(ByOption([(None, 1), (Some("a".into()), 2)].into())), r#"{"$stube:key null":1,"a":2}"#);
    assert_eq!(
        carried(ByOptions([(None, 1), (Some(None), 2), (Some(Some(())), 3)].into())),
        r#"{"$stube:key null":1,"$stube:key {\"$stube:some\":null}":2,"$stube:key {\"$stube:some\":{\"$stube:some\":null}}":3}"#
    );
    carried(ByUnit([((), 1)].into()));
    carried(ByList([(vec![], 1), (vec![1, 2], 2)].into()));
    let places = [Place::Door, Place::Seat(3), Place::Table { number: None }, Place::Pair(-1, "$stube:key 1".into())];
    assert_eq!(
        carried(ByPlace(places.into_iter().zip(0..).collect())),
        r#"{"Door":0,"$stube:key {\"Seat\":3}":1,"$stube:key {\"Table\":{\"number\":null}}":2,"$stube:key {\"Pair\":[-1,\"$stube:key 1\"]}":3}"#
    );
    let floats = [f64::NAN, f64::INFINITY, 0.1, -0.0, 1e300].map(Ordered);
    carried(ByFloat(floats.into_iter().zip(0..).collect()));
    assert_eq!(carried(ByBool([(true, 1), (false, 0)].into())), r#"{"false":0,"true":1}"#);
    carried(ByChar([('"', 1), ('\u{0}', 0)].into()));
    carried(ByWide([(i128::MIN, [(u128::MAX, 1)].into()), (-1, [].into())].into()));
    carried(ByMap([([((1, 2), 3)].into(), 4)].into()));
    carried(BySet([(["a".into(), "b".into()].into(), 4)].into()));
}

/// All plain kinds of keys beside one that sends the text to our own reader.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Marked<T> {
    mark: Option<()>,
    value: T,
}

type Keys = (ByBool, ByChar, ByWide, ByText, ByFloat, ByPlace, BTreeMap<i8, Option<u64>>);
type Values = (OfWide, OfText, OfEvery, Value, Box<[bool]>, Around<(u8, i8)>);

holds! {
    MarkedKeys(Marked<Keys>);
    MarkedValues(Marked<Values>);
}

#[test]
fn what_is_plain_is_read_beside_what_is_marked() {
    let keys = (
        ByBool([(true, 1), (false, 0)].into()),
        ByChar([('"', 1), ('\\', 0)].into()),
        ByWide([(i128::MIN, [(u128::MAX, 1), (0, 1)].into())].into()),
        ByText([("\u{1}\\\"".into(), 1), (String::new(), 0)].into()),
        ByFloat([(Ordered(-0.0), 1), (Ordered(1e300), 0), (Ordered(f64::NEG_INFINITY), 2)].into()),
        ByPlace([(Place::Door, 1)].into()),
        [(-128, Some(u64::MAX)), (127, None)].into(),
    );
    carried(MarkedKeys(Marked { mark: Some(()), value: keys }));
    let values = (
        OfWide(vec![(i128::MIN, u128::MAX, Some(u128::MAX), i8::MIN, u64::MAX)]),
        OfText(vec![('\u{0}', "[{]},:".into(), Some("\\\"".into()))]),
        OfEvery(vec![Every::Unit, Every::OfUnit(())]),
        json!({ "a": [1, -1, 1.5, null, true, "x", {}], "": [] }),
        Box::from([true, false]),
        Around((1, -1)),
    );
    carried(MarkedValues(Marked { mark: Some(()), value: values }));
}

#[test]
fn what_looks_like_a_mark_is_not_one() {
    for text in ["$stube:some", "$stube:float", "$stube:key [1]", "$stube:", "$stube:key \"x\"", "$stube", "NaN", "inf"]
    {
        carried(ByText([(text.into(), 1)].into()));
        carried(OfText(vec![('x', text.into(), Some(text.into()))]));
        carried(ByOption([(Some(text.into()), 1)].into()));
        for value in [Value::Null, json!("NaN"), json!({ text: null })] {
            carried(OfJson(Some(json!({ text: value }))));
        }
    }
    assert_eq!(carried(OfJson(Some(json!({ "$stube:some": null })))), r#"{"$stube:key \"$stube:some\"":null}"#);
    carried(OfJson(Some(json!("{\"$stube:some\":null}"))));
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Renamed {
    #[serde(rename = "$stube:some")]
    field: u8,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum RenamedVariant {
    #[serde(rename = "$stube:some")]
    Variant(Option<()>),
    #[serde(rename = "$stube:float")]
    Unit,
}

holds! {
    OfRenamed(Renamed);
    OfRenamedVariant(RenamedVariant);
}

#[test]
fn a_name_that_looks_like_a_mark_is_refused_with_the_reason() {
    let reason = refused(OfRenamed(Renamed { field: 1 }));
    assert!(reason.contains("`of_renamed`") && reason.contains("`$stube:`"), "{reason}");
    assert!(refused(OfRenamedVariant(RenamedVariant::Variant(None))).contains("`$stube:`"));
    // A string is never taken for a mark.
    carried(OfRenamedVariant(RenamedVariant::Unit));
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct OfRaw(Option<Box<RawValue>>);

#[component]
impl Component for OfRaw {}

#[test]
fn raw_json_is_copied() {
    let raw = |text: &str| OfRaw(Some(RawValue::from_string(text.to_owned()).expect("it is JSON")));
    for (text, form) in [("[1,  2.0]", "[1,  2.0]"), ("null", "{\"$stube:some\":null}")] {
        let (state, back) = saved(&raw(text));
        assert_eq!((state.as_str(), back.0.expect("some").get()), (form, text));
    }
    let (state, back) = saved(&OfRaw(None));
    assert!(state == "null" && back.0.is_none());
    assert!(refused(raw("{\"$stube:some\":null}")).contains("`$stube:`"));
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Flat {
    id: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, Option<Option<()>>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Internal {
    Point { at: Option<()>, by: BTreeMap<(u8, u8), f64> },
    Plain(Fields),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "what")]
enum Adjacent {
    Unit,
    Point(Option<()>, BTreeMap<(u8, u8), f64>),
    Float(f64),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(f64),
    Text(String),
    Maybe { maybe: Option<()> },
    Keys(BTreeMap<(u8, u8), u8>),
}

holds! {
    OfFlat(Flat);
    OfInternal(Internal);
    OfAdjacent(Vec<Adjacent>);
    OfUntagged(Vec<Untagged>);
}

#[test]
fn a_type_that_buffers_is_given_what_was_marked() {
    let rest = [("a", None), ("b", Some(None)), ("c", Some(Some(()))), ("$stube:some", None)];
    carried(OfFlat(Flat { id: 1, rest: rest.map(|(key, value)| (key.to_owned(), value)).into() }));
    carried(OfInternal(Internal::Point { at: Some(()), by: [((1, 2), f64::INFINITY)].into() }));
    carried(OfInternal(Internal::Point { at: None, by: [((1, 2), 0.5)].into() }));
    let fields = Fields { unit: Some(()), skipped: Some(None), after: "NaN".into() };
    carried(OfInternal(Internal::Plain(fields)));
    let by: BTreeMap<_, _> = [((1, 2), f64::NEG_INFINITY)].into();
    carried(OfAdjacent(vec![Adjacent::Unit, Adjacent::Point(Some(()), by), Adjacent::Float(f64::INFINITY)]));
    carried(OfUntagged(vec![
        Untagged::Number(f64::INFINITY),
        Untagged::Number(1.0),
        Untagged::Text("inf".into()),
        Untagged::Maybe { maybe: Some(()) },
        Untagged::Maybe { maybe: None },
        Untagged::Keys([((1, 2), 3)].into()),
    ]));
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Ambiguous {
    Small(u8),
    Wide(u64),
    Letter(char),
    Text(String),
    Pair(u8, u16),
    Turned(u16, u8),
    Metres(Metres),
    Feet(Feet),
    List(Vec<f32>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Metres(f64);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Feet(f64);

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
enum Label {
    Number(u64),
    Text(String),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum UntaggedWide {
    Wide(u128),
}

/// Reads an even number only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Forgets {
    #[serde(serialize_with = "precise", deserialize_with = "rough")]
    number: u128,
    set: HashSet<u64>,
}

fn precise<S: serde::Serializer>(number: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u128(*number)
}

fn rough<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
    Ok(u128::deserialize(deserializer)? & !1)
}

holds! {
    OfUntaggedWide(UntaggedWide);
    OfAmbiguous(Ambiguous);
    OfAmbiguousHash(HashMap<String, Ambiguous>);
    ByLabel(BTreeMap<Label, u8>);
    OfForgets(Forgets);
}

#[test]
fn a_value_that_would_come_back_as_another_of_the_same_json_is_refused() {
    for (value, fits) in [
        (Ambiguous::Small(1), true),
        (Ambiguous::Wide(1), false),
        (Ambiguous::Wide(256), true),
        (Ambiguous::Letter('a'), true),
        (Ambiguous::Text("a".into()), false),
        (Ambiguous::Text("ab".into()), true),
        (Ambiguous::Pair(1, 2), true),
        (Ambiguous::Turned(1, 2), false),
        (Ambiguous::Turned(256, 2), true),
        (Ambiguous::Metres(Metres(1.5)), true),
        (Ambiguous::Feet(Feet(1.5)), false),
        (Ambiguous::List(vec![1.0]), true),
        (Ambiguous::List(vec![1.0, 2.0]), true),
    ] {
        if fits {
            carried(OfAmbiguous(value));
        } else {
            let reason = refused(OfAmbiguous(value));
            assert!(reason.ends_with("a value of `of_ambiguous` came back as another one"), "{reason}");
        }
    }
    carried(ByLabel([(Label::Text("x".into()), 1)].into()));
    refused(ByLabel([(Label::Number(1), 1)].into()));
    // serde knows no integers of that width in an untagged enum.
    for number in [7, u128::MAX] {
        let reason = refused(OfUntaggedWide(UntaggedWide::Wide(number)));
        assert!(reason.contains("`of_untagged_wide`"), "{reason}");
    }
}

#[test]
fn the_order_of_a_hash_map_hides_no_loss() {
    let all = [Ambiguous::Small(1), Ambiguous::Letter('a'), Ambiguous::Wide(700), Ambiguous::Text("text".into())];
    let mut map: HashMap<_, _> = (0..40).map(|n| (n.to_string(), all[n % 4].clone())).collect();
    carried(OfAmbiguousHash(map.clone()));
    map.insert("41".into(), Ambiguous::Wide(1));
    refused(OfAmbiguousHash(map));
    // Two numbers that are one as floats.
    let set = (0..40).collect();
    carried(OfForgets(Forgets { number: u128::MAX - 1, set }));
    refused(OfForgets(Forgets { number: u128::MAX, set: (0..40).collect() }));
}

/// Any value of serde's data model that has a type of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Any {
    Unit(()),
    Nothing(Nothing),
    Bool(bool),
    Number(i64),
    Wide(u128),
    Float(Option<Ordered>),
    Small(Vec<u32>),
    Letter(char),
    Text(String),
    Maybe(Option<Box<Any>>),
    Twice(Option<Option<Box<Any>>>),
    Units(Option<Around<Option<()>>>),
    List(Vec<Any>),
    Pair(Box<(Any, Any)>),
    Map(BTreeMap<(String, Option<i8>), Any>),
    Texts(BTreeMap<String, Any>),
    Places(BTreeMap<Place, Option<()>>),
    Json(Option<Value>),
    Struct { unit: Option<()>, inner: Box<Option<Any>> },
}

holds! {
    OfAny(Any);
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "(\\$stube:)?(some|float|key )?[\\[\"{:0-9]{0,3}"]
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![
        Just(Place::Door),
        any::<u8>().prop_map(Place::Seat),
        any::<Option<u8>>().prop_map(|number| Place::Table { number }),
        (any::<i8>(), text()).prop_map(|(number, text)| Place::Pair(number, text)),
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..3).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_value() -> impl Strategy<Value = Any> {
    // The kinds of what is no number are not told apart.
    let float = any::<f64>().prop_map(|float| Ordered(if float.is_nan() { f64::NAN } else { float }));
    let leaf = prop_oneof![
        Just(Any::Unit(())),
        Just(Any::Nothing(Nothing)),
        any::<bool>().prop_map(Any::Bool),
        any::<i64>().prop_map(Any::Number),
        any::<u128>().prop_map(Any::Wide),
        prop::option::of(float).prop_map(Any::Float),
        any::<Vec<u32>>().prop_map(Any::Small),
        any::<char>().prop_map(Any::Letter),
        text().prop_map(Any::Text),
        any::<Option<Option<()>>>().prop_map(|units| Any::Units(units.map(Around))),
        prop::collection::btree_map(place(), any::<Option<()>>(), 0..3).prop_map(Any::Places),
        prop::option::of(any_json()).prop_map(Any::Json),
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        prop_oneof![
            prop::option::of(boxed.clone()).prop_map(Any::Maybe),
            prop::option::of(prop::option::of(boxed)).prop_map(Any::Twice),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Any::List),
            (inner.clone(), inner.clone()).prop_map(|pair| Any::Pair(Box::new(pair))),
            prop::collection::btree_map((text(), any::<Option<i8>>()), inner.clone(), 0..3).prop_map(Any::Map),
            prop::collection::btree_map(text(), inner.clone(), 0..3).prop_map(Any::Texts),
            (any::<Option<()>>(), prop::option::of(inner))
                .prop_map(|(unit, inner)| Any::Struct { unit, inner: Box::new(inner) }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_value_comes_back(value in any_value()) {
        carried(OfAny(value));
    }

    #[test]
    fn any_float_comes_back_bit_by_bit(floats in any::<Vec<(f64, f32, Option<f64>)>>()) {
        let floats = OfFloats(floats);
        let (_, back) = saved(&floats);
        prop_assert_eq!(bits(&back), bits(&floats));
    }
}

/// A record of this body, as an older version wrote it.
fn old(name: &str, state: &str) -> Result<Conversation, Reason> {
    let id = ConversationId::from_bits([5; 16]);
    let content = format!(
        "{{\"format\":1,\"id\":\"{id}\",\"revision\":1,\"nonce\":\"00000000\",\"flow\":\"{name}\",\"awaits\":[{{\"turn\":\"i1.0\",\"component\":\"{name}\"}}],\
         \"created\":\"2026-01-01T00:00:00.000Z\",\"touched\":\"2026-01-01T00:00:00.000Z\",\"body\":{{\"next\":2,\
         \"root\":{{\"stack\":[{{\"id\":\"i1\",\"type\":\"{name}\",\"crate\":\"exact\",\"state\":{state}}}]}}}}"
    );
    let sum = HEXLOWER.encode(&Sha256::digest(&content));
    decode(format!("{content},\"sum\":\"{sum}\"}}\n").as_bytes())
}

#[test]
fn what_an_older_version_wrote_is_read_as_it_read_it() {
    let read = old("of_option", "null").expect("it is read");
    assert_eq!(read.front().get::<OfOption>(), Some(&OfOption(None)));
    let read = old("of_option", "7").expect("it is read");
    assert_eq!(read.front().get::<OfOption>(), Some(&OfOption(Some(Some(7)))));
    let read = old("of_many", "[[null,true]]").expect("it is read");
    assert_eq!(read.front().get::<OfMany>(), Some(&OfMany(vec![(None, Some(Some(true)))])));
    let read = old("of_json", "{\"a\":[null, 1.50]}").expect("it is read");
    assert_eq!(read.front().get::<OfJson>(), Some(&OfJson(Some(json!({ "a": [null, 1.5] })))));
}

#[test]
fn a_mark_where_none_can_be_is_an_error() {
    let some = "{\"$stube:some\":null}";
    let deep = format!("{}null{}", "{\"$stube:some\":".repeat(200), "}".repeat(200));
    for (name, state) in [
        ("of_unit", "{\"$stube:some\":null,\"a\":1}"),
        ("of_unit", "{\"$stube:some\":1}"),
        ("of_unit", "{\"$stube:float\":\"NaN\"}"),
        ("of_three", &deep),
        ("of_json", &deep),
        ("of_json", "{\"a\":{\"$stube:float\":\"1.0\"}}"),
        ("of_json", "{\"a\":1,\"$stube:some\":null}"),
        ("of_json", "{\"$stube:other\":null}"),
        ("of_json", "{\"$stube:key 1 2\":null}"),
        ("of_json", "{\"$stube:key \":null}"),
        ("by_text", some),
        ("by_text", "{\"$stube:key [1]\":1}"),
        ("by_tuple", "{\"$stube:key [1,\\\"a\\\"\":1}"),
        ("by_float", "{\"$stube:key {\\\"$stube:float\\\":\\\"nan\\\"}\":1}"),
        ("of_wide", "[{\"$stube:float\":\"NaN\"}]"),
        ("of_every", "[{\"$stube:some\":null}]"),
        ("marked_keys", "{\"mark\":{\"$stube:some\":null},\"value\":[{},{},{},{},{\"007\":1},{},{}]}"),
    ] {
        let found = old(name, state);
        assert!(matches!(&found, Err(Reason::ChangedSchema { .. })), "{name} of {state}: {found:?}");
    }
}

#[flow]
async fn holds_everything(unit: Option<()>) -> (Option<()>, Vec<u8>) {
    let nested = Some(None::<u8>);
    let float = f64::NAN;
    let seats = BTreeMap::from([((1_u8, 'a'), Some(())), ((2, 'b'), None)]);
    let mut range = 0..=3_u8;
    let mut seen = Vec::new();
    while let Some(n) = range.next() {
        Info::new(format!("{n}")).await;
        seen.push(n);
    }
    let sure = Confirm::new("And now?").await;
    assert!(sure && nested == Some(None) && float.is_nan(), "they are as they were");
    assert_eq!(seats, BTreeMap::from([((1, 'a'), Some(())), ((2, 'b'), None)]));
    seen.extend(range);
    (unit, seen)
}

#[test]
fn a_flow_keeps_over_an_await_what_json_would_lose() {
    for unit in [None, Some(())] {
        let mut c = TestConversation::start(holds_everything(unit));
        for _ in 0..4 {
            c.reload();
            c.answer::<Info>(());
        }
        c.reload();
        c.answer::<Confirm>(true);
        assert_eq!(c.result::<(Option<()>, Vec<u8>)>(), (unit, vec![0, 1, 2, 3]));
    }
}

/// Runs each range to its end, asks, and tells whether anything is left of it.
macro_rules! ranges {
    ($($name:ident($ty:ty): $range:expr;)*) => {$(
        #[flow]
        async fn $name(mut given: std::ops::RangeInclusive<$ty>) -> (Vec<$ty>, bool, bool, $ty) {
            let (first, last) = (*given.start(), *given.end());
            let mut own = first..=last;
            while own.next_back().is_some() {}
            given.by_ref().for_each(drop);
            let mut fresh = first..=last;
            fresh.next();
            Confirm::new("go on?").await;
            let left = own.chain(given.clone()).chain(fresh).collect();
            (left, given.is_empty(), given.contains(&last), *given.end())
        }
    )*

    #[test]
    fn a_range_that_has_come_to_its_end_stays_there() {
        $({
            let range = $range;
            let mut rest = range.clone();
            rest.next();
            for reload in [false, true] {
                let mut c = TestConversation::start($name(range.clone()));
                if reload {
                    c.reload();
                }
                c.answer::<Confirm>(true);
                let (left, empty, contains, end) = c.result::<(Vec<$ty>, bool, bool, $ty)>();
                assert_eq!((left, empty, contains), (rest.clone().collect(), true, false), "{range:?}");
                // What the standard library gives, except for the last value that there is.
                assert!(end == *range.end() || *range.end() == <$ty>::MAX, "{range:?}");
            }
        })*
    }};
}

ranges! {
    bytes(u8): 3..=3;
    last_bytes(u8): 250..=255;
    signed(i8): -128..=-128;
    small(i16): -1..=1;
    small_unsigned(u16): 0..=0;
    numbers(i32): 5..=7;
    unsigned(u32): 1..=2;
    long(i64): i64::MAX..=i64::MAX;
    long_unsigned(u64): 1..=2;
    wide(i128): i128::MAX - 1..=i128::MAX;
    wide_unsigned(u128): 0..=1;
    sizes(usize): 0..=1;
    signed_sizes(isize): 0..=1;
    letters(char): 'a'..='c';
    around_the_gap(char): '\u{d7ff}'..='\u{d7ff}';
    last_letter(char): char::MAX..=char::MAX;
}

#[tokio::test]
async fn what_cannot_be_carried_is_refused_and_the_question_stays_open() {
    let store = std::sync::Arc::new(stube::MemoryStore::new());
    let runtime = stube::Runtime::open(store).expect("it opens");
    let id = runtime.start(keeps(String::new())).await.expect("it starts").id;
    let ask = async || runtime.render(id).await.expect("it is there").waiting().expect("it waits")[0].turn;
    let turn = ask().await;
    let error = runtime.answer::<stube::Prompt>(id, turn, "a".into()).await.expect_err("it would become a letter");
    assert!(error.to_string().contains("a value of `keeps` came back as another one"), "{error}");
    assert_eq!(ask().await, turn, "the same question is open");
    runtime.answer::<stube::Prompt>(id, turn, "ab".into()).await.expect("it is carried");
    let turn = ask().await;
    let reply = runtime.answer::<Confirm>(id, turn, true).await.expect("it ends");
    assert_eq!(reply, stube::runtime::Reply::Ended { result: "[\"ab\",{\"$stube:some\":null}]".into() });
    let stube::runtime::Reply::Ended { result } = reply else { unreachable!("it was compared") };
    let result = stube::record::result::<(Ambiguous, Option<()>)>(&result);
    assert_eq!(result, Ok((Ambiguous::Text("ab".into()), Some(()))));
    assert!(stube::record::result::<bool>("{\"$stube:some\":null}").is_err());
}

#[flow]
async fn ends_with() -> Result<Ambiguous, Option<()>> {
    let small = Confirm::new("A small one?").await;
    let wide = Confirm::new("A wide one?").await;
    match (small, wide) {
        (true, _) => Ok(Ambiguous::Small(1)),
        (false, true) => Ok(Ambiguous::Wide(1)),
        (false, false) => Err(Some(())),
    }
}

#[test]
fn a_result_that_would_come_back_as_another_is_refused() {
    for (small, wide, form) in [
        (true, true, Some("{\"Ok\":1}")),
        (false, true, None),
        (false, false, Some("{\"Err\":{\"$stube:some\":null}}")),
    ] {
        let answer = |conversation: Conversation, yes: bool| {
            let turn = conversation.front().turn();
            kernel::apply(conversation, Input::answer(turn, yes), Timestamp::EPOCH).expect("it goes on").progress
        };
        let Progress::Waits(asked) = answer(conversation(ends_with()), small) else { panic!("it goes on") };
        let Progress::Ended(ended) = answer(asked, wide) else { panic!("it ends") };
        match (Record::encode(&ended, Lineage::for_test(1)), form) {
            (Ok(record), Some(form)) => assert_eq!(record.decode().ok().and_then(result).as_deref(), Some(form)),
            (Err(error), None) => assert!(error.to_string().contains("`ends_with` came back as another"), "{error}"),
            (found, _) => panic!("{found:?}"),
        }
    }
}

fn result(stored: Stored) -> Option<String> {
    match stored {
        Stored::Ended(ended) => Some(ended.json),
        Stored::Conversation(_) => None,
    }
}

#[flow]
async fn keeps(before: String) -> (Ambiguous, Option<()>) {
    let text = stube::Prompt::new("What?").await;
    let kept = Ambiguous::Text(before + &text);
    let sure = Confirm::new("Sure?").await;
    (kept, sure.then_some(()))
}
