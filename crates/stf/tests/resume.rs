//! The chain machine over generated L1 histories, with real execution: DERIVE consumes one L1 block at
//! most, and from every cursor it leaves, a fresh pipeline goes on as the continuous one did
//! (`FAULTPROOF.md` sections 3.2 and 3.3).

#![allow(clippy::cast_possible_truncation)]

#[path = "../../evm/tests/common/mod.rs"]
mod common;

use alloy_primitives::{Address, B256, Bytes, TxKind, keccak256};
use common::{CHAIN_ID, Key, LOGGER, STORER, alloc, rollup};
use foggara_batch::{
    BatchContext, ChannelId, Frame, SingularBatch, SpanBlockInput, SpanBuilder, compress_zlib,
    cut_frames, encode_content, encode_payload,
};
use foggara_derive::{
    Applied, Derived, Deriver, FrameObject, L1Header, L1Input, Payload, SyncStart, system_config_of,
};
use foggara_primitives::{
    BlockId, ChainSpec, Cursor, FoggaraConfig, L2Ref, RollupConfig, SourceError, StateSource,
    SystemConfig,
};
use foggara_stf::{
    DeriveOutcome, DeriveSource, ExecutedBlock, GenesisAccount, GenesisAlloc, MemorySource,
    derive_step, execute_block, genesis_block, resume_deriver,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{collections::BTreeMap, sync::Arc};

const BATCHER: Address = Address::repeat_byte(0xba);
const L1_BLOCK_TIME: u64 = 12;

/// What a DERIVE came to, without what is handed out only once.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Came {
    Block(Box<Derived>),
    Waits(Cursor),
    Exhausted,
}

impl Came {
    fn of(outcome: &DeriveOutcome) -> Self {
        match outcome {
            DeriveOutcome::Begin(derived) => {
                let mut derived = derived.clone();
                derived.frames.clear();
                Self::Block(derived)
            }
            DeriveOutcome::Derive { cursor, .. } => Self::Waits(cursor.clone()),
            DeriveOutcome::Exhausted => Self::Exhausted,
        }
    }
}

struct World {
    spec: Arc<ChainSpec>,
    source: MemorySource,
    tip: ExecutedBlock,
    refs: Vec<L2Ref>,
    systems: Vec<SystemConfig>,
    l1: Vec<L1Input>,
    frames: BTreeMap<B256, FrameObject>,
    deriver: Deriver,
    /// Cursor, count of blocks, and what came next.
    log: Vec<(Cursor, usize, Came)>,
    replaced: usize,
    from_channel: usize,
}

struct View<'a> {
    l1: &'a [L1Input],
    refs: &'a [L2Ref],
    frames: &'a BTreeMap<B256, FrameObject>,
    /// Blocks above this were not read before.
    consumed: u64,
    new: usize,
}

impl DeriveSource for View<'_> {
    fn l1_input(
        &mut self,
        number: u64,
        batcher: Option<Address>,
    ) -> Result<Option<L1Input>, SourceError> {
        let Some(block) = self.l1.get(number as usize) else {
            return Ok(None);
        };
        self.new += usize::from(number > self.consumed);
        let mut block = block.clone();
        match batcher {
            Some(batcher) => assert_eq!(batcher, BATCHER),
            None => block.payloads.clear(),
        }
        Ok(Some(block))
    }

    fn l2_block(&mut self, number: u64) -> Result<L2Ref, SourceError> {
        let found = self.refs.get(number as usize).copied();
        found.ok_or_else(|| SourceError(format!("no block {number}")))
    }

    fn frame(&mut self, acc: B256) -> Result<FrameObject, SourceError> {
        self.frames
            .get(&acc)
            .cloned()
            .ok_or_else(|| SourceError(format!("no frame {acc}")))
    }
}

fn l1_block(number: u64, payloads: Vec<Payload>) -> L1Input {
    let hash = |number: u64| keccak256(number.to_be_bytes());
    let header = L1Header {
        hash: hash(number),
        number,
        parent_hash: hash(number.wrapping_sub(1)),
        timestamp: 1_000 + number * L1_BLOCK_TIME,
        base_fee: 7,
        prev_randao: hash(number + 1_000),
        parent_beacon_block_root: Some(hash(number + 2_000)),
        excess_blob_gas: Some(0),
    };
    L1Input {
        header,
        payloads,
        ..L1Input::default()
    }
}

impl World {
    fn new(window: u64) -> Self {
        let mut config = RollupConfig {
            seq_window_size: window,
            ..rollup()
        };
        config.genesis.l1 = l1_block(0, vec![]).header.id();
        let accounts = alloc()
            .into_iter()
            .map(|(address, nonce, balance, code, storage)| {
                let balance = alloy_primitives::U256::from(balance);
                let storage = storage.into_iter().collect();
                (
                    address,
                    GenesisAccount {
                        balance,
                        nonce,
                        code,
                        storage,
                    },
                )
            });
        let genesis = genesis_block(&config, &accounts.collect::<GenesisAlloc>()).unwrap();
        config.genesis.l2 = BlockId {
            hash: genesis.hash,
            number: 0,
        };
        let spec = Arc::new(ChainSpec {
            rollup: config,
            foggara: FoggaraConfig::default(),
            genesis: genesis.header.clone(),
        });
        let start = SyncStart::genesis(&spec);
        Self {
            source: MemorySource::new(&genesis),
            refs: vec![start.safe],
            systems: vec![start.sys],
            l1: vec![l1_block(0, vec![])],
            frames: BTreeMap::new(),
            deriver: Deriver::new(Arc::clone(&spec), start),
            log: Vec::new(),
            replaced: 0,
            from_channel: 0,
            tip: genesis,
            spec,
        }
    }

    fn safe(&self) -> L2Ref {
        *self.refs.last().unwrap()
    }

    /// Adds an L1 block and runs the machine until it is exhausted.
    fn mine(&mut self, payloads: Vec<Payload>) {
        self.l1.push(l1_block(self.l1.len() as u64, payloads));
        loop {
            let (before, count) = (self.deriver.cursor().clone(), self.refs.len());
            let mut view = View {
                l1: &self.l1,
                refs: &self.refs,
                frames: &self.frames,
                consumed: before.l1_number,
                new: 0,
            };
            let outcome = derive_step(&mut self.deriver, &mut view).unwrap();
            assert!(view.new <= 1, "one L1 block at most");
            assert!(self.deriver.cursor().l1_number <= before.l1_number + 1);
            if outcome != DeriveOutcome::Exhausted {
                self.log.push((before, count, Came::of(&outcome)));
            }
            match outcome {
                DeriveOutcome::Begin(derived) => self.execute(&derived),
                DeriveOutcome::Derive { frames, .. } => self.keep(frames),
                DeriveOutcome::Exhausted => {
                    let frames = self.deriver.take_frames();
                    return self.keep(frames);
                }
            }
        }
    }

    fn keep(&mut self, frames: Vec<FrameObject>) {
        self.frames
            .extend(frames.into_iter().map(|frame| (frame.acc, frame)));
    }

    fn execute(&mut self, derived: &Derived) {
        let executed = execute_block(
            &self.spec,
            &self.tip.header,
            self.tip.hash,
            &derived.attributes,
            &mut self.source,
        )
        .unwrap();
        let whole = executed.is_full();
        let block = executed.into_block();
        let reference = derived.l2_ref(block.hash);
        // What is sealed says of itself what derivation says of it.
        assert_eq!(block.l2, Some(reference));
        let first = block.transactions.first().map(|tx| tx.as_ref());
        let sys = system_config_of(&self.spec, &block.header, first).unwrap();
        assert_eq!(sys, derived.sys);
        self.deriver.applied(if whole {
            Applied::Accepted(reference)
        } else {
            Applied::DepositsOnly(reference)
        });
        self.replaced += usize::from(!whole);
        self.from_channel += usize::from(derived.from_channel.is_some());
        self.keep(derived.frames.clone());
        self.source.apply(&block);
        self.refs.push(reference);
        self.systems.push(sys);
        self.tip = block;
    }

    /// Resumes at every cursor of the log.
    fn assert_resumable(&self) {
        for (cursor, count, came) in &self.log {
            let (safe, sys) = (self.refs[count - 1], self.systems[count - 1]);
            let mut view = View {
                l1: &self.l1,
                refs: &self.refs[..*count],
                frames: &self.frames,
                consumed: cursor.l1_number,
                new: 0,
            };
            let mut deriver =
                resume_deriver(&self.spec, cursor.clone(), safe, sys, &mut view).unwrap();
            let outcome = derive_step(&mut deriver, &mut view).unwrap();
            // The continuous run saw the tip of L1 where this one may see further.
            match (came, Came::of(&outcome)) {
                (Came::Waits(expected), Came::Waits(got)) => assert_eq!(*expected, got),
                (expected, got) => assert_eq!(*expected, got, "after block {}", safe.number),
            }
        }
    }

    /// Blocks of a sequencer on top of the safe head. Their hashes are known to the deriver only, so
    /// singular batches are built one at a time, spans at will.
    fn batches(&self, rng: &mut StdRng) -> Vec<u8> {
        let key = Key::new(1);
        let mut source = self.source.clone();
        let mut nonce = source.account(key.address).unwrap().unwrap().nonce;
        let mut tx = |rng: &mut StdRng| -> Bytes {
            let to = if rng.random_bool(0.5) { LOGGER } else { STORER };
            // Now and then a nonce that is not the account's.
            let gap = u64::from(rng.random_bool(0.05));
            let tx = key.tx(
                nonce + gap,
                TxKind::Call(to),
                0,
                100_000,
                Bytes::from(vec![1; 64]),
            );
            nonce += 1;
            tx.raw
        };
        let safe = self.safe();
        if rng.random_bool(0.3) {
            let txs = (0..rng.random_range(0..3)).map(|_| tx(rng)).collect();
            return self.singular(rng, &safe, txs).encode();
        }
        let mut span = SpanBuilder::new(BatchContext::of(&self.spec.rollup));
        let mut parent = safe;
        for _ in 0..rng.random_range(1..24) {
            let time = parent.timestamp + 2;
            let next = self.l1.get(parent.l1_origin.number as usize + 1);
            let advance =
                next.is_some_and(|next| next.header.timestamp <= time) && rng.random_bool(0.8);
            let (l1_origin, sequence_number) = match next {
                Some(next) if advance => (next.header.id(), 0),
                _ => (parent.l1_origin, parent.sequence_number + 1),
            };
            let transactions: Vec<Bytes> = (0..rng.random_range(0..3)).map(|_| tx(rng)).collect();
            let parent_hash = parent.hash;
            parent = L2Ref {
                hash: keccak256(parent.hash),
                number: parent.number + 1,
                parent_hash,
                timestamp: time,
                l1_origin,
                sequence_number,
            };
            span.push(&SpanBlockInput {
                timestamp: time,
                parent_hash,
                l1_origin,
                sequence_number,
                transactions: &transactions,
            })
            .unwrap();
        }
        span.encode()
    }

    fn singular(&self, rng: &mut StdRng, safe: &L2Ref, transactions: Vec<Bytes>) -> SingularBatch {
        let late = rng.random_bool(0.1);
        SingularBatch {
            parent_hash: safe.hash,
            epoch: safe.l1_origin,
            timestamp: safe.timestamp + 2 + u64::from(late),
            transactions,
        }
    }
}

fn history(seed: u64) -> World {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut world = World::new(rng.random_range(10..90));
    let mut pending: Vec<Frame> = Vec::new();
    for round in 0..rng.random_range(12..40u8) {
        if rng.random_bool(0.1) {
            (0..rng.random_range(1..9)).for_each(|_| world.mine(vec![]));
        }
        let mut payloads = Vec::new();
        for _ in 0..rng.random_range(0..3) {
            if pending.is_empty() || rng.random_bool(0.1) {
                let batches: Vec<_> = (0..rng.random_range(1..3))
                    .map(|_| world.batches(&mut rng))
                    .collect();
                let bytes = compress_zlib(&encode_content(&batches), 1);
                let size = rng.random_range(40..400);
                let id = ChannelId::repeat_byte(round);
                pending.extend(cut_frames(id, &bytes.into(), size).unwrap());
            }
            let count = rng.random_range(1..=pending.len().min(5));
            let mut frames: Vec<Frame> = pending.drain(..count).collect();
            if rng.random_bool(0.05) {
                frames.reverse();
            }
            payloads.push(Payload::Calldata(encode_payload(&frames).into()));
        }
        world.mine(payloads);
    }
    world
}

#[test]
fn resume_at_every_sub_step_equals_the_continuous_run() {
    let (mut blocks, mut replaced, mut from_channel, mut waits) = (0, 0, 0, 0);
    for seed in 0..40 {
        let world = history(seed);
        world.assert_resumable();
        blocks += world.refs.len() - 1;
        replaced += world.replaced;
        from_channel += world.from_channel;
        waits += world
            .log
            .iter()
            .filter(|(_, _, came)| matches!(came, Came::Waits(_)))
            .count();
    }
    assert!(
        blocks > 1_000 && from_channel * 4 > blocks,
        "{from_channel} of {blocks}"
    );
    assert!(
        replaced > 20 && waits > 50,
        "{replaced} replaced, {waits} waits"
    );
    assert_eq!(CHAIN_ID, 901);
}
