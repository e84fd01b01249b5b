//! The rules: start, dispatch, call, answer, replace, end.
//!
//! `(conversation, event, now) -> outcome`, values in and values out. The kernel runs author code and carries out what
//! that returns, until somebody waits for a person again. It knows no store, clock, network, randomness or task: the
//! time is handed in, and what must become durable is the caller's business.
//!
//! A conversation goes in by value. If anything fails, what comes back is a [`Rejected`] with the cause; the caller
//! still has the record it read the conversation from, and that is what "stays as it was" means.

pub mod conversation;

use std::panic::{AssertUnwindSafe, catch_unwind};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::component::{AnyAnswer, AnyComponent, Context, Embedded, Receipt, Transition};
use crate::json;
use crate::kernel::conversation::{Conversation, Instance, PendingUpgrade, Slot};
use crate::model::error::Failure;
use crate::model::id::{ConversationId, InstanceId, Owner, Turn};
use crate::model::timestamp::Timestamp;
use crate::model::view::{Event, Refusal, View};
use crate::record::Ended;

/// How many calls, answers and replacements one event may cause. A flow that gets there calls in a loop without ever
/// asking anybody.
pub const MAX_TRANSITIONS: usize = 1_000_000;

/// What a step led to.
#[derive(Debug)]
pub enum Outcome {
    /// Somebody waits for a person.
    Waits(Conversation),
    /// The conversation is over.
    Ended(Ended),
}

impl Outcome {
    /// The same, for a conversation that belongs to somebody.
    #[must_use]
    pub(crate) fn of_owner(mut self, owner: Option<Owner>) -> Self {
        match &mut self {
            Self::Waits(conversation) => conversation.owner = owner,
            Self::Ended(ended) => ended.owner = owner,
        }
        self
    }

    /// All instances that the step found or made, for a caller that could not save what came of it.
    pub(crate) fn into_leftovers(self) -> Vec<Instance> {
        match self {
            Self::Waits(conversation) => conversation.root.into_iter().chain(conversation.removed).collect(),
            Self::Ended(ended) => ended.removed,
        }
    }
}

/// Why a step changed nothing.
#[derive(Debug)]
pub struct Rejected {
    /// Why.
    pub cause: Cause,
    /// What the conversation had become by then. Not valid; only what cannot be saved may be taken out of it.
    pub(crate) leftovers: Vec<Instance>,
}

/// Why a step changed nothing.
#[derive(Debug)]
pub enum Cause {
    /// This very answer was the last one applied.
    Repeated,
    /// The question is no longer open.
    Stale,
    /// The input does not fit.
    Refused(Refusal),
    /// An answer of another type than the component gives.
    WrongType {
        /// The component that was to answer.
        component: &'static str,
    },
    /// Author code failed or panicked.
    Failed {
        /// Whose code.
        component: &'static str,
        /// Which instance.
        instance: InstanceId,
        /// What it reported. Never [`Failure::Refused`].
        failure: Failure,
    },
}

/// Starts a conversation.
pub fn start(id: ConversationId, root: Box<dyn AnyComponent>, now: Timestamp) -> Result<Outcome, Rejected> {
    let conversation = Conversation {
        id,
        created: now,
        touched: now,
        owner: None,
        due: None,
        next_instance: 1,
        answered: None,
        root: Slot::new(),
        removed: Vec::new(),
        pending_upgrades: Vec::new(),
    };
    let mut step = Step::new(conversation, root.descriptor().name, now);
    let flow = step.push(&Path::root(), root, None);
    let started = flow.and_then(|transitions| step.carry_out(transitions));
    step.finish(started)
}

/// Hands an event to the instance that `turn` names.
pub fn dispatch(conversation: Conversation, turn: Turn, event: Event, now: Timestamp) -> Result<Outcome, Rejected> {
    let digest = digest(&event);
    let mut step = Step::of(conversation, now);
    let handled = step.open(turn, digest).and_then(|path| {
        let transition = step.author(&path, |component, cx| component.on_event(event, cx))?;
        step.carry_out(vec![(turn.instance, transition)])
    });
    step.finish(handled)
}

/// Answers in place of the instance that `turn` names, as if it had answered itself.
pub fn answer(conversation: Conversation, turn: Turn, answer: AnyAnswer, now: Timestamp) -> Result<Outcome, Rejected> {
    let digest = digest(answer.erased());
    let mut step = Step::of(conversation, now);
    let answered = step.open(turn, digest).and_then(|path| {
        let component = &step.instance(&path).component;
        if !component.accepts(&answer) {
            return Err(Cause::WrongType { component: component.descriptor().name });
        }
        step.carry_out(vec![(turn.instance, Transition::Answer(answer))])
    });
    step.finish(answered)
}

/// Ends what an earlier version left to end, and begins what begins in its place. Changes nothing if there is nothing
/// of that kind.
pub fn apply_upgrades(mut conversation: Conversation, now: Timestamp) -> Result<Outcome, Rejected> {
    let pending_upgrades = std::mem::take(&mut conversation.pending_upgrades);
    let Some(bottom) = conversation.root.first().map(|instance| instance.id) else {
        unreachable!("BUG: a conversation that goes on has an instance")
    };
    let ended = pending_upgrades.iter().find(|ended| ended.instance == bottom).map(|ended| ended.flow);
    let flow = ended.unwrap_or_else(|| conversation.bottom().name());
    let mut step = Step::new(conversation, flow, now);
    let mut pending = Vec::new();
    for PendingUpgrade { instance, answer, .. } in pending_upgrades {
        let path = step.conversation.path(instance).expect("BUG: it was found as it was read");
        let transition = match answer {
            Some(answer) => Ok(Transition::Answer(answer)),
            None => step.author(&path, |component, cx| component.on_start(cx)),
        };
        match transition {
            Ok(transition) => pending.push((instance, transition)),
            Err(cause) => return Err(step.reject(cause)),
        }
    }
    let settled = step.carry_out(pending);
    step.finish(settled)
}

/// Wakes the instances that a person sees, when a new process touches the conversation for the first time.
pub fn wakeup(conversation: Conversation, now: Timestamp) -> Result<Conversation, Rejected> {
    let mut step = Step::of(conversation, now);
    let front: Vec<_> = step.conversation.in_front().iter().map(|instance| instance.id).collect();
    for id in front {
        let path = step.conversation.path(id).expect("BUG: it was found one line above");
        if let Err(cause) = step.author(&path, |component, cx| component.on_wakeup(cx)) {
            return Err(step.reject(cause));
        }
    }
    Ok(step.conversation)
}

/// Ends the conversation without a result.
pub fn end(conversation: Conversation, now: Timestamp) -> Ended {
    let mut step = Step::of(conversation, now);
    step.end(None);
    step.ended.expect("BUG: it was ended one line above")
}

/// What an instance shows.
///
/// # Errors
///
/// Its `render` panicked.
pub fn view(conversation: &Conversation, instance: &Instance, now: Timestamp) -> Result<View, Cause> {
    let cx = Context::new(conversation.id, instance.id, now);
    guard(|| Ok(instance.component.view(&cx))).map_err(|failure| failed(instance, failure))
}

/// One event on its way through the conversation.
struct Step {
    conversation: Conversation,
    flow: &'static str,
    now: Timestamp,
    ended: Option<Ended>,
}

/// An instance and what it wants done.
type PendingTransition = (InstanceId, Transition);

impl Step {
    fn of(conversation: Conversation, now: Timestamp) -> Self {
        let flow = conversation.bottom().name();
        Self::new(conversation, flow, now)
    }

    fn new(mut conversation: Conversation, flow: &'static str, now: Timestamp) -> Self {
        conversation.removed.clear();
        // A clock that was set back must not make a conversation older than it is.
        let now = now.max(conversation.touched);
        Self { conversation, flow, now, ended: None }
    }

    fn finish(mut self, result: Result<(), Cause>) -> Result<Outcome, Rejected> {
        let due = match result.and_then(|()| self.due()) {
            Ok(due) => due,
            Err(cause) => return Err(self.reject(cause)),
        };
        match self.ended.take() {
            Some(mut ended) => {
                ended.removed = self.conversation.removed;
                Ok(Outcome::Ended(ended))
            }
            None => {
                self.conversation.touched = self.now;
                self.conversation.due = due;
                debug_assert_eq!(self.conversation.check(), Ok(()));
                Ok(Outcome::Waits(self.conversation))
            }
        }
    }

    /// When the first of those in front wants to be woken.
    fn due(&self) -> Result<Option<Timestamp>, Cause> {
        let mut first = None;
        for instance in self.conversation.in_front() {
            let due = guard(|| Ok(instance.component.due_at())).map_err(|failure| failed(instance, failure))?;
            first = first.into_iter().chain(due).min();
        }
        Ok(first)
    }

    fn reject(self, cause: Cause) -> Rejected {
        let mut leftovers = self.conversation.root;
        leftovers.extend(self.conversation.removed);
        Rejected { cause, leftovers }
    }

    /// Finds the instance that `turn` names, if it still waits in that turn, and takes note of the answer.
    fn open(&mut self, turn: Turn, digest: String) -> Result<Path, Cause> {
        let answered = Receipt { turn, digest };
        if self.conversation.answered.as_ref() == Some(&answered) {
            return Err(Cause::Repeated);
        }
        let path = self.conversation.path(turn.instance).filter(|path| self.is_in_front(path));
        let path = path.filter(|path| self.instance(path).turn == turn.number).ok_or(Cause::Stale)?;
        self.instance_mut(&path).turn += 1;
        self.conversation.answered = Some(answered);
        Ok(path)
    }

    fn is_in_front(&self, path: &Path) -> bool {
        let mut slot = &self.conversation.root;
        for &(instance, child) in &path.owners {
            if instance + 1 != slot.len() {
                return false;
            }
            slot = &slot[instance].slots[child].1;
        }
        path.index + 1 == slot.len()
    }

    /// Carries out what instances want, and what comes of that, until all of them stay.
    fn carry_out(&mut self, mut pending: Vec<PendingTransition>) -> Result<(), Cause> {
        // The last wish is carried out first, with all that comes of it.
        pending.reverse();
        for _ in 0..MAX_TRANSITIONS {
            let Some((id, transition)) = pending.pop() else { return Ok(()) };
            // An instance may be gone before its wish is due: the one that embeds it was replaced, for instance.
            let Some(path) = self.conversation.path(id) else { continue };
            let next = match transition {
                Transition::Stay => continue,
                Transition::Call { callee, resume } => {
                    let resume = Some(resume.to_owned()).filter(|resume| !resume.is_empty());
                    self.push(&path, callee, resume)?
                }
                Transition::Answer(answer) => self.answer(&path, answer)?,
                Transition::Replace(successor) => {
                    let old = self.remove(&path);
                    let resume = old.resume.clone();
                    self.conversation.removed.push(old);
                    self.push(&path, successor, resume)?
                }
                Transition::End => {
                    self.end(None);
                    return Ok(());
                }
            };
            if self.ended.is_some() {
                return Ok(());
            }
            pending.extend(next.into_iter().rev());
        }
        let front = self.conversation.front();
        let failure = Failure::message(format!("it made {MAX_TRANSITIONS} calls and answers without asking anybody"));
        Err(failed(front, failure))
    }

    /// Makes an instance of `component` on top of the slot in which `path` lies, and starts it and its widgets.
    fn push(
        &mut self,
        path: &Path,
        component: Box<dyn AnyComponent>,
        resume: Option<String>,
    ) -> Result<Vec<PendingTransition>, Cause> {
        let instance = self.make(component, resume)?;
        let mut made = Vec::new();
        collect(&instance, &mut made);
        self.conversation.slot_mut(path).push(instance);
        let mut pending = Vec::new();
        for id in made {
            let path = self.conversation.path(id).expect("BUG: it was made a few lines above");
            pending.push((id, self.author(&path, |component, cx| component.on_start(cx))?));
        }
        Ok(pending)
    }

    fn make(&mut self, component: Box<dyn AnyComponent>, resume: Option<String>) -> Result<Instance, Cause> {
        let id = InstanceId::new(self.conversation.next_instance);
        self.conversation.next_instance += 1;
        let mut instance = Instance { id, turn: 0, resume, component, slots: Vec::new() };
        let embedded = guard(|| Ok(instance.component.embedded())).map_err(|failure| failed(&instance, failure))?;
        for Embedded { slot, component, resume } in embedded {
            if instance.slots.iter().any(|(name, _)| *name == slot) {
                return Err(failed(&instance, Failure::message(format!("it embeds two widgets in the slot {slot:?}"))));
            }
            let widget = self.make(component, resume.map(str::to_owned))?;
            instance.slots.push((slot, vec![widget]));
        }
        Ok(instance)
    }

    /// Takes the instance away and resumes whoever waits for it.
    fn answer(&mut self, path: &Path, answer: AnyAnswer) -> Result<Vec<PendingTransition>, Cause> {
        let Some(receiver) = path.receiver() else {
            self.end(Some(answer));
            return Ok(Vec::new());
        };
        let widget = path.index == 0;
        let instance = self.remove(path);
        let resume = instance.resume.clone();
        if widget && resume.is_none() {
            let cause =
                failed(&instance, Failure::message("it answered, but the component that embeds it does not ask"));
            self.conversation.removed.push(instance);
            return Err(cause);
        }
        self.conversation.removed.push(instance);
        let key = resume.unwrap_or_default();
        let transition = self.author(&receiver, |component, cx| component.on_answer(&key, answer, cx))?;
        Ok(vec![(self.instance(&receiver).id, transition)])
    }

    /// Stops the instance and its widgets, the widgets first, and takes it out of its slot.
    fn remove(&mut self, path: &Path) -> Instance {
        let slot = self.conversation.slot_mut(path);
        debug_assert_eq!(path.index + 1, slot.len(), "only what is in front may go");
        let mut instance = slot.pop().expect("BUG: the path leads to it");
        stop(&mut instance, self.conversation.id, self.now);
        instance
    }

    fn end(&mut self, result: Option<AnyAnswer>) {
        while let Some(mut instance) = self.conversation.root.pop() {
            stop(&mut instance, self.conversation.id, self.now);
            self.conversation.removed.push(instance);
        }
        self.ended = Some(Ended {
            id: self.conversation.id,
            flow: self.flow,
            created: self.conversation.created,
            touched: self.now,
            owner: self.conversation.owner.take(),
            answered: self.conversation.answered.take(),
            result,
            removed: Vec::new(),
        });
    }

    /// Runs author code of one instance.
    fn author<T>(
        &mut self,
        path: &Path,
        code: impl FnOnce(&mut dyn AnyComponent, &Context) -> Result<T, Failure>,
    ) -> Result<T, Cause> {
        let (id, now) = (self.conversation.id, self.now);
        let instance = self.instance_mut(path);
        let cx = Context::new(id, instance.id, now);
        guard(|| code(&mut *instance.component, &cx)).map_err(|failure| failed(instance, failure))
    }

    fn instance(&self, path: &Path) -> &Instance {
        let mut slot = &self.conversation.root;
        for &(instance, child) in &path.owners {
            slot = &slot[instance].slots[child].1;
        }
        &slot[path.index]
    }

    fn instance_mut(&mut self, path: &Path) -> &mut Instance {
        &mut self.conversation.slot_mut(path)[path.index]
    }
}

/// The way to an instance: through which instances and which of their child slots, and its place in the last slot.
#[derive(Debug, Clone)]
struct Path {
    owners: Vec<(usize, usize)>,
    index: usize,
}

impl Path {
    fn root() -> Self {
        Self { owners: Vec::new(), index: 0 }
    }

    /// Who gets the answer: the instance below, else the one that embeds the slot; nobody at the root.
    fn receiver(&self) -> Option<Self> {
        if let Some(below) = self.index.checked_sub(1) {
            return Some(Self { owners: self.owners.clone(), index: below });
        }
        let (&(owner, _), above) = self.owners.split_last()?;
        Some(Self { owners: above.to_vec(), index: owner })
    }
}

impl Conversation {
    fn path(&self, id: InstanceId) -> Option<Path> {
        find(&self.root, id, &mut Vec::new())
    }

    fn slot_mut(&mut self, path: &Path) -> &mut Slot {
        let mut slot = &mut self.root;
        for &(instance, child) in &path.owners {
            slot = &mut slot[instance].slots[child].1;
        }
        slot
    }
}

/// Searches from the top, where the answer almost always is.
fn find(slot: &Slot, id: InstanceId, owners: &mut Vec<(usize, usize)>) -> Option<Path> {
    if let Some(index) = slot.iter().rposition(|instance| instance.id == id) {
        return Some(Path { owners: owners.clone(), index });
    }
    for (index, instance) in slot.iter().enumerate().rev() {
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

fn collect(instance: &Instance, ids: &mut Vec<InstanceId>) {
    ids.push(instance.id);
    for child in instance.slots.iter().flat_map(|(_, slot)| slot) {
        collect(child, ids);
    }
}

fn stop(instance: &mut Instance, conversation: ConversationId, now: Timestamp) {
    for child in instance.slots.iter_mut().flat_map(|(_, slot)| slot).rev() {
        stop(child, conversation, now);
    }
    let cx = Context::new(conversation, instance.id, now);
    let component = &mut instance.component;
    // What goes away goes away: a stop that panics cannot hold it back.
    let stopped = guard(|| {
        component.on_stop(&cx);
        Ok(())
    });
    if stopped.is_err() {
        tracing::warn!(%conversation, instance = %instance.id, component = instance.name(), "stop panicked");
    }
}

fn failed(instance: &Instance, failure: Failure) -> Cause {
    match failure {
        Failure::Refused(refusal) => Cause::Refused(refusal),
        failure => Cause::Failed { component: instance.name(), instance: instance.id, failure },
    }
}

/// Runs author code and turns a panic into a failure. What the panic left half done is thrown away by the caller.
fn guard<T>(code: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(code)).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(Failure::Panicked(message.unwrap_or_else(|| "with a value that is not text".to_owned())))
    })
}

/// 64 bits of a checksum of what was sent: enough to tell the same answer sent twice from another one.
fn digest(sent: &dyn erased_serde::Serialize) -> String {
    // An answer without a JSON form cannot be sent twice: it came from the program itself.
    let bytes = json::to_json(sent).unwrap_or_default();
    HEXLOWER.encode(&Sha256::digest(bytes)[..8])
}
