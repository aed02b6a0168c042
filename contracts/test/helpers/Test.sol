// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @notice The cheat codes that our tests use.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function deal(address account, uint256 balance) external;
    function etch(address account, bytes calldata code) external;
    function load(address account, bytes32 slot) external view returns (bytes32);
    function prank(address sender) external;
    function fee(uint256 baseFee) external;
    function assume(bool condition) external pure;
    function expectRevert(bytes calldata data) external;
    function expectRevert(bytes4 selector) external;
    function roll(uint256 number) external;
    function warp(uint256 timestamp) external;
    function mockCall(address callee, bytes calldata data, bytes calldata result) external;
    function snapshotValue(string calldata group, string calldata name, uint256 value) external;
    function cool(address account) external;
    function startPrank(address sender) external;
    function stopPrank() external;
    function expectEmit() external;
}

/// @title Base of our tests, in place of a package that npm does not have
abstract contract Test {
    bool public constant IS_TEST = true;
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    error NotEqual(bytes got, bytes want);
    error NotTrue(string what);

    function assertTrue(bool condition, string memory what) internal pure {
        if (!condition) revert NotTrue(what);
    }

    function assertEq(uint256 got, uint256 want) internal pure {
        if (got != want) revert NotEqual(abi.encode(got), abi.encode(want));
    }

    function assertEq(int256 got, int256 want) internal pure {
        if (got != want) revert NotEqual(abi.encode(got), abi.encode(want));
    }

    function assertEq(address got, address want) internal pure {
        if (got != want) revert NotEqual(abi.encode(got), abi.encode(want));
    }

    function assertEq(bytes32 got, bytes32 want) internal pure {
        if (got != want) revert NotEqual(abi.encode(got), abi.encode(want));
    }

    function assertEq(bytes memory got, bytes memory want) internal pure {
        if (keccak256(got) != keccak256(want)) revert NotEqual(got, want);
    }

    /// @dev `value` folded into `low..=high`.
    function bound(uint256 value, uint256 low, uint256 high) internal pure returns (uint256) {
        if (value >= low && value <= high) return value;
        return low + value % (high - low + 1);
    }
}
