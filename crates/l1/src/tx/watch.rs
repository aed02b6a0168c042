//! The chain's side of a round: what has landed, what was dropped, what is final.

use super::{
    TxEvent, TxFailure, TxId,
    manager::{Landed, TxManager},
};
use crate::{BlockAt, BlockTag, Inclusion, L1Error, StateAt};
use alloy_consensus::Transaction;
use alloy_primitives::B256;
use foggara_primitives::{BlockId, L1Ref};
use tokio::time::Instant;

/// Looks at the chain after which a used nonce without a transaction of ours is a stranger's.
const STRANGER_LOOKS: u32 = 3;
/// Blocks that are searched for a transaction of an earlier run, at most.
const EARLIER_BLOCKS_MAX: u64 = 64;

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
            let is_new_look = self.last_head.is_none_or(|last| last.hash != head.hash);
            if let Some((tx_hash, inclusion)) = found {
                self.included(nonce, tx_hash, inclusion)?;
            } else if is_new_look {
                if let Some((tx_hash, inclusion)) = self.earlier(nonce, head).await? {
                    self.superseded(nonce, tx_hash, inclusion)?;
                    continue;
                }
                let Some(flight) = self.flights.get_mut(&nonce) else {
                    continue;
                };
                flight.missing = flight.missing.saturating_add(1);
                if flight.missing >= STRANGER_LOOKS {
                    return Err(L1Error::Stranger { nonce });
                }
            }
        }
        Ok(())
    }

    /// What took the nonce of a flight, if it can only be ours from before a restart: the node had lost
    /// it, so its nonce was given out again, and somebody else's node had not. It goes where the flight
    /// goes, at one of the nonces that the earlier run may have had in flight.
    async fn earlier(&self, nonce: u64, head: L1Ref) -> Result<Option<(B256, Inclusion)>, L1Error> {
        let candidate = self.flights.get(&nonce);
        let Some(flight) = candidate.filter(|_| nonce < self.earlier_until) else {
            return Ok(None);
        };
        let reach = head.number.saturating_sub(flight.since);
        let mut hash = head.hash;
        for _ in 0..=reach.min(EARLIER_BLOCKS_MAX) {
            let Some(block) = self.client.block(BlockAt::Hash(hash)).await? else {
                return Ok(None);
            };
            let taker = block.transactions.iter().find(|tx| {
                tx.envelope().is_some_and(|known| known.nonce() == nonce)
                    && tx.sender() == Some(self.address())
            });
            if let Some(taker) = taker.and_then(|tx| tx.envelope()) {
                if taker.to() != Some(flight.request.to) {
                    return Ok(None);
                }
                let found = self.client.inclusion(*taker.tx_hash()).await?;
                return Ok(found.map(|inclusion| (*taker.tx_hash(), inclusion)));
            }
            hash = block.header.parent_hash;
        }
        Ok(None)
    }

    /// An earlier run's transaction stands at the nonce of this flight, which will not land.
    fn superseded(&mut self, nonce: u64, tx_hash: B256, now: Inclusion) -> Result<(), L1Error> {
        let Some(flight) = self.flights.remove(&nonce) else {
            return Ok(());
        };
        tracing::warn!(nonce, %tx_hash, "tx.superseded_by_an_earlier_run");
        self.spent.push_back((Instant::now(), now.cost()));
        let (id, block) = (flight.id, now.block);
        let reason = TxFailure::Superseded { block, tx_hash };
        self.ready.push(TxEvent::Failed { id, reason });
        self.log
            .forget(nonce)
            .map_err(|error| L1Error::Intent(error.to_string()))
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
