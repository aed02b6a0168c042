//! The blocked product around a register tile: shared by every vector instruction set.
//!
//! Both sides are cut into K blocks and packed as 32-bit *groups*, the unit in which the
//! instructions eat: four bytes or two words of one vector. A tile kernel then multiplies some rows
//! of A with a panel of columns of B:
//!
//! ```text
//! A, as rows       [row][GROUPS + 16]          copied, when A lies as [m][k]
//! A, as columns    [tile][group][ROWS]         interleaved, when A lies as [k][m]
//! B                [panel][group][COLUMNS]     one panel stays in L1 while all tiles of A pass
//! ```
//!
//! Beyond the inner dimension B is zero, so what A holds there does not count.

use super::arith::Load;

/// Which numbers a group holds, and how they come from the elements of a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Four bytes as they are.
    Bytes,
    /// Four signed bytes plus 128, unsigned.
    Flipped,
    /// Two signed bytes, widened.
    WideI8,
    /// Two unsigned bytes, widened.
    WideU8,
    /// Two words as they are.
    Words,
    /// The low bytes of two words, unsigned.
    LowBytes,
    /// The high bytes of two words, signed.
    HighBytes,
}
