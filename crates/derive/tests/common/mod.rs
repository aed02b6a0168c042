//! A simulated L1, a fake executor and a driver: what stands around the pipeline in tests.
#![allow(dead_code, unreachable_pub, clippy::cast_possible_truncation)]

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{
    Address, B64, B256, Bytes, Log, LogData, Signature, TxKind, U256, keccak256,
};
use foggara_batch::{
    BatchContext, ChannelId, Frame, SingularBatch, SpanBlockInput, SpanBuilder, compress_zlib,
    cut_frames, encode_content, encode_payload,
};
use foggara_derive::{
    Applied, CONFIG_UPDATE_TOPIC, Derived, Deriver, DropReason, Dropped, EpochStart, FrameObject,
    L1Header, L1Input, Payload, Step, SyncStart, TRANSACTION_DEPOSITED_TOPIC, attributes,
    frames_of,
};
use foggara_primitives::{
    BlockId, ChainSpec, Cursor, FoggaraConfig, GenesisIds, GenesisSystemConfig, L2Ref,
    PayloadAttributes, RollupConfig, SystemConfig, constants::DEPOSIT_TX_TYPE,
};
use std::{collections::BTreeMap, sync::Arc};

pub const GENESIS_L1: u64 = 100;
pub const GENESIS_TIME: u64 = 1_700_000_000;
pub const L1_BLOCK_TIME: u64 = 12;
pub const BLOCK_TIME: u64 = 2;
pub const BATCHER: Address = Address::repeat_byte(0xba);
pub const PORTAL: Address = Address::repeat_byte(0x01);
pub const SYSTEM_CONFIG: Address = Address::repeat_byte(0x02);

/// A chain specification with a window of `window` L1 blocks.
pub fn spec(window: u64) -> Arc<ChainSpec> {
    let genesis = alloy_consensus::Header {
        timestamp: GENESIS_TIME,
        gas_limit: 60_000_000,
        ..Default::default()
    };
    let rollup = RollupConfig {
        genesis: GenesisIds {
            l1: BlockId {
                hash: l1_hash(0, GENESIS_L1),
                number: GENESIS_L1,
            },
            l2: BlockId {
                hash: genesis.hash_slow(),
                number: 0,
            },
            l2_time: GENESIS_TIME,
            system_config: GenesisSystemConfig {
                batcher_addr: BATCHER,
                scalar: SystemConfig::scalar_word(1_368, 810_949),
                gas_limit: 60_000_000,
                eip1559_params: B64::from(0x0000_00fa_0000_0006u64),
                ..Default::default()
            },
        },
        block_time: BLOCK_TIME,
        seq_window_size: window,
        l1_chain_id: 900,
        l2_chain_id: 901,
        regolith_time: Some(0),
        canyon_time: Some(0),
        delta_time: Some(0),
        ecotone_time: Some(0),
        fjord_time: Some(0),
        granite_time: Some(0),
        holocene_time: Some(0),
        isthmus_time: Some(0),
        batch_inbox_address: Address::repeat_byte(0xff),
        deposit_contract_address: PORTAL,
        l1_system_config_address: SYSTEM_CONFIG,
        chain_op_config: Some(foggara_primitives::ChainOpConfig {
            eip1559_elasticity: 6,
            eip1559_denominator: 50,
            eip1559_denominator_canyon: 250,
        }),
        ..Default::default()
    };
    Arc::new(ChainSpec::new(rollup, FoggaraConfig::default(), genesis).unwrap())
}

/// Hash of the L1 block `number` on branch `branch`.
pub fn l1_hash(branch: u64, number: u64) -> B256 {
    keccak256([branch.to_be_bytes(), number.to_be_bytes()].concat())
}

/// The L1 block `number` without content.
pub fn l1_block(number: u64) -> L1Input {
    L1Input {
        header: L1Header {
            hash: l1_hash(0, number),
            number,
            parent_hash: l1_hash(0, number.wrapping_sub(1)),
            timestamp: GENESIS_TIME + (number - GENESIS_L1) * L1_BLOCK_TIME,
            base_fee: 1_000_000_000 + number,
            prev_randao: keccak256(number.to_be_bytes()),
            parent_beacon_block_root: Some(keccak256([7, number as u8])),
            excess_blob_gas: Some(number * 100_000),
        },
        ..Default::default()
    }
}

pub fn payload(frames: &[Frame]) -> Payload {
    Payload::Calldata(encode_payload(frames).into())
}

pub fn blob_payload(frames: &[Frame]) -> Payload {
    Payload::Blob(
        foggara_batch::blob::encode(&encode_payload(frames))
            .unwrap()
            .into(),
    )
}

pub fn id(byte: u8) -> ChannelId {
    ChannelId::repeat_byte(byte)
}

/// A channel of encoded batches in frames of `size` bytes.
pub fn frames(channel: ChannelId, batches: &[Vec<u8>], size: usize) -> Vec<Frame> {
    let bytes = compress_zlib(&encode_content(batches), 1);
    cut_frames(channel, &bytes.into(), size).unwrap()
}

/// A channel of encoded batches in one payload.
pub fn one_payload(channel: ChannelId, batches: &[Vec<u8>]) -> Payload {
    payload(&frames(channel, batches, 1_000_000))
}

/// A signed transaction that a span batch can carry. Signature and fields are arbitrary.
pub fn tx(nonce: u64, input: &[u8]) -> Bytes {
    TxEip1559 {
        chain_id: 901,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 10,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(Address::with_last_byte(5)),
        value: U256::from(nonce),
        access_list: Default::default(),
        input: Bytes::copy_from_slice(input),
    }
    .into_signed(Signature::new(
        U256::from(nonce + 1),
        U256::from(3),
        nonce.is_multiple_of(2),
    ))
    .encoded_2718()
    .into()
}

/// A transaction that the fake executor finds invalid.
pub fn invalid_tx(nonce: u64) -> Bytes {
    tx(nonce, b"INVALID")
}

fn is_invalid(tx: &Bytes) -> bool {
    tx.first() != Some(&DEPOSIT_TX_TYPE)
        && (!matches!(tx.first(), Some(1..=4 | 0xc0..))
            || tx.windows(7).any(|part| part == b"INVALID"))
}

/// The fake executor: the hash commits to parent and attributes; a marked or untyped transaction is
/// invalid.
pub fn execute(derived: &Derived) -> (L2Ref, PayloadAttributes, bool) {
    let whole = !derived.attributes.transactions.iter().any(is_invalid);
    let attributes = if whole {
        derived.attributes.clone()
    } else {
        derived.attributes.deposits_only()
    };
    (
        derived.l2_ref(block_hash(derived.parent.hash, &attributes)),
        attributes,
        whole,
    )
}

pub fn block_hash(parent: B256, attributes: &PayloadAttributes) -> B256 {
    let mut preimage = parent.to_vec();
    preimage.extend_from_slice(format!("{attributes:?}").as_bytes());
    keccak256(preimage)
}

/// A `ConfigUpdate` log of one word.
pub fn config_update(kind: u64, word: impl Into<B256>) -> Log {
    let data = [
        B256::from(U256::from(32)),
        B256::from(U256::from(32)),
        word.into(),
    ]
    .concat();
    let topics = vec![
        CONFIG_UPDATE_TOPIC,
        B256::ZERO,
        B256::from(U256::from(kind)),
    ];
    Log {
        address: SYSTEM_CONFIG,
        data: LogData::new_unchecked(topics, data.into()),
    }
}

/// A deposit log with this calldata.
pub fn deposit(input: &[u8]) -> Log {
    let mut content = vec![0u8; 73];
    content[31] = 5;
    content[64..72].copy_from_slice(&100_000u64.to_be_bytes());
    content.extend_from_slice(input);
    let mut data = B256::from(U256::from(32)).to_vec();
    data.extend_from_slice(B256::from(U256::from(content.len())).as_slice());
    data.extend_from_slice(&content);
    data.resize(data.len().next_multiple_of(32), 0);
    let topics = vec![
        TRANSACTION_DEPOSITED_TOPIC,
        Address::with_last_byte(3).into_word(),
        Address::with_last_byte(4).into_word(),
        B256::ZERO,
    ];
    Log {
        address: PORTAL,
        data: LogData::new_unchecked(topics, data.into()),
    }
}

/// A derived block and what is stored beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub block: L2Ref,
    pub attributes: PayloadAttributes,
    pub whole: bool,
    pub sys: SystemConfig,
    pub cursor: Cursor,
    pub derived_from: u64,
    pub from_channel: bool,
}

/// A chain under derivation, with everything a node would store.
#[derive(Debug)]
pub struct World {
    pub spec: Arc<ChainSpec>,
    pub l1: Vec<L1Input>,
    pub deriver: Deriver,
    pub chain: Vec<Block>,
    pub frames: BTreeMap<B256, FrameObject>,
    pub dropped: Vec<Dropped>,
    /// Cursor and count of blocks each time an L1 block was consumed.
    pub at_l1: Vec<(Cursor, usize)>,
    /// L1 blocks that were asked for although they were consumed before.
    pub asked_again: Vec<u64>,
}

impl World {
    pub fn new(window: u64) -> Self {
        let spec = spec(window);
        let mut world = Self {
            deriver: Deriver::new(Arc::clone(&spec), SyncStart::genesis(&spec)),
            l1: vec![l1_block(GENESIS_L1)],
            spec,
            chain: Vec::new(),
            frames: BTreeMap::new(),
            dropped: Vec::new(),
            at_l1: Vec::new(),
            asked_again: Vec::new(),
        };
        world.run();
        world
    }

    pub fn genesis(&self) -> L2Ref {
        SyncStart::genesis(&self.spec).safe
    }

    pub fn safe(&self) -> L2Ref {
        self.chain
            .last()
            .map_or_else(|| self.genesis(), |block| block.block)
    }

    pub fn block(&self, number: u64) -> L2Ref {
        number
            .checked_sub(1)
            .map_or_else(|| self.genesis(), |index| self.chain[index as usize].block)
    }

    pub fn l1_tip(&self) -> u64 {
        GENESIS_L1 + self.l1.len() as u64 - 1
    }

    pub fn l1_at(&self, number: u64) -> Option<&L1Input> {
        self.l1
            .get(usize::try_from(number.checked_sub(GENESIS_L1)?).ok()?)
    }

    pub fn epoch(&self, number: u64) -> BlockId {
        self.l1_at(number).unwrap().header.id()
    }

    pub fn context(&self) -> BatchContext {
        BatchContext::of(&self.spec.rollup)
    }

    /// Mines an L1 block with these payloads and derives what follows.
    pub fn mine(&mut self, payloads: Vec<Payload>) -> &mut Self {
        self.mine_with(payloads, vec![], vec![])
    }

    pub fn mine_with(
        &mut self,
        payloads: Vec<Payload>,
        config_updates: Vec<Log>,
        deposits: Vec<(u64, Log)>,
    ) -> &mut Self {
        let block = l1_block(self.l1_tip() + 1);
        self.l1.push(L1Input {
            payloads,
            config_updates,
            deposits,
            ..block
        });
        self.run();
        self
    }

    /// Mines the batches as one channel; gives the count of blocks they became.
    pub fn land(&mut self, batches: &[Vec<u8>]) -> usize {
        let before = self.chain.len();
        let channel = id(self.l1_tip() as u8);
        self.mine(vec![one_payload(channel, batches)]);
        self.chain.len() - before
    }

    pub fn mine_empty(&mut self, count: u64) -> &mut Self {
        (0..count).for_each(|_| {
            self.mine(vec![]);
        });
        self
    }

    /// Derives what follows from L1 blocks that were put in by hand.
    pub fn mine_run(&mut self) {
        self.run();
    }

    fn run(&mut self) {
        let mut deriver = std::mem::replace(
            &mut self.deriver,
            Deriver::new(Arc::clone(&self.spec), SyncStart::genesis(&self.spec)),
        );
        loop {
            let mut again = Vec::new();
            let block = self.next_block_noting(&mut deriver, &mut again);
            self.asked_again.extend(again);
            let Some(block) = block else { break };
            for object in &block.1 {
                self.frames.insert(object.acc, object.clone());
            }
            self.chain.push(block.0);
        }
        self.at_l1
            .push((deriver.cursor().clone(), self.chain.len()));
        for object in deriver.take_frames() {
            self.frames.insert(object.acc, object);
        }
        self.dropped.extend(deriver.take_dropped());
        self.deriver = deriver;
    }

    /// Drives `deriver` to its next block, or `None` at the tip of L1.
    pub fn next_block(&self, deriver: &mut Deriver) -> Option<(Block, Vec<FrameObject>)> {
        self.next_block_noting(deriver, &mut Vec::new())
    }

    fn next_block_noting(
        &self,
        deriver: &mut Deriver,
        again: &mut Vec<u64>,
    ) -> Option<(Block, Vec<FrameObject>)> {
        loop {
            match deriver.step(&deriver.safe().clone()) {
                Step::NeedL1(number) => {
                    let mut input = self.l1_at(number)?.clone();
                    if number <= deriver.cursor().l1_number {
                        again.push(number);
                    }
                    if !deriver.needs_payloads(number) {
                        input.payloads.clear();
                    }
                    deriver.push_l1(input);
                }
                Step::NeedL2(number) => deriver.push_l2(self.block(number)),
                Step::Attributes(derived) => {
                    let (block, attributes, whole) = execute(&derived);
                    deriver.applied(if whole {
                        Applied::Accepted(block)
                    } else {
                        Applied::DepositsOnly(block)
                    });
                    let cursor = if whole {
                        derived.cursor.clone()
                    } else {
                        derived.cursor_if_deposits_only()
                    };
                    assert_eq!(&cursor, deriver.cursor());
                    let block = Block {
                        block,
                        attributes,
                        whole,
                        sys: derived.sys,
                        cursor,
                        derived_from: derived.derived_from.number,
                        from_channel: derived.from_channel.is_some(),
                    };
                    return Some((block, derived.frames));
                }
                step @ (Step::Idle | Step::Reset(_)) => panic!("{step:?}"),
            }
        }
    }

    /// Where a node would resume that has `count` blocks and this cursor.
    pub fn start_at(&self, cursor: &Cursor, count: usize) -> SyncStart {
        let genesis = SyncStart::genesis(&self.spec);
        let (safe, sys) = match count.checked_sub(1).map(|index| &self.chain[index]) {
            Some(block) => (block.block, block.sys),
            None => (genesis.safe, genesis.sys),
        };
        let frames = frames_of(cursor, |acc| self.frames.get(&acc).cloned()).unwrap();
        SyncStart {
            cursor: cursor.clone(),
            safe,
            sys,
            frames,
        }
    }

    /// The L2 block on top of `parent` with this origin and these transactions, as an honest sequencer
    /// builds it.
    pub fn build(
        &self,
        parent: &L2Ref,
        parent_sys: &SystemConfig,
        origin: u64,
        transactions: Vec<Bytes>,
    ) -> Built {
        let origin = self.l1_at(origin).unwrap();
        let new_epoch =
            (origin.header.number != parent.l1_origin.number).then(|| EpochStart::from(origin));
        let built = attributes(
            &self.spec,
            parent,
            parent_sys,
            &origin.header,
            new_epoch,
            transactions.clone(),
        )
        .unwrap();
        let block = L2Ref {
            hash: block_hash(parent.hash, &built.attributes),
            number: parent.number + 1,
            parent_hash: parent.hash,
            timestamp: built.attributes.timestamp,
            l1_origin: origin.header.id(),
            sequence_number: built.l1_info.sequence_number,
        };
        Built {
            block,
            sys: built.sys,
            transactions,
            attributes: built.attributes,
        }
    }

    /// `count` honest blocks on top of `parent`, each taking the next origin as soon as it may.
    pub fn build_many(
        &self,
        parent: &L2Ref,
        parent_sys: &SystemConfig,
        count: usize,
    ) -> Vec<Built> {
        let (mut parent, mut sys) = (*parent, *parent_sys);
        (0..count)
            .map(|index| {
                let next = self.l1_at(parent.l1_origin.number + 1);
                let due = |next: &&L1Input| next.header.timestamp <= parent.timestamp + BLOCK_TIME;
                let origin = parent.l1_origin.number + u64::from(next.as_ref().is_some_and(due));
                let built = self.build(
                    &parent,
                    &sys,
                    origin,
                    vec![tx(parent.number + index as u64, b"x")],
                );
                (parent, sys) = (built.block, built.sys);
                built
            })
            .collect()
    }

    /// The same on top of the safe head.
    pub fn build_on_safe(&self, count: usize) -> Vec<Built> {
        self.build_many(&self.safe(), self.deriver.sys(), count)
    }

    /// A span batch over built blocks.
    pub fn span(&self, blocks: &[Built]) -> Vec<u8> {
        let mut span = SpanBuilder::new(self.context());
        for built in blocks {
            span.push(&SpanBlockInput {
                timestamp: built.block.timestamp,
                parent_hash: built.block.parent_hash,
                l1_origin: built.block.l1_origin,
                sequence_number: built.block.sequence_number,
                transactions: &built.transactions,
            })
            .unwrap();
        }
        span.encode()
    }

    pub fn reasons(&self) -> Vec<&DropReason> {
        self.dropped.iter().map(|dropped| &dropped.why).collect()
    }

    pub fn has_dropped(&self, why: &DropReason) -> bool {
        self.dropped.iter().any(|dropped| &dropped.why == why)
    }
}

/// A block as a sequencer built it.
#[derive(Debug, Clone)]
pub struct Built {
    pub block: L2Ref,
    pub sys: SystemConfig,
    pub transactions: Vec<Bytes>,
    pub attributes: PayloadAttributes,
}

impl Built {
    pub fn singular(&self) -> SingularBatch {
        SingularBatch {
            parent_hash: self.block.parent_hash,
            epoch: self.block.l1_origin,
            timestamp: self.block.timestamp,
            transactions: self.transactions.clone(),
        }
    }
}

pub fn singulars(blocks: &[Built]) -> Vec<Vec<u8>> {
    blocks
        .iter()
        .map(|built| built.singular().encode())
        .collect()
}

/// A span batch without transactions, written by hand; `changes` tells of each block whether its
/// origin differs from the one before.
pub fn raw_span(
    start: u64,
    end_origin: u64,
    parent: B256,
    end_hash: B256,
    changes: &[bool],
) -> Vec<u8> {
    let mut out = vec![1];
    put_uvarint(&mut out, start.wrapping_sub(GENESIS_TIME));
    put_uvarint(&mut out, end_origin);
    out.extend_from_slice(&parent[..20]);
    out.extend_from_slice(&end_hash[..20]);
    put_uvarint(&mut out, changes.len() as u64);
    let mut bits = vec![0u8; changes.len().div_ceil(8)];
    let last = bits.len().saturating_sub(1);
    for (index, change) in changes.iter().enumerate() {
        bits[last - index / 8] |= u8::from(*change) << (index % 8);
    }
    out.extend_from_slice(&bits);
    out.resize(out.len() + changes.len(), 0);
    out
}

fn put_uvarint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
