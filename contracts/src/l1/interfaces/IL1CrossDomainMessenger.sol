// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {ICrossDomainMessenger} from "../../bridge/interfaces/ICrossDomainMessenger.sol";

/// @title The messenger on L1
interface IL1CrossDomainMessenger is ICrossDomainMessenger {
    /// @notice The portal that carries the messages.
    function portal() external view returns (address);

    /// @notice The same as `portal`.
    function PORTAL() external view returns (address);
}
