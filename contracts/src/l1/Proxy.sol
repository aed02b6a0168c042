// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {StorageSlot} from "@openzeppelin/contracts/utils/StorageSlot.sol";
import {IProxy} from "./interfaces/IProxy.sol";

/// @title Proxy
/// @notice ERC-1967. The functions below exist for the admin and for the zero address alone; whoever else calls them
/// reaches the implementation. The zero address sends transactions only where derivation makes it.
contract Proxy is IProxy {
    /* CONSTANTS */

    /// @dev keccak256("eip1967.proxy.implementation") - 1.
    bytes32 private constant IMPLEMENTATION_SLOT = 0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;

    /// @dev keccak256("eip1967.proxy.admin") - 1.
    bytes32 private constant ADMIN_SLOT = 0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103;

    constructor(address admin_) {
        _setAdmin(admin_);
    }

    /* ADMIN */

    /// @inheritdoc IProxy
    function upgradeTo(address implementation_) external onlyAdmin {
        _setImplementation(implementation_);
    }

    /// @inheritdoc IProxy
    function upgradeToAndCall(address implementation_, bytes calldata data)
        external
        payable
        onlyAdmin
        returns (bytes memory)
    {
        _setImplementation(implementation_);
        (bool success, bytes memory returned) = implementation_.delegatecall(data);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(returned, 0x20), mload(returned))
            }
        }
        return returned;
    }

    /// @inheritdoc IProxy
    function changeAdmin(address admin_) external onlyAdmin {
        _setAdmin(admin_);
    }

    /// @inheritdoc IProxy
    function admin() external onlyAdmin returns (address) {
        return StorageSlot.getAddressSlot(ADMIN_SLOT).value;
    }

    /// @inheritdoc IProxy
    function implementation() external onlyAdmin returns (address) {
        return StorageSlot.getAddressSlot(IMPLEMENTATION_SLOT).value;
    }

    receive() external payable {
        _delegate();
    }

    fallback() external payable {
        _delegate();
    }

    /* INTERNAL */

    modifier onlyAdmin() {
        if (msg.sender == address(0) || msg.sender == StorageSlot.getAddressSlot(ADMIN_SLOT).value) {
            _;
        } else {
            _delegate();
        }
    }

    function _setImplementation(address implementation_) private {
        if (implementation_.code.length == 0) revert ProxyNoCode(implementation_);
        StorageSlot.getAddressSlot(IMPLEMENTATION_SLOT).value = implementation_;
        emit Upgraded(implementation_);
    }

    function _setAdmin(address admin_) private {
        emit AdminChanged(StorageSlot.getAddressSlot(ADMIN_SLOT).value, admin_);
        StorageSlot.getAddressSlot(ADMIN_SLOT).value = admin_;
    }

    /// @dev Runs the implementation on this storage and ends the call with its answer.
    function _delegate() private {
        address target = StorageSlot.getAddressSlot(IMPLEMENTATION_SLOT).value;
        if (target == address(0)) revert ProxyNotInitialized();
        // The call ends here, so all of memory is free to use.
        assembly {
            calldatacopy(0, 0, calldatasize())
            let success := delegatecall(gas(), target, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if success { return(0, returndatasize()) }
            revert(0, returndatasize())
        }
    }
}
