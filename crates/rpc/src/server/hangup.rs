//! Lets a method end the connection it was called on.

use std::sync::Arc;
use tokio::sync::watch;

/// Ends a connection whose reader has fallen too far behind.
#[derive(Debug, Clone)]
pub(crate) struct Hangup(Arc<watch::Sender<bool>>);

impl Hangup {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Ends the connection.
    pub(crate) fn hang_up(&self) {
        self.0.send_replace(true);
    }

    /// Returns once somebody ended it.
    pub(crate) async fn hung_up(&self) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|ended| *ended).await;
    }
}
