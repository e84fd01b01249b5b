//! Copying a conversation.

use crate::model::id::ConversationId;
use crate::operate::{OperateError, applied, load_decrypted};
use crate::record::{Lineage, Record};
use crate::runtime::{new_id, new_nonce};
use crate::store::Store;

/// Copies a conversation under a new id, which it returns. The copy starts at the first revision; from then on the two
/// are independent.
///
/// # Errors
///
/// [`OperateError::NotFound`], [`OperateError::Unreadable`], [`OperateError::Encrypted`], [`OperateError::NotSavable`],
/// [`OperateError::Store`], [`OperateError::Unknown`], and [`OperateError::Runtime`] if the system has no random bytes.
pub async fn fork(store: &dyn Store, id: ConversationId) -> Result<ConversationId, OperateError> {
    // A copy of an encrypted body could not be decrypted: the cipher authenticates the id too.
    let record = load_decrypted(store, id).await?;
    let new = new_id()?;
    let mut header = record.header().clone();
    header.id = new;
    header.set_lineage(Lineage::first(new_nonce()?));
    let copy = Record::assemble(header, record.body())?;
    applied(store, new, store.save(&copy, None).await)?;
    Ok(new)
}
