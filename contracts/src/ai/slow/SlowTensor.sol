// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IFoggaraTensor} from "../interfaces/IFoggaraAI.sol";
import {ISlowStore, SlowBase} from "./SlowBase.sol";
import {SlowMath} from "./SlowMath.sol";

/// @notice TENSOR in plain Solidity. Records have the layout of the node: slot keccak256(id ++ 0), bits 0-63 the block
/// of creation, 64-127 the expiry, 248-255 version 1. What a node keeps in tables lies in further storage here.
contract SlowTensor is SlowBase {
    using SlowMath for bytes;

    /* TYPES */

    struct Descriptor {
        uint8 dtype;
        uint32[] dims;
        bytes32 root;
        bytes data;
    }

    /* CONSTANTS */

    uint256 internal constant EPOCH = 604_800;
    uint256 internal constant EPOCHS_MAX = 104;
    uint256 internal constant RETENTION = 60 days;
    uint256 internal constant TENSOR_BYTES_MAX = 256 << 20;
    uint256 internal constant PARTS_MAX = 1_024;
    uint256 internal constant PAGE = 4_096;
    uint256 internal constant VERSION = 1;

    /* STORAGE */

    mapping(bytes32 id => uint256 record) private _records;
    mapping(bytes32 id => Descriptor) private _descriptors;

    /* ENTRY */

    function code() internal pure override returns (uint8) {
        return 0xf0;
    }

    function run(bytes4 selector, bytes calldata args) internal override returns (bytes memory) {
        if (selector == IFoggaraTensor.info.selector) return info(args);
        if (selector == IFoggaraTensor.read.selector) return read(args);
        if (selector == ISlowStore.mockProbe.selector) return mockProbe();
        if (selector == ISlowStore.mockRead.selector) return mockRead(args);
        if (selector == ISlowStore.mockStore.selector && isOperation(msg.sender)) return mockStore(args);

        if (selector == IFoggaraTensor.put.selector) return put(args);
        if (selector == IFoggaraTensor.concat.selector) return concat(args);
        if (selector == IFoggaraTensor.touch.selector) return touch(args);
        if (selector == IFoggaraTensor.prune.selector) return prune(args);
        revert UnknownSelector(selector);
    }

    /* WRITING */

    function put(bytes calldata args) private returns (bytes memory) {
        checkWritable();
        (uint8 dtype, uint256[] memory words, uint256 epochs) = (u8At(args, 0), wordsAt(args, 1), u32At(args, 2));
        bytes memory data = bytesAt(args, 3);
        uint32[] memory dims = dimensions(words);
        if (dtype == SlowMath.U32) revert BadDtype(0);
        uint256 size = checkShape(dtype, dims);
        if (epochs == 0 || epochs > EPOCHS_MAX) revert BadParam(2);
        if (data.length != 0 && data[0] == 0x01) revert BadOperand(3);
        data = load(3, data, dtype, size / SlowMath.sizeOf(dtype));
        return abi.encode(keep(dtype, dims, data, epochs, msg.sender));
    }

    function concat(bytes calldata args) private returns (bytes memory) {
        checkWritable();
        (uint8 dtype, uint256[] memory words, uint256 epochs) = (u8At(args, 0), wordsAt(args, 1), u32At(args, 2));
        uint256[] memory parts = wordsAt(args, 3);
        uint32[] memory dims = dimensions(words);
        uint256 size = checkShape(dtype, dims);
        if (epochs == 0 || epochs > EPOCHS_MAX) revert BadParam(2);
        checkDimension(3, parts.length, PARTS_MAX);
        bytes memory whole;
        for (uint256 i = 0; i < parts.length; ++i) {
            if (i > 0 && !endsOnPage(bytes32(parts[i - 1]))) revert BadShape(3);
            whole = bytes.concat(whole, part(dtype, dims, bytes32(parts[i])));
        }
        if (whole.length != size) revert BadShape(1);
        return abi.encode(keep(dtype, dims, whole, epochs, msg.sender));
    }

    /// @dev The elements of one part of `dims`.
    function part(uint8 dtype, uint32[] memory dims, bytes32 id) private view returns (bytes memory) {
        checkReadable(id);
        Descriptor storage found = _descriptors[id];
        if (found.dtype != dtype) revert BadDtype(3);
        if (found.dims.length != dims.length) revert BadShape(3);
        for (uint256 i = 1; i < dims.length; ++i) {
            if (found.dims[i] != dims[i]) revert BadShape(3);
        }
        return found.data;
    }

    /// @dev Where the next part begins in the image: behind whole rows, or for rank 1 behind the last element.
    function endsOnPage(bytes32 id) private view returns (bool) {
        Descriptor storage found = _descriptors[id];
        uint256 size = found.data.length;
        uint256 end = found.dims.length == 1 ? size : found.dims[0] * strideOf(size / found.dims[0]);
        return end % PAGE == 0;
    }

    function touch(bytes calldata args) private returns (bytes memory) {
        checkWritable();
        (bytes32 id, uint256 epochs) = (bytes32(wordAt(args, 0)), u32At(args, 1));
        if (epochs == 0 || epochs > EPOCHS_MAX) revert BadParam(1);
        uint256 expiry = expiryOf(id);
        if (block.timestamp >= expiry) revert TensorExpired(id);
        expiry += epochs * EPOCH;
        if (expiry > block.timestamp + EPOCHS_MAX * EPOCH) revert BadParam(1);
        record(id, uint64(_records[id]), expiry, msg.sender);
        return abi.encode(expiry);
    }

    function prune(bytes calldata args) private returns (bytes memory) {
        checkWritable();
        bytes32 id = bytes32(wordAt(args, 0));
        if (block.timestamp < expiryOf(id) + RETENTION) revert BadParam(0);
        delete _records[id];
        emit IFoggaraTensor.TensorStored(id, msg.sender, 0);
        return "";
    }

    /// @dev Stores, and returns the id.
    function keep(uint8 dtype, uint32[] memory dims, bytes memory data, uint256 epochs, address by)
        private
        returns (bytes32 id)
    {
        bytes32 root = rootOf(data, dims.length == 1 ? 1 : dims[0]);
        id = idOf(dtype, dims, root);
        // Also for a live one: a fork of a node has its record, but not what nodes keep in tables.
        _descriptors[id] = Descriptor(dtype, dims, root, data);
        setCreatedHere(id);
        uint256 old = _records[id];
        uint256 expiry = block.timestamp + epochs * EPOCH;
        if (old != 0 && block.timestamp < uint64(old >> 64)) {
            // Live: it keeps its age, and its time is never shortened.
            if (uint64(old >> 64) > expiry) expiry = uint64(old >> 64);
            record(id, uint64(old), expiry, by);
        } else {
            record(id, uint64(block.number), expiry, by);
        }
    }

    function record(bytes32 id, uint64 createdBlock, uint256 expiry, address by) private {
        _records[id] = VERSION << 248 | expiry << 64 | createdBlock;
        emit IFoggaraTensor.TensorStored(id, by, uint64(expiry));
    }

    /* READING */

    function info(bytes calldata args) private view returns (bytes memory) {
        bytes32 id = bytes32(wordAt(args, 0));
        uint256 expiry = expiryOf(id);
        Descriptor storage found = _descriptors[id];
        return abi.encode(found.dtype, found.dims, found.root, uint64(_records[id]), expiry);
    }

    function read(bytes calldata args) private view returns (bytes memory) {
        (bytes32 id, uint256 start, uint256 count) =
            (bytes32(wordAt(args, 0)), uintAt(args, 1, 64), uintAt(args, 2, 64));
        bytes memory data = elements(id, start, count, 1, 0);
        atMost(data.length, OUTPUT_BYTES_MAX);
        return abi.encode(data);
    }

    /// @dev `count` elements from `start` on, 0 meaning all the rest; of type `want`, 0 meaning any.
    function elements(bytes32 id, uint256 start, uint256 count, uint8 which, uint8 want)
        private
        view
        returns (bytes memory data)
    {
        checkReadable(id);
        Descriptor storage found = _descriptors[id];
        if (want != 0 && found.dtype != want) revert BadDtype(which);
        data = found.data;
        uint256 size = SlowMath.sizeOf(found.dtype);
        uint256 total = data.length / size;
        if (start >= total || count > total - start) revert BadOperand(which);
        if (count == 0) count = total - start;
        data = data.slice(start * size, count * size);
    }

    function expiryOf(bytes32 id) private view returns (uint256) {
        if (_records[id] == 0) revert UnknownTensor(id);
        return uint64(_records[id] >> 64);
    }

    function checkReadable(bytes32 id) private view {
        if (block.timestamp >= expiryOf(id)) revert TensorExpired(id);
        if (uint64(_records[id]) == block.number && !isCreatedHere(id)) revert TensorNotMature(id);
    }

    /// @dev Transient bit 0 at key id: created in this transaction.
    function setCreatedHere(bytes32 id) private {
        assembly ("memory-safe") {
            tstore(id, or(tload(id), 1))
        }
    }

    function isCreatedHere(bytes32 id) private view returns (bool created) {
        assembly ("memory-safe") {
            created := and(tload(id), 1)
        }
    }

    /* IDS */

    function dimensions(uint256[] memory words) private pure returns (uint32[] memory dims) {
        dims = new uint32[](words.length);
        for (uint256 i = 0; i < words.length; ++i) {
            if (words[i] >> 32 != 0) revert BadCalldata();
            dims[i] = uint32(words[i]);
        }
    }

    /// @dev The size in bytes.
    function checkShape(uint8 dtype, uint32[] memory dims) private pure returns (uint256 size) {
        size = SlowMath.sizeOf(dtype);
        if (size == 0) revert BadDtype(0);
        if (dims.length == 0 || dims.length > 4) revert BadShape(1);
        for (uint256 i = 0; i < dims.length; ++i) {
            if (dims[i] == 0) revert BadShape(1);
            size *= dims[i];
        }
        atMost(size, TENSOR_BYTES_MAX);
    }

    function idOf(uint8 dtype, uint32[] memory dims, bytes32 root) private pure returns (bytes32) {
        bytes memory descriptor = abi.encodePacked("foggara/tensor/v1", dtype, uint8(dims.length));
        for (uint256 i = 0; i < dims.length; ++i) {
            descriptor = abi.encodePacked(descriptor, dims[i]);
        }
        return keccak256(abi.encodePacked(descriptor, root));
    }

    /// @dev Bytes from row to row in the image.
    function strideOf(uint256 rowBytes) private pure returns (uint256 stride) {
        for (stride = 32; stride < rowBytes; stride *= 2) {}
    }

    /// @dev Root of the binary tree over the image's words: rows padded to the stride, all padded to 2^n pages.
    function rootOf(bytes memory data, uint256 rows) private pure returns (bytes32) {
        uint256 rowBytes = data.length / rows;
        uint256 stride = strideOf(rowBytes);
        uint256 rowLevel = SlowMath.bitLength(stride / 32) - 1;
        uint256 depth = 7;
        while (PAGE << (depth - 7) < rows * stride) ++depth;

        bytes32[] memory zeros = new bytes32[](depth + 1);
        for (uint256 i = 0; i < depth; ++i) {
            zeros[i + 1] = keccak256(abi.encode(zeros[i], zeros[i]));
        }
        bytes32[] memory roots = new bytes32[](rows);
        for (uint256 row = 0; row < rows; ++row) {
            roots[row] = fold(wordsOf(data, row * rowBytes, rowBytes), zeros, 0, rowLevel);
        }
        return fold(roots, zeros, rowLevel, depth);
    }

    /// @dev `length` bytes as words, the last padded with zeros.
    function wordsOf(bytes memory data, uint256 start, uint256 length) private pure returns (bytes32[] memory words) {
        words = new bytes32[]((length + 31) / 32);
        for (uint256 i = 0; i < words.length; ++i) {
            uint256 left = length - 32 * i;
            words[i] = bytes32(data.slice(start + 32 * i, left < 32 ? left : 32));
        }
    }

    /// @dev The node at level `to` over `nodes`, which are the first of level `from`; all others are zero.
    function fold(bytes32[] memory nodes, bytes32[] memory zeros, uint256 from, uint256 to)
        private
        pure
        returns (bytes32)
    {
        uint256 count = nodes.length;
        for (uint256 level = from; level < to; ++level) {
            for (uint256 i = 0; i < count; i += 2) {
                nodes[i / 2] = keccak256(abi.encode(nodes[i], i + 1 < count ? nodes[i + 1] : zeros[level]));
            }
            count = (count + 1) / 2;
        }
        return nodes[0];
    }

    /* FOR THE OTHER MOCKS */

    function isOperation(address caller) private pure returns (bool) {
        return uint160(caller) >> 8 == 0xA100;
    }

    function mockProbe() private returns (bytes memory) {
        assembly ("memory-safe") {
            tstore(not(0), 0)
        }
        return "";
    }

    function mockRead(bytes calldata args) private view returns (bytes memory) {
        (bytes32 id, uint64 start, uint64 count, uint8 which, uint8 dtype) =
            abi.decode(args, (bytes32, uint64, uint64, uint8, uint8));
        return abi.encode(elements(id, start, count, which, dtype));
    }

    function mockStore(bytes calldata args) private returns (bytes memory) {
        (uint8 dtype, uint32[] memory dims, bytes memory data, address by) =
            abi.decode(args, (uint8, uint32[], bytes, address));
        return abi.encode(keep(dtype, dims, data, 1, by));
    }
}
