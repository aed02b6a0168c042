//! `eth_getLogs`.

use crate::{node::Registry, params::LogQuery, reader};
use jsonrpsee::core::RegisterMethodError;

pub(super) fn register(r: &mut Registry) -> Result<(), RegisterMethodError> {
    r.execute("eth_getLogs", |node, args| {
        let query: LogQuery = args.required()?;
        args.end()?;
        let (range, wanted) = query.check(&node.limits, 0)?;
        reader::query(node, range, &wanted)
    })
}
