//! Reduces one L1 block to what derivation reads of it.

use crate::{BlockAt, L1Block, L1Client, L1Error, L1Tx};
use alloy_consensus::{Transaction, TxEnvelope};
use alloy_primitives::B256;
use foggara_derive::{
    L1Header, L1Input, Payload, apply_config_updates, bloom_may_concern, collect_events,
};
use foggara_primitives::{ChainSpec, RollupConfig, SystemConfig};

/// Reads an L1 block for derivation: header, events, and the payloads of the batcher in force after
/// the block's own `ConfigUpdate` logs, in order. `sys` is the configuration before the block and
/// becomes the one after it; it is left alone on error.
///
/// Inbox transactions are of types 0 to 3 and count whether or not they succeed. Receipts are
/// fetched only where the bloom can hold an event, blobs only where a batcher transaction names them.
///
/// # Errors
/// - [`L1Error::Reorged`]: a block asked for by hash is gone (Reset).
/// - [`L1Error::NotFound`], [`L1Error::BlobsMissing`]: the L1 does not have it now (Retry).
/// - Others as [`L1Client`].
///
/// Source: OP derivation "L1 Retrieval", ecotone/derivation "Blob Retrieval"; `ROLLUP.md` section 8.
pub async fn fetch_input(
    client: &dyn L1Client,
    spec: &ChainSpec,
    at: impl Into<BlockAt>,
    sys: &mut SystemConfig,
) -> Result<L1Input, L1Error> {
    let (block, mut input) = read(client, &spec.rollup, at.into()).await?;
    let mut after = *sys;
    let skipped = apply_config_updates(&mut after, &input.config_updates);
    if skipped > 0 {
        tracing::warn!(
            block = block.header.number,
            skipped,
            "l1.config_update.malformed"
        );
    }
    input.payloads = payloads(client, &spec.rollup, &block, &after).await?;
    *sys = after;
    Ok(input)
}

/// Reads header and events of an L1 block, without payloads: enough for blocks that derivation has
/// consumed before and only needs as origins.
///
/// # Errors
/// As [`fetch_input`].
pub async fn fetch_events(
    client: &dyn L1Client,
    spec: &ChainSpec,
    at: impl Into<BlockAt>,
) -> Result<L1Input, L1Error> {
    read(client, &spec.rollup, at.into())
        .await
        .map(|(_, input)| input)
}

async fn read(
    client: &dyn L1Client,
    rollup: &RollupConfig,
    at: BlockAt,
) -> Result<(L1Block, L1Input), L1Error> {
    let block = client.block(at).await?.ok_or_else(|| match at {
        BlockAt::Number(number) => L1Error::NotFound {
            what: format!("block {number}"),
        },
        BlockAt::Hash(hash) => L1Error::Reorged { hash },
    })?;
    let mut input = L1Input {
        header: L1Header::new(&block.header, block.hash),
        ..Default::default()
    };
    if bloom_may_concern(rollup, &block.header.logs_bloom) {
        let receipts = client.receipts(&block).await?;
        let events = receipts.iter().map(|receipt| {
            let receipt = &receipt.receipt.receipt;
            (receipt.status.coerce_status(), receipt.logs.as_slice())
        });
        (input.config_updates, input.deposits) = collect_events(rollup, events);
    }
    Ok((block, input))
}

/// A place that a payload stands at: calldata at hand, or a blob to fetch.
enum Place {
    Calldata(alloy_primitives::Bytes),
    Blob(B256),
}

async fn payloads(
    client: &dyn L1Client,
    rollup: &RollupConfig,
    block: &L1Block,
    sys: &SystemConfig,
) -> Result<Vec<Payload>, L1Error> {
    let is_batch = |tx: &&L1Tx| {
        let known = tx
            .envelope()
            .filter(|tx| !matches!(tx, TxEnvelope::Eip7702(_)));
        known.is_some_and(|envelope| envelope.to() == Some(rollup.batch_inbox_address))
            && tx.sender() == Some(sys.batcher)
    };
    let mut places = Vec::new();
    for tx in block
        .transactions
        .iter()
        .filter(is_batch)
        .filter_map(L1Tx::envelope)
    {
        match tx.blob_versioned_hashes() {
            Some(hashes) => places.extend(hashes.iter().copied().map(Place::Blob)),
            None => places.push(Place::Calldata(tx.input().clone())),
        }
    }
    let mut wanted: Vec<B256> = places
        .iter()
        .filter_map(|place| match place {
            Place::Blob(hash) => Some(*hash),
            Place::Calldata(_) => None,
        })
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    let blobs = match wanted.as_slice() {
        [] => Vec::new(),
        wanted => client.blobs(block.l1_ref(), wanted).await?,
    };
    let blob = |hash: &B256| {
        let found = wanted
            .binary_search(hash)
            .ok()
            .and_then(|index| blobs.get(index));
        found.cloned().ok_or(L1Error::BlobsMissing {
            block: block.header.number,
            missing: 1,
            first: *hash,
        })
    };
    places
        .into_iter()
        .map(|place| match place {
            Place::Calldata(data) => Ok(Payload::Calldata(data)),
            Place::Blob(hash) => blob(&hash).map(Payload::Blob),
        })
        .collect()
}
