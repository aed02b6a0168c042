// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IFoggaraErrors} from "../interfaces/IFoggaraErrors.sol";
import {SlowMath} from "./SlowMath.sol";

/// @notice What the store's mock offers to the other mocks, beside the functions of TENSOR. None of these exists on a
/// node.
interface ISlowStore {
    /// @notice Elements of a readable tensor, for an operand that is argument `which`.
    /// @param dtype The type that it must have, 0 for any.
    function mockRead(bytes32 id, uint64 start, uint64 count, uint8 which, uint8 dtype)
        external
        view
        returns (bytes memory data);

    /// @notice Stores the result of an operation for one epoch, on behalf of `by`.
    function mockStore(uint8 dtype, uint32[] calldata dims, bytes calldata data, address by) external returns (bytes32);

    /// @notice Succeeds only where state may be written.
    function mockProbe() external;
}

/// @title Base of the mocks: strict ABI, operands, results
/// @notice A mock stands at the address of an operation in tests away from our node. It gives the results and the
/// errors of the operation, in the same order of checks; gas and the AI meter are not modelled.
/// @dev There are no Solidity functions, because their decoder answers malformed calldata with empty data: the fallback
/// decodes by hand, as the node does.
abstract contract SlowBase is IFoggaraErrors {
    using SlowMath for bytes;

    /* CONSTANTS */

    address internal constant TENSOR = 0x0000000000000000000000000000000000A100F0;

    /// @dev Flag of every function that has flags: store each `bytes` of the result, return its id instead.
    uint8 internal constant STORE = 0x80;

    uint256 internal constant SIDE_MAX = 65_535;
    uint256 internal constant INNER_MAX = 32_768;
    uint256 internal constant MULTIPLY_ADDS_MAX = 1 << 31;
    uint256 internal constant OUTPUT_BYTES_MAX = 4 << 20;
    uint256 internal constant INLINE_BYTES_MAX = 1 << 20;
    uint256 internal constant OPERAND_BYTES_MAX = 128 << 20;
    uint256 internal constant CLIENT_ELEMENTS_MAX = 1 << 22;
    uint256 internal constant CLIENTS_MAX = 256;

    /* ENTRY */

    fallback(bytes calldata input) external payable returns (bytes memory) {
        if (isDirect() && msg.value != 0) revert NotPayable();
        if (input.length < 4) revert BadCalldata();
        return run(bytes4(input[:4]), input[4:]);
    }

    /// @dev Last byte of the operation's address.
    function code() internal pure virtual returns (uint8);

    /// @dev Runs the function with this selector; the result is ABI-encoded.
    function run(bytes4 selector, bytes calldata args) internal virtual returns (bytes memory);

    /// @dev Whether the operation itself is the target, which it is not under DELEGATECALL and CALLCODE.
    function isDirect() internal view returns (bool) {
        return address(this) == address(uint160(0xA10000 + uint256(code())));
    }

    /// @dev Refuses a call that writes where it must not.
    function checkWritable() internal {
        // Little gas: under STATICCALL the probe burns all that it gets.
        (bool writable,) = TENSOR.call{gas: 10_000}(abi.encodeCall(ISlowStore.mockProbe, ()));
        if (!writable) revert StaticStore();
        if (!isDirect()) revert DirectCallOnly();
    }

    /* CHECKS */

    /// @dev Refuses flags outside `defined` and STORE; flags are always in argument 0.
    function checkFlags(uint8 flags, uint8 defined) internal {
        if (flags & ~(defined | STORE) != 0) revert BadParam(0);
        if (flags & STORE != 0) checkWritable();
    }

    function atMost(uint256 got, uint256 max) internal pure {
        if (got > max) revert TooLarge(got, max);
    }

    function checkDimension(uint8 which, uint256 got, uint256 max) internal pure {
        if (got == 0) revert BadShape(which);
        atMost(got, max);
    }

    /// @dev The types that most functions take: i8, u8, i16, i32.
    function checkElement(uint8 which, uint8 dtype) internal pure {
        bool small = SlowMath.isOneOf(dtype, SlowMath.I8, SlowMath.U8);
        if (!small && !SlowMath.isOneOf(dtype, SlowMath.I16, SlowMath.I32)) revert BadDtype(which);
    }

    /* CALLDATA */

    /// @dev Head word `index`.
    function wordAt(bytes calldata args, uint256 index) internal pure returns (uint256) {
        if (args.length < 32 * index + 32) revert BadCalldata();
        return uint256(bytes32(args[32 * index:32 * index + 32]));
    }

    /// @dev Head word `index` as an unsigned integer of `bits`.
    function uintAt(bytes calldata args, uint256 index, uint256 bits) internal pure returns (uint256 value) {
        value = wordAt(args, index);
        if (value >> bits != 0) revert BadCalldata();
    }

    function u8At(bytes calldata args, uint256 index) internal pure returns (uint8) {
        return uint8(uintAt(args, index, 8));
    }

    function u32At(bytes calldata args, uint256 index) internal pure returns (uint256) {
        return uintAt(args, index, 32);
    }

    /// @dev Head word `index` as a signed integer of `bits`.
    function intAt(bytes calldata args, uint256 index, uint256 bits) internal pure returns (int256 value) {
        value = int256(wordAt(args, index));
        if (value != SlowMath.signed(uint256(value), bits)) revert BadCalldata();
    }

    /// @dev Head word `index` as an int32.
    function i32At(bytes calldata args, uint256 index) internal pure returns (int256) {
        return intAt(args, index, 32);
    }

    /// @dev Length and content of the tail whose offset is head word `index`.
    function tailAt(bytes calldata args, uint256 index) internal pure returns (uint256 length, bytes calldata data) {
        uint256 offset = uintAt(args, index, 64);
        if (offset > args.length || args.length - offset < 32) revert BadCalldata();
        length = uintAt(args[offset:], 0, 64);
        data = args[offset + 32:];
    }

    function bytesAt(bytes calldata args, uint256 index) internal pure returns (bytes calldata) {
        (uint256 length, bytes calldata data) = tailAt(args, index);
        if (length > data.length) revert BadCalldata();
        return data[:length];
    }

    /// @dev The words of an array of static elements.
    function wordsAt(bytes calldata args, uint256 index) internal pure returns (uint256[] memory words) {
        (uint256 length, bytes calldata data) = tailAt(args, index);
        if (32 * length > data.length) revert BadCalldata();
        words = new uint256[](length);
        for (uint256 i = 0; i < length; ++i) {
            words[i] = wordAt(data, i);
        }
    }

    /// @dev The elements of a `bytes[]`.
    function listAt(bytes calldata args, uint256 index) internal pure returns (bytes[] memory list) {
        (uint256 length, bytes calldata data) = tailAt(args, index);
        if (32 * length > data.length) revert BadCalldata();
        list = new bytes[](length);
        for (uint256 i = 0; i < length; ++i) {
            list[i] = bytesAt(data, i);
        }
    }

    /* OPERANDS */

    /// @dev What an operand must be.
    struct Want {
        uint8 which;
        /// @dev 0 for bytes that are no tensor of one type.
        uint8 dtype;
        uint256 size;
        /// @dev The other size that is right, or the same. With `some`: what is asked for in place of none.
        uint256 orSize;
        /// @dev Any number of elements above zero is right.
        bool some;
        /// @dev With `some`: a whole number of so many bytes is right, at least one.
        uint256 unit;
        /// @dev With `some`: the size divides this, if it is not 0.
        uint256 whole;
    }

    /// @dev Operand `which`, of `count` elements.
    function load(uint8 which, bytes memory operand, uint8 dtype, uint256 count) internal view returns (bytes memory) {
        uint256 size = count * SlowMath.sizeOf(dtype);
        return resolve(operand, Want(which, dtype, size, size, false, 0, 0));
    }

    /// @dev Operand `which`, of one or more elements.
    function loadSome(uint8 which, bytes memory operand, uint8 dtype)
        internal
        view
        returns (bytes memory data, uint256 count)
    {
        data = resolve(operand, Want(which, dtype, 0, 0, true, SlowMath.sizeOf(dtype), 0));
        count = data.length / SlowMath.sizeOf(dtype);
    }

    /// @dev The same, of a whole number of units of so many bytes.
    function loadUnits(uint8 which, bytes memory operand, uint8 dtype, uint256 unit)
        internal
        view
        returns (bytes memory data, uint256 count)
    {
        data = resolve(operand, Want(which, dtype, 0, unit, true, unit, 0));
        count = data.length / SlowMath.sizeOf(dtype);
    }

    /// @dev The same, of elements whose size divides `whole`.
    function loadDivisor(uint8 which, bytes memory operand, uint8 dtype, uint256 whole)
        internal
        view
        returns (bytes memory data, uint256 count)
    {
        data = resolve(operand, Want(which, dtype, 0, 0, true, SlowMath.sizeOf(dtype), whole));
        count = data.length / SlowMath.sizeOf(dtype);
    }

    /// @dev Operand `which`, of bytes that are no tensor of one type, in one of two sizes.
    function loadBytes(uint8 which, bytes memory operand, uint256 size, uint256 orSize)
        internal
        view
        returns (bytes memory)
    {
        return resolve(operand, Want(which, 0, size, orSize, false, 0, 0));
    }

    /// @dev Each operand of a list, of `count` elements.
    function loadAll(uint8 which, bytes[] memory operands, uint8 dtype, uint256 count)
        internal
        view
        returns (bytes[] memory data)
    {
        data = new bytes[](operands.length);
        for (uint256 i = 0; i < operands.length; ++i) {
            data[i] = load(which, operands[i], dtype, count);
        }
    }

    function resolve(bytes memory operand, Want memory want) private view returns (bytes memory) {
        if (operand.length == 0) revert BadOperand(want.which);
        if (operand[0] == 0x00) {
            atMost(operand.length - 1, INLINE_BYTES_MAX);
            checkSize(want, operand.length - 1);
            return operand.slice(1, operand.length - 1);
        }
        if (operand[0] == 0x01 && operand.length == 49) return resolveStored(operand, want);
        if (operand[0] == 0x02 && operand.length == 29) return resolveCode(operand, want);
        revert BadOperand(want.which);
    }

    /// @dev `01`, id 32, start u64, count u64.
    function resolveStored(bytes memory operand, Want memory want) private view returns (bytes memory data) {
        bytes32 id = bytes32(operand.slice(1, 32));
        uint64 start = uint64(bytes8(operand.slice(33, 8)));
        uint64 count = uint64(bytes8(operand.slice(41, 8)));
        data = ISlowStore(TENSOR).mockRead(id, start, count, want.which, want.dtype);
        checkSize(want, data.length);
    }

    /// @dev `02`, address 20, offset u32, length u32; the offset counts after the code's first byte.
    function resolveCode(bytes memory operand, Want memory want) private view returns (bytes memory) {
        address account = address(bytes20(operand.slice(1, 20)));
        uint256 offset = uint32(bytes4(operand.slice(21, 4)));
        uint256 length = uint32(bytes4(operand.slice(25, 4)));
        checkSize(want, length);
        bytes memory whole = account.code;
        if (whole.length == 0 || whole[0] != 0 || 1 + offset + length > whole.length) revert BadCode(account);
        return whole.slice(1 + offset, length);
    }

    function checkSize(Want memory want, uint256 got) private pure {
        uint256 size = want.size;
        if (want.some) {
            if (got == 0) revert BadShape(want.which);
            size = got - got % want.unit;
            if (want.whole != 0 && (size != got || want.whole % got != 0)) size = want.whole;
            if (size == 0) size = want.orSize;
        }
        if (got != size && (want.some || got != want.orSize)) revert LengthMismatch(want.which, size, got);
    }

    /* RESULTS */

    /// @dev Room for a result of `count` elements.
    function room(uint256 count, uint8 dtype) internal pure returns (bytes memory) {
        uint256 size = count * SlowMath.sizeOf(dtype);
        atMost(size, OUTPUT_BYTES_MAX);
        return new bytes(size);
    }

    /// @dev The result of rank 1 that a function returns: itself, or its id.
    function vector(uint8 flags, uint8 dtype, bytes memory result) internal returns (bytes memory) {
        if (flags & STORE == 0) return result;
        uint32[] memory dims = new uint32[](1);
        dims[0] = uint32(result.length / SlowMath.sizeOf(dtype));
        return store(dtype, dims, result);
    }

    /// @dev The result of rank 2 that a function returns: itself, or its id.
    function matrix(uint8 flags, uint8 dtype, uint256 columns, bytes memory result) internal returns (bytes memory) {
        if (flags & STORE == 0) return result;
        uint32[] memory dims = new uint32[](2);
        dims[0] = uint32(result.length / SlowMath.sizeOf(dtype) / columns);
        dims[1] = uint32(columns);
        return store(dtype, dims, result);
    }

    function store(uint8 dtype, uint32[] memory dims, bytes memory result) private returns (bytes memory id) {
        return abi.encodePacked(ISlowStore(TENSOR).mockStore(dtype, dims, result, msg.sender));
    }
}
