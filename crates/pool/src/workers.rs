//! The threads that decode, recover senders and admit: beside the async runtime, few, and fed in
//! batches.

use crate::{PoolError, inner::Inner};
use alloy_primitives::{B256, Bytes};
use parking_lot::{Condvar, Mutex};
use std::{
    collections::VecDeque,
    io,
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Weak},
    thread,
};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// Jobs that a thread takes at once; about 1 ms of work.
const JOBS_AT_ONCE: usize = 16;

/// One transaction to be judged.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) raw: Bytes,
    pub(crate) private: bool,
    /// Its share of the bytes in flight, which bounds the queue.
    pub(crate) permit: OwnedSemaphorePermit,
    pub(crate) answer: oneshot::Sender<Result<B256, PoolError>>,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    idle: usize,
    stopping: bool,
}

/// The queue in front of the threads.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    queue: Mutex<Queue>,
    wake: Condvar,
}

impl Jobs {
    /// Queues a job; it is dropped, unanswered, if the pool stops.
    pub(crate) fn push(&self, job: Job) {
        let mut queue = self.queue.lock();
        if queue.stopping {
            return;
        }
        queue.jobs.push_back(job);
        let wake = queue.idle > 0;
        drop(queue);
        if wake {
            self.wake.notify_one();
        }
    }

    /// Ends the threads after what they do now.
    pub(crate) fn stop(&self) {
        let mut queue = self.queue.lock();
        queue.stopping = true;
        queue.jobs.clear();
        drop(queue);
        self.wake.notify_all();
    }

    fn take(&self) -> Option<Vec<Job>> {
        let mut queue = self.queue.lock();
        while queue.jobs.is_empty() {
            if queue.stopping {
                return None;
            }
            queue.idle += 1;
            self.wake.wait(&mut queue);
            queue.idle -= 1;
        }
        let count = queue.jobs.len().min(JOBS_AT_ONCE);
        Some(queue.jobs.drain(..count).collect())
    }
}

/// Starts `count` threads that work for the pool while it lives.
pub(crate) fn start(inner: &Arc<Inner>, count: usize) -> io::Result<()> {
    for index in 0..count.max(1) {
        let pool: Weak<Inner> = Arc::downgrade(inner);
        let jobs = Arc::clone(&inner.jobs);
        thread::Builder::new()
            .name(format!("pool-admit-{index}"))
            .spawn(move || {
                while let Some(batch) = jobs.take() {
                    for job in batch {
                        let Some(inner) = pool.upgrade() else { return };
                        let work = AssertUnwindSafe(|| inner.work(job));
                        if panic::catch_unwind(work).is_err() {
                            inner.give_up("admitting a transaction", "its thread panicked");
                        }
                    }
                }
            })?;
    }
    Ok(())
}
