//! Opens the store that `--store` names.

use std::path::Path;
use std::sync::Arc;

use crate::model::error::BoxError;
use crate::store::Store;

/// Opens an existing store: a directory, a SQLite file or a Postgres database.
pub(super) async fn open(place: &str) -> Result<Arc<dyn Store>, BoxError> {
    if place.starts_with("postgres://") || place.starts_with("postgresql://") {
        return postgres(place).await;
    }
    if let Some(file) = place.strip_prefix("sqlite:") {
        return sqlite(Path::new(file));
    }
    let path = Path::new(place);
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    if ["db", "sqlite", "sqlite3"].contains(&ending) && !path.is_dir() {
        return sqlite(path);
    }
    directory(path)
}

fn directory(path: &Path) -> Result<Arc<dyn Store>, BoxError> {
    if !path.is_dir() {
        return Err(format!("{} is not a directory", path.display()).into());
    }
    #[cfg(unix)]
    return Ok(Arc::new(crate::FileStore::open(path)?));
    #[cfg(not(unix))]
    Err("records in files need a Unix system".into())
}

#[cfg(feature = "sqlite")]
fn sqlite(file: &Path) -> Result<Arc<dyn Store>, BoxError> {
    if !file.is_file() {
        return Err(format!("{} is not a file", file.display()).into());
    }
    Ok(Arc::new(crate::SqliteStore::open(file)?))
}

#[cfg(not(feature = "sqlite"))]
fn sqlite(_: &Path) -> Result<Arc<dyn Store>, BoxError> {
    Err("this command was built without SQLite; build it with the feature `sqlite` of stube".into())
}

#[cfg(feature = "postgres")]
async fn postgres(url: &str) -> Result<Arc<dyn Store>, BoxError> {
    let config = url.parse::<crate::store::postgres::tokio_postgres::Config>()?;
    Ok(Arc::new(crate::PostgresStore::connect(config).await?))
}

#[cfg(not(feature = "postgres"))]
async fn postgres(_: &str) -> Result<Arc<dyn Store>, BoxError> {
    Err("this command was built without Postgres; build it with the feature `postgres` of stube".into())
}
