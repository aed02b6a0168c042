//! The encoder on its way through a round, and on threads for long work.

use super::status::BatcherError;
use crate::{BatchEncoder, EncoderError, StepResult, Submission};

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
