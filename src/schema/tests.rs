use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::*;
use crate::schema::diff::compare;

fn probe_type<T: Deserialize<'static>>(types: &mut Definitions) -> Type {
    probe(probed::<T>, types)
}

/// The type, and every definition that it names, on one line each.
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

/// A definition without what only the code knows.
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
fn a_type_is_what_serde_reads_of_it() {
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
        panic!("it has never seen such a number")
    }
}

#[test]
fn a_type_that_panics_is_looked_at_as_far_as_it_goes() {
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
fn it_is_known_which_fields_may_be_missing_and_how_else_they_are_called() {
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
fn what_is_no_type_is_refused() {
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
    let found = compare(&Both { old: &old, new: &new }, "x", &was, &is);
    found.iter().map(|found| format!("{:?} {found}", found.change)).collect()
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
fn what_was_saved_is_read_by_a_type_that_holds_all_of_it() {
    assert_eq!(differences::<Dates, Dates>(), [""; 0]);
    assert_eq!(
        differences::<Dates, after::Days>(),
        [
            "Additive `x.nights` was u32 and is u64, which holds all of it",
            "Additive `x.note` is new, and its default stands for it",
        ]
    );
    assert_eq!(differences::<Dates, after::Longer>(), ["Breaking `x.last` is new, and has no default"]);
    assert_eq!(
        differences::<after::Longer, Dates>(),
        ["Additive `x.last` is gone, and what was saved of it is left out"]
    );
    assert_eq!(
        differences::<Payment, after::Payment>(),
        [
            "Breaking `x.Cash` is gone, and may have been saved",
            "Additive `x.Card.until.1` was u16 and is u32, which holds all of it",
        ]
    );
    assert_eq!(differences::<u8, Option<u8>>(), ["Additive `x` may now be `None`"]);
    assert_eq!(differences::<Option<u8>, u8>(), ["Breaking `x` was Option<u8> and is u8"]);
    assert_eq!(differences::<u64, f64>(), ["Breaking `x` was u64 and is f64"]);
    assert_eq!(differences::<i64, u64>(), ["Breaking `x` was i64 and is u64"]);
    assert_eq!(differences::<[u8; 2], Vec<u8>>(), [""; 0]);
    assert_eq!(differences::<Tree, Tree>(), [""; 0]);
}

/// Whatever is called additive is read: the same pairs, with values.
#[test]
fn what_is_called_additive_is_read() {
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
fn a_digest_is_of_what_is_saved_and_not_of_what_it_is_called() {
    fn digest_of<T: for<'de> Deserialize<'de> + 'static>() -> String {
        let mut types = Definitions::new();
        let ty = probe_type::<T>(&mut types);
        let local = Field { name: "x".into(), aliases: Vec::new(), ty, optional: false };
        Shape { locals: vec![local], ..Shape::default() }.digest(&types)
    }
    #[derive(Serialize, Deserialize)]
    struct Days {
        nights: u32,
        first: String,
    }
    assert_eq!(digest_of::<Dates>(), digest_of::<Days>());
    assert_eq!(digest_of::<Metres>(), digest_of::<f64>());
    assert_ne!(digest_of::<Dates>(), digest_of::<after::Days>());
    assert_ne!(digest_of::<Page<u8>>(), digest_of::<Page<u16>>());
    assert_eq!(digest_of::<Tree>(), digest_of::<Tree>());
    // Records carry it, so it stays what it is.
    assert_eq!(digest_of::<u32>().len(), 12);
}
