// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {OptimismMintableERC20} from "./OptimismMintableERC20.sol";
import {IOptimismMintableERC20Factory} from "./interfaces/IOptimismMintableERC20Factory.sol";

/// @title OptimismMintableERC20Factory
/// @notice Predeploy 0x4200000000000000000000000000000000000012 on L2; behind a proxy on L1.
contract OptimismMintableERC20Factory is IOptimismMintableERC20Factory {
    /* IMMUTABLES */

    /// @inheritdoc IOptimismMintableERC20Factory
    address public immutable bridge;

    /* STORAGE */

    /// @inheritdoc IOptimismMintableERC20Factory
    mapping(address localToken => address remoteToken) public deployments;

    /// @param bridge_ The bridge of this side.
    constructor(address bridge_) {
        bridge = bridge_;
    }

    /* STATE-CHANGING */

    /// @inheritdoc IOptimismMintableERC20Factory
    function createStandardL2Token(address remoteToken, string memory name, string memory symbol)
        external
        returns (address)
    {
        return createOptimismMintableERC20WithDecimals(remoteToken, name, symbol, 18);
    }

    /// @inheritdoc IOptimismMintableERC20Factory
    function createOptimismMintableERC20(address remoteToken, string memory name, string memory symbol)
        external
        returns (address)
    {
        return createOptimismMintableERC20WithDecimals(remoteToken, name, symbol, 18);
    }

    /// @inheritdoc IOptimismMintableERC20Factory
    function createOptimismMintableERC20WithDecimals(
        address remoteToken,
        string memory name,
        string memory symbol,
        uint8 decimals
    ) public returns (address localToken) {
        if (remoteToken == address(0)) revert MintableFactoryNoRemoteToken();
        bytes32 salt = keccak256(abi.encode(remoteToken, name, symbol, decimals));
        localToken = address(new OptimismMintableERC20{salt: salt}(bridge, remoteToken, name, symbol, decimals));
        deployments[localToken] = remoteToken;
        emit StandardL2TokenCreated(remoteToken, localToken);
        emit OptimismMintableERC20Created(localToken, remoteToken, msg.sender);
    }

    /* VIEW */

    /// @inheritdoc IOptimismMintableERC20Factory
    function BRIDGE() external view returns (address) {
        return bridge;
    }

    /// @inheritdoc IOptimismMintableERC20Factory
    function version() external pure returns (string memory) {
        return "1.10.0";
    }
}
