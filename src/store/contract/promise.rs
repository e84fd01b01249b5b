//! The promises of a store, each with its number and its text.

use std::fmt;

macro_rules! promises {
    ($($number:literal $name:ident $words:literal)*) => {
        /// A promise of every store. Displays its number and its text.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Promise {
            $(#[doc = concat!("C", $number, ". ", $words)] $name = $number,)*
        }

        impl Promise {
            /// All promises, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The number: 7 for `C7`. It never changes.
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// The text, one sentence.
            pub const fn words(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)*
                }
            }
        }
    };
}

promises! {
    1 Bytes "A record is loaded byte for byte as it was saved, whatever its content."
    2 Largest "A record of the largest allowed size is kept whole."
    3 Ids "Every id can be used, and ids that differ in one bit are distinct."
    4 Revisions "A save that names another revision than the stored one changes nothing, and reports the stored one."
    5 LargeRevisions "Revisions are kept exactly: numbers up to 2^53, and nonces."
    6 DeleteNamesRevision "A delete that names another revision than the stored one changes nothing, and reports the stored one."
    7 DeleteTwice "Deleting a record that does not exist is applied and changes nothing."
    8 DeletedIsGone "A deleted record is not loaded, listed or counted, and no late save restores it; the id can be used again."
    9 Nothing "Loading an id that was never saved returns none, not an error."
    10 LoadAll "`load_all` passes every record once."
    11 Pages "A page has the matching records after the given id, in the order of their ids, and at most as many as asked for."
    12 PagesGoOn "A record that does not change while pages are read is in exactly one of them."
    13 Counts "The counts are those of the matching records by flow and state, in the order of these names."
    14 OneWinner "Of many concurrent changes of one revision exactly one is applied."
    15 ManyTasks "Many conversations can be changed concurrently without affecting each other."
    16 LoadAllMeanwhile "`load_all` passes every record that does not change meanwhile exactly once."
    17 GivenUp "A change whose future is dropped is made whole or not at all, and the store continues to work."
    18 Unreadable "An entry that cannot be read or is too large is reported with its id and left as it is; all others can be read."
    19 Reopened "After the store is reopened, saved records are there and deleted ones are not."
    20 RevisionsReopened "After the store is reopened, revisions are compared even before anything was loaded."
    21 Faults "Whichever call fails: a change reported as applied is there, and one reported as not applied is not."
    22 Recovery "When calls no longer fail, the store works again without being reopened."
    23 Unknown "After an unknown outcome a load returns what is stored, and that is durable."
    24 CutAfterSave "No power cut loses a save that was applied."
    25 CutAfterDelete "No power cut restores a record whose delete was applied."
    26 CutInside "A power cut during a change leaves the old record or the new one, whole."
    27 CutAfterFault "No power cut loses a change that was applied while other calls failed."
    28 CutAfterKill "No power cut loses what a new process has loaded, whenever the previous process was killed."
    29 Idle "A store with its own clock finds by that clock the records that were not changed for a time, whatever the records say."
    30 Discarded "A discard of the stored revision deletes the record, at once or later; a discard of another revision changes nothing."
    31 CutAfterDiscard "After a power cut a discarded record is whole or deleted, every other record is unchanged, and a record that was deleted later stays deleted."
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "C{}: {}", self.number(), self.words())
    }
}
