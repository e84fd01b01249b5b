//! A point in time as a plain value: milliseconds since the Unix epoch, written in RFC 3339. Never reads a clock.

#![allow(clippy::disallowed_types, reason = "converts the system's time, and asks no clock for it")]

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A point in time in UTC, with a resolution of one millisecond, between the years 1970 and 9999.
///
/// Written as `2026-11-23T09:30:00.000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// The last millisecond of the year 9999, the last year that RFC 3339 can express.
const LAST: u64 = 253_402_300_799_999;

impl Timestamp {
    /// The Unix epoch: 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// The time this many milliseconds after the Unix epoch. A time beyond the year 9999 becomes the last millisecond of
    /// that year.
    pub const fn from_millis(millis: u64) -> Self {
        Self(if millis < LAST { millis } else { LAST })
    }

    /// The number of milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The time that passed from `earlier` to this; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// This time plus a duration, which is truncated to milliseconds. At most the end of the year 9999.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self::from_millis(self.0.saturating_add(millis))
    }
}

/// A time before 1970 becomes [`Timestamp::EPOCH`]; fractions of a millisecond are truncated.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self::EPOCH.after(time.duration_since(UNIX_EPOCH).unwrap_or_default())
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        UNIX_EPOCH + Duration::from_millis(time.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_millis((*self).into()).fmt(f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time as in RFC 3339")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                let time = humantime::parse_rfc3339(text).map_err(|_| E::custom("not a time as in RFC 3339"))?;
                Ok(time.into())
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_timestamp_reads_back_as_it_was_written() {
        for millis in [0, 1, 999, 1_795_425_000_123, LAST] {
            let time = Timestamp::from_millis(millis);
            let text = serde_json::to_string(&time).expect("a timestamp is a string");
            assert_eq!(serde_json::from_str::<Timestamp>(&text).expect("what was written"), time, "{text}");
        }
        assert_eq!(Timestamp::from_millis(u64::MAX).as_millis(), LAST);
        assert!(serde_json::from_str::<Timestamp>("\"yesterday\"").is_err());
    }
}
