// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title The market of deposit gas
interface IResourceMetering {
    /// @notice State of the market.
    /// @param prevBaseFee Price of one unit of L2 gas in wei, at block `prevBlockNum`.
    /// @param prevBoughtGas L2 gas bought in that block.
    /// @param prevBlockNum L1 block of the last deposit.
    struct ResourceParams {
        uint128 prevBaseFee;
        uint64 prevBoughtGas;
        uint64 prevBlockNum;
    }

    /// @notice Limits and speed of the market.
    /// @param maxResourceLimit Most L2 gas that the deposits of one L1 block may buy.
    /// @param elasticityMultiplier The limit divided by this is the target.
    /// @param baseFeeMaxChangeDenominator A full step is this part of the price.
    /// @param minimumBaseFee Least price in wei.
    /// @param systemTxMaxGas L2 gas kept for the L1 attributes transaction.
    /// @param maximumBaseFee Highest price in wei.
    struct ResourceConfig {
        uint32 maxResourceLimit;
        uint8 elasticityMultiplier;
        uint8 baseFeeMaxChangeDenominator;
        uint32 minimumBaseFee;
        uint32 systemTxMaxGas;
        uint128 maximumBaseFee;
    }

    /// @notice The deposits of this L1 block have bought all the gas there is.
    error OutOfGas();

    /// @notice State of the market: price, gas bought, L1 block.
    function params() external view returns (uint128 prevBaseFee, uint64 prevBoughtGas, uint64 prevBlockNum);
}
