// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ERC165Checker} from "@openzeppelin/contracts/utils/introspection/ERC165Checker.sol";
import {AddressAlias} from "../l1/libraries/AddressAlias.sol";
import {SafeCall} from "../l1/libraries/SafeCall.sol";
import {ICrossDomainMessenger} from "./interfaces/ICrossDomainMessenger.sol";
import {ILegacyMintableERC20, IOptimismMintableERC20} from "./interfaces/IMintableERC20.sol";
import {IStandardBridge} from "./interfaces/IStandardBridge.sol";

/// @title What both bridges have in common
abstract contract StandardBridge is IStandardBridge, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /* TYPES */

    /// @dev Tokens on their way.
    struct Transfer {
        address localToken;
        address remoteToken;
        address from;
        address to;
        uint256 amount;
    }

    /* CONSTANTS */

    /// @dev Gas limit on the other side of ether that came by a plain transfer.
    uint32 internal constant RECEIVE_DEFAULT_GAS_LIMIT = 200_000;

    /* IMMUTABLES */

    /// @inheritdoc IStandardBridge
    address public immutable messenger;
    /// @inheritdoc IStandardBridge
    address public immutable otherBridge;

    /* STORAGE */

    /// @inheritdoc IStandardBridge
    mapping(address localToken => mapping(address remoteToken => uint256 amount)) public deposits;

    constructor(address messenger_, address otherBridge_) {
        messenger = messenger_;
        otherBridge = otherBridge_;
    }

    /* STATE-CHANGING */

    /// @inheritdoc IStandardBridge
    function bridgeETH(uint32 minGasLimit, bytes calldata extraData) external payable onlyAccounts {
        _bridgeEth(msg.sender, msg.sender, minGasLimit, extraData);
    }

    /// @inheritdoc IStandardBridge
    function bridgeETHTo(address to, uint32 minGasLimit, bytes calldata extraData) external payable {
        _bridgeEth(msg.sender, to, minGasLimit, extraData);
    }

    /// @inheritdoc IStandardBridge
    function bridgeERC20(
        address localToken,
        address remoteToken,
        uint256 amount,
        uint32 minGasLimit,
        bytes calldata extraData
    ) external onlyAccounts {
        _bridgeErc20(Transfer(localToken, remoteToken, msg.sender, msg.sender, amount), minGasLimit, extraData);
    }

    /// @inheritdoc IStandardBridge
    function bridgeERC20To(
        address localToken,
        address remoteToken,
        address to,
        uint256 amount,
        uint32 minGasLimit,
        bytes calldata extraData
    ) external {
        _bridgeErc20(Transfer(localToken, remoteToken, msg.sender, to, amount), minGasLimit, extraData);
    }

    /// @inheritdoc IStandardBridge
    function finalizeBridgeETH(address from, address to, uint256 amount, bytes calldata extraData)
        public
        payable
        onlyOtherBridge
    {
        if (msg.value != amount) revert BridgeWrongValue(msg.value, amount);
        if (to == address(this) || to == messenger) revert BridgeBadRecipient(to);
        _emitEthFinalized(from, to, amount, extraData);
        if (!SafeCall.callWithAllGas(to, amount, "")) revert BridgeRefused(to, amount);
    }

    /// @inheritdoc IStandardBridge
    function finalizeBridgeERC20(
        address localToken,
        address remoteToken,
        address from,
        address to,
        uint256 amount,
        bytes calldata extraData
    ) public onlyOtherBridge nonReentrant {
        Transfer memory transfer = Transfer(localToken, remoteToken, from, to, amount);
        _emitErc20Finalized(transfer, extraData);
        if (_isStandIn(transfer)) {
            IOptimismMintableERC20(localToken).mint(to, amount);
        } else {
            deposits[localToken][remoteToken] -= amount;
            IERC20(localToken).safeTransfer(to, amount);
        }
    }

    /* VIEW */

    /// @inheritdoc IStandardBridge
    function MESSENGER() external view returns (address) {
        return messenger;
    }

    /// @inheritdoc IStandardBridge
    function OTHER_BRIDGE() external view returns (address) {
        return otherBridge;
    }

    /// @inheritdoc IStandardBridge
    function paused() public view returns (bool) {
        return ICrossDomainMessenger(messenger).paused();
    }

    /* INTERNAL */

    modifier onlyAccounts() {
        if (!AddressAlias.callerIsAccount()) revert BridgeOnlyAccounts(msg.sender);
        _;
    }

    modifier onlyOtherBridge() {
        if (msg.sender != messenger || ICrossDomainMessenger(messenger).xDomainMessageSender() != otherBridge) {
            revert BridgeOnlyOtherBridge(msg.sender);
        }
        if (paused()) revert BridgePaused();
        _;
    }

    function _bridgeEth(address from, address to, uint32 minGasLimit, bytes memory extraData) internal {
        _emitEthInitiated(from, to, msg.value, extraData);
        bytes memory call_ = abi.encodeCall(this.finalizeBridgeETH, (from, to, msg.value, extraData));
        ICrossDomainMessenger(messenger).sendMessage{value: msg.value}(otherBridge, call_, minGasLimit);
    }

    /// @dev Not to be entered again: a token that calls its sender could otherwise have one transfer counted twice.
    function _bridgeErc20(Transfer memory transfer, uint32 minGasLimit, bytes memory extraData) internal nonReentrant {
        if (_isStandIn(transfer)) {
            IOptimismMintableERC20(transfer.localToken).burn(transfer.from, transfer.amount);
        } else {
            IERC20 token = IERC20(transfer.localToken);
            uint256 before = token.balanceOf(address(this));
            token.safeTransferFrom(transfer.from, address(this), transfer.amount);
            transfer.amount = token.balanceOf(address(this)) - before;
            deposits[transfer.localToken][transfer.remoteToken] += transfer.amount;
        }
        _emitErc20Initiated(transfer, extraData);
        // The other side sees the two tokens from its own end.
        bytes memory call_ = abi.encodeCall(
            this.finalizeBridgeERC20,
            (transfer.remoteToken, transfer.localToken, transfer.from, transfer.to, transfer.amount, extraData)
        );
        ICrossDomainMessenger(messenger).sendMessage(otherBridge, call_, minGasLimit);
    }

    /// @dev Whether the local token stands for one of the other side, which must then be the remote token.
    function _isStandIn(Transfer memory transfer) private view returns (bool) {
        (address local, address other) = (transfer.localToken, transfer.remoteToken);
        if (ERC165Checker.supportsInterface(local, type(ILegacyMintableERC20).interfaceId)) {
            if (ILegacyMintableERC20(local).l1Token() != other) revert BridgeWrongPair(local, other);
            return true;
        }
        if (ERC165Checker.supportsInterface(local, type(IOptimismMintableERC20).interfaceId)) {
            if (IOptimismMintableERC20(local).remoteToken() != other) revert BridgeWrongPair(local, other);
            return true;
        }
        return false;
    }

    /* EVENTS: each side has older ones of its own before these */

    function _emitEthInitiated(address from, address to, uint256 amount, bytes memory extraData) internal virtual {
        emit ETHBridgeInitiated(from, to, amount, extraData);
    }

    function _emitEthFinalized(address from, address to, uint256 amount, bytes memory extraData) internal virtual {
        emit ETHBridgeFinalized(from, to, amount, extraData);
    }

    function _emitErc20Initiated(Transfer memory t, bytes memory extraData) internal virtual {
        emit ERC20BridgeInitiated(t.localToken, t.remoteToken, t.from, t.to, t.amount, extraData);
    }

    function _emitErc20Finalized(Transfer memory t, bytes memory extraData) internal virtual {
        emit ERC20BridgeFinalized(t.localToken, t.remoteToken, t.from, t.to, t.amount, extraData);
    }
}
