//! The order in which a builder takes transactions.

use crate::{PoolTx, book::Book, inner::Inner};
use alloy_primitives::{
    Address,
    map::{AddressMap, AddressSet},
};
use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
    sync::Arc,
};

/// Executable transactions, highest effective tip first, then oldest; nonces of a sender in order.
///
/// It follows the pool while it lives: what was removed meanwhile is not offered, and
/// [`refresh`](Self::refresh) takes in what arrived. Nothing is offered twice. Making one costs
/// O(senders), a step O(log senders).
#[derive(Debug)]
pub struct BestTransactions {
    pool: Arc<Inner>,
    base_fee: u64,
    heap: BinaryHeap<Candidate>,
    in_heap: AddressSet,
    /// Nonce after the last one offered.
    next: AddressMap<u64>,
    skipped: AddressSet,
    mark: u64,
}

impl BestTransactions {
    pub(crate) fn new(pool: Arc<Inner>, base_fee: u64) -> Self {
        let mut best = Self {
            pool: Arc::clone(&pool),
            base_fee,
            heap: BinaryHeap::new(),
            in_heap: AddressSet::default(),
            next: AddressMap::default(),
            skipped: AddressSet::default(),
            mark: 0,
        };
        let ledger = pool.ledger.lock();
        best.offer_all(&ledger.book);
        best
    }

    /// Offers nothing more of `sender`.
    pub fn skip_sender(&mut self, sender: Address) {
        self.skipped.insert(sender);
    }

    /// Takes in what became executable since the last call.
    pub fn refresh(&mut self) {
        let pool = Arc::clone(&self.pool);
        let ledger = pool.ledger.lock();
        match ledger.book.fresh_since(self.mark) {
            Some(senders) => {
                for sender in senders {
                    self.offer(&ledger.book, sender);
                }
                self.mark = ledger.book.fresh_mark();
            }
            None => self.offer_all(&ledger.book),
        }
    }

    fn offer_all(&mut self, book: &Book) {
        for (sender, queue) in book.queues() {
            if queue.totals.executable > 0 {
                self.offer(book, sender);
            }
        }
        self.mark = book.fresh_mark();
    }

    /// Makes the next transaction of a sender a candidate, if there is one that can pay.
    fn offer(&mut self, book: &Book, sender: &Address) {
        if self.skipped.contains(sender) || self.in_heap.contains(sender) {
            return;
        }
        let Some(queue) = book.queue(sender) else {
            return;
        };
        let nonce = self
            .next
            .get(sender)
            .map_or(0, |next| *next)
            .max(queue.account.nonce);
        let Some(tx) = book.executable(sender, nonce) else {
            return;
        };
        let tip = tx.effective_tip(self.base_fee);
        if tip >= 0 {
            self.in_heap.insert(*sender);
            self.heap.push(Candidate {
                tip,
                tx: Arc::clone(tx),
            });
        }
    }
}

impl Iterator for BestTransactions {
    type Item = Arc<PoolTx>;

    fn next(&mut self) -> Option<Arc<PoolTx>> {
        let pool = Arc::clone(&self.pool);
        loop {
            let Candidate { tx, .. } = self.heap.pop()?;
            self.in_heap.remove(&tx.sender);
            if self.skipped.contains(&tx.sender) {
                continue;
            }
            let ledger = pool.ledger.lock();
            let now = ledger.book.executable(&tx.sender, tx.nonce);
            let same = now.is_some_and(|now| now.hash == tx.hash);
            if same {
                self.next.insert(tx.sender, tx.nonce.saturating_add(1));
            }
            self.offer(&ledger.book, &tx.sender);
            if same {
                return Some(tx);
            }
        }
    }
}

#[derive(Debug)]
struct Candidate {
    tip: i128,
    tx: Arc<PoolTx>,
}

impl Candidate {
    fn key(&self) -> (i128, Reverse<u64>) {
        (self.tip, Reverse(self.tx.arrival))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}
