//! Deserializes `&'static str` and `&'static [u8]` in the locals of a flow, by interning.
//!
//! serde reads a `&'static str` only from input that lives as long as the program. [`intern_with`] wraps any deserializer in
//! one with the lifetime `'static`, so that types such as `Vec<(&'static str, u32)>` can be read.
//!
//! **Process-wide state**: each distinct text that is read for a `&'static str` is leaked once, into one table behind a
//! mutex, and is never freed. The table stays small because the values of a `&'static str` are literals of the program. A
//! text that is read for an owning type, such as `String`, is not interned, so input from people does not fill the table.
//!
//! ```text
//! let size = match guests { 1 => "small", _ => "large" };        saved:           { "Room": { "size": "small" } }
//! let room = PickRoom { size }.await;                            after a restart: size points into the table
//! ```

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Expected, MapAccess, SeqAccess, VariantAccess, Visitor};

/// What serde's visitor of a `&str` says it expects. This is how a `&str` is distinguished from a `String`.
const EXPECTS_STR: &str = "a borrowed string";
/// What serde's visitor of a `&[u8]` says it expects.
const EXPECTS_BYTES: &str = "a borrowed byte array";

/// The intern table.
static INTERNED: LazyLock<Mutex<HashSet<&'static [u8]>>> = LazyLock::new(Mutex::default);

/// The interned copy of these bytes; leaks one if there is none yet.
fn intern_bytes(bytes: &[u8]) -> &'static [u8] {
    let mut texts = INTERNED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = texts.get(bytes) {
        return known;
    }
    let kept: &'static [u8] = Box::leak(bytes.into());
    texts.insert(kept);
    kept
}

fn intern_str(text: &str) -> &'static str {
    std::str::from_utf8(intern_bytes(text.as_bytes())).expect("BUG: a copy of a `str` is UTF-8")
}

/// Deserializes a value that may contain `&'static str` or `&'static [u8]`.
pub(crate) fn intern_with<'de, S: DeserializeSeed<'static>, D: Deserializer<'de>>(
    seed: S,
    deserializer: D,
) -> Result<S::Value, D::Error> {
    seed.deserialize(StaticAdapter::new(deserializer))
}

/// Adapts a serde trait with the lifetime `'de` to the lifetime `'static`. It passes on owned values, and interned
/// texts where a borrowed one is expected.
struct StaticAdapter<'de, I> {
    inner: I,
    lifetime: PhantomData<&'de ()>,
}

impl<I> StaticAdapter<'_, I> {
    fn new(inner: I) -> Self {
        Self { inner, lifetime: PhantomData }
    }
}

fn expects(visitor: &dyn Expected, what: &str) -> bool {
    struct Expectation<'a>(&'a dyn Expected);
    impl fmt::Display for Expectation<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.fmt(f)
        }
    }
    Expectation(visitor).to_string() == what
}

macro_rules! forward {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method(StaticAdapter::new(visitor))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'static> for StaticAdapter<'de, D> {
    type Error = D::Error;

    forward! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_string deserialize_byte_buf deserialize_option
        deserialize_unit deserialize_seq deserialize_map deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_str<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, D::Error> {
        if expects(&visitor, EXPECTS_STR) {
            return visitor.visit_borrowed_str(intern_str(&String::deserialize(self.inner)?));
        }
        self.inner.deserialize_str(StaticAdapter::new(visitor))
    }

    fn deserialize_bytes<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, D::Error> {
        if expects(&visitor, EXPECTS_BYTES) {
            return visitor.visit_borrowed_bytes(intern_bytes(&Vec::<u8>::deserialize(self.inner)?));
        }
        self.inner.deserialize_bytes(StaticAdapter::new(visitor))
    }

    fn deserialize_unit_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_unit_struct(name, StaticAdapter::new(visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_newtype_struct(name, StaticAdapter::new(visitor))
    }

    fn deserialize_tuple<V: Visitor<'static>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_tuple(len, StaticAdapter::new(visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_tuple_struct(name, len, StaticAdapter::new(visitor))
    }

    fn deserialize_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_struct(name, fields, StaticAdapter::new(visitor))
    }

    fn deserialize_enum<V: Visitor<'static>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_enum(name, variants, StaticAdapter::new(visitor))
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

impl<'de, V: Visitor<'static>> Visitor<'de> for StaticAdapter<'de, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    // `visit_borrowed_str` and `visit_borrowed_bytes` keep serde's default: the visitor is asked to copy.
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
        self.inner.visit_some(StaticAdapter::new(deserializer))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.inner.visit_newtype_struct(StaticAdapter::new(deserializer))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(StaticAdapter::new(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(StaticAdapter::new(entries))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(StaticAdapter::new(variant))
    }
}

impl<'de, S: DeserializeSeed<'static>> DeserializeSeed<'de> for StaticAdapter<'de, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(StaticAdapter::new(deserializer))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'static> for StaticAdapter<'de, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'static>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.inner.next_element_seed(StaticAdapter::new(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'static> for StaticAdapter<'de, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'static>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.inner.next_key_seed(StaticAdapter::new(seed))
    }

    fn next_value_seed<S: DeserializeSeed<'static>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(StaticAdapter::new(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'static> for StaticAdapter<'de, A> {
    type Error = A::Error;
    type Variant = StaticAdapter<'de, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'static>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (value, variant) = self.inner.variant_seed(StaticAdapter::new(seed))?;
        Ok((value, StaticAdapter::new(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'static> for StaticAdapter<'de, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'static>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.newtype_variant_seed(StaticAdapter::new(seed))
    }

    fn tuple_variant<V: Visitor<'static>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.inner.tuple_variant(len, StaticAdapter::new(visitor))
    }

    fn struct_variant<V: Visitor<'static>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.inner.struct_variant(fields, StaticAdapter::new(visitor))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::marker::PhantomData;

    use super::intern_with;

    #[test]
    fn a_static_str_is_interned_once() {
        type Nested = BTreeMap<&'static str, (Vec<&'static str>, Option<&'static str>, String)>;
        let json = r#"{"a":[["b\n","c"],"b\n","d"],"e":[[],null,"f"]}"#;
        let read = || {
            let seed = PhantomData::<Nested>;
            intern_with(seed, &mut serde_json::Deserializer::from_str(json)).expect("it reads")
        };
        let (first, second) = (read(), read());
        assert_eq!(first["a"], (vec!["b\n", "c"], Some("b\n"), "d".to_owned()));
        assert_eq!(first, second);
        assert!(std::ptr::eq(first["a"].0[0], second["a"].1.expect("it is there")), "equal texts share one copy");
    }

    #[test]
    fn a_string_is_not_interned() {
        let read = |json: &str| {
            let seed = PhantomData::<String>;
            intern_with(seed, &mut serde_json::Deserializer::from_str(json)).expect("it reads")
        };
        assert_eq!(read("\"an owned text\""), "an owned text");
        let interned = super::INTERNED.lock().expect("no test panics while it holds the lock");
        assert!(!interned.contains("an owned text".as_bytes()));
    }
}
