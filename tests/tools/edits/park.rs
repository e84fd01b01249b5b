//! A conversation for each place where one can wait, on the way from the first question to the last.

use stube::testing::TestConversation;

use crate::flows;

pub(crate) fn park() {
    let room = || flows::Room { name: "blue".to_owned(), price: 10 };
    let kind = flows::Kind::Group { size: 4 };
    let mut here = TestConversation::start(flows::booking("ada".to_owned()));
    let parked = |name: &str, here: &TestConversation| {
        print!("{name}\t{}", String::from_utf8(here.bytes().to_vec()).expect("a record is text"));
    };
    parked("Dates", &here);
    here.answer::<flows::PickDates>(flows::Dates { first: "may".to_owned(), nights: 2, kind });
    parked("Room", &here);
    here.answer::<flows::PickRoom>(room());
    parked("Confirm", &here);
    here.answer::<stube::Confirm>(true);
    parked("Confirm2", &here);
    here.answer::<stube::Confirm>(true);
    parked("Card", &here);
    here.answer::<stube::Prompt>("1234".to_owned());
    parked("Sure", &here);
}
