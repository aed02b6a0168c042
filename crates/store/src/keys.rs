//! Keys of the tables: fixed arrays, so their length is bounded by type (`ROLLUP.md` T7).

use alloy_primitives::{Address, B256};
use core::ops::Deref;
use foggara_trie::Nibbles;

/// Joins the parts of a key into an array of exactly their length.
macro_rules! join {
    ($len:literal, $($part:expr),+) => {{
        let mut key = [0u8; $len];
        let mut rest = key.as_mut_slice();
        $(
            let part: &[u8] = $part;
            let (head, tail) = rest.split_at_mut(part.len());
            head.copy_from_slice(part);
            rest = tail;
        )+
        debug_assert!(rest.is_empty());
        key
    }};
}

/// `n`.
pub(crate) const fn number(n: u64) -> [u8; 8] {
    n.to_be_bytes()
}

/// `address ++ slot`.
pub(crate) fn slot(address: &Address, slot: &B256) -> [u8; 52] {
    join!(52, address.as_slice(), slot.as_slice())
}

/// `n ++ address`.
pub(crate) fn account_change(n: u64, address: &Address) -> [u8; 28] {
    join!(28, &n.to_be_bytes(), address.as_slice())
}

/// `n ++ address ++ slot`.
pub(crate) fn slot_change(n: u64, address: &Address, slot: &B256) -> [u8; 60] {
    join!(60, &n.to_be_bytes(), address.as_slice(), slot.as_slice())
}

/// `address ++ n`.
pub(crate) fn account_history(address: &Address, n: u64) -> [u8; 28] {
    join!(28, address.as_slice(), &n.to_be_bytes())
}

/// `address ++ slot ++ n`.
pub(crate) fn slot_history(address: &Address, slot: &B256, n: u64) -> [u8; 60] {
    join!(60, address.as_slice(), slot.as_slice(), &n.to_be_bytes())
}

/// `role ++ nonce`.
pub(crate) fn intent(role: u8, nonce: u64) -> [u8; 9] {
    join!(9, &[role], &nonce.to_be_bytes())
}

/// `id ++ run`.
pub(crate) fn tensor_run(id: &B256, run: u32) -> [u8; 36] {
    join!(36, id.as_slice(), &run.to_be_bytes())
}

/// A key of up to 65 bytes on the stack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathKey {
    bytes: [u8; 65],
    len: usize,
}

impl Deref for PathKey {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Key of a trie node: `[hashed address] ++ packed path ++ nibble count`. The count comes last, so
/// nodes below one another lie near one another.
pub(crate) fn node(owner: Option<&B256>, path: &Nibbles) -> PathKey {
    let mut bytes = [0u8; 65];
    let packed = path.pack();
    let mut len: usize = 0;
    let mut put = |part: &[u8]| {
        // A path has at most 64 nibbles: 32 bytes of owner, 32 of path and one fit.
        if let Some(to) = bytes.get_mut(len..len.saturating_add(part.len())) {
            to.copy_from_slice(part);
            len = len.saturating_add(part.len());
        }
    };
    if let Some(owner) = owner {
        put(owner.as_slice());
    }
    put(&packed);
    put(&[u8::try_from(path.len()).unwrap_or(u8::MAX)]);
    PathKey { bytes, len }
}

/// The last `N` bytes of a key, as an array.
pub(crate) fn tail<const N: usize>(key: &[u8]) -> Option<[u8; N]> {
    key.last_chunk::<N>().copied()
}

/// The block number in the first eight bytes of a key.
pub(crate) fn leading_number(key: &[u8]) -> Option<u64> {
    key.first_chunk::<8>()
        .map(|bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Table;
    use proptest::prelude::*;

    fn nibbles() -> impl Strategy<Value = Nibbles> {
        proptest::collection::vec(0u8..16, 0..=64).prop_map(Nibbles::from_nibbles)
    }

    proptest! {
        #[test]
        fn paths_have_distinct_keys_that_fit(a in nibbles(), b in nibbles()) {
            prop_assert_eq!(a == b, *node(None, &a) == *node(None, &b));
            prop_assert!(node(None, &a).len() <= Table::AccountsTrie.key_max());
            let owner = B256::repeat_byte(7);
            prop_assert!(node(Some(&owner), &a).len() <= Table::StoragesTrie.key_max());
            prop_assert!(node(Some(&owner), &a).starts_with(owner.as_slice()));
        }
    }

    #[test]
    fn the_longest_keys_fit_their_tables() {
        let (a, s) = (Address::repeat_byte(1), B256::repeat_byte(2));
        assert_eq!(slot(&a, &s).len(), Table::PlainStorageState.key_max());
        assert_eq!(
            account_change(1, &a).len(),
            Table::AccountChangeSets.key_max()
        );
        assert_eq!(
            slot_change(1, &a, &s).len(),
            Table::StorageChangeSets.key_max()
        );
        assert_eq!(
            account_history(&a, 1).len(),
            Table::AccountsHistory.key_max()
        );
        assert_eq!(
            slot_history(&a, &s, 1).len(),
            Table::StoragesHistory.key_max()
        );
        assert_eq!(tensor_run(&s, 1).len(), Table::TensorBytes.key_max());
        assert_eq!(intent(1, 2).len(), Table::FgIntents.key_max());
        let full = Nibbles::unpack([0xff; 32]);
        assert_eq!(node(None, &full).len(), Table::AccountsTrie.key_max());
        assert_eq!(node(Some(&s), &full).len(), Table::StoragesTrie.key_max());
    }
}
