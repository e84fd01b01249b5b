//! JSON with line breaks and indentation. Keys keep their order and numbers their digits, because nothing is parsed
//! into a number: a `u128` that no `f64` can hold stays as it is.

use serde_json::value::RawValue;

use crate::json::ordered_map::OrderedMap;

/// Indents a JSON text by two spaces a level.
pub(crate) fn pretty(json: &RawValue) -> String {
    let mut text = String::new();
    write(json, 0, &mut text);
    text
}

fn write(json: &RawValue, depth: usize, text: &mut String) {
    let compact = json.get().trim();
    match compact.as_bytes().first() {
        Some(b'{') => {
            let Ok(map) = serde_json::from_str::<OrderedMap<Box<RawValue>, Box<RawValue>>>(compact) else {
                unreachable!("BUG: raw JSON that begins with a brace is a map")
            };
            let entries = map.0.iter().map(|(key, value)| (Some(&**key), &**value));
            write_entries(('{', '}'), entries, depth, text);
        }
        Some(b'[') => {
            let Ok(list) = serde_json::from_str::<Vec<Box<RawValue>>>(compact) else {
                unreachable!("BUG: raw JSON that begins with a bracket is a list")
            };
            write_entries(('[', ']'), list.iter().map(|value| (None, &**value)), depth, text);
        }
        Some(_) | None => text.push_str(compact),
    }
}

fn write_entries<'a>(
    (open, close): (char, char),
    entries: impl Iterator<Item = (Option<&'a RawValue>, &'a RawValue)>,
    depth: usize,
    text: &mut String,
) {
    text.push(open);
    let mut is_empty = true;
    for (key, value) in entries {
        if !is_empty {
            text.push(',');
        }
        is_empty = false;
        new_line(depth + 1, text);
        if let Some(key) = key {
            text.push_str(key.get());
            text.push_str(": ");
        }
        write(value, depth + 1, text);
    }
    if !is_empty {
        new_line(depth, text);
    }
    text.push(close);
}

fn new_line(depth: usize, text: &mut String) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_that_of_serde_json_and_every_number_keeps_its_digits() {
        for json in ["{}", "[]", "null", "\"a\\n}\"", r#"{"b":[1,{"a":[],"c":{}}],"a":true}"#] {
            let value: serde_json::Value = serde_json::from_str(json).unwrap();
            let raw = RawValue::from_string(json.to_owned()).unwrap();
            let again: serde_json::Value = serde_json::from_str(&pretty(&raw)).unwrap();
            assert_eq!(again, value);
        }
        let json = r#"{"z":340282366920938463463374607431768211455,"a":[0.10,1e400]}"#;
        let raw = RawValue::from_string(json.to_owned()).unwrap();
        let expected = "{\n  \"z\": 340282366920938463463374607431768211455,\n  \"a\": [\n    0.10,\n    1e400\n  ]\n}";
        assert_eq!(pretty(&raw), expected);
    }
}
