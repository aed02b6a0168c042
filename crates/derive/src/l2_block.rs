//! What an L2 block says about its place in L1 and the system configuration it ran under.

use alloy_consensus::Header;
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{B64, B256};
use foggara_primitives::{
    ChainSpec, L1Info, L1InfoError, L2Ref, SystemConfig, constants::DEPOSIT_TX_TYPE,
};
use op_alloy_consensus::TxDeposit;

/// A block that is none of this chain: its first transaction is not an L1 attributes deposit, or its
/// header lacks the Holocene parameters. Severity: fatal, since only sealed blocks are asked about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum L2BlockError {
    /// The block has no first transaction, or it is no deposit.
    #[error("block {number} does not begin with a deposit")]
    NoDeposit {
        /// Block number.
        number: u64,
    },
    /// The first deposit is not an Isthmus L1 attributes call.
    #[error("block {number}: {source}")]
    L1Info {
        /// Block number.
        number: u64,
        /// What is wrong with the calldata.
        source: L1InfoError,
    },
    /// `extraData` is not `0x00 ++ denominator:u32 ++ elasticity:u32`.
    #[error("extra data of block {number} are not Holocene parameters")]
    ExtraData {
        /// Block number.
        number: u64,
    },
}

/// The L1 attributes in the first transaction (EIP-2718 bytes) of block `number`.
///
/// # Errors
/// [`L2BlockError::NoDeposit`], [`L2BlockError::L1Info`].
pub fn l1_info_of(number: u64, first_tx: Option<&[u8]>) -> Result<L1Info, L2BlockError> {
    let none = L2BlockError::NoDeposit { number };
    let mut bytes = first_tx.ok_or_else(|| none.clone())?;
    if bytes.first() != Some(&DEPOSIT_TX_TYPE) {
        return Err(none);
    }
    let deposit = TxDeposit::decode_2718(&mut bytes).map_err(|_| none)?;
    L1Info::decode(&deposit.input).map_err(|source| L2BlockError::L1Info { number, source })
}

/// The reference of the block with this header and hash; `first_tx` is `None` for genesis alone.
///
/// # Errors
/// [`L2BlockError`]: not a block of this chain.
pub fn l2_ref(
    spec: &ChainSpec,
    header: &Header,
    hash: B256,
    first_tx: Option<&[u8]>,
) -> Result<L2Ref, L2BlockError> {
    let (l1_origin, sequence_number) = if header.number == spec.genesis.number {
        (spec.rollup.genesis.l1, 0)
    } else {
        let info = l1_info_of(header.number, first_tx)?;
        (info.origin(), info.sequence_number)
    };
    Ok(L2Ref {
        hash,
        number: header.number,
        parent_hash: header.parent_hash,
        timestamp: header.timestamp,
        l1_origin,
        sequence_number,
    })
}

/// The system configuration in force for the block with this header; `first_tx` is `None` for genesis
/// alone (`ROLLUP.md` section 5.2).
///
/// # Errors
/// [`L2BlockError`]: not a block of this chain.
pub fn system_config_of(
    spec: &ChainSpec,
    header: &Header,
    first_tx: Option<&[u8]>,
) -> Result<SystemConfig, L2BlockError> {
    if header.number == spec.genesis.number {
        return Ok(spec.rollup.genesis.system_config.system_config());
    }
    let info = l1_info_of(header.number, first_tx)?;
    let params = match header.extra_data.as_ref() {
        [0, params @ ..] => <[u8; 8]>::try_from(params).ok(),
        _ => None,
    };
    let params = params.ok_or(L2BlockError::ExtraData {
        number: header.number,
    })?;
    Ok(SystemConfig {
        batcher: info.batcher(),
        scalar: SystemConfig::scalar_word(info.base_fee_scalar, info.blob_base_fee_scalar),
        gas_limit: header.gas_limit,
        eip1559_params: B64::from(params),
        operator_fee_scalar: info.operator_fee_scalar,
        operator_fee_constant: info.operator_fee_constant,
    })
}
