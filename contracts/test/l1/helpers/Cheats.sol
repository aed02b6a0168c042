// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {Test, Vm} from "../../helpers/Test.sol";

/// @notice More cheat codes, for the tests of settlement.
interface VmMore {
    struct Gas {
        uint64 gasLimit;
        uint64 gasTotalUsed;
        uint64 gasMemoryUsed;
        int64 gasRefunded;
        uint64 gasRemaining;
    }

    function prank(address sender, address origin) external;
    function startPrank(address sender, address origin) external;
    function expectRevert() external;
    function expectRevert(bytes4 selector) external;
    function expectEmit(address emitter) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Vm.Log[] memory);
    function store(address account, bytes32 slot, bytes32 value) external;
    function lastCallGas() external returns (Gas memory);
    function readFile(string calldata path) external view returns (string memory);
    function parseJsonBytes32(string calldata json, string calldata key) external pure returns (bytes32);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function parseJsonAddress(string calldata json, string calldata key) external pure returns (address);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function parseJsonBytesArray(string calldata json, string calldata key) external pure returns (bytes[] memory);
    function toString(uint256 value) external pure returns (string memory);
    function getCode(string calldata path) external view returns (bytes memory);
    function mockCallRevert(address callee, bytes calldata data, bytes calldata answer) external;
}

/// @title Base of the tests of settlement
abstract contract Cheats is Test {
    VmMore internal constant more = VmMore(address(vm));

    /// @dev The account that plays a user; it holds a key, so its deposits are not aliased.
    address internal constant ALICE = address(0xA11CE);
    address internal constant BOB = address(0xB0B);

    /// @dev The next call comes from `account` as the origin of its transaction.
    function as_(address account) internal {
        more.prank(account, account);
    }

    /// @dev Whether a call to `target` succeeds, and what it answers.
    function try_(address target, bytes memory data) internal returns (bool, bytes memory) {
        return target.call(data);
    }
}
