//! The chain's side of a round: what has landed, what was dropped, what is final.

use super::{
    TxEvent, TxFailure, TxId,
    manager::{Landed, TxManager},
};
use crate::{BlockAt, BlockTag, Inclusion, L1Error, StateAt};
use alloy_primitives::B256;
use foggara_primitives::{BlockId, L1Ref};
use tokio::time::Instant;

/// Looks at the chain after which a used nonce without a transaction of ours is a stranger's.
const STRANGER_LOOKS: u32 = 3;

impl TxManager {
    /// Looks after a reorg whether what had landed still stands where it stood.
    pub(super) async fn watch_landed(&mut self, head: L1Ref) -> Result<(), L1Error> {
        let Some(last) = self.last_head else {
            return Ok(());
        };
        if head.hash == last.hash || head.parent_hash == last.hash {
            return Ok(());
        }
        if self.canonical(last.id()).await? {
            return Ok(());
        }
        let landed: Vec<(u64, Landed)> = self
            .flights
            .iter()
            .filter_map(|(n, f)| f.landed.map(|landed| (*n, landed)))
            .collect();
        for (nonce, landed) in landed {
            if self.canonical(landed.block).await? {
                continue;
            }
            let now = self.client.inclusion(landed.tx_hash).await?;
            let Some(flight) = self.flights.get_mut(&nonce) else {
                continue;
            };
            let id = flight.id;
            let Landed { block, tx_hash } = landed;
            flight.landed = None;
            flight.again = true;
            self.ready.push(TxEvent::Reorged { id, block, tx_hash });
            if let Some(now) = now {
                self.included(nonce, landed.tx_hash, now)?;
            }
        }
        Ok(())
    }

    async fn canonical(&self, block: BlockId) -> Result<bool, L1Error> {
        let found = self.client.header(BlockAt::Number(block.number)).await?;
        Ok(found.is_some_and(|(_, hash)| hash == block.hash))
    }

    /// Finds what has landed: only nonces that the chain has used are asked for.
    pub(super) async fn collect(&mut self, head: L1Ref) -> Result<(), L1Error> {
        if self.waiting().next().is_none() {
            return Ok(());
        }
        let used = self
            .client
            .nonce(self.address(), StateAt::Hash(head.hash))
            .await?;
        let due: Vec<(u64, Vec<B256>)> = self
            .waiting()
            .take_while(|(nonce, _)| **nonce < used)
            .map(|(nonce, flight)| (*nonce, flight.tx_hashes.clone()))
            .collect();
        for (nonce, tx_hashes) in due {
            let mut found = None;
            for tx_hash in tx_hashes.into_iter().rev() {
                if let Some(inclusion) = self.client.inclusion(tx_hash).await? {
                    found = Some((tx_hash, inclusion));
                    break;
                }
            }
            if let Some((tx_hash, inclusion)) = found {
                self.included(nonce, tx_hash, inclusion)?;
            } else if let Some(flight) = self.flights.get_mut(&nonce) {
                let new_look = self.last_head.is_none_or(|last| last.hash != head.hash);
                flight.missing = flight.missing.saturating_add(u32::from(new_look));
                if flight.missing >= STRANGER_LOOKS {
                    return Err(L1Error::Stranger { nonce });
                }
            }
        }
        Ok(())
    }

    fn included(&mut self, nonce: u64, tx_hash: B256, now: Inclusion) -> Result<(), L1Error> {
        let Some(flight) = self.flights.get_mut(&nonce) else {
            return Ok(());
        };
        let id = flight.id;
        self.spent.push_back((Instant::now(), now.cost()));
        if now.success {
            self.reverts = 0;
            flight.landed = Some(Landed {
                block: now.block,
                tx_hash,
            });
            flight.again = false;
            flight.missing = 0;
            let (block, cost) = (now.block, now.cost());
            self.ready.push(TxEvent::Landed {
                id,
                block,
                tx_hash,
                cost,
            });
            return Ok(());
        }
        self.reverts = self.reverts.saturating_add(1);
        self.flights.remove(&nonce);
        let reason = TxFailure::Reverted {
            block: now.block,
            tx_hash,
        };
        self.ready.push(TxEvent::Failed { id, reason });
        self.log
            .forget(nonce)
            .map_err(|error| L1Error::Intent(error.to_string()))
    }

    /// Forgets what is final.
    pub(super) async fn finish(&mut self) -> Result<(), L1Error> {
        if self.flights.values().all(|flight| flight.landed.is_none()) {
            return Ok(());
        }
        let finalized = self.client.head(BlockTag::Finalized).await?;
        let done: Vec<(u64, TxId, BlockId)> = self
            .flights
            .iter()
            .filter_map(|(nonce, flight)| Some((*nonce, flight.id, flight.landed?.block)))
            .filter(|(_, _, block)| block.number <= finalized.number)
            .collect();
        for (nonce, id, block) in done {
            self.flights.remove(&nonce);
            self.ready.push(TxEvent::Final { id, block });
            self.log
                .forget(nonce)
                .map_err(|error| L1Error::Intent(error.to_string()))?;
        }
        Ok(())
    }
}
