//! Proof by killing: a booking is killed with SIGKILL after every single answer, and ends as if nothing had happened.
//!
//!     cargo run --example crash_resume
//!
//! The program starts itself as a child, which talks over its standard input and output. The first child lives through
//! the whole conversation. Then the same conversation is held again, and after each answer the child is killed the
//! moment the next question is on its output; the next child goes on there. Both transcripts must be equal, and the
//! exit status says whether they are.

use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use stube::{Confirm, FileStore, Prompt, flow, terminal};

#[path = "shared/hotel.rs"]
mod hotel;

use hotel::{Declined, PickDates, PickRoom, Receipt};

/// The booking of the example `booking`, with a second guest who is asked for in a loop.
#[flow]
pub(crate) async fn stay() -> Result<Receipt, Declined> {
    let mut guests = Vec::new();
    for number in 1..=2 {
        let guest = Prompt::new(format!("Who is guest number {number}?")).await;
        guests.push(guest);
    }
    let guest = guests.join(" and ");
    let dates = PickDates { guest: guest.clone() }.await;
    let mut tries = 0;
    let room = loop {
        let room = PickRoom { nights: dates.nights() }.await;
        if Confirm::new(format!("The {} room for {guest}?", room.name)).await {
            break room;
        }
        tries += 1;
        if tries == 3 {
            return Err(Declined::Undecided);
        }
    };
    let price = price(room.price, dates.nights()).await?;
    Ok(Receipt { guest, paid: price })
}

/// Asks for a discount as long as one is wanted.
#[flow]
async fn price(night: i64, nights: i64) -> Result<i64, Declined> {
    let mut price = night * nights;
    while Confirm::new(format!("{price} in all. One more per cent off?")).await {
        price -= price / 100;
    }
    if Confirm::new(format!("Do you pay {price} now?")).await { Ok(price) } else { Err(Declined::NotPaid) }
}

/// What the guest types: the lines of each answer. The third one is refused, and the last one ends the conversation.
const ANSWERS: [&[&str]; 13] = [
    &["Ada"],
    &["Grace"],
    &["9", "3"],
    &["3", "7"],
    &["cellar, 160 for 4 nights"],
    &["no"],
    &["3"],
    &["no"],
    &["2"],
    &["yes"],
    &["yes"],
    &["no"],
    &["yes"],
];

fn main() -> ExitCode {
    match std::env::args().nth(1) {
        Some(dir) => child(Path::new(&dir)),
        None => parent(),
    }
}

/// Talks over standard input and output.
fn child(dir: &Path) -> ExitCode {
    let store = match FileStore::open(dir) {
        Ok(store) => store,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let talked = terminal::run(store, stay, |result| println!("RESULT {result:?}"));
    if let Err(error) = talked {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn parent() -> ExitCode {
    let scratch = std::env::temp_dir().join(format!("stube-crash-resume-{}", std::process::id()));
    let uninterrupted = talk(&scratch.join("uninterrupted"), false);
    let killed = talk(&scratch.join("killed"), true);
    // The directory is in the folder for temporary files; one that is left over harms nobody.
    let _ = std::fs::remove_dir_all(&scratch);
    println!("{}", uninterrupted.transcript);
    println!("\nKilled {} times, after every answer.", killed.kills);
    if uninterrupted.transcript == killed.transcript {
        println!("Both transcripts are equal.");
        return ExitCode::SUCCESS;
    }
    println!("The transcripts differ. With kills:\n{}", killed.transcript);
    ExitCode::FAILURE
}

struct Talked {
    transcript: String,
    kills: usize,
}

/// Holds the conversation, and kills the child after each answer if asked to.
fn talk(dir: &Path, kill: bool) -> Talked {
    let mut talking = Talking::start(dir);
    let mut question = talking.listen();
    let mut transcript = question.clone();
    let mut kills = 0;
    for answer in ANSWERS {
        talking.say(answer);
        question = talking.listen();
        transcript.push_str(&format!("> {}\n{question}", answer.join(", ")));
        if kill && !question.starts_with("RESULT") {
            talking.kill();
            kills += 1;
            talking = Talking::start(dir);
            let again = talking.listen();
            if again != question {
                transcript.push_str(&format!("After a restart it asks something else:\n{again}"));
            }
        }
    }
    talking.end();
    Talked { transcript, kills }
}

/// A child that talks.
struct Talking {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Talking {
    fn start(dir: &Path) -> Self {
        let program = std::env::current_exe().expect("the path of this program");
        let mut child = Command::new(program)
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts");
        let output = BufReader::new(child.stdout.take().expect("its output is piped"));
        Self { child, output }
    }

    fn say(&mut self, lines: &[&str]) {
        let input = self.child.stdin.as_mut().expect("its input is piped");
        let said = lines.iter().try_for_each(|line| writeln!(input, "{line}")).and_then(|()| input.flush());
        said.expect("the child reads");
    }

    /// Reads up to the prompt of the next question, or to the end. A question begins with an empty line.
    fn listen(&mut self) -> String {
        let mut text = String::new();
        let mut byte = [0];
        while self.output.read(&mut byte).expect("the child writes") == 1 {
            text.push(char::from(byte[0]));
            let begins = [": \n", "\n\n"].iter().filter_map(|mark| Some(text.find(mark)? + mark.len())).min();
            let begins = begins.or(text.starts_with('\n').then_some(1));
            if let Some(begins) = begins.filter(|begins| text[*begins..].ends_with(": ")) {
                return format!("{}\n", &text[begins..]);
            }
        }
        let result = text.find("RESULT").map_or(0, |at| at);
        text.split_off(result)
    }

    fn kill(mut self) {
        // On Unix this is SIGKILL: the child gets no chance to do anything.
        self.child.kill().expect("the child is there");
        self.child.wait().expect("the child was started here");
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        self.child.wait().expect("the child was started here");
    }
}
