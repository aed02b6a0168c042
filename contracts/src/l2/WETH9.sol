// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IWETH9} from "./interfaces/IWETH9.sol";

/// @title WETH9
/// @notice Predeploy 0x4200000000000000000000000000000000000006.
contract WETH9 is IWETH9 {
    /* STORAGE */

    /// @dev Balances and allowances lie in slots 3 and 4, where tools expect those of wrapped ether.
    uint256[3] private _unused;

    /// @inheritdoc IWETH9
    mapping(address account => uint256 wad) public balanceOf;

    /// @inheritdoc IWETH9
    mapping(address src => mapping(address guy => uint256 wad)) public allowance;

    /* STATE-CHANGING */

    /// @notice Wraps what is sent by a plain transfer.
    receive() external payable {
        deposit();
    }

    /// @inheritdoc IWETH9
    function deposit() public payable {
        balanceOf[msg.sender] += msg.value;
        emit Deposit(msg.sender, msg.value);
    }

    /// @inheritdoc IWETH9
    function withdraw(uint256 wad) external {
        _take(msg.sender, wad);
        emit Withdrawal(msg.sender, wad);
        (bool sent,) = msg.sender.call{value: wad}("");
        if (!sent) revert WethTransferRefused(msg.sender, wad);
    }

    /// @inheritdoc IWETH9
    function approve(address guy, uint256 wad) external returns (bool) {
        allowance[msg.sender][guy] = wad;
        emit Approval(msg.sender, guy, wad);
        return true;
    }

    /// @inheritdoc IWETH9
    function transfer(address dst, uint256 wad) external returns (bool) {
        return transferFrom(msg.sender, dst, wad);
    }

    /// @inheritdoc IWETH9
    function transferFrom(address src, address dst, uint256 wad) public returns (bool) {
        if (src != msg.sender) {
            uint256 allowed = allowance[src][msg.sender];
            if (allowed < wad) revert WethAllowanceTooLow(src, msg.sender, allowed, wad);
            if (allowed != type(uint256).max) allowance[src][msg.sender] = allowed - wad;
        }
        _take(src, wad);
        balanceOf[dst] += wad;
        emit Transfer(src, dst, wad);
        return true;
    }

    /* VIEW */

    /// @inheritdoc IWETH9
    function name() external pure returns (string memory) {
        return "Wrapped Ether";
    }

    /// @inheritdoc IWETH9
    function symbol() external pure returns (string memory) {
        return "WETH";
    }

    /// @inheritdoc IWETH9
    function decimals() external pure returns (uint8) {
        return 18;
    }

    /// @inheritdoc IWETH9
    function totalSupply() external view returns (uint256) {
        return address(this).balance;
    }

    /* INTERNAL */

    function _take(address from, uint256 wad) internal {
        uint256 balance = balanceOf[from];
        if (balance < wad) revert WethBalanceTooLow(from, balance, wad);
        balanceOf[from] = balance - wad;
    }
}
