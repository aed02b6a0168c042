// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {ILegacyMintableERC20, IOptimismMintableERC20} from "./interfaces/IMintableERC20.sol";

/// @title OptimismMintableERC20
/// @notice A token that stands for one of the other side. The bridge mints what is locked there and burns what leaves.
contract OptimismMintableERC20 is IOptimismMintableERC20, ILegacyMintableERC20, ERC20, IERC165 {
    /// @notice The caller is not the bridge.
    error MintableOnlyBridge(address caller);

    /// @notice The bridge made tokens.
    event Mint(address indexed account, uint256 amount);

    /// @notice The bridge destroyed tokens.
    event Burn(address indexed account, uint256 amount);

    /* IMMUTABLES */

    /// @notice The token of the other side.
    address public immutable REMOTE_TOKEN;
    /// @notice The bridge that may mint and burn.
    address public immutable BRIDGE;
    uint8 private immutable _decimals;

    /// @param bridge_ The bridge of this side.
    /// @param remoteToken_ The token of the other side.
    constructor(address bridge_, address remoteToken_, string memory name_, string memory symbol_, uint8 decimals_)
        ERC20(name_, symbol_)
    {
        REMOTE_TOKEN = remoteToken_;
        BRIDGE = bridge_;
        _decimals = decimals_;
    }

    /* STATE-CHANGING */

    /// @inheritdoc IOptimismMintableERC20
    function mint(address to, uint256 amount)
        external
        override(IOptimismMintableERC20, ILegacyMintableERC20)
        onlyBridge
    {
        _mint(to, amount);
        emit Mint(to, amount);
    }

    /// @inheritdoc IOptimismMintableERC20
    function burn(address from, uint256 amount)
        external
        override(IOptimismMintableERC20, ILegacyMintableERC20)
        onlyBridge
    {
        _burn(from, amount);
        emit Burn(from, amount);
    }

    /* VIEW */

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC165).interfaceId || interfaceId == type(ILegacyMintableERC20).interfaceId
            || interfaceId == type(IOptimismMintableERC20).interfaceId;
    }

    /// @inheritdoc ILegacyMintableERC20
    function l1Token() external view returns (address) {
        return REMOTE_TOKEN;
    }

    /// @notice The bridge that may mint and burn.
    function l2Bridge() external view returns (address) {
        return BRIDGE;
    }

    /// @inheritdoc IOptimismMintableERC20
    function remoteToken() external view returns (address) {
        return REMOTE_TOKEN;
    }

    /// @inheritdoc IOptimismMintableERC20
    function bridge() external view returns (address) {
        return BRIDGE;
    }

    /// @notice Decimals, as of the token of the other side.
    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    /// @notice Semantic version of the OP interface that is answered.
    function version() external pure returns (string memory) {
        return "1.3.0";
    }

    /* INTERNAL */

    modifier onlyBridge() {
        if (msg.sender != BRIDGE) revert MintableOnlyBridge(msg.sender);
        _;
    }
}
