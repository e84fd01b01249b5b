//! Constants: one that is written again after an await must be the same value there.

#![allow(const_item_mutation, reason = "a constant is changed, to see that only its copy is")]

use std::cell::Cell;
use std::ops::Range;

const LIMIT: u32 = 3;
const RANGE: Range<u32> = 0..3;
const NAMES: [&str; 2] = ["small", "large"];
const ORDER: Fixed = Fixed { rows: [1, 2, 3], name: "fixed" };
const NONE: Option<String> = None;
const ZERO: Cell<u32> = Cell::new(0);

struct Fixed {
    rows: [u32; 3],
    name: &'static str,
}

mod each {
    use super::{LIMIT, NAMES, NONE, ORDER, RANGE, ZERO};
    use crate::{ask, ask_unit, check, log};

    macro_rules! same_here {
        ($name:ident $body:block) => {
            mod $name {
                use super::*;
                mod plain {
                    use super::*;
                    pub(super) async fn body() -> u32 $body
                }
                #[stube::flow]
                async fn $name() -> u32 $body
                #[test]
                fn same_as_async() {
                    check(plain::body, $name);
                }
            }
        };
    }

    same_here! { constants_that_are_written_again {
        let limit = LIMIT;
        let names = &NAMES;
        let rows = &ORDER.rows;
        let order = ORDER;
        let none = NONE;
        let range = RANGE;
        let n = ask("n").await;
        let row = &ORDER.rows[n as usize % 3];
        ask_unit("q").await;
        let sum: u32 = range.chain(rows.iter().copied()).sum();
        sum + limit + names[0].len() as u32 + row + order.name.len() as u32 + none.map_or(0, |text| text.len() as u32)
    } }

    same_here! { a_constant_that_is_changed {
        let list = &mut ORDER.rows;
        list[0] = 9;
        let five = &mut 5;
        *five += 1;
        let limit = &mut LIMIT;
        *limit += ask("n").await;
        list[1] += *limit;
        ask_unit("q").await;
        *five + list[0] + list[1] + *limit
    } }

    same_here! { a_value_of_a_constant_that_changes_inside {
        let count = { ZERO };
        count.set(1);
        let n = ask("n").await;
        count.set(count.get() + n);
        ask_unit("q").await;
        let limit = &ZERO;
        limit.set(2);
        count.get() + limit.get()
    } }
}
