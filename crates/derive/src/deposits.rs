//! User deposits: `TransactionDeposited` logs of the portal as deposit transactions (`ROLLUP.md` 5.4).
//!
//! Topics: signature, from, to, version (0). Data is ABI `bytes` whose content is packed:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 32 | mint in wei, 16 upper bytes zero (R11) |
//! | 32 | 32 | value in wei |
//! | 64 | 8 | gas limit |
//! | 72 | 1 | 0 for a call, else a creation |
//! | 73 | - | calldata |

use crate::TRANSACTION_DEPOSITED_TOPIC;
use alloc::vec::Vec;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256};
use op_alloy_consensus::{TxDeposit, UserDepositSource};

/// Why a portal log with the deposit topic is skipped (deviation D4).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DepositError {
    /// Not four topics, or another event.
    #[error("not a TransactionDeposited event")]
    Topics,
    /// The version is not 0.
    #[error("deposit version {0} is unknown")]
    Version(B256),
    /// The data is not ABI `bytes` with minimal padding.
    #[error("deposit data is malformed")]
    Data,
    /// The packed content is shorter than 73 bytes.
    #[error("deposit content has {got} bytes, expected at least 73")]
    Short {
        /// Bytes seen.
        got: usize,
    },
    /// The mint does not fit 128 bits (reading R11).
    #[error("deposit mints more than 128 bits can hold")]
    Mint,
}

/// Decodes one deposit log with index `log_index` among all logs of the L1 block `l1_hash`.
///
/// # Errors
/// [`DepositError`]: the first thing that does not hold.
pub fn decode_deposit(l1_hash: B256, log_index: u64, log: &Log) -> Result<TxDeposit, DepositError> {
    let [TRANSACTION_DEPOSITED_TOPIC, from, to, version] = log.topics() else {
        return Err(DepositError::Topics);
    };
    if !version.is_zero() {
        return Err(DepositError::Version(*version));
    }
    let content = abi_bytes(&log.data.data).ok_or(DepositError::Data)?;
    let short = || DepositError::Short { got: content.len() };
    let (mint, rest) = content.split_first_chunk::<32>().ok_or_else(short)?;
    let (value, rest) = rest.split_first_chunk::<32>().ok_or_else(short)?;
    let (gas_limit, rest) = rest.split_first_chunk::<8>().ok_or_else(short)?;
    let (is_creation, input) = rest.split_first().ok_or_else(short)?;
    Ok(TxDeposit {
        source_hash: UserDepositSource::new(l1_hash, log_index).source_hash(),
        from: Address::from_word(*from),
        to: match is_creation {
            0 => TxKind::Call(Address::from_word(*to)),
            _ => TxKind::Create,
        },
        mint: u128::try_from(U256::from_be_bytes(*mint)).map_err(|_| DepositError::Mint)?,
        value: U256::from_be_bytes(*value),
        gas_limit: u64::from_be_bytes(*gas_limit),
        is_system_transaction: false,
        input: Bytes::copy_from_slice(input),
    })
}

/// Content of ABI-encoded `bytes`: offset 32, length, content padded with fewer than 32 bytes to whole
/// words.
fn abi_bytes(data: &[u8]) -> Option<&[u8]> {
    let (offset, rest) = data.split_first_chunk::<32>()?;
    let (length, content) = rest.split_first_chunk::<32>()?;
    if U256::from_be_bytes(*offset) != U256::from(32) || content.len() % 32 != 0 {
        return None;
    }
    let length = usize::try_from(U256::from_be_bytes(*length)).ok()?;
    let padding = content.len().checked_sub(length)?;
    if padding >= 32 {
        return None;
    }
    content.get(..length)
}

/// Deposit transactions of an L1 block as EIP-2718 bytes, in order, and how many logs were skipped
/// because they do not decode (D4).
pub fn user_deposits(l1_hash: B256, logs: &[(u64, Log)]) -> (Vec<Bytes>, usize) {
    let mut skipped = 0usize;
    let mut out = Vec::with_capacity(logs.len());
    for (log_index, log) in logs {
        match decode_deposit(l1_hash, *log_index, log) {
            Ok(deposit) => out.push(deposit.encoded_2718().into()),
            Err(_) => skipped = skipped.saturating_add(1),
        }
    }
    (out, skipped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloy_eips::eip2718::Decodable2718;
    use alloy_primitives::LogData;

    const L1_HASH: B256 = B256::repeat_byte(0xaa);

    fn log(content: &[u8]) -> Log {
        let mut data = vec![0u8; 64];
        data[31] = 32;
        data[32..64].copy_from_slice(&U256::from(content.len()).to_be_bytes::<32>());
        data.extend_from_slice(content);
        data.resize(data.len().next_multiple_of(32), 0);
        let topics = vec![
            TRANSACTION_DEPOSITED_TOPIC,
            Address::with_last_byte(1).into_word(),
            Address::with_last_byte(2).into_word(),
            B256::ZERO,
        ];
        Log {
            address: Address::ZERO,
            data: LogData::new_unchecked(topics, data.into()),
        }
    }

    fn content(mint: U256, is_creation: u8, input: &[u8]) -> Vec<u8> {
        let mut out = mint.to_be_bytes::<32>().to_vec();
        out.extend_from_slice(&U256::from(77).to_be_bytes::<32>());
        out.extend_from_slice(&90_000u64.to_be_bytes());
        out.push(is_creation);
        out.extend_from_slice(input);
        out
    }

    #[test]
    fn fields_are_taken_from_the_packed_content() {
        for length in [0, 1, 22, 23, 24, 31, 32, 55, 56] {
            let input = vec![5u8; length];
            let log = log(&content(U256::from(3), 0, &input));
            let deposit = decode_deposit(L1_HASH, 4, &log).unwrap();
            assert_eq!(
                deposit,
                TxDeposit {
                    source_hash: UserDepositSource::new(L1_HASH, 4).source_hash(),
                    from: Address::with_last_byte(1),
                    to: TxKind::Call(Address::with_last_byte(2)),
                    mint: 3,
                    value: U256::from(77),
                    gas_limit: 90_000,
                    is_system_transaction: false,
                    input: input.into(),
                }
            );
            let (encoded, skipped) = user_deposits(L1_HASH, &[(4, log)]);
            assert_eq!(skipped, 0);
            assert_eq!(
                TxDeposit::decode_2718(&mut encoded[0].as_ref()).unwrap(),
                deposit
            );
        }
    }

    #[test]
    fn any_non_zero_creation_byte_creates() {
        for byte in [1, 2, 0xff] {
            let deposit =
                decode_deposit(L1_HASH, 0, &log(&content(U256::ZERO, byte, &[]))).unwrap();
            assert_eq!(deposit.to, TxKind::Create);
        }
    }

    #[test]
    fn r11_mint_above_128_bits_is_skipped() {
        let most = U256::from(u128::MAX);
        assert_eq!(
            decode_deposit(L1_HASH, 0, &log(&content(most, 0, &[])))
                .unwrap()
                .mint,
            u128::MAX
        );
        let more = log(&content(most + U256::from(1), 0, &[]));
        assert_eq!(decode_deposit(L1_HASH, 0, &more), Err(DepositError::Mint));
    }

    #[test]
    fn d4_logs_that_do_not_decode_are_skipped_and_counted() {
        let good = log(&content(U256::ZERO, 0, &[1; 30]));
        let change = |change: &dyn Fn(&mut Vec<B256>, &mut Vec<u8>)| {
            let (mut topics, mut data) = (good.topics().to_vec(), good.data.data.to_vec());
            change(&mut topics, &mut data);
            Log {
                address: good.address,
                data: LogData::new_unchecked(topics, data.into()),
            }
        };
        let bad = vec![
            (0, change(&|topics, _| topics.truncate(3))),
            (1, change(&|topics, _| topics[3] = B256::with_last_byte(1))),
            (2, change(&|_, data| data[31] = 0)),
            (3, change(&|_, data| data[0] = 1)),
            (4, change(&|_, data| data[63] = 96)),
            (11, change(&|_, data| data[63] = 129)),
            (5, change(&|_, data| data[32] = 1)),
            (6, change(&|_, data| data.truncate(60))),
            (7, change(&|_, data| data.truncate(150))),
            (8, change(&|_, data| data.resize(data.len() + 32, 0))),
            (9, log(&[0; 72])),
            (10, log(&[])),
        ];
        let count = bad.len();
        assert_eq!(user_deposits(L1_HASH, &bad), (vec![], count));
        let (out, skipped) = user_deposits(L1_HASH, &[bad[0].clone(), (3, good)]);
        assert_eq!((out.len(), skipped), (1, 1));
    }
}
