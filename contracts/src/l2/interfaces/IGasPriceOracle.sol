// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title What a transaction costs beside its execution
/// @notice Answers by the rules of Isthmus. All amounts in wei.
/// @dev Warning: the L1 fee of a transaction is known only with its signature; what is answered for an unsigned one
/// is an estimate, which counts 68 bytes for the signature.
interface IGasPriceOracle {
    /// @notice L1 fee of a transaction, given by the RLP bytes of its unsigned form.
    function getL1Fee(bytes memory data) external view returns (uint256);

    /// @notice OP's bound for the L1 fee of an unsigned transaction of `unsignedTxSize` bytes.
    /// @dev Warning: it allows one byte in 255 and 16 more for data that does not compress, while FastLZ may need one
    /// in 32. It holds for any data up to 508 bytes, and beyond that for data that compresses at all.
    function getL1FeeUpperBound(uint256 unsignedTxSize) external view returns (uint256);

    /// @notice L1 gas that a transaction stands for: 16 per estimated byte. For display only.
    function getL1GasUsed(bytes memory data) external view returns (uint256);

    /// @notice Operator fee of a transaction that uses `gasUsed` gas.
    function getOperatorFee(uint256 gasUsed) external view returns (uint256);

    /// @notice Base fee of this block per gas.
    function baseFee() external view returns (uint256);

    /// @notice Base fee of this block per gas, under its oldest name.
    function gasPrice() external view returns (uint256);

    /// @notice Base fee of the L1 origin per gas.
    function l1BaseFee() external view returns (uint256);

    /// @notice Blob base fee of the L1 origin per blob gas.
    function blobBaseFee() external view returns (uint256);

    /// @notice Weight of the L1 base fee, six decimals.
    function baseFeeScalar() external view returns (uint32);

    /// @notice Weight of the L1 blob base fee, six decimals.
    function blobBaseFeeScalar() external view returns (uint32);

    /// @notice Decimals of the scalars.
    function DECIMALS() external view returns (uint256);

    /// @notice Decimals of the scalars.
    function decimals() external pure returns (uint256);

    /// @notice Whether the fork is active; all but Jovian are, from genesis.
    function isEcotone() external pure returns (bool);

    /// @notice Whether the fork is active.
    function isFjord() external pure returns (bool);

    /// @notice Whether the fork is active.
    function isIsthmus() external pure returns (bool);

    /// @notice Whether the fork is active.
    function isJovian() external pure returns (bool);

    /// @notice Semantic version of the OP interface that is answered.
    function version() external pure returns (string memory);
}
