// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title Admin of all proxies of the chain
/// @dev Warning: its owner can replace every contract; it must be a timelock.
interface IProxyAdmin {
    /// @notice Sets the implementation of a proxy. Only the owner.
    function upgrade(address proxy, address implementation) external;

    /// @notice Sets the implementation of a proxy and calls it. Only the owner.
    function upgradeAndCall(address proxy, address implementation, bytes calldata data) external payable;

    /// @notice Gives a proxy another admin. Only the owner.
    function changeProxyAdmin(address proxy, address newAdmin) external;

    /// @notice Implementation of a proxy.
    function getProxyImplementation(address proxy) external view returns (address);

    /// @notice Admin of a proxy.
    function getProxyAdmin(address proxy) external view returns (address);
}
