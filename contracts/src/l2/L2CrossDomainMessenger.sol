// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {CrossDomainMessenger} from "../bridge/CrossDomainMessenger.sol";
import {ICrossDomainMessenger} from "../bridge/interfaces/ICrossDomainMessenger.sol";
import {Predeploys} from "../bridge/libraries/Predeploys.sol";
import {AddressAlias} from "../l1/libraries/AddressAlias.sol";
import {IL2CrossDomainMessenger} from "./interfaces/IL2CrossDomainMessenger.sol";
import {IL2ToL1MessagePasser} from "./interfaces/IL2ToL1MessagePasser.sol";

/// @title L2CrossDomainMessenger
/// @notice Predeploy 0x4200000000000000000000000000000000000007.
contract L2CrossDomainMessenger is IL2CrossDomainMessenger, CrossDomainMessenger {
    /// @param l1Messenger Proxy of the messenger on L1.
    constructor(address l1Messenger) CrossDomainMessenger(l1Messenger) {}

    /* VIEW */

    /// @inheritdoc IL2CrossDomainMessenger
    function l1CrossDomainMessenger() external view returns (address) {
        return otherMessenger;
    }

    /// @inheritdoc ICrossDomainMessenger
    function paused() public pure override(CrossDomainMessenger, ICrossDomainMessenger) returns (bool) {
        return false;
    }

    /// @inheritdoc ICrossDomainMessenger
    function version() external pure returns (string memory) {
        return "2.1.0";
    }

    /* INTERNAL */

    function _send(address to, uint64 gasLimit, uint256 value, bytes memory data) internal override {
        IL2ToL1MessagePasser(Predeploys.L2_TO_L1_MESSAGE_PASSER).initiateWithdrawal{value: value}(to, gasLimit, data);
    }

    function _isOtherMessenger() internal view override returns (bool) {
        return AddressAlias.undo(msg.sender) == otherMessenger;
    }

    function _isBlocked(address target) internal view override returns (bool) {
        return target == address(this) || target == Predeploys.L2_TO_L1_MESSAGE_PASSER;
    }
}
