//! Borrows whose path changes after they are taken.

#![allow(unused_assignments, reason = "keys change after their borrow, whether or not they are read again")]

use std::collections::BTreeMap;

/// Two rooms by number.
pub(crate) fn rooms() -> BTreeMap<i64, String> {
    BTreeMap::from([(0, "hall".to_owned()), (1, "attic".to_owned()), (2, "cellar".to_owned())])
}

/// The same by name.
pub(crate) fn floors() -> BTreeMap<String, i64> {
    BTreeMap::from([("hall".to_owned(), 0), ("attic".to_owned(), 7), ("attics".to_owned(), 9)])
}

pub(crate) fn glue(room: &str, n: i64) -> String {
    format!("{room} {n}")
}

pub(crate) fn pair_of(a: i64, b: i64) -> String {
    format!("{a} and {b}")
}

/// A place on a way.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) next: i64,
}

pub(crate) fn steps() -> BTreeMap<i64, Step> {
    let step = |name: &str, next| Step { name: name.to_owned(), next };
    BTreeMap::from([(0, step("door", 2)), (2, step("stair", 1)), (1, step("roof", 9))])
}

/// A key that cannot be copied.
#[derive(PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub(crate) struct Number(pub(crate) i64);

impl Number {
    pub(crate) fn text(&self) -> String {
        self.0.to_string()
    }
}

// ---- Keys that change ----------------------------------------------------------------------------------------------

same! { [()] async fn a_key_that_is_assigned_after_get() -> String {
    let map = rooms();
    let mut key = 0;
    let floor = map.get(&key).unwrap();
    key = 1;
    let n = signed("n").await;
    format!("{floor} {key} {n}")
} }

same! { [()] async fn a_key_that_is_only_looked_at() -> String {
    let map = BTreeMap::from([(Number(1), 7)]);
    let key = Number(1);
    let floor = map.get(&key).unwrap();
    let text = key.text();
    format!("{floor} {text} {}", signed("n").await)
} }

same! { [()] async fn a_key_of_an_index_that_is_assigned() -> String {
    let map = rooms();
    let mut key = 0;
    let floor = &map[&key];
    key += 1;
    let n = signed("n").await;
    format!("{floor} {key} {n}")
} }

same! { [()] async fn a_key_of_get_mut_that_is_assigned() -> String {
    let mut map = rooms();
    let mut key = 0;
    if let Some(floor) = map.get_mut(&key) {
        key = 1;
        let n = signed("n").await;
        floor.push_str(&format!("{n}"));
    }
    format!("{map:?} {key}")
} }

same! { [()] async fn a_key_that_the_loop_moves_on() -> String {
    let steps = steps();
    let mut current = 0;
    let mut way = String::new();
    while let Some(step) = steps.get(&current) {
        current = step.next;
        ask_unit("go").await;
        way += &step.name;
    }
    way
} }

same! { [()] async fn a_key_in_a_later_operand_of_a_condition() -> String {
    let steps = steps();
    let mut current = 0;
    let mut way = String::new();
    while way.len() < 12 && let Some(step) = steps.get(&current) && step.next < 5 {
        current = step.next;
        ask_unit("go").await;
        way += &step.name;
    }
    way
} }

same! { [()] async fn a_text_as_key_that_grows() -> String {
    let map = floors();
    let mut name = "attic".to_owned();
    let floor = map.get(&name).unwrap();
    name.push('s');
    let n = signed("n").await;
    format!("{floor} {name} {n}")
} }

same! { [()] async fn a_part_of_a_text_as_key() -> String {
    let map = floors();
    let mut name = "attics".to_owned();
    let (whole, part) = (&map[&*name], map.get(&name[..5]).unwrap());
    name.clear();
    name.push_str("hall");
    let n = signed("n").await;
    format!("{whole} {part} {name} {n}")
} }

same! { [()] async fn a_field_as_key() -> String {
    let map = floors();
    let mut order = Order { name: "hall".to_owned(), items: vec![1], total: 1 };
    let floor = map.get(&order.name).unwrap();
    order.name = "attic".to_owned();
    order.total = signed("n").await;
    format!("{floor} {order:?}")
} }

same! { [()] async fn a_key_behind_a_borrow() -> String {
    let map = rooms();
    let mut number = 0;
    let key = &mut number;
    let floor = map.get(&*key).unwrap();
    *key = 2;
    let n = signed("n").await;
    format!("{floor} {n} {number}")
} }

same! { [()] async fn a_key_that_is_borrowed_to_be_changed() -> String {
    let map = rooms();
    let mut key = 0;
    let floor = map.get(&key).unwrap();
    std::mem::swap(&mut key, &mut 2);
    let n = signed("n").await;
    format!("{floor} {key} {n}")
} }

same! { [()] async fn a_key_that_a_pattern_assigns() -> String {
    let map = rooms();
    let (mut key, mut other) = (0, 1);
    let floor = map.get(&key).unwrap();
    (key, other) = (other, key);
    let n = signed("n").await;
    format!("{floor} {key} {other} {n}")
} }

same! { [()] async fn a_key_that_a_closure_changes() -> String {
    let map = rooms();
    let mut key = 0;
    let floor = map.get(&key).unwrap();
    let mut next = || key += 1;
    next();
    next();
    let n = signed("n").await;
    format!("{floor} {key} {n}")
} }

same! { [()] async fn a_key_that_only_one_branch_changes() -> String {
    let map = rooms();
    let mut key = 0;
    let floor = &map[&key];
    if ask_bool("change").await {
        key = 1;
    }
    ask_unit("so").await;
    format!("{floor} {key}")
} }

same! { [()] async fn a_key_that_changes_after_a_branch_without_an_await() -> String {
    let map = rooms();
    let mut key = 0;
    let floor = &map[&key];
    let more = if key == 0 { key = 2; 1 } else { signed("n").await };
    format!("{floor} {key} {more}")
} }

same! { [()] async fn an_entry_that_is_matched() -> String {
    let map = rooms();
    let mut key = signed("key").await.abs() % 3;
    match map.get(&key) {
        Some(floor) if floor.len() > 4 => {
            key = 9;
            ask_unit("long").await;
            format!("{floor} {key}")
        }
        Some(floor) => {
            key += 1;
            ask_unit("short").await;
            format!("{floor} {key} {:?}", map.get(&key))
        }
        None => format!("none {}", signed("n").await),
    }
} }

same! { [()] async fn an_entry_or_else() -> String {
    let map = rooms();
    let mut key = 1;
    let Some(floor) = map.get(&key) else { return format!("none {}", signed("n").await) };
    key = 7;
    ask_unit("so").await;
    let Some(other) = map.get(&key) else { return format!("{floor} {key} {}", signed("n").await) };
    other.clone()
} }

same! { [()] async fn a_borrow_of_a_part_of_an_entry() -> String {
    let steps = steps();
    let mut key = 0;
    let step = &steps[&key];
    let name = step.name.as_str();
    key = 2;
    ask_unit("so").await;
    let next = &steps[&key].next;
    key = 1;
    ask_unit("again").await;
    format!("{name} {next} {key}")
} }

same! { [()] async fn keys_in_a_row() -> String {
    let houses = BTreeMap::from([(1, rooms()), (2, BTreeMap::from([(0, "shed".to_owned())]))]);
    let (mut house, mut room) = (1, 2);
    let name = houses[&house].get(&room).unwrap().as_str();
    house = 2;
    room = 0;
    let other = houses.get(&house).unwrap().get(&room).unwrap();
    house = 1;
    let n = signed("n").await;
    format!("{name} {other} {house} {room} {n}")
} }

same! { [()] async fn a_key_in_one_expression() -> String {
    let map = rooms();
    let mut key = 0;
    let text = glue(map.get(&key).unwrap(), { key = 1; signed("n").await });
    format!("{text} {key}")
} }

same! { [()] async fn an_index_in_one_expression() -> String {
    let map = rooms();
    let mut key = 0;
    let text = glue(&map[&key], { key = 1; signed("n").await });
    format!("{text} {key} {}", glue(map[&key].as_str(), { key = 2; signed("m").await }))
} }

same! { [()] async fn a_receiver_in_one_expression() -> bool {
    let map = rooms();
    let mut key = 0;
    map[&key].starts_with({ key = 1; if ask_bool("q").await { "hall" } else { "attic" } }) == (key == 1)
} }

same! { [()] async fn a_range_that_moves_on() -> String {
    let items = vec![1, 2, 3, 4];
    let mut from = 1;
    let some = items.get(from..from + 2).unwrap();
    from = 0;
    let rest = &items[from..=1];
    from = 3;
    let n = signed("n").await;
    format!("{some:?} {rest:?} {from} {n}")
} }

same! { [()] async fn an_index_beside_an_effect() -> String {
    let items = vec![10, 20, 30];
    let mut i = 0;
    let (a, item) = ({ i = 2; log("first") }, &items[i]);
    i = 1;
    let n = signed("n").await;
    format!("{a} {item} {i} {n}")
} }

same! { [()] async fn a_key_beside_an_effect() -> String {
    let map = rooms();
    let mut key = 0;
    let (floor, n, other) = (map.get(&key).unwrap(), { key = 1; log(5) }, map.get(&key).unwrap());
    key = 2;
    let m = signed("m").await;
    format!("{floor} {n} {other} {key} {m}")
} }

same! { [()] async fn a_key_that_a_later_round_changes() -> String {
    let map = rooms();
    let mut key = 0;
    let mut all = String::new();
    loop {
        let Some(floor) = map.get(&key) else { break };
        key += 1;
        if ask_bool("skip").await { continue; }
        all += floor;
        if all.len() > 12 { break; }
    }
    all
} }

// ---- Loops over what changes ---------------------------------------------------------------------------------------

same! { [()] async fn a_loop_over_an_entry_whose_key_changes() -> i64 {
    let m = BTreeMap::from([(1, vec![1, 2, 3]), (2, vec![10, 20, 30])]);
    let mut at = 1;
    let mut sum = 0;
    for n in &m[&at] {
        if *n == 1 { at = 2; }
        ask_unit("tick").await;
        sum += n * at;
    }
    sum
} }

same! { [()] async fn a_loop_over_an_entry_by_a_method() -> i64 {
    let m = BTreeMap::from([(1, vec![1, 2, 3]), (2, vec![10, 20, 30])]);
    let mut at = 1;
    let mut sum = 0;
    for (i, n) in m[&at].iter().enumerate() {
        at += 1;
        sum += signed("n").await + n * i as i64;
    }
    for n in m.get(&2).unwrap().iter().skip(1).take(at as usize) {
        at = 0;
        sum += signed("m").await + n;
    }
    sum
} }

same! { [()] async fn a_loop_over_slices_whose_size_changes() -> i64 {
    let items = vec![1, 2, 3, 4, 5];
    let mut size = 2;
    let mut sum = 0;
    for part in items.chunks(size) {
        size += 1;
        sum += signed("n").await + part.iter().sum::<i64>() * part.len() as i64;
    }
    sum
} }

same! { [()] async fn a_loop_over_a_list_that_it_leaves_changed() -> String {
    let mut items = vec![1, 2, 3];
    let mut sum = 0;
    for item in &items {
        sum += item * signed("n").await;
        if sum > 6 {
            items = vec![7];
            break;
        }
    }
    format!("{sum} {items:?}")
} }

// ---- What is not changed while the borrow is used ------------------------------------------------------------------

same! { [()] async fn a_text_that_changes_after_its_borrow() -> String {
    let mut t = "  abc ".to_owned();
    let p = t.trim();
    ask_unit("tick").await;
    let n = p.len();
    t = "zzz".to_owned();
    ask_unit("tock").await;
    format!("{n} {t}")
} }

same! { [()] async fn a_literal_that_changes_after_its_borrow() -> String {
    let mut t = "  abc ";
    let p = t.trim();
    ask_unit("tick").await;
    let n = p.len();
    t = "zzz";
    ask_unit("tock").await;
    format!("{n} {t}")
} }

same! { [()] async fn a_literal_that_changes_beside_a_copy() -> String {
    let mut t = "  abc ";
    let before = t;
    let p = before.trim();
    t = "zzz";
    ask_unit("tock").await;
    format!("{p} {t}")
} }

same! { [()] async fn other_fields_change() -> String {
    let mut order = Order { name: " a ".to_owned(), items: vec![1], total: 1 };
    let name = order.name.trim();
    order.total = 2;
    order.items.push(5);
    let n = signed("n").await;
    format!("{name} {n} {} {:?}", order.total, order.items)
} }

// ---- Further keys --------------------------------------------------------------------------------------------------

same! { [()] async fn a_key_inside_a_key() -> String {
    let names = BTreeMap::from([(0, "hall".to_owned()), (1, "attic".to_owned())]);
    let floors = floors();
    let mut key = 0;
    let floor = &floors[&names[&key]];
    let other = floors.get(&names[&key]).unwrap();
    key = 1;
    let n = signed("n").await;
    format!("{floor} {other} {key} {n}")
} }

same! { [()] async fn an_index_inside_a_key() -> String {
    let mut names = vec!["hall".to_owned(), "attic".to_owned()];
    let floors = floors();
    let mut i = 0;
    let floor = &floors[&names[i]];
    let n = signed("n").await;
    i = 1;
    names[0].push('s');
    let other = floors.get(&names[i]).unwrap();
    names.swap(0, 1);
    let m = signed("m").await;
    format!("{floor} {other} {names:?} {n} {m}")
} }

same! { [()] async fn a_pair_as_key() -> String {
    let map = BTreeMap::from([((0, 1), "a"), ((1, 1), "b")]);
    let mut at = (0, 1);
    let place = map.get(&at).unwrap();
    at.0 += 1;
    let n = signed("n").await;
    let other = &map[&(at.0, 1)];
    at = (0, 0);
    let m = signed("m").await;
    format!("{place} {other} {at:?} {n} {m}")
} }

same! { [()] async fn a_key_of_mut_that_moves_on_in_a_loop() -> String {
    let mut map = rooms();
    let mut key = 0;
    while let Some(room) = map.get_mut(&key) {
        key += 1;
        if ask_bool("write").await {
            room.push('!');
            ask_unit("so").await;
            room.push('?');
        }
    }
    format!("{map:?}")
} }

same! { [()] async fn a_key_that_is_shown_in_a_macro() -> String {
    let map = rooms();
    let mut key = 0;
    let room = map.get(&key).unwrap();
    let text = format!("{} {}", { key += 1; key }, signed("n").await);
    format!("{text} {room} {key}")
} }

same! { [()] async fn a_key_that_the_last_use_outlives() -> String {
    let map = rooms();
    let mut key = 0;
    let mut all = String::new();
    for _ in 0..3 {
        let room = map.get(&key).map_or("none", |room| room.as_str()).to_owned();
        let again = &map[&key];
        ask_unit("tick").await;
        all += &format!("{room} {again} ");
        key += 1;
        if key > 2 { key = 0; }
    }
    all
} }

same! { [()] async fn a_borrow_of_a_borrow_by_a_key() -> String {
    let steps = steps();
    let mut key = 0;
    let step = steps.get(&key).unwrap();
    let next = steps.get(&step.next).unwrap();
    key = 1;
    let (a, b) = (&step.name, &next.name);
    let n = signed("n").await;
    format!("{a} {b} {key} {n}")
} }

same! { [()] async fn a_key_that_is_a_loop_name() -> String {
    let map = rooms();
    let mut all = String::new();
    for mut key in 0..3 {
        let room = &map[&key];
        key = 2 - key;
        let other = map.get(&key).unwrap();
        key = 0;
        ask_unit("tick").await;
        all += &format!("{room} {other} {key} ");
    }
    all
} }

same! { [(7)] async fn a_key_that_is_an_argument(mut key: i64) -> String {
    let map = BTreeMap::from([(7, "seven"), (8, "eight")]);
    let name = map.get(&key).unwrap();
    key += 1;
    let n = signed("n").await;
    format!("{name} {key} {n}")
} }

same! { [()] async fn a_key_that_is_set_later() -> String {
    let map = rooms();
    let mut key;
    key = 2;
    let room = map.get(&key).unwrap();
    key = 0;
    let n = signed("n").await;
    format!("{room} {key} {n}")
} }

same! { [()] async fn an_optional_key() -> String {
    let map = rooms();
    let mut key = Some(1);
    if let Some(at) = &key && let Some(room) = map.get(&*at) {
        let other = &map[&*at];
        key = Some(2);
        ask_unit("so").await;
        return format!("{room} {other} {}", log(signed("n").await));
    }
    key.take().map_or_else(String::new, |key| key.to_string())
} }

same! { [()] async fn a_part_of_a_list_by_a_range() -> String {
    let list = vec![1, 2, 3, 4, 5];
    let mut range = 1..3;
    let part = &list[range.clone()];
    range.start = 2;
    let other = list.get(range.clone()).unwrap();
    range = 0..1;
    let n = signed("n").await;
    format!("{part:?} {other:?} {range:?} {n}")
} }

same! { [()] async fn a_part_of_a_text_by_what_moves() -> String {
    let text = "one two three".to_owned();
    let mut at = 4;
    let part = &text[at..];
    at = text.len() - 5;
    let (head, rest) = (part.trim(), &text[..at]);
    at = 0;
    let n = signed("n").await;
    format!("{head}|{rest}|{at} {n}")
} }

same! { [()] async fn two_loops_by_one_key() -> i64 {
    let m = BTreeMap::from([(1, vec![1, 2]), (2, vec![10, 20])]);
    let mut at = 1;
    let mut sum = 0;
    for a in &m[&at] {
        at = 2;
        for b in m[&at].iter().rev() {
            at = 1;
            sum += a * b * signed("n").await;
        }
    }
    sum
} }

same! { [()] async fn a_loop_zipped_by_a_key() -> i64 {
    let m = BTreeMap::from([(1, vec![1, 2]), (2, vec![10, 20])]);
    let mut at = 1;
    let mut sum = 0;
    for (a, b) in m[&1].iter().zip(&m[&at]) {
        at = 2;
        sum += a * b + signed("n").await;
    }
    sum
} }

same! { [()] async fn a_loop_that_writes_behind_a_key() -> String {
    let mut m = BTreeMap::from([(1, vec![1, 2]), (2, vec![10, 20])]);
    let mut at = 1;
    for n in m.get_mut(&at).unwrap().iter_mut() {
        at = 2;
        *n += signed("n").await;
        *n *= 2;
    }
    format!("{m:?} {at}")
} }
