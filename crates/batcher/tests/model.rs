//! The encoder against a model of L1: random blocks, heads, inclusions, failures, stalls, reorgs of
//! L1, resets and crashes. Whatever happens, what has landed derives to exactly the sealed blocks,
//! each once and without a gap; and a healthy L1 empties the backlog.

mod common;

use common::{GENESIS_L1, derive, encoder, genesis, ids, next_block, rng, spec, transaction};
use foggara_batcher::{
    BatchBlock, BatchEncoder, BatcherConfig, DaData, DaPolicy, L1Fees, StepResult, SubmissionId,
};
use foggara_primitives::{ChainSpec, L2Ref};
use rand::{Rng, rngs::StdRng};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// A transaction of one of the encoders that lived, in the order of its nonce.
#[derive(Debug, Clone)]
struct Tx {
    life: u32,
    id: SubmissionId,
    data: DaData,
}

#[derive(Debug)]
struct World {
    rng: StdRng,
    spec: Arc<ChainSpec>,
    config: BatcherConfig,
    encoder: BatchEncoder,
    life: u32,
    chain: Vec<BatchBlock>,
    l1: BTreeMap<u64, Vec<Tx>>,
    head: u64,
    mempool: VecDeque<Tx>,
    /// Inclusions that the encoder has not heard of.
    news: VecDeque<(Tx, u64)>,
    safe: L2Ref,
    handed_out: usize,
    /// Number of the newest block that was ever handed out.
    newest_sent: u64,
}

const REORG_MAX: u64 = 6;

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = rng(seed);
        let spec = spec(4_000);
        let config = BatcherConfig {
            da: [DaPolicy::Calldata, DaPolicy::Calldata, DaPolicy::Auto][rng.random_range(0..3)],
            max_channel_age: rng.random_range(0..5),
            max_calldata: rng.random_range(1_000..4_000),
            max_in_flight: rng.random_range(1..7),
            max_content: rng.random_range(2_000..200_000),
            target_blobs: rng.random_range(1..3),
            ..BatcherConfig::dev()
        };
        let chain = vec![genesis(&spec)];
        Self {
            encoder: encoder(&spec, config.clone(), seed),
            safe: chain[0].l2,
            rng,
            spec,
            config,
            life: 0,
            chain,
            l1: BTreeMap::new(),
            head: GENESIS_L1,
            mempool: VecDeque::new(),
            news: VecDeque::new(),
            handed_out: 0,
            newest_sent: 0,
        }
    }

    fn fees(&mut self) -> L1Fees {
        L1Fees {
            base_fee: self.rng.random_range(1..100),
            blob_base_fee: self.rng.random_range(1..1_000_000) / 1_000,
        }
    }

    fn add_blocks(&mut self, count: usize) {
        for _ in 0..count {
            let sizes: &[usize] = match self.rng.random_range(0..12) {
                0 => &[3_000, 2_500, 10],
                1 => &[400; 3],
                2..6 => &[0; 2],
                _ => &[],
            };
            let txs = sizes
                .iter()
                .map(|size| transaction(&mut self.rng, *size))
                .collect();
            let parent = self.chain.last().unwrap();
            let block = next_block(&mut self.rng, parent, self.head, txs);
            self.encoder.add_block(block.clone()).unwrap();
            self.chain.push(block);
        }
    }

    fn step(&mut self, max: usize) {
        for _ in 0..max {
            if self.encoder.step().unwrap() == StepResult::Idle {
                return;
            }
        }
        assert!(max < 10_000, "the encoder never comes to rest");
    }

    fn submit(&mut self, max: usize) {
        for _ in 0..max {
            let Some(submission) = self.encoder.next_submission().unwrap() else {
                return;
            };
            let tx = Tx {
                life: self.life,
                id: submission.id,
                data: submission.data,
            };
            // What an earlier life, a reset or a reorg left in flight may be of the other kind: then
            // the transaction manager refuses.
            if self
                .mempool
                .iter()
                .any(|other| other.data.kind() != tx.data.kind())
            {
                self.encoder.requeue(tx.id);
                return;
            }
            assert!(self.encoder.in_flight() <= self.config.max_in_flight);
            self.mempool.push_back(tx);
            self.handed_out += 1;
            self.newest_sent = self.newest_sent.max(submission.last.number);
        }
    }

    /// A new L1 block with the first `count` transactions of the pool.
    fn mine(&mut self, count: usize) {
        self.head += 1;
        let txs: Vec<Tx> = self
            .mempool
            .drain(..count.min(self.mempool.len()))
            .collect();
        self.news
            .extend(txs.iter().map(|tx| (tx.clone(), self.head)));
        self.l1.insert(self.head, txs);
        if self.rng.random_bool(0.8) {
            self.tell();
        }
        let fees = self.fees();
        self.encoder.advance_l1_head(self.head, &fees);
    }

    fn tell(&mut self) {
        while let Some((tx, block)) = self.news.pop_front() {
            if tx.life == self.life {
                self.encoder.confirm(tx.id, block);
            }
        }
    }

    /// A transaction comes to nothing, for example because it reverted.
    fn fail(&mut self) {
        if self.mempool.is_empty() {
            return;
        }
        let index = self.rng.random_range(0..self.mempool.len());
        let tx = self.mempool.remove(index).unwrap();
        if tx.life == self.life {
            self.encoder.requeue(tx.id);
        }
    }

    /// L1 drops its newest blocks; their transactions return to the pool in their order.
    fn reorg(&mut self) {
        let depth = self
            .rng
            .random_range(1..=REORG_MAX)
            .min(self.head - GENESIS_L1);
        let fork = self.head - depth;
        let dropped: Vec<Tx> = self
            .l1
            .split_off(&(fork + 1))
            .into_values()
            .flatten()
            .collect();
        for tx in dropped.into_iter().rev() {
            self.mempool.push_front(tx);
        }
        self.news.retain(|(_, block)| *block <= fork);
        self.head = fork;
        self.encoder.reorged(fork);
        let fees = self.fees();
        self.encoder.advance_l1_head(self.head, &fees);
    }

    /// Derives L1 from its beginning and tells the encoder.
    fn derive(&mut self) {
        let l1 = &self.l1;
        self.safe = derive(&self.spec, &self.chain, self.head, |number| {
            l1.get(&number)
                .into_iter()
                .flatten()
                .map(|tx| &tx.data)
                .collect()
        });
        self.encoder
            .finalize_l1(self.head.saturating_sub(REORG_MAX));
        if self.encoder.advance_safe(self.safe.id()).is_err() {
            self.reset();
        }
    }

    fn reset(&mut self) {
        let safe = usize::try_from(self.safe.number).unwrap();
        self.encoder.reset(self.chain[safe].clone());
        self.add_again(safe);
    }

    /// The process dies; the next one knows the store and the safe head.
    fn crash(&mut self) {
        self.life += 1;
        let safe = usize::try_from(self.safe.number).unwrap();
        let (spec, config) = (Arc::clone(&self.spec), self.config.clone());
        let ids = ids(self.rng.random());
        self.encoder = BatchEncoder::new(spec, config, self.chain[safe].clone(), ids);
        let fees = self.fees();
        self.encoder.advance_l1_head(self.head, &fees);
        self.add_again(safe);
    }

    fn add_again(&mut self, safe: usize) {
        for block in &self.chain[safe + 1..] {
            self.encoder.add_block(block.clone()).unwrap();
        }
    }

    /// Unsafe blocks that were never handed out are replaced.
    fn replace_unsafe_blocks(&mut self) {
        let keep = usize::try_from(self.newest_sent.max(self.safe.number)).unwrap() + 1;
        if keep < self.chain.len() {
            let count = self.chain.len() - keep;
            self.chain.truncate(keep);
            let parent = self.chain.last().unwrap();
            let block = next_block(&mut self.rng, parent, self.head, Vec::new());
            self.encoder.add_block(block).unwrap_err();
            self.reset();
            self.add_blocks(count);
        }
    }

    fn event(&mut self) {
        match self.rng.random_range(0..40) {
            0..8 => {
                let count = self.rng.random_range(1..12);
                self.add_blocks(count);
            }
            8..16 => {
                let max = self.rng.random_range(1..8);
                self.step(max);
            }
            16..23 => {
                let max = self.rng.random_range(1..7);
                self.submit(max);
            }
            23..31 => {
                let count = self.rng.random_range(0..6);
                self.mine(count);
            }
            31 => self.tell(),
            32 => self.fail(),
            33 => self.reorg(),
            34 => (0..self.rng.random_range(10..60)).for_each(|_| self.mine(0)),
            35 if self.rng.random_bool(0.3) => self.reset(),
            36 if self.rng.random_bool(0.3) => self.crash(),
            37 => self.replace_unsafe_blocks(),
            38 => self.encoder.flush(),
            _ => self.derive(),
        }
    }

    /// Everything works from now on. Returns the L1 blocks until all blocks are safe.
    fn heal(&mut self) -> u64 {
        let start = self.head;
        let tip = self.chain.last().unwrap().l2;
        while self.safe != tip {
            self.step(10_000);
            self.submit(100);
            let count = self.mempool.len();
            self.mine(count);
            self.tell();
            self.derive();
            assert!(
                self.head < start + 400,
                "the backlog is not emptied: {:?}",
                self.encoder
            );
        }
        self.head - start
    }
}

/// `FOGGARA_MODEL_RUNS` asks for more.
fn runs() -> u64 {
    std::env::var("FOGGARA_MODEL_RUNS").map_or(20, |text| text.parse().expect("a number"))
}

#[test]
fn what_landed_is_the_chain_whatever_happens() {
    let (mut txs, mut blocks, mut slowest) = (0, 0, 0);
    for seed in 0..runs() {
        let mut world = World::new(seed);
        let fees = world.fees();
        world.encoder.advance_l1_head(world.head, &fees);
        for _ in 0..120 {
            world.event();
        }
        slowest = slowest.max(world.heal());
        assert_eq!(world.encoder.backlog_bytes(), 0, "seed {seed}");
        txs += world.handed_out;
        blocks += world.chain.len() - 1;
    }
    println!(
        "{txs} submissions, {blocks} blocks, at most {slowest} L1 blocks to empty the backlog"
    );
    assert!(slowest < 250, "{slowest} L1 blocks");
}

/// Without faults each block is posted exactly once, and the backlog is gone at once.
#[test]
fn without_faults_every_block_is_posted_once() {
    for seed in 0..6 {
        let mut world = World::new(1_000 + seed);
        let mut posted = 0;
        for _ in 0..40 {
            let count = world.rng.random_range(0..20);
            world.add_blocks(count);
            world.step(10_000);
            let mut channels = Vec::new();
            while let Some(submission) = world.encoder.next_submission().unwrap() {
                if channels.last() != Some(&submission.channel) {
                    assert_eq!(submission.first.number, posted + 1);
                    posted = submission.last.number;
                    channels.push(submission.channel);
                }
                world.mempool.push_back(Tx {
                    life: 0,
                    id: submission.id,
                    data: submission.data,
                });
                let count = world.mempool.len();
                world.mine(count);
                world.tell();
                world.derive();
            }
            world.mine(0);
            world.derive();
        }
        assert!(world.heal() < 20);
    }
}
