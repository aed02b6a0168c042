//! The thread that owns the writer, and the queue in front of it.

use super::{
    Entry, Figures, JournalConfig, JournalError, JournalStats, Sink, files::JournalFiles,
    recover::Recovered, writer::Writer,
};
use parking_lot::{Condvar, Mutex};
use std::{
    collections::VecDeque,
    io,
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

/// Pause after the disk was full, so that it is not asked without end.
const NO_SPACE_PAUSE: Duration = Duration::from_millis(250);

/// Handle to the running journal.
pub(crate) struct Journal {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    figures: Figures,
}

#[derive(Default)]
struct Queue {
    entries: VecDeque<Entry>,
    stopping: bool,
    failed: Option<JournalError>,
}

impl Journal {
    /// Starts the thread behind what [`recover`](super::recover) found.
    pub(crate) fn start(
        files: Box<dyn JournalFiles>,
        config: JournalConfig,
        recovered: Recovered,
        sink: Box<dyn Sink>,
    ) -> io::Result<Self> {
        let figures = Figures::default();
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            wake: Condvar::new(),
            figures: Arc::clone(&figures),
        });
        let writer = Writer::new(
            files,
            config,
            recovered.index,
            recovered.next_batch,
            figures,
        );
        let loop_shared = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("pool-journal".into())
            .spawn(move || {
                let mut sink = sink;
                let work = || run(&loop_shared, writer, &mut *sink, config.batch_bytes_max);
                if panic::catch_unwind(AssertUnwindSafe(work)).is_err() {
                    // Whoever waits is told; what was being written has told its callers by going.
                    let error = JournalError::Failed {
                        during: "writing",
                        reason: "its thread panicked".into(),
                    };
                    sink.failed(loop_shared.fail(&error), &error);
                }
            })?;
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Queues entries; they become durable in order.
    ///
    /// # Errors
    /// The entries, if the journal has failed or stops.
    pub(crate) fn push(
        &self,
        entries: impl IntoIterator<Item = Entry>,
    ) -> Result<(), (Vec<Entry>, JournalError)> {
        let mut queue = self.shared.queue.lock();
        let refusal = queue
            .failed
            .clone()
            .or(queue.stopping.then_some(JournalError::Closed));
        if let Some(error) = refusal {
            return Err((entries.into_iter().collect(), error));
        }
        let idle = queue.entries.is_empty();
        queue.entries.extend(entries);
        drop(queue);
        if idle {
            self.shared.wake.notify_one();
        }
        Ok(())
    }

    pub(crate) fn stats(&self) -> JournalStats {
        *self.shared.figures.lock()
    }

    /// Writes what is queued and ends the thread. Does not wait if called by that thread.
    pub(crate) fn stop(&self) {
        self.shared.queue.lock().stopping = true;
        self.shared.wake.notify_one();
        let thread = self.thread.lock().take();
        if let Some(thread) = thread
            && thread.thread().id() != thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    /// What waits, up to `bytes`; `None` when stopped and nothing waits.
    fn take(&self, bytes: usize) -> Option<Vec<Entry>> {
        let mut queue = self.queue.lock();
        while queue.entries.is_empty() {
            if queue.stopping {
                return None;
            }
            self.wake.wait(&mut queue);
        }
        let mut sum = 0;
        let mut count = 0;
        for entry in &queue.entries {
            sum += entry.bytes();
            if count > 0 && sum > bytes {
                break;
            }
            count += 1;
        }
        Some(queue.entries.drain(..count).collect())
    }

    /// Puts entries back in front and pauses; false if the journal stops.
    fn put_back(&self, entries: Vec<Entry>) -> bool {
        let mut queue = self.queue.lock();
        for entry in entries.into_iter().rev() {
            queue.entries.push_front(entry);
        }
        if !queue.stopping {
            let _ = self.wake.wait_for(&mut queue, NO_SPACE_PAUSE);
        }
        !queue.stopping
    }

    /// Refuses everything from now on, and returns what waits.
    fn fail(&self, error: &JournalError) -> Vec<Entry> {
        let mut queue = self.queue.lock();
        queue.failed = Some(error.clone());
        queue.entries.drain(..).collect()
    }
}

fn run(shared: &Shared, mut writer: Writer, sink: &mut dyn Sink, batch_bytes_max: usize) {
    while let Some(entries) = shared.take(batch_bytes_max) {
        let outcome = writer.commit(entries.iter().map(|entry| &entry.op));
        let outcome = match outcome {
            Ok(()) => {
                sink.synced(entries);
                writer.reclaim().map_err(|error| (Vec::new(), error))
            }
            Err(error @ JournalError::NoSpace { .. }) => {
                tracing::warn!(%error, "journal has no space");
                let again = sink.rejected(entries, &error);
                if !shared.put_back(again) {
                    sink.failed(shared.fail(&error), &error);
                    return;
                }
                Ok(())
            }
            Err(error) => Err((entries, error)),
        };
        if let Err((mut lost, error)) = outcome {
            tracing::error!(%error, "journal has failed");
            lost.extend(shared.fail(&error));
            sink.failed(lost, &error);
            return;
        }
    }
}
