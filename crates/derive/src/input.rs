//! What the pipeline consumes: one L1 block at a time, reduced to what derivation reads.

use alloc::vec::Vec;
use alloy_consensus::Header;
use alloy_primitives::{B256, Bloom, BloomInput, Bytes, Log, b256};
use foggara_primitives::{BlockId, L1Ref, RollupConfig};

/// Topic of `ConfigUpdate(uint256,uint8,bytes)` (OP system-config).
pub const CONFIG_UPDATE_TOPIC: B256 =
    b256!("1d2b0bda21d56b8bd12d4f94ebacffdfb35f5e226f84b461103bb8beab6353be");
/// Topic of `TransactionDeposited(address,address,uint256,bytes)` (OP deposits).
pub const TRANSACTION_DEPOSITED_TOPIC: B256 =
    b256!("b3813568d9991fc951961fcb4c784893574240a28925604d09fc577c55bb7c32");

/// The fields of an L1 header that derivation reads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct L1Header {
    /// Block hash.
    pub hash: B256,
    /// Block number.
    pub number: u64,
    /// Hash of the parent.
    pub parent_hash: B256,
    /// Unix seconds.
    pub timestamp: u64,
    /// Base fee in wei, 0 before London.
    pub base_fee: u64,
    /// `mixHash`.
    pub prev_randao: B256,
    /// EIP-4788 root, absent before Cancun.
    pub parent_beacon_block_root: Option<B256>,
    /// EIP-4844 excess blob gas, absent before Cancun.
    pub excess_blob_gas: Option<u64>,
}

impl L1Header {
    /// The fields of `header`, whose hash is `hash`.
    pub const fn new(header: &Header, hash: B256) -> Self {
        Self {
            hash,
            number: header.number,
            parent_hash: header.parent_hash,
            timestamp: header.timestamp,
            base_fee: match header.base_fee_per_gas {
                Some(fee) => fee,
                None => 0,
            },
            prev_randao: header.mix_hash,
            parent_beacon_block_root: header.parent_beacon_block_root,
            excess_blob_gas: header.excess_blob_gas,
        }
    }

    /// Number and hash.
    pub const fn id(&self) -> BlockId {
        BlockId {
            hash: self.hash,
            number: self.number,
        }
    }

    /// The block as a reference.
    pub const fn l1_ref(&self) -> L1Ref {
        L1Ref {
            hash: self.hash,
            number: self.number,
            parent_hash: self.parent_hash,
            timestamp: self.timestamp,
        }
    }
}

/// One string that the batcher put on L1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// Calldata of an inbox transaction that is not of type 3.
    Calldata(Bytes),
    /// One blob, 131,072 bytes, checked against its versioned hash.
    Blob(Bytes),
}

/// One L1 block as derivation sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct L1Input {
    /// The header.
    pub header: L1Header,
    /// Logs of the `SystemConfig` contract with [`CONFIG_UPDATE_TOPIC`], from successful receipts, in order.
    pub config_updates: Vec<Log>,
    /// Logs of the portal with [`TRANSACTION_DEPOSITED_TOPIC`], from successful receipts, in order, each
    /// with its index among all logs of the block.
    pub deposits: Vec<(u64, Log)>,
    /// Payloads sent by the batcher in force after `config_updates`, in order. May be left empty where
    /// [`crate::Deriver::needs_payloads`] is false.
    pub payloads: Vec<Payload>,
}

/// Whether a block with this logs bloom can hold an event that derivation reads; if not, its receipts
/// need not be fetched.
pub fn bloom_may_concern(rollup: &RollupConfig, bloom: &Bloom) -> bool {
    let has = |address: &[u8], topic: &B256| {
        bloom.contains_input(BloomInput::Raw(address))
            && bloom.contains_input(BloomInput::Raw(topic.as_slice()))
    };
    has(
        rollup.l1_system_config_address.as_slice(),
        &CONFIG_UPDATE_TOPIC,
    ) || has(
        rollup.deposit_contract_address.as_slice(),
        &TRANSACTION_DEPOSITED_TOPIC,
    )
}

/// Picks `(config_updates, deposits)` out of a block's receipts, given in order as (success, logs).
pub fn collect_events<'a>(
    rollup: &RollupConfig,
    receipts: impl IntoIterator<Item = (bool, &'a [Log])>,
) -> (Vec<Log>, Vec<(u64, Log)>) {
    let (mut updates, mut deposits) = (Vec::new(), Vec::new());
    let mut index = 0u64;
    for (success, logs) in receipts {
        for log in logs {
            let topic = log.topics().first();
            if success {
                if log.address == rollup.l1_system_config_address
                    && topic == Some(&CONFIG_UPDATE_TOPIC)
                {
                    updates.push(log.clone());
                }
                if log.address == rollup.deposit_contract_address
                    && topic == Some(&TRANSACTION_DEPOSITED_TOPIC)
                {
                    deposits.push((index, log.clone()));
                }
            }
            index = index.saturating_add(1);
        }
    }
    (updates, deposits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, LogData, keccak256};

    #[test]
    fn topics_are_the_hashes_of_the_signatures() {
        assert_eq!(
            keccak256("ConfigUpdate(uint256,uint8,bytes)"),
            CONFIG_UPDATE_TOPIC
        );
        assert_eq!(
            keccak256("TransactionDeposited(address,address,uint256,bytes)"),
            TRANSACTION_DEPOSITED_TOPIC
        );
    }

    #[test]
    fn log_indices_count_all_logs_and_failed_receipts_give_nothing() {
        let rollup = RollupConfig {
            deposit_contract_address: Address::with_last_byte(1),
            l1_system_config_address: Address::with_last_byte(2),
            ..Default::default()
        };
        let log = |address: u8, topic: B256| Log {
            address: Address::with_last_byte(address),
            data: LogData::new_unchecked(alloc::vec![topic], Bytes::new()),
        };
        let first = [log(9, B256::ZERO), log(1, TRANSACTION_DEPOSITED_TOPIC)];
        let failed = [
            log(1, TRANSACTION_DEPOSITED_TOPIC),
            log(2, CONFIG_UPDATE_TOPIC),
        ];
        let last = [
            log(1, CONFIG_UPDATE_TOPIC),
            log(2, CONFIG_UPDATE_TOPIC),
            log(1, TRANSACTION_DEPOSITED_TOPIC),
        ];
        let (updates, deposits) = collect_events(
            &rollup,
            [(true, &first[..]), (false, &failed), (true, &last)],
        );
        assert_eq!(updates.len(), 1);
        assert_eq!(
            deposits.iter().map(|(index, _)| *index).collect::<Vec<_>>(),
            [1, 6]
        );
    }

    #[test]
    fn a_bloom_without_both_address_and_topic_concerns_nobody() {
        let rollup = RollupConfig {
            deposit_contract_address: Address::with_last_byte(1),
            l1_system_config_address: Address::with_last_byte(2),
            ..Default::default()
        };
        let mut bloom = Bloom::default();
        assert!(!bloom_may_concern(&rollup, &bloom));
        bloom.accrue(BloomInput::Raw(rollup.deposit_contract_address.as_slice()));
        assert!(!bloom_may_concern(&rollup, &bloom));
        bloom.accrue(BloomInput::Raw(TRANSACTION_DEPOSITED_TOPIC.as_slice()));
        assert!(bloom_may_concern(&rollup, &bloom));
    }
}
