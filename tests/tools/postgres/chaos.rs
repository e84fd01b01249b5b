//! What is done to the server, to the ways to it and to the processes, at random and several at once.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use stube::store::postgres::tokio_postgres::{Client, Error};

use crate::answer::{OPEN, PATIENCE};
use crate::contention::{Contest, Process};

/// How often what has been done.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) servers_killed: u64,
    pub(crate) backends_ended: u64,
    pub(crate) locks: u64,
    pub(crate) stops: u64,
    pub(crate) splits: u64,
    pub(crate) kills: u64,
}

impl Done {
    /// Whether everything has been done at least once.
    pub(crate) fn is_complete(&self) -> bool {
        let Self { servers_killed, backends_ended, locks, stops, splits, kills } = self;
        [servers_killed, backends_ended, locks, stops, splits, kills].iter().all(|times| **times > 0)
    }
}

/// Past everything that a store waits for.
const LONG: Duration = PATIENCE.saturating_mul(3);

impl Contest {
    /// Does one thing, or lets one that was done come to its end.
    pub(crate) async fn meddle(&mut self) {
        self.let_go();
        let one = self.random.below(self.processes.len() as u64) as usize;
        match self.random.below(100) {
            0..=1 => {
                self.server.kill();
                self.server.begin().await;
                self.done.servers_killed += 1;
            }
            2..=15 => {
                let many = 1 + self.random.below(3);
                // The server may just have lost this connection too.
                self.done.backends_ended += end_backends(&self.beside().await, many).await.unwrap_or_default();
            }
            16..=40 => self.processes[one].way.lose_the_next_reply(),
            41..=42 => {
                let (which, long) = (self.random.below(OPEN as u64), self.random.below(2 * LONG.as_millis() as u64));
                let beside = self.beside().await;
                self.locking.spawn(hold(beside, which, Duration::from_millis(long)));
                self.done.locks += 1;
            }
            43..=45 if self.processes[one].stopped.is_none() => {
                self.processes[one].signal(Signal::STOP);
                self.processes[one].stopped = Some(Instant::now());
                self.done.stops += 1;
            }
            46..=48 if self.processes[one].split.is_none() => {
                self.processes[one].way.split();
                self.processes[one].split = Some(Instant::now());
                self.done.splits += 1;
            }
            49..=54 => {
                let new = self.start().await;
                let old = std::mem::replace(&mut self.processes[one], new);
                old.signal(Signal::KILL);
                self.end(old, true);
                self.done.kills += 1;
            }
            _ => {}
        }
    }

    /// Lets go on what has been stopped or split for long.
    fn let_go(&mut self) {
        let loses = self.random.below(2) == 0;
        for process in &mut self.processes {
            let is_over = |since: &Option<Instant>| since.is_some_and(|since| since.elapsed() > LONG);
            if is_over(&process.stopped) {
                process.go_on();
            }
            if is_over(&process.split) {
                process.heal(loses);
            }
        }
    }
}

impl Process {
    pub(crate) fn go_on(&mut self) {
        self.stopped = None;
        self.signal(Signal::CONT);
    }

    pub(crate) fn heal(&mut self, loses: bool) {
        self.split = None;
        self.way.heal(loses);
    }
}

/// Gives how many there were to end.
async fn end_backends(client: &Client, many: u64) -> Result<u64, Error> {
    let sql = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'stube%' \
         ORDER BY random() LIMIT {many}"
    );
    client.execute(&sql, &[]).await
}

/// Holds one of the conversations that are answered.
async fn hold(client: Client, which: u64, long: Duration) -> Result<(), Error> {
    let sql =
        format!("BEGIN; SELECT FROM stube_conversation WHERE NOT ended ORDER BY id LIMIT 1 OFFSET {which} FOR UPDATE");
    client.batch_execute(&sql).await?;
    tokio::time::sleep(long).await;
    client.batch_execute("ROLLBACK").await
}
