//! L1 blocks for the engine: read ahead where the follower knows them, read again below the cursor.

use crate::{
    driver::{Session, Verifier},
    inputs::Wanted,
};
use foggara_derive::{L1Input, Severity};
use foggara_l1::{BlockAt, L1Error, fetch_events, fetch_input};
use foggara_primitives::SystemConfig;
use std::{future::Future, time::Duration};

/// Tries of one call before its failure is taken for an outage.
const TRIES_MAX: u32 = 4;

/// Repeats a call that failed for the moment, so that one lost answer does not undo the work of many
/// calls.
pub(crate) async fn patient<T, F>(pause: Duration, call: impl Fn() -> F) -> Result<T, L1Error>
where
    F: Future<Output = Result<T, L1Error>>,
{
    let mut tries = 1u32;
    loop {
        match call().await {
            Err(L1Error::Stopped) => return Err(L1Error::Stopped),
            Err(error) if error.severity() == Severity::Retry && tries < TRIES_MAX => {
                tracing::debug!(%error, tries, "verifier.l1.again");
                tokio::time::sleep(pause.saturating_mul(tries)).await;
                tries = tries.saturating_add(1);
            }
            answer => return answer,
        }
    }
}

impl Verifier {
    /// The L1 block that derivation wants; `None` above the follower's tip.
    pub(crate) async fn input(
        &mut self,
        session: &mut Session,
        wanted: Wanted,
    ) -> Result<Option<L1Input>, L1Error> {
        if wanted.number <= session.consumed() {
            return self.read_again(session, wanted).await.map(Some);
        }
        let Some(block) = session.follower.get(wanted.number) else {
            return Ok(None);
        };
        let Some(batcher) = wanted.batcher else {
            return Ok(Some(fetch_events(&*self.l1, &self.spec, block.hash).await?));
        };
        if let Some(input) = session.prefetch.take(&block, batcher).await {
            self.read_ahead(session, wanted);
            return Ok(Some(input));
        }
        session.prefetch.clear();
        self.read_ahead(session, wanted);
        let mut sys = SystemConfig {
            batcher,
            ..SystemConfig::default()
        };
        Ok(Some(
            fetch_input(&*self.l1, &self.spec, block.hash, &mut sys).await?,
        ))
    }

    /// A block at or below the cursor, by number: derivation checks that it is the one it knows.
    async fn read_again(&self, session: &mut Session, wanted: Wanted) -> Result<L1Input, L1Error> {
        let known = session.follower.get(wanted.number);
        let at = known.map_or(BlockAt::Number(wanted.number), |block| {
            BlockAt::Hash(block.hash)
        });
        Ok(match wanted.batcher {
            None => fetch_events(&*self.l1, &self.spec, at).await?,
            Some(batcher) => {
                let mut sys = SystemConfig {
                    batcher,
                    ..SystemConfig::default()
                };
                fetch_input(&*self.l1, &self.spec, at, &mut sys).await?
            }
        })
    }

    fn read_ahead(&self, session: &mut Session, wanted: Wanted) {
        let Some(batcher) = wanted.batcher else {
            return;
        };
        let mut next = session
            .prefetch
            .next_number()
            .unwrap_or(wanted.number.saturating_add(1));
        while session.prefetch.len() < self.config.prefetch_max {
            let Some(block) = session.follower.get(next) else {
                return;
            };
            session.prefetch.start(&self.l1, &self.spec, block, batcher);
            next = next.saturating_add(1);
        }
    }
}
