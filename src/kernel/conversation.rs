//! The conversation as a value: a tree of slots and instances.
//!
//! A [`Conversation`] has one root slot. A slot holds a stack of [`Instance`]s; the last of them is in front, the
//! others wait for it. An instance has a component and child slots by name, in which its widgets sit. That is all:
//! what a conversation waits for is what is in front.
//! This module makes, finds and checks; it runs no author code and knows no bytes.

use std::any::Any;

use crate::component::{AnyAnswer, AnyComponent, Component, Receipt};
use crate::model::id::{ConversationId, InstanceId, Owner, Turn};
use crate::model::timestamp::Timestamp;

/// A conversation that goes on.
#[derive(Debug)]
pub struct Conversation {
    pub(crate) id: ConversationId,
    pub(crate) created: Timestamp,
    pub(crate) touched: Timestamp,
    /// Whom it belongs to.
    pub(crate) owner: Option<Owner>,
    /// When the first of those in front wants to be woken.
    pub(crate) due: Option<Timestamp>,
    /// The number that the next instance gets. Never given twice, not even after a restart.
    pub(crate) next_instance: u64,
    /// The last answer that was applied.
    pub(crate) answered: Option<Receipt>,
    pub(crate) root: Slot,
    /// What the last step took away, kept until it is saved: a step that is undone gives back what has no form on disk.
    pub(crate) removed: Vec<Instance>,
    /// What an earlier version left that ends or begins before anything else happens.
    pub(crate) pending_upgrades: Vec<PendingUpgrade>,
}

/// A flow of an earlier version that does not go on: it has ended, or another one begins in its place.
#[derive(Debug)]
pub(crate) struct PendingUpgrade {
    pub(crate) instance: InstanceId,
    /// What it was called.
    pub(crate) flow: &'static str,
    /// What it has ended with; nothing if another one begins in its place.
    pub(crate) answer: Option<AnyAnswer>,
}

/// A stack of instances. Only the last is in front; each of the others waits for the one above it.
pub(crate) type Slot = Vec<Instance>;

/// A component that lives in a conversation.
#[derive(Debug)]
pub struct Instance {
    pub(crate) id: InstanceId,
    /// How many events it has handled.
    pub(crate) turn: u64,
    /// Where its answer goes: the name of a resume function of the instance that called or embeds it. A flow knows
    /// from its own state where it goes on; then this is empty.
    pub(crate) resume: Option<String>,
    pub(crate) component: Box<dyn AnyComponent>,
    /// Its widgets, in the order in which it embeds them.
    pub(crate) slots: Vec<(String, Slot)>,
}

impl Instance {
    /// Its id.
    pub fn id(&self) -> InstanceId {
        self.id
    }

    /// What an answer to it names.
    pub fn turn(&self) -> Turn {
        Turn { instance: self.id, number: self.turn }
    }

    /// The name of its component.
    pub fn name(&self) -> &'static str {
        self.component.descriptor().name
    }

    /// The name of the await at which it is, if it is a flow.
    pub fn state(&self) -> Option<&'static str> {
        self.component.state_name()
    }

    /// Its component, if it is a `C`.
    pub fn get<C: Component>(&self) -> Option<&C> {
        (&*self.component as &dyn Any).downcast_ref()
    }
}

impl Conversation {
    /// Its id.
    pub fn id(&self) -> ConversationId {
        self.id
    }

    /// When it was started.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// When it last changed.
    pub fn touched(&self) -> Timestamp {
        self.touched
    }

    /// Whom it belongs to, if the host said so.
    pub fn owner(&self) -> Option<&Owner> {
        self.owner.as_ref()
    }

    /// The earliest time at which a component in front is [due](Component::due).
    pub fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// The instance that it was started with.
    pub fn bottom(&self) -> &Instance {
        self.root.first().expect("BUG: a conversation that goes on has an instance")
    }

    /// The instance in front: the last one of the root slot.
    pub fn front(&self) -> &Instance {
        self.root.last().expect("BUG: a conversation that goes on has an instance")
    }

    /// The instances that a person sees: the one in front, and those in front in its child slots, all the way down.
    pub fn in_front(&self) -> Vec<&Instance> {
        let mut seen = Vec::new();
        see(&self.root, &mut seen);
        seen
    }

    /// Every instance, each before those in its child slots.
    pub fn instances(&self) -> Vec<&Instance> {
        let mut all = Vec::new();
        walk(&self.root, &mut all);
        all
    }

    /// The instance of this id.
    pub fn instance(&self, id: InstanceId) -> Option<&Instance> {
        self.instances().into_iter().find(|instance| instance.id == id)
    }

    /// Whether nothing of an earlier version is left that ends or begins before anything else happens.
    pub(crate) fn is_settled(&self) -> bool {
        self.pending_upgrades.is_empty()
    }

    /// The component that cannot be saved, if one is alive.
    pub(crate) fn transient(&self) -> Option<&'static str> {
        self.instances().into_iter().map(|i| i.component.descriptor()).find(|r| r.transient).map(|r| r.name)
    }

    /// What holds of every conversation that goes on, whatever was done to it.
    ///
    /// # Errors
    ///
    /// The first rule that does not hold, in words.
    pub fn check(&self) -> Result<(), String> {
        if self.root.is_empty() {
            return Err("the root slot is empty".to_owned());
        }
        if self.touched < self.created {
            return Err("it was touched before it was created".to_owned());
        }
        let mut ids: Vec<_> = self.instances().iter().map(|instance| instance.id).collect();
        ids.sort_unstable();
        if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("two instances are called {}", twice[0]));
        }
        if let Some(last) = ids.last().filter(|last| last.number() >= self.next_instance) {
            return Err(format!("{last} exists, and the next instance would be i{}", self.next_instance));
        }
        check_slot(&self.root)
    }
}

fn check_slot(slot: &Slot) -> Result<(), String> {
    for instance in slot {
        let mut names: Vec<_> = instance.slots.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(format!("{} has two child slots of one name", instance.id));
        }
        for (_, child) in &instance.slots {
            check_slot(child)?;
        }
    }
    // A caller that is not below its callee could never get the answer.
    if slot.windows(2).any(|pair| pair[0].id == pair[1].id) {
        return Err("an instance waits for itself".to_owned());
    }
    Ok(())
}

fn see<'a>(slot: &'a Slot, seen: &mut Vec<&'a Instance>) {
    let Some(front) = slot.last() else { return };
    seen.push(front);
    for (_, child) in &front.slots {
        see(child, seen);
    }
}

fn walk<'a>(slot: &'a Slot, all: &mut Vec<&'a Instance>) {
    for instance in slot {
        all.push(instance);
        for (_, child) in &instance.slots {
            walk(child, all);
        }
    }
}
