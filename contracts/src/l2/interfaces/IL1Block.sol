// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title The newest L1 block that this chain has taken in, and the fee parameters in force
/// @notice The first transaction of every block, sent by the depositor account, sets all values at once.
/// @dev Warning: the storage layout is consensus. Fee code reads the slots directly, without a call.
interface IL1Block {
    /// @notice The caller is not the depositor account.
    error NotDepositor();

    /// @notice The packed calldata has not exactly 176 bytes.
    error L1BlockBadCalldata(uint256 gotBytes, uint256 wantBytes);

    /// @notice Sets all values from packed calldata; only the depositor account may call it.
    /// @dev After the selector, big-endian and without padding: base fee scalar u32, blob base fee scalar u32,
    /// sequence number u64, timestamp u64, number u64, base fee u256, blob base fee u256, hash, batcher hash,
    /// operator fee scalar u32, operator fee constant u64; 176 bytes with the selector.
    function setL1BlockValuesIsthmus() external;

    /// @notice The account that derivation sends the values from.
    function DEPOSITOR_ACCOUNT() external pure returns (address);

    /// @notice Number of the L1 block.
    function number() external view returns (uint64);

    /// @notice Time of the L1 block in unix seconds.
    function timestamp() external view returns (uint64);

    /// @notice Base fee of the L1 block in wei per gas.
    function basefee() external view returns (uint256);

    /// @notice Hash of the L1 block.
    function hash() external view returns (bytes32);

    /// @notice Index of this block among the blocks of the same L1 origin, from 0.
    function sequenceNumber() external view returns (uint64);

    /// @notice Weight of the L1 blob base fee in the L1 fee, six decimals.
    function blobBaseFeeScalar() external view returns (uint32);

    /// @notice Weight of the L1 base fee in the L1 fee, six decimals.
    function baseFeeScalar() external view returns (uint32);

    /// @notice The batcher's address, left-padded to 32 bytes.
    function batcherHash() external view returns (bytes32);

    /// @notice Legacy fee parameter, always zero.
    function l1FeeOverhead() external view returns (uint256);

    /// @notice Legacy fee parameter, always zero.
    function l1FeeScalar() external view returns (uint256);

    /// @notice Blob base fee of the L1 block in wei per blob gas.
    function blobBaseFee() external view returns (uint256);

    /// @notice Fixed part of the operator fee of one transaction in wei.
    function operatorFeeConstant() external view returns (uint64);

    /// @notice Operator fee in millionths of a wei per gas.
    function operatorFeeScalar() external view returns (uint32);

    /// @notice The gas token: ether, by its conventional placeholder, with 18 decimals.
    function gasPayingToken() external pure returns (address token, uint8 decimals);

    /// @notice Name of the gas token.
    function gasPayingTokenName() external pure returns (string memory);

    /// @notice Symbol of the gas token.
    function gasPayingTokenSymbol() external pure returns (string memory);

    /// @notice Whether gas is paid in something other than ether; never.
    function isCustomGasToken() external pure returns (bool);

    /// @notice Semantic version of the OP interface that is answered.
    function version() external pure returns (string memory);
}
