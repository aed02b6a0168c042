//! The rules that a newcomer has to meet.

use super::Book;
use crate::{
    DropReason, PoolError, PoolTx,
    queue::{Account, Code, Queue},
};
use alloy_primitives::{Address, U256};

impl Book {
    /// Rules that need only the sender's account: nonce and funds. Cheap; [`insert`](Self::insert)
    /// applies them again.
    pub(crate) fn precheck(&self, tx: &PoolTx, account: &Account) -> Result<(), PoolError> {
        if let Code::Contract(code_hash) = account.code {
            return Err(PoolError::SenderNotEoa {
                sender: tx.sender,
                code_hash,
            });
        }
        let (next, got, reach) = (account.nonce, tx.nonce, self.limits.slots_per_sender);
        if got < next {
            return Err(PoolError::NonceTooLow { next, got });
        }
        // EIP-2681: the last nonce is unusable.
        if got - next >= reach || got == u64::MAX {
            return Err(PoolError::NonceTooHigh { next, got, reach });
        }
        let queue = self.queues.get(&tx.sender);
        let pooled = queue.map_or(U256::ZERO, |queue| {
            let replaced = queue.get(got).map_or(U256::ZERO, |entry| entry.tx.cost);
            queue.cost.saturating_sub(replaced)
        });
        let want = pooled.saturating_add(tx.cost);
        if want > account.balance {
            return Err(PoolError::InsufficientFunds {
                have: account.balance,
                want,
                pooled,
            });
        }
        Ok(())
    }

    pub(super) fn check_in_flight(&self, tx: &PoolTx, account: &Account) -> Result<(), PoolError> {
        let (sender, next, got) = (tx.sender, account.nonce, tx.nonce);
        if got == next || !self.is_single(&sender, account) {
            return Ok(());
        }
        let taken = self
            .queues
            .get(&sender)
            .is_some_and(|queue| queue.get(next).is_some());
        Err(if taken {
            PoolError::DelegatedInFlight { sender, limit: 1 }
        } else {
            PoolError::DelegatedGap { sender, next, got }
        })
    }

    pub(super) fn check_fees(&self, tx: &PoolTx) -> Result<(), PoolError> {
        let base_fee = self.fees.base_fee_next;
        let (fee, tip) = (tx.max_fee, tx.max_tip);
        if !self.limits.hold_below_base_fee && fee < u128::from(base_fee) {
            return Err(PoolError::FeeBelowBaseFee { fee, base_fee });
        }
        if tip < self.limits.tip_min {
            let minimum = i128::try_from(self.limits.tip_min).unwrap_or(i128::MAX);
            return Err(PoolError::Underpriced {
                tip: tx.effective_tip(base_fee),
                minimum,
            });
        }
        let queue = self.queues.get(&tx.sender);
        if let Some(old) = queue.and_then(|queue| queue.get(tx.nonce)) {
            let fee_min = raised(old.tx.max_fee, self.limits.replacement_percent);
            let tip_min = raised(old.tx.max_tip, self.limits.replacement_percent);
            if fee < fee_min || tip < tip_min {
                return Err(PoolError::ReplacementUnderpriced {
                    fee_min,
                    tip_min,
                    fee,
                    tip,
                });
            }
        }
        Ok(())
    }

    pub(super) fn check_authorities(&self, tx: &PoolTx) -> Result<(), PoolError> {
        let old = self
            .queues
            .get(&tx.sender)
            .and_then(|queue| queue.get(tx.nonce));
        for authority in &tx.authorities {
            let replaced = old.is_some_and(|old| old.tx.authorities.contains(authority));
            let pending = self.authorities.get(authority).copied().unwrap_or(0);
            let queued = self.queues.get(authority).map_or(0, Queue::len);
            if pending > u32::from(replaced) || queued > 1 {
                return Err(PoolError::AuthorityReserved {
                    authority: *authority,
                    limit: 1,
                });
            }
        }
        Ok(())
    }

    /// Whether the account may have one transaction in flight only.
    pub(super) fn is_single(&self, sender: &Address, account: &Account) -> bool {
        account.code == Code::Delegation || self.authorities.contains_key(sender)
    }
}

/// Why an account can no longer send a transaction, if so.
pub(super) fn impossible(tx: &PoolTx, account: &Account) -> Option<DropReason> {
    if tx.nonce < account.nonce {
        return Some(DropReason::NonceUsed {
            next: account.nonce,
        });
    }
    (tx.cost > account.balance).then_some(DropReason::Unpayable)
}

/// A fee raised by a percentage, rounded up, and by at least one wei.
fn raised(fee: u128, percent: u64) -> u128 {
    let rise = fee.div_ceil(100).saturating_mul(u128::from(percent));
    let exact = fee
        .checked_mul(u128::from(percent))
        .map(|product| product.div_ceil(100));
    fee.saturating_add(exact.unwrap_or(rise).max(1))
}
