// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {SafeCall} from "../l1/libraries/SafeCall.sol";
import {ICrossDomainMessenger} from "./interfaces/ICrossDomainMessenger.sol";

/// @title What both messengers have in common
abstract contract CrossDomainMessenger is ICrossDomainMessenger {
    /* CONSTANTS */

    /// @notice Version in the nonce.
    uint16 public constant MESSAGE_VERSION = 1;
    /// @notice Gas for `relayMessage` up to the call.
    uint64 public constant RELAY_CONSTANT_OVERHEAD = 200_000;
    /// @notice A call passes on at most 63/64 of the gas.
    uint64 public constant MIN_GAS_DYNAMIC_OVERHEAD_NUMERATOR = 64;
    /// @notice The other part of that fraction.
    uint64 public constant MIN_GAS_DYNAMIC_OVERHEAD_DENOMINATOR = 63;
    /// @notice Gas of a byte of calldata.
    uint64 public constant MIN_GAS_CALLDATA_OVERHEAD = 16;
    /// @notice Gas that the call itself takes at most.
    uint64 public constant RELAY_CALL_OVERHEAD = 40_000;
    /// @notice Gas kept back to write down what came of the call.
    uint64 public constant RELAY_RESERVED_GAS = 40_000;
    /// @notice Gas between the check and the call.
    uint64 public constant RELAY_GAS_CHECK_BUFFER = 5_000;
    /// @notice Gas of any transaction.
    uint64 public constant TX_BASE_GAS = 21_000;
    /// @notice Least gas of a byte of calldata (EIP-7623).
    uint64 public constant FLOOR_CALLDATA_OVERHEAD = 40;
    /// @notice Bytes that the encoding of `relayMessage` adds to a message.
    uint64 public constant ENCODING_OVERHEAD = 260;

    /// @dev Origin under which wallets estimate the gas of a relay.
    address private constant ESTIMATION_ADDRESS = address(1);

    /* IMMUTABLES */

    /// @inheritdoc ICrossDomainMessenger
    address public immutable otherMessenger;

    /* STORAGE */

    /// @inheritdoc ICrossDomainMessenger
    mapping(bytes32 msgHash => bool delivered) public successfulMessages;
    /// @inheritdoc ICrossDomainMessenger
    mapping(bytes32 msgHash => bool failed) public failedMessages;
    uint240 private _msgNonce;

    address private transient _sender;

    constructor(address otherMessenger_) {
        otherMessenger = otherMessenger_;
    }

    /* STATE-CHANGING */

    /// @inheritdoc ICrossDomainMessenger
    function sendMessage(address target, bytes calldata message, uint32 minGasLimit) external payable {
        uint256 nonce = messageNonce();
        // 2^240 messages cannot be sent.
        unchecked {
            ++_msgNonce;
        }
        emit SentMessage(target, msg.sender, message, nonce, minGasLimit);
        emit SentMessageExtension1(msg.sender, msg.value);
        bytes memory call_ =
            abi.encodeCall(this.relayMessage, (nonce, msg.sender, target, msg.value, minGasLimit, message));
        _send(otherMessenger, baseGas(message, minGasLimit), msg.value, call_);
    }

    /// @inheritdoc ICrossDomainMessenger
    function relayMessage(
        uint256 nonce,
        address sender,
        address target,
        uint256 value,
        uint256 minGasLimit,
        bytes calldata message
    ) external payable {
        if (paused()) revert MessengerPaused();
        if (nonce >> 240 != MESSAGE_VERSION) revert MessengerUnknownVersion(uint16(nonce >> 240));
        bytes32 msgHash =
            keccak256(abi.encodeCall(this.relayMessage, (nonce, sender, target, value, minGasLimit, message)));
        _checkCaller(msgHash, value);
        if (successfulMessages[msgHash]) revert MessengerAlreadyRelayed(msgHash);
        if (_isBlocked(target)) revert MessengerBlockedTarget(target);

        // With too little gas for what was promised, or inside of another message, it waits for another try.
        if (!SafeCall.hasMinGas(minGasLimit, RELAY_RESERVED_GAS + RELAY_GAS_CHECK_BUFFER) || _sender != address(0)) {
            _fail(msgHash);
            return;
        }
        _sender = sender;
        bool success = SafeCall.callWithGas(target, gasleft() - RELAY_RESERVED_GAS, value, message);
        _sender = address(0);
        if (success) {
            successfulMessages[msgHash] = true;
            emit RelayedMessage(msgHash);
        } else {
            _fail(msgHash);
        }
    }

    /* VIEW */

    /// @inheritdoc ICrossDomainMessenger
    function xDomainMessageSender() external view returns (address) {
        if (_sender == address(0)) revert MessengerNoSender();
        return _sender;
    }

    /// @inheritdoc ICrossDomainMessenger
    function messageNonce() public view returns (uint256) {
        return (uint256(MESSAGE_VERSION) << 240) | _msgNonce;
    }

    /// @inheritdoc ICrossDomainMessenger
    /// @dev Never below the least gas of a transaction with that calldata, which the portal asks of a deposit.
    function baseGas(bytes calldata message, uint32 minGasLimit) public pure returns (uint64) {
        uint64 size = uint64(message.length);
        uint64 forCall = RELAY_CONSTANT_OVERHEAD + size * MIN_GAS_CALLDATA_OVERHEAD
            + (uint64(minGasLimit) * MIN_GAS_DYNAMIC_OVERHEAD_NUMERATOR) / MIN_GAS_DYNAMIC_OVERHEAD_DENOMINATOR
            + RELAY_CALL_OVERHEAD + RELAY_RESERVED_GAS + RELAY_GAS_CHECK_BUFFER;
        uint64 least = TX_BASE_GAS + (size + ENCODING_OVERHEAD) * FLOOR_CALLDATA_OVERHEAD;
        return forCall > least ? forCall : least;
    }

    /// @inheritdoc ICrossDomainMessenger
    function OTHER_MESSENGER() external view returns (address) {
        return otherMessenger;
    }

    /// @inheritdoc ICrossDomainMessenger
    function paused() public view virtual returns (bool);

    /* INTERNAL */

    /// @dev Hands a message to the layer below.
    function _send(address to, uint64 gasLimit, uint256 value, bytes memory data) internal virtual;

    /// @dev Whether the caller speaks for the messenger of the other side.
    function _isOtherMessenger() internal view virtual returns (bool);

    /// @dev Whether a message to this target could speak for the bridge itself.
    function _isBlocked(address target) internal view virtual returns (bool);

    /// @dev A first delivery brings its ether; a later one finds it here.
    function _checkCaller(bytes32 msgHash, uint256 value) private view {
        if (_isOtherMessenger()) {
            if (msg.value != value) revert MessengerWrongValue(msg.value, value);
            // One message is delivered first only once.
            assert(!failedMessages[msgHash]);
        } else {
            if (msg.value != 0) revert MessengerWrongValue(msg.value, 0);
            if (!failedMessages[msgHash]) revert MessengerNotReplayable(msgHash);
        }
    }

    function _fail(bytes32 msgHash) private {
        failedMessages[msgHash] = true;
        emit FailedRelayedMessage(msgHash);
        if (tx.origin == ESTIMATION_ADDRESS) revert MessengerRelayFailed();
    }
}
