// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAnchorStateRegistry} from "./interfaces/IAnchorStateRegistry.sol";
import {IDelayedBonds} from "./interfaces/IDelayedBonds.sol";

/// @title DelayedBonds
contract DelayedBonds is IDelayedBonds {
    /* TYPES */

    struct Bond {
        uint128 amount;
        uint64 readyAt;
    }

    /* IMMUTABLES */

    /// @inheritdoc IDelayedBonds
    uint256 public immutable delaySeconds;
    IAnchorStateRegistry private immutable _registry;

    /* STORAGE */

    /// @inheritdoc IDelayedBonds
    mapping(address game => mapping(address owner => Bond)) public bonds;

    /// @param registry Proxy of the registry that knows pauses and refused games.
    /// @param delaySeconds_ The delay in seconds.
    constructor(IAnchorStateRegistry registry, uint256 delaySeconds_) {
        _registry = registry;
        delaySeconds = delaySeconds_;
    }

    /* STATE-CHANGING */

    /// @inheritdoc IDelayedBonds
    function deposit(address owner) external payable {
        Bond storage bond = bonds[msg.sender][owner];
        // All ether there is fits.
        bond.amount += uint128(msg.value);
        bond.readyAt = uint64(block.timestamp + delaySeconds);
        emit Deposited(msg.sender, owner, msg.value);
    }

    /// @inheritdoc IDelayedBonds
    function withdraw(address game, address owner) external {
        Bond memory bond = bonds[game][owner];
        if (bond.amount == 0) revert DelayedBondsNothing(game, owner);
        if (block.timestamp < bond.readyAt) revert DelayedBondsNotReady(bond.readyAt);
        if (_registry.paused() || _registry.disputeGameBlacklist(game)) revert DelayedBondsStopped(game);

        delete bonds[game][owner];
        emit Withdrawn(game, owner, bond.amount);
        (bool sent,) = owner.call{value: bond.amount}("");
        if (!sent) revert DelayedBondsRefused(owner, bond.amount);
    }
}
