//! The system configuration in force for a block (`ROLLUP.md` section 5.2).

use alloy_primitives::{Address, B64, B256};

/// What the L1 `SystemConfig` contract sets for the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct SystemConfig {
    /// The account whose inbox transactions count.
    pub batcher: Address,
    /// Version-1 scalars of the L1 data fee: `0x01 ++ 0*23 ++ blobBaseFeeScalar:u32 ++ baseFeeScalar:u32`.
    pub scalar: B256,
    /// L2 block gas limit.
    pub gas_limit: u64,
    /// `denominator:u32 ++ elasticity:u32`; zero stands for the chain's Canyon values.
    pub eip1559_params: B64,
    /// Operator fee scalar, parts per million of gas.
    pub operator_fee_scalar: u32,
    /// Operator fee constant, wei per transaction.
    pub operator_fee_constant: u64,
}

impl SystemConfig {
    /// `(base_fee_scalar, blob_base_fee_scalar)` of the version-1 word.
    pub fn fee_scalars(&self) -> (u32, u32) {
        let word = self.scalar.as_slice();
        (be_u32(word, 28), be_u32(word, 24))
    }

    /// A version-1 scalar word.
    pub fn scalar_word(base_fee_scalar: u32, blob_base_fee_scalar: u32) -> B256 {
        let low = (u64::from(blob_base_fee_scalar) << 32) | u64::from(base_fee_scalar);
        let mut word = B256::from(alloy_primitives::U256::from(low));
        if let Some(first) = word.first_mut() {
            *first = 1;
        }
        word
    }
}

fn be_u32(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(|tail| tail.first_chunk::<4>())
        .map_or(0, |chunk| u32::from_be_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_survive_their_word() {
        let config = SystemConfig {
            scalar: SystemConfig::scalar_word(1_368, 810_949),
            ..Default::default()
        };
        assert_eq!(config.fee_scalars(), (1_368, 810_949));
        assert_eq!(config.scalar[0], 1);
    }
}
