// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {ICrossDomainMessenger} from "../../bridge/interfaces/ICrossDomainMessenger.sol";

/// @title The messenger on L2
interface IL2CrossDomainMessenger is ICrossDomainMessenger {
    /// @notice The same as `otherMessenger`.
    function l1CrossDomainMessenger() external view returns (address);
}
