//! The contract of stores, on a server whose line is cut and whose calls fail, and whose machine loses power where
//! there is a disk for that.
//!
//! A kill of the server takes nothing from the page cache, so it is no power cut. `tests/postgres_cuts.sh` prepares a
//! place for file systems whose power can be cut, and names it in `STUBE_CUTS`. Without one the promises about power cuts
//! are not checked, which is what the test then asserts.

use std::path::Path;
use std::time::Duration;

use stube::BoxError;
use stube::store::contract::Promise::{
    CutAfterDelete, CutAfterDiscard, CutAfterFault, CutAfterKill, CutAfterSave, CutInside,
};
use stube::store::contract::{self, Fault, Harness, Promise};
use stube::store::postgres::tokio_postgres::Statement;
use stube::{ConversationId, PostgresStore};

use crate::disk::Disk;
use crate::line::Line;
use crate::server::Server;
use crate::{Client, Config};

/// What can only be said of a machine that loses power.
const CUTS: [Promise; 6] = [CutAfterSave, CutAfterDelete, CutInside, CutAfterFault, CutAfterKill, CutAfterDiscard];

/// How long a store waits. It does so in every case in which all is cut off while a change is under way.
const PATIENCE: Duration = Duration::from_millis(300);

/// A server with one database, and the line of the store that is open.
struct Site {
    server: Server,
    /// Under the server, if its power can be cut.
    disk: Option<Disk>,
    config: Config,
    beside: Beside,
    line: Option<Line>,
    /// Whether the server syncs, as its settings say. In the control it does not.
    syncs: bool,
    /// Whether the power has been cut.
    was_cut: bool,
}

/// A connection of the harness, beside the line.
struct Beside {
    client: Client,
    /// Ends the backends of all stores, and says how many there still are.
    end: Statement,
}

impl Beside {
    async fn new(server: &Server, config: &Config) -> Self {
        let client = server.client(config).await;
        // What it does sets off no trigger, and is there after a power cut.
        let sql = "SET session_replication_role = replica; SET synchronous_commit = on";
        client.batch_execute(sql).await.expect("it may");
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'stube'";
        let end = client.prepare(end).await.expect("it is understood");
        Self { client, end }
    }
}

/// What makes a server lose much and start soon.
const SETTINGS: [&str; 6] = [
    // A commit that the store does not ask it to sync is synced seconds later.
    "synchronous_commit=off",
    "wal_writer_delay=10s",
    // Check-points come in between, and there is little to repeat after a cut.
    "min_wal_size=2MB",
    "max_wal_size=4MB",
    "shared_buffers=16MB",
    "recovery_init_sync_method=syncfs",
];

/// Where no sync brings anything to the disk, the saves come there at the next delete, just before it. So a cut takes away
/// the delete, and what was deleted is back. Without this it would take away both.
const LATE: &str = "
    CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        COPY (SELECT) TO PROGRAM 'cat > /dev/null; LD_PRELOAD= sync -f .';
        RETURN OLD;
    END $$;
    CREATE TRIGGER late BEFORE DELETE ON stube_conversation FOR EACH ROW EXECUTE FUNCTION late();";

impl Site {
    /// On a machine whose power nobody cuts.
    async fn new() -> Self {
        Self::on(Server::start(&[]).await, None).await
    }

    /// On a machine that loses power.
    async fn with_cuts(place: &Path) -> Self {
        let disk = Disk::new(&place.join("sound"));
        let server = Server::start_on(disk.path(), &SETTINGS, None).await;
        let site = Self::on(server, Some(disk)).await;
        // `initdb` was told to sync nothing.
        site.keep();
        site
    }

    /// The control: the same, but the server's syncs do nothing, while its settings say that they are made.
    async fn without_syncs(place: &Path) -> Self {
        let disk = Disk::new(&place.join("unsound"));
        let server = Server::start_on(disk.path(), &SETTINGS, Some("libeatmydata.so")).await;
        let mut site = Self { syncs: false, ..Self::on(server, Some(disk)).await };
        drop(site.open().await.expect("the tables are made"));
        site.beside.client.batch_execute(LATE).await.expect("it is understood");
        site.keep();
        site
    }

    async fn on(server: Server, disk: Option<Disk>) -> Self {
        let config = server.database().await;
        let beside = Beside::new(&server, &config).await;
        Self { server, disk, config, beside, line: None, syncs: true, was_cut: false }
    }

    /// Has what there is now survive a cut, whoever has synced it or not.
    fn keep(&self) {
        self.disk.as_ref().expect("there is one").sync();
    }

    async fn open(&mut self) -> Result<PostgresStore, BoxError> {
        let line = Line::to(self.server.port()).await;
        let way = line.way_to(&self.config);
        self.line = Some(line);
        // Nobody waits for hints, so calls for them would be counted at any time.
        let options = PostgresStore::options().timeout(PATIENCE).notifications(false);
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
        while self.beside.client.execute(&self.beside.end, &[]).await? > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let opened = self.open().await?;
        self.beside.client.batch_execute("DELETE FROM stube_conversation").await?;
        // What a cut takes away must be the store's.
        if !self.syncs {
            self.keep();
        }
        Ok(opened)
    }

    async fn reopen(&mut self) -> Result<Option<PostgresStore>, BoxError> {
        self.open().await.map(Some)
    }

    async fn overwrite(&mut self, id: ConversationId, bytes: &[u8]) -> Result<bool, BoxError> {
        let sql = "UPDATE stube_conversation SET record = $2 WHERE id = $1";
        Ok(self.beside.client.execute(sql, &[&id.to_string(), &bytes]).await? == 1)
    }

    fn fail(&mut self, fault: Option<Fault>) -> bool {
        self.line.as_ref().expect("a store is open").fail(fault);
        // The control is about power cuts, and leaves out what takes long before the first one.
        self.syncs || self.was_cut
    }

    fn failed(&self) -> usize {
        self.line.as_ref().expect("a store is open").failed()
    }

    /// Of the whole machine but for the harness: the server dies with it.
    async fn cut_power(&mut self, store: PostgresStore) -> Result<Option<Vec<PostgresStore>>, BoxError> {
        let Some(disk) = &self.disk else { return Ok(None) };
        // Before all else, so that nothing that anybody does as they end comes to the disk.
        disk.cut();
        drop(store);
        // Before the next server, so that nothing that the store has begun comes to that.
        self.line = None;
        self.server.kill();
        disk.restart();
        self.server.begin().await;
        self.beside = Beside::new(&self.server, &self.config).await;
        self.was_cut = true;
        Ok(Some(vec![self.open().await?]))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract() {
    let Some(place) = std::env::var_os("STUBE_CUTS") else {
        let report = contract::run(Site::new().await).await;
        report.assert();
        eprintln!("{report}");
        assert_eq!(report.not_checked(), CUTS, "{report}");
        return;
    };
    let report = contract::run(Site::without_syncs(place.as_ref()).await).await;
    eprintln!("without syncs, as the control:\n{report}");
    assert_eq!(report.broken(), CUTS, "{report}");
    let report = contract::run(Site::with_cuts(place.as_ref()).await).await;
    eprintln!("{report}");
    report.assert();
    assert_eq!(report.not_checked(), [], "{report}");
}
