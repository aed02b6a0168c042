//! Blobs over the beacon API, each checked against its versioned hash.
//!
//! Sources in order: `blobs/{id}?versioned_hashes=`, then `blob_sidecars/{id}`, on every server
//! given. `id` is the slot, computed from the block's time; a server without a beacon clock (anvil,
//! the development L1) takes the execution block number instead.

use super::transport::Server;
use crate::{L1Error, versioned_hash};
use alloy_primitives::{B256, Bytes};
use foggara_primitives::{L1Ref, constants::BLOB_SIZE};
use serde::Deserialize;
use std::collections::BTreeMap;
use tokio::sync::OnceCell;

/// One beacon server, or a blob archive that speaks its language.
#[derive(Debug)]
pub(super) struct Beacon {
    server: Server,
    clock: OnceCell<Option<SlotClock>>,
}

#[derive(Debug, Clone, Copy)]
struct SlotClock {
    genesis_time: u64,
    slot_seconds: u64,
}

#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

#[derive(Deserialize)]
struct Genesis {
    genesis_time: String,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(rename = "SECONDS_PER_SLOT", default)]
    seconds_per_slot: Option<String>,
    #[serde(rename = "SLOT_DURATION_MS", default)]
    slot_duration_ms: Option<String>,
}

#[derive(Deserialize)]
struct Sidecar {
    blob: Bytes,
}

impl Beacon {
    pub(super) fn new(server: Server) -> Self {
        Self {
            server,
            clock: OnceCell::new(),
        }
    }

    /// Adds to `found` what this server has of `wanted`.
    pub(super) async fn collect(
        &self,
        block: L1Ref,
        wanted: &[B256],
        found: &mut BTreeMap<B256, Bytes>,
    ) -> Result<(), L1Error> {
        let id = self.id(block).await?;
        let missing: Vec<B256> = wanted
            .iter()
            .filter(|hash| !found.contains_key(*hash))
            .copied()
            .collect();
        let list = missing
            .iter()
            .map(B256::to_string)
            .collect::<Vec<_>>()
            .join(",");
        let path = format!("/eth/v1/beacon/blobs/{id}");
        let by_hash = self
            .server
            .get::<Data<Vec<Bytes>>>(&path, &[("versioned_hashes", list)])
            .await;
        let mut failure = None;
        match by_hash {
            Ok(Some(answer)) => keep(answer.data, &missing, found).await?,
            Ok(None) => {}
            Err(error) => failure = Some(error),
        }
        if wanted.iter().all(|hash| found.contains_key(hash)) {
            return Ok(());
        }
        let path = format!("/eth/v1/beacon/blob_sidecars/{id}");
        match self.server.get::<Data<Vec<Sidecar>>>(&path, &[]).await {
            Ok(Some(answer)) => {
                let blobs = answer
                    .data
                    .into_iter()
                    .map(|sidecar| sidecar.blob)
                    .collect();
                keep(blobs, &missing, found).await
            }
            // Newer beacon nodes have dropped this path: the first error tells more.
            Ok(None) => failure.map_or(Ok(()), Err),
            Err(error) => Err(failure.unwrap_or(error)),
        }
    }

    async fn id(&self, block: L1Ref) -> Result<u64, L1Error> {
        let clock = self.clock.get_or_try_init(|| self.read_clock()).await?;
        Ok(clock.map_or(block.number, |clock| {
            block.timestamp.saturating_sub(clock.genesis_time) / clock.slot_seconds
        }))
    }

    /// The beacon clock; `None` where the server has none.
    async fn read_clock(&self) -> Result<Option<SlotClock>, L1Error> {
        let spec = match self
            .server
            .get::<Data<Spec>>("/eth/v1/config/spec", &[])
            .await
        {
            Ok(Some(answer)) => answer.data,
            // A server without this path is no beacon node but an execution node that serves blobs.
            Ok(None) | Err(L1Error::Rpc { .. } | L1Error::Decode { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let number = |text: &Option<String>| text.as_ref().and_then(|t| t.parse::<u64>().ok());
        let slot_seconds = number(&spec.seconds_per_slot)
            .or_else(|| number(&spec.slot_duration_ms).map(|ms| ms / 1_000))
            .filter(|seconds| *seconds > 0);
        let Some(slot_seconds) = slot_seconds else {
            return Ok(None);
        };
        let genesis = self
            .server
            .get::<Data<Genesis>>("/eth/v1/beacon/genesis", &[])
            .await?;
        let genesis_time = genesis.and_then(|answer| answer.data.genesis_time.parse().ok());
        Ok(genesis_time.map(|genesis_time| SlotClock {
            genesis_time,
            slot_seconds,
        }))
    }
}

/// Keeps the blobs whose versioned hash is wanted; a server may send others.
pub(super) async fn keep(
    blobs: Vec<Bytes>,
    wanted: &[B256],
    found: &mut BTreeMap<B256, Bytes>,
) -> Result<(), L1Error> {
    if blobs.is_empty() {
        return Ok(());
    }
    let hashed = tokio::task::spawn_blocking(move || {
        let hash = |blob: Bytes| Some((versioned_hash(&blob).ok()?, blob));
        let whole = |blob: &Bytes| blob.len() == BLOB_SIZE;
        blobs
            .into_iter()
            .filter(whole)
            .filter_map(hash)
            .collect::<Vec<_>>()
    })
    .await
    .map_err(|error| L1Error::Blob(error.to_string()))?;
    found.extend(hashed.into_iter().filter(|(hash, _)| wanted.contains(hash)));
    Ok(())
}
