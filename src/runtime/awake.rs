//! The conversations that this process has woken or saved, so that each is woken once.

use std::collections::HashSet;

use crate::id::ConversationId;

/// Two generations: when the younger one is full the older one is forgotten, so memory is bounded and what is in use is
/// remembered.
#[derive(Default)]
pub(super) struct Awake {
    younger: HashSet<ConversationId>,
    older: HashSet<ConversationId>,
}

/// How many conversations a generation has.
const GENERATION: usize = 1 << 16;

impl Awake {
    pub(super) fn contains(&self, id: ConversationId) -> bool {
        self.younger.contains(&id) || self.older.contains(&id)
    }

    pub(super) fn insert(&mut self, id: ConversationId) {
        if self.younger.len() == GENERATION {
            self.older = std::mem::take(&mut self.younger);
        }
        self.younger.insert(id);
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
        let mut awake = Awake::default();
        for number in 0..5 * GENERATION as u128 {
            awake.insert(id(number));
            awake.insert(id(0));
            assert!(awake.contains(id(number)) && awake.contains(id(0)));
        }
        assert!(awake.younger.len() + awake.older.len() <= 2 * GENERATION);
        assert!(!awake.contains(id(1)));
        awake.remove(id(0));
        assert!(!awake.contains(id(0)));
    }
}
