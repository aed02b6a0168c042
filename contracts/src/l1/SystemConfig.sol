// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {StorageSlot} from "@openzeppelin/contracts/utils/StorageSlot.sol";
import {IResourceMetering} from "./interfaces/IResourceMetering.sol";
import {ISystemConfig} from "./interfaces/ISystemConfig.sol";

/// @title SystemConfig
/// @notice Behind a proxy. Addresses are immutables: changing one is an upgrade.
contract SystemConfig is ISystemConfig, Ownable, Initializable {
    /* CONSTANTS */

    /// @notice Version of the event.
    uint256 public constant VERSION = 0;

    /// @notice Where the unsafe block signer stands, which nodes read by `eth_getStorageAt`.
    bytes32 public constant UNSAFE_BLOCK_SIGNER_SLOT = keccak256("systemconfig.unsafeblocksigner");

    uint32 private constant MAX_RESOURCE_LIMIT = 20_000_000;
    uint32 private constant SYSTEM_TX_MAX_GAS = 1_000_000;
    uint64 private constant MAX_GAS_LIMIT = 200_000_000;

    /* IMMUTABLES */

    /// @inheritdoc ISystemConfig
    uint256 public immutable l2ChainId;
    /// @inheritdoc ISystemConfig
    address public immutable batchInbox;
    /// @inheritdoc ISystemConfig
    address public immutable optimismPortal;
    /// @inheritdoc ISystemConfig
    address public immutable disputeGameFactory;
    /// @inheritdoc ISystemConfig
    address public immutable l1StandardBridge;
    /// @inheritdoc ISystemConfig
    address public immutable l1CrossDomainMessenger;
    /// @inheritdoc ISystemConfig
    address public immutable optimismMintableERC20Factory;

    /* STORAGE, slot 0 is the owner's */

    /// @inheritdoc ISystemConfig
    bytes32 public batcherHash;
    /// @inheritdoc ISystemConfig
    uint64 public gasLimit;
    /// @inheritdoc ISystemConfig
    uint32 public basefeeScalar;
    /// @inheritdoc ISystemConfig
    uint32 public blobbasefeeScalar;
    /// @inheritdoc ISystemConfig
    uint32 public eip1559Denominator;
    /// @inheritdoc ISystemConfig
    uint32 public eip1559Elasticity;
    /// @inheritdoc ISystemConfig
    uint64 public operatorFeeConstant;
    /// @inheritdoc ISystemConfig
    uint32 public operatorFeeScalar;
    /// @inheritdoc ISystemConfig
    uint256 public startBlock;

    /// @param l2ChainId_ Chain id of the L2; the inbox follows from it.
    /// @param addresses Proxies of the other contracts.
    constructor(uint256 l2ChainId_, Addresses memory addresses) Ownable(address(this)) {
        l2ChainId = l2ChainId_;
        batchInbox = address(uint160(uint256(keccak256(abi.encode(l2ChainId_))) >> 104));
        optimismPortal = addresses.optimismPortal;
        disputeGameFactory = addresses.disputeGameFactory;
        l1StandardBridge = addresses.l1StandardBridge;
        l1CrossDomainMessenger = addresses.l1CrossDomainMessenger;
        optimismMintableERC20Factory = addresses.optimismMintableERC20Factory;
        _disableInitializers();
    }

    /// @inheritdoc ISystemConfig
    function initialize(address owner_, Params calldata initial) external initializer {
        _transferOwnership(owner_);
        startBlock = block.number;
        _setBatcherHash(bytes32(uint256(uint160(initial.batcher))));
        _setFeeScalars(initial.baseFeeScalar, initial.blobBaseFeeScalar);
        _setGasLimit(initial.gasLimit);
        _setUnsafeBlockSigner(initial.unsafeBlockSigner);
        _setEip1559Params(initial.eip1559Denominator, initial.eip1559Elasticity);
        _setOperatorFee(initial.operatorFeeScalar, initial.operatorFeeConstant);
    }

    /* ADMIN */

    /// @inheritdoc ISystemConfig
    function setBatcherHash(bytes32 batcherHash_) external onlyOwner {
        _setBatcherHash(batcherHash_);
    }

    /// @inheritdoc ISystemConfig
    function setGasConfigEcotone(uint32 basefeeScalar_, uint32 blobbasefeeScalar_) external onlyOwner {
        _setFeeScalars(basefeeScalar_, blobbasefeeScalar_);
    }

    /// @inheritdoc ISystemConfig
    function setGasLimit(uint64 gasLimit_) external onlyOwner {
        _setGasLimit(gasLimit_);
    }

    /// @inheritdoc ISystemConfig
    function setUnsafeBlockSigner(address unsafeBlockSigner_) external onlyOwner {
        _setUnsafeBlockSigner(unsafeBlockSigner_);
    }

    /// @inheritdoc ISystemConfig
    function setEIP1559Params(uint32 denominator, uint32 elasticity) external onlyOwner {
        _setEip1559Params(denominator, elasticity);
    }

    /// @inheritdoc ISystemConfig
    function setOperatorFeeScalars(uint32 operatorFeeScalar_, uint64 operatorFeeConstant_) external onlyOwner {
        _setOperatorFee(operatorFeeScalar_, operatorFeeConstant_);
    }

    /* VIEW */

    /// @inheritdoc ISystemConfig
    function overhead() public pure returns (uint256) {
        return 0;
    }

    /// @inheritdoc ISystemConfig
    function scalar() public view returns (uint256) {
        return (uint256(1) << 248) | (uint256(blobbasefeeScalar) << 32) | basefeeScalar;
    }

    /// @inheritdoc ISystemConfig
    function unsafeBlockSigner() external view returns (address) {
        return StorageSlot.getAddressSlot(UNSAFE_BLOCK_SIGNER_SLOT).value;
    }

    /// @inheritdoc ISystemConfig
    function minimumGasLimit() public pure returns (uint64) {
        return uint64(MAX_RESOURCE_LIMIT) + SYSTEM_TX_MAX_GAS;
    }

    /// @inheritdoc ISystemConfig
    function maximumGasLimit() public pure returns (uint64) {
        return MAX_GAS_LIMIT;
    }

    /// @inheritdoc ISystemConfig
    function resourceConfig() external pure returns (IResourceMetering.ResourceConfig memory) {
        return IResourceMetering.ResourceConfig({
            maxResourceLimit: MAX_RESOURCE_LIMIT,
            elasticityMultiplier: 10,
            baseFeeMaxChangeDenominator: 8,
            minimumBaseFee: 1 gwei,
            systemTxMaxGas: SYSTEM_TX_MAX_GAS,
            maximumBaseFee: type(uint128).max
        });
    }

    /// @inheritdoc ISystemConfig
    function gasPayingToken() external pure returns (address token, uint8 decimals) {
        return (0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE, 18);
    }

    /// @inheritdoc ISystemConfig
    function isCustomGasToken() external pure returns (bool) {
        return false;
    }

    /// @inheritdoc ISystemConfig
    function getAddresses() external view returns (Addresses memory) {
        return Addresses({
            l1CrossDomainMessenger: l1CrossDomainMessenger,
            l1StandardBridge: l1StandardBridge,
            disputeGameFactory: disputeGameFactory,
            optimismPortal: optimismPortal,
            optimismMintableERC20Factory: optimismMintableERC20Factory
        });
    }

    /// @inheritdoc ISystemConfig
    function version() external pure returns (string memory) {
        return "3.4.0";
    }

    /* INTERNAL */

    function _setBatcherHash(bytes32 batcherHash_) private {
        if (uint256(batcherHash_) >> 160 != 0) revert SystemConfigBatcherHash(batcherHash_);
        batcherHash = batcherHash_;
        emit ConfigUpdate(VERSION, UpdateType.BATCHER, abi.encode(batcherHash_));
    }

    function _setFeeScalars(uint32 basefeeScalar_, uint32 blobbasefeeScalar_) private {
        basefeeScalar = basefeeScalar_;
        blobbasefeeScalar = blobbasefeeScalar_;
        emit ConfigUpdate(VERSION, UpdateType.FEE_SCALARS, abi.encode(overhead(), scalar()));
    }

    function _setGasLimit(uint64 gasLimit_) private {
        if (gasLimit_ < minimumGasLimit() || gasLimit_ > maximumGasLimit()) {
            revert SystemConfigGasLimit(gasLimit_, minimumGasLimit(), maximumGasLimit());
        }
        gasLimit = gasLimit_;
        emit ConfigUpdate(VERSION, UpdateType.GAS_LIMIT, abi.encode(gasLimit_));
    }

    function _setUnsafeBlockSigner(address unsafeBlockSigner_) private {
        StorageSlot.getAddressSlot(UNSAFE_BLOCK_SIGNER_SLOT).value = unsafeBlockSigner_;
        emit ConfigUpdate(VERSION, UpdateType.UNSAFE_BLOCK_SIGNER, abi.encode(unsafeBlockSigner_));
    }

    /// @dev An elasticity above the gas limit would make the gas target zero, by which the base fee is divided.
    function _setEip1559Params(uint32 denominator, uint32 elasticity) private {
        if (denominator == 0 || elasticity == 0 || elasticity > minimumGasLimit()) {
            revert SystemConfigEip1559(denominator, elasticity);
        }
        eip1559Denominator = denominator;
        eip1559Elasticity = elasticity;
        uint256 word = (uint256(denominator) << 32) | elasticity;
        emit ConfigUpdate(VERSION, UpdateType.EIP_1559_PARAMS, abi.encode(word));
    }

    function _setOperatorFee(uint32 operatorFeeScalar_, uint64 operatorFeeConstant_) private {
        operatorFeeScalar = operatorFeeScalar_;
        operatorFeeConstant = operatorFeeConstant_;
        uint256 word = (uint256(operatorFeeScalar_) << 64) | operatorFeeConstant_;
        emit ConfigUpdate(VERSION, UpdateType.OPERATOR_FEE_PARAMS, abi.encode(word));
    }
}
