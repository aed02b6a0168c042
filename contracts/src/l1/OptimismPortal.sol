// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ResourceMetering} from "./ResourceMetering.sol";
import {IAnchorStateRegistry} from "./interfaces/IAnchorStateRegistry.sol";
import {IDisputeGame} from "./interfaces/IDisputeGame.sol";
import {IDisputeGameFactory} from "./interfaces/IDisputeGameFactory.sol";
import {IOptimismPortal} from "./interfaces/IOptimismPortal.sol";
import {ISystemConfig} from "./interfaces/ISystemConfig.sol";
import {AddressAlias} from "./libraries/AddressAlias.sol";
import {Hashing} from "./libraries/Hashing.sol";
import {SafeCall} from "./libraries/SafeCall.sol";
import {SecureTrie} from "./libraries/SecureTrie.sol";
import {GameStatus, OutputRootProof, WithdrawalTransaction} from "./types/Types.sol";

/// @title OptimismPortal
/// @notice Behind a proxy; holds the ether of L2. Has nothing to initialize and no owner.
contract OptimismPortal is IOptimismPortal, ResourceMetering {
    /* TYPES */

    struct ProvenWithdrawal {
        address disputeGameProxy;
        uint64 timestamp;
    }

    /* CONSTANTS */

    uint256 private constant DEPOSIT_VERSION = 0;
    uint64 private constant RECEIVE_DEFAULT_GAS_LIMIT = 100_000;
    uint256 private constant MAX_DEPOSIT_BYTES = 120_000;
    address private constant DEFAULT_L2_SENDER = 0x000000000000000000000000000000000000dEaD;

    /// @dev Origin under which wallets estimate the gas of a finalization.
    address private constant ESTIMATION_ADDRESS = address(1);

    /* IMMUTABLES */

    /// @inheritdoc IOptimismPortal
    uint256 public immutable proofMaturityDelaySeconds;
    /// @inheritdoc IOptimismPortal
    address public immutable systemConfig;
    /// @inheritdoc IOptimismPortal
    address public immutable anchorStateRegistry;
    /// @inheritdoc IOptimismPortal
    address public immutable disputeGameFactory;

    /* STORAGE, slot 0 is the deposit market's */

    /// @inheritdoc IOptimismPortal
    mapping(bytes32 withdrawalHash => bool done) public finalizedWithdrawals;
    /// @inheritdoc IOptimismPortal
    mapping(bytes32 withdrawalHash => mapping(address proofSubmitter => ProvenWithdrawal)) public provenWithdrawals;
    /// @inheritdoc IOptimismPortal
    mapping(bytes32 withdrawalHash => address[] submitters) public proofSubmitters;

    address private transient _l2Sender;

    /// @param systemConfig_ Proxy of the system config.
    /// @param registry Proxy of the registry.
    /// @param factory Proxy of the factory.
    /// @param maturityDelaySeconds Seconds between proof and finalization.
    constructor(address systemConfig_, address registry, address factory, uint256 maturityDelaySeconds) {
        systemConfig = systemConfig_;
        anchorStateRegistry = registry;
        disputeGameFactory = factory;
        proofMaturityDelaySeconds = maturityDelaySeconds;
    }

    /* STATE-CHANGING */

    /// @notice A plain transfer deposits its value to the sender's own address on L2.
    receive() external payable {
        depositTransaction(msg.sender, msg.value, RECEIVE_DEFAULT_GAS_LIMIT, false, bytes(""));
    }

    /// @inheritdoc IOptimismPortal
    function donateETH() external payable {}

    /// @inheritdoc IOptimismPortal
    function depositTransaction(address to, uint256 value, uint64 gasLimit, bool isCreation, bytes memory data)
        public
        payable
        metered(gasLimit)
    {
        if (isCreation && to != address(0)) revert BadTarget();
        // The length is bounded first, so that it fits the 64 bits below.
        if (data.length > MAX_DEPOSIT_BYTES) revert LargeCalldata();
        if (gasLimit < minimumGasLimit(uint64(data.length))) revert SmallGasLimit();

        address from = AddressAlias.callerIsAccount() ? msg.sender : AddressAlias.apply_(msg.sender);
        emit TransactionDeposited(
            from, to, DEPOSIT_VERSION, abi.encodePacked(msg.value, value, gasLimit, isCreation, data)
        );
    }

    /// @inheritdoc IOptimismPortal
    function proveWithdrawalTransaction(
        WithdrawalTransaction memory message,
        uint256 disputeGameIndex,
        OutputRootProof calldata outputRootProof,
        bytes[] calldata withdrawalProof
    ) external {
        if (paused()) revert OptimismPortal_CallPaused();
        if (message.target == address(this)) revert OptimismPortal_BadTarget();

        (,, address game) = IDisputeGameFactory(disputeGameFactory).gameAtIndex(disputeGameIndex);
        _checkGame(game);
        bytes32 root = IDisputeGame(game).rootClaim();
        if (root == 0) revert OptimismPortal_InvalidDisputeGame();
        // There is one version of output roots, and it is zero.
        if (outputRootProof.version != 0 || Hashing.outputRoot(outputRootProof) != root) {
            revert OptimismPortal_InvalidOutputRootProof();
        }

        bytes32 withdrawalHash = Hashing.withdrawal(message);
        // The message passer keeps `hash => true` in the mapping at slot 0.
        bytes32 slot = keccak256(abi.encode(withdrawalHash, uint256(0)));
        bytes memory value = SecureTrie.get(outputRootProof.messagePasserStorageRoot, slot, withdrawalProof);
        if (value.length != 1 || value[0] != 0x01) revert OptimismPortal_InvalidMerkleProof();

        provenWithdrawals[withdrawalHash][msg.sender] =
            ProvenWithdrawal({disputeGameProxy: game, timestamp: uint64(block.timestamp)});
        proofSubmitters[withdrawalHash].push(msg.sender);
        emit WithdrawalProven(withdrawalHash, message.sender, message.target);
        emit WithdrawalProvenExtension1(withdrawalHash, msg.sender);
    }

    /// @inheritdoc IOptimismPortal
    function finalizeWithdrawalTransaction(WithdrawalTransaction memory message) external {
        finalizeWithdrawalTransactionExternalProof(message, msg.sender);
    }

    /// @inheritdoc IOptimismPortal
    function finalizeWithdrawalTransactionExternalProof(WithdrawalTransaction memory message, address proofSubmitter)
        public
    {
        if (paused()) revert OptimismPortal_CallPaused();
        if (_l2Sender != address(0)) revert OptimismPortal_NoReentrancy();
        bytes32 withdrawalHash = Hashing.withdrawal(message);
        checkWithdrawal(withdrawalHash, proofSubmitter);

        finalizedWithdrawals[withdrawalHash] = true;
        _l2Sender = message.sender;
        // With less gas than the withdrawal asks for this reverts, and the withdrawal can be finalized again.
        bool success = SafeCall.callWithMinGas(message.target, message.gasLimit, message.value, message.data);
        _l2Sender = address(0);

        emit WithdrawalFinalized(withdrawalHash, success);
        if (!success && tx.origin == ESTIMATION_ADDRESS) revert GasEstimation();
    }

    /* VIEW */

    /// @inheritdoc IOptimismPortal
    function checkWithdrawal(bytes32 withdrawalHash, address proofSubmitter) public view {
        if (finalizedWithdrawals[withdrawalHash]) revert OptimismPortal_AlreadyFinalized();
        ProvenWithdrawal memory proven = provenWithdrawals[withdrawalHash][proofSubmitter];
        if (proven.timestamp == 0) revert OptimismPortal_Unproven();
        if (proven.timestamp <= IDisputeGame(proven.disputeGameProxy).createdAt()) {
            revert OptimismPortal_InvalidProofTimestamp();
        }
        if (block.timestamp - proven.timestamp <= proofMaturityDelaySeconds) {
            revert OptimismPortal_ProofNotOldEnough();
        }
        if (!IAnchorStateRegistry(anchorStateRegistry).isGameClaimValid(proven.disputeGameProxy)) {
            revert OptimismPortal_InvalidRootClaim();
        }
    }

    /// @inheritdoc IOptimismPortal
    function numProofSubmitters(bytes32 withdrawalHash) external view returns (uint256) {
        return proofSubmitters[withdrawalHash].length;
    }

    /// @inheritdoc IOptimismPortal
    function l2Sender() external view returns (address) {
        return _l2Sender == address(0) ? DEFAULT_L2_SENDER : _l2Sender;
    }

    /// @inheritdoc IOptimismPortal
    function minimumGasLimit(uint64 byteCount) public pure returns (uint64) {
        return byteCount * 40 + 21_000;
    }

    /// @inheritdoc IOptimismPortal
    function disputeGameFinalityDelaySeconds() external view returns (uint256) {
        return IAnchorStateRegistry(anchorStateRegistry).disputeGameFinalityDelaySeconds();
    }

    /// @inheritdoc IOptimismPortal
    function respectedGameType() external view returns (uint32) {
        return IAnchorStateRegistry(anchorStateRegistry).respectedGameType();
    }

    /// @inheritdoc IOptimismPortal
    function respectedGameTypeUpdatedAt() external view returns (uint64) {
        return IAnchorStateRegistry(anchorStateRegistry).retirementTimestamp();
    }

    /// @inheritdoc IOptimismPortal
    function disputeGameBlacklist(address game) external view returns (bool) {
        return IAnchorStateRegistry(anchorStateRegistry).disputeGameBlacklist(game);
    }

    /// @inheritdoc IOptimismPortal
    function paused() public view returns (bool) {
        return IAnchorStateRegistry(anchorStateRegistry).paused();
    }

    /// @inheritdoc IOptimismPortal
    function guardian() external view returns (address) {
        return IAnchorStateRegistry(anchorStateRegistry).guardian();
    }

    /// @inheritdoc IOptimismPortal
    function version() external pure returns (string memory) {
        return "3.14.0";
    }

    /* INTERNAL */

    /// @dev The game is one that a proof may be made against now; it need not have ended.
    function _checkGame(address game) private view {
        IAnchorStateRegistry registry = IAnchorStateRegistry(anchorStateRegistry);
        if (!registry.isGameProper(game)) revert OptimismPortal_ImproperDisputeGame();
        if (!registry.isGameRespected(game) || IDisputeGame(game).status() == GameStatus.CHALLENGER_WINS) {
            revert OptimismPortal_InvalidDisputeGame();
        }
        if (block.timestamp <= IDisputeGame(game).createdAt()) revert OptimismPortal_InvalidProofTimestamp();
    }

    function _resourceConfig() internal view override returns (ResourceConfig memory) {
        return ISystemConfig(systemConfig).resourceConfig();
    }
}
