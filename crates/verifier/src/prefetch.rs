//! L1 blocks read ahead while the ones before them are derived.

use alloy_primitives::Address;
use foggara_derive::L1Input;
use foggara_l1::{L1Client, L1Error, fetch_input};
use foggara_primitives::{ChainSpec, L1Ref, SystemConfig};
use std::{collections::VecDeque, sync::Arc};
use tokio::task::JoinHandle;

/// Reads blocks ahead under the assumption that the batcher stays; a block read for another batcher is
/// read again.
#[derive(Debug, Default)]
pub(crate) struct Prefetch {
    tasks: VecDeque<Task>,
}

#[derive(Debug)]
struct Task {
    block: L1Ref,
    batcher: Address,
    handle: JoinHandle<Result<L1Input, L1Error>>,
}

impl Drop for Prefetch {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Prefetch {
    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        for task in self.tasks.drain(..) {
            task.handle.abort();
        }
    }

    /// Starts reading `block`.
    pub(crate) fn start(
        &mut self,
        l1: &Arc<dyn L1Client>,
        spec: &Arc<ChainSpec>,
        block: L1Ref,
        batcher: Address,
    ) {
        let (l1, spec) = (Arc::clone(l1), Arc::clone(spec));
        let handle = tokio::spawn(async move {
            let mut sys = SystemConfig {
                batcher,
                ..SystemConfig::default()
            };
            fetch_input(&*l1, &spec, block.hash, &mut sys).await
        });
        self.tasks.push_back(Task {
            block,
            batcher,
            handle,
        });
    }

    /// Number of the block after the last one started.
    pub(crate) fn next_number(&self) -> Option<u64> {
        self.tasks
            .back()
            .map(|task| task.block.number.saturating_add(1))
    }

    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// The block, if it was started for this batcher and could be read; what stands before it is
    /// forgotten.
    pub(crate) async fn take(&mut self, block: &L1Ref, batcher: Address) -> Option<L1Input> {
        while let Some(task) = self.tasks.pop_front() {
            if task.block.hash == block.hash {
                if task.batcher != batcher {
                    task.handle.abort();
                    self.clear();
                    return None;
                }
                return task.handle.await.ok()?.ok();
            }
            task.handle.abort();
        }
        None
    }
}
