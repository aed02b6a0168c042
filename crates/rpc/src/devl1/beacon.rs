//! The beacon paths from which blobs are read.
//!
//! `id` is a slot, a block root (here the block hash), or `genesis`, `head`, `finalized`. Slots count the
//! seconds since genesis, so that a client that computes them from a block's time finds the block.

use alloy_consensus::{Transaction, TxEnvelope};
use alloy_eips::Decodable2718;
use alloy_primitives::{B256, Bytes, hex};
use axum::{
    Json, Router,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use foggara_devl1::{DevL1, DevL1Error};
use foggara_l1::{BlockAt, BlockTag, SidecarForm, sidecar};
use foggara_store::{StoredBlock, StoredHeader};
use serde_json::{Value, json};

/// `GET /eth/v1/beacon/{genesis,blobs/{id},blob_sidecars/{id}}` and `GET /eth/v1/config/spec`.
pub fn router(l1: DevL1) -> Router {
    Router::new()
        .route("/eth/v1/beacon/genesis", get(genesis))
        .route("/eth/v1/config/spec", get(spec))
        .route("/eth/v1/beacon/config/spec", get(spec))
        .route("/eth/v1/beacon/blobs/{id}", get(blobs))
        .route("/eth/v1/beacon/blob_sidecars/{id}", get(blob_sidecars))
        .with_state(l1)
}

/// Why a path has no answer.
enum Refusal {
    Bad(String),
    Missing,
    Broken(DevL1Error),
}

impl From<DevL1Error> for Refusal {
    fn from(error: DevL1Error) -> Self {
        Self::Broken(error)
    }
}

impl From<foggara_store::StoreError> for Refusal {
    fn from(error: foggara_store::StoreError) -> Self {
        Self::Broken(error.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, message) = match self {
            Self::Bad(message) => (StatusCode::BAD_REQUEST, message),
            Self::Missing => (StatusCode::NOT_FOUND, "Block not found".into()),
            Self::Broken(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        };
        let body = json!({ "code": status.as_u16(), "message": message });
        (status, Json(body)).into_response()
    }
}

async fn answer(
    read: impl FnOnce() -> Result<Value, Refusal> + Send + 'static,
) -> Result<Json<Value>, Refusal> {
    let joined = tokio::task::spawn_blocking(read).await;
    joined
        .map_err(|error| Refusal::Bad(error.to_string()))?
        .map(Json)
}

async fn genesis(State(l1): State<DevL1>) -> Result<Json<Value>, Refusal> {
    answer(move || {
        Ok(json!({ "data": {
            "genesis_time": genesis_time(&l1)?.to_string(),
            "genesis_validators_root": B256::ZERO,
            "genesis_fork_version": "0x00000000",
        }}))
    })
    .await
}

async fn spec(State(l1): State<DevL1>) -> Json<Value> {
    Json(json!({ "data": {
        "SECONDS_PER_SLOT": "1",
        "SLOTS_PER_EPOCH": "1",
        "MIN_EPOCHS_FOR_BLOB_SIDECARS_REQUESTS": "4096",
        "DEPOSIT_CHAIN_ID": l1.config().chain_id.to_string(),
    }}))
}

async fn blobs(
    State(l1): State<DevL1>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Refusal> {
    answer(move || {
        let wanted = versioned_hashes(query.as_deref().unwrap_or_default())?;
        let block = find(&l1, &id)?;
        let asked = |hash: &B256| wanted.is_empty() || wanted.contains(hash);
        let found = blobs_of(&l1, &block)?.into_iter().filter(|(hash, _)| asked(hash));
        let data: Vec<Bytes> = found.map(|(_, blob)| blob).collect();
        Ok(json!({ "execution_optimistic": false, "finalized": final_at(&l1, &block), "data": data }))
    })
    .await
}

async fn blob_sidecars(
    State(l1): State<DevL1>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    answer(move || {
        let block = find(&l1, &id)?;
        let blobs: Vec<Bytes> = blobs_of(&l1, &block)?.into_iter().map(|(_, blob)| blob).collect();
        let sidecar = sidecar(&blobs, SidecarForm::Eip4844)
            .map_err(|error| Refusal::Bad(error.to_string()))?
            .into_eip4844()
            .unwrap_or_default();
        let slot = block.header.timestamp.saturating_sub(genesis_time(&l1)?);
        let header = json!({ "message": {
            "slot": slot.to_string(), "proposer_index": "0", "parent_root": block.header.parent_hash,
            "state_root": block.header.state_root, "body_root": block.hash,
        }, "signature": format!("0x{}", hex::encode([0u8; 96])) });
        let items = sidecar.commitments.iter().zip(&sidecar.proofs).zip(&blobs).enumerate();
        let data: Vec<Value> = items
            .map(|(index, ((commitment, proof), blob))| {
                json!({
                    "index": index.to_string(), "blob": blob, "kzg_commitment": commitment,
                    "kzg_proof": proof, "signed_block_header": header,
                    "kzg_commitment_inclusion_proof": [],
                })
            })
            .collect();
        Ok(json!({ "data": data }))
    })
    .await
}

fn genesis_time(l1: &DevL1) -> Result<u64, Refusal> {
    Ok(l1.store().genesis()?.header.timestamp)
}

fn final_at(l1: &DevL1, block: &StoredBlock) -> bool {
    block.header.number <= l1.number_of(BlockTag::Finalized)
}

/// `versioned_hashes=0x..,0x..`, the name also repeated.
fn versioned_hashes(query: &str) -> Result<Vec<B256>, Refusal> {
    let lists = query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("versioned_hashes="));
    let hashes = lists.flat_map(|list| list.split(',').flat_map(|part| part.split("%2C")));
    hashes
        .filter(|hash| !hash.is_empty())
        .map(|hash| {
            hash.parse()
                .map_err(|_| Refusal::Bad(format!("{hash} is not a versioned hash")))
        })
        .collect()
}

fn find(l1: &DevL1, id: &str) -> Result<StoredBlock, Refusal> {
    let at: BlockAt = match id {
        "genesis" => 0.into(),
        "head" => l1.latest().number.into(),
        "finalized" => l1.number_of(BlockTag::Finalized).into(),
        _ if id.starts_with("0x") => {
            let hash: B256 = id
                .parse()
                .map_err(|_| Refusal::Bad(format!("{id} is not a block root")))?;
            hash.into()
        }
        _ => {
            let slot: u64 = id
                .parse()
                .map_err(|_| Refusal::Bad(format!("{id} is not a slot")))?;
            at_slot(l1, slot)?
                .ok_or(Refusal::Missing)?
                .header
                .number
                .into()
        }
    };
    l1.block_at(at)?.ok_or(Refusal::Missing)
}

/// The block of a slot: times ascend, so it is found by halving.
fn at_slot(l1: &DevL1, slot: u64) -> Result<Option<StoredHeader>, Refusal> {
    let time = genesis_time(l1)?.saturating_add(slot);
    let (mut low, mut high) = (0, l1.latest().number);
    while low < high {
        let middle = low + (high - low) / 2;
        let header = l1.header_at(middle.into())?.ok_or(Refusal::Missing)?;
        if header.header.timestamp < time {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(l1
        .header_at(low.into())?
        .filter(|found| found.header.timestamp == time))
}

/// The blobs of a block in order, with their versioned hashes.
fn blobs_of(l1: &DevL1, block: &StoredBlock) -> Result<Vec<(B256, Bytes)>, Refusal> {
    let mut out = Vec::new();
    for raw in &block.transactions {
        let tx = TxEnvelope::decode_2718_exact(raw)
            .map_err(|error| Refusal::Broken(DevL1Error::State(error.to_string())))?;
        for hash in tx.blob_versioned_hashes().unwrap_or_default() {
            out.push((*hash, l1.blob(*hash)?.ok_or(Refusal::Missing)?));
        }
    }
    Ok(out)
}
