//! Reads of chain and state in the words of JSON-RPC.

mod blocks;
mod convert;
mod logs;
mod state;

pub(crate) use convert::{
    RpcBlock, RpcReceipt, RpcTransaction, block, header, pending_transaction, receipt, receipts,
    transaction,
};
pub(crate) use logs::{logs_in_block, query};
