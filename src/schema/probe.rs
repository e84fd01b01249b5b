//! What a type would read, found out by asking its `Deserialize`.
//!
//! A [`Probe`] is a deserializer with a way to go: it hands out what the way says, and nothing else, until the way ends;
//! there it takes note of what it is asked for, and fails. So one run looks at one place of a type, and no value is ever
//! made but those that lie beside the way: those come from a [`StandIn`], which tries a few for each place.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use serde::Deserialize;
use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::{Content, Definition, Definitions, Field, Plain, Type, Variant};

/// Reads a value of a type and drops it.
pub type Probed = fn(&mut dyn erased_serde::Deserializer<'static>) -> Result<(), erased_serde::Error>;

/// The [`Probed`] of a type.
pub fn probed<T: Deserialize<'static>>(
    from: &mut dyn erased_serde::Deserializer<'static>,
) -> Result<(), erased_serde::Error> {
    erased_serde::deserialize::<T>(from).map(drop)
}

/// What is asked for at one place.
#[derive(Debug, Clone, PartialEq)]
enum Found {
    Any,
    Plain(Plain),
    Nullable,
    List,
    Map,
    Tuple(usize),
    Struct(&'static str, &'static [&'static str]),
    Enum(&'static str, &'static [&'static str]),
    /// `Cash`, and not what `Cash(())` holds.
    UnitVariant,
    /// `Card { number }`.
    Fields(&'static [&'static str]),
    /// A field may be missing, or may not.
    Optional(bool),
    /// Two names are those of one field, which is written under this one.
    OneField(&'static str),
    /// They are not.
    TwoFields,
}

/// One step of a way.
#[derive(Debug, Clone)]
enum Way {
    /// Into an `Option`, or a list.
    Inside,
    /// To a part of a tuple.
    Part(usize),
    Key,
    Value,
    Field(&'static str),
    Variant(&'static str),
    /// All fields but this one: does that work?
    Without(&'static str, Rc<[&'static str]>),
    /// Two fields: are they one?
    Both(&'static str, &'static str),
}

/// How deep a type is looked into. What is deeper is `_`.
const DEEPEST: usize = 32;

/// What is read of a type. New definitions are added to `types`, each under its name, with a number if that is taken.
pub(crate) fn probe(probed: Probed, types: &mut Definitions) -> Type {
    Prober { probed, types, way: Vec::new(), within: Vec::new() }.ty()
}

struct Prober<'a> {
    probed: Probed,
    types: &'a mut Definitions,
    way: Vec<Way>,
    /// The definitions that are being made, for types that hold themselves.
    within: Vec<(&'static str, &'static [&'static str])>,
}

impl Prober<'_> {
    fn ty(&mut self) -> Type {
        if self.way.len() >= DEEPEST {
            return Type::Any;
        }
        match self.look() {
            Found::Plain(plain) => Type::Plain(plain),
            Found::Nullable => Type::Optional(Box::new(self.at(Way::Inside))),
            Found::List => Type::List(Box::new(self.at(Way::Inside))),
            Found::Map => Type::Map(Box::new(self.at(Way::Key)), Box::new(self.at(Way::Value))),
            Found::Tuple(0) => Type::Plain(Plain::Unit),
            Found::Tuple(parts) => Type::Tuple((0..parts).map(|part| self.at(Way::Part(part))).collect()),
            Found::Struct(name, fields) => {
                self.definition(name, fields, |this| Definition::Struct(this.fields(fields)))
            }
            Found::Enum(name, variants) => {
                self.definition(name, variants, |this| Definition::Enum(this.variants(variants)))
            }
            Found::Any
            | Found::UnitVariant
            | Found::Fields(_)
            | Found::Optional(_)
            | Found::OneField(_)
            | Found::TwoFields => Type::Any,
        }
    }

    fn at(&mut self, step: Way) -> Type {
        self.way.push(step);
        let ty = self.ty();
        self.way.pop();
        ty
    }

    fn definition(
        &mut self,
        name: &'static str,
        parts: &'static [&'static str],
        make: impl FnOnce(&mut Self) -> Definition,
    ) -> Type {
        if self.within.contains(&(name, parts)) {
            return Type::Named(name.to_owned());
        }
        self.within.push((name, parts));
        let definition = make(self);
        self.within.pop();
        let numbered = (2..).map(|number| format!("{name}{number}"));
        for name in std::iter::once(name.to_owned()).chain(numbered) {
            match self.types.get(&name) {
                Some(known) if *known == definition => return Type::Named(name),
                Some(_) => {}
                None => {
                    self.types.insert(name.clone(), definition);
                    return Type::Named(name);
                }
            }
        }
        unreachable!("there are more numbers than names")
    }

    fn fields(&mut self, names: &'static [&'static str]) -> Vec<Field> {
        // serde lists the names of one field side by side.
        let mut fields: Vec<(&'static str, Vec<&'static str>)> = Vec::new();
        for name in names {
            let same = fields.last().map(|(before, _)| self.look_at(Way::Both(before, name)));
            match (fields.last_mut(), same) {
                (Some((written, aliases)), Some(Found::OneField(main))) => {
                    aliases.push(if main == *written { name } else { std::mem::replace(written, main) });
                }
                _ => fields.push((name, Vec::new())),
            }
        }
        let written: Rc<[_]> = fields.iter().map(|(name, _)| *name).collect();
        let field = |(name, aliases): (&'static str, Vec<&'static str>)| Field {
            name: name.to_owned(),
            aliases: aliases.into_iter().map(str::to_owned).collect(),
            ty: self.at(Way::Field(name)),
            optional: self.look_at(Way::Without(name, Rc::clone(&written))) == Found::Optional(true),
        };
        fields.into_iter().map(field).collect()
    }

    fn variants(&mut self, names: &'static [&'static str]) -> Vec<Variant> {
        let variant = |name: &&'static str| {
            self.way.push(Way::Variant(name));
            let content = match self.look() {
                Found::UnitVariant => Content::Unit,
                Found::Fields(fields) => Content::Fields(self.fields(fields)),
                _ => Content::Type(self.ty()),
            };
            self.way.pop();
            Variant { name: (**name).to_owned(), content }
        };
        names.iter().map(variant).collect()
    }

    fn look_at(&mut self, step: Way) -> Found {
        self.way.push(step);
        let found = self.look();
        self.way.pop();
        found
    }

    /// What is asked for where the way ends. Values that stand beside the way are tried until they fit.
    fn look(&self) -> Found {
        let mut choices = Choices::default();
        loop {
            let found = RefCell::new(None);
            choices.begin();
            let probe = Probe { way: &self.way, found: &found, choices: &choices };
            // Code of an author's may panic on a value that it has never seen.
            let run = || (self.probed)(&mut <dyn erased_serde::Deserializer<'static>>::erase(probe));
            let ended = catch_unwind(AssertUnwindSafe(run)).is_ok();
            match found.into_inner() {
                Some(found) => return found,
                None if ended && choices.next() => {}
                None => return Found::Any,
            }
        }
    }
}

/// Which value stands in at each place that is asked for a text or a number, in the order in which they are asked.
#[derive(Default)]
struct Choices {
    chosen: RefCell<Vec<usize>>,
    asked: Cell<usize>,
    /// The place whose value was refused.
    refused: Cell<Option<usize>>,
}

/// Texts that some type or other reads: a number, dates, an address. Whichever fits first is taken.
const TEXTS: [&str; 12] = [
    "",
    "a",
    "0",
    "1970-01-01",
    "1970-01-01T00:00:00Z",
    "1970-01-01T00:00:00",
    "00:00:00",
    "00000000-0000-0000-0000-000000000000",
    "http://localhost/",
    "127.0.0.1",
    "a@example.org",
    "1.0.0",
];

impl Choices {
    fn begin(&self) {
        self.asked.set(0);
        self.refused.set(None);
    }

    /// The choice for the place that asks now.
    fn take(&self) -> (usize, usize) {
        let place = self.asked.get();
        self.asked.set(place + 1);
        let mut chosen = self.chosen.borrow_mut();
        if chosen.len() == place {
            chosen.push(0);
        }
        (place, chosen[place])
    }

    /// Gives what a place was given, and takes note if it was refused.
    fn give<T, E>(&self, place: usize, result: Result<T, E>) -> Result<T, E> {
        if result.is_err() && self.refused.get().is_none() {
            self.refused.set(Some(place));
        }
        result
    }

    /// Chooses something else for the place that refused; `false` if there is nothing left.
    fn next(&mut self) -> bool {
        let Some(place) = self.refused.get() else { return false };
        let chosen = self.chosen.get_mut();
        chosen.truncate(place + 1);
        chosen[place] += 1;
        chosen[place] < TEXTS.len()
    }
}

/// Why a run ended.
#[derive(Debug)]
enum Stop {
    /// Where it was to end, or for a reason that says nothing.
    Here,
    /// This field is missing.
    Missing(&'static str),
    /// This field was there twice.
    Twice(&'static str),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("only looking")
    }
}

impl std::error::Error for Stop {}

impl de::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Here
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::Twice(field)
    }
}

#[derive(Clone, Copy)]
struct Probe<'p> {
    way: &'p [Way],
    found: &'p RefCell<Option<Found>>,
    choices: &'p Choices,
}

impl<'p> Probe<'p> {
    /// The first step; at the end of the way, takes note of what is asked for.
    fn step(self, found: Found) -> Result<(Way, Self), Stop> {
        match self.way.split_first() {
            Some((step, way)) => Ok((step.clone(), Self { way, ..self })),
            None => self.end(found),
        }
    }

    fn end<T>(self, found: Found) -> Result<T, Stop> {
        self.found.replace(Some(found));
        Err(Stop::Here)
    }

    fn stand_in(self) -> StandIn<'p> {
        StandIn { choices: self.choices, depth: 0 }
    }

    /// The fields of a struct, or of a variant.
    fn fields<V: Visitor<'static>>(self, found: Found, visitor: V) -> Result<V::Value, Stop> {
        let (step, rest) = self.step(found)?;
        match step {
            Way::Field(name) => visitor.visit_map(One { key: Some(name), value: rest }),
            Way::Without(missing, names) => {
                let given = names.iter().filter(|name| **name != missing).copied().collect();
                match visitor.visit_map(Given::new(given, self)) {
                    Ok(_) => self.end(Found::Optional(true)),
                    Err(Stop::Missing(field)) if field == missing => self.end(Found::Optional(false)),
                    Err(stop) => Err(stop),
                }
            }
            Way::Both(one, other) => match visitor.visit_map(Given::new(vec![one, other], self)) {
                Err(Stop::Twice(field)) => self.end(Found::OneField(field)),
                Err(Stop::Missing(_)) | Ok(_) => self.end(Found::TwoFields),
                Err(stop) => Err(stop),
            },
            _ => Err(Stop::Here),
        }
    }

    fn tuple<V: Visitor<'static>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        match self.step(Found::Tuple(len))? {
            (Way::Part(part), rest) => {
                visitor.visit_seq(Parts { before: part, part: Some(rest), stand_in: self.stand_in() })
            }
            _ => Err(Stop::Here),
        }
    }
}

macro_rules! plain {
    ($($method:ident $plain:ident)*) => {$(
        fn $method<V: Visitor<'static>>(self, _: V) -> Result<V::Value, Stop> {
            self.step(Found::Plain(Plain::$plain)).and(Err(Stop::Here))
        }
    )*};
}

impl<'p> Deserializer<'static> for Probe<'p> {
    type Error = Stop;

    plain! {
        deserialize_bool Bool deserialize_char Char deserialize_str Text deserialize_string Text
        deserialize_identifier Text deserialize_bytes Bytes deserialize_byte_buf Bytes deserialize_unit Unit
        deserialize_u8 U8 deserialize_u16 U16 deserialize_u32 U32 deserialize_u64 U64 deserialize_u128 U128
        deserialize_i8 I8 deserialize_i16 I16 deserialize_i32 I32 deserialize_i64 I64 deserialize_i128 I128
        deserialize_f32 F32 deserialize_f64 F64
    }

    fn deserialize_any<V: Visitor<'static>>(self, _: V) -> Result<V::Value, Stop> {
        self.step(Found::Any).and(Err(Stop::Here))
    }

    fn deserialize_ignored_any<V: Visitor<'static>>(self, _: V) -> Result<V::Value, Stop> {
        self.step(Found::Any).and(Err(Stop::Here))
    }

    fn deserialize_unit_struct<V: Visitor<'static>>(self, _: &'static str, _: V) -> Result<V::Value, Stop> {
        self.step(Found::Plain(Plain::Unit)).and(Err(Stop::Here))
    }

    fn deserialize_option<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stop> {
        let (_, rest) = self.step(Found::Nullable)?;
        visitor.visit_some(rest)
    }

    fn deserialize_newtype_struct<V: Visitor<'static>>(self, name: &'static str, visitor: V) -> Result<V::Value, Stop> {
        // A name of serde_json's own: what stands there is taken as it is.
        if name.starts_with('$') {
            return self.step(Found::Any).and(Err(Stop::Here));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stop> {
        let (_, rest) = self.step(Found::List)?;
        visitor.visit_seq(Parts { before: 0, part: Some(rest), stand_in: self.stand_in() })
    }

    fn deserialize_tuple<V: Visitor<'static>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        self.tuple(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'static>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stop> {
        let (step, rest) = self.step(Found::Map)?;
        visitor.visit_map(Entry { probe: Some(rest), is_key: matches!(step, Way::Key), stand_in: self.stand_in() })
    }

    fn deserialize_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        if name.starts_with('$') {
            return self.step(Found::Any).and(Err(Stop::Here));
        }
        self.fields(Found::Struct(name, fields), visitor)
    }

    fn deserialize_enum<V: Visitor<'static>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        match self.step(Found::Enum(name, variants))? {
            (Way::Variant(variant), rest) => visitor.visit_enum(Chosen { variant, probe: rest }),
            _ => Err(Stop::Here),
        }
    }
}

/// One field.
struct One<'p> {
    key: Option<&'static str>,
    value: Probe<'p>,
}

impl MapAccess<'static> for One<'_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'static>>(&mut self, seed: K) -> Result<Option<K::Value>, Stop> {
        let Some(key) = self.key.take() else { return Ok(None) };
        seed.deserialize(name(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'static>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        seed.deserialize(self.value)
    }
}

fn name(name: &'static str) -> StrDeserializer<'static, Stop> {
    name.into_deserializer()
}

/// These fields, with values that stand in.
struct Given<'p> {
    names: std::vec::IntoIter<&'static str>,
    stand_in: StandIn<'p>,
}

impl<'p> Given<'p> {
    fn new(names: Vec<&'static str>, probe: Probe<'p>) -> Self {
        Self { names: names.into_iter(), stand_in: probe.stand_in() }
    }
}

impl MapAccess<'static> for Given<'_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'static>>(&mut self, seed: K) -> Result<Option<K::Value>, Stop> {
        self.names.next().map(|key| seed.deserialize(name(key))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'static>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        seed.deserialize(self.stand_in)
    }
}

/// The parts of a tuple or a list, up to the one that the way leads to.
struct Parts<'p> {
    before: usize,
    part: Option<Probe<'p>>,
    stand_in: StandIn<'p>,
}

impl SeqAccess<'static> for Parts<'_> {
    type Error = Stop;

    fn next_element_seed<T: DeserializeSeed<'static>>(&mut self, seed: T) -> Result<Option<T::Value>, Stop> {
        if let Some(before) = self.before.checked_sub(1) {
            self.before = before;
            return seed.deserialize(self.stand_in).map(Some);
        }
        self.part.take().map(|part| seed.deserialize(part)).transpose()
    }
}

/// One entry of a map. The way leads to its key, or to its value.
struct Entry<'p> {
    probe: Option<Probe<'p>>,
    is_key: bool,
    stand_in: StandIn<'p>,
}

impl MapAccess<'static> for Entry<'_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'static>>(&mut self, seed: K) -> Result<Option<K::Value>, Stop> {
        match self.probe {
            Some(probe) if self.is_key => seed.deserialize(probe).map(Some),
            Some(_) => seed.deserialize(self.stand_in).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'static>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        seed.deserialize(self.probe.take().ok_or(Stop::Here)?)
    }
}

/// One variant of an enum.
struct Chosen<'p> {
    variant: &'static str,
    probe: Probe<'p>,
}

impl<'p> EnumAccess<'static> for Chosen<'p> {
    type Error = Stop;
    type Variant = Probe<'p>;

    fn variant_seed<V: DeserializeSeed<'static>>(self, seed: V) -> Result<(V::Value, Probe<'p>), Stop> {
        Ok((seed.deserialize(name(self.variant))?, self.probe))
    }
}

/// What a variant holds.
impl VariantAccess<'static> for Probe<'_> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        self.step(Found::UnitVariant).and(Err(Stop::Here))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'static>>(self, seed: T) -> Result<T::Value, Stop> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'static>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        self.tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'static>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.fields(Found::Fields(fields), visitor)
    }
}

/// The simplest value of a type: nothing, no elements, the first variant, a number or a text that it takes.
#[derive(Clone, Copy)]
struct StandIn<'p> {
    choices: &'p Choices,
    depth: usize,
}

impl StandIn<'_> {
    fn deeper(self) -> Result<Self, Stop> {
        if self.depth == DEEPEST { Err(Stop::Here) } else { Ok(Self { depth: self.depth + 1, ..self }) }
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $number:ty)*) => {$(
        fn $method<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stop> {
            let (place, choice) = self.choices.take();
            // 0 and 1 are enough: some types refuse the one, none the other.
            self.choices.give(place, visitor.$visit(if choice % 2 == 0 { 0 as $number } else { 1 as $number }))
        }
    )*};
}

macro_rules! texts {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stop> {
            let (place, choice) = self.choices.take();
            self.choices.give(place, visitor.visit_borrowed_str(TEXTS[choice]))
        }
    )*};
}

impl<'p> Deserializer<'static> for StandIn<'p> {
    type Error = Stop;

    numbers! {
        deserialize_u8 visit_u8 u8 deserialize_u16 visit_u16 u16 deserialize_u32 visit_u32 u32
        deserialize_u64 visit_u64 u64 deserialize_u128 visit_u128 u128 deserialize_i8 visit_i8 i8
        deserialize_i16 visit_i16 i16 deserialize_i32 visit_i32 i32 deserialize_i64 visit_i64 i64
        deserialize_i128 visit_i128 i128 deserialize_f32 visit_f32 f32 deserialize_f64 visit_f64 f64
    }

    texts! { deserialize_str deserialize_string deserialize_identifier }

    fn deserialize_any<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stop> {
        let (place, choice) = self.choices.take();
        let value = match choice {
            0 => visitor.visit_unit(),
            1 => visitor.visit_u64(0),
            2 => visitor.visit_bool(false),
            choice => visitor.visit_borrowed_str(TEXTS[choice - 3]),
        };
        self.choices.give(place, value)
    }

    fn deserialize_ignored_any<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_unit()
    }

    fn deserialize_bool<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_bool(false)
    }

    fn deserialize_char<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_char('a')
    }

    fn deserialize_bytes<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_borrowed_bytes(&[])
    }

    fn deserialize_byte_buf<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_borrowed_bytes(&[])
    }

    fn deserialize_unit<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'static>>(self, _: &'static str, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_none()
    }

    fn deserialize_newtype_struct<V: Visitor<'static>>(self, _: &'static str, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_newtype_struct(self.deeper()?)
    }

    fn deserialize_seq<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_seq(Same { left: 0, stand_in: self })
    }

    fn deserialize_tuple<V: Visitor<'static>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_seq(Same { left: len, stand_in: self.deeper()? })
    }

    fn deserialize_tuple_struct<V: Visitor<'static>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_map(Given { names: Vec::new().into_iter(), stand_in: self })
    }

    fn deserialize_struct<V: Visitor<'static>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        // All of them in their order, as a list: then it makes no difference that one may have several names.
        visitor.visit_seq(Same { left: fields.len(), stand_in: self.deeper()? })
    }

    fn deserialize_enum<V: Visitor<'static>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let variant = variants.first().ok_or(Stop::Here)?;
        visitor.visit_enum(First { variant, stand_in: self.deeper()? })
    }
}

/// So many values that stand in.
struct Same<'p> {
    left: usize,
    stand_in: StandIn<'p>,
}

impl SeqAccess<'static> for Same<'_> {
    type Error = Stop;

    fn next_element_seed<T: DeserializeSeed<'static>>(&mut self, seed: T) -> Result<Option<T::Value>, Stop> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(self.stand_in).map(Some)
    }
}

/// The first variant of an enum.
struct First<'p> {
    variant: &'static str,
    stand_in: StandIn<'p>,
}

impl<'p> EnumAccess<'static> for First<'p> {
    type Error = Stop;
    type Variant = StandIn<'p>;

    fn variant_seed<V: DeserializeSeed<'static>>(self, seed: V) -> Result<(V::Value, StandIn<'p>), Stop> {
        Ok((seed.deserialize(name(self.variant))?, self.stand_in))
    }
}

impl VariantAccess<'static> for StandIn<'_> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'static>>(self, seed: T) -> Result<T::Value, Stop> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'static>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_seq(Same { left: len, stand_in: self })
    }

    fn struct_variant<V: Visitor<'static>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_seq(Same { left: fields.len(), stand_in: self })
    }
}
