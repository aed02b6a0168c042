//! `ConfigUpdate` logs of the L1 `SystemConfig` contract (`ROLLUP.md` section 5.2).
//!
//! Topics: signature, version (0), type. Data is ABI `bytes` of exact length:
//!
//! | type | content | length |
//! |---|---|---|
//! | 0 | batcher address, left-padded | 32 |
//! | 1 | overhead (ignored), scalar word | 64 |
//! | 2 | gas limit | 32 |
//! | 3 | unsafe block signer, not consensus | any |
//! | 4 | `denominator << 32 \| elasticity` | 32 |
//! | 5 | `operator fee scalar << 64 \| constant` | 32 |

use crate::CONFIG_UPDATE_TOPIC;
use alloy_primitives::{Address, B64, B256, Log, U256};
use foggara_primitives::SystemConfig;

/// Why a `ConfigUpdate` log is skipped (reading R6: nothing on L1 may stop derivation).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigUpdateError {
    /// Not three topics, or another event.
    #[error("not a ConfigUpdate event")]
    Topics,
    /// The version is not 0.
    #[error("ConfigUpdate version {0} is unknown")]
    Version(B256),
    /// The type is none of those known.
    #[error("ConfigUpdate type {0} is unknown")]
    Type(B256),
    /// The data is not ABI `bytes` of the expected length, or a value has bits beyond its field.
    #[error("ConfigUpdate data is malformed")]
    Data,
}

/// Applies `ConfigUpdate` logs in order; malformed ones are skipped (R6). Returns how many were.
pub fn apply_config_updates(config: &mut SystemConfig, logs: &[Log]) -> usize {
    logs.iter()
        .filter(|log| apply_one(config, log).is_err())
        .count()
}

fn apply_one(config: &mut SystemConfig, log: &Log) -> Result<(), ConfigUpdateError> {
    let [CONFIG_UPDATE_TOPIC, version, kind] = log.topics() else {
        return Err(ConfigUpdateError::Topics);
    };
    if !version.is_zero() {
        return Err(ConfigUpdateError::Version(*version));
    }
    let unknown = ConfigUpdateError::Type(*kind);
    let data = log.data.data.as_ref();
    match u8::try_from(U256::from_be_bytes(kind.0)).map_err(|_| unknown.clone())? {
        0 => {
            let [word] = words::<1>(data)?;
            config.batcher = address(word)?;
        }
        1 => {
            let [_overhead, scalar] = words::<2>(data)?;
            if scalar_is_valid(scalar) {
                config.scalar = scalar;
            }
        }
        2 => {
            let [word] = words::<1>(data)?;
            config.gas_limit = number(word)?;
        }
        3 => {}
        4 => {
            let [word] = words::<1>(data)?;
            let params = B64::from(number(word)?);
            config.eip1559_params = eip1559_params(params)?;
        }
        5 => {
            let [word] = words::<1>(data)?;
            let low: u128 = (U256::from_be_bytes(word.0) & U256::from(u128::MAX)).to();
            config.operator_fee_constant = low_u64(low);
            config.operator_fee_scalar = u32::try_from(low_u64(low >> 64) & 0xffff_ffff)
                .map_err(|_| ConfigUpdateError::Data)?;
        }
        _ => return Err(unknown),
    }
    Ok(())
}

fn low_u64(value: u128) -> u64 {
    u64::try_from(value & u128::from(u64::MAX)).unwrap_or_default()
}

/// ABI encoding of `bytes` with exactly `N` words: offset 32, length, content, nothing behind it.
fn words<const N: usize>(data: &[u8]) -> Result<[B256; N], ConfigUpdateError> {
    let malformed = || ConfigUpdateError::Data;
    let (offset, rest) = data.split_first_chunk::<32>().ok_or_else(malformed)?;
    let (length, content) = rest.split_first_chunk::<32>().ok_or_else(malformed)?;
    let expected = N.saturating_mul(32);
    if U256::from_be_bytes(*offset) != U256::from(32)
        || U256::from_be_bytes(*length) != U256::from(expected)
        || content.len() != expected
    {
        return Err(malformed());
    }
    let mut out = [B256::ZERO; N];
    for (to, from) in out.iter_mut().zip(content.chunks_exact(32)) {
        to.copy_from_slice(from);
    }
    Ok(out)
}

fn address(word: B256) -> Result<Address, ConfigUpdateError> {
    let address = Address::from_word(word);
    if address.into_word() == word {
        Ok(address)
    } else {
        Err(ConfigUpdateError::Data)
    }
}

fn number(word: B256) -> Result<u64, ConfigUpdateError> {
    u64::try_from(U256::from_be_bytes(word.0)).map_err(|_| ConfigUpdateError::Data)
}

/// Both halves zero stand for the chain's Canyon values; one half zero would make the next base fee
/// undefined.
fn eip1559_params(params: B64) -> Result<B64, ConfigUpdateError> {
    let both = u64::from_be_bytes(params.0);
    let half_is_zero = both >> 32 == 0 || both & 0xffff_ffff == 0;
    if both != 0 && half_is_zero {
        Err(ConfigUpdateError::Data)
    } else {
        Ok(params)
    }
}

/// Version 0 or 1 with zero padding; another word is ignored and the old value stays.
fn scalar_is_valid(scalar: B256) -> bool {
    let padding = match scalar.first() {
        Some(0) => 1..28,
        Some(1) => 1..24,
        _ => return false,
    };
    scalar
        .get(padding)
        .is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};
    use alloy_primitives::{Bytes, LogData, address, b256};

    fn log(kind: u64, content: &[B256]) -> Log {
        let mut data = vec![0u8; 64];
        data[31] = 32;
        data[32..64].copy_from_slice(&U256::from(content.len() * 32).to_be_bytes::<32>());
        for word in content {
            data.extend_from_slice(word.as_slice());
        }
        raw(
            vec![CONFIG_UPDATE_TOPIC, B256::ZERO, U256::from(kind).into()],
            data,
        )
    }

    fn raw(topics: Vec<B256>, data: Vec<u8>) -> Log {
        Log {
            address: Address::ZERO,
            data: LogData::new_unchecked(topics, Bytes::from(data)),
        }
    }

    fn applied(logs: &[Log]) -> (SystemConfig, usize) {
        let mut config = start();
        let skipped = apply_config_updates(&mut config, logs);
        (config, skipped)
    }

    fn start() -> SystemConfig {
        SystemConfig {
            batcher: Address::with_last_byte(7),
            scalar: SystemConfig::scalar_word(1, 2),
            gas_limit: 30_000_000,
            eip1559_params: B64::from(0x0000_00fa_0000_0006u64),
            operator_fee_scalar: 0,
            operator_fee_constant: 0,
        }
    }

    #[test]
    fn every_type_sets_its_field() {
        let batcher = address!("00000000000000000000000000000000000000ff");
        let scalar = SystemConfig::scalar_word(5, 6);
        let (config, skipped) = applied(&[
            log(0, &[batcher.into_word()]),
            log(1, &[B256::repeat_byte(9), scalar]),
            log(2, &[U256::from(40_000_000).into()]),
            log(3, &[B256::repeat_byte(0xff)]),
            log(4, &[U256::from((100u64 << 32) | 3).into()]),
            log(5, &[U256::from((8u128 << 64) | 9).into()]),
        ]);
        assert_eq!(skipped, 0);
        assert_eq!(
            config,
            SystemConfig {
                batcher,
                scalar,
                gas_limit: 40_000_000,
                eip1559_params: B64::from((100u64 << 32) | 3),
                operator_fee_scalar: 8,
                operator_fee_constant: 9,
            }
        );
    }

    #[test]
    fn later_logs_win() {
        let (config, _) = applied(&[
            log(2, &[U256::from(1).into()]),
            log(2, &[U256::from(25_000_000).into()]),
        ]);
        assert_eq!(config.gas_limit, 25_000_000);
    }

    #[test]
    fn r6_malformed_config_updates_are_skipped() {
        let good = log(2, &[U256::from(25_000_000).into()]);
        let with_data = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut data = good.data.data.to_vec();
            change(&mut data);
            raw(good.topics().to_vec(), data)
        };
        let topics = good.topics().to_vec();
        let bad = [
            raw(topics[..2].to_vec(), good.data.data.to_vec()),
            raw(
                [topics.clone(), vec![B256::ZERO]].concat(),
                good.data.data.to_vec(),
            ),
            raw(
                vec![B256::ZERO, topics[1], topics[2]],
                good.data.data.to_vec(),
            ),
            raw(
                vec![topics[0], B256::with_last_byte(1), topics[2]],
                good.data.data.to_vec(),
            ),
            log(6, &[B256::ZERO]),
            log(256, &[B256::ZERO]),
            raw(
                vec![topics[0], topics[1], B256::repeat_byte(0xff)],
                good.data.data.to_vec(),
            ),
            with_data(&|data| data.truncate(95)),
            with_data(&|data| data.push(0)),
            with_data(&|data| data.clear()),
            with_data(&|data| data[31] = 33),
            with_data(&|data| data[0] = 1),
            with_data(&|data| data[63] = 31),
            with_data(&|data| data[32] = 1),
            with_data(&|data| data[64] = 1),
            log(
                0,
                &[b256!(
                    "0000000000000000000000010000000000000000000000000000000000000001"
                )],
            ),
            log(1, &[scalar_word(1)]),
            log(4, &[U256::from(6).into()]),
            log(4, &[U256::from(250u64 << 32).into()]),
            log(4, &[B256::from(U256::from(1) << 64)]),
        ];
        for (index, log) in bad.iter().enumerate() {
            assert_eq!(
                applied(core::slice::from_ref(log)),
                (start(), 1),
                "log {index}"
            );
        }
        assert_eq!(applied(&[bad[0].clone(), good]).0.gas_limit, 25_000_000);
    }

    fn scalar_word(version: u8) -> B256 {
        let mut word = B256::ZERO;
        word[0] = version;
        word
    }

    #[test]
    fn scalars_of_unknown_version_or_padding_keep_the_old_value() {
        let mut padded = SystemConfig::scalar_word(5, 6);
        padded[23] = 1;
        let mut padded_v0 = scalar_word(0);
        padded_v0[27] = 1;
        for scalar in [scalar_word(2), padded, padded_v0] {
            assert_eq!(applied(&[log(1, &[B256::ZERO, scalar])]), (start(), 0));
        }
        let mut v0 = scalar_word(0);
        v0[31] = 9;
        let (config, _) = applied(&[log(1, &[B256::ZERO, v0])]);
        assert_eq!(config.fee_scalars(), (9, 0));
    }

    #[test]
    fn both_halves_of_the_fee_parameters_may_be_zero() {
        let (config, skipped) = applied(&[log(4, &[B256::ZERO])]);
        assert_eq!((config.eip1559_params, skipped), (B64::ZERO, 0));
    }
}
