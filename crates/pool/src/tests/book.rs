//! The book against a model that decides everything from scratch, and single rules with numbers.

use super::{GWEI, bare, transfer};
use crate::{
    DropReason, HeadFees, PoolError, PoolTx,
    book::{Book, Limits},
    queue::{Account, Code, slots_of},
};
use alloy_primitives::{Address, B256, U256};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

fn limits() -> Limits {
    Limits {
        slots_per_sender: 6,
        executable_slots_min: 12,
        gapped_count: 6,
        gapped_bytes: 9_000,
        gapped_life_ms: 500,
        replacement_percent: 10,
        tip_min: 0,
        hold_below_base_fee: true,
    }
}

fn book(limits: Limits) -> Book {
    Book::new(
        limits,
        HeadFees {
            base_fee_next: 10,
            ..Default::default()
        },
    )
}

#[derive(Debug, Clone)]
struct Held {
    tx: Arc<PoolTx>,
    gapped_since: Option<u64>,
}

/// Everything by nonce of sender; parts are recomputed at every look.
#[derive(Debug, Clone)]
struct Model {
    limits: Limits,
    base_fee: u64,
    accounts: BTreeMap<Address, Account>,
    txs: BTreeMap<(Address, u64), Held>,
}

type Left = BTreeSet<(B256, String)>;

impl Model {
    fn of<'a>(&'a self, sender: &'a Address) -> impl Iterator<Item = &'a Held> {
        self.txs
            .iter()
            .filter(move |((of, _), _)| of == sender)
            .map(|(_, held)| held)
    }

    fn single(&self, sender: &Address) -> bool {
        self.accounts[sender].code == Code::Delegation
            || self
                .txs
                .values()
                .any(|held| held.tx.authorities.contains(sender))
    }

    /// Executable hashes with their bottlenecks, and gapped ones with theirs.
    fn parts(&self) -> (BTreeMap<B256, i128>, BTreeMap<B256, i128>) {
        let (mut executable, mut gapped) = (BTreeMap::new(), BTreeMap::new());
        for (sender, account) in &self.accounts {
            let (mut next, mut cost) = (account.nonce, U256::ZERO);
            let (mut low, mut gapped_low, mut open) = (i128::MAX, i128::MAX, true);
            for held in self.of(sender) {
                let tip = held.tx.effective_tip(self.base_fee);
                cost += held.tx.cost;
                let first = held.tx.nonce == account.nonce;
                open &= held.tx.nonce == next
                    && cost <= account.balance
                    && (first || !self.single(sender));
                if open {
                    low = low.min(tip);
                    next += 1;
                    executable.insert(held.tx.hash, low);
                } else {
                    gapped_low = gapped_low.min(tip);
                    gapped.insert(held.tx.hash, gapped_low);
                }
            }
        }
        (executable, gapped)
    }

    fn by_hash(&self, hash: &B256) -> &Held {
        self.txs
            .values()
            .find(|held| held.tx.hash == *hash)
            .unwrap()
    }

    fn slots(&self) -> u64 {
        self.parts()
            .0
            .keys()
            .map(|hash| slots_of(&self.by_hash(hash).tx))
            .sum()
    }

    fn over(&self) -> (bool, bool) {
        let (_, gapped) = self.parts();
        let bytes: usize = gapped
            .keys()
            .map(|hash| self.by_hash(hash).tx.raw.len())
            .sum();
        (
            self.slots() > self.limits.executable_slots_min,
            gapped.len() > self.limits.gapped_count || bytes > self.limits.gapped_bytes,
        )
    }

    /// What one part gives up, one after the other, by its ranks as they are.
    fn choose(
        &self,
        mut part: BTreeMap<B256, i128>,
        over: impl Fn(&Self, &[B256]) -> bool,
    ) -> Vec<B256> {
        let mut chosen = Vec::new();
        while over(self, &chosen) {
            // Only the end of a sender's part may go.
            let end = |hash: &B256| {
                let held = self.by_hash(hash);
                !part.keys().any(|other| {
                    let other = self.by_hash(other);
                    other.tx.sender == held.tx.sender && other.tx.nonce > held.tx.nonce
                })
            };
            let worst = part
                .iter()
                .filter(|(hash, _)| end(hash))
                .min_by_key(|(hash, low)| (**low, std::cmp::Reverse(self.by_hash(hash).tx.arrival)))
                .map(|(hash, _)| *hash)
                .unwrap();
            part.remove(&worst);
            chosen.push(worst);
        }
        chosen
    }

    /// What has to leave the executable and the gapped part.
    fn victims(&self) -> [Vec<B256>; 2] {
        let (executable, gapped) = self.parts();
        let slots = self.slots();
        let bytes_of = |hash: &B256| self.by_hash(hash).tx.raw.len();
        let bytes: usize = gapped.keys().map(bytes_of).sum();
        let count = gapped.len();
        [
            self.choose(executable, |model, chosen| {
                let freed: u64 = chosen
                    .iter()
                    .map(|hash| slots_of(&model.by_hash(hash).tx))
                    .sum();
                slots - freed > model.limits.executable_slots_min
            }),
            self.choose(gapped, |model, chosen| {
                count - chosen.len() > model.limits.gapped_count
                    || bytes - chosen.iter().map(bytes_of).sum::<usize>()
                        > model.limits.gapped_bytes
            }),
        ]
    }

    fn evict(&mut self, left: &mut Left) {
        loop {
            let victims = self.victims().concat();
            if victims.is_empty() {
                return;
            }
            self.txs.retain(|_, held| !victims.contains(&held.tx.hash));
            let evicted = format!("{:?}", DropReason::Evicted);
            left.extend(victims.into_iter().map(|hash| (hash, evicted.clone())));
        }
    }

    fn insert(&mut self, tx: &Arc<PoolTx>, now: u64) -> Result<Left, &'static str> {
        let account = self.accounts[&tx.sender];
        if self.txs.values().any(|held| held.tx.hash == tx.hash) {
            return Err("known");
        }
        if tx.nonce < account.nonce {
            return Err("low");
        }
        if tx.nonce >= account.nonce + self.limits.slots_per_sender {
            return Err("high");
        }
        let old = self.txs.get(&(tx.sender, tx.nonce)).cloned();
        let pooled: U256 = self.of(&tx.sender).map(|held| held.tx.cost).sum();
        let pooled = pooled - old.as_ref().map_or(U256::ZERO, |old| old.tx.cost);
        if pooled + tx.cost > account.balance {
            return Err("funds");
        }
        if self.single(&tx.sender) && tx.nonce != account.nonce {
            return Err("delegated");
        }
        if let Some(old) = &old
            && (tx.max_fee * 10 < old.tx.max_fee * 11 || tx.max_fee <= old.tx.max_fee)
        {
            return Err("replacement");
        }
        for authority in &tx.authorities {
            let others = self.txs.values().filter(|held| {
                held.tx.authorities.contains(authority)
                    && (held.tx.sender, held.tx.nonce) != (tx.sender, tx.nonce)
            });
            if others.count() > 0 || self.of(authority).count() > 1 {
                return Err("authority");
            }
        }
        let single = self.single(&tx.sender);
        let before = self.clone();
        self.txs.insert(
            (tx.sender, tx.nonce),
            Held {
                tx: Arc::clone(tx),
                gapped_since: None,
            },
        );
        let [executable, gapped] = self.victims();
        let refused = executable.contains(&tx.hash) || gapped.contains(&tx.hash);
        if refused || (single && !executable.is_empty()) {
            *self = before;
            self.age(now);
            return Err("underpriced");
        }
        let mut left = Left::new();
        self.evict(&mut left);
        left.extend(old.map(|old| {
            (
                old.tx.hash,
                format!("{:?}", DropReason::Replaced { by: tx.hash }),
            )
        }));
        Ok(left)
    }

    fn settle(&mut self) -> Left {
        let mut left = Left::new();
        let accounts = self.accounts.clone();
        self.txs.retain(|(sender, nonce), held| {
            let account = accounts[sender];
            let reason = if *nonce < account.nonce {
                DropReason::NonceUsed {
                    next: account.nonce,
                }
            } else if held.tx.cost > account.balance {
                DropReason::Unpayable
            } else {
                return true;
            };
            left.insert((held.tx.hash, format!("{reason:?}")));
            false
        });
        left
    }

    /// Notes since when transactions are gapped.
    fn age(&mut self, now: u64) {
        let (executable, _) = self.parts();
        for held in self.txs.values_mut() {
            if executable.contains_key(&held.tx.hash) {
                held.gapped_since = None;
            } else {
                held.gapped_since.get_or_insert(now);
            }
        }
    }
}

fn word(error: &PoolError) -> &'static str {
    match error {
        PoolError::AlreadyKnown { .. } => "known",
        PoolError::NonceTooLow { .. } => "low",
        PoolError::NonceTooHigh { .. } => "high",
        PoolError::InsufficientFunds { .. } => "funds",
        PoolError::DelegatedGap { .. } | PoolError::DelegatedInFlight { .. } => "delegated",
        PoolError::ReplacementUnderpriced { .. } => "replacement",
        PoolError::AuthorityReserved { .. } => "authority",
        PoolError::Underpriced { .. } => "underpriced",
        other => panic!("{other}"),
    }
}

fn left(removed: Vec<(Arc<PoolTx>, DropReason)>) -> Left {
    removed
        .into_iter()
        .map(|(tx, reason)| (tx.hash, format!("{reason:?}")))
        .collect()
}

fn same(book: &Book, model: &Model, at: &str) {
    let (executable, gapped) = model.parts();
    let mut seen = 0;
    for (sender, queue) in book.queues() {
        for entry in queue.iter() {
            seen += 1;
            let part = if entry.executable {
                &executable
            } else {
                &gapped
            };
            assert_eq!(
                part.get(&entry.tx.hash),
                Some(&entry.bottleneck),
                "{at}: {sender}"
            );
            assert_eq!(book.entry(&entry.tx.hash).unwrap().tx.nonce, entry.tx.nonce);
        }
        let cost: U256 = queue.iter().map(|entry| entry.tx.cost).sum();
        assert_eq!(queue.cost, cost, "{at}");
        assert!(!queue.is_empty(), "{at}");
    }
    assert_eq!(seen, model.txs.len(), "{at}");
    let totals = book.totals();
    assert_eq!(
        (totals.executable, totals.gapped),
        (executable.len(), gapped.len()),
        "{at}"
    );
    assert_eq!(totals.executable_slots, model.slots(), "{at}");
    assert!(model.over() == (false, false), "{at}: over the limits");
}

#[test]
fn equals_the_model_over_random_histories() {
    let mut seen: BTreeMap<&'static str, u64> = BTreeMap::new();
    for seed in 0..10_000u64 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut book = book(limits());
        let accounts = (1..=8u8)
            .map(|n| {
                let delegated = rng.random_bool(0.1);
                let code = if delegated {
                    Code::Delegation
                } else {
                    Code::None
                };
                let balance = U256::from(rng.random_range(0..400));
                let nonce = rng.random_range(0..3);
                (
                    Address::repeat_byte(n),
                    Account {
                        nonce,
                        balance,
                        code,
                    },
                )
            })
            .collect();
        let mut model = Model {
            limits: limits(),
            base_fee: 10,
            accounts,
            txs: BTreeMap::new(),
        };
        let senders: Vec<Address> = model.accounts.keys().copied().collect();
        let mut now = 0;
        for step in 0..40u64 {
            now += rng.random_range(0..50);
            let sender = senders[rng.random_range(0..senders.len())];
            let account = model.accounts[&sender];
            let at = format!("seed {seed}, step {step}");
            match rng.random_range(0..20) {
                0..=12 => {
                    let nonce = (account.nonce + rng.random_range(0..5))
                        .saturating_sub(u64::from(rng.random_bool(0.05)))
                        + 5 * u64::from(rng.random_bool(0.02));
                    let mut raw = (seed, step).0.to_be_bytes().to_vec();
                    raw.push(u8::try_from(step).unwrap());
                    if rng.random_bool(0.1) {
                        raw.resize(rng.random_range(1_000..6_000), 1);
                    }
                    let tip = rng.random_range(5..40);
                    let mut tx = bare(sender, nonce, tip, rng.random_range(1..80), raw);
                    tx.arrival = step;
                    tx.accepted_ms = now;
                    if rng.random_bool(0.1) {
                        tx.authorities = vec![senders[rng.random_range(0..senders.len())]];
                    }
                    let tx = Arc::new(tx);
                    let want = model.insert(&tx, now);
                    let got = book.insert(tx, account, true, now);
                    let got = got.map(left).map_err(|error| word(&error));
                    *seen
                        .entry(match &got {
                            Ok(left) if left.is_empty() => "taken",
                            Ok(_) => "pushed out",
                            Err(word) => word,
                        })
                        .or_default() += 1;
                    assert_eq!(got, want, "{at}");
                }
                13..=15 => {
                    // A block with the first few of a sender, and whatever else it changed.
                    let mut account = account;
                    for _ in 0..rng.random_range(0..3) {
                        if let Some(held) = model.txs.remove(&(sender, account.nonce)) {
                            book.include(&held.tx.hash, now).unwrap();
                        }
                        account.nonce += 1;
                    }
                    account.balance = U256::from(rng.random_range(0..400));
                    if rng.random_bool(0.1) {
                        account.code = Code::Delegation;
                    }
                    model.accounts.insert(sender, account);
                    let want = model.settle();
                    let got = left(book.set_account(&sender, account, now));
                    assert_eq!(got, want, "{at}");
                    let mut want = Left::new();
                    model.evict(&mut want);
                    assert_eq!(left(book.enforce(now)), want, "{at}");
                }
                16..=17 => {
                    model.base_fee = rng.random_range(5..30);
                    let fees = HeadFees {
                        base_fee_next: model.base_fee,
                        ..Default::default()
                    };
                    assert_eq!(left(book.set_fees(fees, now)), Left::new(), "{at}");
                }
                18 => {
                    let hash = model.txs.values().next().map(|held| held.tx.hash);
                    if let Some(hash) = hash {
                        model.txs.retain(|_, held| held.tx.hash != hash);
                        assert_eq!(book.remove(&hash, now).unwrap().hash, hash);
                    }
                    let mut want = Left::new();
                    model.evict(&mut want);
                    assert_eq!(left(book.enforce(now)), want, "{at}");
                }
                _ => {
                    let reason = format!("{:?}", DropReason::Expired);
                    let got = left(book.expire(now));
                    for (hash, why) in &got {
                        assert_eq!(*why, reason);
                        let since = model.by_hash(hash).gapped_since.expect("it was gapped");
                        assert!(now - since >= 500, "{at}");
                    }
                    let gone: BTreeSet<B256> = got.iter().map(|(hash, _)| *hash).collect();
                    model.txs.retain(|_, held| !gone.contains(&held.tx.hash));
                }
            }
            model.age(now);
            // A promotion can overfill a part only through an operation that enforces the limits.
            same(&book, &model, &at);
        }
    }
    for kind in [
        "taken",
        "pushed out",
        "low",
        "high",
        "funds",
        "delegated",
        "replacement",
        "authority",
        "underpriced",
    ] {
        assert!(
            seen.get(kind).is_some_and(|count| *count > 500),
            "{kind}: {seen:?}"
        );
    }
}

fn rich(nonce: u64) -> Account {
    Account {
        nonce,
        balance: U256::from(u128::MAX),
        code: Code::None,
    }
}

fn numbered(sender: Address, nonce: u64, tip: u128, id: u64) -> Arc<PoolTx> {
    let mut tx = bare(sender, nonce, tip, 1, id.to_be_bytes().to_vec());
    tx.arrival = id;
    Arc::new(tx)
}

#[test]
fn a_gapped_flood_touches_no_executable_one_and_stays_bounded() {
    let mut limits = limits();
    limits.slots_per_sender = 64;
    limits.executable_slots_min = 100;
    limits.gapped_count = 1_000;
    limits.gapped_bytes = 100_000;
    let mut book = book(limits);
    for n in 0..100 {
        let sender = Address::left_padding_from(&[1, n]);
        book.insert(numbered(sender, 0, 20, u64::from(n)), rich(0), true, 0)
            .unwrap();
    }
    for id in 1_000..101_000u64 {
        let sender = Address::left_padding_from(&(id / 63).to_be_bytes());
        let nonce = 1 + id % 63;
        let outcome = book.insert(numbered(sender, nonce, 1_000_000, id), rich(0), true, 0);
        if let Ok(removed) = outcome {
            assert!(
                removed.iter().all(|(tx, _)| tx.nonce > 0),
                "an executable one was pushed out"
            );
        }
        assert!(book.totals().gapped <= 1_000);
    }
    assert_eq!(book.totals().executable, 100);
    assert_eq!(book.totals().gapped, 1_000);
    // Senders that left nothing behind are forgotten.
    assert!(book.queues().count() <= 1_100);
}

#[test]
fn an_honest_transaction_at_twice_the_minimum_gets_in_and_goes_first() {
    let mut limits = limits();
    limits.executable_slots_min = 500;
    let mut book = book(limits);
    for id in 0..2_000u64 {
        let sender = Address::left_padding_from(&(id + 1).to_be_bytes());
        let _ = book.insert(numbered(sender, 0, 11, id), rich(0), true, 0);
    }
    let minimum = book.tip_min();
    assert_eq!(minimum, 2);
    let honest = numbered(
        Address::repeat_byte(9),
        0,
        10 + 2 * minimum.unsigned_abs(),
        9_999,
    );
    let removed = book.insert(Arc::clone(&honest), rich(0), true, 0).unwrap();
    assert_eq!(removed.len(), 1);
    assert_eq!(removed[0].1, DropReason::Evicted);
    assert_eq!(removed[0].0.nonce, 0);
    // The newest of the cheapest made room.
    assert_eq!(removed[0].0.arrival, 499);
    let refused = book.insert(
        numbered(Address::repeat_byte(8), 0, 11, 10_000),
        rich(0),
        true,
        0,
    );
    assert_eq!(
        refused.unwrap_err(),
        PoolError::Underpriced { tip: 1, minimum: 2 }
    );
}

#[test]
fn a_replacement_needs_a_tenth_more_of_both_fees() {
    let mut book = book(limits());
    let sender = Address::repeat_byte(1);
    let tx = |max_fee: u128, max_tip: u128, id: u64| {
        let mut tx = PoolTx::clone(&numbered(sender, 0, max_fee, id));
        tx.max_fee = max_fee;
        tx.max_tip = max_tip;
        Arc::new(tx)
    };
    let first = tx(1_000, 105, 1);
    book.insert(Arc::clone(&first), rich(0), true, 0).unwrap();
    for (fee, tip) in [
        (1_099, 116),
        (1_100, 115),
        (1_000, 105),
        (5_000, 105),
        (999, 500),
    ] {
        let error = book.insert(tx(fee, tip, 2), rich(0), true, 0).unwrap_err();
        let want = PoolError::ReplacementUnderpriced {
            fee_min: 1_100,
            tip_min: 116,
            fee,
            tip,
        };
        assert_eq!(error, want);
    }
    let second = tx(1_100, 116, 3);
    let removed = book.insert(Arc::clone(&second), rich(0), true, 0).unwrap();
    assert_eq!(removed[0].0.hash, first.hash);
    assert_eq!(removed[0].1, DropReason::Replaced { by: second.hash });
    let free = tx(2_000, 0, 4);
    let mut book = self::book(limits());
    book.insert(free, rich(0), true, 0).unwrap();
    let error = book.insert(tx(3_000, 0, 5), rich(0), true, 0).unwrap_err();
    let want = PoolError::ReplacementUnderpriced {
        fee_min: 2_200,
        tip_min: 1,
        fee: 3_000,
        tip: 0,
    };
    assert_eq!(error, want);
}

#[test]
fn effective_tips_follow_the_base_fee() {
    let tx = transfer(0, 30 * GWEI, 2 * GWEI);
    let mut pooled = bare(Address::ZERO, 0, 0, 0, vec![1]);
    (pooled.max_fee, pooled.max_tip) = (tx.max_fee_per_gas, tx.max_priority_fee_per_gas);
    assert_eq!(pooled.effective_tip(1_000_000_000), 2_000_000_000);
    assert_eq!(pooled.effective_tip(29_000_000_000), 1_000_000_000);
    assert_eq!(pooled.effective_tip(31_000_000_000), -1_000_000_000);
    (pooled.max_fee, pooled.max_tip) = (u128::MAX, u128::MAX);
    assert_eq!(pooled.effective_tip(0), i128::MAX);
}
