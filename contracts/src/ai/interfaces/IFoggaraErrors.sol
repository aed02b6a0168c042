// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title Errors of the AI operations
/// @notice Every refusal is a revert with one of these. `which` is the index of the function's argument, from 0; a
/// struct counts as one.
/// @dev A refused call costs 150 gas, one gas per word of calldata, and the records and accounts that it loaded; the
/// rest is returned. BadElement, which only the work finds, costs the full price. A call that was given too little gas
/// has none of these errors: it runs out of gas.
///
/// Errors of every call, before its own: NotPayable, UnknownSelector, BadCalldata. Where STORE is set: StaticStore and
/// DirectCallOnly, once the flags are known to be defined. After its own: AiGasLimit.
///
/// Errors of every operand, argument `which`: BadOperand(which) if it is absent and must not be, begins with an unknown
/// byte, is a reference of the wrong size or a range outside the tensor; TooLarge above 1 MiB inline, or if the
/// operands so far exceed 128 MiB; BadDtype(which) for a stored tensor of another type; UnknownTensor, TensorExpired,
/// TensorNotMature; BadCode; LengthMismatch(which), in bytes, if it has not the size that the shape asks for. An
/// operand that gives the number of elements itself is BadShape(which) if it has none, LengthMismatch(which) if they
/// are not whole.
interface IFoggaraErrors {
    /// @notice The calldata is not the strict ABI encoding of the function's arguments: a value outside its type, a
    /// missing word, an offset or length beyond the calldata.
    error BadCalldata();

    /// @notice A dimension is zero, or dimensions do not fit each other.
    error BadShape(uint8 which);

    /// @notice The element type is unknown, or not one that the operation takes.
    error BadDtype(uint8 which);

    /// @notice A parameter is outside its range, or an undefined flag, kind or mode is set.
    error BadParam(uint8 which);

    /// @notice The operand's first byte is unknown, its reference is malformed or lies outside the tensor, or it is
    /// absent where required.
    error BadOperand(uint8 which);

    /// @notice The element at `index` is outside what the operation can take. Found during the work: costs the full
    /// price.
    error BadElement(uint8 which, uint256 index);

    /// @notice Something is larger than the operation's limit.
    error TooLarge(uint256 got, uint256 max);

    /// @notice The operand has not the number of bytes that the dimensions ask for, or a list not as many elements as
    /// another.
    error LengthMismatch(uint8 which, uint256 want, uint256 got);

    /// @notice The AI gas of the block or of the transaction is used up; the call wanted `want`, `left` was there.
    error AiGasLimit(uint256 want, uint256 left);

    /// @notice No tensor with this id was ever stored, or it was pruned.
    error UnknownTensor(bytes32 id);

    /// @notice The stored tensor's time is over.
    error TensorExpired(bytes32 id);

    /// @notice The stored tensor is too young to be read: another transaction stored it in this block.
    error TensorNotMature(bytes32 id);

    /// @notice The account's code does not begin with a zero byte, or the range lies outside it.
    error BadCode(address account);

    /// @notice The call writes, and was made where state must not be written, as under STATICCALL.
    error StaticStore();

    /// @notice The call writes, and was made by DELEGATECALL or CALLCODE.
    error DirectCallOnly();

    /// @notice The call carried value.
    error NotPayable();

    /// @notice The operation has no function with this selector.
    error UnknownSelector(bytes4 got);
}
