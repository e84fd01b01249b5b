//! The line between one store and its server, which counts the calls on it and makes them fail.
//!
//! A call is what a client sends before it waits for the server to be ready again: the start of a connection, a query,
//! or what comes up to a `Sync`. The calls of a connection are passed on one after the other, each when the one before
//! has been answered. A call that fails is one of any connection of the store; the good-bye of a client is none.
//!
//! Where a line is cut only the client notices. The server still holds its end, so nothing but the store ends what a
//! backend was told.

use std::sync::{Arc, Mutex, MutexGuard};

use stube::store::contract::Fault;
use stube::store::postgres::tokio_postgres::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// It is gone with this value, and all that is on it.
pub(crate) struct Line {
    port: u16,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

struct State {
    counts: Mutex<Counts>,
    /// How often all connections have been cut.
    cuts: watch::Sender<usize>,
    /// The server's ends of lines that were cut.
    stranded: Mutex<Vec<TcpStream>>,
}

#[derive(Default)]
struct Counts {
    fault: Option<Fault>,
    calls: usize,
    failed: usize,
}

/// How a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Well,
    Refused,
    Lost,
    CutOff,
}

impl Line {
    pub(crate) async fn to(server: u16) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = socket.local_addr().expect("it has an address").port();
        let state =
            Arc::new(State { counts: Mutex::default(), cuts: watch::Sender::new(0), stranded: Mutex::default() });
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = socket.accept().await {
                if shared.refuses() {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { continue };
                tokio::spawn(pass(End::new(client), End::new(server), Arc::clone(&shared)));
            }
        });
        Self { port, state, accepting }
    }

    /// The same database, by way of here.
    pub(crate) fn way_to(&self, config: &Config) -> Config {
        let mut way = Config::new();
        way.host("127.0.0.1").port(self.port).user("stube").dbname(config.get_dbname().expect("it has a name"));
        way
    }

    /// From now on calls fail like this, counted from 0.
    pub(crate) fn fail(&self, fault: Option<Fault>) {
        *self.state.counts() = Counts { fault, ..Counts::default() };
    }

    /// How many calls have failed since then.
    pub(crate) fn failed(&self) -> usize {
        self.state.counts().failed
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.accepting.abort();
        self.state.cut();
    }
}

impl State {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().expect("no test panics in here")
    }

    /// Whether a new connection is refused: everything is cut off. One that has begun by then is a call by itself.
    fn refuses(&self) -> bool {
        let mut counts = self.counts();
        let refuses = matches!(counts.fault, Some(Fault::CutOff(nth)) if nth < counts.calls);
        counts.failed += usize::from(refuses);
        refuses
    }

    fn next(&self) -> Sent {
        let mut counts = self.counts();
        let number = counts.calls;
        counts.calls += 1;
        let sent = match counts.fault {
            Some(Fault::Refused(nth)) if nth == number => Sent::Refused,
            Some(Fault::Lost(nth)) if nth == number => Sent::Lost,
            Some(Fault::CutOff(nth)) if nth <= number => Sent::CutOff,
            Some(Fault::Refused(_) | Fault::Lost(_) | Fault::CutOff(_)) | None => Sent::Well,
        };
        counts.failed += usize::from(sent != Sent::Well);
        sent
    }

    fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

/// Passes on what both ends say until one of them has gone, or the line is cut.
async fn pass(mut client: End, mut server: End, state: Arc<State>) {
    let mut cuts = state.cuts.subscribe();
    let is_cut = tokio::select! {
        ended = talk(&mut client, &mut server, &state) => ended == Some(Cut),
        _ = cuts.changed() => true,
    };
    if is_cut {
        state.stranded.lock().expect("no test panics in here").push(server.stream);
    }
}

/// The line was cut.
#[derive(PartialEq, Eq)]
struct Cut;

/// Gives nothing when one of the ends has gone.
async fn talk(client: &mut End, server: &mut End, state: &State) -> Option<Cut> {
    let (mut has_begun, mut call) = (false, Vec::new());
    loop {
        let message = tokio::select! {
            message = client.message(has_begun) => message?,
            // What it says unasked, for instance that it ends this connection.
            message = server.message(true) => {
                client.say(&message?).await?;
                continue;
            }
        };
        let kind = message[0];
        call.extend(message);
        match kind {
            _ if !has_begun => {}
            b'Q' | b'S' => {}
            b'X' => {
                server.say(&call).await?;
                return None;
            }
            _ => continue,
        }
        match state.next() {
            Sent::Well => {
                server.say(&call).await?;
                client.say(&server.answer().await).await?;
            }
            Sent::Refused => {
                client.say(&refusal(has_begun)).await?;
                if !has_begun {
                    return None;
                }
            }
            Sent::Lost => {
                server.say(&call).await?;
                server.answer().await;
                return Some(Cut);
            }
            Sent::CutOff => {
                state.cut();
                return Some(Cut);
            }
        }
        (has_begun, call) = (true, Vec::new());
    }
}

/// What a server says that has no room: with `ERROR` and ready for the next call, or with `FATAL` to a new connection.
/// The store has no transaction open between two calls, so the server is idle.
fn refusal(has_begun: bool) -> Vec<u8> {
    let (severity, code) = if has_begun { ("ERROR", "53000") } else { ("FATAL", "53300") };
    let fields = format!("S{severity}\0V{severity}\0C{code}\0Mthere is no room\0\0");
    let length = u32::try_from(4 + fields.len()).expect("it is short");
    let mut said = [b"E".as_slice(), &length.to_be_bytes(), fields.as_bytes()].concat();
    if has_begun {
        said.extend(b"Z\0\0\0\x05I");
    }
    said
}

/// One end, from which whole messages are read.
struct End {
    stream: TcpStream,
    /// What has come and was not taken yet.
    read: Vec<u8>,
}

impl End {
    fn new(stream: TcpStream) -> Self {
        // The messages of a call would wait for each other.
        stream.set_nodelay(true).expect("it is a socket");
        Self { stream, read: Vec::new() }
    }

    /// The next message; `None` if this end has gone. The first message of a client has no byte that says its kind.
    async fn message(&mut self, has_kind: bool) -> Option<Vec<u8>> {
        let head = usize::from(has_kind);
        loop {
            if let Some(length) = self.read.get(head..head + 4) {
                let length = u32::from_be_bytes(length.try_into().expect("four bytes"));
                let all = head + usize::try_from(length).expect("it fits");
                if self.read.len() >= all {
                    return Some(self.read.drain(..all).collect());
                }
            }
            // Nothing is lost if nobody waits for this any more: what was read is kept.
            if self.stream.read_buf(&mut self.read).await.ok()? == 0 {
                return None;
            }
        }
    }

    /// What a server says to a call: all until it is ready for the next one, or goes.
    async fn answer(&mut self) -> Vec<u8> {
        let mut answer = Vec::new();
        while let Some(message) = self.message(true).await {
            let is_last = message[0] == b'Z';
            answer.extend(message);
            if is_last {
                break;
            }
        }
        answer
    }

    async fn say(&mut self, words: &[u8]) -> Option<()> {
        self.stream.write_all(words).await.ok()
    }
}
