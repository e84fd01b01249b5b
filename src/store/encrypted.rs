//! Encryption at rest: a wrapper that encrypts the bodies of records over any store.
//!
//! [`Encrypted`] encrypts the body of a record, which has its states and its result, before each save, and decrypts it after
//! each load: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with a random 192-bit nonce for each save.
//!
//! **The header is not encrypted**, because stores look records up by it: the flow, its state, the awaited component, the
//! owner, and the times of creation, last change and due. It is authenticated together with the body: a record whose header
//! was edited, or whose body was taken from another conversation or revision, is not decrypted.
//!
//! A record that cannot be decrypted is [unreadable](crate::record::Unreadable): it is reported with the reason, left as it
//! is, and never interpreted as plain text. Not detected is an older record of the same conversation that was restored
//! whole, header included; a store alone cannot know that there was a newer one.
//!
//! ```
//! use stube::store::encrypted::{Encrypted, Keys};
//! use stube::{MemoryStore, Runtime};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (new, old) = ([1; 32], [2; 32]);
//! // Encrypts with the first key, and decrypts with either.
//! let keys = Keys::new("2026-11", new)?.and("2025-03", old)?;
//! let runtime = Runtime::open(Encrypted::new(MemoryStore::new(), keys))?;
//! # Ok(())
//! # }
//! ```
//!
//! To rotate the key, configure every process with the new key first and the old one after it. Each conversation is
//! encrypted with the new key at its next change. When [`Store::list`] finds no record that was last changed before the
//! rotation, the old key can be removed.

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

/// The keys of an [`Encrypted`] store. Each has a name, which is written beside the data that it encrypts.
#[derive(Clone)]
pub struct Keys {
    /// The name of the key that encrypts.
    first: String,
    all: BTreeMap<String, Zeroizing<[u8; 32]>>,
}

/// Only the names of the keys.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("first", &self.first).field("names", &self.all.keys()).finish()
    }
}

/// A text cannot be the name of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeyName {
    /// It is empty, has more than 32 characters, or has other characters than ASCII letters, digits, `-` and `_`.
    #[error("the name of a key must have 1 to 32 ASCII letters, digits, `-` and `_`")]
    NoName,
    /// There is already a key of this name.
    #[error("two keys have the same name")]
    Twice,
}

impl Keys {
    /// Keys with this one, which encrypts and decrypts. Its bytes must come from a cryptographically secure random source.
    ///
    /// # Errors
    ///
    /// The text cannot be the name of a key.
    pub fn new(name: impl Into<String>, key: [u8; 32]) -> Result<Self, InvalidKeyName> {
        let first = name.into();
        Self { first: first.clone(), all: BTreeMap::new() }.and(first, key)
    }

    /// Adds a key that only decrypts.
    ///
    /// # Errors
    ///
    /// The text cannot be the name of a key, or another key has it.
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

/// A store that encrypts the bodies of its records: see the [module](self).
#[derive(Debug)]
pub struct Encrypted<S> {
    store: S,
    keys: Keys,
    accepts_unencrypted: bool,
}

/// The encrypted form of a body.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EncryptedBody {
    sealed: EncryptedText,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EncryptedText {
    /// The name of the key.
    key: String,
    /// The nonce, the encrypted body and the authentication tag, in base64.
    text: String,
}

/// The length of a nonce in bytes.
const NONCE: usize = 24;

impl<S: Store> Encrypted<S> {
    /// Encrypts the records of this store.
    pub const fn new(store: S, keys: Keys) -> Self {
        Self { store, keys, accepts_unencrypted: false }
    }

    /// Also reads records that are not encrypted, to introduce encryption for existing conversations: each is encrypted at
    /// its next change. Use it only for the transition: while it is on, anyone who can write to the store can insert
    /// unauthenticated records.
    #[must_use]
    pub const fn accept_unencrypted(mut self) -> Self {
        self.accepts_unencrypted = true;
        self
    }

    #[allow(clippy::disallowed_methods, reason = "a nonce is drawn at random")]
    fn encrypt(&self, record: &Record) -> Result<Record, EncryptError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| EncryptError::Random(error.to_string()))?;
        let cipher = self.keys.cipher(&self.keys.first).expect("BUG: the first key is one of all");
        let payload = Payload { msg: record.body().as_bytes(), aad: record.head() };
        let encrypted = cipher.encrypt(&XNonce::from(nonce), payload).expect("BUG: a record is shorter than 256 GiB");
        let text = BASE64_NOPAD.encode(&[&nonce[..], &encrypted].concat());
        let body = EncryptedBody { sealed: EncryptedText { key: self.keys.first.clone(), text } };
        let body = serde_json::to_string(&body).expect("BUG: two strings are serializable as JSON");
        record.with_body(&body).map_err(EncryptError::Record)
    }

    fn decrypt(&self, record: Record) -> Result<Record, Unreadable> {
        let id = record.id();
        self.decrypt_body(record).map_err(|reason| Unreadable { id: Some(id), entry: id.to_string(), reason })
    }

    fn decrypt_body(&self, record: Record) -> Result<Record, Reason> {
        let reason = |text: &str| Reason::Encrypted(text.to_owned());
        let Ok(EncryptedBody { sealed }) = serde_json::from_str::<EncryptedBody>(record.body()) else {
            return if self.accepts_unencrypted { Ok(record) } else { Err(reason("the record is not encrypted")) };
        };
        let cipher = self.keys.cipher(&sealed.key);
        let cipher = cipher.ok_or_else(|| {
            Reason::Encrypted(format!("the record is encrypted with the unknown key `{}`", sealed.key.escape_debug()))
        })?;
        let broken =
            || reason("the record cannot be decrypted: it was edited, or encrypted with another key of that name");
        let text = BASE64_NOPAD.decode(sealed.text.as_bytes()).map_err(|_| broken())?;
        let (nonce, text) = text.split_first_chunk::<NONCE>().ok_or_else(broken)?;
        let payload = Payload { msg: text, aad: record.head() };
        let body = cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| broken())?;
        let body = String::from_utf8(body).map_err(|_| broken())?;
        record.with_body(&body).map_err(|_| broken())
    }
}

/// Why a record was not encrypted. Nothing was saved.
#[derive(Debug, thiserror::Error)]
enum EncryptError {
    #[error("the system gave no random nonce: {0}")]
    Random(String),
    #[error("the encrypted record cannot be saved: {0}")]
    Record(#[source] EncodeError),
}

impl<S: Store> Store for Encrypted<S> {
    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(
            async move { self.store.load_all(&mut |entry| each(entry.and_then(|record| self.decrypt(record)))).await },
        )
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        Box::pin(async move {
            let record = self.store.load(id).await?;
            record.map(|record| self.decrypt(record)).transpose().map_err(LoadError::Unreadable)
        })
    }

    /// By the headers, which are not encrypted.
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

    /// An encrypted body is a third longer, so records close to the size limit cannot be saved.
    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, WriteOutcome> {
        Box::pin(async move {
            match self.encrypt(record) {
                Ok(encrypted) => self.store.save(&encrypted, replaces).await,
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

    fn discard(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        self.store.discard(id, replaces)
    }
}
