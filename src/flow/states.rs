//! The states of a flow as serde values. The serde code is compiled once for all flows.
//!
//! The enum of states has a [`Layout`] with its names, and [`States`], which gives access to one local at a time. What is
//! written and read, and each error, is the same as with the derived `Serialize` and `Deserialize` of the enum. A derived
//! `Deserialize` has two visitors for each state with thirty methods each, and rustc spends more time on them than on the
//! author's code.
//!
//! ```text
//! enum BookingState<Dates> { Start { guest: String }, Room { guest: String, dates: Dates } }
//!
//! write   Room { guest, dates }            -> to(1, &[&guest, &dates])
//! read    1 and a `ReadLocals`             -> two `Local`s are read, then moved into Room { guest, dates }
//! ```

use std::any::Any;
use std::fmt;

use serde::de::{DeserializeSeed, EnumAccess, Error as _, IgnoredAny, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::json::static_str;

/// A local that can be written.
pub use erased_serde::Serialize as Saved;

/// The names of an enum of states, of its variants and of their fields.
#[derive(Debug)]
pub struct Layout {
    /// `BookingState`.
    pub name: &'static str,
    /// `["Start", "Room"]`.
    pub states: &'static [&'static str],
    /// The locals of each state: `[["guest"], ["guest", "dates"]]`.
    pub locals: &'static [&'static [&'static str]],
}

/// The states of a flow, with one variant per await.
#[diagnostic::on_unimplemented(
    message = "a value that this flow keeps over an `.await` cannot be saved",
    label = "in this flow",
    note = "the value is named by another error"
)]
pub trait States: Sized + Send + 'static {
    /// The names.
    const LAYOUT: &'static Layout;

    /// Calls `to` with the index of the state and its locals.
    fn write(&self, to: &mut dyn FnMut(usize, &[&dyn Saved]));

    /// Makes the state of this index from the locals that are read; `None` if one of them cannot be read.
    fn read(state: usize, locals: &mut dyn ReadLocals) -> Option<Self>;

    /// The locals of each state and the names of their types, in the order of the states.
    fn locals() -> Vec<Vec<(&'static str, &'static str)>>;

    /// Normalizes each local: see [`normalize`](crate::flow::iterate::normalize).
    fn settle(&mut self);
}

/// The saved locals of one state, which are read in one call.
pub trait ReadLocals {
    /// Reads them in the order of the [`Layout`]; `false` if one of them cannot be read.
    fn read(&mut self, locals: &mut [&mut dyn ReadLocal]) -> bool;
}

/// The place that a local is read into.
pub trait ReadLocal {
    /// Whether it has been read.
    fn is_read(&self) -> bool;

    /// Reads it.
    ///
    /// # Errors
    ///
    /// The input is not a value of the local's type.
    fn read(&mut self, from: &mut dyn erased_serde::Deserializer<'static>) -> Result<(), erased_serde::Error>;
}

/// A local that is read, and then taken.
#[derive(Debug)]
pub struct Local<T>(Option<T>);

impl<T: Deserialize<'static>> Local<T> {
    /// A place that nothing has been read into.
    #[expect(clippy::new_without_default, reason = "only generated code makes one")]
    pub const fn new() -> Self {
        Self(None)
    }

    /// The value.
    ///
    /// # Panics
    ///
    /// Nothing has been read.
    pub fn take(self) -> T {
        self.0.expect("BUG: all locals of a state are read before one is taken")
    }
}

impl<T: Deserialize<'static>> ReadLocal for Local<T> {
    fn is_read(&self) -> bool {
        self.0.is_some()
    }

    fn read(&mut self, from: &mut dyn erased_serde::Deserializer<'static>) -> Result<(), erased_serde::Error> {
        self.0 = Some(erased_serde::deserialize(from)?);
        Ok(())
    }
}

/// The state of one parked flow, with its type erased.
pub struct State(pub(crate) Box<dyn AnyState>);

/// A state with its type erased.
pub(crate) trait AnyState: Any + Send {
    fn layout(&self) -> &'static Layout;

    /// Calls `to` with the index of the state and its locals; does not call it while a step runs.
    fn write(&self, to: &mut dyn FnMut(usize, &[&dyn Saved]));
}

/// A state; `None` while a step runs.
pub(crate) struct Held<S>(pub(crate) Option<S>);

impl<S: States> AnyState for Held<S> {
    fn layout(&self) -> &'static Layout {
        S::LAYOUT
    }

    fn write(&self, to: &mut dyn FnMut(usize, &[&dyn Saved])) {
        if let Some(state) = &self.0 {
            state.write(to);
        }
    }
}

impl State {
    pub(crate) fn new(mut state: impl States) -> Self {
        state.settle();
        Self(Box::new(Held(Some(state))))
    }

    /// The name of the await.
    pub fn name(&self) -> &'static str {
        let mut name = "?";
        self.0.write(&mut |state, _| name = self.0.layout().states[state]);
        name
    }
}

impl Serialize for State {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        let layout = self.0.layout();
        let (mut serializer, mut written) = (Some(serializer), None);
        self.0.write(&mut |state, locals| {
            written = serializer.take().map(|serializer| write(serializer, layout, state, locals));
        });
        written.unwrap_or_else(|| {
            Err(serde::ser::Error::custom("the flow has no state, because its last step did not complete"))
        })
    }
}

fn write<Z: Serializer>(
    serializer: Z,
    layout: &'static Layout,
    state: usize,
    locals: &[&dyn Saved],
) -> Result<Z::Ok, Z::Error> {
    use serde::ser::SerializeStructVariant as _;

    let index = u32::try_from(state).map_err(serde::ser::Error::custom)?;
    let mut variant = serializer.serialize_struct_variant(layout.name, index, layout.states[state], locals.len())?;
    for (name, local) in layout.locals[state].iter().zip(locals) {
        variant.serialize_field(name, local)?;
    }
    variant.end()
}

/// The name of the await, without the locals.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Deserializes a state.
pub(crate) fn read<'de, S: States, D: Deserializer<'de>>(deserializer: D) -> Result<S, D::Error> {
    let mut read = None;
    let mut make = |state: usize, locals: &mut dyn ReadLocals| {
        read = S::read(state, locals);
        read.is_some()
    };
    static_str::intern_with(StateSeed { layout: S::LAYOUT, make: &mut make }, deserializer)?;
    read.ok_or_else(|| D::Error::custom("BUG: a state has been read and is missing"))
}

/// Deserializes a state and drops it.
pub(crate) fn probe<S: States>(from: &mut dyn erased_serde::Deserializer<'static>) -> Result<(), erased_serde::Error> {
    let mut make = |state: usize, locals: &mut dyn ReadLocals| S::read(state, locals).is_some();
    StateSeed { layout: S::LAYOUT, make: &mut make }.deserialize(from)
}

/// Makes a state from its index and its locals; `false` if a local cannot be read.
type Make<'a> = &'a mut dyn FnMut(usize, &mut dyn ReadLocals) -> bool;

struct StateSeed<'a> {
    layout: &'static Layout,
    make: Make<'a>,
}

impl DeserializeSeed<'static> for StateSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'static>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_enum(self.layout.name, self.layout.states, self)
    }
}

impl Visitor<'static> for StateSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "enum {}", self.layout.name)
    }

    fn visit_enum<A: EnumAccess<'static>>(self, data: A) -> Result<(), A::Error> {
        let (state, variant) = data.variant_seed(Name { of: "variant", names: self.layout.states })?;
        let state = state.map_err(|unknown| match unknown {
            Unknown::Name(name) => A::Error::unknown_variant(&name, self.layout.states),
            Unknown::Index(index) => {
                let expected = format!("variant index 0 <= i < {}", self.layout.states.len());
                A::Error::invalid_value(serde::de::Unexpected::Unsigned(index), &expected.as_str())
            }
        })?;
        let mut rest = Rest { layout: self.layout, state, variant: Some(variant), error: None };
        if (self.make)(state, &mut rest) {
            return Ok(());
        }
        Err(rest.error.unwrap_or_else(|| A::Error::custom("BUG: a state has not been read, and there is no error")))
    }
}

/// Deserializes the name of a state or of a local to its index.
struct Name {
    /// `variant` or `field`, as serde's messages call it.
    of: &'static str,
    names: &'static [&'static str],
}

/// A name or an index that does not exist.
enum Unknown {
    Name(String),
    Index(u64),
}

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Result<usize, Unknown>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Result<usize, Unknown>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} identifier", self.of)
    }

    fn visit_u64<E: serde::de::Error>(self, index: u64) -> Result<Self::Value, E> {
        let known = usize::try_from(index).ok().filter(|index| *index < self.names.len());
        Ok(known.ok_or(Unknown::Index(index)))
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        let known = self.names.iter().position(|known| *known == name);
        Ok(known.ok_or_else(|| Unknown::Name(name.to_owned())))
    }

    fn visit_bytes<E: serde::de::Error>(self, name: &[u8]) -> Result<Self::Value, E> {
        self.visit_str(&String::from_utf8_lossy(name))
    }
}

/// The content of a state whose name has been read.
struct Rest<V, E> {
    layout: &'static Layout,
    state: usize,
    variant: Option<V>,
    /// Why a local cannot be read.
    error: Option<E>,
}

impl<V: VariantAccess<'static>> ReadLocals for Rest<V, V::Error> {
    fn read(&mut self, locals: &mut [&mut dyn ReadLocal]) -> bool {
        let Some(variant) = self.variant.take() else { return false };
        let Self { layout, state, .. } = *self;
        self.error = variant.struct_variant(layout.locals[state], Locals { layout, state, locals }).err();
        self.error.is_none()
    }
}

/// Deserializes the locals of a state from a map, or from a sequence in the order of the layout.
struct Locals<'a, 'l> {
    layout: &'static Layout,
    state: usize,
    locals: &'a mut [&'l mut dyn ReadLocal],
}

impl fmt::Display for Locals<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "struct variant {}::{}", self.layout.name, self.layout.states[self.state])
    }
}

impl Visitor<'static> for Locals<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }

    fn visit_map<A: MapAccess<'static>>(self, mut map: A) -> Result<(), A::Error> {
        let names = self.layout.locals[self.state];
        while let Some(name) = map.next_key_seed(Name { of: "field", names })? {
            // A later version of the flow may save fewer locals. Unknown fields are ignored.
            let Ok(index) = name else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let local = &mut *self.locals[index];
            if local.is_read() {
                return Err(A::Error::duplicate_field(names[index]));
            }
            map.next_value_seed(Value(local))?;
        }
        for (local, name) in self.locals.iter_mut().zip(names).filter(|(local, _)| !local.is_read()) {
            // A missing `Option` is `None`.
            if local.read(&mut <dyn erased_serde::Deserializer<'static>>::erase(Missing)).is_err() {
                return Err(A::Error::missing_field(name));
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'static>>(self, mut seq: A) -> Result<(), A::Error> {
        for index in 0..self.locals.len() {
            if seq.next_element_seed(Value(&mut *self.locals[index]))?.is_none() {
                let (all, s) = (self.locals.len(), if self.locals.len() == 1 { "" } else { "s" });
                return Err(A::Error::invalid_length(index, &format!("{self} with {all} element{s}").as_str()));
            }
        }
        Ok(())
    }
}

/// Deserializes one local.
struct Value<'a, 'l>(&'a mut (dyn ReadLocal + 'l));

impl DeserializeSeed<'static> for Value<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'static>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.read(&mut <dyn erased_serde::Deserializer<'static>>::erase(deserializer)).map_err(D::Error::custom)
    }
}

/// The input for a missing local: `None`, or an error.
struct Missing;

impl<'de> Deserializer<'de> for Missing {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(Self::Error::custom("a local is missing"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_none()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::de::value::MapDeserializer;
    use serde::{Deserialize, Serialize};

    use super::{Layout, Local, ReadLocals, Saved, State, States, read};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum BookingState {
        Start {},
        Room { guest: String, nights: Option<u32> },
        Sure { guest: u32 },
    }

    impl States for BookingState {
        const LAYOUT: &'static Layout = &Layout {
            name: "BookingState",
            states: &["Start", "Room", "Sure"],
            locals: &[&[], &["guest", "nights"], &["guest"]],
        };

        fn write(&self, to: &mut dyn FnMut(usize, &[&dyn Saved])) {
            match self {
                Self::Start {} => to(0, &[]),
                Self::Room { guest, nights } => to(1, &[guest, nights]),
                Self::Sure { guest } => to(2, &[guest]),
            }
        }

        fn read(state: usize, locals: &mut dyn ReadLocals) -> Option<Self> {
            match state {
                0 => locals.read(&mut []).then_some(Self::Start {}),
                1 => {
                    let (mut guest, mut nights) = (Local::new(), Local::new());
                    let is_read = locals.read(&mut [&mut guest, &mut nights]);
                    is_read.then(|| Self::Room { guest: guest.take(), nights: nights.take() })
                }
                2 => {
                    let mut guest = Local::new();
                    locals.read(&mut [&mut guest]).then(|| Self::Sure { guest: guest.take() })
                }
                _ => None,
            }
        }

        fn locals() -> Vec<Vec<(&'static str, &'static str)>> {
            Vec::new()
        }

        fn settle(&mut self) {}
    }

    #[test]
    fn a_state_is_written_as_a_derived_enum_is() {
        let states: [fn() -> BookingState; 3] = [
            || BookingState::Start {},
            || BookingState::Room { guest: "Ada".to_owned(), nights: None },
            || BookingState::Sure { guest: 7 },
        ];
        for state in states {
            let derived = serde_json::to_string(&state()).expect("it is written");
            assert_eq!(serde_json::to_string(&State::new(state())).expect("it is written"), derived);
        }
    }

    #[test]
    fn a_state_is_read_as_a_derived_enum_is_and_refused_with_the_same_words() {
        let texts = [
            r#"{"Start":{}}"#,
            r#"{"Start":{"gone":[1,{}]}}"#,
            r#"{"Start":[]}"#,
            r#"{"Room":{"guest":"Ada","nights":2}}"#,
            r#"{"Room":{"nights":2,"guest":"Ada"}}"#,
            r#"{"Room":{"gone":{"a":[]},"guest":"Ada"}}"#,
            r#"{"Room":["Ada",null]}"#,
            r#"{"Sure":{"guest":7}}"#,
            r#"{"Room":{}}"#,
            r#"{"Room":{"nights":2}}"#,
            r#"{"Room":{"guest":"Ada","guest":"Bob"}}"#,
            r#"{"Room":{"guest":7}}"#,
            r#"{"Room":["Ada"]}"#,
            r#"{"Room":[]}"#,
            r#"{"Room":7}"#,
            r#"{"Sure":[]}"#,
            r#"{"Sure":{}}"#,
            r#"{"Dates":{}}"#,
            r#""Room""#,
            r#""Dates""#,
            r#"{}"#,
            r#"{"Start":{},"Sure":{}}"#,
            "7",
            "[]",
        ];
        let mut refused = 0;
        for text in texts {
            let derived = serde_json::from_str::<BookingState>(text);
            let ours = read::<BookingState, _>(&mut serde_json::Deserializer::from_str(text));
            refused += usize::from(derived.is_err());
            match (ours, derived) {
                (Ok(ours), Ok(derived)) => assert_eq!(ours, derived, "{text}"),
                // Behind a trait object, serde_json does not add the position in the text.
                (Err(ours), Err(derived)) => {
                    let [ours, derived] = [ours, derived].map(|error| error.to_string());
                    let words = |error: &str| error.split(" at line ").next().map(str::to_owned);
                    assert_eq!(words(&ours), words(&derived), "{text}");
                }
                (ours, derived) => panic!("{text}: {ours:?}, and derived is {derived:?}"),
            }
        }
        assert_eq!(refused, 16);
    }

    #[test]
    fn a_name_may_be_an_index() {
        for (state, local) in [(2, 0), (2, 1), (0, 0), (3, 0)] {
            let state = BTreeMap::from([(state, BTreeMap::from([(local, 7)]))]);
            let from = || {
                let map = MapDeserializer::<_, serde::de::value::Error>::new(state.clone().into_iter());
                serde::de::value::MapAccessDeserializer::new(map)
            };
            let derived = BookingState::deserialize(from()).map_err(|error| error.to_string());
            assert_eq!(read::<BookingState, _>(from()).map_err(|error| error.to_string()), derived);
        }
    }
}
