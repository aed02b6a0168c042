// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title TestToken
/// @notice OpenZeppelin's ERC-20 with a fixed supply, and two more ways to fail.
contract TestToken is ERC20 {
    /// @notice The caller is not the account that deployed the token.
    error NotIssuer(address caller, address issuer);

    /// @notice Who deployed the token.
    address public immutable ISSUER;

    constructor(string memory name_, string memory symbol_, uint256 supply) ERC20(name_, symbol_) {
        ISSUER = msg.sender;
        _mint(msg.sender, supply);
    }

    /// @notice Makes new tokens; fails with a custom error for anyone but the issuer.
    function mint(address to, uint256 amount) external {
        if (msg.sender != ISSUER) revert NotIssuer(msg.sender, ISSUER);
        _mint(to, amount);
    }

    /// @notice Destroys tokens of the caller; fails with a reason where the balance does not suffice.
    function burn(uint256 amount) external {
        require(balanceOf(msg.sender) >= amount, "TestToken: burn exceeds balance");
        _burn(msg.sender, amount);
    }

    /// @notice Sends `amount` to each of the accounts.
    function spread(address[] calldata to, uint256 amount) external {
        for (uint256 i = 0; i < to.length; ++i) {
            _transfer(msg.sender, to[i], amount);
        }
    }
}
