//! A node as its clients see it: over real sockets, on a chain of a few real transactions.

#[path = "../../../evm/tests/common/mod.rs"]
mod world_of_evm;

/// Keys, contracts and transactions of the test chain.
mod world {
    pub(crate) use crate::world_of_evm::*;
    use alloy_primitives::Bytes;
    use foggara_evm::PreparedTx;

    pub(crate) trait PreparedList {
        fn raws(&self) -> Vec<Bytes>;
    }

    impl PreparedList for [PreparedTx] {
        fn raws(&self) -> Vec<Bytes> {
            self.iter().map(|tx| tx.raw.clone()).collect()
        }
    }
}

mod calls;
mod common;
mod errors;
mod follow;
mod limits;
mod malformed;
mod methods;
mod shapes;
mod sockets;
mod traces;
mod transport;
mod wire;
