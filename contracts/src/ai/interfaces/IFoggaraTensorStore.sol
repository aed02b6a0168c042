// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IFoggaraErrors} from "./IFoggaraErrors.sol";

/// @title TENSOR, at 0x0000000000000000000000000000000000A100F0
/// @notice Content-addressed tensors that operations read by id.
/// @dev A tensor belongs to nobody: anyone may put it, extend its time, or clear its record once it is long over; its
/// uploader cannot withdraw it. Rights live in contracts. An epoch is 604,800 seconds; rent is 32 gas per started KiB
/// of packed bytes and epoch; no expiry lies more than 104 epochs ahead. A tensor is readable from the block after the
/// one that created it, and at once by the transaction that created it.
///
/// Functions that write revert with StaticStore under STATICCALL and with DirectCallOnly unless called directly, before
/// they look at their arguments.
///
/// "record" is 22,100 gas for a new or expired tensor, 5,000 for a live one; which one is known only after the hashing,
/// so a call must have the gas of a new one, and the AI meter counts it. "event" is 1,500; "hash" is 16 per word of
/// data, rows counted one by one.
interface IFoggaraTensor is IFoggaraErrors {
    /// @notice A tensor was written. `expiry` in unix seconds, 0 if its record was cleared.
    event TensorStored(bytes32 indexed id, address indexed by, uint64 expiry);

    /// @notice Stores a tensor. Putting a live one again keeps its age and never shortens its time.
    /// @dev Gas: 150 + W(data) + record + event + hash + rent.
    ///
    /// Errors: BadDtype(0); BadShape(1) for a rank outside 1 to 4 or a zero dimension, TooLarge above 256 MiB;
    /// BadParam(2) for epochs out of range; BadOperand(3) for a stored operand; errors of the operand 3.
    /// @param dtype u8, i8, i16, i32 or i64.
    /// @param dims Dimensions, 1 to 4 of them.
    /// @param epochs How long from now on, in epochs, 1 to 104.
    /// @param data The elements, inline or in code.
    /// @return id Hash of type, dimensions and tree root.
    function put(uint8 dtype, uint32[] calldata dims, uint32 epochs, bytes calldata data) external returns (bytes32 id);

    /// @notice Joins 1 to 1,024 readable tensors along the first axis; the way past the size of a transaction.
    /// @dev Types, ranks and dimensions behind the first must be equal; all parts but the last must end on a page
    /// boundary of their padded image. Pages of nothing but padding are free.
    ///
    /// Gas: 150 + 2,100 (100 if warm) per part + 416 per page + record + event + rent.
    ///
    /// Errors: BadDtype(0), BadShape(1), TooLarge and BadParam(2) as put; BadShape(3) if there is no part, TooLarge
    /// above 1,024; for each part in turn BadShape(3) if the one before does not end on a page, UnknownTensor,
    /// TensorExpired, TensorNotMature, BadDtype(3) for another type, BadShape(3) for another rank or dimension;
    /// BadShape(1) if the parts do not add up to dims.
    /// @param dtype Type of all parts: u8, i8, i16, i32, i64, or u32, which only STORE makes.
    /// @param dims Dimensions of the whole, 1 to 4 of them.
    /// @param epochs How long from now on, in epochs, 1 to 104.
    /// @param parts Ids, in order.
    /// @return id Of the whole.
    function concat(uint8 dtype, uint32[] calldata dims, uint32 epochs, bytes32[] calldata parts)
        external
        returns (bytes32 id);

    /// @notice What is known of a tensor, also of an expired or immature one.
    /// @dev Gas: 150 + 2,100 (100 if warm) + 3 per dimension.
    ///
    /// Errors: UnknownTensor if never stored, or pruned.
    /// @param id The tensor.
    /// @return dtype Type of its elements.
    /// @return dims Its dimensions.
    /// @return root Root of the tree over its padded image.
    /// @return createdBlock Number of the block that created it.
    /// @return expiry Unix seconds from which on it cannot be used.
    function info(bytes32 id)
        external
        view
        returns (uint8 dtype, uint32[] memory dims, bytes32 root, uint64 createdBlock, uint64 expiry);

    /// @notice Elements of a stored tensor, packed.
    /// @dev Gas: 150 + 2,100 (100 if warm) + 400 per page touched, none if the tensor is resident + 4 * W(elements).
    /// Resident is what this transaction made, or paid for all pages of in one call.
    ///
    /// Errors: UnknownTensor, TensorExpired, TensorNotMature; BadOperand(1) if start lies outside, or fewer than count
    /// elements follow; TooLarge above 4 MiB.
    /// @param id The tensor.
    /// @param start First element.
    /// @param count Number of elements; 0 means to the end.
    /// @return elements The packed elements, at most 4 MiB.
    function read(bytes32 id, uint64 start, uint64 count) external view returns (bytes memory elements);

    /// @notice Adds epochs to the expiry of a tensor that has not expired. Anyone may.
    /// @dev Gas: 150 + 5,000 + event + rent of the epochs added; the record's load is part of it.
    ///
    /// Errors: BadParam(1) for epochs out of range; UnknownTensor; TensorExpired; BadParam(1) if the new expiry lies
    /// more than 104 epochs ahead.
    /// @param id The tensor.
    /// @param epochs How much longer, in epochs, 1 to 104.
    /// @return expiry The new one, in unix seconds.
    function touch(bytes32 id, uint32 epochs) external returns (uint64 expiry);

    /// @notice Clears the record of a tensor 60 days after its expiry. Anyone may; there is no refund.
    /// @dev Gas: 150 + 5,000 + event; the record's load is part of it.
    ///
    /// Errors: UnknownTensor; BadParam(0) before 60 days after the expiry.
    /// @param id The tensor.
    function prune(bytes32 id) external;
}
