//! Reads of chain and state in the words of JSON-RPC.

mod blocks;
mod convert;
mod logs;
mod state;

pub(crate) use convert::{
    Place, RpcBlock, RpcReceipt, RpcTransaction, block, header, mined_logs, pending_transaction,
    receipts, transaction, transactions,
};
pub(crate) use logs::{logs_in_block, query};
pub(crate) use state::context_of;
