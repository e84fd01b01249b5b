//! What a `for` loop with an await in it goes over: ranges and owned collections, of which the rest can be saved, and
//! what is borrowed, of which the place can be saved ([`lend`]).
//!
//! An ordinary iterator has no form on disk. [`iterate`] turns what it is given into one that has: a range stays a
//! range, a collection becomes the items that are left.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque, btree_map, hash_map};
use std::ops::{Range, RangeFrom, RangeInclusive};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) mod lend;

/// What may stand after the `in` of a loop that awaits.
#[diagnostic::on_unimplemented(
    message = "a loop over `{Self}` cannot go on after an `.await` in its body, because what is left of it cannot be saved",
    label = "this would have to be saved over the `.await`",
    note = "loop over a range, a borrowed or an owned collection; for another iterator, write \
            `.collect::<Vec<_>>()` after it"
)]
pub trait Iterate {
    /// An iterator that can be saved.
    type Items: Iterator;

    /// Begins.
    fn iterate(self) -> Self::Items;
}

/// Begins a loop.
pub fn iterate<I: Iterate>(items: I) -> I::Items {
    items.iterate()
}

#[diagnostic::do_not_recommend]
impl<T> Iterate for Range<T>
where
    Self: Iterator,
{
    type Items = Self;

    fn iterate(self) -> Self {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<T> Iterate for RangeFrom<T>
where
    Self: Iterator,
{
    type Items = Self;

    fn iterate(self) -> Self {
        self
    }
}

/// An inclusive range. serde's form of it forgets that it has come to its end, and `0..=255u8` would begin again.
#[derive(Debug)]
pub struct Inclusive<T>(RangeInclusive<T>);

#[diagnostic::do_not_recommend]
impl<T> Iterate for RangeInclusive<T>
where
    Self: Iterator<Item = T>,
{
    type Items = Inclusive<T>;

    fn iterate(self) -> Inclusive<T> {
        Inclusive(self)
    }
}

impl<T> Iterator for Inclusive<T>
where
    RangeInclusive<T>: Iterator<Item = T>,
{
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.next()
    }
}

impl<T> DoubleEndedIterator for Inclusive<T>
where
    RangeInclusive<T>: DoubleEndedIterator<Item = T>,
{
    fn next_back(&mut self) -> Option<T> {
        self.0.next_back()
    }
}

impl<T: Serialize + PartialOrd> Serialize for Inclusive<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The two ends, or nothing once the range is exhausted.
        let ends = if self.0.is_empty() { [].as_slice() } else { &[self.0.start(), self.0.end()] };
        serializer.collect_seq(ends)
    }
}

impl<'de, T: Deserialize<'de> + Default + PartialOrd> Deserialize<'de> for Inclusive<T>
where
    RangeInclusive<T>: Iterator<Item = T>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut ends = Vec::deserialize(deserializer)?.into_iter();
        match (ends.next(), ends.next(), ends.next()) {
            (Some(start), Some(end), None) => Ok(Self(start..=end)),
            (None, None, None) => {
                let mut exhausted = T::default()..=T::default();
                exhausted.next();
                Ok(Self(exhausted))
            }
            _ => Err(serde::de::Error::custom("an inclusive range has two ends or none")),
        }
    }
}

/// The items of a collection that are left.
#[derive(Debug)]
pub struct Items<T>(std::vec::IntoIter<T>);

impl<T> Iterator for Items<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.next()
    }
}

impl<T> DoubleEndedIterator for Items<T> {
    fn next_back(&mut self) -> Option<T> {
        self.0.next_back()
    }
}

impl<T: Serialize> Serialize for Items<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_slice().serialize(serializer)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Items<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(|items| Self(items.into_iter()))
    }
}

macro_rules! collections {
    ($($(#[$doc:meta])* [$($param:ident),*] $collection:ty;)*) => {$(
        $(#[$doc])*
        #[diagnostic::do_not_recommend]
        impl<$($param),*> Iterate for $collection {
            type Items = Items<<Self as IntoIterator>::Item>;

            fn iterate(self) -> Self::Items {
                Items(self.into_iter().collect::<Vec<_>>().into_iter())
            }
        }
    )*};
}

collections! {
    [T] Vec<T>;
    [T] VecDeque<T>;
    [T] LinkedList<T>;
    [T] BinaryHeap<T>;
    [T] BTreeSet<T>;
    [T, S] HashSet<T, S>;
    [K, V] BTreeMap<K, V>;
    [K, V, S] HashMap<K, V, S>;
    [T] Option<T>;
    [T, E] Result<T, E>;
    [T] Box<[T]>;
    [T] std::vec::IntoIter<T>;
    [T] std::collections::vec_deque::IntoIter<T>;
    [T] std::collections::btree_set::IntoIter<T>;
    [T] std::collections::hash_set::IntoIter<T>;
    [K, V] btree_map::IntoIter<K, V>;
    [K, V] btree_map::IntoKeys<K, V>;
    [K, V] btree_map::IntoValues<K, V>;
    [K, V] hash_map::IntoIter<K, V>;
    [K, V] hash_map::IntoKeys<K, V>;
    [K, V] hash_map::IntoValues<K, V>;
    [T] std::option::IntoIter<T>;
    [T] std::result::IntoIter<T>;
    [T] std::collections::linked_list::IntoIter<T>;
    [T] std::collections::binary_heap::IntoIter<T>;
    [T] std::iter::Once<T>;
    [T] std::iter::Empty<T>;
}

macro_rules! drains {
    ($([$($param:ident),*] $items:ty;)*) => {$(
        /// Whoever is drained is borrowed for as long as the loop, so nobody can tell that it is done at once.
        #[diagnostic::do_not_recommend]
        impl<$($param),*> Iterate for $items {
            type Items = Items<<Self as Iterator>::Item>;

            fn iterate(self) -> Self::Items {
                Items(self.collect::<Vec<_>>().into_iter())
            }
        }
    )*};
}

drains! {
    [T] std::vec::Drain<'_, T>;
    [T] std::collections::vec_deque::Drain<'_, T>;
    [T] std::collections::hash_set::Drain<'_, T>;
    [K, V] hash_map::Drain<'_, K, V>;
    [] std::string::Drain<'_>;
}

#[diagnostic::do_not_recommend]
impl<T, const N: usize> Iterate for std::array::IntoIter<T, N> {
    type Items = Items<T>;

    fn iterate(self) -> Items<T> {
        Items(self.collect::<Vec<_>>().into_iter())
    }
}

#[diagnostic::do_not_recommend]
impl<T, const N: usize> Iterate for [T; N] {
    type Items = Items<T>;

    fn iterate(self) -> Items<T> {
        Items(Vec::from(self).into_iter())
    }
}
