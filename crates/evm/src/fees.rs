//! Prices: the L1 data fee, the operator fee, and the base fee of the next block.

use alloy_consensus::Header;
use alloy_primitives::{B64, Bytes, U256};
use foggara_primitives::{ChainSpec, L1Info};
use op_revm::{L1BlockInfo, estimate_tx_compressed_size};

/// What the L1 data fee and the operator fee are computed from, in force from the L1 attributes of
/// a block on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct L1FeeParams {
    /// Base fee of the L1 origin in wei.
    pub base_fee: U256,
    /// Blob base fee of the L1 origin in wei.
    pub blob_base_fee: U256,
    /// Scalar on the base fee, millionths.
    pub base_fee_scalar: u32,
    /// Scalar on the blob base fee, millionths.
    pub blob_base_fee_scalar: u32,
    /// Operator fee per gas, millionths of a wei.
    pub operator_fee_scalar: u32,
    /// Operator fee per transaction in wei.
    pub operator_fee_constant: u64,
}

impl From<&L1Info> for L1FeeParams {
    fn from(info: &L1Info) -> Self {
        Self {
            base_fee: info.base_fee,
            blob_base_fee: info.blob_base_fee,
            base_fee_scalar: info.base_fee_scalar,
            blob_base_fee_scalar: info.blob_base_fee_scalar,
            operator_fee_scalar: info.operator_fee_scalar,
            operator_fee_constant: info.operator_fee_constant,
        }
    }
}

impl From<&L1BlockInfo> for L1FeeParams {
    fn from(info: &L1BlockInfo) -> Self {
        Self {
            base_fee: info.l1_base_fee,
            blob_base_fee: info.l1_blob_base_fee.unwrap_or_default(),
            base_fee_scalar: info.l1_base_fee_scalar.saturating_to(),
            blob_base_fee_scalar: info
                .l1_blob_base_fee_scalar
                .unwrap_or_default()
                .saturating_to(),
            operator_fee_scalar: info.operator_fee_scalar.unwrap_or_default().saturating_to(),
            operator_fee_constant: info
                .operator_fee_constant
                .unwrap_or_default()
                .saturating_to(),
        }
    }
}

/// L1 data fee in wei of a transaction with these EIP-2718 bytes, signature included; zero for a
/// deposit. Linear in the bytes.
///
/// `max(100e6, -42585600 + 836500 x fastlz) x (16 x baseFee x scalar + blobBaseFee x blobScalar) / 1e12`.
/// Source: OP fjord/exec-engine.
pub fn l1_cost(fees: &L1FeeParams, raw: &[u8]) -> U256 {
    if raw
        .first()
        .is_none_or(|first| *first == foggara_primitives::constants::DEPOSIT_TX_TYPE)
    {
        return U256::ZERO;
    }
    let calldata = fees
        .base_fee
        .saturating_mul(U256::from(16))
        .saturating_mul(U256::from(fees.base_fee_scalar));
    let blobs = fees
        .blob_base_fee
        .saturating_mul(U256::from(fees.blob_base_fee_scalar));
    let scaled = calldata.saturating_add(blobs);
    if scaled.is_zero() {
        return U256::ZERO;
    }
    let size = U256::from(estimate_tx_compressed_size(raw));
    size.saturating_mul(scaled)
        .wrapping_div(U256::from(1_000_000_000_000u64))
}

/// Operator fee in wei for this much gas: `gas x scalar / 1e6 + constant` (OP isthmus/exec-engine).
/// Bought at the gas limit, refunded down to the gas used.
pub fn operator_cost(fees: &L1FeeParams, gas: u64) -> U256 {
    U256::from(gas)
        .saturating_mul(U256::from(fees.operator_fee_scalar))
        .wrapping_div(U256::from(1_000_000u64))
        .saturating_add(U256::from(fees.operator_fee_constant))
}

/// Estimated bytes that a transaction adds to the data on L1 (OP fjord/exec-engine), at least 100.
pub fn da_size(raw: &[u8]) -> u64 {
    estimate_tx_compressed_size(raw).wrapping_div(1_000_000)
}

/// Base fee in wei of the block after `parent`: from the parent's gas used, gas limit and
/// EIP-1559 parameters (OP holocene/exec-engine). Total: a parameter of zero stands for the
/// chain's Canyon value, a gas target below one for one.
pub fn base_fee_of_next(spec: &ChainSpec, parent: &Header) -> u64 {
    let canyon = spec.rollup.canyon_eip1559();
    let (denominator, elasticity) = match decode_extra_data(&parent.extra_data) {
        Some((denominator, elasticity)) => (u64::from(denominator), u64::from(elasticity)),
        None => canyon,
    };
    let or = |value: u64, other: u64| if value == 0 { other.max(1) } else { value };
    next_base_fee(
        parent.base_fee_per_gas.unwrap_or_default(),
        parent.gas_used,
        parent.gas_limit,
        or(denominator, canyon.0),
        or(elasticity, canyon.1),
    )
}

/// EIP-1559: the base fee after a block. A denominator, elasticity or target of zero counts as one.
pub fn next_base_fee(
    base_fee: u64,
    gas_used: u64,
    gas_limit: u64,
    denominator: u64,
    elasticity: u64,
) -> u64 {
    let target = gas_limit
        .checked_div(elasticity)
        .unwrap_or(gas_limit)
        .max(1);
    let change = |distance: u64| {
        U256::from(base_fee)
            .saturating_mul(U256::from(distance))
            .wrapping_div(U256::from(target))
            .wrapping_div(U256::from(denominator.max(1)))
    };
    if gas_used > target {
        let rise = change(gas_used.saturating_sub(target)).max(U256::from(1));
        U256::from(base_fee).saturating_add(rise).saturating_to()
    } else {
        let fall = change(target.saturating_sub(gas_used));
        U256::from(base_fee).saturating_sub(fall).saturating_to()
    }
}

/// `extraData` of a block: `0x00 ++ denominator:u32 ++ elasticity:u32`. Zero parameters stand for
/// the chain's Canyon values `(denominator, elasticity)`.
pub fn encode_extra_data(params: B64, canyon: (u64, u64)) -> Bytes {
    let low = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes();
    let mut out = alloc::vec![0u8];
    if params.is_zero() {
        out.extend_from_slice(&low(canyon.0));
        out.extend_from_slice(&low(canyon.1));
    } else {
        out.extend_from_slice(params.as_slice());
    }
    out.into()
}

/// `(denominator, elasticity)` of a block's `extraData`, `None` if it has another form.
pub fn decode_extra_data(extra_data: &[u8]) -> Option<(u32, u32)> {
    let [0, a, b, c, d, e, f, g, h] = extra_data else {
        return None;
    };
    Some((
        u32::from_be_bytes([*a, *b, *c, *d]),
        u32::from_be_bytes([*e, *f, *g, *h]),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_eips::eip1559::BaseFeeParams;
    use op_revm::OpSpecId;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn l1_cost_is_that_of_the_engine(
            raw in proptest::collection::vec(any::<u8>(), 0..600),
            base_fee in any::<u64>(), blob in any::<u64>(), s in any::<u32>(), t in any::<u32>(),
            scalar in any::<u32>(), constant in any::<u64>(), gas in any::<u32>(),
        ) {
            let fees = L1FeeParams {
                base_fee: U256::from(base_fee),
                blob_base_fee: U256::from(blob),
                base_fee_scalar: s,
                blob_base_fee_scalar: t,
                operator_fee_scalar: scalar,
                operator_fee_constant: constant,
            };
            let mut info = L1BlockInfo {
                l1_base_fee: fees.base_fee,
                l1_blob_base_fee: Some(fees.blob_base_fee),
                l1_base_fee_scalar: U256::from(s),
                l1_blob_base_fee_scalar: Some(U256::from(t)),
                operator_fee_scalar: Some(U256::from(scalar)),
                operator_fee_constant: Some(U256::from(constant)),
                ..L1BlockInfo::default()
            };
            prop_assert_eq!(L1FeeParams::from(&info), fees);
            prop_assert_eq!(l1_cost(&fees, &raw), info.calculate_tx_l1_cost(&raw, OpSpecId::ISTHMUS));
            prop_assert_eq!(
                operator_cost(&fees, u64::from(gas)),
                info.operator_fee_charge(&[2], U256::from(gas), OpSpecId::ISTHMUS)
            );
        }

        #[test]
        fn base_fee_follows_eip_1559(
            base_fee in 0u64..1 << 50, limit in 21_000_000u64..200_000_000, used in 0u64..200_000_000,
            denominator in 1u64..1_000, elasticity in 1u64..100,
        ) {
            let used = used.min(limit);
            let params = BaseFeeParams::new(u128::from(denominator), u128::from(elasticity));
            prop_assert_eq!(
                next_base_fee(base_fee, used, limit, denominator, elasticity),
                alloy_eips::eip1559::calc_next_block_base_fee(used, limit, base_fee, params)
            );
        }

        #[test]
        fn base_fee_is_total(a in any::<u64>(), b in any::<u64>(), c in any::<u64>(), d in any::<u64>(), e in any::<u64>()) {
            next_base_fee(a, b, c, d, e);
            next_base_fee(a, b, c, 0, 0);
        }

        #[test]
        fn extra_data_survives(params in 1u64..) {
            let params = B64::from(params);
            let bytes = encode_extra_data(params, (250, 6));
            let (denominator, elasticity) = decode_extra_data(&bytes).unwrap();
            prop_assert_eq!(u64::from(denominator) << 32 | u64::from(elasticity), u64::from_be_bytes(params.0));
        }
    }

    #[test]
    fn zero_parameters_are_those_of_the_chain() {
        let bytes = encode_extra_data(B64::ZERO, (250, 6));
        assert_eq!(bytes.as_ref(), [0, 0, 0, 0, 250, 0, 0, 0, 6]);
        assert_eq!(decode_extra_data(&[]), None);
        assert_eq!(decode_extra_data(&[1, 0, 0, 0, 250, 0, 0, 0, 6]), None);
    }

    #[test]
    fn a_real_fee_is_met() {
        // OP mainnet block 124665056: base fee, blob base fee and scalars of Fjord.
        let fees = L1FeeParams {
            base_fee: U256::from(1_055_991_687u64),
            blob_base_fee: U256::from(1),
            base_fee_scalar: 5_227,
            blob_base_fee_scalar: 1_014_213,
            ..L1FeeParams::default()
        };
        // Below the minimum size every transaction pays for 100 bytes.
        let scaled = 16 * 1_055_991_687u128 * 5_227 + 1_014_213;
        assert_eq!(
            l1_cost(&fees, &[2; 10]),
            U256::from(100_000_000 * scaled / 1_000_000_000_000)
        );
        assert_eq!(l1_cost(&fees, &[0x7e; 10]), U256::ZERO);
    }
}
