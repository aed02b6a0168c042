//! A transaction in the pool, and what of it can be judged without any state.

use crate::{HeadFees, PoolConfig, PoolError, recover::recover};
use alloy_consensus::{
    Signed, Transaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy,
    transaction::{RlpEcdsaDecodableTx, SignableTransaction},
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, U256, keccak256};
use op_alloy_consensus::OpTxEnvelope;

/// A decoded transaction with its sender, recovered once, and what the pool orders it by.
#[derive(Debug, Clone)]
pub struct PoolTx {
    /// EIP-2718 bytes, as received.
    pub raw: Bytes,
    /// The decoded transaction (type 0, 1, 2 or 4).
    pub tx: OpTxEnvelope,
    /// The signer.
    pub sender: Address,
    /// `keccak256(raw)`.
    pub hash: B256,
    /// Nonce.
    pub nonce: u64,
    /// Gas limit.
    pub gas_limit: u64,
    /// Fee cap in wei per gas; the gas price of types 0 and 1.
    pub max_fee: u128,
    /// Tip cap in wei per gas; the gas price of types 0 and 1.
    pub max_tip: u128,
    /// `value + gas_limit * max_fee + L1 fee + operator fee` at admission, in wei; saturates.
    pub cost: U256,
    /// Estimated size in the compressed batch, in bytes.
    pub da_size: u64,
    /// Position in the order of acceptance; kept over restarts.
    pub arrival: u64,
    /// Unix milliseconds of acceptance; kept over restarts.
    pub accepted_ms: u64,
    /// How often an unwound block gave it back.
    pub requeued: u32,
    /// Private lane: in no content listing and no subscription.
    pub private: bool,
    /// Signers of its EIP-7702 authorizations, ascending, each once.
    pub authorities: Vec<Address>,
}

impl PoolTx {
    /// Tip per gas at `base_fee` in wei: `min(max_tip, max_fee - base_fee)`, negative if the fee cap
    /// is below the base fee.
    pub fn effective_tip(&self, base_fee: u64) -> i128 {
        let above = clip(self.max_fee).saturating_sub(i128::from(base_fee));
        above.min(clip(self.max_tip))
    }
}

fn clip(fee: u128) -> i128 {
    i128::try_from(fee).unwrap_or(i128::MAX)
}

/// Decoded bytes, not yet judged.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) raw: Bytes,
    pub(crate) tx: OpTxEnvelope,
    pub(crate) hash: B256,
}

impl Decoded {
    /// Decodes types 0, 1, 2 and 4; the bytes must be the canonical encoding.
    pub(crate) fn new(raw: Bytes) -> Result<Self, PoolError> {
        let undecodable = |reason: &str| PoolError::Undecodable {
            reason: reason.to_owned(),
        };
        let Some((&first, mut body)) = raw.split_first() else {
            return Err(undecodable("no bytes"));
        };
        let hash = keccak256(&raw);
        let mut whole: &[u8] = &raw;
        let tx = match first {
            0xc0.. => signed::<TxLegacy>(&mut whole, hash).map(|tx| (tx.into(), whole)),
            1 => signed::<TxEip2930>(&mut body, hash).map(|tx| (tx.into(), body)),
            2 => signed::<TxEip1559>(&mut body, hash).map(|tx| (tx.into(), body)),
            4 => signed::<TxEip7702>(&mut body, hash).map(|tx| (tx.into(), body)),
            ty @ ..0x80 => return Err(PoolError::UnsupportedType { ty }),
            _ => return Err(undecodable("neither a typed transaction nor an RLP list")),
        };
        let (tx, rest): (OpTxEnvelope, &[u8]) =
            tx.map_err(|error| undecodable(&error.to_string()))?;
        if !rest.is_empty() {
            return Err(undecodable("bytes behind the transaction"));
        }
        if tx.encode_2718_len() != raw.len() || tx.encoded_2718() != raw {
            return Err(undecodable("not canonically encoded"));
        }
        Ok(Self { raw, tx, hash })
    }

    /// Judges what needs neither sender nor account.
    pub(crate) fn check(&self, config: &PoolConfig, fees: &HeadFees) -> Result<(), PoolError> {
        let tx = &self.tx;
        match tx.chain_id() {
            None => return Err(PoolError::Unprotected),
            Some(have) if have != config.chain_id => {
                return Err(PoolError::ChainId {
                    have,
                    want: config.chain_id,
                });
            }
            Some(_) => {}
        }
        let (size, limit) = (tx.input().len(), config.init_code_bytes_max);
        if tx.is_create() && size > limit {
            return Err(PoolError::InitCodeTooLarge { size, limit });
        }
        let have = tx.gas_limit();
        if have > fees.block_gas_limit {
            return Err(PoolError::ExceedsBlockGas {
                have,
                limit: fees.block_gas_limit,
            });
        }
        if have > config.tx_gas_max {
            return Err(PoolError::GasAboveCap {
                have,
                cap: config.tx_gas_max,
            });
        }
        let (fee, tip) = (tx.max_fee_per_gas(), self.max_tip());
        if tip > fee {
            return Err(PoolError::TipAboveFee { tip, fee });
        }
        if let Some(cap) = config.tx_fee_cap {
            let fee = U256::from(fee).saturating_mul(U256::from(have));
            if fee > U256::from(cap) {
                return Err(PoolError::FeeAboveCap { fee, cap });
            }
        }
        if tx.authorization_list().is_some_and(<[_]>::is_empty) {
            return Err(PoolError::EmptyAuthorizations);
        }
        let want = intrinsic_gas(tx);
        if have < want {
            return Err(PoolError::IntrinsicGas { have, want });
        }
        Ok(())
    }

    pub(crate) fn max_tip(&self) -> u128 {
        self.tx
            .max_priority_fee_per_gas()
            .unwrap_or_else(|| self.tx.max_fee_per_gas())
    }

    /// The signer.
    pub(crate) fn recover(&self) -> Result<Address, PoolError> {
        let (signature, hash) = match &self.tx {
            OpTxEnvelope::Legacy(tx) => (*tx.signature(), tx.signature_hash()),
            OpTxEnvelope::Eip2930(tx) => (*tx.signature(), tx.signature_hash()),
            OpTxEnvelope::Eip1559(tx) => (*tx.signature(), tx.signature_hash()),
            OpTxEnvelope::Eip7702(tx) => (*tx.signature(), tx.signature_hash()),
            OpTxEnvelope::Deposit(_) | OpTxEnvelope::PostExec(_) => {
                return Err(PoolError::InvalidSignature);
            }
        };
        recover(&signature, hash).ok_or(PoolError::InvalidSignature)
    }

    /// Signers of the authorizations that can take effect on this chain, ascending, each once.
    pub(crate) fn authorities(&self, chain_id: u64) -> Vec<Address> {
        let ours = U256::from(chain_id);
        let mut authorities: Vec<Address> = self
            .tx
            .authorization_list()
            .unwrap_or_default()
            .iter()
            .filter(|auth| auth.chain_id.is_zero() || auth.chain_id == ours)
            .filter_map(|auth| recover(&auth.signature().ok()?, auth.signature_hash()))
            .collect();
        authorities.sort_unstable();
        authorities.dedup();
        authorities
    }

    /// `value + gas_limit * max_fee` in wei; saturates.
    pub(crate) fn own_cost(&self) -> U256 {
        U256::from(self.tx.max_fee_per_gas())
            .saturating_mul(U256::from(self.tx.gas_limit()))
            .saturating_add(self.tx.value())
    }
}

fn signed<T>(bytes: &mut &[u8], hash: B256) -> alloy_rlp::Result<Signed<T>>
where
    T: RlpEcdsaDecodableTx + SignableTransaction<Signature>,
{
    let (tx, signature) = T::rlp_decode_with_signature(bytes)?;
    Ok(Signed::new_unchecked(tx, signature, hash))
}

/// Gas charged before execution, and at least the calldata floor.
///
/// Source: Yellow Paper section 6; EIP-2028, 2930, 3860, 7623, 7702.
pub(crate) fn intrinsic_gas(tx: &OpTxEnvelope) -> u64 {
    const BASE: u64 = 21_000;
    let input = tx.input();
    let zeros = input.iter().filter(|byte| **byte == 0).count() as u64;
    let tokens = zeros + (input.len() as u64 - zeros) * 4;
    let create = if tx.is_create() {
        32_000 + (input.len() as u64).div_ceil(32) * 2
    } else {
        0
    };
    let access = tx.access_list().map_or(0, |list| {
        let keys: usize = list.iter().map(|item| item.storage_keys.len()).sum();
        list.len() as u64 * 2_400 + keys as u64 * 1_900
    });
    let authorizations = tx.authorization_list().map_or(0, <[_]>::len) as u64 * 25_000;
    let charged = BASE + tokens * 4 + create + access + authorizations;
    charged.max(BASE + tokens * 10)
}
