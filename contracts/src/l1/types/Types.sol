// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @notice A message from L2 to L1 as the message passer of L2 recorded it.
/// @param nonce Versioned nonce.
/// @param sender Account on L2 that sent it.
/// @param target Account to be called on L1.
/// @param value Wei to send along.
/// @param gasLimit Least gas of the call.
/// @param data Calldata of the call.
struct WithdrawalTransaction {
    uint256 nonce;
    address sender;
    address target;
    uint256 value;
    uint256 gasLimit;
    bytes data;
}

/// @notice What an output root is the hash of.
/// @param version Zero, the only version there is.
/// @param stateRoot State root of the L2 block.
/// @param messagePasserStorageRoot Storage root of the message passer after that block.
/// @param latestBlockhash Hash of that block.
struct OutputRootProof {
    bytes32 version;
    bytes32 stateRoot;
    bytes32 messagePasserStorageRoot;
    bytes32 latestBlockhash;
}

/// @notice Where a dispute game stands.
enum GameStatus {
    IN_PROGRESS,
    CHALLENGER_WINS,
    DEFENDER_WINS
}
