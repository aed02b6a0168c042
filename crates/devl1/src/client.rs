//! The chain as an L1 to follow, without a socket between.

use crate::{DevL1, DevL1Error};
use alloy_consensus::{Header, ReceiptEnvelope, ReceiptWithBloom, TxEnvelope, Typed2718};
use alloy_eips::Decodable2718;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use async_trait::async_trait;
use foggara_l1::{
    BlockAt, BlockTag, FeeData, Inclusion, L1Block, L1Client, L1Error, L1Receipt, L1Tx, StateAt,
    ref_of,
};
use foggara_primitives::{AccountInfo, BlockId, L1Ref, StateSource, constants::BLOB_SIZE};
use foggara_store::{StateView, StoredBlock, StoredHeader};
use tokio::sync::watch;

impl DevL1 {
    /// Header of a block; `None` if there is none.
    ///
    /// # Errors
    /// [`DevL1Error`]: the store failed.
    pub fn header_at(&self, at: BlockAt) -> Result<Option<StoredHeader>, DevL1Error> {
        Ok(match at {
            BlockAt::Number(number) => self.store().header(number)?,
            BlockAt::Hash(hash) => self.store().header_by_hash(hash)?,
        })
    }

    /// A block; `None` if there is none.
    ///
    /// # Errors
    /// [`DevL1Error`]: the store failed.
    pub fn block_at(&self, at: BlockAt) -> Result<Option<StoredBlock>, DevL1Error> {
        Ok(match at {
            BlockAt::Number(number) => self.store().block(number)?,
            BlockAt::Hash(hash) => self.store().block_by_hash(hash)?,
        })
    }

    /// State after a block.
    ///
    /// # Errors
    /// [`DevL1Error::UnknownBlock`]: there is none of that hash.
    pub fn state_at(&self, at: StateAt) -> Result<StateView, DevL1Error> {
        Ok(match at {
            StateAt::Latest | StateAt::Pending => self.store().latest_view()?,
            StateAt::Hash(hash) => {
                let number = self.store().block_number(hash)?;
                let number = number.ok_or_else(|| DevL1Error::UnknownBlock(hash.to_string()))?;
                self.store().view_at(number)?
            }
        })
    }

    /// A blob of a mined transaction, 131,072 bytes, by its versioned hash.
    ///
    /// # Errors
    /// [`DevL1Error`]: the store failed.
    pub fn blob(&self, versioned_hash: B256) -> Result<Option<Bytes>, DevL1Error> {
        let cut = self.store().blob(versioned_hash)?;
        Ok(cut.map(|cut| {
            let mut blob = cut.to_vec();
            blob.resize(BLOB_SIZE, 0);
            blob.into()
        }))
    }

    /// Decoded receipts of a block.
    ///
    /// # Errors
    /// [`DevL1Error`]: the store failed.
    pub fn receipts_of(&self, number: u64) -> Result<Option<Vec<ReceiptEnvelope>>, DevL1Error> {
        let Some(raw) = self.store().receipts(number)? else {
            return Ok(None);
        };
        let decode =
            |raw: &Bytes| ReceiptEnvelope::decode_2718_exact(raw).map_err(DevL1Error::state);
        raw.iter().map(decode).collect::<Result<_, _>>().map(Some)
    }

    fn inclusion_of(&self, tx_hash: B256) -> Result<Option<Inclusion>, DevL1Error> {
        use alloy_consensus::Transaction;
        let Some(found) = self.store().tx_by_hash(tx_hash)? else {
            return Ok(None);
        };
        let number = found.block_number;
        let Some(header) = self.header_at(found.block_hash.into())? else {
            return Ok(None);
        };
        let Some(receipts) = self.receipts_of(number)? else {
            return Ok(None);
        };
        let index = usize::try_from(found.index).unwrap_or(usize::MAX);
        let Some(receipt) = receipts.get(index) else {
            return Ok(None);
        };
        let before = index.checked_sub(1).and_then(|before| receipts.get(before));
        let used = |receipt: &ReceiptEnvelope| receipt.cumulative_gas_used();
        let tx = decode_tx(&found.raw)?;
        Ok(Some(Inclusion {
            block: BlockId {
                hash: header.hash,
                number,
            },
            success: receipt.is_success(),
            gas_used: used(receipt).saturating_sub(before.map_or(0, used)),
            gas_price: tx.effective_gas_price(header.header.base_fee_per_gas),
            blob_gas_used: tx.blob_gas_used().unwrap_or(0),
            blob_gas_price: crate::config::blob_params()
                .calc_blob_fee(header.header.excess_blob_gas.unwrap_or(0)),
        }))
    }

    fn account(&self, address: Address, at: StateAt) -> Result<AccountInfo, DevL1Error> {
        Ok(self.state_at(at)?.account(address)?.unwrap_or_default())
    }

    fn code_of(&self, address: Address, at: StateAt) -> Result<Bytes, DevL1Error> {
        let mut state = self.state_at(at)?;
        let hash = state
            .account(address)?
            .map_or(KECCAK256_EMPTY, |account| account.code_hash);
        if hash == KECCAK256_EMPTY {
            return Ok(Bytes::new());
        }
        Ok(state.code(hash)?)
    }

    /// Runs `read` where waiting for the disk or for KZG harms nobody.
    async fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, DevL1Error> + Send + 'static,
    ) -> Result<T, L1Error> {
        let chain = self.clone();
        let joined = tokio::task::spawn_blocking(move || read(&chain)).await;
        joined
            .map_err(|error| L1Error::Node(error.to_string()))?
            .map_err(L1Error::from)
    }
}

fn decode_tx(raw: &[u8]) -> Result<TxEnvelope, DevL1Error> {
    TxEnvelope::decode_2718_exact(raw).map_err(DevL1Error::state)
}

fn to_l1(block: StoredBlock) -> Result<L1Block, DevL1Error> {
    let tx = |raw: &Bytes| decode_tx(raw).map(|tx| L1Tx::Known(Box::new(tx)));
    let transactions = block
        .transactions
        .iter()
        .map(tx)
        .collect::<Result<_, _>>()?;
    Ok(L1Block {
        header: block.header,
        hash: block.hash,
        transactions,
    })
}

#[async_trait]
impl L1Client for DevL1 {
    async fn chain_id(&self) -> Result<u64, L1Error> {
        Ok(self.config().chain_id)
    }

    async fn head(&self, tag: BlockTag) -> Result<L1Ref, L1Error> {
        if tag == BlockTag::Latest {
            return Ok(self.latest());
        }
        self.blocking(move |chain| {
            let number = chain.number_of(tag);
            let found = chain.header_at(number.into())?;
            let found = found.ok_or_else(|| DevL1Error::UnknownBlock(number.to_string()))?;
            Ok(ref_of(&found.header, found.hash))
        })
        .await
    }

    async fn header(&self, at: BlockAt) -> Result<Option<(Header, B256)>, L1Error> {
        let found = self.blocking(move |chain| chain.header_at(at)).await?;
        Ok(found.map(|found| (found.header, found.hash)))
    }

    async fn block(&self, at: BlockAt) -> Result<Option<L1Block>, L1Error> {
        self.blocking(move |chain| chain.block_at(at)?.map(to_l1).transpose())
            .await
    }

    async fn receipts(&self, block: &L1Block) -> Result<Vec<L1Receipt>, L1Error> {
        let hash = block.hash;
        let found = self
            .blocking(move |chain| match chain.store().block_number(hash)? {
                Some(number) => chain.receipts_of(number),
                None => Ok(None),
            })
            .await?;
        let receipts = found.ok_or(L1Error::Reorged { hash })?;
        let receipt = |receipt: ReceiptEnvelope| L1Receipt {
            ty: receipt.ty(),
            receipt: ReceiptWithBloom {
                logs_bloom: *receipt.logs_bloom(),
                receipt: receipt.into_receipt(),
            },
        };
        Ok(receipts.into_iter().map(receipt).collect())
    }

    async fn blobs(&self, block: L1Ref, hashes: &[B256]) -> Result<Vec<Bytes>, L1Error> {
        let wanted = hashes.to_vec();
        let found = self
            .blocking(move |chain| {
                wanted
                    .iter()
                    .map(|hash| chain.blob(*hash))
                    .collect::<Result<Vec<_>, _>>()
            })
            .await?;
        let missing = found.iter().filter(|blob| blob.is_none()).count();
        let first = hashes.iter().zip(&found).find(|(_, blob)| blob.is_none());
        if let Some((first, _)) = first {
            return Err(L1Error::BlobsMissing {
                block: block.number,
                missing,
                first: *first,
            });
        }
        Ok(found.into_iter().flatten().collect())
    }

    async fn send_raw(&self, raw: Bytes) -> Result<B256, L1Error> {
        self.blocking(move |chain| chain.send_raw(&raw)).await
    }

    async fn nonce(&self, address: Address, at: StateAt) -> Result<u64, L1Error> {
        self.blocking(move |chain| match at {
            StateAt::Pending => chain.pending_nonce(address),
            StateAt::Latest | StateAt::Hash(_) => Ok(chain.account(address, at)?.nonce),
        })
        .await
    }

    async fn balance(&self, address: Address, at: StateAt) -> Result<U256, L1Error> {
        self.blocking(move |chain| Ok(chain.account(address, at)?.balance))
            .await
    }

    async fn code(&self, address: Address, at: StateAt) -> Result<Bytes, L1Error> {
        self.blocking(move |chain| chain.code_of(address, at)).await
    }

    async fn fees(&self) -> Result<FeeData, L1Error> {
        self.blocking(Self::fee_data).await
    }

    async fn inclusion(&self, tx_hash: B256) -> Result<Option<Inclusion>, L1Error> {
        self.blocking(move |chain| chain.inclusion_of(tx_hash))
            .await
    }

    fn head_changes(&self) -> Option<watch::Receiver<L1Ref>> {
        Some(self.subscribe())
    }
}
