//! The commands.

pub(crate) mod inspect;
pub(crate) mod node;
