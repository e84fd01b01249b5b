//! The conversation as a value: a tree of slots and instances.
//!
//! A [`Conversation`] has one root slot. A slot holds a stack of [`Instance`]s: the last of them is in front, and each
//! of the others waits for the one above it. An instance has a component, and named child slots for its widgets. What a
//! conversation waits for is what is in front. This module makes, finds and checks; it runs no author code and knows no
//! bytes.

use std::any::Any;

use crate::component::{AnyAnswer, AnyComponent, Component};
use crate::kernel::receipt::{Receipt, Receipts, Recognised};
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
    /// The number that the next instance gets. Never given twice, not even after a restart.
    pub(crate) next_instance: u64,
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
#[derive(Debug, Default)]
pub(crate) struct Slot {
    pub(crate) stack: Vec<Instance>,
    /// Of the answers that were applied to instances of this slot.
    pub(crate) receipts: Receipts,
}

/// A component that lives in a conversation.
#[derive(Debug)]
pub struct Instance {
    pub(crate) id: InstanceId,
    /// How many events it has handled.
    pub(crate) turn: u64,
    /// When it is due, while it is in front. Asked of its component at the end of each step.
    pub(crate) due: Option<Timestamp>,
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
        self.in_front().into_iter().filter_map(|instance| instance.due).min()
    }

    /// The instance that it was started with.
    pub fn bottom(&self) -> &Instance {
        self.root.stack.first().expect("BUG: a conversation that goes on has an instance")
    }

    /// The instance in front: the last one of the root slot.
    pub fn front(&self) -> &Instance {
        self.root.stack.last().expect("BUG: a conversation that goes on has an instance")
    }

    /// The instances that a person sees: the one in front, and those in front in its child slots, all the way down.
    pub fn in_front(&self) -> Vec<&Instance> {
        let mut seen = Vec::new();
        collect_front(&self.root, &mut seen);
        seen
    }

    /// Every instance, each before those in its child slots.
    pub fn instances(&self) -> Vec<&Instance> {
        let mut all = Vec::new();
        collect_all(&self.root, &mut all);
        all
    }

    /// The instance of this id.
    pub fn instance(&self, id: InstanceId) -> Option<&Instance> {
        self.instances().into_iter().find(|instance| instance.id == id)
    }

    /// Whether no upgrade is left to apply: a flow that an earlier release saved, and that ends or begins in this one
    /// before anything else happens.
    pub(crate) fn is_upgraded(&self) -> bool {
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
        if self.root.stack.is_empty() {
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
    for instance in &slot.stack {
        let mut names: Vec<_> = instance.slots.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(format!("{} has two child slots of one name", instance.id));
        }
        for (_, child) in &instance.slots {
            check_slot(child)?;
        }
    }
    Ok(())
}

fn collect_front<'a>(slot: &'a Slot, seen: &mut Vec<&'a Instance>) {
    let Some(front) = slot.stack.last() else { return };
    seen.push(front);
    for (_, child) in &front.slots {
        collect_front(child, seen);
    }
}

fn collect_all<'a>(slot: &'a Slot, all: &mut Vec<&'a Instance>) {
    for instance in &slot.stack {
        all.push(instance);
        for (_, child) in &instance.slots {
            collect_all(child, all);
        }
    }
}

// ---- Paths --------------------------------------------------------------------------------------------------------

/// The way to an instance: through which instances and which of their child slots, and its place in the last slot.
#[derive(Debug, Clone)]
pub(super) struct Path {
    pub(super) owners: Vec<(usize, usize)>,
    pub(super) index: usize,
}

impl Path {
    pub(super) const fn root() -> Self {
        Self { owners: Vec::new(), index: 0 }
    }

    /// Who gets the answer: the instance below, else the one that embeds the slot; none at the root.
    pub(super) fn receiver(&self) -> Option<Self> {
        if let Some(below) = self.index.checked_sub(1) {
            return Some(Self { owners: self.owners.clone(), index: below });
        }
        let (&(owner, _), above) = self.owners.split_last()?;
        Some(Self { owners: above.to_vec(), index: owner })
    }
}

impl Conversation {
    /// The way to this instance.
    pub(super) fn path(&self, id: InstanceId) -> Option<Path> {
        find(&self.root, id, &mut Vec::new())
    }

    /// Whether the instance at `path` is in front, and so is each instance that embeds it.
    pub(super) fn is_in_front(&self, path: &Path) -> bool {
        let mut slot = &self.root;
        for &(instance, child) in &path.owners {
            if instance + 1 != slot.stack.len() {
                return false;
            }
            slot = &slot.stack[instance].slots[child].1;
        }
        path.index + 1 == slot.stack.len()
    }

    pub(super) fn slot_mut(&mut self, path: &Path) -> &mut Slot {
        let mut slot = &mut self.root;
        for &(instance, child) in &path.owners {
            slot = &mut slot.stack[instance].slots[child].1;
        }
        slot
    }

    pub(super) fn at(&self, path: &Path) -> &Instance {
        let mut slot = &self.root;
        for &(instance, child) in &path.owners {
            slot = &slot.stack[instance].slots[child].1;
        }
        &slot.stack[path.index]
    }

    pub(super) fn at_mut(&mut self, path: &Path) -> &mut Instance {
        &mut self.slot_mut(path).stack[path.index]
    }

    /// What the receipts of all slots say of an answer.
    pub(super) fn recognise(&self, answer: &Receipt) -> Option<Recognised> {
        recognise(&self.root, answer)
    }
}

fn recognise(slot: &Slot, answer: &Receipt) -> Option<Recognised> {
    slot.receipts.recognise(answer).or_else(|| {
        let mut children = slot.stack.iter().flat_map(|instance| &instance.slots);
        children.find_map(|(_, child)| recognise(child, answer))
    })
}

/// Takes the receipts out of all slots below an instance that goes away.
pub(super) fn receipts_below(instance: &mut Instance) -> Vec<Receipt> {
    let mut receipts = Vec::new();
    for (_, slot) in &mut instance.slots {
        receipts.extend(std::mem::take(&mut slot.receipts).into_vec());
        receipts.extend(slot.stack.iter_mut().flat_map(receipts_below));
    }
    receipts
}

/// Searches from the top, where the answering instance almost always is.
fn find(slot: &Slot, id: InstanceId, owners: &mut Vec<(usize, usize)>) -> Option<Path> {
    if let Some(index) = slot.stack.iter().rposition(|instance| instance.id == id) {
        return Some(Path { owners: owners.clone(), index });
    }
    for (index, instance) in slot.stack.iter().enumerate().rev() {
        for (child, (_, slot)) in instance.slots.iter().enumerate() {
            owners.push((index, child));
            if let Some(path) = find(slot, id, owners) {
                return Some(path);
            }
            owners.pop();
        }
    }
    None
}
