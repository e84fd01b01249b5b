//! Texts of the program itself that come back from disk: a `&'static str` in a local of a flow.
//!
//! Takes a deserializer of anything. Gives one that lends what it reads for ever ([`intern_with`]), so that
//! `Vec<(&'static str, u32)>` and the like can be read, which serde reads only from what lives as long as the program.
//! A text that is read for such a type, and for no other, is kept for the life of the process, each text once: the
//! texts of a program are few. Never used for what a person has typed; that is a `String`.
//!
//! ```text
//! let size = match guests { 1 => "small", _ => "large" };        state: { "Room": { "size": "small" } }
//! let room = PickRoom { size }.await;                            size, after a restart: "small", of the table below
//! ```

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Expected, MapAccess, SeqAccess, VariantAccess, Visitor};

/// What serde says that a `&str` expects. It is how such a type is told from one that owns its text.
const BORROWED_TEXT: &str = "a borrowed string";
/// The same of a `&[u8]`.
const BORROWED_BYTES: &str = "a borrowed byte array";

/// The texts that have been read.
static TEXTS: LazyLock<Mutex<HashSet<&'static [u8]>>> = LazyLock::new(Mutex::default);

/// The one copy of these bytes.
fn keep(bytes: &[u8]) -> &'static [u8] {
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = texts.get(bytes) {
        return known;
    }
    let kept: &'static [u8] = Box::leak(bytes.into());
    texts.insert(kept);
    kept
}

fn keep_text(text: &str) -> &'static str {
    std::str::from_utf8(keep(text.as_bytes())).expect("BUG: the copy of a text is a text")
}

/// Reads what may borrow from the program.
pub(crate) fn intern_with<'de, S: DeserializeSeed<'static>, D: Deserializer<'de>>(
    seed: S,
    deserializer: D,
) -> Result<S::Value, D::Error> {
    seed.deserialize(Lasting::new(deserializer))
}

/// Something of serde's that borrows for `'de`, and is used as if it borrowed for ever: it owns what it hands on, or
/// keeps it.
struct Lasting<'de, I> {
    inner: I,
    lives: PhantomData<&'de ()>,
}

impl<I> Lasting<'_, I> {
    fn new(inner: I) -> Self {
        Self { inner, lives: PhantomData }
    }
}

fn expects(visitor: &dyn Expected, what: &str) -> bool {
    struct Said<'a>(&'a dyn Expected);
    impl fmt::Display for Said<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.fmt(f)
        }
    }
    Said(visitor).to_string() == what
}

macro_rules! forward {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method(Lasting::new(visitor))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'static> for Lasting<'de, D> {
    type Error = D::Error;

    forward! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_string deserialize_byte_buf deserialize_option
        deserialize_unit deserialize_seq deserialize_map deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_str<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, D::Error> {
        if expects(&visitor, BORROWED_TEXT) {
            return visitor.visit_borrowed_str(keep_text(&String::deserialize(self.inner)?));
        }
        self.inner.deserialize_str(Lasting::new(visitor))
    }

    fn deserialize_bytes<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, D::Error> {
        if expects(&visitor, BORROWED_BYTES) {
            return visitor.visit_borrowed_bytes(keep(&Vec::<u8>::deserialize(self.inner)?));
        }
        self.inner.deserialize_bytes(Lasting::new(visitor))
    }

    fn deserialize_unit_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_unit_struct(name, Lasting::new(visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_newtype_struct(name, Lasting::new(visitor))
    }

    fn deserialize_tuple<V: Visitor<'static>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_tuple(len, Lasting::new(visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_tuple_struct(name, len, Lasting::new(visitor))
    }

    fn deserialize_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_struct(name, fields, Lasting::new(visitor))
    }

    fn deserialize_enum<V: Visitor<'static>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_enum(name, variants, Lasting::new(visitor))
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! visit {
    ($($method:ident($ty:ty))*) => {$(
        fn $method<E: serde::de::Error>(self, value: $ty) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'static>> Visitor<'de> for Lasting<'de, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    // What is borrowed for less than ever is handed on as something to copy: the default of serde.
    visit! {
        visit_bool(bool) visit_i8(i8) visit_i16(i16) visit_i32(i32) visit_i64(i64) visit_i128(i128)
        visit_u8(u8) visit_u16(u16) visit_u32(u32) visit_u64(u64) visit_u128(u128) visit_f32(f32) visit_f64(f64)
        visit_char(char) visit_str(&str) visit_string(String) visit_bytes(&[u8]) visit_byte_buf(Vec<u8>)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(Lasting::new(deserializer))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.inner.visit_newtype_struct(Lasting::new(deserializer))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(Lasting::new(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Lasting::new(entries))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(Lasting::new(variant))
    }
}

impl<'de, S: DeserializeSeed<'static>> DeserializeSeed<'de> for Lasting<'de, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Lasting::new(deserializer))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'static> for Lasting<'de, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'static>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.inner.next_element_seed(Lasting::new(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'static> for Lasting<'de, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'static>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.inner.next_key_seed(Lasting::new(seed))
    }

    fn next_value_seed<S: DeserializeSeed<'static>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(Lasting::new(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'static> for Lasting<'de, A> {
    type Error = A::Error;
    type Variant = Lasting<'de, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'static>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (value, variant) = self.inner.variant_seed(Lasting::new(seed))?;
        Ok((value, Lasting::new(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'static> for Lasting<'de, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'static>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.newtype_variant_seed(Lasting::new(seed))
    }

    fn tuple_variant<V: Visitor<'static>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.inner.tuple_variant(len, Lasting::new(visitor))
    }

    fn struct_variant<V: Visitor<'static>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.inner.struct_variant(fields, Lasting::new(visitor))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::marker::PhantomData;

    use super::intern_with;

    #[test]
    fn texts_of_the_program_come_back_each_once() {
        type Nested = BTreeMap<&'static str, (Vec<&'static str>, Option<&'static str>, String)>;
        let json = r#"{"a":[["b\n","c"],"b\n","d"],"e":[[],null,"f"]}"#;
        let read = || {
            let seed = PhantomData::<Nested>;
            intern_with(seed, &mut serde_json::Deserializer::from_str(json)).expect("it reads")
        };
        let (first, second) = (read(), read());
        assert_eq!(first["a"], (vec!["b\n", "c"], Some("b\n"), "d".to_owned()));
        assert_eq!(first, second);
        assert!(std::ptr::eq(first["a"].0[0], second["a"].1.expect("it is there")), "one text is kept once");
    }

    #[test]
    fn what_owns_its_text_is_not_kept() {
        let read = |json: &str| {
            let seed = PhantomData::<String>;
            intern_with(seed, &mut serde_json::Deserializer::from_str(json)).expect("it reads")
        };
        assert_eq!(read("\"only a person says this\""), "only a person says this");
        let kept = super::TEXTS.lock().expect("nobody panics with it");
        assert!(!kept.contains("only a person says this".as_bytes()));
    }
}
