//! The order in which a builder takes transactions.

use crate::{Pool, PoolTx};
use alloy_primitives::Address;
use std::sync::Arc;

/// Executable transactions, highest effective tip first, then oldest; nonces of a sender in order.
/// It follows the pool while it lives: what was removed meanwhile is not offered, and
/// [`refresh`](Self::refresh) takes in what arrived.
#[derive(Debug)]
pub struct BestTransactions {
    pool: Pool,
}

impl BestTransactions {
    /// Offers nothing more of `sender`.
    pub fn skip_sender(&mut self, _sender: Address) {
        unimplemented!()
    }

    /// Takes in what became executable since the last call.
    pub fn refresh(&mut self) {
        let _ = &self.pool;
        unimplemented!()
    }
}

impl Iterator for BestTransactions {
    type Item = Arc<PoolTx>;

    fn next(&mut self) -> Option<Arc<PoolTx>> {
        unimplemented!()
    }
}
