//! `for` loops with an `.await` in the body: iterators that can be saved.
//!
//! A std iterator has no serialized form. [`iterate`] turns the loop's iterable into one that has: a range stays a
//! range, an owned collection becomes its remaining items. For a borrowed collection the position is saved ([`lend`]).
//!
//! [`normalize`] covers the same problem outside of loops: serde's form of a `RangeInclusive` does not record that the
//! range is exhausted. After `let mut r = 0..=3; while r.next().is_some() {}`, the local `r` is `4..=3` from the next
//! `.await` on.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque, btree_map, hash_map};
use std::ops::{Range, RangeFrom, RangeInclusive};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) mod lend;

/// The types that can stand after the `in` of a loop that awaits.
#[diagnostic::on_unimplemented(
    message = "a loop over `{Self}` cannot go on after an `.await` in its body, because what is left of it cannot be saved",
    label = "this would have to be saved over the `.await`",
    note = "loop over a range, a borrowed or an owned collection; for another iterator, write \
            `.collect::<Vec<_>>()` after it"
)]
pub trait Iterate {
    /// An iterator that can be saved.
    type Items: Iterator;

    /// Makes that iterator.
    fn iterate(self) -> Self::Items;
}

/// Makes the iterator of a loop.
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

/// An inclusive range. serde's form of `RangeInclusive` does not record that the range is exhausted, so `0..=255u8`
/// would start again.
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

/// Normalizes a local before it is saved, so that its serde form is lossless: an exhausted `RangeInclusive` of
/// integers, characters or addresses becomes an empty one. The two behave the same as iterators and in `contains`; they
/// differ in `start()`, which the standard library leaves unspecified, in `==` and in `{:?}`. Runs at every `.await`,
/// whether or not the conversation is loaded from disk afterwards, so that a load changes nothing.
///
/// A range inside of another type is not normalized: an exhausted `Option<RangeInclusive<u8>>` starts again after a
/// load.
pub fn normalize<T: 'static>(local: &mut T) {
    // Every local of every flow passes here at each step; for most types the branch is removed at compile time.
    if const { is_like_a_range::<T>() } {
        normalize_range(local);
    }
}

macro_rules! ranges {
    ($($item:ty: $first:expr, $last:expr;)*) => {
        /// Whether `T` has the size and alignment of one of the ranges. Known at compile time.
        const fn is_like_a_range<T>() -> bool {
            !std::mem::needs_drop::<T>() && (false $(|| size_of::<T>() == size_of::<RangeInclusive<$item>>()
                && align_of::<T>() == align_of::<RangeInclusive<$item>>())*)
        }

        fn normalize_range(local: &mut dyn Any) {
            $(if let Some(range) = local.downcast_mut::<RangeInclusive<$item>>() {
                // Empty although its ends are in order: it is exhausted.
                if RangeInclusive::is_empty(range) && range.start() <= range.end() {
                    let end = *range.end();
                    *range = match (end..=$last).nth(1) {
                        Some(after) => after..=end,
                        None => end..=($first..=end).nth_back(1).unwrap_or(end),
                    };
                }
                return;
            })*
        }
    };
}

// What the standard library can count.
ranges! {
    i8: i8::MIN, i8::MAX;
    i16: i16::MIN, i16::MAX;
    i32: i32::MIN, i32::MAX;
    i64: i64::MIN, i64::MAX;
    i128: i128::MIN, i128::MAX;
    isize: isize::MIN, isize::MAX;
    u8: u8::MIN, u8::MAX;
    u16: u16::MIN, u16::MAX;
    u32: u32::MIN, u32::MAX;
    u64: u64::MIN, u64::MAX;
    u128: u128::MIN, u128::MAX;
    usize: usize::MIN, usize::MAX;
    char: char::MIN, char::MAX;
    Ipv4Addr: Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST;
    Ipv6Addr: Ipv6Addr::UNSPECIFIED, Ipv6Addr::from_bits(u128::MAX);
}

/// The remaining items of a collection.
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

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Items<T> {
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
        /// The drained collection is borrowed for the whole loop, so draining it at once cannot be observed.
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
