//! The random parts of revisions, from the operating system.
//!
//! They are drawn many at a time, because a call of the operating system would cost each save more than the rest of its
//! bookkeeping. What is left of a draw is never written anywhere.

use std::sync::{Mutex, PoisonError};

use crate::record::RevisionNonce;
use crate::runtime::error::ErrorKind;

/// How many bytes a nonce has.
const NONCE: usize = 5;
/// How many nonces are drawn at once.
const AT_ONCE: usize = 51;

/// Draws nonces. Each is given once.
#[derive(Default)]
pub(super) struct Nonces {
    drawn: Mutex<Vec<u8>>,
}

impl Nonces {
    /// # Errors
    ///
    /// The operating system has no random numbers.
    #[allow(clippy::disallowed_methods, reason = "nonces are drawn at random")]
    pub(super) fn draw(&self) -> Result<RevisionNonce, ErrorKind> {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if drawn.is_empty() {
            let mut bytes = vec![0; NONCE * AT_ONCE];
            getrandom::fill(&mut bytes).map_err(|error| ErrorKind::Store(error.to_string().into()))?;
            *drawn = bytes;
        }
        let mut bits = [0; NONCE];
        let rest = drawn.len() - NONCE;
        bits.copy_from_slice(&drawn[rest..]);
        drawn.truncate(rest);
        Ok(RevisionNonce::from_bits(bits))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_nonce_is_given_twice() {
        let nonces = Nonces::default();
        let drawn: BTreeSet<_> = (0..10 * AT_ONCE).map(|_| nonces.draw().expect("there is randomness")).collect();
        assert_eq!(drawn.len(), 10 * AT_ONCE);
    }
}
