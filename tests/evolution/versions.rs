//! Conversations of an earlier version of a flow: what they are in the next one.
//!
//! Both versions are in this program, under two names. A record of the one is carried over to the other by writing the
//! other name into it, which is what a new version of a program does to the records of the old one.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stube::evolution::migration::SavedState;
use stube::record::Reason;
use stube::testing::TestConversation;
use stube::{Choose, Component, Confirm, Failure, Info, Prompt, component, flow};

/// The record of a conversation, as if `old` had been called `new`.
fn carried(conversation: &TestConversation, names: &[(&str, &str)]) -> Vec<u8> {
    let mut text = String::from_utf8(conversation.bytes().to_vec()).unwrap();
    for (old, new) in names {
        for key in ["type", "flow", "component"] {
            text = text.replace(&format!("\"{key}\":\"{old}\""), &format!("\"{key}\":\"{new}\""));
        }
    }
    let content = &text[..text.find(",\"sum\":").unwrap()];
    format!("{content},\"sum\":\"{}\"}}\n", HEXLOWER.encode(&Sha256::digest(content))).into_bytes()
}

/// Goes on in the flow called `new`.
fn goes_on(conversation: &TestConversation, old: &str, new: &str) -> TestConversation {
    load(conversation, old, new).unwrap_or_else(|reason| panic!("{reason}"))
}

fn load(conversation: &TestConversation, old: &str, new: &str) -> Result<TestConversation, Reason> {
    TestConversation::load(&carried(conversation, &[(old, new)]))
}

fn reason(conversation: &TestConversation, old: &str, new: &str) -> String {
    load(conversation, old, new).expect_err("it does not fit").to_string()
}

fn prompt(conversation: &mut TestConversation, text: &str) {
    conversation.answer::<Prompt>(text.to_owned());
}

/// The text of the question that is asked.
fn asked(conversation: &TestConversation) -> String {
    format!("{:?}", conversation.view())
}

// ---- The version before -------------------------------------------------------------------------------------------

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Room {
    name: String,
    price: u32,
}

#[flow]
async fn before(guest: String) -> Result<String, String> {
    let room = Prompt::new("Which room?").await;
    let room = Room { name: room, price: 10 };
    let nights = Prompt::new("How many nights?").await;
    if !Confirm::new(format!("{} for {guest}?", room.name)).await {
        return Err("declined".into());
    }
    let paid = before_pay(room.price).await;
    Ok(format!("{guest} {} {nights} {paid}", room.name))
}

#[flow]
async fn before_pay(price: u32) -> bool {
    Confirm::new(format!("Pay {price}?")).await
}

fn in_room() -> TestConversation {
    TestConversation::start(before("ada".into()))
}

fn in_nights() -> TestConversation {
    let mut booking = in_room();
    prompt(&mut booking, "blue");
    booking
}

fn in_confirm() -> TestConversation {
    let mut booking = in_nights();
    prompt(&mut booking, "2");
    booking
}

fn in_pay() -> TestConversation {
    let mut booking = in_confirm();
    booking.answer::<Confirm>(true);
    booking
}

// ---- Nothing to write ---------------------------------------------------------------------------------------------

mod edited_elsewhere {
    use super::*;

    /// New questions before, between and behind, other texts, another order of what is not asked: `Nights` is as it was.
    #[flow(name = "edited_elsewhere")]
    async fn booking(guest: String) -> Result<String, String> {
        let code = Prompt::new("Your code?").await;
        if code == "none" {
            return Err(code);
        }
        let room = Prompt::new("Which of our rooms?").await;
        let room = Room { name: room, price: 20 };
        let nights = Prompt::new("And how many nights?").await;
        let smokes = Confirm::new("Do you smoke?").await;
        Ok(format!("{guest} {} {nights} {smokes}", room.name))
    }

    #[test]
    fn a_state_whose_own_shape_is_the_same_goes_on() {
        let mut booking = goes_on(&in_nights(), "before", "edited_elsewhere");
        prompt(&mut booking, "3");
        assert!(asked(&booking).contains("Do you smoke?"));
        booking.answer::<Confirm>(true);
        assert_eq!(booking.result::<Result<String, String>>(), Ok("ada blue 3 true".into()));
    }

    #[test]
    fn a_state_that_is_gone_is_left_alone() {
        let reason = reason(&in_pay(), "before", "edited_elsewhere");
        assert!(reason.contains("the code has no state `Paid`"), "{reason}");
    }
}

// ---- Old names ----------------------------------------------------------------------------------------------------

mod renamed {
    use super::*;

    #[flow(name = "renamed", was = "first_name")]
    async fn booking(#[was = "guest"] visitor: String) -> Result<String, String> {
        #[was = "room"]
        let chamber = Prompt::new("Which chamber?").await;
        #[was = "room"]
        let chamber = Room { name: chamber, price: 10 };
        #[at("Stay", was = "Nights")]
        let nights = Prompt::new("How many nights?").await;
        #[at(was = "Confirm")]
        let sure = Confirm::new(format!("{} for {visitor}?", chamber.name)).await;
        Ok(format!("{visitor} {} {nights} {sure}", chamber.name))
    }

    #[test]
    fn a_local_and_its_state_are_found_under_their_old_names() {
        let mut booking = goes_on(&in_room(), "before", "renamed");
        prompt(&mut booking, "red");
        prompt(&mut booking, "1");
        booking.answer::<Confirm>(true);
        assert_eq!(booking.result::<Result<String, String>>(), Ok("ada red 1 true".into()));
        let mut booking = goes_on(&in_nights(), "before", "renamed");
        assert_eq!(booking.conversation().unwrap().bottom().state(), Some("Stay"));
        prompt(&mut booking, "2");
        booking.answer::<Confirm>(false);
        assert_eq!(booking.result::<Result<String, String>>(), Ok("ada blue 2 false".into()));
        let mut booking = goes_on(&in_confirm(), "before", "renamed");
        booking.answer::<Confirm>(true);
        assert_eq!(booking.result::<Result<String, String>>(), Ok("ada blue 2 true".into()));
    }

    #[test]
    fn a_flow_is_found_under_its_old_name() {
        let mut booking = goes_on(&in_nights(), "before", "first_name");
        assert_eq!(booking.conversation().unwrap().bottom().name(), "renamed");
        prompt(&mut booking, "2");
        assert!(asked(&booking).contains("blue for ada?"));
    }
}

#[derive(Serialize, Deserialize)]
struct Bell {
    rings: u8,
}

#[component(was = "old_bell")]
impl Component for Bell {
    type Answer = u8;
}

#[flow]
async fn ring() -> u8 {
    Bell { rings: 3 }.await
}

#[test]
fn a_component_is_found_under_its_old_name() {
    let ringing = TestConversation::start(ring());
    let mut ringing = TestConversation::load(&carried(&ringing, &[("bell", "old_bell")])).unwrap();
    assert_eq!(ringing.waiting_for::<Bell>().map(|bell| bell.rings), Some(3));
    ringing.answer::<Bell>(4);
    assert_eq!(ringing.result::<u8>(), 4);
}

// ---- New locals ---------------------------------------------------------------------------------------------------

mod defaulted {
    use super::*;

    const NONE: u32 = 0;

    #[flow(name = "defaulted")]
    async fn booking(guest: String, #[default = "web".to_owned()] channel: String) -> Result<String, String> {
        #[default = NONE]
        let mut tries = NONE;
        #[default(vec![(1, "a".to_owned())])]
        let mut log = Vec::new();
        let mut maybe = None;
        let room = Prompt::new("Which room?").await;
        let room = Room { name: room, price: 10 };
        let nights = Prompt::new("How many nights?").await;
        tries += 1;
        log.push((tries, nights.clone()));
        maybe = maybe.or(Some(tries));
        if !Confirm::new(format!("{} for {guest}?", room.name)).await {
            return Err("declined".into());
        }
        Ok(format!("{guest} {} {nights} {channel} {tries} {log:?} {maybe:?}", room.name))
    }

    #[test]
    fn a_default_stands_for_a_local_that_a_parked_state_does_not_have() {
        let mut booking = goes_on(&in_nights(), "before", "defaulted");
        prompt(&mut booking, "2");
        booking.answer::<Confirm>(true);
        let expected = "ada blue 2 web 1 [(1, \"a\"), (1, \"2\")] Some(1)";
        assert_eq!(booking.result::<Result<String, String>>(), Ok(expected.into()));
    }

    #[flow(name = "undefaulted")]
    async fn undefaulted(guest: String) -> Result<String, String> {
        let mut tries = 0;
        let room = Prompt::new("Which room?").await;
        let nights = Prompt::new("How many nights?").await;
        tries += 1;
        Ok(format!("{guest} {room} {nights} {tries}"))
    }

    #[test]
    fn without_a_default_the_missing_local_is_named() {
        let text = reason(&in_room(), "before", "undefaulted");
        assert!(text.contains("the state `Room` was saved without `tries`"), "{text}");
        let text = reason(&in_nights(), "before", "undefaulted");
        assert!(text.contains("the state `Nights` was saved without `tries`"), "{text}");
    }
}

// ---- Migrations ---------------------------------------------------------------------------------------------------

mod migrated {
    use super::*;

    #[derive(Deserialize)]
    enum Before {
        Nights { guest: String, room: Room },
        Confirm { guest: String },
        Paid {},
    }

    #[flow(name = "migrated")]
    #[migrate(|before: Before| match before {
        Before::Nights { guest, room } => Stay { guest, name: room.name, cents: u64::from(room.price) * 100 },
        Before::Confirm { guest } => hand_to(sorry(guest)),
        Before::Paid {} => retire(Err("closed".to_owned())),
    })]
    async fn booking(guest: String) -> Result<String, String> {
        let name = Prompt::new("Which room?").await;
        let cents = 1_000_u64;
        #[at("Stay")]
        let nights: u32 = Prompt::new("How many nights?").await.parse().unwrap_or(1);
        Ok(format!("{guest} {name} {nights} {cents}"))
    }

    #[flow]
    async fn sorry(guest: String) -> Result<String, String> {
        Info::new(format!("Sorry, {guest}")).await;
        Err("sorry".into())
    }

    #[test]
    fn a_state_goes_on_where_the_author_says_with_other_types() {
        let mut booking = goes_on(&in_nights(), "before", "migrated");
        prompt(&mut booking, "4");
        assert_eq!(booking.result::<Result<String, String>>(), Ok("ada blue 4 1000".into()));
    }

    #[test]
    fn a_state_ends_with_a_stated_result() {
        let booking = goes_on(&in_pay(), "before", "migrated");
        assert_eq!(booking.result::<Result<String, String>>(), Err("closed".into()));
    }

    #[test]
    fn another_flow_begins_in_its_place() {
        let mut booking = goes_on(&in_confirm(), "before", "migrated");
        assert!(asked(&booking).contains("Sorry, ada"));
        booking.answer::<Info>(());
        assert_eq!(booking.result::<Result<String, String>>(), Err("sorry".into()));
    }

    #[flow(name = "wrongly_migrated")]
    #[migrate(|before: Wrong| match before { Wrong::Nights { nothing } => retire(nothing) })]
    async fn wrongly() -> String {
        Prompt::new("?").await
    }

    #[derive(Deserialize)]
    enum Wrong {
        Nights { nothing: String },
    }

    #[test]
    fn a_migration_that_does_not_fit_leaves_the_record_alone() {
        let text = reason(&in_nights(), "before", "wrongly_migrated");
        assert!(
            text.contains("its migration failed: the state `Nights` does not have the type that `#[migrate]` declares"),
            "{text}"
        );
        let text = reason(&in_confirm(), "before", "wrongly_migrated");
        assert!(text.contains("no state `Confirm`"), "{text}");
    }
}

mod as_json {
    use super::*;

    fn to_stay(state: &mut SavedState) -> Result<(), Failure> {
        if state.state() == "Nights" {
            state.rename_state("Stay");
        }
        Ok(())
    }

    fn flatten_room(state: &mut SavedState) -> Result<(), Failure> {
        if let Some(room) = state.take::<Room>("room")? {
            state.put("name", &room.name)?;
            state.put("price", &room.price)?;
        }
        Ok(())
    }

    #[flow(name = "as_json")]
    #[migrate(to_stay, flatten_room)]
    async fn booking(guest: String) -> Result<String, String> {
        let name = Prompt::new("Which room?").await;
        let price = 10_u32;
        #[at("Stay")]
        let nights = Prompt::new("How many nights?").await;
        Ok(format!("{guest} {name} {nights} {price}"))
    }

    #[test]
    fn functions_run_one_after_the_other() {
        let mut booking = goes_on(&in_nights(), "before", "as_json");
        prompt(&mut booking, "5");
        assert_eq!(booking.result::<Result<String, String>>(), Ok("ada blue 5 10".into()));
    }

    #[flow(name = "all_retired")]
    #[migrate(|_: SavedState| retire(7))]
    async fn gone() -> u32 {
        1
    }

    #[test]
    fn all_of_a_flow_that_is_gone_may_end() {
        for parked in [in_room(), in_nights(), in_confirm(), in_pay()] {
            assert_eq!(goes_on(&parked, "before", "all_retired").result::<u32>(), 7);
        }
    }
}

mod nested {
    use super::*;

    #[flow(name = "pay_again")]
    #[migrate(|_: SavedState| retire(false))]
    async fn pay(price: u32) -> bool {
        #[at("Card")]
        let card = Prompt::new(format!("Card for {price}?")).await;
        !card.is_empty()
    }

    #[test]
    fn who_waits_for_a_flow_that_ended_goes_on_with_its_result() {
        let booking = goes_on(&in_pay(), "before_pay", "pay_again");
        assert_eq!(booking.result::<Result<String, String>>(), Ok("ada blue 2 false".into()));
    }

    #[flow(name = "pay_by_card")]
    async fn pay_by_card(price: u32) -> u32 {
        u32::from(Confirm::new(format!("Pay {price}?")).await)
    }

    #[test]
    fn an_answer_of_another_type_is_found_before_it_is_given() {
        let text = reason(&in_pay(), "before_pay", "pay_by_card");
        assert!(text.contains("the state `Paid` waits for `pay_by_card`, which answers with another type"), "{text}");
    }
}

// ---- Questions that share a name ----------------------------------------------------------------------------------

mod shared_names {
    use super::*;

    macro_rules! asks {
        ($name:ident: $($text:literal)*) => {
            #[flow]
            async fn $name() -> String {
                let mut said = String::new();
                $(if Confirm::new($text).await { said += $text; })*
                said
            }
        };
    }

    asks!(two: "a?" "b?");
    asks!(one_before: "x?" "a?" "b?");
    asks!(one_between: "a?" "x?" "b?");
    asks!(one_behind: "a?" "b?" "x?");
    asks!(the_first_gone: "b?");
    asks!(the_last_gone: "a?");
    asks!(turned: "b?" "a?");
    asks!(one_rewritten: "a?" "b!");
    asks!(all_rewritten: "a!" "b!");
    asks!(twice: "a?" "a?");
    asks!(thrice: "a?" "a?" "a?");

    /// Where who waited at the first and at the second of `a? b?` goes on: what is asked after that.
    fn next(new: &str) -> [Option<String>; 2] {
        let first = TestConversation::start(two());
        let mut second = TestConversation::start(two());
        second.answer::<Confirm>(true);
        [first, second].map(|parked| {
            let mut found = load(&parked, "two", new).ok()?;
            found.answer::<Confirm>(true);
            let front = found.waiting_for::<Confirm>();
            Some(front.map_or_else(|| "end".to_owned(), |_| asked(&found).split('"').nth(1).unwrap().to_owned()))
        })
    }

    fn some(texts: [&str; 2]) -> [Option<String>; 2] {
        texts.map(|text| Some(text.to_owned()).filter(|text| !text.is_empty()))
    }

    #[test]
    fn nobody_is_moved_to_another_question() {
        assert_eq!(next("two"), some(["b?", "end"]));
        assert_eq!(next("one_before"), some(["b?", "end"]));
        assert_eq!(next("one_between"), some(["x?", "end"]));
        assert_eq!(next("one_behind"), some(["b?", "x?"]));
        assert_eq!(next("the_first_gone"), some(["", "end"]));
        assert_eq!(next("the_last_gone"), some(["end", ""]));
        assert_eq!(next("turned"), some(["end", "a?"]));
        assert_eq!(next("one_rewritten"), some(["b!", "end"]));
        assert_eq!(next("all_rewritten"), some(["", ""]));
        assert_eq!(next("thrice"), some(["", ""]));
        assert_eq!(next("twice"), some(["a?", "end"]));
    }

    #[test]
    fn of_questions_that_are_the_same_none_is_guessed() {
        let parked = TestConversation::start(twice());
        assert!(reason(&parked, "twice", "thrice").contains("several questions of the code may be `Confirm`"));
        assert!(load(&parked, "twice", "twice").is_ok());
    }
}

mod labelled {
    use super::*;

    #[flow(name = "labelled")]
    async fn asks() -> u32 {
        let mut yes = 0;
        yes += u32::from(Confirm::new("new").await);
        #[at("First", was = "Confirm")]
        (yes += u32::from(Confirm::new("a, in other words").await));
        #[at("Second", was = "Confirm2")]
        (yes += u32::from(Confirm::new("b, in other words").await));
        yes
    }

    #[flow]
    async fn unlabelled() -> u32 {
        let mut yes = 0;
        yes += u32::from(Confirm::new("a").await);
        yes += u32::from(Confirm::new("b").await);
        yes
    }

    #[test]
    fn an_old_name_is_where_the_author_says() {
        let mut parked = TestConversation::start(unlabelled());
        let mut found = goes_on(&parked, "unlabelled", "labelled");
        found.answer::<Confirm>(true);
        assert!(asked(&found).contains("b, in other words"));
        parked.answer::<Confirm>(true);
        let mut found = goes_on(&parked, "unlabelled", "labelled");
        found.answer::<Confirm>(true);
        assert_eq!(found.result::<u32>(), 2);
        // The name is taken by another question now; who waits there stays there.
        let here = TestConversation::start(asks());
        let mut found = goes_on(&here, "labelled", "labelled");
        found.answer::<Confirm>(true);
        assert!(asked(&found).contains("a, in other words"));
    }
}

// ---- Versions side by side ----------------------------------------------------------------------------------------

mod side_by_side {
    use super::*;

    mod v1 {
        use super::*;

        #[flow(name = "tea", version = 1)]
        pub(super) async fn tea() -> String {
            Choose::new("Which?", ["green", "black"]).await
        }
    }

    #[flow(version = 2)]
    async fn tea() -> String {
        let kind = Choose::new("Which?", ["green", "black"]).await;
        if Confirm::new("Milk?").await { format!("{kind} with milk") } else { kind }
    }

    #[test]
    fn the_old_ones_finish_as_they_began() {
        let mut old = TestConversation::start(v1::tea());
        assert_eq!(old.conversation().unwrap().bottom().name(), "tea");
        old.reload();
        old.answer::<Choose>("green".into());
        assert_eq!(old.result::<String>(), "green");
        let mut new = TestConversation::start(tea());
        assert_eq!(new.conversation().unwrap().bottom().name(), "tea@2");
        new.reload();
        new.answer::<Choose>("black".into());
        assert!(new.waiting_for::<Confirm>().is_some());
    }
}
