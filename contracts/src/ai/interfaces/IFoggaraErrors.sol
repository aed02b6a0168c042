// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title Errors of the AI operations
/// @notice Every refusal is a revert with one of these. `which` is the index of the function's argument, from 0; a
/// struct counts as one. A refused call costs 150 gas and one gas per word of calldata, not the whole allowance.
interface IFoggaraErrors {
    /// @notice The calldata is not the strict ABI encoding of the function's arguments.
    error BadCalldata();

    /// @notice A dimension is zero, or dimensions do not fit each other.
    error BadShape(uint8 which);

    /// @notice The element type is unknown, or not one that the operation takes.
    error BadDtype(uint8 which);

    /// @notice A parameter is outside its range, or an undefined flag is set.
    error BadParam(uint8 which);

    /// @notice The operand's first byte is unknown, its reference is malformed, or it is absent where required.
    error BadOperand(uint8 which);

    /// @notice The element at `index` is outside what the operation can take.
    error BadElement(uint8 which, uint256 index);

    /// @notice Something is larger than the operation's limit.
    error TooLarge(uint256 got, uint256 max);

    /// @notice The operand has not the number of bytes that the dimensions ask for.
    error LengthMismatch(uint8 which, uint256 want, uint256 got);

    /// @notice The AI gas of the block or of the transaction is used up; the call wanted `want`, `left` was there.
    error AiGasLimit(uint256 want, uint256 left);

    /// @notice No tensor with this id was ever stored, or it was pruned.
    error UnknownTensor(bytes32 id);

    /// @notice The stored tensor's time is over.
    error TensorExpired(bytes32 id);

    /// @notice The stored tensor is too young to be read.
    error TensorNotMature(bytes32 id);

    /// @notice The account's code does not begin with a zero byte, or the range lies outside it.
    error BadCode(address account);

    /// @notice The call writes, and was made under STATICCALL.
    error StaticStore();

    /// @notice The call writes, and was not made directly.
    error DirectCallOnly();

    /// @notice The call carried value.
    error NotPayable();

    /// @notice The operation has no function with this selector.
    error UnknownSelector(bytes4 got);
}
