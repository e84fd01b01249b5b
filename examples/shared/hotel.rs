//! The questions of the booking, and what they answer.

use serde::{Deserialize, Serialize};
use stube::{Action, Component, Context, Event, Failure, Form, Handled, Input, Next, View, component};

/// When a guest comes and goes, as days of the month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dates {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

impl Dates {
    pub(crate) fn nights(&self) -> i64 {
        self.to - self.from
    }
}

/// A room and its price for a night.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Room {
    pub(crate) name: String,
    pub(crate) price: i64,
}

/// What a guest gets in the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) guest: String,
    pub(crate) paid: i64,
}

/// Why there is no receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Declined {
    /// Three rooms were looked at, and none was taken.
    Undecided,
    /// The guest did not want to pay.
    NotPaid,
}

/// Asks for the dates.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PickDates {
    pub(crate) guest: String,
}

#[component]
impl Component for PickDates {
    type Answer = Dates;

    fn render(&self, _cx: &Context) -> View {
        Form::text(format!("{}, when do you come, and when do you leave?", self.guest))
            .input(Input::integer("from").between(1, 31).label("First day"))
            .input(Input::integer("to").between(1, 31).label("Last day"))
            .action(Action::new("ok"))
            .into()
    }

    fn handle(&mut self, event: Event, _cx: &Context) -> Handled<Self> {
        match (event.integer("from"), event.integer("to")) {
            (Some(from), Some(to)) if from < to => Ok(Next::answer(Dates { from, to })),
            _ => Err(Failure::refuse("the last day must be after the first")),
        }
    }
}

/// Asks for a room.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PickRoom {
    pub(crate) nights: i64,
}

const ROOMS: [(&str, i64); 3] = [("garden", 80), ("tower", 120), ("cellar", 40)];

#[component]
impl Component for PickRoom {
    type Answer = Room;

    fn render(&self, _cx: &Context) -> View {
        let rooms = ROOMS.map(|(name, price)| format!("{name}, {} for {} nights", price * self.nights, self.nights));
        Form::text("Which room?").input(Input::choice("room", rooms).label("Room")).action(Action::new("ok")).into()
    }

    fn handle(&mut self, event: Event, _cx: &Context) -> Handled<Self> {
        let chosen = event.text("room").unwrap_or_default();
        let room = ROOMS.iter().find(|(name, _)| chosen.split(',').next() == Some(name));
        let (name, price) = room.ok_or_else(|| Failure::refuse("please choose one of the rooms"))?;
        Ok(Next::answer(Room { name: (*name).to_owned(), price: *price }))
    }
}
