// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IL1Block} from "./interfaces/IL1Block.sol";

/// @title L1Block
/// @notice Predeploy 0x4200000000000000000000000000000000000015.
contract L1Block is IL1Block {
    /* CONSTANTS */

    /// @inheritdoc IL1Block
    address public constant DEPOSITOR_ACCOUNT = 0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001;

    /// @dev Size of the packed calldata, selector included.
    uint256 internal constant CALLDATA_BYTES = 176;

    /* STORAGE, slots 0 to 8 in this order */

    /// @inheritdoc IL1Block
    uint64 public number;
    /// @inheritdoc IL1Block
    uint64 public timestamp;
    /// @inheritdoc IL1Block
    uint256 public basefee;
    /// @inheritdoc IL1Block
    bytes32 public hash;
    /// @inheritdoc IL1Block
    uint64 public sequenceNumber;
    /// @inheritdoc IL1Block
    uint32 public blobBaseFeeScalar;
    /// @inheritdoc IL1Block
    uint32 public baseFeeScalar;
    /// @inheritdoc IL1Block
    bytes32 public batcherHash;
    /// @inheritdoc IL1Block
    uint256 public l1FeeOverhead;
    /// @inheritdoc IL1Block
    uint256 public l1FeeScalar;
    /// @inheritdoc IL1Block
    uint256 public blobBaseFee;
    /// @inheritdoc IL1Block
    uint64 public operatorFeeConstant;
    /// @inheritdoc IL1Block
    uint32 public operatorFeeScalar;

    /* STATE-CHANGING */

    /// @inheritdoc IL1Block
    function setL1BlockValuesIsthmus() external {
        if (msg.sender != DEPOSITOR_ACCOUNT) revert NotDepositor();
        if (msg.data.length != CALLDATA_BYTES) revert L1BlockBadCalldata(msg.data.length, CALLDATA_BYTES);

        baseFeeScalar = uint32(bytes4(msg.data[4:8]));
        blobBaseFeeScalar = uint32(bytes4(msg.data[8:12]));
        sequenceNumber = uint64(bytes8(msg.data[12:20]));
        timestamp = uint64(bytes8(msg.data[20:28]));
        number = uint64(bytes8(msg.data[28:36]));
        basefee = uint256(bytes32(msg.data[36:68]));
        blobBaseFee = uint256(bytes32(msg.data[68:100]));
        hash = bytes32(msg.data[100:132]);
        batcherHash = bytes32(msg.data[132:164]);
        operatorFeeScalar = uint32(bytes4(msg.data[164:168]));
        operatorFeeConstant = uint64(bytes8(msg.data[168:176]));
    }

    /* VIEW */

    /// @inheritdoc IL1Block
    function gasPayingToken() external pure returns (address token, uint8 decimals) {
        return (0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE, 18);
    }

    /// @inheritdoc IL1Block
    function gasPayingTokenName() external pure returns (string memory) {
        return "Ether";
    }

    /// @inheritdoc IL1Block
    function gasPayingTokenSymbol() external pure returns (string memory) {
        return "ETH";
    }

    /// @inheritdoc IL1Block
    function isCustomGasToken() external pure returns (bool) {
        return false;
    }

    /// @inheritdoc IL1Block
    function version() external pure returns (string memory) {
        return "1.6.0";
    }
}
