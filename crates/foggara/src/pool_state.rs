//! What the pool asks of the chain, answered from the durable head.

use alloy_primitives::{Address, B256, Bytes};
use foggara_evm::{L1FeeParams, da_size, l1_cost, operator_cost};
use foggara_pool::{HeadFees, PoolState, TxQuote};
use foggara_primitives::{AccountInfo, ChainSpec, SourceError, StateSource};
use foggara_sequencer::{SequencerError, fees_at_head};
use foggara_store::Store;
use std::sync::Arc;

/// The durable head of a store.
#[derive(Debug, Clone)]
pub(crate) struct DurableState {
    pub(crate) spec: Arc<ChainSpec>,
    pub(crate) store: Store,
}

impl PoolState for DurableState {
    fn account(&self, address: Address) -> Result<Option<AccountInfo>, SourceError> {
        self.store.latest_view()?.account(address)
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, SourceError> {
        self.store.latest_view()?.code(code_hash)
    }

    fn fees(&self) -> HeadFees {
        self.try_fees().unwrap_or_else(|error| {
            // The next block's prices come with it; until then nothing is underpriced.
            tracing::error!(%error, "pool.fees");
            HeadFees {
                block_gas_limit: self.spec.genesis.gas_limit,
                ..Default::default()
            }
        })
    }

    fn included(&self, hash: &B256) -> Result<bool, SourceError> {
        Ok(self.store.has_tx(*hash)?)
    }

    fn quote(&self, fees: &HeadFees, raw: &[u8], gas_limit: u64) -> TxQuote {
        let params = L1FeeParams::from(&fees.l1);
        TxQuote {
            da_size: da_size(raw),
            l1_cost: l1_cost(&params, raw),
            operator_cost: operator_cost(&params, gas_limit),
        }
    }
}

impl DurableState {
    /// Prices for the block after the durable head.
    pub(crate) fn try_fees(&self) -> Result<HeadFees, SequencerError> {
        fees_at_head(&self.spec, &self.store)
    }
}
