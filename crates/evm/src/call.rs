//! Calls without a block.
