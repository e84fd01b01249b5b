//! The promises, each with its number and its words.

use std::fmt;

macro_rules! promises {
    ($($number:literal $name:ident $words:literal)*) => {
        /// What every store promises. Shown as its number and its words.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Promise {
            $(#[doc = concat!("C", $number, ". ", $words)] $name = $number,)*
        }

        impl Promise {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its number: that of `C7` is 7. It never changes.
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// What is promised, in a sentence.
            pub const fn words(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)*
                }
            }
        }
    };
}

promises! {
    1 Bytes "A record is loaded as it was saved, byte for byte, whatever is in it."
    2 Largest "The largest record that there can be is kept whole."
    3 Ids "No id is special, and two that differ in one bit are two."
    4 Revisions "A save that names another revision than the stored one changes nothing, and says which is stored."
    5 LargeRevisions "Every revision is kept exactly, its number up to 2^53 and its nonce."
    6 DeleteNamesRevision "A delete that names another revision than the stored one changes nothing, and says which is stored."
    7 DeleteTwice "Deleting what is not there is applied, and changes nothing."
    8 DeletedIsGone "What was deleted is not loaded, listed or counted, and no late save brings it back; it may begin again."
    9 Nothing "What was never saved is nothing, and no error."
    10 LoadAll "`load_all` hands on every record, once."
    11 Pages "A page has those records that match, in the order of their ids, after the given one, and no more than asked for."
    12 PagesGoOn "What is not changed between two pages is in one of them, once."
    13 Counts "The counts are those of the records that match, by flow and state, in the order of the names."
    14 OneWinner "Of many changes of one revision at once, one is applied."
    15 ManyTasks "Many conversations are changed at once, and none harms another."
    16 LoadAllMeanwhile "`load_all` hands on what is not changed meanwhile, once."
    17 GivenUp "A change that nobody waits for any more is made whole or not at all, and the store works on."
    18 Unreadable "What cannot be read, or is too large to be a record, is told with its id and left as it is; all else can be read."
    19 Reopened "What was applied is there when the store is opened again: the saved, and not the deleted."
    20 RevisionsReopened "After opening again a revision is compared before anything has been loaded."
    21 Faults "Whatever call fails: what was answered as applied is there, and what was answered as not applied is not."
    22 Recovery "When calls no longer fail the store works again, without being opened again."
    23 Unknown "After an unknown outcome a load says what there is, and that stays."
    24 CutAfterSave "No power cut takes away a save that was applied."
    25 CutAfterDelete "No power cut brings back what was deleted."
    26 CutInside "A power cut during a change leaves the old record or the new one, whole."
    27 CutAfterFault "No power cut takes away what was applied while calls failed."
    28 CutAfterKill "What a new process has loaded, no power cut takes away, whenever the one before was killed."
    29 Idle "A store with a clock of its own tells by that clock what was not changed for a time, whatever the records say."
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "C{}: {}", self.number(), self.words())
    }
}
