//! What is offered for inclusion.

use super::{TxKind, TxManagerConfig};
use crate::FeeData;

/// The fee fields of a transaction, in wei per unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fees {
    /// `maxFeePerGas`.
    pub max_fee: u128,
    /// `maxPriorityFeePerGas`.
    pub tip: u128,
    /// `maxFeePerBlobGas`, zero without blobs.
    pub max_blob_fee: u128,
}

impl Fees {
    /// First offer: pays while base fees double, within the caps.
    pub(super) fn first(kind: TxKind, market: &FeeData, config: &TxManagerConfig) -> Self {
        let tip = market.tip.max(config.tip_min);
        let max_fee = market
            .base_fee
            .saturating_mul(2)
            .saturating_add(tip)
            .min(config.max_fee_cap);
        let max_blob_fee = match kind {
            TxKind::Plain => 0,
            TxKind::Blob => market
                .blob_base_fee
                .saturating_mul(2)
                .max(1)
                .min(config.max_blob_fee_cap),
        };
        Self {
            max_fee,
            tip: tip.min(max_fee),
            max_blob_fee,
        }
    }

    /// A replacement for `self`: at least a tenth more, twice as much for blobs (the replacement
    /// rules of L1 pools), or what the market asks now if that is more. `None` where the caps or
    /// `first`'s multiple leave no room.
    pub(super) fn bumped(
        &self,
        kind: TxKind,
        market: &FeeData,
        first: &Self,
        config: &TxManagerConfig,
    ) -> Option<Self> {
        let raise = |fee: u128| match kind {
            TxKind::Plain => fee.saturating_add(fee.div_ceil(10)),
            TxKind::Blob => fee.saturating_mul(2),
        };
        let now = Self::first(kind, market, config);
        let cap = |first: u128, operator: u128| {
            first.saturating_mul(config.fee_multiple_max).min(operator)
        };
        // The market may have moved beyond the multiple of the first offer: then follow it.
        let fee_cap = cap(first.max_fee.max(now.max_fee), config.max_fee_cap);
        let blob_cap = cap(
            first.max_blob_fee.max(now.max_blob_fee),
            config.max_blob_fee_cap,
        );
        let max_fee = raise(self.max_fee).max(now.max_fee);
        let max_blob_fee = raise(self.max_blob_fee).max(now.max_blob_fee);
        let fits = max_fee <= fee_cap && (kind == TxKind::Plain || max_blob_fee <= blob_cap);
        let tip = raise(self.tip).max(now.tip).min(max_fee);
        fits.then_some(Self {
            max_fee,
            tip,
            max_blob_fee,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKET: FeeData = FeeData {
        base_fee: 100,
        blob_base_fee: 10,
        tip: 3,
    };

    fn config() -> TxManagerConfig {
        TxManagerConfig {
            tip_min: 1,
            ..TxManagerConfig::dev()
        }
    }

    #[test]
    fn a_first_offer_survives_a_doubling() {
        let fees = Fees::first(TxKind::Blob, &MARKET, &config());
        assert_eq!(
            fees,
            Fees {
                max_fee: 203,
                tip: 3,
                max_blob_fee: 20
            }
        );
        assert_eq!(
            Fees::first(TxKind::Plain, &MARKET, &config()).max_blob_fee,
            0
        );
    }

    #[test]
    fn a_bump_satisfies_the_replacement_rules() {
        let first = Fees::first(TxKind::Plain, &MARKET, &config());
        let next = first
            .bumped(TxKind::Plain, &MARKET, &first, &config())
            .unwrap();
        assert!(next.max_fee * 10 >= first.max_fee * 11 && next.tip * 10 >= first.tip * 11);
        let first = Fees::first(TxKind::Blob, &MARKET, &config());
        let next = first
            .bumped(TxKind::Blob, &MARKET, &first, &config())
            .unwrap();
        assert_eq!(
            next,
            Fees {
                max_fee: 406,
                tip: 6,
                max_blob_fee: 40
            }
        );
    }

    #[test]
    fn bumps_end_at_the_multiple_of_the_first_offer() {
        let first = Fees::first(TxKind::Blob, &MARKET, &config());
        let mut fees = first;
        let mut count = 0;
        while let Some(next) = fees.bumped(TxKind::Blob, &MARKET, &first, &config()) {
            fees = next;
            count += 1;
        }
        assert_eq!(count, 2, "twice and four times fit below five times");
        assert!(fees.max_fee <= 5 * first.max_fee);
    }
}
