// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title Addresses of L1 contracts as L2 sees them
/// @notice A contract's deposit carries its address plus an offset, so that it cannot speak for the contract which
/// stands at the same address on L2. Source: OP specification, deposits, "Address Aliasing".
library AddressAlias {
    uint160 internal constant OFFSET = uint160(0x1111000000000000000000000000000000001111);

    /// @dev First bytes and size of the code of an account that delegates (EIP-7702).
    bytes3 private constant DELEGATION = 0xef0100;
    uint256 private constant DELEGATION_BYTES = 23;

    /// @notice The address on L2 that stands for the contract `account` of L1.
    function apply_(address account) internal pure returns (address) {
        unchecked {
            return address(uint160(account) + OFFSET);
        }
    }

    /// @notice The contract of L1 that `account` stands for on L2.
    function undo(address account) internal pure returns (address) {
        unchecked {
            return address(uint160(account) - OFFSET);
        }
    }

    /// @notice Whether the caller holds a private key: it began the transaction, or its code is a delegation.
    function callerIsAccount() internal view returns (bool) {
        if (msg.sender == tx.origin) return true;
        if (msg.sender.code.length != DELEGATION_BYTES) return false;
        bytes memory code = msg.sender.code;
        return bytes3(code) == DELEGATION;
    }
}
