// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title Messages between L1 and L2 that cannot get lost
/// @notice A message that fails on the other side, for lack of gas or because its target refuses, is kept there with
/// its ether, and anyone may try it again. It succeeds once.
/// @dev Source: OP specification, messengers.
interface ICrossDomainMessenger {
    /// @notice Relaying is paused.
    error MessengerPaused();

    /// @notice The nonce is of another version of messages.
    error MessengerUnknownVersion(uint16 version);

    /// @notice The ether sent along is not what the message says, or comes with another try.
    error MessengerWrongValue(uint256 got, uint256 expected);

    /// @notice The message has not failed, so it cannot be tried again.
    error MessengerNotReplayable(bytes32 msgHash);

    /// @notice The message has been delivered.
    error MessengerAlreadyRelayed(bytes32 msgHash);

    /// @notice No message may call this target.
    error MessengerBlockedTarget(address target);

    /// @notice Thrown at those who estimate gas if a message fails.
    error MessengerRelayFailed();

    /// @notice No message is being delivered.
    error MessengerNoSender();

    /// @notice A message was sent.
    event SentMessage(address indexed target, address sender, bytes message, uint256 messageNonce, uint256 gasLimit);

    /// @notice The ether that goes with the message before.
    event SentMessageExtension1(address indexed sender, uint256 value);

    /// @notice A message was delivered.
    event RelayedMessage(bytes32 indexed msgHash);

    /// @notice A message failed and can be tried again.
    event FailedRelayedMessage(bytes32 indexed msgHash);

    /// @notice Sends a call to the other side, with the ether sent along.
    /// @param target Account to be called there.
    /// @param message Calldata.
    /// @param minGasLimit Least gas that the target gets.
    function sendMessage(address target, bytes calldata message, uint32 minGasLimit) external payable;

    /// @notice Delivers a message: called by the other messenger, or by anyone to try a failed one again.
    /// @param nonce Versioned nonce of the message.
    /// @param sender Who sent it on the other side.
    /// @param target Account to be called here.
    /// @param value Wei to send along.
    /// @param minGasLimit Least gas that the target gets.
    /// @param message Calldata.
    function relayMessage(
        uint256 nonce,
        address sender,
        address target,
        uint256 value,
        uint256 minGasLimit,
        bytes calldata message
    ) external payable;

    /// @notice Sender of the message that is being delivered; reverts outside of that.
    function xDomainMessageSender() external view returns (address);

    /// @notice Whether the message was delivered.
    function successfulMessages(bytes32 msgHash) external view returns (bool);

    /// @notice Whether the message failed at least once.
    function failedMessages(bytes32 msgHash) external view returns (bool);

    /// @notice Nonce of the next message: version 1 in the two highest bytes, a counter from 0 below.
    function messageNonce() external view returns (uint256);

    /// @notice Gas limit on the other side of a message whose target needs `minGasLimit`.
    function baseGas(bytes calldata message, uint32 minGasLimit) external pure returns (uint64);

    /// @notice The messenger on the other side.
    function otherMessenger() external view returns (address);

    /// @notice The same as `otherMessenger`.
    function OTHER_MESSENGER() external view returns (address);

    /// @notice Whether relaying is paused.
    function paused() external view returns (bool);

    /// @notice Semantic version of the OP interface that is answered.
    function version() external pure returns (string memory);
}
