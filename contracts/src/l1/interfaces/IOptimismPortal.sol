// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {OutputRootProof, WithdrawalTransaction} from "../types/Types.sol";
import {IResourceMetering} from "./IResourceMetering.sol";

/// @title Where value enters and leaves
/// @notice Deposits are events which every node derives as the first transactions of an L2 block; nobody can leave them
/// out. A withdrawal is proven against the output root that a game claims, waits, and is then finalized once.
/// @dev Nothing here trusts a key: pausing delays, and paying takes a proof against a claim that stood its time.
/// Warning: a message straight to a contract is delivered once, with at least its gas limit, whatever comes of it. The
/// messenger keeps failed messages for another try.
/// Source: OP specification, deposits, withdrawals, optimism portal.
interface IOptimismPortal is IResourceMetering {
    /// @notice A creation was given a target.
    error BadTarget();

    /// @notice The gas limit is below `minimumGasLimit` of the calldata.
    error SmallGasLimit();

    /// @notice The calldata of a deposit is longer than 120,000 bytes.
    error LargeCalldata();

    /// @notice Thrown at those who estimate gas if the call of a withdrawal fails.
    error GasEstimation();

    /// @notice Proving and finalizing are paused.
    error OptimismPortal_CallPaused();

    /// @notice A withdrawal may not call the portal itself.
    error OptimismPortal_BadTarget();

    /// @notice The game is not of the factory, was refused, or was made too early.
    error OptimismPortal_ImproperDisputeGame();

    /// @notice Games of this kind do not count, the game was lost, or it claims no root.
    error OptimismPortal_InvalidDisputeGame();

    /// @notice The output root proof does not hash to the claim.
    error OptimismPortal_InvalidOutputRootProof();

    /// @notice The message passer's storage does not hold the withdrawal.
    error OptimismPortal_InvalidMerkleProof();

    /// @notice This submitter has not proven the withdrawal.
    error OptimismPortal_Unproven();

    /// @notice The proof is not younger than the game.
    error OptimismPortal_InvalidProofTimestamp();

    /// @notice The proof has not waited for the maturity delay.
    error OptimismPortal_ProofNotOldEnough();

    /// @notice The game is not a valid claim, or not yet.
    error OptimismPortal_InvalidRootClaim();

    /// @notice The withdrawal was finalized before.
    error OptimismPortal_AlreadyFinalized();

    /// @notice A withdrawal is being finalized already.
    error OptimismPortal_NoReentrancy();

    /// @notice A transaction was deposited.
    /// @param from Sender on L2: the caller, or its alias if it is a contract.
    /// @param to Target on L2.
    /// @param version Zero.
    /// @param opaqueData Packed: wei minted (32 bytes), wei sent (32), gas limit (8), whether it creates (1), calldata.
    event TransactionDeposited(address indexed from, address indexed to, uint256 indexed version, bytes opaqueData);

    /// @notice A withdrawal was proven.
    event WithdrawalProven(bytes32 indexed withdrawalHash, address indexed from, address indexed to);

    /// @notice Who proved it.
    event WithdrawalProvenExtension1(bytes32 indexed withdrawalHash, address indexed proofSubmitter);

    /// @notice A withdrawal was finalized; its call succeeded or not.
    event WithdrawalFinalized(bytes32 indexed withdrawalHash, bool success);

    /// @notice Deposits a transaction; the value sent along is minted to its sender on L2.
    /// @param to Target on L2; zero for a creation.
    /// @param value Wei that the transaction sends on L2, from the sender's balance there.
    /// @param gasLimit L2 gas, paid by burning L1 gas at the price of the deposit market.
    /// @param isCreation Whether it creates a contract.
    /// @param data Calldata or init code.
    function depositTransaction(address to, uint256 value, uint64 gasLimit, bool isCreation, bytes memory data)
        external
        payable;

    /// @notice Takes ether without depositing.
    function donateETH() external payable;

    /// @notice Proves a withdrawal against the claim of a game; may be done again against another one.
    /// @param message The withdrawal.
    /// @param disputeGameIndex Index of the game in the factory.
    /// @param outputRootProof What the game's root is the hash of.
    /// @param withdrawalProof Trie nodes from the message passer's storage root to the withdrawal, in RLP.
    function proveWithdrawalTransaction(
        WithdrawalTransaction memory message,
        uint256 disputeGameIndex,
        OutputRootProof calldata outputRootProof,
        bytes[] calldata withdrawalProof
    ) external;

    /// @notice Finalizes a withdrawal that the caller proved.
    function finalizeWithdrawalTransaction(WithdrawalTransaction memory message) external;

    /// @notice Finalizes a withdrawal that `proofSubmitter` proved.
    function finalizeWithdrawalTransactionExternalProof(WithdrawalTransaction memory message, address proofSubmitter)
        external;

    /// @notice Reverts with what is missing unless the withdrawal can be finalized.
    function checkWithdrawal(bytes32 withdrawalHash, address proofSubmitter) external view;

    /// @notice Whether the withdrawal was finalized.
    function finalizedWithdrawals(bytes32 withdrawalHash) external view returns (bool);

    /// @notice The game a submitter proved the withdrawal against, and when in unix seconds.
    function provenWithdrawals(bytes32 withdrawalHash, address proofSubmitter)
        external
        view
        returns (address disputeGameProxy, uint64 timestamp);

    /// @notice Submitter of the proof at an index.
    function proofSubmitters(bytes32 withdrawalHash, uint256 index) external view returns (address);

    /// @notice Number of proofs of a withdrawal.
    function numProofSubmitters(bytes32 withdrawalHash) external view returns (uint256);

    /// @notice L2 sender of the withdrawal that is being finalized; 0x..dEaD outside of that.
    function l2Sender() external view returns (address);

    /// @notice Least gas limit of a deposit with so many bytes of calldata.
    function minimumGasLimit(uint64 byteCount) external pure returns (uint64);

    /// @notice Seconds between proof and finalization.
    function proofMaturityDelaySeconds() external view returns (uint256);

    /// @notice Seconds between the end of a game and finalization.
    function disputeGameFinalityDelaySeconds() external view returns (uint256);

    /// @notice Proxy of the registry.
    function anchorStateRegistry() external view returns (address);

    /// @notice Proxy of the system config.
    function systemConfig() external view returns (address);

    /// @notice Proxy of the factory.
    function disputeGameFactory() external view returns (address);

    /// @notice Kind of game that counts.
    function respectedGameType() external view returns (uint32);

    /// @notice Games made at or before this time do not count.
    function respectedGameTypeUpdatedAt() external view returns (uint64);

    /// @notice Whether the guardian refused a game.
    function disputeGameBlacklist(address game) external view returns (bool);

    /// @notice Whether proving and finalizing are paused.
    function paused() external view returns (bool);

    /// @notice Who may pause.
    function guardian() external view returns (address);

    /// @notice Semantic version of the OP interface that is answered.
    function version() external pure returns (string memory);
}
