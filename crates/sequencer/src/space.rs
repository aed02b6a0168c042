//! What the node still promises and does when the disk runs full.

/// Free bytes of the store's disk below which the node does less. Both end by themselves when there
/// is space again; reads always go on.
///
/// Source: `RELIABILITY.md` section 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpaceLimits {
    /// Below this no new transaction is accepted.
    pub accept_bytes: u64,
    /// Below this no block is built.
    pub build_bytes: u64,
}

impl Default for SpaceLimits {
    fn default() -> Self {
        Self {
            accept_bytes: 1 << 30,
            build_bytes: 256 << 20,
        }
    }
}

impl SpaceLimits {
    /// Why no transaction is accepted with so many bytes free, if so; `None` bytes is a store in
    /// memory.
    pub(crate) fn refusal(&self, free_bytes: Option<u64>) -> Option<String> {
        let free = free_bytes.filter(|free| *free < self.accept_bytes)?;
        Some(format!(
            "the disk is almost full: {} MiB are free, new transactions need {} MiB",
            free >> 20,
            self.accept_bytes >> 20
        ))
    }

    /// Whether a block may be built.
    pub(crate) fn allow_building(&self, free_bytes: Option<u64>) -> bool {
        free_bytes.is_none_or(|free| free >= self.build_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_are_refused_before_building_stops() {
        let limits = SpaceLimits::default();
        let mib = |n: u64| Some(n << 20);
        for (free, refused, builds) in [
            (None, false, true),
            (mib(1_024), false, true),
            (mib(1_023), true, true),
            (mib(256), true, true),
            (mib(255), true, false),
            (mib(0), true, false),
        ] {
            assert_eq!(limits.refusal(free).is_some(), refused, "{free:?}");
            assert_eq!(limits.allow_building(free), builds, "{free:?}");
        }
        let reason = limits.refusal(mib(300)).unwrap();
        assert!(reason.contains("300 MiB are free") && reason.contains("1024 MiB"));
    }
}
