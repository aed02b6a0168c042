//! Operations on the updates of many clients, and the steps that a model takes with the result.

mod clients;
pub(crate) mod clip;
pub(crate) mod dist;
pub(crate) mod opt;
pub(crate) mod robust;
pub(crate) mod sum;
