//! Loops that await over a borrowed collection: the position is saved, and the borrow is taken again after the await.
//!
//! ```text
//! for item in &cart.items      place: 3     lent(cart.items.iter(), &mut place)     again(cart.items.iter(), &place)
//! ```
//!
//! The position is the number of items that have been taken. A hash map is loaded in another order, so its position is
//! the list of remaining keys.

use std::collections::{HashMap, binary_heap, btree_map, btree_set, hash_map, hash_set, linked_list, vec_deque};
use std::hash::Hash;
use std::iter;
use std::ops::{Range, RangeFrom, RangeInclusive};
use std::{array, option, result, slice, str};

use serde::{Deserialize, Serialize};

/// An iterator that can be made again, with the same items in the same order.
#[diagnostic::on_unimplemented(
    message = "a loop over `{Self}` cannot go on after an `.await` in its body, because its place cannot be saved",
    label = "the place in this would have to be saved over the `.await`",
    note = "loop over a range, a borrowed or an owned collection; for another iterator, write `.collect::<Vec<_>>()` \
            after it; for the values of a hash map, write `for (_, value) in &map`"
)]
pub trait Lend: Iterator + Sized {
    /// The position of the loop.
    type Place: Serialize + Deserialize<'static> + Send + 'static;

    /// The position before the first item.
    fn place(self) -> Self::Place;

    /// The items after a position; the position advances with them.
    fn go_on(self, place: &mut Self::Place) -> impl Iterator<Item = Self::Item>;

    /// The item before a position.
    fn again(self, place: &Self::Place) -> Self::Item;
}

/// The position at the start of a loop.
pub fn place<I: Lend>(items: I) -> I::Place {
    items.place()
}

/// An iterator that [`Lend`] accepts. For others rustc has reported [`Lend`] already, and reports nothing more here.
pub trait Lent<P>: Iterator + Sized {
    /// [`Lend::go_on`].
    fn go_on(self, place: &mut P) -> impl Iterator<Item = Self::Item>;

    /// [`Lend::again`].
    fn again(self, place: &P) -> Self::Item;
}

#[diagnostic::do_not_recommend]
impl<I: Lend> Lent<I::Place> for I {
    fn go_on(self, place: &mut I::Place) -> impl Iterator<Item = Self::Item> {
        Lend::go_on(self, place)
    }

    fn again(self, place: &I::Place) -> Self::Item {
        Lend::again(self, place)
    }
}

/// Continues a loop at a position.
pub fn lent<I: Lent<P>, P>(items: I, place: &mut P) -> impl Iterator<Item = I::Item> {
    items.go_on(place)
}

/// The current item of a loop.
pub fn again<I: Lent<P>, P>(items: I, place: &P) -> I::Item {
    items.again(place)
}

/// The number of items that have been taken.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Taken(usize);

/// The items after a position.
fn from<'p, I: Iterator>(mut items: I, place: &'p mut Taken) -> impl Iterator<Item = I::Item> + use<'p, I> {
    if let Some(last) = place.0.checked_sub(1) {
        items.nth(last);
    }
    items.inspect(|_| place.0 += 1)
}

/// The item before a position.
fn before<I: Iterator>(mut items: I, place: &Taken) -> I::Item {
    let last = place.0.checked_sub(1).and_then(|last| items.nth(last));
    last.expect("a loop goes on over something that has become shorter")
}

macro_rules! by_count {
    ($([$($param:tt)*] $items:ty $(where { $($bounds:tt)* })?;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($param)*> Lend for $items
        where
            Self: Iterator,
            $($($bounds)*)?
        {
            type Place = Taken;

            fn place(self) -> Taken {
                Taken::default()
            }

            fn go_on(self, place: &mut Taken) -> impl Iterator<Item = Self::Item> {
                from(self, place)
            }

            fn again(self, place: &Taken) -> Self::Item {
                before(self, place)
            }
        }
    )*};
}

by_count! {
    ['a, T] slice::Iter<'a, T>;
    ['a, T] slice::IterMut<'a, T>;
    ['a, T] slice::Windows<'a, T>;
    ['a, T] slice::Chunks<'a, T>;
    ['a, T] slice::ChunksMut<'a, T>;
    ['a, T] slice::ChunksExact<'a, T>;
    ['a, T] vec_deque::Iter<'a, T>;
    ['a, T] vec_deque::IterMut<'a, T>;
    ['a, T] linked_list::Iter<'a, T>;
    ['a, T] linked_list::IterMut<'a, T>;
    ['a, T] binary_heap::Iter<'a, T>;
    ['a, T] btree_set::Iter<'a, T>;
    ['a, T] btree_set::Range<'a, T>;
    ['a, K, V] btree_map::Iter<'a, K, V>;
    ['a, K, V] btree_map::IterMut<'a, K, V>;
    ['a, K, V] btree_map::Range<'a, K, V>;
    ['a, K, V] btree_map::Keys<'a, K, V>;
    ['a, K, V] btree_map::Values<'a, K, V>;
    ['a, K, V] btree_map::ValuesMut<'a, K, V>;
    ['a, T] option::Iter<'a, T>;
    ['a, T] option::IterMut<'a, T>;
    ['a, T] result::Iter<'a, T>;
    ['a, T] result::IterMut<'a, T>;
    ['a] str::Chars<'a>;
    ['a] str::CharIndices<'a>;
    ['a] str::Bytes<'a>;
    ['a] str::Lines<'a>;
    ['a] str::SplitWhitespace<'a>;
    ['a] str::SplitAsciiWhitespace<'a>;
    ['a] str::Split<'a, char>;
    ['a, 'b] str::Split<'a, &'b str>;
    ['a] str::RSplit<'a, char>;
    ['a, 'b] str::RSplit<'a, &'b str>;
    ['a] str::SplitTerminator<'a, char>;
    ['a, 'b] str::SplitTerminator<'a, &'b str>;
    ['a] str::SplitInclusive<'a, char>;
    ['a, 'b] str::SplitInclusive<'a, &'b str>;
    ['a] str::Matches<'a, char>;
    ['a, 'b] str::Matches<'a, &'b str>;
    [T, const N: usize] array::IntoIter<T, N>;
    [T] Range<T>;
    [T] RangeFrom<T>;
    [T] RangeInclusive<T>;
    [I] iter::Rev<I> where { I: Lend<Place = Taken> };
    [I] iter::Enumerate<I> where { I: Lend<Place = Taken> };
    [I] iter::Skip<I> where { I: Lend<Place = Taken> };
    [I] iter::Take<I> where { I: Lend<Place = Taken> };
    [I] iter::StepBy<I> where { I: Lend<Place = Taken> };
    [A, B] iter::Zip<A, B> where { A: Lend<Place = Taken>, B: Lend<Place = Taken> };
    [A, B] iter::Chain<A, B> where { A: Lend<Place = Taken>, B: Lend<Place = Taken> };
}

/// The position in a hash map.
#[derive(Debug, Serialize, Deserialize)]
pub struct Keys<K> {
    /// The remaining keys, the next one last.
    left: Vec<K>,
    /// The key of the current item.
    at: Option<K>,
}

impl<K: Clone> Keys<K> {
    fn new<'a>(keys: impl Iterator<Item = &'a K>) -> Self
    where
        K: 'a,
    {
        let mut left: Vec<_> = keys.cloned().collect();
        left.reverse();
        Self { left, at: None }
    }

    fn take(&mut self) -> Option<K> {
        let key = self.left.pop()?;
        self.at = Some(key.clone());
        Some(key)
    }

    fn is_at(&self, key: &K) -> bool
    where
        K: PartialEq,
    {
        self.at.as_ref() == Some(key)
    }
}

/// The message of a panic that code cannot cause if rustc accepts it as a plain async function.
const CHANGED: &str = "a loop goes on over a map from which a key has been removed";

macro_rules! by_key {
    ($([$($param:ident),*] $items:ty, $item:pat => $key:expr;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<'a, K, $($param),*> Lend for $items
        where
            K: Clone + Eq + Hash + Serialize + Deserialize<'static> + Send + 'static,
        {
            type Place = Keys<K>;

            fn place(self) -> Keys<K> {
                Keys::new(self.map(|$item| $key))
            }

            fn go_on(self, place: &mut Keys<K>) -> impl Iterator<Item = Self::Item> {
                let mut items: HashMap<&'a K, Self::Item> = self.map(|item| {
                    let $item = &item;
                    let key: &'a K = $key;
                    (key, item)
                }).collect();
                iter::from_fn(move || {
                    let key = place.take()?;
                    Some(items.remove(&key).expect(CHANGED))
                })
            }

            fn again(self, place: &Keys<K>) -> Self::Item {
                let mut items = self;
                items.find(|item| { let $item = item; place.is_at($key) }).expect(CHANGED)
            }
        }
    )*};
}

by_key! {
    [V] hash_map::Iter<'a, K, V>, (key, _) => key;
    [V] hash_map::IterMut<'a, K, V>, (key, _) => key;
    [V] hash_map::Keys<'a, K, V>, key => key;
    [] hash_set::Iter<'a, K>, key => key;
}

// ---- Adapters, with what they know between two rounds of a loop held outside of them -------------------------------

/// [`Iterator::enumerate`].
pub fn enumerate<I: Iterator>(items: I, count: &mut usize) -> impl Iterator<Item = (usize, I::Item)> {
    items.map(|item| {
        *count += 1;
        (*count - 1, item)
    })
}

/// [`Iterator::take`].
pub fn take<I: Iterator>(mut items: I, left: &mut usize) -> impl Iterator<Item = I::Item> {
    iter::from_fn(move || {
        *left = left.checked_sub(1)?;
        items.next()
    })
}

/// [`Iterator::skip`].
pub fn skip<I: Iterator>(mut items: I, left: &mut usize) -> impl Iterator<Item = I::Item> {
    iter::from_fn(move || items.nth(std::mem::take(left)))
}

/// The steps of [`Iterator::step_by`].
#[derive(Debug, Serialize, Deserialize)]
pub struct Steps {
    /// The number of items to skip before the next one.
    first: usize,
    /// The number of items to skip before each one after that.
    then: usize,
}

impl Steps {
    /// # Panics
    ///
    /// The step is 0, as with [`Iterator::step_by`].
    pub fn new(step: usize) -> Self {
        assert!(step != 0, "assertion failed: step != 0");
        Self { first: 0, then: step - 1 }
    }
}

/// [`Iterator::step_by`].
pub fn step_by<I: Iterator>(mut items: I, steps: &mut Steps) -> impl Iterator<Item = I::Item> {
    iter::from_fn(move || {
        let then = steps.then;
        items.nth(std::mem::replace(&mut steps.first, then))
    })
}

/// [`Iterator::take_while`].
pub fn take_while<I: Iterator>(
    mut items: I,
    mut goes_on: impl FnMut(&I::Item) -> bool,
    done: &mut bool,
) -> impl Iterator<Item = I::Item> {
    iter::from_fn(move || {
        if *done {
            return None;
        }
        let item = items.next()?;
        *done = !goes_on(&item);
        (!*done).then_some(item)
    })
}

/// [`Iterator::skip_while`].
pub fn skip_while<I: Iterator>(
    mut items: I,
    mut skips: impl FnMut(&I::Item) -> bool,
    done: &mut bool,
) -> impl Iterator<Item = I::Item> {
    iter::from_fn(move || {
        loop {
            let item = items.next()?;
            if *done || !skips(&item) {
                *done = true;
                return Some(item);
            }
        }
    })
}

/// [`Iterator::zip`].
pub fn zip<I: Iterator, O: Iterator>(items: I, others: &mut O) -> impl Iterator<Item = (I::Item, O::Item)> {
    items.zip(others)
}

/// [`Iterator::chain`].
pub fn chain<I: Iterator, O: Iterator<Item = I::Item>>(items: I, others: &mut O) -> impl Iterator<Item = I::Item> {
    items.chain(others)
}

/// [`Iterator::flatten`].
pub fn flatten<I: Iterator>(
    mut items: I,
    inner: &mut Option<<I::Item as crate::flow::iterate::Iterate>::Items>,
) -> impl Iterator<Item = <<I::Item as crate::flow::iterate::Iterate>::Items as Iterator>::Item>
where
    I::Item: crate::flow::iterate::Iterate,
{
    iter::from_fn(move || {
        loop {
            if let Some(item) = inner.as_mut().and_then(Iterator::next) {
                return Some(item);
            }
            *inner = Some(crate::flow::iterate::iterate(items.next()?));
        }
    })
}

/// [`Iterator::scan`].
pub fn scan<I: Iterator, S, B>(
    mut items: I,
    state: &mut S,
    mut step: impl FnMut(&mut S, I::Item) -> Option<B>,
) -> impl Iterator<Item = B> {
    iter::from_fn(move || step(state, items.next()?))
}
