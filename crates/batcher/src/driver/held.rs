//! The encoder on its way through a round, and on threads for long work.

use super::status::BatcherError;
use crate::{BatchBlock, BatchEncoder, EncoderError, StepResult, Submission};
use foggara_primitives::ChainSpec;
use foggara_store::Store;
use std::sync::Arc;

/// The encoder on its way through a round.
#[derive(Debug)]
pub(super) struct Held(pub(super) Option<BatchEncoder>);

impl Held {
    pub(super) fn get(&mut self) -> Result<&mut BatchEncoder, BatcherError> {
        self.0
            .as_mut()
            .ok_or_else(|| BatcherError::Thread("the encoder is gone".into()))
    }

    /// Runs something long on a thread for such work.
    async fn on_thread<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut BatchEncoder) -> T + Send + 'static,
    ) -> Result<T, BatcherError> {
        let gone = || BatcherError::Thread("the encoder is gone".into());
        let mut encoder = self.0.take().ok_or_else(gone)?;
        let (encoder, result) = tokio::task::spawn_blocking(move || {
            let result = work(&mut encoder);
            (encoder, result)
        })
        .await
        .map_err(|error| BatcherError::Thread(error.to_string()))?;
        self.0 = Some(encoder);
        Ok(result)
    }

    /// Brings the encoder's row of blocks in line with the store's chain; after an outage that is a
    /// long read.
    pub(super) async fn follow(
        &mut self,
        store: Store,
        spec: Arc<ChainSpec>,
        backlog_max: usize,
    ) -> Result<(), BatcherError> {
        self.on_thread(move |encoder| follow(encoder, &store, &spec, backlog_max))
            .await?
    }

    /// Steps until there is nothing to do or some channels wait to be sent.
    pub(super) async fn work(&mut self) -> Result<(), BatcherError> {
        let outcome = self.on_thread(|encoder| {
            let mut closed = 0;
            while closed < 6 {
                match encoder.step()? {
                    StepResult::Idle => break,
                    StepResult::Worked => {}
                    StepResult::Closed(reason) => {
                        closed += 1;
                        tracing::debug!(?reason, "batch.channel_closed");
                    }
                }
            }
            Ok::<_, EncoderError>(())
        });
        Ok(outcome.await??)
    }

    pub(super) async fn next_submission(&mut self) -> Result<Option<Submission>, BatcherError> {
        Ok(self.on_thread(BatchEncoder::next_submission).await??)
    }
}

fn follow(
    encoder: &mut BatchEncoder,
    store: &Store,
    spec: &ChainSpec,
    backlog_max: usize,
) -> Result<(), BatcherError> {
    let heads = store.heads();
    let tip = encoder.tip();
    let mut fits = store.block_hash(tip.number)? == Some(tip.hash);
    if fits && let Err(error) = encoder.advance_safe(heads.safe.id()) {
        tracing::info!(%error, "batch.reset");
        fits = false;
    }
    if !fits {
        encoder.reset(safe_block(store, spec)?);
    }
    let mut held = encoder.backlog_bytes();
    for number in encoder.tip().number + 1..=heads.unsafe_.number {
        if held >= backlog_max {
            break;
        }
        let Some(block) = store.block(number)? else {
            break;
        };
        let block = BatchBlock::new(spec, &block.header, block.hash, &block.transactions)?;
        held += block.size();
        if let Err(error) = encoder.add_block(block) {
            // The chain changes as we read it: the next round sees the whole change.
            tracing::debug!(%error, "batch.chain_changed");
            break;
        }
    }
    Ok(())
}

/// The block the encoder continues after.
pub(super) fn safe_block(store: &Store, spec: &ChainSpec) -> Result<BatchBlock, BatcherError> {
    let block = store.head_block(|heads| heads.safe)?;
    let (header, hash) = (&block.header, block.hash);
    Ok(BatchBlock::new(spec, header, hash, &block.transactions)?)
}
