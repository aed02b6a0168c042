//! The parts of a running node and the order in which they stop.

use crate::StopError;
use foggara_devl1::DevL1;
use foggara_pool::Pool;
use std::future::Future;
use tokio::{sync::watch, task::JoinSet};

/// Everything that runs. Each part ends when the stop signal is given; if one ends before, all do.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) dev_l1: Option<DevL1>,
    pool: Option<Pool>,
    stop: watch::Sender<bool>,
    parts: JoinSet<(&'static str, Result<(), String>)>,
    servers: Vec<foggara_rpc::ServerHandle>,
}

impl Running {
    pub(crate) fn new(dev_l1: Option<DevL1>, pool: Option<Pool>) -> Self {
        Self {
            dev_l1,
            pool,
            stop: watch::Sender::new(false),
            parts: JoinSet::new(),
            servers: Vec::new(),
        }
    }

    /// The signal at which a part ends.
    pub(crate) fn stop_signal(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Starts a part.
    pub(crate) fn part<E: std::fmt::Display>(
        &mut self,
        name: &'static str,
        run: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        self.parts
            .spawn(async move { (name, run.await.map_err(|error| error.to_string())) });
    }

    /// Keeps a server until the node stops.
    pub(crate) fn server(&mut self, server: foggara_rpc::ServerHandle) {
        self.servers.push(server);
    }

    /// Waits until a part ends by itself, then stops the others.
    pub(crate) async fn wait(&mut self) -> Result<(), StopError> {
        let Some(ended) = self.parts.join_next().await else {
            return Ok(());
        };
        let outcome = early(ended);
        self.end().await?;
        outcome
    }

    /// Stops all parts in order.
    pub(crate) async fn stop(&mut self) -> Result<(), StopError> {
        self.end().await
    }

    async fn end(&mut self) -> Result<(), StopError> {
        for server in self.servers.drain(..) {
            server.stop().await;
        }
        // Nobody listens once every part has ended.
        let _ = self.stop.send(true);
        let mut outcome = Ok(());
        while let Some(ended) = self.parts.join_next().await {
            if let Ok((part, Err(why))) = ended
                && outcome.is_ok()
            {
                outcome = Err(StopError { part, why });
            }
        }
        if let Some(pool) = &self.pool
            && let Err(error) = pool.flush().await
            && outcome.is_ok()
        {
            outcome = Err(StopError {
                part: "journal",
                why: error.to_string(),
            });
        }
        outcome
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The parts finish what they have begun; a block that was handed over is committed.
        let _ = self.stop.send(true);
    }
}

/// Completes when the signal is given, or when the node is gone.
pub(crate) async fn stopped(mut signal: watch::Receiver<bool>) {
    let _ = signal.wait_for(|stop| *stop).await;
}

/// What it means that a part ended although nobody asked it to.
fn early(
    ended: Result<(&'static str, Result<(), String>), tokio::task::JoinError>,
) -> Result<(), StopError> {
    match ended {
        Ok((part, Ok(()))) => Err(StopError {
            part,
            why: "it returned".into(),
        }),
        Ok((part, Err(why))) => Err(StopError { part, why }),
        Err(error) => Err(StopError {
            part: "a task",
            why: error.to_string(),
        }),
    }
}
