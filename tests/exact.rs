//! Values that plain JSON changes or has no form for: each comes back as what it was, or is refused.

use stube::testing::TestConversation;
use stube::{Confirm, flow};

/// Runs each range to its end, asks, and tells whether anything is left of it.
macro_rules! ranges {
    ($($name:ident($ty:ty): $range:expr;)*) => {$(
        #[flow]
        async fn $name(mut given: std::ops::RangeInclusive<$ty>) -> (Vec<$ty>, bool, bool, $ty) {
            let (first, last) = (*given.start(), *given.end());
            let mut own = first..=last;
            while own.next_back().is_some() {}
            given.by_ref().for_each(drop);
            let mut fresh = first..=last;
            fresh.next();
            Confirm::new("go on?").await;
            let left = own.chain(given.clone()).chain(fresh).collect();
            (left, given.is_empty(), given.contains(&last), *given.end())
        }
    )*

    #[test]
    fn a_range_that_has_come_to_its_end_stays_there() {
        $({
            let range = $range;
            let mut rest = range.clone();
            rest.next();
            for reload in [false, true] {
                let mut c = TestConversation::start($name(range.clone()));
                if reload {
                    c.reload();
                }
                c.answer::<Confirm>(true);
                let (left, empty, contains, end) = c.result::<(Vec<$ty>, bool, bool, $ty)>();
                assert_eq!((left, empty, contains), (rest.clone().collect(), true, false), "{range:?}");
                // What the standard library gives, except for the last value that there is.
                assert!(end == *range.end() || *range.end() == <$ty>::MAX, "{range:?}");
            }
        })*
    }};
}

ranges! {
    bytes(u8): 3..=3;
    last_bytes(u8): 250..=255;
    signed(i8): -128..=-128;
    small(i16): -1..=1;
    small_unsigned(u16): 0..=0;
    numbers(i32): 5..=7;
    unsigned(u32): 1..=2;
    long(i64): i64::MAX..=i64::MAX;
    long_unsigned(u64): 1..=2;
    wide(i128): i128::MAX - 1..=i128::MAX;
    wide_unsigned(u128): 0..=1;
    sizes(usize): 0..=1;
    signed_sizes(isize): 0..=1;
    letters(char): 'a'..='c';
    around_the_gap(char): '\u{d7ff}'..='\u{d7ff}';
    last_letter(char): char::MAX..=char::MAX;
}
