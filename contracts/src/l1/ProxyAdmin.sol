// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IProxy, IProxyView} from "./interfaces/IProxy.sol";
import {IProxyAdmin} from "./interfaces/IProxyAdmin.sol";

/// @title ProxyAdmin
contract ProxyAdmin is IProxyAdmin, Ownable {
    constructor(address owner_) Ownable(owner_) {}

    /* ADMIN */

    /// @inheritdoc IProxyAdmin
    function upgrade(address proxy, address implementation) external onlyOwner {
        IProxy(proxy).upgradeTo(implementation);
    }

    /// @inheritdoc IProxyAdmin
    function upgradeAndCall(address proxy, address implementation, bytes calldata data) external payable onlyOwner {
        IProxy(proxy).upgradeToAndCall{value: msg.value}(implementation, data);
    }

    /// @inheritdoc IProxyAdmin
    function changeProxyAdmin(address proxy, address newAdmin) external onlyOwner {
        IProxy(proxy).changeAdmin(newAdmin);
    }

    /* VIEW */

    /// @inheritdoc IProxyAdmin
    function getProxyImplementation(address proxy) external view returns (address) {
        return IProxyView(proxy).implementation();
    }

    /// @inheritdoc IProxyAdmin
    function getProxyAdmin(address proxy) external view returns (address) {
        return IProxyView(proxy).admin();
    }
}
