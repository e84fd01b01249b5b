//! The fingerprint of the serde types of a value.

use std::cell::Cell;

/// A 64-bit hash of the serde types and type names of a value. Two values with equal JSON and different serde types have
/// different fingerprints: `5_u8` and `5_u64`, `'a'` and `"a"`, `Metres(1.0)` and `Feet(1.0)`. The order of the elements
/// of a list or a map is ignored, because hash maps have none.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct TypeFingerprint(Cell<u64>);

impl TypeFingerprint {
    pub(super) fn add(&self, kind: Kind) {
        self.mix(kind as u64 + 1);
    }

    pub(super) fn add_named(&self, kind: Kind, name: &str) {
        self.add(kind);
        for chunk in name.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
    }

    fn mix(&self, word: u64) {
        // The multiplier of FxHash: odd, with evenly spread bits.
        let mixed = (self.0.get().rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
        self.0.set(mixed);
    }

    /// Adds the hash of what `element` writes by addition, so that the order of elements has no effect.
    pub(super) fn add_element<T>(&self, element: impl FnOnce() -> T) -> T {
        let outer = self.0.replace(0);
        let result = element();
        self.0.set(outer.wrapping_add(self.0.get().rotate_left(32)));
        result
    }
}

/// The types of serde's data model.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Bool,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    Str,
    Bytes,
    None,
    Some,
    Unit,
    UnitStruct,
    UnitVariant,
    NewtypeStruct,
    NewtypeVariant,
    Seq,
    Tuple,
    TupleStruct,
    TupleVariant,
    Map,
    Struct,
    StructVariant,
}
