//! What every edited crate can be asked, on its standard output.
//!
//!     lock            its `flows.lock`
//!     park            a record for each place where a conversation can wait, one a line: `name<TAB>record`
//!     check LOCK      a line for each state and component of a lock: `of.state<TAB>verdict<TAB>why`
//!     load RECORDS    a line for each record: `name<TAB>waits|ended|left<TAB>where or why`

use stube::evolution::lock::{Compatibility, Lock, Report};
use stube::testing::TestConversation;

#[allow(dead_code, reason = "an edit may leave a part of it unused")]
mod flows;
mod park;

fn main() {
    let args: Vec<_> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["lock"] => print!("{}", Lock::current().to_text()),
        ["park"] => park::park(),
        ["check", lock] => check(&std::fs::read_to_string(lock).expect("the lock is there")),
        ["load", records] => load(&std::fs::read_to_string(records).expect("the records are there")),
        _ => panic!("lock, park, check LOCK or load RECORDS"),
    }
}

fn check(lock: &str) {
    for found in Report::against_code(&Lock::parse(lock).expect("it is a lock")).findings {
        let (verdict, why) = match found.compatibility {
            Compatibility::Unchanged => ("unchanged", Vec::new()),
            Compatibility::Additive(why) => ("additive", why),
            Compatibility::Migrated(why) => ("migrated", why),
            Compatibility::Breaking(why) => ("breaking", why),
        };
        let name = [found.component, found.state].join(".");
        println!("{}\t{verdict}\t{} ({})", name.trim_end_matches('.'), why.join("; "), found.location);
    }
}

fn load(records: &str) {
    for line in records.lines() {
        let (name, record) = line.split_once('\t').expect("a name and a record");
        match TestConversation::load(format!("{record}\n").as_bytes()) {
            Err(reason) => println!("{name}\tleft\t{reason}"),
            Ok(here) => match here.conversation() {
                None => println!("{name}\tended\t"),
                Some(conversation) => {
                    let at = conversation.instances().into_iter().filter_map(|instance| instance.state());
                    let at: Vec<_> = at.collect();
                    println!("{name}\twaits\t{}", at.join("."));
                }
            },
        }
    }
}
