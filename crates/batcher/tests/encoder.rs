//! The encoder's rules one by one: when a channel closes, what is handed out, what comes back.

mod common;

use alloy_primitives::B256;
use common::{GENESIS_L1, encoder, genesis, next_block, rng, spec, transaction};
use foggara_batcher::{
    BatchBlock, BatchEncoder, BatcherConfig, ChannelState, CloseReason, DaData, DaKind, DaPolicy,
    L1Fees, StepResult, Submission,
};
use foggara_primitives::{BlockId, ChainSpec};
use rand::rngs::StdRng;
use std::sync::Arc;

const FEES: L1Fees = L1Fees {
    base_fee: 1_000_000_000,
    blob_base_fee: 1,
};

struct Setup {
    rng: StdRng,
    spec: Arc<ChainSpec>,
    encoder: BatchEncoder,
    tip: BatchBlock,
}

impl Setup {
    fn new(config: BatcherConfig) -> Self {
        let spec = spec(600);
        let mut encoder = encoder(&spec, config, 1);
        encoder.advance_l1_head(GENESIS_L1, &FEES);
        Self {
            rng: rng(5),
            tip: genesis(&spec),
            spec,
            encoder,
        }
    }

    fn add(&mut self, count: usize, txs: usize, data: usize) {
        for _ in 0..count {
            let txs = (0..txs).map(|_| transaction(&mut self.rng, data)).collect();
            self.tip = next_block(&mut self.rng, &self.tip, GENESIS_L1 + 500, txs);
            self.encoder.add_block(self.tip.clone()).unwrap();
        }
    }

    /// Steps to rest; the reasons of the channels closed on the way.
    fn rest(&mut self) -> Vec<CloseReason> {
        let mut out = Vec::new();
        loop {
            match self.encoder.step().unwrap() {
                StepResult::Idle => return out,
                StepResult::Worked => {}
                StepResult::Closed(reason) => out.push(reason),
            }
        }
    }

    fn head(&mut self, after: u64) -> usize {
        self.encoder.advance_l1_head(GENESIS_L1 + after, &FEES)
    }

    fn next(&mut self) -> Option<Submission> {
        self.encoder.next_submission().unwrap()
    }
}

fn public() -> BatcherConfig {
    BatcherConfig {
        da: DaPolicy::Blobs,
        ..BatcherConfig::public()
    }
}

fn calldata(max_calldata: usize) -> BatcherConfig {
    BatcherConfig {
        da: DaPolicy::Calldata,
        max_calldata,
        ..BatcherConfig::public()
    }
}

/// A quiet chain: the age of the first block closes the channel, to the L1 block.
#[test]
fn quiet_chain_still_posts() {
    let mut setup = Setup::new(public());
    setup.add(3, 1, 0);
    for after in 0..5 {
        setup.head(after);
        assert_eq!(setup.rest(), []);
        assert_eq!(setup.next(), None);
    }
    setup.add(1, 0, 0);
    setup.head(5);
    assert_eq!(setup.rest(), [CloseReason::Age]);
    let submission = setup.next().unwrap();
    assert_eq!((submission.first.number, submission.last.number), (1, 4));
    assert_eq!(setup.next(), None);
    // The next channel's age counts from its own first block.
    setup.add(1, 0, 0);
    setup.head(9);
    assert_eq!(setup.rest(), []);
    setup.head(10);
    assert_eq!(setup.rest(), [CloseReason::Age]);
}

/// A backlog: age is ignored and every channel but the last is full.
#[test]
fn backlog_fills_channels() {
    let mut setup = Setup::new(BatcherConfig {
        max_in_flight: 100,
        ..public()
    });
    setup.add(400, 20, 40);
    setup.head(200);
    let mut submissions = Vec::new();
    loop {
        // Nothing is handed out before the machine rests: the rest of the backlog must not age out.
        let closed = setup.rest();
        let before = submissions.len();
        submissions.extend(std::iter::from_fn(|| setup.next()));
        if submissions.len() == before {
            break;
        }
        println!("closed {closed:?}");
    }
    let channels = setup.encoder.channels();
    let (last, full) = channels.split_last().unwrap();
    assert!(full.len() >= 7, "{} channels", channels.len());
    for info in full {
        assert_eq!(info.reason, CloseReason::Size);
        assert!(info.fill_ppm >= 950_000 && info.frames == 1, "{info:?}");
    }
    assert_eq!(last.last.number, 400);
    let fills: Vec<u64> = channels.iter().map(|info| info.fill_ppm / 10_000).collect();
    println!("{} channels, fill in per cent: {fills:?}", channels.len());
}

#[test]
fn content_is_bounded() {
    let mut setup = Setup::new(BatcherConfig {
        max_content: 50_000,
        ..public()
    });
    setup.add(60_000, 0, 0);
    assert_eq!(setup.rest(), [CloseReason::Content]);
    let info = &setup.encoder.channels()[0];
    assert!(
        info.size < 20_000 && info.block_sizes.len() > 40_000,
        "{}",
        info.block_sizes.len()
    );
}

#[test]
fn a_block_larger_than_a_channel_takes_more_frames() {
    let mut setup = Setup::new(BatcherConfig {
        max_in_flight: 2,
        ..calldata(2_000)
    });
    setup.add(1, 3, 3_000);
    setup.add(1, 1, 10);
    assert_eq!(setup.rest(), [CloseReason::Size]);
    let first = setup.next().unwrap();
    let second = setup.next().unwrap();
    assert_eq!((first.last.number, second.last.number), (1, 1));
    assert_eq!(setup.next(), None, "two are in flight");
    setup.encoder.confirm(first.id, GENESIS_L1 + 1);
    assert!(setup.next().is_some());
    assert_eq!(setup.encoder.channels()[0].state, ChannelState::Sending);
    assert!(setup.encoder.channels()[0].frames >= 5);
}

#[test]
fn blobs_of_a_channel_share_a_transaction() {
    let mut setup = Setup::new(BatcherConfig {
        target_blobs: 3,
        ..public()
    });
    setup.add(40, 20, 400);
    assert_eq!(setup.rest()[0], CloseReason::Size);
    let submission = setup.next().unwrap();
    let DaData::Blobs(blobs) = &submission.data else {
        panic!("calldata")
    };
    assert_eq!(blobs.len(), 3);
    assert!(setup.encoder.channels()[0].fill_ppm >= 950_000);
}

/// A failure in the middle: what follows is out of order, so its blocks and those behind return.
#[test]
fn a_failure_returns_later_blocks() {
    let mut setup = Setup::new(calldata(1_000));
    setup.add(12, 2, 200);
    setup.rest();
    let sent: Vec<Submission> = std::iter::from_fn(|| setup.next()).collect();
    assert!(sent.len() >= 3);
    // The last one alone is simply handed out again.
    let last = sent.last().unwrap();
    setup.encoder.requeue(last.id);
    let again = setup.next().unwrap();
    assert_eq!((again.channel, &again.data), (last.channel, &last.data));
    // The second is not: all from there on come in new channels.
    setup.encoder.confirm(sent[0].id, GENESIS_L1 + 1);
    setup.encoder.requeue(sent[1].id);
    assert_eq!(setup.encoder.channels().len(), 1);
    setup.rest();
    let anew = setup.next().unwrap();
    assert_eq!(anew.first, sent[1].first);
    assert!(sent.iter().all(|old| old.channel != anew.channel));
    // News of the old ones are ignored.
    assert!(setup.encoder.confirm(sent[2].id, GENESIS_L1 + 2).is_none());
}

#[test]
fn a_channel_that_would_time_out_is_given_up() {
    let mut setup = Setup::new(calldata(1_000));
    setup.add(1, 2, 1_000);
    setup.rest();
    let first = setup.next().unwrap();
    setup.next().unwrap();
    setup.encoder.confirm(first.id, GENESIS_L1 + 1);
    assert_eq!(setup.head(41), 0);
    assert_eq!(setup.head(42), 1);
    setup.rest();
    assert_ne!(setup.next().unwrap().channel, first.channel);
}

#[test]
fn a_channel_that_derivation_passed_over_is_lost() {
    let mut setup = Setup::new(public());
    setup.add(3, 1, 0);
    setup.head(5);
    setup.rest();
    let first = setup.next().unwrap();
    let info = setup.encoder.confirm(first.id, GENESIS_L1 + 6).unwrap();
    assert_eq!(info.state, ChannelState::Landed { l1: GENESIS_L1 + 6 });
    assert_eq!(setup.encoder.backlog_bytes(), 0);
    assert_eq!(setup.head(25), 0);
    assert_eq!(setup.head(26), 1);
    assert!(setup.encoder.backlog_bytes() > 0);
    assert_eq!(
        setup.rest(),
        [CloseReason::Age],
        "it has waited long enough"
    );
    let again = setup.next().unwrap();
    assert_eq!(again.first, first.first);
    // Had the safe head moved past it, it would stay.
    setup.encoder.confirm(again.id, GENESIS_L1 + 27);
    setup.encoder.advance_safe(again.last).unwrap();
    assert_eq!(setup.head(80), 0);
    setup.encoder.finalize_l1(GENESIS_L1 + 26);
    assert_eq!(
        setup.encoder.channels().len(),
        1,
        "kept until its L1 block is final"
    );
    setup.encoder.finalize_l1(GENESIS_L1 + 27);
    assert!(setup.encoder.channels().is_empty());
    assert_eq!(setup.encoder.base(), again.last);
}

/// An L1 reorg puts what had landed back in flight, and the safe head falls without a reset.
#[test]
fn reorged_batch_is_in_flight_again() {
    let mut setup = Setup::new(public());
    setup.add(3, 1, 0);
    setup.head(5);
    setup.rest();
    let sent = setup.next().unwrap();
    setup.encoder.confirm(sent.id, GENESIS_L1 + 6).unwrap();
    setup.encoder.advance_safe(sent.last).unwrap();
    setup.encoder.reorged(GENESIS_L1 + 5);
    assert_eq!(setup.encoder.in_flight(), 1);
    setup
        .encoder
        .advance_safe(genesis(&setup.spec).id())
        .unwrap();
    assert!(setup.encoder.confirm(sent.id, GENESIS_L1 + 7).is_some());
    setup.encoder.advance_safe(sent.last).unwrap();
    assert_eq!(setup.encoder.backlog_bytes(), 0);
}

#[test]
fn blocks_must_follow_each_other() {
    let mut setup = Setup::new(public());
    setup.add(3, 1, 0);
    let tip = setup.encoder.tip();
    let mut other = next_block(&mut setup.rng, &setup.tip, GENESIS_L1 + 500, vec![]);
    other.l2.parent_hash = B256::repeat_byte(1);
    let error = setup.encoder.add_block(other).unwrap_err();
    assert_eq!(error.expected, tip);
    assert_eq!(
        setup
            .encoder
            .add_block(setup.tip.clone())
            .unwrap_err()
            .got
            .number,
        2
    );
    // A safe head that is none of ours, one beyond the tip, one before the base.
    let strange = BlockId {
        hash: B256::repeat_byte(2),
        number: 2,
    };
    assert!(setup.encoder.advance_safe(strange).is_err());
    assert!(
        setup
            .encoder
            .advance_safe(BlockId {
                number: 9,
                ..strange
            })
            .is_err()
    );
    let safe = setup.tip.clone();
    setup.encoder.reset(safe.clone());
    assert_eq!(
        (setup.encoder.tip(), setup.encoder.base()),
        (safe.id(), safe.id())
    );
    assert!(
        setup
            .encoder
            .advance_safe(genesis(&setup.spec).id())
            .is_err()
    );
    assert_eq!(setup.rest(), []);
}

/// What became safe without our doing, as after a restart with data in flight, is not posted again.
#[test]
fn safe_blocks_are_not_posted() {
    let mut setup = Setup::new(public());
    setup.add(4, 1, 0);
    let fourth = setup.tip.id();
    setup.add(3, 1, 0);
    setup.encoder.advance_safe(fourth).unwrap();
    setup.head(5);
    setup.rest();
    assert_eq!(setup.next().unwrap().first.number, 5);
    // Those left out are needed again if the safe head falls: that is a reset.
    assert!(
        setup
            .encoder
            .advance_safe(genesis(&setup.spec).id())
            .is_err()
    );
}

/// Blobs and calldata never stand in flight together: the account is drained before a switch.
#[test]
fn blob_and_calldata_do_not_mix() {
    let config = BatcherConfig {
        max_calldata: 2_000,
        ..BatcherConfig::dev()
    };
    let mut setup = Setup::new(config);
    assert_eq!(setup.encoder.da_kind(), DaKind::Blobs);
    setup.add(1, 1, 0);
    setup.head(1);
    setup.rest();
    let blob = setup.next().unwrap();
    assert_eq!(blob.data.kind(), DaKind::Blobs);
    let dear = L1Fees {
        base_fee: 1,
        blob_base_fee: 1_000_000,
    };
    for after in 2..20 {
        setup.encoder.advance_l1_head(GENESIS_L1 + after, &dear);
    }
    setup.add(1, 1, 0);
    setup.encoder.flush();
    setup.rest();
    assert_eq!(setup.next(), None, "drain first");
    setup.encoder.confirm(blob.id, GENESIS_L1 + 20);
    let calldata = setup.next().unwrap();
    assert_eq!(calldata.data.kind(), DaKind::Calldata);
    assert_eq!(setup.encoder.da_kind(), DaKind::Calldata);
}

/// A span whose first block can no longer land in its window is void as a whole: nothing is posted.
#[test]
fn an_expired_window_is_not_paid_for() {
    let mut setup = Setup::new(public());
    setup.add(2, 1, 0);
    setup.head(589);
    assert!(!setup.encoder.is_expired());
    setup.rest();
    setup.head(590);
    assert_eq!(setup.encoder.unposted_age(), 590);
    assert!(setup.encoder.is_expired());
    assert_eq!(setup.next(), None);
}
