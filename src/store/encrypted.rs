//! Any store, with the bodies of its records sealed: encrypted, and bound to their conversation and revision.
//!
//! [`Encrypted`] wraps a store. What a conversation holds, its states and its result, is sealed before it is saved and
//! opened when it is loaded, with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) and a random nonce of 192 bits for each
//! save. The header stays readable, since stores find records by it: which flow, at which state, waiting for what, whose,
//! due and touched when. It is bound to the body all the same: a record whose header was edited, or whose body was taken
//! from another conversation or another revision, does not open.
//!
//! What does not open is [unreadable](crate::record::Unreadable), as anything else that cannot be read: told with the
//! reason and left alone, never taken for plain text. What cannot be seen is an older record of the same conversation
//! that was put back whole, header and all: a store alone does not know that there was a newer one.
//!
//! ```
//! use stube::store::encrypted::{Keys, Sealed};
//! use stube::{MemoryStore, Runtime};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (new, old) = ([1; 32], [2; 32]);
//! // Seals with the first, and opens what was sealed with either.
//! let keys = Keys::new("2026-11", new)?.and("2025-03", old)?;
//! let runtime = Runtime::open(Sealed::new(MemoryStore::new(), keys))?;
//! # Ok(())
//! # }
//! ```
//!
//! To change the key, give the new one first and the old one after it, in every process; each conversation is sealed
//! anew at its next change. Once [`Store::list`] finds none that was touched before, the old one can go.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use data_encoding::BASE64_NOPAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::model::error::BoxError;
use crate::model::id::ConversationId;
use crate::record::{EncodeError, Reason, Record, Revision, Unreadable};
use crate::store::{BoxFuture, Count, Listener, LoadError, Page, Query, Store, Visitor, WriteOutcome};

/// The keys of a [`Encrypted`] store, each with a name that is written beside what it has sealed.
#[derive(Clone)]
pub struct Keys {
    /// The name of the key that seals.
    first: String,
    all: BTreeMap<String, Zeroizing<[u8; 32]>>,
}

/// The names, and no key.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("first", &self.first).field("names", &self.all.keys()).finish()
    }
}

/// A name cannot be that of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeyName {
    /// It is empty, too long, or has other characters.
    #[error("the name of a key is 1 to 32 letters, digits, `-` and `_`")]
    NoName,
    /// There is a key of this name already.
    #[error("two keys have one name")]
    Twice,
}

impl Keys {
    /// The key that seals. Its bytes come from a source that nobody can guess.
    ///
    /// # Errors
    ///
    /// The name cannot be that of a key.
    pub fn new(name: impl Into<String>, key: [u8; 32]) -> Result<Self, InvalidKeyName> {
        let first = name.into();
        Self { first: first.clone(), all: BTreeMap::new() }.and(first, key)
    }

    /// A further key, which opens only.
    ///
    /// # Errors
    ///
    /// The name cannot be that of a key, or is that of another one.
    pub fn and(mut self, name: impl Into<String>, key: [u8; 32]) -> Result<Self, InvalidKeyName> {
        let (name, key) = (name.into(), Zeroizing::new(key));
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 32 || !name.chars().all(fits) {
            return Err(InvalidKeyName::NoName);
        }
        match self.all.insert(name, key) {
            None => Ok(self),
            Some(_) => Err(InvalidKeyName::Twice),
        }
    }

    fn cipher(&self, name: &str) -> Option<XChaCha20Poly1305> {
        self.all.get(name).map(|key| XChaCha20Poly1305::new((&**key).into()))
    }
}

/// A store whose records are sealed.
#[derive(Debug)]
pub struct Encrypted<S> {
    store: S,
    keys: Keys,
    opens_unsealed: bool,
}

/// A body, sealed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealedBody {
    sealed: SealedText,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealedText {
    /// The name of the key.
    key: String,
    /// The nonce, and the body with its tag, in base64.
    text: String,
}

/// How many bytes a nonce has.
const NONCE: usize = 24;

impl<S: Store> Encrypted<S> {
    /// Seals what is saved in this store.
    pub const fn new(store: S, keys: Keys) -> Self {
        Self { store, keys, opens_unsealed: false }
    }

    /// Reads records that are not sealed too, while a store that has been in use moves over to sealing: each is sealed
    /// at its next change. Whoever can write to the store can then put in records of their own, so it is not for ever.
    #[must_use]
    pub const fn open_unsealed(mut self) -> Self {
        self.opens_unsealed = true;
        self
    }

    #[allow(clippy::disallowed_methods, reason = "a nonce is drawn at random")]
    fn seal(&self, record: &Record) -> Result<Record, SealError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| SealError::Random(error.to_string()))?;
        let cipher = self.keys.cipher(&self.keys.first).expect("BUG: the first key is one of all");
        let payload = Payload { msg: record.body().as_bytes(), aad: record.head() };
        let sealed = cipher.encrypt(&XNonce::from(nonce), payload).expect("BUG: a record is shorter than 256 GiB");
        let text = BASE64_NOPAD.encode(&[&nonce[..], &sealed].concat());
        let body = SealedBody { sealed: SealedText { key: self.keys.first.clone(), text } };
        let body = serde_json::to_string(&body).expect("BUG: two texts are plain JSON");
        record.with_body(&body).map_err(SealError::Record)
    }

    fn open(&self, record: Record) -> Result<Record, Unreadable> {
        let id = record.id();
        self.opened(record).map_err(|reason| Unreadable { id: Some(id), entry: id.to_string(), reason })
    }

    fn opened(&self, record: Record) -> Result<Record, Reason> {
        let reason = |text: &str| Reason::Encrypted(text.to_owned());
        let Ok(SealedBody { sealed }) = serde_json::from_str::<SealedBody>(record.body()) else {
            return if self.opens_unsealed { Ok(record) } else { Err(reason("it is not sealed, as it should be")) };
        };
        let cipher = self.keys.cipher(&sealed.key);
        let cipher = cipher
            .ok_or_else(|| Reason::Encrypted(format!("it is sealed with the key `{}`", sealed.key.escape_debug())))?;
        let broken = || reason("its seal is broken: it was edited, or sealed with another key of that name");
        let text = BASE64_NOPAD.decode(sealed.text.as_bytes()).map_err(|_| broken())?;
        let (nonce, text) = text.split_first_chunk::<NONCE>().ok_or_else(broken)?;
        let payload = Payload { msg: text, aad: record.head() };
        let body = cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| broken())?;
        let body = String::from_utf8(body).map_err(|_| broken())?;
        record.with_body(&body).map_err(|_| broken())
    }
}

/// Why a record was not sealed. Nothing was saved.
#[derive(Debug, thiserror::Error)]
enum SealError {
    #[error("no random nonce: {0}")]
    Random(String),
    #[error("sealed, it cannot be saved: {0}")]
    Record(#[source] EncodeError),
}

impl<S: Store> Store for Encrypted<S> {
    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(
            async move { self.store.load_all(&mut |entry| each(entry.and_then(|record| self.open(record)))).await },
        )
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        Box::pin(async move {
            let record = self.store.load(id).await?;
            record.map(|record| self.open(record)).transpose().map_err(LoadError::Unreadable)
        })
    }

    /// By what the headers say, which is not sealed.
    fn list<'a>(
        &'a self,
        query: &'a Query,
        after: Option<ConversationId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, BoxError>> {
        self.store.list(query, after, limit)
    }

    fn older_than<'a>(
        &'a self,
        query: &'a Query,
        age: Duration,
        after: Option<ConversationId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Option<Page>, BoxError>> {
        self.store.older_than(query, age, after, limit)
    }

    fn count<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Count>, BoxError>> {
        self.store.count(query)
    }

    /// A sealed body is a third longer, so the largest records cannot be sealed.
    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, WriteOutcome> {
        Box::pin(async move {
            match self.seal(record) {
                Ok(sealed) => self.store.save(&sealed, replaces).await,
                Err(error) => WriteOutcome::NotApplied(error.into()),
            }
        })
    }

    fn subscribe(&self, listener: Listener) {
        self.store.subscribe(listener);
    }

    fn notify(&self, id: ConversationId) {
        self.store.notify(id);
    }

    fn is_exclusive(&self) -> bool {
        self.store.is_exclusive()
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        self.store.delete(id, replaces)
    }
}
