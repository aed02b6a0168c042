//! Messages of a subscription.

use crate::server::Hangup;
use jsonrpsee::{Extensions, SubscriptionSink, core::server::TrySendError};
use serde::Serialize;
use tokio::sync::broadcast::{self, error::RecvError};

/// Where the messages of one subscription go.
#[derive(Debug)]
pub(crate) struct Out {
    sink: SubscriptionSink,
    hangup: Option<Hangup>,
}

impl Out {
    pub(crate) fn new(sink: SubscriptionSink, extensions: &Extensions) -> Self {
        Self {
            sink,
            hangup: extensions.get::<Hangup>().cloned(),
        }
    }

    /// Returns once nobody listens any more.
    pub(crate) async fn closed(&self) {
        self.sink.closed().await;
    }

    /// Whether to go on. A reader that is too far behind is cut, never buffered without bound.
    pub(crate) fn push(&mut self, message: &impl Serialize) -> bool {
        let Ok(json) = serde_json::value::to_raw_value(message) else {
            return false;
        };
        match self.sink.try_send(json) {
            Ok(()) => true,
            Err(TrySendError::Closed(_)) => false,
            Err(TrySendError::Full(_)) => {
                self.cut();
                false
            }
        }
    }

    fn cut(&self) {
        if let Some(hangup) = &self.hangup {
            hangup.hang_up();
        }
    }

    /// The next event; `None` ends the subscription.
    pub(crate) async fn next<T: Clone>(&self, events: &mut broadcast::Receiver<T>) -> Option<T> {
        let event = tokio::select! {
            () = self.sink.closed() => return None,
            event = events.recv() => event,
        };
        if let Err(RecvError::Lagged(_)) = event {
            self.cut();
        }
        event.ok()
    }
}
