// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title Ether as an ERC-20 token, one for one
/// @notice `totalSupply` is the ether held here. Amounts in wei.
interface IWETH9 {
    /// @notice The account has less than what it is to give.
    error WethBalanceTooLow(address account, uint256 balance, uint256 amount);

    /// @notice The owner has allowed the spender less than what it asks for.
    error WethAllowanceTooLow(address owner, address spender, uint256 allowed, uint256 amount);

    /// @notice The receiver of unwrapped ether refused it.
    error WethTransferRefused(address to, uint256 amount);

    /// @notice ERC-20 approval.
    event Approval(address indexed src, address indexed guy, uint256 wad);
    /// @notice ERC-20 transfer.
    event Transfer(address indexed src, address indexed dst, uint256 wad);
    /// @notice Ether was wrapped.
    event Deposit(address indexed dst, uint256 wad);
    /// @notice Ether was unwrapped.
    event Withdrawal(address indexed src, uint256 wad);

    /// @notice Wraps the ether sent along for the caller; a plain transfer does the same.
    function deposit() external payable;

    /// @notice Unwraps `wad` of the caller's balance and sends the ether to the caller.
    function withdraw(uint256 wad) external;

    /// @notice Sets what `guy` may spend of the caller's balance; the greatest value is never used up.
    function approve(address guy, uint256 wad) external returns (bool);

    /// @notice Sends `wad` to `dst`.
    function transfer(address dst, uint256 wad) external returns (bool);

    /// @notice Sends `wad` of `src` to `dst`, out of the caller's allowance.
    function transferFrom(address src, address dst, uint256 wad) external returns (bool);

    /// @notice Token name.
    function name() external pure returns (string memory);

    /// @notice Token symbol.
    function symbol() external pure returns (string memory);

    /// @notice Decimals, as of ether.
    function decimals() external pure returns (uint8);

    /// @notice Ether held here.
    function totalSupply() external view returns (uint256);

    /// @notice Balance of an account.
    function balanceOf(address account) external view returns (uint256);

    /// @notice What `guy` may still spend of `src`.
    function allowance(address src, address guy) external view returns (uint256);
}
