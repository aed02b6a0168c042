//! Typed calls, errors and events, one module per contract.
//!
//! Those that are deployed have their init code as `BYTECODE` and their runtime code as `DEPLOYED_BYTECODE`.
#![allow(missing_docs, reason = "the Solidity sources say what each item is")]

use alloy_sol_types::sol;

sol!(L1Block, "../../contracts/artifacts/IL1Block.json");
sol!(
    GasPriceOracle,
    "../../contracts/artifacts/IGasPriceOracle.json"
);
sol!(
    MessagePasser,
    "../../contracts/artifacts/IL2ToL1MessagePasser.json"
);
sol!(Weth9, "../../contracts/artifacts/IWETH9.json");
sol!(FeeVault, "../../contracts/artifacts/IFeeVault.json");
sol!(
    FoggaraMatmul,
    "../../contracts/artifacts/IFoggaraMatmul.json"
);
sol!(MatmulCaller, "../../contracts/artifacts/MatmulCaller.json");
sol!(
    MlpClassifier,
    "../../contracts/artifacts/MlpClassifier.json"
);
sol!(FedAvgRound, "../../contracts/artifacts/FedAvgRound.json");
sol!(MedianRound, "../../contracts/artifacts/MedianRound.json");
sol!(
    FoggaraTensor,
    "../../contracts/artifacts/IFoggaraTensor.json"
);
sol!(TestToken, "../../contracts/artifacts/TestToken.json");
sol!(Zoo, "../../contracts/artifacts/Zoo.json");
sol!(Delegate, "../../contracts/artifacts/Delegate.json");
