//! The contract of stores, on a server whose line is cut and whose calls fail.

use std::time::Duration;

use stube::error::BoxError;
use stube::store::contract::Promise::{CutAfterDelete, CutAfterFault, CutAfterKill, CutAfterSave, CutInside};
use stube::store::contract::{self, Fault, Harness};
use stube::store::postgres::tokio_postgres::Statement;
use stube::{ConversationId, PostgresStore};

use crate::line::Line;
use crate::server::Server;
use crate::{Client, Config};

/// How long a store waits. It does so in every case in which all is cut off while a change is under way.
const PATIENCE: Duration = Duration::from_millis(300);

/// A server with one database, and the line of the store that is open.
struct Site {
    server: Server,
    config: Config,
    /// Beside the line.
    client: Client,
    /// Ends the backends of all stores, and says how many there still are.
    end: Statement,
    line: Option<Line>,
}

impl Site {
    async fn new() -> Self {
        let server = Server::start(&[]).await;
        let config = server.database().await;
        let client = server.client(&config).await;
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'stube'";
        let end = client.prepare(end).await.expect("it is understood");
        Self { server, config, client, end, line: None }
    }

    async fn open(&mut self) -> Result<PostgresStore, BoxError> {
        let line = Line::to(self.server.port()).await;
        let way = line.way_to(&self.config);
        self.line = Some(line);
        // Nobody waits for hints, so calls for them would be counted at any time.
        let options = PostgresStore::options().timeout(PATIENCE).hints(false);
        // No call fails yet, so this is a machine that is too busy for so little patience.
        for _ in 0..20 {
            if let Ok(opened) = options.connect(way.clone()).await {
                return Ok(opened);
            }
        }
        Ok(options.connect(way).await?)
    }
}

impl Harness for Site {
    type Store = PostgresStore;

    /// In the tables of the store before, because it takes far longer to make others. Nothing that it has begun can
    /// happen any more when its backends have ended.
    async fn fresh(&mut self) -> Result<PostgresStore, BoxError> {
        self.line = None;
        // Asked again and again, because the server itself looks only ten times in a second.
        while self.client.execute(&self.end, &[]).await? > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let opened = self.open().await?;
        self.client.batch_execute("DELETE FROM stube_conversation").await?;
        Ok(opened)
    }

    async fn reopen(&mut self) -> Result<Option<PostgresStore>, BoxError> {
        self.open().await.map(Some)
    }

    async fn overwrite(&mut self, id: ConversationId, bytes: &[u8]) -> Result<bool, BoxError> {
        let sql = "UPDATE stube_conversation SET record = $2 WHERE id = $1";
        Ok(self.client.execute(sql, &[&id.to_string(), &bytes]).await? == 1)
    }

    fn fail(&mut self, fault: Option<Fault>) -> bool {
        self.line.as_ref().expect("a store is open").fail(fault);
        true
    }

    fn failed(&self) -> usize {
        self.line.as_ref().expect("a store is open").failed()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract() {
    let report = contract::run(Site::new().await).await;
    report.assert();
    eprintln!("{report}");
    // A kill takes nothing from the page cache, so a server that is killed is no machine that loses power.
    let cuts = [CutAfterSave, CutAfterDelete, CutInside, CutAfterFault, CutAfterKill];
    assert_eq!(report.not_checked(), cuts, "{report}");
}
