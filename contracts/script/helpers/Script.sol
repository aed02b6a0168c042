// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {TensorSlow} from "../../src/ai/slow/TensorSlow.sol";

/// @notice The cheat codes that our scripts use.
interface ScriptVm {
    function startBroadcast(uint256 key) external;
    function stopBroadcast() external;
    function deriveKey(string calldata mnemonic, uint32 index) external pure returns (uint256 key);
    function addr(uint256 key) external pure returns (address);
    function envOr(string calldata name, string calldata otherwise) external view returns (string memory);
    function rpc(string calldata method, string calldata params) external returns (bytes memory);
    function toString(uint256 value) external pure returns (string memory);
    function toString(bytes calldata value) external pure returns (string memory);
    function toString(address value) external pure returns (string memory);
}

/// @title Base of the scripts
/// @notice The scripts run against `foggara dev`, from the contracts folder:
///
///     npx forge script script/TrainingStep.s.sol --rpc-url http://127.0.0.1:8545 --broadcast --slow --skip-simulation
///
/// forge runs a script twice: once in an EVM of its own, to find its transactions, and once more to estimate them. Its
/// EVM knows no AI operations. For the first run `withMocks` puts plain Solidity in their place, which gives the same
/// results; the second one has no place for mocks and is left out by `--skip-simulation`, so the node estimates.
/// `--slow` waits for each transaction before the next is estimated, as stored tensors can be used from the next block
/// on.
///
/// The node's answers are then held against the mocks by the same script's `check`, for instance:
///
///     npx forge script script/TrainingStep.s.sol --rpc-url http://127.0.0.1:8545 --sig "check(address)" ADDRESS
///
/// Keys are those of the development chain, or of the mnemonic in the variable MNEMONIC.
abstract contract Script {
    bool public constant IS_SCRIPT = true;

    ScriptVm internal constant vm = ScriptVm(address(uint160(uint256(keccak256("hevm cheat code")))));

    error Differs(string what, bytes node, bytes here);

    modifier withMocks() {
        TensorSlow.install();
        _;
    }

    /// @dev Key of account `index`.
    function key(uint32 index) internal view returns (uint256) {
        string memory standard = "test test test test test test test test test test test junk";
        return vm.deriveKey(vm.envOr("MNEMONIC", standard), index);
    }

    /// @dev What the node, not forge, answers to a call.
    function onNode(address to, bytes memory data) internal returns (bytes memory) {
        string memory call = string.concat('{"to":"', vm.toString(to), '","data":"', vm.toString(data), '"}');
        return vm.rpc("eth_call", string.concat("[", call, ',"latest"]'));
    }

    /// @dev The node must have answered the same.
    function same(string memory what, bytes memory node, bytes memory here) internal pure {
        if (keccak256(node) != keccak256(here)) revert Differs(what, node, here);
        log(string.concat("the node agrees: ", what));
    }

    /// @dev Prints a line, by the address at which forge listens.
    function log(string memory line) internal pure {
        _log(abi.encodeWithSignature("log(string)", line));
    }

    function log(string memory name, address value) internal pure {
        log(string.concat(name, " ", vm.toString(value)));
    }

    function log(string memory name, uint256 value) internal pure {
        log(string.concat(name, " ", vm.toString(value)));
    }

    function log(string memory name, bytes memory value) internal pure {
        log(string.concat(name, " ", vm.toString(value)));
    }

    /// @dev Not a view for the compiler, as it only talks to forge.
    function _log(bytes memory data) private pure {
        function(bytes memory) view talk = _talk;
        function(bytes memory) pure silent;
        assembly ("memory-safe") {
            silent := talk
        }
        silent(data);
    }

    function _talk(bytes memory data) private view {
        (bool ignored,) = 0x000000000000000000636F6e736F6c652e6c6f67.staticcall(data);
        ignored;
    }
}
