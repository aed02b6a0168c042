//! Mines by the clock.

use crate::{DevL1, DevL1Error};
use std::{future::Future, time::Duration};

impl DevL1 {
    /// Mines a block at every multiple of the block time until `stop` is ready. After a pause, or a
    /// jump of the clock, it goes on with one block at the present time; none is made up for.
    ///
    /// # Errors
    /// [`DevL1Error`]: a block could not be committed; the chain must not go on.
    pub async fn run(&self, stop: impl Future<Output = ()> + Send) -> Result<(), DevL1Error> {
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return Ok(()),
                () = tokio::time::sleep(self.until_next()) => {}
            }
            let chain = self.clone();
            let mined = tokio::task::spawn_blocking(move || chain.mine()).await;
            mined.map_err(DevL1Error::state)??;
        }
    }

    /// Time until the clock shows the next multiple of the block time.
    fn until_next(&self) -> Duration {
        let step = self.config().block_time.max(1).saturating_mul(1_000);
        let into = self.config().clock.now_ms() % step;
        Duration::from_millis(step - into)
    }
}
