use crate::node::Registry;
use jsonrpsee::core::RegisterMethodError;

pub(super) fn register(_: &mut Registry) -> Result<(), RegisterMethodError> {
    Ok(())
}
