//! The type [`Runtime`]: a handle to what its calls share. The calls are in `runtime`.

use std::fmt;
use std::sync::Arc;

use crate::runtime::access::Core;

/// Holds conversations over a store. A cheap handle: clones are the same runtime.
///
/// If the executor is tokio's, its time must be enabled, because every wait has a timeout. On another executor there are no
/// timeouts, and what a dropped call has left is finished by later calls or by [`shutdown`](Self::shutdown).
///
/// ```standalone_crate
/// use stube::{Confirm, Event, MemoryStore, flow, runtime::{Reply, Runtime}};
///
/// #[flow]
/// async fn order_it() -> String {
///     if Confirm::new("Order it?").await { "ordered".into() } else { "not ordered".into() }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), stube::Error> {
/// let runtime = Runtime::open(MemoryStore::new())?;
/// let id = runtime.start(order_it()).await?.id;
/// let questions = runtime.render(id).await?.waiting().expect("it waits for an answer");
/// let reply = runtime.dispatch(id, questions[0].turn, Event::new("yes")).await?;
/// assert_eq!(reply, Reply::Ended { result: "\"ordered\"".into() });
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Runtime {
    pub(super) core: Arc<Core>,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("store", &self.core.persistence.store).finish_non_exhaustive()
    }
}
