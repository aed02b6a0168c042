// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @notice Puts bytes into the code of new accounts, behind a first byte of zero.
library DataContract {
    function deploy(bytes memory data) internal returns (address account) {
        // Copies what follows these 11 bytes and returns it: the code of the account.
        bytes memory code = abi.encodePacked(hex"600b5981380380925939f3", hex"00", data);
        assembly ("memory-safe") {
            account := create(0, add(code, 32), mload(code))
        }
        require(account != address(0), "create");
    }
}
