// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IGasPriceOracle} from "./interfaces/IGasPriceOracle.sol";
import {IL1Block} from "./interfaces/IL1Block.sol";
import {FastLz} from "./libraries/FastLz.sol";

/// @title GasPriceOracle
/// @notice Predeploy 0x420000000000000000000000000000000000000F. Holds no state; reads L1Block.
contract GasPriceOracle is IGasPriceOracle {
    /* CONSTANTS */

    /// @inheritdoc IGasPriceOracle
    uint256 public constant DECIMALS = 6;

    IL1Block internal constant L1_BLOCK = IL1Block(0x4200000000000000000000000000000000000015);

    /// @dev Bytes that a signature adds to an unsigned transaction.
    uint256 internal constant SIGNATURE_BYTES = 68;
    /// @dev OP Fjord: the regression that turns a FastLZ size into millionths of a byte on L1.
    uint256 internal constant REGRESSION_INTERCEPT = 42_585_600;
    /// @dev OP Fjord: slope of the regression.
    uint256 internal constant REGRESSION_SLOPE = 836_500;
    /// @dev OP Fjord: the least size, in millionths of a byte.
    uint256 internal constant SIZE_MIN = 100e6;
    /// @dev Gas of one non-zero byte of calldata on L1.
    uint256 internal constant BYTE_GAS = 16;

    /* VIEW */

    /// @inheritdoc IGasPriceOracle
    function getL1Fee(bytes memory data) external view returns (uint256) {
        return _l1Fee(FastLz.compressedSize(data) + SIGNATURE_BYTES);
    }

    /// @inheritdoc IGasPriceOracle
    function getL1FeeUpperBound(uint256 unsignedTxSize) external view returns (uint256) {
        uint256 size = unsignedTxSize + SIGNATURE_BYTES;
        return _l1Fee(size + size / 255 + 16);
    }

    /// @inheritdoc IGasPriceOracle
    function getL1GasUsed(bytes memory data) external pure returns (uint256) {
        return _estimatedSize(FastLz.compressedSize(data) + SIGNATURE_BYTES) * BYTE_GAS / 1e6;
    }

    /// @inheritdoc IGasPriceOracle
    function getOperatorFee(uint256 gasUsed) external view returns (uint256) {
        uint256 scalar = L1_BLOCK.operatorFeeScalar();
        uint256 variablePart =
            scalar != 0 && gasUsed > type(uint256).max / scalar ? type(uint256).max : gasUsed * scalar;
        // At most 2^256 / 10^6, so adding a 64-bit constant cannot overflow.
        return variablePart / 1e6 + L1_BLOCK.operatorFeeConstant();
    }

    /// @inheritdoc IGasPriceOracle
    function baseFee() external view returns (uint256) {
        return block.basefee;
    }

    /// @inheritdoc IGasPriceOracle
    function gasPrice() external view returns (uint256) {
        return block.basefee;
    }

    /// @inheritdoc IGasPriceOracle
    function l1BaseFee() external view returns (uint256) {
        return L1_BLOCK.basefee();
    }

    /// @inheritdoc IGasPriceOracle
    function blobBaseFee() external view returns (uint256) {
        return L1_BLOCK.blobBaseFee();
    }

    /// @inheritdoc IGasPriceOracle
    function baseFeeScalar() external view returns (uint32) {
        return L1_BLOCK.baseFeeScalar();
    }

    /// @inheritdoc IGasPriceOracle
    function blobBaseFeeScalar() external view returns (uint32) {
        return L1_BLOCK.blobBaseFeeScalar();
    }

    /// @inheritdoc IGasPriceOracle
    function decimals() external pure returns (uint256) {
        return DECIMALS;
    }

    /// @inheritdoc IGasPriceOracle
    function isEcotone() external pure returns (bool) {
        return true;
    }

    /// @inheritdoc IGasPriceOracle
    function isFjord() external pure returns (bool) {
        return true;
    }

    /// @inheritdoc IGasPriceOracle
    function isIsthmus() external pure returns (bool) {
        return true;
    }

    /// @inheritdoc IGasPriceOracle
    function isJovian() external pure returns (bool) {
        return false;
    }

    /// @inheritdoc IGasPriceOracle
    function version() external pure returns (string memory) {
        return "1.4.0";
    }

    /* INTERNAL */

    /// @dev L1 fee in wei of a transaction with the given FastLZ size, signature included.
    function _l1Fee(uint256 fastLzBytes) internal view returns (uint256) {
        uint256 weighted = BYTE_GAS * L1_BLOCK.basefee() * L1_BLOCK.baseFeeScalar() + L1_BLOCK.blobBaseFee()
            * L1_BLOCK.blobBaseFeeScalar();
        return _estimatedSize(fastLzBytes) * weighted / 10 ** (2 * DECIMALS);
    }

    /// @dev Estimated size on L1 in millionths of a byte.
    function _estimatedSize(uint256 fastLzBytes) internal pure returns (uint256) {
        uint256 scaled = REGRESSION_SLOPE * fastLzBytes;
        if (scaled < REGRESSION_INTERCEPT + SIZE_MIN) return SIZE_MIN;
        return scaled - REGRESSION_INTERCEPT;
    }
}
