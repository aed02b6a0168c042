//! Which L1 block the next L2 block belongs to (`ROLLUP.md` section 6 "Origin").

use foggara_primitives::{BlockId, L1Ref, constants::MAX_SEQUENCER_DRIFT};

/// What one L1 view says about the parent's origin and the block after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OriginView {
    /// The canonical L1 block at the height of the parent's origin; `None` if the view does not reach it.
    pub current: Option<L1Ref>,
    /// The canonical block after it, if it has enough confirmations.
    pub next: Option<L1Ref>,
}

/// The decision for one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Stay in the parent's epoch.
    Keep(L1Ref),
    /// Open the next epoch.
    Next(L1Ref),
    /// The drift is used up and no next origin is known: do not build.
    Wait,
    /// The parent's origin is not canonical, or the next block does not follow it.
    Reset,
}

/// Decides the origin of the block at `time` (unix seconds) on a parent with origin `parent_origin`.
pub fn choose_origin(parent_origin: BlockId, view: &OriginView, time: u64) -> Origin {
    let Some(current) = view.current else {
        return Origin::Wait;
    };
    if current.id() != parent_origin {
        return Origin::Reset;
    }
    match view.next {
        Some(next) if next.parent_hash != current.hash => Origin::Reset,
        Some(next) if next.timestamp <= time => Origin::Next(next),
        None if drift_exceeded(time, current.timestamp) => Origin::Wait,
        _ => Origin::Keep(current),
    }
}

/// Whether a block at `time` is so far ahead of its origin that it may hold deposits only.
pub fn drift_exceeded(time: u64, origin_time: u64) -> bool {
    time > origin_time.saturating_add(MAX_SEQUENCER_DRIFT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    fn l1(number: u8, timestamp: u64) -> L1Ref {
        L1Ref {
            hash: B256::with_last_byte(number),
            number: number.into(),
            parent_hash: B256::with_last_byte(number.wrapping_sub(1)),
            timestamp,
        }
    }

    fn view(current: Option<L1Ref>, next: Option<L1Ref>) -> OriginView {
        OriginView { current, next }
    }

    #[test]
    fn takes_the_next_origin_as_soon_as_time_allows() {
        let (a, b) = (l1(5, 100), l1(6, 112));
        assert_eq!(
            choose_origin(a.id(), &view(Some(a), Some(b)), 111),
            Origin::Keep(a)
        );
        assert_eq!(
            choose_origin(a.id(), &view(Some(a), Some(b)), 112),
            Origin::Next(b)
        );
    }

    #[test]
    fn a_replaced_origin_is_a_reset() {
        let (a, mut b) = (l1(5, 100), l1(6, 112));
        let other = BlockId {
            hash: B256::repeat_byte(9),
            number: 5,
        };
        assert_eq!(
            choose_origin(other, &view(Some(a), Some(b)), 112),
            Origin::Reset
        );
        b.parent_hash = B256::repeat_byte(7);
        assert_eq!(
            choose_origin(a.id(), &view(Some(a), Some(b)), 100),
            Origin::Reset
        );
    }

    #[test]
    fn beyond_the_drift_an_unknown_next_origin_stops_building() {
        let a = l1(5, 100);
        assert_eq!(
            choose_origin(a.id(), &view(Some(a), None), 1_900),
            Origin::Keep(a)
        );
        assert_eq!(
            choose_origin(a.id(), &view(Some(a), None), 1_901),
            Origin::Wait
        );
        let far = l1(6, 5_000);
        assert_eq!(
            choose_origin(a.id(), &view(Some(a), Some(far)), 1_901),
            Origin::Keep(a)
        );
        assert!(drift_exceeded(1_901, 100) && !drift_exceeded(1_900, 100));
    }

    #[test]
    fn an_l1_view_that_does_not_reach_the_origin_waits() {
        let a = l1(5, 100);
        assert_eq!(choose_origin(a.id(), &view(None, None), 101), Origin::Wait);
    }
}
