// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title Where withdrawals begin
/// @notice Keeps the hash of every message to L1. The root of this contract's storage stands in every block header,
/// and a withdrawal is proved on L1 against it.
/// @dev Warning: the layout is consensus: slot 0 the mapping of hashes, slot 1 the counter.
interface IL2ToL1MessagePasser {
    /// @notice A message was recorded.
    /// @param nonce Versioned nonce, see `messageNonce`.
    /// @param sender Account that sent it.
    /// @param target Account to be called on L1.
    /// @param value Wei to send along.
    /// @param gasLimit Least gas of the call on L1.
    /// @param data Calldata of the call.
    /// @param withdrawalHash keccak256 of the ABI encoding of the six values above.
    event MessagePassed(
        uint256 indexed nonce,
        address indexed sender,
        address indexed target,
        uint256 value,
        uint256 gasLimit,
        bytes data,
        bytes32 withdrawalHash
    );

    /// @notice Ether of finished withdrawals was taken out of supply here; it is released on L1.
    event WithdrawerBalanceBurnt(uint256 indexed amount);

    /// @notice Records a message to `target` on L1 with the value sent along.
    function initiateWithdrawal(address target, uint256 gasLimit, bytes memory data) external payable;

    /// @notice Destroys the ether that this contract holds; anyone may call it.
    function burn() external;

    /// @notice Whether a message with this hash was recorded.
    function sentMessages(bytes32 withdrawalHash) external view returns (bool);

    /// @notice Nonce of the next message: version 1 in the two highest bytes, a counter from 0 below.
    function messageNonce() external view returns (uint256);

    /// @notice Version in the nonce.
    function MESSAGE_VERSION() external view returns (uint16);

    /// @notice Semantic version of the OP interface that is answered.
    function version() external pure returns (string memory);
}
