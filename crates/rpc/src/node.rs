//! What stands behind the methods of a node, and how they are registered.

use crate::{
    Context, Limits,
    error::{Answer, busy, internal},
    filters::Filters,
    moved::Moved,
    params::Args,
};
use foggara_evm::Cancel;
use jsonrpsee::{
    RpcModule,
    core::{RegisterMethodError, RpcResult},
};
use serde::Serialize;
use serde_json::value::RawValue;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// A node as its methods see it.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) context: Context,
    pub(crate) limits: Limits,
    pub(crate) filters: Filters,
    pub(crate) calls: Workers,
    pub(crate) proofs: Workers,
    reads: Arc<Semaphore>,
    /// When the heads moved.
    pub(crate) moved: Moved,
    /// Talks to the sequencer of a replica.
    pub(crate) http: reqwest::Client,
}

impl Node {
    pub(crate) fn new(context: Context, limits: Limits) -> Self {
        Self {
            calls: Workers::new(limits.calls_at_once, &limits),
            proofs: Workers::new(limits.proofs_at_once, &limits),
            reads: Arc::new(Semaphore::new(limits.reads_at_once)),
            filters: Filters::default(),
            moved: Moved::watch(&context.store),
            http: reqwest::Client::new(),
            limits,
            context,
        }
    }

    pub(crate) fn chain_id(&self) -> u64 {
        self.context.spec.rollup.l2_chain_id
    }

    /// Reads the store on a thread of its own, when it is its turn.
    pub(crate) async fn read<T: Send + 'static>(
        self: Arc<Self>,
        job: impl FnOnce(&Self) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        let turn = Arc::clone(&self.reads).acquire_owned().await;
        blocking(move || {
            let _turn = turn;
            job(&self)
        })
        .await
    }

    /// A flag that fires when the time of a call is over.
    pub(crate) fn deadline(&self) -> Arc<dyn Cancel> {
        let end = Instant::now() + self.limits.call_time;
        Arc::new(move || Instant::now() >= end)
    }
}

/// Threads for what takes long: some at once, some more waiting, the rest sent away.
#[derive(Debug)]
pub(crate) struct Workers {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    wait: Duration,
}

impl Workers {
    fn new(at_once: usize, limits: &Limits) -> Self {
        Self {
            running: Arc::new(Semaphore::new(at_once)),
            waiting: Arc::new(Semaphore::new(limits.calls_waiting)),
            wait: limits.wait_time,
        }
    }

    /// Runs a job on a thread of its own, never on one that serves connections.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        let permit = match Arc::clone(&self.running).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let _waiting = self.waiting.try_acquire().map_err(|_| busy())?;
                let turn = Arc::clone(&self.running).acquire_owned();
                match tokio::time::timeout(self.wait, turn).await {
                    Ok(Ok(permit)) => permit,
                    _ => return Err(busy()),
                }
            }
        };
        blocking(move || {
            let _permit = permit;
            job()
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> Answer<T> + Send + 'static,
) -> Answer<T> {
    tokio::task::spawn_blocking(job)
        .await
        .unwrap_or_else(|why| Err(internal("thread", &why)))
}

/// Writes an answer where it was found, not on a thread that serves connections: it may be long.
fn written<T: Serialize>(value: T) -> Answer<Box<RawValue>> {
    serde_json::value::to_raw_value(&value).map_err(|why| internal("answer", &why))
}

/// Registers the methods of a node.
pub(crate) struct Registry(pub(crate) RpcModule<Node>);

type Registered = Result<(), RegisterMethodError>;

impl Registry {
    /// A method that answers at once.
    pub(crate) fn instant<T: Serialize + Clone + 'static>(
        &mut self,
        name: &'static str,
        f: fn(&Node, &mut Args<'_>) -> Answer<T>,
    ) -> Registered {
        self.0
            .register_method(name, move |params, node, _| -> RpcResult<T> {
                f(node, &mut Args::new(&params)?)
            })?;
        Ok(())
    }

    /// A method that reads the store.
    pub(crate) fn read<T: Serialize + Clone + Send + 'static>(
        &mut self,
        name: &'static str,
        f: fn(&Node, &mut Args<'_>) -> Answer<T>,
    ) -> Registered {
        self.0
            .register_async_method(name, move |params, node, _| async move {
                node.read(move |node| f(node, &mut Args::new(&params)?).and_then(written))
                    .await
            })?;
        Ok(())
    }

    /// A method that executes or searches: bounded in number, time and waiting.
    pub(crate) fn execute<T: Serialize + Clone + Send + 'static>(
        &mut self,
        name: &'static str,
        f: fn(&Node, &mut Args<'_>) -> Answer<T>,
    ) -> Registered {
        self.0
            .register_async_method(name, move |params, node, _| async move {
                let job = Arc::clone(&node);
                node.calls
                    .run(move || f(&job, &mut Args::new(&params)?).and_then(written))
                    .await
            })?;
        Ok(())
    }

    /// A method that makes proofs.
    pub(crate) fn prove<T: Serialize + Clone + Send + 'static>(
        &mut self,
        name: &'static str,
        f: fn(&Node, &mut Args<'_>) -> Answer<T>,
    ) -> Registered {
        self.0
            .register_async_method(name, move |params, node, _| async move {
                let job = Arc::clone(&node);
                node.proofs
                    .run(move || f(&job, &mut Args::new(&params)?).and_then(written))
                    .await
            })?;
        Ok(())
    }
}
