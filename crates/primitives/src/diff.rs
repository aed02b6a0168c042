//! The canonical state diff: what a sub-step changed, in one byte form.
//!
//! | size | field |
//! |---|---|
//! | 20 | address, ascending over the diff |
//! | 1 | flags: 1 exists afterwards, 2 storage wiped first, 4 new code |
//! | 8 | nonce |
//! | 32 | balance |
//! | 32 | code hash |
//! | 4 | slot count |
//! | 64 each | slot key, value; ascending by key |
//!
//! Integers are big-endian. Source: `FAULTPROOF.md` section 3.4.

use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};

/// An account without its storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccountInfo {
    /// Nonce.
    pub nonce: u64,
    /// Balance in wei.
    pub balance: U256,
    /// `keccak256` of the code; [`KECCAK256_EMPTY`] without code.
    pub code_hash: B256,
}

impl Default for AccountInfo {
    fn default() -> Self {
        Self {
            nonce: 0,
            balance: U256::ZERO,
            code_hash: KECCAK256_EMPTY,
        }
    }
}

/// What happened to one account. Fields are values after the sub-step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountChange {
    /// The account afterwards; `None` if it does not exist.
    pub info: Option<AccountInfo>,
    /// Whether all storage was cleared before `storage` applies.
    pub storage_wiped: bool,
    /// Code that this sub-step created, if any. Its hash is `info.code_hash`.
    pub new_code: Option<Bytes>,
    /// Changed slots and their new values; zero clears a slot.
    pub storage: BTreeMap<B256, U256>,
}

/// Accounts whose value changed, in ascending order of address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StateDiff {
    /// The changes.
    pub accounts: BTreeMap<Address, AccountChange>,
}

/// Bytes that are not a canonical diff.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiffError {
    /// The bytes end inside a field.
    #[error("diff is truncated")]
    Truncated,
    /// A flag bit beyond the defined ones, or flags that contradict the fields.
    #[error("diff flags {0:#x} are not canonical")]
    Flags(u8),
    /// Addresses or slots do not ascend.
    #[error("diff is not in ascending order")]
    Order,
}

const FLAG_EXISTS: u8 = 1;
const FLAG_WIPED: u8 = 2;
const FLAG_CODE: u8 = 4;

impl StateDiff {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// Applies `later` on top of this diff.
    pub fn merge(&mut self, later: &Self) {
        for (address, change) in &later.accounts {
            let Some(mine) = self.accounts.get_mut(address) else {
                self.accounts.insert(*address, change.clone());
                continue;
            };
            mine.info = change.info;
            if change.storage_wiped {
                mine.storage_wiped = true;
                mine.storage.clear();
            }
            if change.new_code.is_some() {
                mine.new_code.clone_from(&change.new_code);
            }
            mine.storage
                .extend(change.storage.iter().map(|(k, v)| (*k, *v)));
        }
    }

    /// The canonical bytes. New code is named by its hash and travels beside the diff.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (address, change) in &self.accounts {
            let info = change.info.unwrap_or(AccountInfo {
                nonce: 0,
                balance: U256::ZERO,
                code_hash: B256::ZERO,
            });
            let mut flags = 0;
            if change.info.is_some() {
                flags |= FLAG_EXISTS;
            }
            if change.storage_wiped {
                flags |= FLAG_WIPED;
            }
            if change.new_code.is_some() {
                flags |= FLAG_CODE;
            }
            out.extend_from_slice(address.as_slice());
            out.push(flags);
            out.extend_from_slice(&info.nonce.to_be_bytes());
            out.extend_from_slice(&info.balance.to_be_bytes::<32>());
            out.extend_from_slice(info.code_hash.as_slice());
            // A block touches far fewer than 2^32 slots: each costs gas.
            let count = u32::try_from(change.storage.len()).unwrap_or(u32::MAX);
            out.extend_from_slice(&count.to_be_bytes());
            for (key, value) in &change.storage {
                out.extend_from_slice(key.as_slice());
                out.extend_from_slice(&value.to_be_bytes::<32>());
            }
        }
        out
    }

    /// Reads canonical bytes. New code comes back as an empty marker: the caller resolves it by hash.
    ///
    /// # Errors
    /// [`DiffError`]: the bytes are truncated or not canonical.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, DiffError> {
        let mut accounts = BTreeMap::new();
        let mut last: Option<Address> = None;
        while !bytes.is_empty() {
            let address = Address::from(take::<20>(&mut bytes)?);
            let [flags] = take::<1>(&mut bytes)?;
            let nonce = u64::from_be_bytes(take(&mut bytes)?);
            let balance = U256::from_be_bytes(take::<32>(&mut bytes)?);
            let code_hash = B256::from(take::<32>(&mut bytes)?);
            let count = u32::from_be_bytes(take(&mut bytes)?);
            if flags & !(FLAG_EXISTS | FLAG_WIPED | FLAG_CODE) != 0 {
                return Err(DiffError::Flags(flags));
            }
            let exists = flags & FLAG_EXISTS != 0;
            if !exists && (nonce != 0 || !balance.is_zero() || !code_hash.is_zero()) {
                return Err(DiffError::Flags(flags));
            }
            if last.is_some_and(|l| l >= address) {
                return Err(DiffError::Order);
            }
            last = Some(address);
            let mut storage = BTreeMap::new();
            for _ in 0..count {
                let key = B256::from(take::<32>(&mut bytes)?);
                let value = U256::from_be_bytes(take::<32>(&mut bytes)?);
                if storage.last_key_value().is_some_and(|(k, _)| *k >= key) {
                    return Err(DiffError::Order);
                }
                storage.insert(key, value);
            }
            accounts.insert(
                address,
                AccountChange {
                    info: exists.then_some(AccountInfo {
                        nonce,
                        balance,
                        code_hash,
                    }),
                    storage_wiped: flags & FLAG_WIPED != 0,
                    new_code: (flags & FLAG_CODE != 0).then(Bytes::new),
                    storage,
                },
            );
        }
        Ok(Self { accounts })
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], DiffError> {
    let (head, rest) = bytes.split_first_chunk::<N>().ok_or(DiffError::Truncated)?;
    *bytes = rest;
    Ok(*head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn change() -> impl Strategy<Value = AccountChange> {
        (
            proptest::option::of((any::<u64>(), any::<[u8; 32]>(), any::<[u8; 32]>())),
            any::<bool>(),
            proptest::collection::btree_map(any::<[u8; 32]>(), any::<[u8; 32]>(), 0..4),
        )
            .prop_map(|(info, storage_wiped, storage)| AccountChange {
                info: info.map(|(nonce, balance, hash)| AccountInfo {
                    nonce,
                    balance: U256::from_be_bytes(balance),
                    code_hash: hash.into(),
                }),
                storage_wiped,
                new_code: None,
                storage: storage
                    .into_iter()
                    .map(|(k, v)| (B256::from(k), U256::from_be_bytes(v)))
                    .collect(),
            })
    }

    proptest! {
        #[test]
        fn decode_inverts_encode(map in proptest::collection::btree_map(any::<[u8; 20]>(), change(), 0..5)) {
            let diff = StateDiff { accounts: map.into_iter().map(|(a, c)| (a.into(), c)).collect() };
            prop_assert_eq!(StateDiff::decode(&diff.encode()), Ok(diff));
        }

        #[test]
        fn what_decodes_encodes_to_itself(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(diff) = StateDiff::decode(&bytes) {
                prop_assert_eq!(diff.encode(), bytes);
            }
        }
    }

    #[test]
    fn truncation_is_refused_at_every_byte() {
        let mut diff = StateDiff::default();
        let mut change = AccountChange {
            info: Some(AccountInfo::default()),
            ..Default::default()
        };
        change.storage.insert(B256::repeat_byte(1), U256::from(7));
        diff.accounts.insert(Address::repeat_byte(2), change);
        let bytes = diff.encode();
        for end in 1..bytes.len() {
            assert_eq!(
                StateDiff::decode(&bytes[..end]),
                Err(DiffError::Truncated),
                "cut at {end}"
            );
        }
    }

    #[test]
    fn a_later_wipe_hides_earlier_slots() {
        let slot = |n| (B256::with_last_byte(n), U256::from(n));
        let with = |wiped, slots: &[u8]| StateDiff {
            accounts: BTreeMap::from([(
                Address::ZERO,
                AccountChange {
                    info: Some(AccountInfo::default()),
                    storage_wiped: wiped,
                    new_code: None,
                    storage: slots.iter().copied().map(slot).collect(),
                },
            )]),
        };
        let mut diff = with(false, &[1, 2]);
        diff.merge(&with(true, &[3]));
        assert_eq!(diff, with(true, &[3]));
    }
}
