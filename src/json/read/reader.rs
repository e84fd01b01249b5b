//! A cursor in JSON text: takes tokens, literals and marked objects from it, and never panics on malformed text.
//!
//! `read` makes a deserializer of it, and `map_key` uses that for the JSON in a key.

use std::borrow::Cow;

use serde::de::{Error as _, Visitor};
use serde_json::Error;

use crate::json::marker::{FLOAT, FLOATS};

/// A cursor in JSON text.
pub(super) struct Reader<'t> {
    pub(super) rest: &'t str,
    /// How many more levels of nesting are allowed.
    pub(super) depth_left: usize,
}

impl<'t> Reader<'t> {
    /// The first byte of the next token; 0 at the end of the text.
    pub(super) fn peek(&mut self) -> u8 {
        self.rest = self.rest.trim_start_matches([' ', '\n', '\r', '\t']);
        self.rest.bytes().next().unwrap_or(0)
    }

    pub(super) fn take(&mut self, token: &str) -> Result<(), Error> {
        self.peek();
        self.rest = self.rest.strip_prefix(token).ok_or_else(|| expected(token))?;
        Ok(())
    }

    pub(super) fn end(&mut self) -> Result<(), Error> {
        if self.peek() == 0 { Ok(()) } else { Err(expected("the end")) }
    }

    /// The next string, with its quotes and escapes.
    pub(super) fn quoted(&mut self) -> Result<&'t str, Error> {
        if self.peek() != b'"' {
            return Err(expected("a string"));
        }
        let mut escaped = false;
        let closes = |&(_, byte): &(usize, u8)| {
            let closes = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            closes
        };
        let (last, _) = self.rest.bytes().enumerate().skip(1).find(closes).ok_or_else(|| expected("a quote"))?;
        Ok(self.advance(last + 1))
    }

    pub(super) fn string(&mut self) -> Result<Cow<'t, str>, Error> {
        let quoted = self.quoted()?;
        if quoted.contains('\\') {
            return serde_json::from_str(quoted).map(Cow::Owned);
        }
        Ok(Cow::Borrowed(&quoted[1..quoted.len() - 1]))
    }

    /// The text of the next number, `null`, `true` or `false`.
    pub(super) fn literal(&mut self) -> &'t str {
        self.peek();
        let end = self.rest.find([',', ']', '}', ' ', '\n', '\r', '\t']).unwrap_or(self.rest.len());
        self.advance(end)
    }

    pub(super) fn number(&mut self) -> Result<&'t str, Error> {
        match self.peek() {
            b'-' | b'0'..=b'9' => Ok(self.literal()),
            _ => Err(expected("a number")),
        }
    }

    /// The text of the next value, of any kind.
    pub(super) fn raw_value(&mut self) -> Result<&'t str, Error> {
        self.peek();
        let from = self.rest;
        let mut open = 0_usize;
        loop {
            match self.peek() {
                b'"' => _ = self.quoted()?,
                b'{' | b'[' => {
                    open += 1;
                    self.advance(1);
                }
                b'}' | b']' => {
                    open = open.checked_sub(1).ok_or_else(|| expected("a value"))?;
                    self.advance(1);
                }
                b',' | b':' if open > 0 => _ = self.advance(1),
                0 | b',' | b':' => return Err(expected("a value")),
                _ => _ = self.literal(),
            }
            if open == 0 {
                return Ok(&from[..from.len() - self.rest.len()]);
            }
        }
    }

    fn advance(&mut self, at: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(at);
        self.rest = rest;
        taken
    }

    /// Reads something between two brackets, one level deeper.
    pub(super) fn delimited<T>(
        &mut self,
        open: &str,
        close: &str,
        read: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.take(open)?;
        self.depth_left = self.depth_left.checked_sub(1).ok_or_else(|| Error::custom("it is nested too deep"))?;
        let value = read(self)?;
        self.depth_left += 1;
        self.take(close)?;
        Ok(value)
    }

    /// Whether the next value is an object that begins with this marker key.
    pub(super) fn at_marked_object(&mut self, marker: &str) -> bool {
        self.peek();
        let key = self.rest.strip_prefix("{\"").and_then(|key| key.strip_prefix(marker));
        key.is_some_and(|rest| rest.starts_with("\":"))
    }

    pub(super) fn marked<T>(
        &mut self,
        marker: &str,
        read: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.delimited("{", "}", |reader| {
            let key = reader.string()?;
            debug_assert_eq!(key, marker);
            reader.take(":")?;
            read(reader)
        })
    }

    pub(super) fn marked_float(&mut self) -> Result<f64, Error> {
        let name = self.marked(FLOAT, Self::string)?;
        let found = FLOATS.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, float)| float).ok_or_else(|| expected("a float"))
    }
}

pub(super) fn expected(what: &str) -> Error {
    Error::custom(format_args!("expected {what}"))
}

/// Passes a number to a visitor as serde_json does.
pub(super) fn visit_number<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, Error> {
    if !text.contains(['.', 'e', 'E']) && text != "-0" {
        if let Ok(number) = text.parse::<u64>() {
            return visitor.visit_u64(number);
        }
        if let Ok(number) = text.parse::<i64>() {
            return visitor.visit_i64(number);
        }
    }
    visitor.visit_f64(finite(text.parse::<f64>().ok())?)
}

pub(super) fn visit_f32<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, Error> {
    visitor.visit_f64(finite(text.parse::<f32>().ok().map(f64::from))?)
}

pub(super) fn visit_i128<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, Error> {
    visitor.visit_i128(text.parse().map_err(|_| expected("an integer"))?)
}

pub(super) fn visit_u128<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, Error> {
    visitor.visit_u128(text.parse().map_err(|_| expected("an integer"))?)
}

fn finite(float: Option<f64>) -> Result<f64, Error> {
    float.filter(|float| float.is_finite()).ok_or_else(|| expected("a number that is not too large"))
}
