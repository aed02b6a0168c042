// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IResourceMetering} from "./IResourceMetering.sol";

/// @title Parameters of the L2 that its operator may change
/// @notice Every change is an event which derivation reads, in force from the first L2 block with that L1 origin; a
/// new batcher already for the data of that same L1 block. The owner sets them within bounds that keep every L2 block
/// derivable. Source: OP specification, system config.
interface ISystemConfig {
    /// @notice Kinds of change, numbered as derivation reads them.
    enum UpdateType {
        BATCHER,
        FEE_SCALARS,
        GAS_LIMIT,
        UNSAFE_BLOCK_SIGNER,
        EIP_1559_PARAMS,
        OPERATOR_FEE_PARAMS
    }

    /// @notice What the operator may change.
    /// @param batcher Account whose transactions to the inbox are read.
    /// @param baseFeeScalar Price of L1 calldata on L2, in millionths.
    /// @param blobBaseFeeScalar Price of L1 blobs on L2, in millionths.
    /// @param gasLimit Gas limit of an L2 block.
    /// @param unsafeBlockSigner Account that signs blocks before they are on L1.
    /// @param eip1559Denominator Speed of the L2 base fee.
    /// @param eip1559Elasticity Gas limit over gas target.
    /// @param operatorFeeScalar Operator fee per gas, in millionths of a wei.
    /// @param operatorFeeConstant Operator fee per transaction in wei.
    struct Params {
        address batcher;
        uint32 baseFeeScalar;
        uint32 blobBaseFeeScalar;
        uint64 gasLimit;
        address unsafeBlockSigner;
        uint32 eip1559Denominator;
        uint32 eip1559Elasticity;
        uint32 operatorFeeScalar;
        uint64 operatorFeeConstant;
    }

    /// @notice Contracts of this chain on L1, fixed by the code.
    struct Addresses {
        address l1CrossDomainMessenger;
        address l1StandardBridge;
        address disputeGameFactory;
        address optimismPortal;
        address optimismMintableERC20Factory;
    }

    /// @notice The gas limit is outside `minimumGasLimit` to `maximumGasLimit`.
    error SystemConfigGasLimit(uint64 gasLimit, uint64 minimum, uint64 maximum);

    /// @notice A parameter of the L2 base fee is zero, or so large that the gas target would be zero.
    error SystemConfigEip1559(uint32 denominator, uint32 elasticity);

    /// @notice The batcher hash is not an address of 20 bytes, padded on the left.
    error SystemConfigBatcherHash(bytes32 batcherHash);

    /// @notice A parameter changed.
    /// @param version Zero.
    /// @param updateType Which one.
    /// @param data ABI encoding of the new value: one word, or two for the fee scalars.
    event ConfigUpdate(uint256 indexed version, UpdateType indexed updateType, bytes data);

    /// @notice Sets everything once, behind a proxy; emits one event for each parameter.
    /// @param owner Who may change parameters.
    /// @param params Their first values.
    function initialize(address owner, Params calldata params) external;

    /// @notice Sets the batcher; twelve zero bytes, then its address. Only the owner.
    function setBatcherHash(bytes32 batcherHash) external;

    /// @notice Sets the prices of L1 data, in millionths. Only the owner.
    function setGasConfigEcotone(uint32 basefeeScalar, uint32 blobbasefeeScalar) external;

    /// @notice Sets the gas limit of an L2 block. Only the owner.
    function setGasLimit(uint64 gasLimit) external;

    /// @notice Sets who signs blocks before they are on L1; not consensus. Only the owner.
    function setUnsafeBlockSigner(address unsafeBlockSigner) external;

    /// @notice Sets the speed and the elasticity of the L2 base fee. Only the owner.
    function setEIP1559Params(uint32 denominator, uint32 elasticity) external;

    /// @notice Sets the operator fee: millionths of a wei per gas, and wei per transaction. Only the owner.
    function setOperatorFeeScalars(uint32 operatorFeeScalar, uint64 operatorFeeConstant) external;

    /// @notice The batcher as derivation reads it.
    function batcherHash() external view returns (bytes32);

    /// @notice Zero; a price of before Ecotone.
    function overhead() external view returns (uint256);

    /// @notice Both prices of L1 data in one word of version 1.
    function scalar() external view returns (uint256);

    /// @notice Price of L1 calldata on L2, in millionths.
    function basefeeScalar() external view returns (uint32);

    /// @notice Price of L1 blobs on L2, in millionths.
    function blobbasefeeScalar() external view returns (uint32);

    /// @notice Gas limit of an L2 block.
    function gasLimit() external view returns (uint64);

    /// @notice Denominator of the L2 base fee.
    function eip1559Denominator() external view returns (uint32);

    /// @notice Elasticity of the L2 base fee.
    function eip1559Elasticity() external view returns (uint32);

    /// @notice Operator fee per gas, in millionths of a wei.
    function operatorFeeScalar() external view returns (uint32);

    /// @notice Operator fee per transaction in wei.
    function operatorFeeConstant() external view returns (uint64);

    /// @notice Account that signs blocks before they are on L1; stands in the slot `UNSAFE_BLOCK_SIGNER_SLOT`.
    function unsafeBlockSigner() external view returns (address);

    /// @notice Least gas limit: the deposits of one L1 block and the L1 attributes fit.
    function minimumGasLimit() external pure returns (uint64);

    /// @notice Highest gas limit, to which the bound of the fault proof is computed.
    function maximumGasLimit() external pure returns (uint64);

    /// @notice Limits and speed of the deposit market; constant.
    function resourceConfig() external pure returns (IResourceMetering.ResourceConfig memory);

    /// @notice Where batches are sent.
    function batchInbox() external view returns (address);

    /// @notice L1 block of initialization, from which events matter.
    function startBlock() external view returns (uint256);

    /// @notice Chain id of the L2.
    function l2ChainId() external view returns (uint256);

    /// @notice Proxy of the portal.
    function optimismPortal() external view returns (address);

    /// @notice Proxy of the factory of dispute games.
    function disputeGameFactory() external view returns (address);

    /// @notice Proxy of the bridge on L1.
    function l1StandardBridge() external view returns (address);

    /// @notice Proxy of the messenger on L1.
    function l1CrossDomainMessenger() external view returns (address);

    /// @notice Proxy of the factory of bridged tokens on L1.
    function optimismMintableERC20Factory() external view returns (address);

    /// @notice Ether, under the address that stands for it, and its decimals.
    function gasPayingToken() external pure returns (address token, uint8 decimals);

    /// @notice False: gas of the L2 is paid in ether.
    function isCustomGasToken() external pure returns (bool);

    /// @notice All of the above addresses.
    function getAddresses() external view returns (Addresses memory);

    /// @notice Semantic version of the OP interface that is answered.
    function version() external pure returns (string memory);
}
