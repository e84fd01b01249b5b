//! The way of a process to the server, on which a reply is lost, or nothing comes through for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) struct Way {
    pub(crate) port: u16,
    state: Arc<State>,
}

struct State {
    /// Whether the next reply is lost, and its connection with it.
    loses: AtomicBool,
    lost: AtomicU64,
    passes: watch::Sender<Passes>,
}

/// What comes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Passes {
    everything: bool,
    /// How often all connections have been cut.
    cuts: usize,
}

impl Way {
    pub(crate) async fn to(server: u16) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = socket.local_addr().expect("it has an address").port();
        let passes = watch::Sender::new(Passes { everything: true, cuts: 0 });
        let state = Arc::new(State { loses: AtomicBool::new(false), lost: AtomicU64::new(0), passes });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = socket.accept().await {
                tokio::spawn(pass(client, server, Arc::clone(&shared)));
            }
        });
        Self { port, state }
    }

    pub(crate) fn lose_the_next_reply(&self) {
        self.state.loses.store(true, Ordering::SeqCst);
    }

    pub(crate) fn lost(&self) -> u64 {
        self.state.lost.load(Ordering::SeqCst)
    }

    /// From now on nothing comes through, either way, and nobody is told.
    pub(crate) fn split(&self) {
        self.state.passes.send_modify(|passes| passes.everything = false);
    }

    /// Everything comes through again, also what was kept back; or that is lost, with all its connections.
    pub(crate) fn heal(&self, loses: bool) {
        self.state.passes.send_modify(|passes| {
            passes.everything = true;
            passes.cuts += usize::from(loses);
        });
    }
}

async fn pass(client: TcpStream, server: u16, state: Arc<State>) {
    let mut passes = state.passes.subscribe();
    let cuts = passes.borrow().cuts;
    let talk = async {
        through(&state).await;
        let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
        for end in [&client, &server] {
            end.set_nodelay(true).expect("it is a socket");
        }
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        tokio::select! {
            () = copy(from_client, to_server, &state, false) => {}
            () = copy(from_server, to_client, &state, true) => {}
        }
    };
    tokio::select! {
        () = talk => {}
        _ = passes.wait_for(|passes| passes.cuts != cuts) => {}
    }
}

/// Waits until something comes through.
async fn through(state: &State) {
    // The way is there as long as the state is.
    let _ = state.passes.subscribe().wait_for(|passes| passes.everything).await;
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: &State, replies: bool) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        through(state).await;
        if replies && state.loses.swap(false, Ordering::SeqCst) {
            state.lost.fetch_add(1, Ordering::SeqCst);
            return;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
