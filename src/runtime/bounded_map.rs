//! What is remembered of the conversations that are in use, in bounded memory.

use std::collections::HashMap;

use crate::model::id::ConversationId;

/// Two generations: when the younger one is full the older one is forgotten, so what is in use is remembered.
pub(super) struct BoundedMap<T> {
    younger: HashMap<ConversationId, T>,
    older: HashMap<ConversationId, T>,
}

/// How many conversations a generation has.
const GENERATION: usize = 1 << 16;

impl<T> Default for BoundedMap<T> {
    fn default() -> Self {
        Self { younger: HashMap::new(), older: HashMap::new() }
    }
}

impl<T> BoundedMap<T> {
    pub(super) fn get(&self, id: ConversationId) -> Option<&T> {
        self.younger.get(&id).or_else(|| self.older.get(&id))
    }

    pub(super) fn insert(&mut self, id: ConversationId, value: T) {
        if self.younger.len() == GENERATION && !self.younger.contains_key(&id) {
            self.older = std::mem::take(&mut self.younger);
        }
        self.younger.insert(id, value);
    }

    pub(super) fn remove(&mut self, id: ConversationId) {
        self.younger.remove(&id);
        self.older.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_what_is_in_use_and_no_more_than_two_generations() {
        let id = |number: u128| ConversationId::from_bits(number.to_be_bytes());
        let mut all = BoundedMap::default();
        for number in 0..5 * GENERATION as u128 {
            all.insert(id(number), number);
            all.insert(id(0), number);
            assert_eq!((all.get(id(number)), all.get(id(0))), (Some(&number), Some(&number)));
        }
        assert!(all.younger.len() + all.older.len() <= 2 * GENERATION);
        assert_eq!(all.get(id(1)), None);
        all.remove(id(0));
        assert_eq!(all.get(id(0)), None);
    }
}
