//! One input on its way through a conversation.

use crate::component::{AnyAnswer, AnyComponent, Context, Embedded, Transition};
use crate::kernel::author::{failed, guard, stop};
use crate::kernel::conversation::{Conversation, Instance, Path, Slot, receipts_below};
use crate::kernel::outcome::{Cause, Ended, OutboxEntry, Outcome, Progress, Rejected};
use crate::kernel::receipt::{Receipt, Recognised};
use crate::model::error::Failure;
use crate::model::id::{InstanceId, Turn};
use crate::model::timestamp::Timestamp;

/// How many calls, answers and replacements one input may cause. A flow that gets there calls in a loop without ever
/// waiting for input.
pub const MAX_TRANSITIONS: usize = 1_000_000;

pub(super) struct Step {
    conversation: Conversation,
    flow: &'static str,
    now: Timestamp,
    /// What was open before.
    open: Vec<(Turn, &'static str)>,
    /// What this step answers.
    answered: Option<Turn>,
    ended: Option<Ended>,
}

/// An instance and what it wants done.
pub(super) type PendingTransition = (InstanceId, Transition);

impl Step {
    pub(super) fn of(conversation: Conversation, now: Timestamp) -> Self {
        let flow = conversation.bottom().name();
        Self::new(conversation, flow, now)
    }

    pub(super) fn new(mut conversation: Conversation, flow: &'static str, now: Timestamp) -> Self {
        conversation.removed.clear();
        // A clock that was set back must not make a conversation older than it is.
        let now = now.max(conversation.touched);
        let open = conversation.in_front().into_iter().map(|instance| (instance.turn(), instance.name())).collect();
        Self { conversation, flow, now, open, answered: None, ended: None }
    }

    pub(super) fn finish(mut self, result: Result<(), Cause>) -> Result<Outcome, Rejected> {
        if let Err(cause) = result.and_then(|()| set_due(&mut self.conversation.root)) {
            return Err(self.reject(cause));
        }
        let front = self.conversation.in_front();
        let is_closed = |(turn, _): &&(Turn, &str)| !front.iter().any(|instance| instance.turn() == *turn);
        let closed = self.open.iter().filter(is_closed);
        let mut outbox: Vec<_> = closed.map(|&(turn, component)| OutboxEntry::Closed { turn, component }).collect();
        let progress = match self.ended.take() {
            Some(mut ended) => {
                outbox.push(OutboxEntry::Ended);
                ended.removed = self.conversation.removed;
                Progress::Ended(ended)
            }
            None => {
                self.conversation.touched = self.now;
                debug_assert_eq!(self.conversation.check(), Ok(()));
                Progress::Waits(self.conversation)
            }
        };
        Ok(Outcome { progress, outbox })
    }

    pub(super) fn path(&self, id: InstanceId) -> Path {
        self.conversation.path(id).expect("BUG: the instance was found before")
    }

    pub(super) fn in_front(&self) -> Vec<InstanceId> {
        self.conversation.in_front().iter().map(|instance| instance.id).collect()
    }

    pub(super) fn into_conversation(self) -> Conversation {
        self.conversation
    }

    pub(super) fn reject(self, cause: Cause) -> Rejected {
        let mut leftovers = self.conversation.root.stack;
        leftovers.extend(self.conversation.removed);
        Rejected { cause, leftovers }
    }

    /// Finds the instance that `turn` names, if it still waits in that turn, and keeps the receipt.
    pub(super) fn open(&mut self, turn: Turn, receipt: Receipt) -> Result<Path, Cause> {
        match self.conversation.recognise(&receipt) {
            Some(Recognised::Repeated) => return Err(Cause::Repeated),
            Some(Recognised::AnotherAnswer) => return Err(Cause::Stale),
            None => {}
        }
        let path = self.conversation.path(turn.instance).filter(|path| self.conversation.is_in_front(path));
        let path = path.filter(|path| self.conversation.at(path).turn == turn.number).ok_or(Cause::Stale)?;
        let slot = self.conversation.slot_mut(&path);
        slot.stack[path.index].turn += 1;
        slot.receipts.push(receipt);
        self.answered = Some(turn);
        Ok(path)
    }

    /// The transition by which the instance at `path` answers with this value.
    pub(super) fn answer_of(&self, path: &Path, answer: AnyAnswer) -> Result<Transition, Cause> {
        let component = &self.conversation.at(path).component;
        if !component.accepts(&answer) {
            return Err(Cause::WrongType { component: component.descriptor().name });
        }
        Ok(Transition::Answer(answer))
    }

    /// Carries out transitions, and those that follow from them, until every instance stays.
    pub(super) fn carry_out(&mut self, mut pending: Vec<PendingTransition>) -> Result<(), Cause> {
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
    pub(super) fn push(
        &mut self,
        path: &Path,
        component: Box<dyn AnyComponent>,
        resume: Option<String>,
    ) -> Result<Vec<PendingTransition>, Cause> {
        let instance = self.make(component, resume)?;
        let mut made = Vec::new();
        collect(&instance, &mut made);
        self.conversation.slot_mut(path).stack.push(instance);
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
        let mut instance = Instance { id, turn: 0, due: None, resume, component, slots: Vec::new() };
        let embedded = guard(|| Ok(instance.component.embedded())).map_err(|failure| failed(&instance, failure))?;
        for Embedded { slot, component, resume } in embedded {
            if instance.slots.iter().any(|(name, _)| *name == slot) {
                return Err(failed(&instance, Failure::message(format!("it embeds two widgets in the slot {slot:?}"))));
            }
            let widget = self.make(component, resume.map(str::to_owned))?;
            instance.slots.push((slot, Slot { stack: vec![widget], ..Slot::default() }));
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
        Ok(vec![(self.conversation.at(&receiver).id, transition)])
    }

    /// Stops the instance and its widgets, the widgets first, and takes it out of its slot.
    fn remove(&mut self, path: &Path) -> Instance {
        let slot = self.conversation.slot_mut(path);
        debug_assert_eq!(path.index + 1, slot.stack.len(), "only what is in front may go");
        let mut instance = slot.stack.pop().expect("BUG: the path leads to it");
        slot.receipts.take_over(receipts_below(&mut instance), self.answered);
        stop(&mut instance, self.conversation.id, self.now);
        instance
    }

    pub(super) fn end(&mut self, result: Option<AnyAnswer>) {
        while let Some(mut instance) = self.conversation.root.stack.pop() {
            self.conversation.root.receipts.take_over(receipts_below(&mut instance), self.answered);
            stop(&mut instance, self.conversation.id, self.now);
            self.conversation.removed.push(instance);
        }
        self.ended = Some(Ended {
            id: self.conversation.id,
            flow: self.flow,
            created: self.conversation.created,
            touched: self.now,
            owner: self.conversation.owner.take(),
            receipts: std::mem::take(&mut self.conversation.root.receipts),
            result,
            removed: Vec::new(),
        });
    }

    /// Runs author code of one instance.
    pub(super) fn author<T>(
        &mut self,
        path: &Path,
        code: impl FnOnce(&mut dyn AnyComponent, &Context) -> Result<T, Failure>,
    ) -> Result<T, Cause> {
        let (id, now) = (self.conversation.id, self.now);
        let instance = self.conversation.at_mut(path);
        let cx = Context::new(id, instance.id, now);
        guard(|| code(&mut *instance.component, &cx)).map_err(|failure| failed(instance, failure))
    }
}

/// Asks the instances in front when they are due.
fn set_due(slot: &mut Slot) -> Result<(), Cause> {
    let Some(front) = slot.stack.last_mut() else { return Ok(()) };
    front.due = guard(|| Ok(front.component.due_at())).map_err(|failure| failed(front, failure))?;
    front.slots.iter_mut().try_for_each(|(_, child)| set_due(child))
}

fn collect(instance: &Instance, ids: &mut Vec<InstanceId>) {
    ids.push(instance.id);
    for child in instance.slots.iter().flat_map(|(_, slot)| &slot.stack) {
        collect(child, ids);
    }
}
