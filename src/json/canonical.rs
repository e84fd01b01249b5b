//! A canonical order for JSON texts, so that they can be compared or hashed.
//!
//! serde writes a hash map in a different order each time. [`sort_maps`] sorts the entries of every map and keeps the order
//! of lists; [`sort_maps_and_lists`] also sorts lists, because serde writes a hash set as a list. Numbers and
//! strings are compared as they are written: read as floats, two wide integers would be equal, and so would 0.0 and
//! -0.0.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json::ordered_map::OrderedMap;

/// The text with the entries of every map sorted by key. A text that is not JSON, or nested too deep, is returned unchanged.
pub(crate) fn sort_maps(text: &str) -> Cow<'_, str> {
    if !text.contains('{') {
        return Cow::Borrowed(text);
    }
    sort(text, false).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// The text with the entries of every map and the items of every list sorted.
pub(crate) fn sort_maps_and_lists(text: &str) -> Result<String, serde_json::Error> {
    sort(text, true)
}

fn sort(text: &str, lists_too: bool) -> Result<String, serde_json::Error> {
    let (open, mut items, close) = match text.as_bytes().first() {
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text)?;
            let items = items.into_iter().map(|item| sort(item.get(), lists_too)).collect::<Result<Vec<_>, _>>()?;
            if !lists_too {
                return Ok(format!("[{}]", items.join(",")));
            }
            ('[', items, ']')
        }
        Some(b'{') => {
            let OrderedMap(pairs) = serde_json::from_str::<OrderedMap<&RawValue, &RawValue>>(text)?;
            let pair = |(key, value): (&RawValue, &RawValue)| Ok(format!("{key}:{}", sort(value.get(), lists_too)?));
            ('{', pairs.into_iter().map(pair).collect::<Result<_, serde_json::Error>>()?, '}')
        }
        _ => return Ok(text.to_owned()),
    };
    items.sort_unstable();
    Ok(format!("{open}{}{close}", items.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_sorted_at_every_depth_and_lists_are_left_alone() {
        assert_eq!(
            sort_maps(r#"{"b":[{"z":1,"a":2},1.0,1],"a":{"y":"{","x":null}}"#),
            r#"{"a":{"x":null,"y":"{"},"b":[{"a":2,"z":1},1.0,1]}"#
        );
        for unchanged in ["[2,1]", "\"{\"", "7", "{not JSON", ""] {
            assert_eq!(sort_maps(unchanged), unchanged);
        }
    }

    #[test]
    fn lists_are_sorted_where_that_is_asked_for() {
        assert_eq!(
            sort_maps_and_lists(r#"[3,{"b":[2,1]},-0.0,0.0]"#).expect("it is JSON"),
            r#"[-0.0,0.0,3,{"b":[1,2]}]"#
        );
    }
}
