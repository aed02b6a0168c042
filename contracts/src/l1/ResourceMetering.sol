// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IResourceMetering} from "./interfaces/IResourceMetering.sol";

/// @title The market of deposit gas
/// @notice L2 gas of deposits is bought on L1 by burning L1 gas, at a price of its own that moves as in EIP-1559.
/// Source: OP specification, guaranteed gas market.
abstract contract ResourceMetering is IResourceMetering {
    uint256 private constant WAD = 1e18;

    /// @dev The price of L1 gas is taken to be at least this many wei, so that a cheap L1 makes nobody burn more.
    uint256 private constant MIN_L1_BASE_FEE = 1 gwei;

    /* STORAGE */

    /// @inheritdoc IResourceMetering
    ResourceParams public params;

    /* INTERNAL */

    /// @dev Buys `amount` of L2 gas around the function; what the function itself used counts as paid.
    modifier metered(uint64 amount) {
        uint256 gasBefore = gasleft();
        _;
        _meter(amount, gasBefore);
    }

    /// @dev Limits and speed of the market.
    function _resourceConfig() internal view virtual returns (ResourceConfig memory);

    function _meter(uint64 amount, uint256 gasBefore) private {
        ResourceConfig memory config = _resourceConfig();
        ResourceParams memory market = params;

        if (block.number > market.prevBlockNum) {
            market.prevBaseFee = uint128(_nextBaseFee(config, market, block.number - market.prevBlockNum));
            market.prevBoughtGas = 0;
            market.prevBlockNum = uint64(block.number);
        }
        // An amount near 2^64 would wrap in 64 bits.
        if (uint256(market.prevBoughtGas) + amount > config.maxResourceLimit) revert OutOfGas();
        market.prevBoughtGas += amount;
        params = market;

        uint256 baseFee = block.basefee < MIN_L1_BASE_FEE ? MIN_L1_BASE_FEE : block.basefee;
        uint256 price = uint256(amount) * market.prevBaseFee / baseFee;
        uint256 used = gasBefore - gasleft();
        if (price > used) _burn(price - used);
    }

    /// @dev Base fee after `blocks` L1 blocks: one step by what was bought, then the decay of empty blocks.
    function _nextBaseFee(ResourceConfig memory config, ResourceParams memory market, uint256 blocks)
        private
        pure
        returns (uint256 fee)
    {
        uint256 target = config.maxResourceLimit / config.elasticityMultiplier;
        uint256 denominator = config.baseFeeMaxChangeDenominator;
        fee = market.prevBaseFee;
        if (market.prevBoughtGas >= target) {
            fee += fee * (market.prevBoughtGas - target) / (target * denominator);
        } else {
            fee -= fee * (target - market.prevBoughtGas) / (target * denominator);
        }
        fee = _clamp(fee, config.minimumBaseFee, config.maximumBaseFee);
        if (blocks > 1) {
            fee = fee * _power(WAD - WAD / denominator, blocks - 1) / WAD;
            fee = _clamp(fee, config.minimumBaseFee, config.maximumBaseFee);
        }
    }

    function _clamp(uint256 value, uint256 low, uint256 high) private pure returns (uint256) {
        return value < low ? low : value > high ? high : value;
    }

    /// @dev `base ** exponent` for a base below one, both in units of 1e-18, rounded down at each product.
    function _power(uint256 base, uint256 exponent) private pure returns (uint256 result) {
        result = WAD;
        for (; exponent != 0 && base != 0; exponent >>= 1) {
            if (exponent & 1 == 1) result = result * base / WAD;
            base = base * base / WAD;
        }
        if (exponent != 0) result = 0;
    }

    /// @dev Spends `amount` of gas, or runs out of it.
    function _burn(uint256 amount) private view {
        uint256 start = gasleft();
        while (start - gasleft() < amount) {}
    }
}
