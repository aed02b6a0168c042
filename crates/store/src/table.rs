//! The schema on one screen. Names are reth-db's where it has the table; composite keys stand in for
//! its DUP_SORT tables. `n` is a block number, `++` joins; integers are big-endian.

use core::fmt;

/// Version of everything below and of the records in the tables.
pub const SCHEMA_VERSION: u32 = 1;

/// Longest key of any table, in bytes. The engine aborts the process on a key it cannot hold in a
/// release build, so the bound is ours (`ROLLUP.md` T7).
pub const KEY_SIZE_MAX: usize = 80;

/// Longest value of any table, in bytes: code, transactions and blobs are far smaller.
pub const VALUE_SIZE_MAX: usize = 16 << 20;

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident: $key:literal,)*) => {
        /// An ordered table of bytes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Table { $($(#[$doc])* $name,)* }

        impl Table {
            /// Every table, in the order of its discriminant.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Name in the database.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// Longest key in bytes.
            pub const fn key_max(self) -> usize {
                match self { $(Self::$name => $key,)* }
            }
        }

        const _: () = { $(assert!($key <= KEY_SIZE_MAX);)* };
    };
}

tables! {
    /// n -> block hash.
    CanonicalHeaders: 8,
    /// Block hash -> n.
    HeaderNumbers: 32,
    /// n -> header, RLP.
    Headers: 8,
    /// n -> (first transaction number, count, sequence and origin of the block).
    BlockBodyIndices: 8,
    /// Transaction number -> transaction, EIP-2718.
    Transactions: 8,
    /// Transaction hash -> transaction number.
    TransactionHashNumbers: 32,
    /// Number of a block's last transaction -> n. Blocks without transactions have no row.
    TransactionBlocks: 8,
    /// Transaction number -> sender.
    TransactionSenders: 8,
    /// Transaction number -> receipt, EIP-2718.
    Receipts: 8,
    /// Address -> account.
    PlainAccountState: 20,
    /// Address ++ slot -> value.
    PlainStorageState: 52,
    /// Code hash -> code. Never deleted: code of an unwound block is harmless garbage.
    Bytecodes: 32,
    /// Tensor id -> element type, dimensions, root. Kept as long as the record in state.
    TensorDescriptors: 32,
    /// Tensor id ++ run u32 -> at most 65,536 packed bytes, in order. Of an unwound block: harmless
    /// garbage, as the id says what the bytes are.
    TensorBytes: 36,
    /// Tensor id -> page roots, 32 bytes each. Rebuildable.
    TensorPageRoots: 32,
    /// n ++ address -> account before block n.
    AccountChangeSets: 28,
    /// n ++ address ++ slot -> value before block n.
    StorageChangeSets: 60,
    /// Address ++ n -> nothing: block n changed the account.
    AccountsHistory: 28,
    /// Address ++ slot ++ n -> nothing: block n changed the slot.
    StoragesHistory: 60,
    /// Path -> RLP of the node of the account trie at the unsafe head.
    AccountsTrie: 33,
    /// Hashed address ++ path -> RLP of the node of that account's storage trie at the unsafe head.
    StoragesTrie: 65,
    /// What is pruned -> oldest block that is left.
    PruneCheckpoints: 16,
    /// Name -> bytes: schema, release, chain spec hash, and what other crates keep.
    Metadata: 64,
    /// Label -> (L2 reference, generation).
    FgHeads: 16,
    /// n -> derivation cursor after block n.
    FgCursor: 8,
    /// n -> per-transaction accumulators, or the 32-byte trace root once the block is safe.
    FgTrace: 8,
    /// L1 n -> (L1 hash, safe L2 block once that L1 block was consumed).
    FgSafeAtL1: 8,
    /// L1 n -> (hash, header).
    FgL1Blocks: 8,
    /// Versioned hash -> (L1 time, blob).
    FgBlobs: 32,
    /// n -> where the block's batch was posted.
    FgPosted: 8,
    /// (role, nonce) -> intent of an L1 transaction.
    FgIntents: 9,
    /// `frameAcc` -> (previous `frameAcc`, frame data).
    FgFrames: 32,
    /// Transaction hash -> (time, reason).
    FgDropped: 32,
    /// Hash of a storage-trie node of the message passer -> node. Never deleted.
    FgPasserNodes: 32,
    /// n -> storage root of the message passer.
    FgPasserRoots: 8,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discriminants_are_the_order_of_all() {
        for (index, table) in Table::ALL.iter().enumerate() {
            assert_eq!(*table as usize, index);
            assert!(table.key_max() > 0);
        }
    }
}
