// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {CrossDomainMessenger} from "../bridge/CrossDomainMessenger.sol";
import {ICrossDomainMessenger} from "../bridge/interfaces/ICrossDomainMessenger.sol";
import {Predeploys} from "../bridge/libraries/Predeploys.sol";
import {IL1CrossDomainMessenger} from "./interfaces/IL1CrossDomainMessenger.sol";
import {IOptimismPortal} from "./interfaces/IOptimismPortal.sol";

/// @title L1CrossDomainMessenger
/// @notice Behind a proxy.
contract L1CrossDomainMessenger is IL1CrossDomainMessenger, CrossDomainMessenger {
    /* IMMUTABLES */

    /// @inheritdoc IL1CrossDomainMessenger
    address public immutable portal;

    /// @param portal_ Proxy of the portal.
    constructor(address portal_) CrossDomainMessenger(Predeploys.L2_CROSS_DOMAIN_MESSENGER) {
        portal = portal_;
    }

    /* VIEW */

    /// @inheritdoc IL1CrossDomainMessenger
    function PORTAL() external view returns (address) {
        return portal;
    }

    /// @inheritdoc ICrossDomainMessenger
    function paused() public view override(CrossDomainMessenger, ICrossDomainMessenger) returns (bool) {
        return IOptimismPortal(portal).paused();
    }

    /// @inheritdoc ICrossDomainMessenger
    function version() external pure returns (string memory) {
        return "2.9.0";
    }

    /* INTERNAL */

    function _send(address to, uint64 gasLimit, uint256 value, bytes memory data) internal override {
        IOptimismPortal(portal).depositTransaction{value: value}(to, value, gasLimit, false, data);
    }

    function _isOtherMessenger() internal view override returns (bool) {
        return msg.sender == portal && IOptimismPortal(portal).l2Sender() == otherMessenger;
    }

    function _isBlocked(address target) internal view override returns (bool) {
        return target == address(this) || target == portal;
    }
}
