//! The one place where an engine of the rollup is made: rules plus AI precompiles.

use crate::precompiles::{PrecompileContext, install_precompiles};
use alloc::sync::Arc;
use alloy_evm::{Database, EvmEnv, EvmFactory, precompiles::PrecompilesMap};
use alloy_op_evm::{OpEvm, OpEvmContext, OpEvmFactory, OpTx, OpTxError};
use op_revm::{OpHaltReason, OpSpecId};
use revm::{
    Inspector, context::BlockEnv, context_interface::result::EVMError, inspector::NoOpInspector,
};

/// Makes engines that know the AI precompiles. One per block or call: it carries their meter.
#[derive(Debug, Clone)]
pub struct FoggaraEvmFactory {
    context: Arc<PrecompileContext>,
}

impl FoggaraEvmFactory {
    /// A factory whose engines share this meter and cancel flag.
    pub const fn new(context: Arc<PrecompileContext>) -> Self {
        Self { context }
    }
}

impl EvmFactory for FoggaraEvmFactory {
    type Evm<DB: Database, I: Inspector<OpEvmContext<DB>>> = OpEvm<DB, I, PrecompilesMap, OpTx>;
    type Context<DB: Database> = OpEvmContext<DB>;
    type Tx = OpTx;
    type Error<E: core::error::Error + Send + Sync + 'static> = EVMError<E, OpTxError>;
    type HaltReason = OpHaltReason;
    type Spec = OpSpecId;
    type BlockEnv = BlockEnv;
    type Precompiles = PrecompilesMap;

    fn create_evm<DB: Database>(
        &self,
        db: DB,
        env: EvmEnv<OpSpecId>,
    ) -> Self::Evm<DB, NoOpInspector> {
        let mut evm = OpEvmFactory::<OpTx>::default().create_evm(db, env);
        install_precompiles(alloy_evm::Evm::precompiles_mut(&mut evm), &self.context);
        evm
    }

    fn create_evm_with_inspector<DB: Database, I: Inspector<Self::Context<DB>>>(
        &self,
        db: DB,
        env: EvmEnv<OpSpecId>,
        inspector: I,
    ) -> Self::Evm<DB, I> {
        let mut evm = OpEvmFactory::<OpTx>::default().create_evm_with_inspector(db, env, inspector);
        install_precompiles(alloy_evm::Evm::precompiles_mut(&mut evm), &self.context);
        evm
    }
}
