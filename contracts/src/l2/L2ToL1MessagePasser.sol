// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IL2ToL1MessagePasser} from "./interfaces/IL2ToL1MessagePasser.sol";

/// @title L2ToL1MessagePasser
/// @notice Predeploy 0x4200000000000000000000000000000000000016.
contract L2ToL1MessagePasser is IL2ToL1MessagePasser {
    /* CONSTANTS */

    /// @inheritdoc IL2ToL1MessagePasser
    uint16 public constant MESSAGE_VERSION = 1;

    /// @dev Gas limit on L1 of a withdrawal made by a plain transfer.
    uint256 internal constant RECEIVE_DEFAULT_GAS_LIMIT = 100_000;

    /* STORAGE */

    /// @inheritdoc IL2ToL1MessagePasser
    mapping(bytes32 withdrawalHash => bool sent) public sentMessages;

    uint240 internal _msgNonce;

    /* STATE-CHANGING */

    /// @notice A plain transfer withdraws its value to the sender's own address on L1.
    receive() external payable {
        initiateWithdrawal(msg.sender, RECEIVE_DEFAULT_GAS_LIMIT, bytes(""));
    }

    /// @inheritdoc IL2ToL1MessagePasser
    function initiateWithdrawal(address target, uint256 gasLimit, bytes memory data) public payable {
        uint256 nonce = messageNonce();
        bytes32 withdrawalHash = keccak256(abi.encode(nonce, msg.sender, target, msg.value, gasLimit, data));

        sentMessages[withdrawalHash] = true;
        // 2^240 messages cannot be sent.
        unchecked {
            ++_msgNonce;
        }
        emit MessagePassed(nonce, msg.sender, target, msg.value, gasLimit, data, withdrawalHash);
    }

    /// @inheritdoc IL2ToL1MessagePasser
    function burn() external {
        uint256 amount = address(this).balance;
        emit WithdrawerBalanceBurnt(amount);
        new Burner{value: amount}();
    }

    /* VIEW */

    /// @inheritdoc IL2ToL1MessagePasser
    function messageNonce() public view returns (uint256) {
        return (uint256(MESSAGE_VERSION) << 240) | _msgNonce;
    }

    /// @inheritdoc IL2ToL1MessagePasser
    function version() external pure returns (string memory) {
        return "1.2.0";
    }
}

/// @title Burner
/// @notice Takes ether out of supply: created and destroyed in one transaction with itself as the heir (EIP-6780).
contract Burner {
    constructor() payable {
        selfdestruct(payable(address(this)));
    }
}
