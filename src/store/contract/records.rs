//! The records that the suite saves. They are made by hand: a store needs no conversation to keep a record.

use std::time::Duration;

use crate::kernel::OpenAwait;
use crate::model::id::{ConversationId, Owner};
use crate::model::timestamp::Timestamp;
use crate::record::{Header, Lineage, MAX_BYTES, MAX_DEPTH, Record, Revision, RevisionNonce};

/// The ids of the suite. Their order differs from that of their numbers.
pub(super) fn id(number: u64) -> ConversationId {
    // An odd factor, so that different numbers have different products.
    let spread = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835_u128;
    ConversationId::from_bits((u128::from(number) + 1).wrapping_mul(spread).to_be_bytes())
}

/// The revisions of the suite, each with a nonce of its own.
pub(super) fn revision(number: u64) -> Revision {
    Revision::from_parts(number, nonce(number)).expect("BUG: the suite uses revisions that there are")
}

fn nonce(number: u64) -> RevisionNonce {
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24;
    RevisionNonce::from_number(spread).expect("BUG: 40 bits are left")
}

/// The revision with the same number in another history.
pub(super) fn other_revision(number: u64) -> Revision {
    let nonce = RevisionNonce::from_number(nonce(number).number() ^ 1).expect("BUG: 40 bits are left");
    Revision::from_parts(number, nonce).expect("BUG: the suite uses revisions that there are")
}

/// The revision after this one; the first revision after `None`.
pub(super) fn next_revision(last: Option<Revision>) -> Revision {
    revision(last.map_or(1, |last| last.number() + 1))
}

/// A record whose bytes differ for each revision.
pub(super) fn record(id: ConversationId, revision: Revision) -> Record {
    Draft::new(id, revision).seal()
}

/// A record in the making.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) header: Header,
    /// The state of its only instance, as JSON.
    pub(super) state: String,
}

impl Draft {
    pub(super) fn new(id: ConversationId, revision: Revision) -> Self {
        let lineage = Lineage::at(revision, nonce);
        let created = Timestamp::from_millis(1_795_425_000_123);
        let turn = "i1.0".parse().expect("BUG: it is a turn");
        let header = Header {
            state: Some("Room".to_owned()),
            awaits: vec![OpenAwait::question(turn, "pick_room")],
            touched: created.after(Duration::from_millis(revision.number())),
            ..Header::new(id, lineage, "booking", created)
        };
        Self { header, state: format!(r#"{{"change":"{revision}","of":"{id}"}}"#) }
    }

    /// The bytes of the record; `None` if it is too large. With a newer format, a store must refuse them as unreadable.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        Record::assemble(self.header.clone(), &self.body()).ok().map(|record| record.bytes().to_vec())
    }

    pub(super) fn seal(&self) -> Record {
        let bytes = self.bytes().expect("BUG: the suite makes records within the limits");
        Record::parse(bytes).expect("BUG: the suite makes records that can be read")
    }

    fn body(&self) -> String {
        let Self { header, state } = self;
        if header.has_ended() {
            return format!(r#"{{"result":{state}}}"#);
        }
        format!(r#"{{"next":2,"root":{{"stack":[{{"id":"i1","type":"pick_room","state":{state}}}]}}}}"#)
    }

    /// The draft with a state that makes the record exactly as large as allowed.
    pub(super) fn largest(mut self) -> Self {
        self.state = "\"\"".to_owned();
        let empty = self.bytes().map_or(0, |bytes| bytes.len());
        self.state = format!("\"{}\"", "x".repeat(MAX_BYTES - empty));
        self
    }
}

/// Owners that an incorrect query confuses, or that a column may not hold.
pub(super) fn owners() -> Vec<Owner> {
    let longest = "o".repeat(Owner::MAX_BYTES);
    let names = ["ada", "Ada", "ad", "ada ", "%", "a%", "'; --", "\u{e9}", "e\u{301}", "a\0b", &longest];
    names.map(|name| Owner::new(name).expect("BUG: it is not too long")).into()
}

/// Names that an incorrect query confuses.
pub(super) const NAMES: [&str; 8] =
    ["booking", "Booking", "book%", "b_oking", "booking ", "boo\\king", "b'ook\"ing", "\u{e9}"];

/// A state of every kind as JSON. A store that parses and rewrites records would change some of them.
pub(super) fn values() -> Vec<(&'static str, String)> {
    // The state is nested in fewer than ten levels.
    let nested = MAX_DEPTH - 10;
    let bytes: Vec<_> = (0..=255).map(|byte: u8| byte.to_string()).collect();
    [
        ("nothing", "null"),
        ("truth values", "[true,false]"),
        ("what is empty", r#"["",[],{},{"":""}]"#),
        ("integers", "[0,-1,9007199254740993,18446744073709551615,-9223372036854775808]"),
        ("wide integers", "[340282366920938463463374607431768211455,-170141183460469231731687303715884105728]"),
        ("floats", "[0.1,-0.0,0.30000000000000004,5e-324,2.2250738585072014e-308,1.7976931348623157e308]"),
        ("one number, spelled in many ways", "[1,1.0,1.00,1e0,1E+0,10e-1]"),
        ("a number that no float holds", "[1e400,123456789.1234567890123456789]"),
        ("texts", r#"["a","\u0061","a\/b","\"\\\b\f\n\r\t"]"#),
        ("characters that end texts elsewhere", r#"["\u0000","a\u0000b","\u001a","\u001b[2J","\u2028"]"#),
        ("half a character", r#"["\ud800","\udfff"]"#),
        ("all the ends of Unicode", "[\"\u{7f}\u{80}\u{7ff}\u{800}\u{feff}\u{ffff}\u{10000}\u{10ffff}\"]"),
        ("two spellings of one letter", "[\"\u{e9}\",\"e\u{301}\"]"),
        ("what goes from right to left", "[\"\u{202e}\u{5d0}\"]"),
        (
            "words of other languages",
            r#"["'; drop table conversation; --","$1 ?1 :a @a {a} %s %00 ../..","<script>&amp;"]"#,
        ),
        ("keys in their order", r#"{"long_key":1,"b":2,"type":3,"a":4,"B":5}"#),
        ("one key twice", r#"{"a":1,"a":2}"#),
        ("room between", "{ \"a\" :\t[ 1 , 2 ]\r\n}"),
        ("our own marks", r#"[{"$stube:some":null},{"$stube:float":"NaN"},{"$stube:key [1,2]":1}]"#),
        ("a record in a record", r#"{"format":1,"revision":7,"sum":"0000"}"#),
    ]
    .map(|(name, state)| (name, state.to_owned()))
    .into_iter()
    .chain([
        ("lists in lists", format!("{}{}", "[".repeat(nested), "]".repeat(nested))),
        ("maps in maps", format!("{}1{}", r#"{"a":"#.repeat(nested), "}".repeat(nested))),
        ("every byte", format!("[{}]", bytes.join(","))),
        ("a long text", format!("\"{}\"", "\u{e9}\\n".repeat(20_000))),
        ("a long key", format!("{{\"{}\":1}}", "k".repeat(70_000))),
        ("a long list", format!("[{}]", vec!["-1.5"; 20_000].join(","))),
    ])
    .collect()
}
