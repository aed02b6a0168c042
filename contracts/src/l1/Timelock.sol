// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title Timelock
/// @notice Owner of everything that could move value: what it does has been public for at least `minDelay`. It has no
/// administrator of its own, so its delay and its roles change only through itself.
contract Timelock is TimelockController {
    /// @param minDelaySeconds Least seconds between a proposal and its execution.
    /// @param proposers Who may propose and cancel.
    /// @param executors Who may execute; the zero address stands for anyone.
    constructor(uint256 minDelaySeconds, address[] memory proposers, address[] memory executors)
        TimelockController(minDelaySeconds, proposers, executors, address(0))
    {}
}
