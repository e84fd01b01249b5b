//! Files.
#[derive(Debug)]
/// x
pub struct FileStore;
