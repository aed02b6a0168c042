//! An L1 by URL: execution JSON-RPC, and blobs from a beacon node, an archive or the same server.

mod beacon;
mod check;
mod transport;

use self::{
    beacon::Beacon,
    transport::{Bounds, Server},
};
use crate::{
    BlockAt, BlockTag, FeeData, Inclusion, L1Block, L1Client, L1Error, L1Receipt, L1Tx, Rejection,
    SidecarForm, StateAt, ref_of,
};
use alloy::rpc::types as rpc;
use alloy_consensus::{Header, Receipt, ReceiptWithBloom, TxEnvelope};
use alloy_primitives::{Address, B256, Bloom, Bytes, Log, U64, U128, U256};
use async_trait::async_trait;
use foggara_primitives::{BlockId, L1Ref};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

/// Where an L1 is and how long it is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpL1Config {
    /// Execution JSON-RPC.
    pub url: String,
    /// Beacon API; `None` where the execution server also serves blobs, as anvil does.
    pub beacon: Option<String>,
    /// Blob archives that speak the beacon API, tried after `beacon`.
    pub archives: Vec<String>,
    /// Longest wait for one answer.
    pub timeout: Duration,
    /// Largest answer in bytes.
    pub answer_max_bytes: usize,
    /// Further tries after a broken connection.
    pub retries: u32,
    /// Pause before the first further try; it doubles.
    pub backoff: Duration,
}

impl HttpL1Config {
    /// The bounds of `RELIABILITY.md` section 7.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            beacon: None,
            archives: Vec::new(),
            timeout: Duration::from_secs(10),
            answer_max_bytes: 64 << 20,
            retries: 3,
            backoff: Duration::from_millis(100),
        }
    }

    /// With a beacon API.
    #[must_use]
    pub fn with_beacon(mut self, url: Option<String>) -> Self {
        self.beacon = url;
        self
    }
}

/// Blobs that this node has kept, by versioned hash. What it gives is checked like a server's.
pub type LocalBlobs = Arc<dyn Fn(B256) -> Option<Bytes> + Send + Sync>;

/// An L1 by URL.
pub struct HttpL1 {
    server: Server,
    beacons: Vec<Beacon>,
    local: Option<LocalBlobs>,
}

impl fmt::Debug for HttpL1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            server, beacons, ..
        } = self;
        f.debug_struct("HttpL1")
            .field("server", server)
            .field("beacons", beacons)
            .finish()
    }
}

#[derive(Deserialize)]
struct RpcBlock {
    #[serde(flatten)]
    header: rpc::Header,
    #[serde(default)]
    transactions: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RpcReceipt {
    #[serde(default, rename = "type")]
    ty: Option<alloy_primitives::U8>,
    status: U64,
    cumulative_gas_used: U64,
    logs_bloom: Bloom,
    logs: Vec<rpc::Log>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RpcInclusion {
    block_hash: Option<B256>,
    block_number: Option<U64>,
    status: U64,
    gas_used: U64,
    effective_gas_price: U128,
    #[serde(default)]
    blob_gas_used: Option<U64>,
    #[serde(default)]
    blob_gas_price: Option<U128>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RpcFees {
    base_fee_per_gas: Vec<U128>,
    #[serde(default)]
    base_fee_per_blob_gas: Vec<U128>,
    #[serde(default)]
    reward: Option<Vec<Vec<U128>>>,
}

impl HttpL1 {
    /// Makes a client; nothing is sent yet.
    ///
    /// # Errors
    /// [`L1Error::Url`]: a URL cannot be used.
    pub fn new(config: HttpL1Config) -> Result<Self, L1Error> {
        let bounds = Bounds {
            timeout: config.timeout,
            answer_max_bytes: config.answer_max_bytes,
            retries: config.retries,
            backoff: config.backoff,
        };
        let first = config.beacon.as_ref().unwrap_or(&config.url);
        let beacons = std::iter::once(first)
            .chain(&config.archives)
            .map(|url| Server::new(url, bounds).map(Beacon::new))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            server: Server::new(&config.url, bounds)?,
            beacons,
            local: None,
        })
    }

    /// With blobs of our own as the last source, for when every server has dropped them.
    #[must_use]
    pub fn with_local_blobs(mut self, local: LocalBlobs) -> Self {
        self.local = Some(local);
        self
    }

    async fn need<T: serde::de::DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
    ) -> Result<T, L1Error> {
        self.server
            .call(method, params)
            .await?
            .ok_or_else(|| L1Error::NotFound {
                what: format!("answer to {method}"),
            })
    }

    async fn raw_block(&self, at: BlockAt, full: bool) -> Result<Option<RpcBlock>, L1Error> {
        let block: Option<RpcBlock> = match at {
            BlockAt::Number(number) => {
                self.server
                    .call("eth_getBlockByNumber", json!([U64::from(number), full]))
                    .await?
            }
            BlockAt::Hash(hash) => {
                self.server
                    .call("eth_getBlockByHash", json!([hash, full]))
                    .await?
            }
        };
        if let Some(block) = &block {
            let asked = match at {
                BlockAt::Hash(hash) => Some(hash),
                BlockAt::Number(_) => None,
            };
            check::header(&block.header.inner, block.header.hash, asked)?;
            if let BlockAt::Number(number) = at
                && block.header.inner.number != number
            {
                return Err(L1Error::Decode {
                    what: format!("block {number}"),
                    reason: format!("it has number {}", block.header.inner.number),
                });
            }
        }
        Ok(block)
    }

    /// A transaction of the answer; one of a later type is asked for as bytes.
    async fn transaction(&self, value: Value) -> Result<L1Tx, L1Error> {
        let unreadable = |reason: String| L1Error::Decode {
            what: "transaction".into(),
            reason,
        };
        let ty: Option<U64> = value
            .get("type")
            .map(|ty| serde_json::from_value(ty.clone()))
            .transpose()
            .map_err(|error| unreadable(error.to_string()))?;
        if ty.is_none_or(|ty| ty <= U64::from(4)) {
            return serde_json::from_value::<TxEnvelope>(value)
                .map(|tx| L1Tx::Known(Box::new(tx)))
                .map_err(|error| unreadable(error.to_string()));
        }
        let hash = value
            .get("hash")
            .cloned()
            .ok_or_else(|| unreadable("it has no hash".into()))?;
        self.need("eth_getRawTransactionByHash", json!([hash]))
            .await
            .map(L1Tx::Other)
    }
}

fn state(at: StateAt) -> Value {
    match at {
        StateAt::Latest => json!("latest"),
        StateAt::Pending => json!("pending"),
        StateAt::Hash(hash) => json!({ "blockHash": hash }),
    }
}

#[async_trait]
impl L1Client for HttpL1 {
    async fn chain_id(&self) -> Result<u64, L1Error> {
        self.need::<U64>("eth_chainId", json!([]))
            .await
            .map(|id| id.to())
    }

    async fn head(&self, tag: BlockTag) -> Result<L1Ref, L1Error> {
        let name = match tag {
            BlockTag::Latest => "latest",
            BlockTag::Safe => "safe",
            BlockTag::Finalized => "finalized",
        };
        let answer = self
            .server
            .call("eth_getBlockByNumber", json!([name, false]))
            .await;
        let block: RpcBlock = match answer {
            Ok(Some(block)) => block,
            // A young chain has no safe or final block yet; nodes say so in different ways.
            Ok(None) | Err(L1Error::Rpc { .. }) if tag != BlockTag::Latest => {
                self.need("eth_getBlockByNumber", json!(["0x0", false]))
                    .await?
            }
            Ok(None) => {
                return Err(L1Error::NotFound {
                    what: format!("{name} block"),
                });
            }
            Err(error) => return Err(error),
        };
        check::header(&block.header.inner, block.header.hash, None)?;
        Ok(ref_of(&block.header.inner, block.header.hash))
    }

    async fn header(&self, at: BlockAt) -> Result<Option<(Header, B256)>, L1Error> {
        let block = self.raw_block(at, false).await?;
        Ok(block.map(|block| (block.header.inner, block.header.hash)))
    }

    async fn block(&self, at: BlockAt) -> Result<Option<L1Block>, L1Error> {
        let Some(raw) = self.raw_block(at, true).await? else {
            return Ok(None);
        };
        let mut transactions = Vec::with_capacity(raw.transactions.len());
        for value in raw.transactions {
            transactions.push(self.transaction(value).await?);
        }
        let block = L1Block {
            header: raw.header.inner,
            hash: raw.header.hash,
            transactions,
        };
        check::transactions(&block)?;
        Ok(Some(block))
    }

    async fn receipts(&self, block: &L1Block) -> Result<Vec<L1Receipt>, L1Error> {
        let params = json!([block.hash]);
        let raw: Vec<RpcReceipt> = self
            .server
            .call("eth_getBlockReceipts", params)
            .await?
            .ok_or(L1Error::Reorged { hash: block.hash })?;
        let receipts: Vec<_> = raw
            .into_iter()
            .map(|receipt| L1Receipt {
                ty: receipt.ty.map_or(0, |ty| ty.to()),
                receipt: ReceiptWithBloom {
                    receipt: Receipt {
                        status: (receipt.status == U64::from(1)).into(),
                        cumulative_gas_used: receipt.cumulative_gas_used.to(),
                        logs: receipt
                            .logs
                            .into_iter()
                            .map(|log| -> Log { log.inner })
                            .collect(),
                    },
                    logs_bloom: receipt.logs_bloom,
                },
            })
            .collect();
        check::receipts(&block.header, &receipts)?;
        Ok(receipts)
    }

    async fn blobs(&self, block: L1Ref, hashes: &[B256]) -> Result<Vec<Bytes>, L1Error> {
        let mut found = BTreeMap::new();
        let mut failure = None;
        for beacon in &self.beacons {
            if let Err(error) = beacon.collect(block, hashes, &mut found).await {
                tracing::debug!(%error, block = block.number, "l1.blobs");
                failure.get_or_insert(error);
            }
            if hashes.iter().all(|hash| found.contains_key(hash)) {
                break;
            }
        }
        if let Some(local) = &self.local {
            let kept = hashes.iter().filter(|hash| !found.contains_key(*hash));
            let kept: Vec<Bytes> = kept.filter_map(|hash| local(*hash)).collect();
            beacon::keep(kept, hashes, &mut found).await?;
        }
        let missing: Vec<_> = hashes
            .iter()
            .filter(|hash| !found.contains_key(*hash))
            .collect();
        if let Some(first) = missing.first() {
            return Err(failure.unwrap_or(L1Error::BlobsMissing {
                block: block.number,
                missing: missing.len(),
                first: **first,
            }));
        }
        Ok(hashes
            .iter()
            .filter_map(|hash| found.get(hash).cloned())
            .collect())
    }

    async fn send_raw(&self, raw: Bytes) -> Result<B256, L1Error> {
        self.need("eth_sendRawTransaction", json!([raw]))
            .await
            .map_err(|error| match error {
                L1Error::Rpc { message, .. } => L1Error::Rejected {
                    kind: Rejection::of_message(&message),
                    message,
                },
                other => other,
            })
    }

    async fn nonce(&self, address: Address, at: StateAt) -> Result<u64, L1Error> {
        let params = json!([address, state(at)]);
        self.need::<U64>("eth_getTransactionCount", params)
            .await
            .map(|nonce| nonce.to())
    }

    async fn balance(&self, address: Address, at: StateAt) -> Result<U256, L1Error> {
        self.need("eth_getBalance", json!([address, state(at)]))
            .await
    }

    async fn code(&self, address: Address, at: StateAt) -> Result<Bytes, L1Error> {
        self.need("eth_getCode", json!([address, state(at)])).await
    }

    async fn fees(&self) -> Result<FeeData, L1Error> {
        let history: RpcFees = self
            .need("eth_feeHistory", json!(["0x5", "latest", [50.0]]))
            .await?;
        let base_fee = history
            .base_fee_per_gas
            .last()
            .ok_or_else(|| L1Error::Decode {
                what: "eth_feeHistory".into(),
                reason: "it has no base fee".into(),
            })?;
        let mut tips: Vec<u128> = history
            .reward
            .into_iter()
            .flatten()
            .filter_map(|block| block.first().map(|tip| tip.to()))
            .filter(|tip| *tip > 0)
            .collect();
        tips.sort_unstable();
        Ok(FeeData {
            base_fee: base_fee.to(),
            blob_base_fee: history
                .base_fee_per_blob_gas
                .last()
                .map_or(1, |fee| fee.to()),
            tip: tips.get(tips.len() / 2).copied().unwrap_or(0),
        })
    }

    async fn inclusion(&self, tx_hash: B256) -> Result<Option<Inclusion>, L1Error> {
        let receipt: Option<RpcInclusion> = self
            .server
            .call("eth_getTransactionReceipt", json!([tx_hash]))
            .await?;
        Ok(receipt.and_then(|receipt| {
            Some(Inclusion {
                block: BlockId {
                    hash: receipt.block_hash?,
                    number: receipt.block_number?.to(),
                },
                success: receipt.status == U64::from(1),
                gas_used: receipt.gas_used.to(),
                gas_price: receipt.effective_gas_price.to(),
                blob_gas_used: receipt.blob_gas_used.map_or(0, |gas| gas.to()),
                blob_gas_price: receipt.blob_gas_price.map_or(0, |price| price.to()),
            })
        }))
    }

    async fn sidecar_form(&self) -> Result<SidecarForm, L1Error> {
        // EIP-7910: Osaka is where P256VERIFY stands among the precompiles.
        let config = match self.server.call::<Value>("eth_config", json!([])).await {
            Ok(Some(config)) => config,
            Ok(None) | Err(L1Error::Rpc { .. }) => return Ok(SidecarForm::Eip4844),
            Err(error) => return Err(error),
        };
        let osaka = config
            .pointer("/current/precompiles")
            .and_then(Value::as_object)
            .is_some_and(|set| {
                set.keys()
                    .any(|name| name.eq_ignore_ascii_case("P256VERIFY"))
            });
        Ok(if osaka {
            SidecarForm::Eip7594
        } else {
            SidecarForm::Eip4844
        })
    }
}
