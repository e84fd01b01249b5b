//! The collector of errors, and every message that an author can see.
//!
//! All stages add to one [`Errors`], so that all problems of a flow are reported together. A message says what is wrong,
//! why if that is not obvious, and what to write instead; in lower case, without a full stop, on the smallest token that
//! must change. Each message has a test in `tests/ui/fail`.

use syn::Error;

pub(crate) mod body;
pub(crate) mod component;
pub(crate) mod evolution;
pub(crate) mod signature;

/// The errors that have been found so far. Panics when it is dropped before [`Errors::finish`], because errors would be
/// lost.
#[derive(Debug)]
pub(crate) struct Errors {
    found: Option<Error>,
    is_finished: bool,
}

impl Errors {
    pub(crate) const fn new() -> Self {
        Self { found: None, is_finished: false }
    }

    pub(crate) fn add(&mut self, error: Error) {
        match &mut self.found {
            Some(found) => found.combine(error),
            None => self.found = Some(error),
        }
    }

    /// Adds all errors of another collector.
    pub(crate) fn take(&mut self, others: Self) {
        if let Err(error) = others.finish() {
            self.add(error);
        }
    }

    /// Whether no error has been found so far.
    pub(crate) const fn is_empty(&self) -> bool {
        self.found.is_none()
    }

    /// All errors, in the order of the stages.
    pub(crate) fn finish(mut self) -> syn::Result<()> {
        self.is_finished = true;
        self.found.take().map_or(Ok(()), Err)
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        assert!(self.is_finished || std::thread::panicking(), "BUG: the errors of a flow were dropped unread");
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;
    use syn::Error;

    use super::Errors;

    #[test]
    fn all_errors_are_reported_in_order() {
        let mut errors = Errors::new();
        assert!(errors.is_empty());
        errors.add(Error::new(Span::call_site(), "one"));
        errors.add(Error::new(Span::call_site(), "other"));
        let messages: Vec<_> = errors.finish().unwrap_err().into_iter().map(|error| error.to_string()).collect();
        assert_eq!(messages, ["one", "other"]);
        assert!(Errors::new().finish().is_ok());
    }

    #[test]
    #[should_panic(expected = "dropped unread")]
    fn errors_that_are_dropped_unread_panic() {
        let mut errors = Errors::new();
        errors.add(Error::new(Span::call_site(), "one"));
    }
}
