// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title A token that stands for one of the other side
/// @notice Exactly these functions: their selectors make up the ERC-165 id by which bridges know it.
interface IOptimismMintableERC20 {
    /// @notice The token of the other side.
    function remoteToken() external view returns (address);

    /// @notice The bridge that may mint and burn.
    function bridge() external returns (address);

    /// @notice Makes `amount` for `to`. Only the bridge.
    function mint(address to, uint256 amount) external;

    /// @notice Destroys `amount` of `from`. Only the bridge.
    function burn(address from, uint256 amount) external;
}

/// @title The same under its older names
interface ILegacyMintableERC20 {
    /// @notice The token of the other side.
    function l1Token() external view returns (address);

    /// @notice Makes `amount` for `to`. Only the bridge.
    function mint(address to, uint256 amount) external;

    /// @notice Destroys `amount` of `from`. Only the bridge.
    function burn(address from, uint256 amount) external;
}
