//! Payload attributes, one function for sequencer, verifier and prover (`ROLLUP.md` section 5.1).

use crate::{L1Header, L1Input, apply_config_updates, user_deposits};
use alloc::vec::Vec;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{B64, Bytes, Log, TxKind, U256};
use foggara_primitives::{
    BlockId, ChainSpec, L1Info, L2Ref, PayloadAttributes, SystemConfig,
    addresses::{DEPOSITOR, L1_BLOCK, SEQUENCER_FEE_VAULT},
    constants::L1_ATTRIBUTES_GAS,
};
use op_alloy_consensus::{L1InfoDepositSource, TxDeposit};

/// What the first block of an epoch takes from its L1 origin beside the header.
#[derive(Debug, Clone, Copy)]
pub struct EpochStart<'a> {
    /// [`L1Input::config_updates`] of the origin.
    pub config_updates: &'a [Log],
    /// [`L1Input::deposits`] of the origin.
    pub deposits: &'a [(u64, Log)],
}

impl<'a> From<&'a L1Input> for EpochStart<'a> {
    fn from(input: &'a L1Input) -> Self {
        Self {
            config_updates: &input.config_updates,
            deposits: &input.deposits,
        }
    }
}

/// Attributes of a block together with what follows from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltAttributes {
    /// The attributes; `no_tx_pool` is true, a sequencer clears it.
    pub attributes: PayloadAttributes,
    /// The system configuration of the block, equal to [`crate::system_config_of`] the sealed block.
    pub sys: SystemConfig,
    /// The L1 attributes of its first transaction.
    pub l1_info: L1Info,
    /// Deposit logs and config updates that were skipped because they do not decode (D4, R6).
    pub skipped: usize,
}

/// An origin that cannot follow the parent's: the caller's view of L1 is inconsistent. Severity: reset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttributesError {
    /// The origin is neither the parent's nor its child.
    #[error("L1 origin {got:?} does not follow the parent's origin {parent:?}")]
    Origin {
        /// The parent's origin.
        parent: BlockId,
        /// The origin offered.
        got: BlockId,
    },
    /// A new epoch without its events, or events without a new epoch.
    #[error("epoch events must be given for the first block of an epoch and for no other")]
    Epoch,
    /// The block would be older than its origin.
    #[error("block time {time} is before its L1 origin's {origin_time}")]
    BeforeOrigin {
        /// Time of the block.
        time: u64,
        /// Time of the origin.
        origin_time: u64,
    },
}

/// Builds the attributes of the block on top of `parent`.
///
/// `parent_sys` is the system configuration of the parent ([`crate::system_config_of`]); `origin` the
/// header of the block's L1 origin: the parent's origin, or its child, and then `new_epoch` must be
/// given; `transactions` the EIP-2718 bytes of a batch, empty for a sequencer, which appends its own.
///
/// # Errors
/// [`AttributesError`]: `origin` cannot be the origin of the next block.
pub fn attributes(
    spec: &ChainSpec,
    parent: &L2Ref,
    parent_sys: &SystemConfig,
    origin: &L1Header,
    new_epoch: Option<EpochStart<'_>>,
    transactions: Vec<Bytes>,
) -> Result<BuiltAttributes, AttributesError> {
    let advances = origin.number != parent.l1_origin.number;
    let follows = if advances {
        Some(origin.number) == parent.l1_origin.number.checked_add(1)
            && origin.parent_hash == parent.l1_origin.hash
    } else {
        origin.hash == parent.l1_origin.hash
    };
    if !follows {
        return Err(AttributesError::Origin {
            parent: parent.l1_origin,
            got: origin.id(),
        });
    }
    if advances != new_epoch.is_some() {
        return Err(AttributesError::Epoch);
    }
    let timestamp = parent.timestamp.saturating_add(spec.rollup.block_time);
    if timestamp < origin.timestamp {
        return Err(AttributesError::BeforeOrigin {
            time: timestamp,
            origin_time: origin.timestamp,
        });
    }

    let mut sys = *parent_sys;
    let mut skipped = 0usize;
    let mut deposits = Vec::new();
    if let Some(epoch) = new_epoch {
        let updates = apply_config_updates(&mut sys, epoch.config_updates);
        let (txs, undecodable) = user_deposits(origin.hash, epoch.deposits);
        deposits = txs;
        skipped = updates.saturating_add(undecodable);
    }
    let sequence_number = if advances {
        0
    } else {
        parent.sequence_number.saturating_add(1)
    };
    let l1_info = l1_info(spec, &sys, origin, sequence_number);
    let mut all = Vec::with_capacity(
        transactions
            .len()
            .saturating_add(deposits.len())
            .saturating_add(1),
    );
    all.push(l1_attributes_tx(&l1_info));
    all.extend(deposits);
    all.extend(transactions);
    let attributes = PayloadAttributes {
        timestamp,
        prev_randao: origin.prev_randao,
        fee_recipient: SEQUENCER_FEE_VAULT,
        parent_beacon_block_root: origin.parent_beacon_block_root.unwrap_or_default(),
        gas_limit: sys.gas_limit,
        eip1559_params: sys.eip1559_params,
        transactions: all,
        no_tx_pool: true,
    };
    Ok(BuiltAttributes {
        attributes,
        sys: as_sealed(spec, sys),
        l1_info,
        skipped,
    })
}

/// The configuration as it reads back from the sealed block: zero EIP-1559 parameters become the
/// chain's Canyon values, a version-0 scalar becomes version 1.
fn as_sealed(spec: &ChainSpec, sys: SystemConfig) -> SystemConfig {
    let (base_fee_scalar, blob_base_fee_scalar) = sys.fee_scalars();
    let mut eip1559_params = sys.eip1559_params;
    if eip1559_params.is_zero() {
        let (denominator, elasticity) = spec.rollup.canyon_eip1559();
        eip1559_params = B64::from((denominator << 32) | (elasticity & 0xffff_ffff));
    }
    SystemConfig {
        scalar: SystemConfig::scalar_word(base_fee_scalar, blob_base_fee_scalar),
        eip1559_params,
        ..sys
    }
}

fn l1_info(
    spec: &ChainSpec,
    sys: &SystemConfig,
    origin: &L1Header,
    sequence_number: u64,
) -> L1Info {
    let (base_fee_scalar, blob_base_fee_scalar) = sys.fee_scalars();
    L1Info {
        base_fee_scalar,
        blob_base_fee_scalar,
        sequence_number,
        time: origin.timestamp,
        number: origin.number,
        base_fee: U256::from(origin.base_fee),
        blob_base_fee: spec
            .foggara
            .blob_base_fee(origin.timestamp, origin.excess_blob_gas),
        block_hash: origin.hash,
        batcher_hash: sys.batcher.into_word(),
        operator_fee_scalar: sys.operator_fee_scalar,
        operator_fee_constant: sys.operator_fee_constant,
    }
}

/// The L1 attributes transaction as EIP-2718 bytes (`ROLLUP.md` section 5.3).
fn l1_attributes_tx(info: &L1Info) -> Bytes {
    TxDeposit {
        source_hash: L1InfoDepositSource::new(info.block_hash, info.sequence_number).source_hash(),
        from: DEPOSITOR,
        to: TxKind::Call(L1_BLOCK),
        mint: 0,
        value: U256::ZERO,
        gas_limit: L1_ATTRIBUTES_GAS,
        is_system_transaction: false,
        input: Bytes::copy_from_slice(&info.encode()),
    }
    .encoded_2718()
    .into()
}
