// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title A contract whose code can be replaced by its admin
/// @dev Warning: the admin can do everything. It must be a `ProxyAdmin` owned by a timelock.
interface IProxy {
    /// @notice The proxy has no implementation yet.
    error ProxyNotInitialized();

    /// @notice The address has no code.
    error ProxyNoCode(address implementation);

    /// @notice There is a new implementation (ERC-1967).
    event Upgraded(address indexed implementation);

    /// @notice There is a new admin (ERC-1967).
    event AdminChanged(address previousAdmin, address newAdmin);

    /// @notice Sets the implementation. Only the admin.
    function upgradeTo(address implementation) external;

    /// @notice Sets the implementation and calls it. Only the admin.
    function upgradeToAndCall(address implementation, bytes calldata data) external payable returns (bytes memory);

    /// @notice Sets the admin. Only the admin.
    function changeAdmin(address admin) external;

    /// @notice The admin. Only for the admin.
    function admin() external returns (address);

    /// @notice The implementation. Only for the admin.
    function implementation() external returns (address);
}

/// @title What the admin reads of a proxy
/// @notice The same two functions as in `IProxy`, which change nothing when the admin calls them.
interface IProxyView {
    /// @notice The admin. Only for the admin.
    function admin() external view returns (address);

    /// @notice The implementation. Only for the admin.
    function implementation() external view returns (address);
}
