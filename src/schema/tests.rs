use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::*;
use crate::schema::diff::diff_types;

fn probe_type<T: Deserialize<'static>>(types: &mut Definitions) -> Type {
    probe(probed::<T>, types)
}

/// The type and every definition that it refers to, one per line.
fn written<T: Deserialize<'static>>() -> String {
    let mut types = Definitions::new();
    let ty = probe_type::<T>(&mut types);
    let defined = types.iter().map(|(name, definition)| {
        let json = serde_json::to_string(definition).unwrap();
        assert_eq!(serde_json::from_str::<Definition>(&json).unwrap(), read_back(definition), "{json}");
        format!("{name} = {json}")
    });
    let all: Vec<_> = std::iter::once(ty.to_string()).chain(defined).collect();
    assert_eq!(ty.to_string().parse(), Ok(ty));
    all.join("\n")
}

/// A definition without aliases and defaults, which are not written.
fn read_back(definition: &Definition) -> Definition {
    let saved = |fields: &[Field]| -> Vec<Field> {
        fields.iter().map(|field| Field { aliases: Vec::new(), optional: false, ..field.clone() }).collect()
    };
    match definition {
        Definition::Struct(fields) => Definition::Struct(saved(fields)),
        Definition::Enum(variants) => {
            let variant = |variant: &Variant| match &variant.content {
                Content::Fields(fields) => {
                    Variant { name: variant.name.clone(), content: Content::Fields(saved(fields)) }
                }
                _ => variant.clone(),
            };
            Definition::Enum(variants.iter().map(variant).collect())
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Dates {
    first: String,
    nights: u32,
}

#[derive(Serialize, Deserialize)]
struct Metres(f64);

#[derive(Serialize, Deserialize)]
enum Payment {
    Cash,
    Card { number: String, until: Option<(u8, u16)> },
    Voucher(Metres),
    Both(u8, String),
    Empty(()),
}

#[derive(Serialize, Deserialize)]
struct Tree {
    name: String,
    children: Vec<Tree>,
}

#[derive(Serialize, Deserialize)]
struct Page<T> {
    items: Vec<T>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    A { x: u8 },
}

#[derive(Serialize, Deserialize)]
struct Flat {
    #[serde(flatten)]
    dates: Dates,
}

#[test]
fn a_schema_is_what_serde_reads() {
    assert_eq!(written::<Vec<(String, usize)>>(), "Vec<(String, u64)>");
    assert_eq!(written::<Option<Box<[u8; 2]>>>(), "Option<(u8, u8)>");
    assert_eq!(written::<BTreeMap<(u8, char), HashSet<bool>>>(), "Map<(u8, char), Vec<bool>>");
    assert_eq!(written::<(Metres, (), i128)>(), "(f64, (), i128)");
    assert_eq!(written::<(u8,)>(), "(u8,)");
    assert_eq!(written::<Dates>(), "Dates\nDates = {\"first\":\"String\",\"nights\":\"u32\"}");
    assert_eq!(
        written::<Payment>(),
        "Payment\nPayment = [\"Cash\",{\"Card\":{\"number\":\"String\",\"until\":\"Option<(u8, u16)>\"}},\
         {\"Voucher\":\"f64\"},{\"Both\":\"(u8, String)\"},{\"Empty\":\"()\"}]"
    );
    assert_eq!(written::<Tree>(), "Tree\nTree = {\"name\":\"String\",\"children\":\"Vec<Tree>\"}");
    assert_eq!(
        written::<(Page<u8>, Page<String>, Page<u8>)>(),
        "(Page, Page2, Page)\nPage = {\"items\":\"Vec<u8>\"}\nPage2 = {\"items\":\"Vec<String>\"}"
    );
    assert_eq!(written::<(IpAddr, NonZeroU32, u8)>(), "(String, u32, u8)");
    assert_eq!(written::<(Duration, u8)>(), "(Duration, u8)\nDuration = {\"secs\":\"u64\",\"nanos\":\"u32\"}");
    assert_eq!(written::<serde_json::Value>(), "_");
    assert_eq!(written::<Tagged>(), "_");
    assert_eq!(written::<Flat>(), "Map<String, _>");
    assert_eq!(written::<&'static str>(), "String");
}

#[derive(Deserialize)]
#[serde(from = "u8")]
struct Odd;

impl From<u8> for Odd {
    fn from(_: u8) -> Self {
        panic!("this value is not accepted")
    }
}

#[test]
fn a_type_that_panics_is_probed_up_to_the_panic() {
    let mut types = Definitions::new();
    assert_eq!(probe_type::<(u8, Odd, String)>(&mut types).to_string(), "(u8, u8, _)");
}

#[derive(Serialize, Deserialize)]
struct Optional {
    needed: IpAddr,
    number: NonZeroU32,
    #[serde(default)]
    defaulted: u32,
    maybe: Option<u32>,
    #[serde(alias = "renamed", alias = "again")]
    name: String,
    last: String,
}

#[test]
fn optional_fields_and_aliases_are_detected() {
    let mut types = Definitions::new();
    probe_type::<Optional>(&mut types);
    let Definition::Struct(fields) = &types["Optional"] else { panic!("it is a struct") };
    let optional: Vec<_> = fields.iter().filter(|field| field.optional).map(|field| field.name.as_str()).collect();
    assert_eq!(optional, ["defaulted", "maybe"]);
    let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["needed", "number", "defaulted", "maybe", "name", "last"]);
    assert_eq!(fields[4].aliases, ["again", "renamed"]);
}

#[test]
fn text_that_is_not_a_type_is_refused() {
    for text in ["", "Vec", "Vec<", "Vec<u8", "Option<>", "(u8", "(,)", "u8 u8", "Map<u8>", "a-b", "<u8>", "((((", ")"]
    {
        assert!(text.parse::<Type>().is_err(), "{text}");
    }
    let deep = "Vec<".repeat(100_000);
    assert!(deep.parse::<Type>().is_err());
}

fn differences<Old, New>() -> Vec<String>
where
    Old: for<'de> Deserialize<'de> + 'static,
    New: for<'de> Deserialize<'de> + 'static,
{
    let (mut old, mut new) = (Definitions::new(), Definitions::new());
    let (was, is) = (probe_type::<Old>(&mut old), probe_type::<New>(&mut new));
    let found = diff_types(&DefinitionPair { old: &old, new: &new }, "x", &was, &is);
    found.iter().map(|found| format!("{:?} {found}", found.impact)).collect()
}

mod after {
    use super::*;

    #[derive(Serialize, Deserialize)]
    pub(super) struct Days {
        pub(super) nights: u64,
        pub(super) first: String,
        #[serde(default)]
        pub(super) note: String,
    }

    #[derive(Serialize, Deserialize)]
    pub(super) struct Longer {
        pub(super) first: String,
        pub(super) nights: u32,
        pub(super) last: String,
    }

    #[derive(Serialize, Deserialize)]
    pub(super) enum Payment {
        Card {
            number: String,
            until: Option<(u8, u32)>,
        },
        Voucher(f64),
        #[serde(alias = "Both")]
        Two(u8, String),
        Empty(()),
        Bitcoin,
    }
}

#[test]
fn differences_are_additive_or_breaking() {
    assert_eq!(differences::<Dates, Dates>(), [""; 0]);
    assert_eq!(
        differences::<Dates, after::Days>(),
        [
            "Additive `x.nights` was u32 and is u64, which can represent every old value",
            "Additive `x.note` is new and gets its default",
        ]
    );
    assert_eq!(differences::<Dates, after::Longer>(), ["Breaking `x.last` is new and has no default"]);
    assert_eq!(differences::<after::Longer, Dates>(), ["Additive `x.last` was removed; its saved value is dropped"]);
    assert_eq!(
        differences::<Payment, after::Payment>(),
        [
            "Breaking `x.Cash` was removed, and saved values may contain it",
            "Additive `x.Card.until.1` was u16 and is u32, which can represent every old value",
        ]
    );
    assert_eq!(differences::<u8, Option<u8>>(), ["Additive `x` may now be `None`"]);
    assert_eq!(differences::<Option<u8>, u8>(), ["Breaking `x` was Option<u8> and is u8"]);
    assert_eq!(differences::<u64, f64>(), ["Breaking `x` was u64 and is f64"]);
    assert_eq!(differences::<i64, u64>(), ["Breaking `x` was i64 and is u64"]);
    assert_eq!(differences::<[u8; 2], Vec<u8>>(), [""; 0]);
    assert_eq!(differences::<Tree, Tree>(), [""; 0]);
}

/// Data of an additive change is readable: the same pairs of types, with values.
#[test]
fn data_of_an_additive_change_is_readable() {
    fn read<Old: Serialize, New: for<'de> Deserialize<'de>>(old: Old) {
        let json = serde_json::to_string(&old).unwrap();
        assert!(serde_json::from_str::<New>(&json).is_ok(), "{json}");
    }
    read::<_, after::Days>(Dates { first: "1".into(), nights: u32::MAX });
    read::<_, Dates>(after::Longer { first: "1".into(), nights: 2, last: "3".into() });
    read::<_, after::Payment>(Payment::Card { number: "1".into(), until: Some((1, 2)) });
    read::<_, after::Payment>(Payment::Both(1, "2".into()));
    read::<_, Option<u8>>(3_u8);
    read::<_, Vec<u8>>([1_u8, 2]);
    assert!(serde_json::from_str::<after::Longer>(r#"{"first":"1","nights":2}"#).is_err());
}

#[test]
fn a_fingerprint_depends_on_the_data_and_not_on_type_names() {
    fn fingerprint_of<T: for<'de> Deserialize<'de> + 'static>() -> String {
        let mut types = Definitions::new();
        let ty = probe_type::<T>(&mut types);
        let local = Field { name: "x".into(), aliases: Vec::new(), ty, optional: false };
        Schema { locals: vec![local], ..Schema::default() }.fingerprint(&types)
    }
    #[derive(Serialize, Deserialize)]
    struct Days {
        nights: u32,
        first: String,
    }
    assert_eq!(fingerprint_of::<Dates>(), fingerprint_of::<Days>());
    assert_eq!(fingerprint_of::<Metres>(), fingerprint_of::<f64>());
    assert_ne!(fingerprint_of::<Dates>(), fingerprint_of::<after::Days>());
    assert_ne!(fingerprint_of::<Page<u8>>(), fingerprint_of::<Page<u16>>());
    assert_eq!(fingerprint_of::<Tree>(), fingerprint_of::<Tree>());
    // Records carry fingerprints, so their form must not change.
    assert_eq!(fingerprint_of::<u32>().len(), 12);
}
