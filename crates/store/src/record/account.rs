//! Accounts and storage values.
//!
//! | size | field of an account |
//! |---|---|
//! | 1 | flags: 1 has code |
//! | 8 | nonce |
//! | 32 | code hash, with flag 1 only |
//! | 0-32 | balance without leading zeros |
//!
//! A storage value is 1-32 bytes without leading zeros; zero is no bytes, and is never stored as state.

use super::take;
use alloy_primitives::{B256, KECCAK256_EMPTY, U256};
use foggara_primitives::AccountInfo;

const HAS_CODE: u8 = 1;

/// Encodes an account.
pub(crate) fn encode_account(account: &AccountInfo) -> Vec<u8> {
    let mut out = Vec::with_capacity(73);
    let has_code = account.code_hash != KECCAK256_EMPTY;
    out.push(if has_code { HAS_CODE } else { 0 });
    out.extend_from_slice(&account.nonce.to_be_bytes());
    if has_code {
        out.extend_from_slice(account.code_hash.as_slice());
    }
    out.extend_from_slice(&encode_value(&account.balance));
    out
}

/// Decodes an account.
pub(crate) fn decode_account(bytes: &[u8]) -> Option<AccountInfo> {
    let mut rest = bytes;
    let [flags] = take::<1>(&mut rest)?;
    let nonce = u64::from_be_bytes(take(&mut rest)?);
    let code_hash = match flags {
        0 => KECCAK256_EMPTY,
        HAS_CODE => B256::from(take::<32>(&mut rest)?),
        _ => return None,
    };
    if flags == HAS_CODE && code_hash == KECCAK256_EMPTY {
        return None;
    }
    Some(AccountInfo {
        nonce,
        balance: decode_value(rest)?,
        code_hash,
    })
}

/// Encodes a value without leading zeros.
pub(crate) fn encode_value(value: &U256) -> Vec<u8> {
    value.to_be_bytes_trimmed_vec()
}

/// Decodes a value.
pub(crate) fn decode_value(bytes: &[u8]) -> Option<U256> {
    match bytes.first() {
        Some(0) => None,
        _ => U256::try_from_be_slice(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decode_inverts_encode(nonce: u64, balance: [u8; 32], shift in 0usize..256, code: Option<[u8; 32]>) {
            let account = AccountInfo {
                nonce,
                balance: U256::from_be_bytes(balance) >> shift,
                code_hash: code.map_or(KECCAK256_EMPTY, B256::from),
            };
            prop_assert_eq!(decode_account(&encode_account(&account)), Some(account));
            prop_assert_eq!(decode_value(&encode_value(&account.balance)), Some(account.balance));
        }
    }

    #[test]
    fn zero_is_no_bytes_and_leading_zeros_are_refused() {
        assert!(encode_value(&U256::ZERO).is_empty());
        assert_eq!(decode_value(&[]), Some(U256::ZERO));
        assert_eq!(decode_value(&[0]), None);
        assert_eq!(decode_value(&[0, 1]), None);
        assert_eq!(decode_value(&[1; 33]), None);
    }

    #[test]
    fn truncated_accounts_and_unknown_flags_are_refused() {
        let code = AccountInfo {
            code_hash: B256::repeat_byte(3),
            ..AccountInfo::default()
        };
        let bytes = encode_account(&code);
        for end in 0..bytes.len() {
            assert_eq!(decode_account(&bytes[..end]), None, "cut at {end}");
        }
        assert_eq!(decode_account(&[2; 41]), None);
    }
}
