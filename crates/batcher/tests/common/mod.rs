//! A chain specification, L2 blocks, and L1 as derivation reads it.
#![allow(dead_code, unreachable_pub)]

use alloy_consensus::{Header, SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B64, B256, Bytes, Signature, TxKind, U256, keccak256};
use foggara_batch::ChannelId;
use foggara_batcher::{BatchBlock, BatchEncoder, BatcherConfig, DaData, IdSource};
use foggara_derive::{Applied, Deriver, L1Header, L1Input, Payload, Step, SyncStart};
use foggara_primitives::{
    BlockId, ChainSpec, FoggaraConfig, GenesisIds, GenesisSystemConfig, L2Ref, RollupConfig,
    SystemConfig, constants::DEPOSIT_TX_TYPE,
};
use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};
use std::sync::Arc;

pub const GENESIS_L1: u64 = 100;
pub const GENESIS_TIME: u64 = 1_700_000_000;
pub const CHAIN_ID: u64 = 901;
/// L1 blocks between the head and the newest origin.
pub const ORIGIN_LAG: u64 = 7;

pub fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

pub fn l1_id(number: u64) -> BlockId {
    BlockId {
        hash: keccak256(number.to_be_bytes()),
        number,
    }
}

pub const fn l1_time(number: u64) -> u64 {
    GENESIS_TIME + (number - GENESIS_L1) * 2
}

/// Blocks of a second on an L1 with blocks of two.
pub fn spec(window: u64) -> Arc<ChainSpec> {
    let genesis = Header {
        timestamp: GENESIS_TIME,
        gas_limit: 60_000_000,
        ..Header::default()
    };
    let rollup = RollupConfig {
        genesis: GenesisIds {
            l1: l1_id(GENESIS_L1),
            l2: BlockId {
                hash: genesis.hash_slow(),
                number: 0,
            },
            l2_time: GENESIS_TIME,
            system_config: GenesisSystemConfig {
                batcher_addr: Address::repeat_byte(0xba),
                scalar: SystemConfig::scalar_word(1_368, 810_949),
                gas_limit: 60_000_000,
                eip1559_params: B64::from(0x0000_00fa_0000_0006u64),
                ..Default::default()
            },
        },
        block_time: 1,
        seq_window_size: window,
        l1_chain_id: 900,
        l2_chain_id: CHAIN_ID,
        regolith_time: Some(0),
        canyon_time: Some(0),
        delta_time: Some(0),
        ecotone_time: Some(0),
        fjord_time: Some(0),
        granite_time: Some(0),
        holocene_time: Some(0),
        isthmus_time: Some(0),
        batch_inbox_address: Address::repeat_byte(0xb1),
        deposit_contract_address: Address::repeat_byte(1),
        l1_system_config_address: Address::repeat_byte(2),
        chain_op_config: Some(foggara_primitives::ChainOpConfig {
            eip1559_elasticity: 6,
            eip1559_denominator: 50,
            eip1559_denominator_canyon: 250,
        }),
        ..Default::default()
    };
    Arc::new(ChainSpec::new(rollup, FoggaraConfig::default(), genesis).unwrap())
}

pub fn genesis(spec: &ChainSpec) -> BatchBlock {
    BatchBlock::new(spec, &spec.genesis, spec.rollup.genesis.l2.hash, &[]).unwrap()
}

/// A type 2 transaction with random calldata, which does not compress, and any signature.
pub fn transaction(rng: &mut StdRng, data: usize) -> Bytes {
    let mut input = vec![0; data];
    rng.fill_bytes(&mut input);
    let tx = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce: rng.random_range(0..1_000),
        gas_limit: 21_000,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 1_000_000,
        to: TxKind::Call(Address::from_word(b256(rng))),
        value: U256::from(rng.random::<u64>()),
        access_list: Default::default(),
        input: input.into(),
    };
    let word = |rng: &mut StdRng| U256::from_be_bytes(b256(rng).0) >> 1;
    let signature = Signature::new(word(rng), word(rng), rng.random());
    TxEnvelope::from(tx.into_signed(signature))
        .encoded_2718()
        .into()
}

pub fn b256(rng: &mut StdRng) -> B256 {
    let mut word = [0; 32];
    rng.fill_bytes(&mut word);
    word.into()
}

/// The next block; takes the next origin if it may and, by chance, wants to.
pub fn next_block(
    rng: &mut StdRng,
    parent: &BatchBlock,
    l1_head: u64,
    transactions: Vec<Bytes>,
) -> BatchBlock {
    let timestamp = parent.l2.timestamp + 1;
    let origin = parent.l2.l1_origin.number;
    let may = origin + 1 + ORIGIN_LAG <= l1_head && l1_time(origin + 1) <= timestamp;
    let (l1_origin, sequence_number) = if may && rng.random_bool(0.7) {
        (l1_id(origin + 1), 0)
    } else {
        (parent.l2.l1_origin, parent.l2.sequence_number + 1)
    };
    BatchBlock {
        l2: L2Ref {
            hash: b256(rng),
            number: parent.l2.number + 1,
            parent_hash: parent.l2.hash,
            timestamp,
            l1_origin,
            sequence_number,
        },
        origin_time: l1_time(l1_origin.number),
        transactions,
    }
}

pub fn ids(seed: u64) -> IdSource {
    let mut rng = rng(seed);
    Box::new(move || ChannelId::from(rng.random::<[u8; 16]>()))
}

pub fn encoder(spec: &Arc<ChainSpec>, config: BatcherConfig, seed: u64) -> BatchEncoder {
    BatchEncoder::new(Arc::clone(spec), config, genesis(spec), ids(seed))
}

/// Derives the chain that L1 blocks `GENESIS_L1..=head` hold, data given by L1 number, and compares
/// every block with `chain` (whose first is genesis). Returns the safe head.
pub fn derive<'a>(
    spec: &Arc<ChainSpec>,
    chain: &[BatchBlock],
    head: u64,
    data: impl Fn(u64) -> Vec<&'a DaData>,
) -> L2Ref {
    let mut deriver = Deriver::new(Arc::clone(spec), SyncStart::genesis(spec));
    let mut safe = chain[0].l2;
    loop {
        match deriver.step(&safe) {
            Step::NeedL1(number) if number > head => return safe,
            Step::NeedL1(number) => deriver.push_l1(l1_input(number, &data(number))),
            Step::NeedL2(number) => {
                deriver.push_l2(chain[usize::try_from(number).unwrap()].l2);
            }
            Step::Attributes(derived) => {
                let index = usize::try_from(safe.number).unwrap() + 1;
                let block = chain
                    .get(index)
                    .expect("no block beyond the tip is derived");
                let is_ours = |tx: &&Bytes| tx.first() != Some(&DEPOSIT_TX_TYPE);
                let txs = derived.attributes.transactions.iter().filter(is_ours);
                assert!(
                    txs.eq(&block.transactions),
                    "block {index} has other transactions"
                );
                assert_eq!(derived.l2_ref(block.l2.hash), block.l2);
                assert!(
                    derived.from_channel.is_some(),
                    "block {index} is a forced one"
                );
                safe = block.l2;
                deriver.applied(Applied::Accepted(safe));
            }
            other => panic!("{other:?}"),
        }
    }
}

fn l1_input(number: u64, data: &[&DaData]) -> L1Input {
    let header = L1Header {
        hash: l1_id(number).hash,
        number,
        parent_hash: l1_id(number - 1).hash,
        timestamp: l1_time(number),
        ..Default::default()
    };
    let mut payloads = Vec::new();
    for data in data {
        match data {
            DaData::Calldata(payload) => payloads.push(Payload::Calldata(payload.clone())),
            DaData::Blobs(blobs) => payloads.extend(blobs.iter().cloned().map(Payload::Blob)),
        }
    }
    L1Input {
        header,
        payloads,
        ..Default::default()
    }
}
