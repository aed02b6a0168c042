//! When the heads moved, as far as this process has seen it.

use foggara_primitives::Heads;
use foggara_store::Store;
use parking_lot::Mutex;
use std::{sync::Arc, time::Instant};

/// Times at which the unsafe, safe and finalized head moved.
#[derive(Debug)]
pub(crate) struct Moved(Arc<Mutex<[Instant; 3]>>);

impl Moved {
    /// Watches the heads as long as the store is there. Outside of a runtime the times stand still.
    pub(crate) fn watch(store: &Store) -> Self {
        let times = Arc::new(Mutex::new([Instant::now(); 3]));
        let mut heads = store.subscribe_heads();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let times = Arc::clone(&times);
            runtime.spawn(async move {
                let mut last = *heads.borrow_and_update();
                while heads.changed().await.is_ok() {
                    let now: Heads = *heads.borrow_and_update();
                    let moved = [
                        now.unsafe_ != last.unsafe_,
                        now.safe != last.safe,
                        now.finalized != last.finalized,
                    ];
                    let mut times = times.lock();
                    for (time, moved) in times.iter_mut().zip(moved) {
                        if moved {
                            *time = Instant::now();
                        }
                    }
                    last = now;
                }
            });
        }
        Self(times)
    }

    /// Seconds since then.
    pub(crate) fn seconds(&self) -> [u64; 3] {
        self.0.lock().map(|time| time.elapsed().as_secs())
    }
}
