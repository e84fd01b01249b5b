//! Stands between a store and its server, and loses answers or keeps them back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use stube::store::postgres::tokio_postgres::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) struct Proxy {
    port: u16,
    state: Arc<State>,
}

struct State {
    /// Whether the next answer is lost, and its connection with it.
    loses: AtomicBool,
    lost: AtomicUsize,
    /// Whether answers are kept back.
    keeps: watch::Sender<bool>,
    /// How many answers were kept back.
    kept: AtomicUsize,
}

impl Proxy {
    pub(crate) async fn start(server: u16) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = socket.local_addr().expect("it has an address").port();
        let state = Arc::new(State {
            loses: AtomicBool::new(false),
            lost: AtomicUsize::new(0),
            keeps: watch::Sender::new(false),
            kept: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = socket.accept().await {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { continue };
                tokio::spawn(pass(client, server, Arc::clone(&shared)));
            }
        });
        Self { port, state }
    }

    /// The same database, by way of here.
    pub(crate) fn way_to(&self, config: &Config) -> Config {
        let mut way = Config::new();
        way.host("127.0.0.1").port(self.port).user("stube").dbname(config.get_dbname().expect("it has a name"));
        way
    }

    /// Loses the next answer of the server, whatever it is to: the request has been passed on by then.
    pub(crate) fn lose_the_next_answer(&self) {
        self.state.loses.store(true, Ordering::SeqCst);
    }

    /// From now on keeps back what the server says after it has changed a row, or no more of it.
    pub(crate) fn keep(&self, keeps: bool) {
        self.state.keeps.send_replace(keeps);
    }

    /// Waits until something is kept back.
    pub(crate) async fn has_kept(&self) {
        for _ in 0..60_000 {
            if self.state.kept.load(Ordering::SeqCst) > 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("no row was changed");
    }

    /// How many answers have been lost.
    pub(crate) fn lost(&self) -> usize {
        self.state.lost.load(Ordering::SeqCst)
    }
}

/// Whether this is what the server says when it has changed a row: a row of one column, the id of what was changed. What
/// is read has more of them.
fn is_change(message: &[u8]) -> bool {
    message.windows(7).any(|bytes| matches!(bytes, [b'D', 0, 0, 0, _, 0, 1]))
}

async fn pass(client: TcpStream, server: TcpStream, state: Arc<State>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let asking = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let mut buffer = vec![0; 64 << 10];
    let mut keeps = state.keeps.subscribe();
    while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
        if *keeps.borrow() && is_change(&buffer[..read]) {
            state.kept.fetch_add(1, Ordering::SeqCst);
            // The proxy is there as long as the state is.
            let _ = keeps.wait_for(|keeps| !keeps).await;
        }
        if state.loses.swap(false, Ordering::SeqCst) {
            state.lost.fetch_add(1, Ordering::SeqCst);
            break;
        }
        if to_client.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    // The server is not told: it goes on with what it was asked.
    drop(to_client);
    asking.abort();
}
