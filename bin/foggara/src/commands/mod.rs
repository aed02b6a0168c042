//! The commands.

pub(crate) mod inspect;
pub(crate) mod model;
pub(crate) mod node;
