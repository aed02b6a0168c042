// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title Arithmetic of the AI operations, written to be read
/// @notice Elements are given as int256, wide enough for every exact intermediate value.
library SlowMath {
    /* ELEMENT TYPES */

    uint8 internal constant U8 = 2;
    uint8 internal constant I8 = 3;
    uint8 internal constant I16 = 5;
    uint8 internal constant I32 = 6;
    uint8 internal constant I64 = 7;
    uint8 internal constant U32 = 12;

    /// @notice Bytes of an element; 0 for an unknown type.
    function sizeOf(uint8 dtype) internal pure returns (uint256) {
        if (dtype == U8 || dtype == I8) return 1;
        if (dtype == I16) return 2;
        if (dtype == I32 || dtype == U32) return 4;
        return dtype == I64 ? 8 : 0;
    }

    /// @notice Whether the type is `a` or `b`.
    function isOneOf(uint8 dtype, uint8 a, uint8 b) internal pure returns (bool) {
        return dtype == a || dtype == b;
    }

    /// @notice Least and greatest value of a type.
    function range(uint8 dtype) internal pure returns (int256 lowest, int256 highest) {
        uint256 bits = 8 * sizeOf(dtype);
        if (dtype == U8 || dtype == U32) return (0, int256((1 << bits) - 1));
        return (-int256(1 << (bits - 1)), int256((1 << (bits - 1)) - 1));
    }

    /// @notice Whether the type holds `x`.
    function holds(uint8 dtype, int256 x) internal pure returns (bool) {
        (int256 lowest, int256 highest) = range(dtype);
        return lowest <= x && x <= highest;
    }

    /// @notice The value nearest to `x` that the type holds.
    function sat(uint8 dtype, int256 x) internal pure returns (int256) {
        (int256 lowest, int256 highest) = range(dtype);
        return clamp(x, lowest, highest);
    }

    function clamp(int256 x, int256 lowest, int256 highest) internal pure returns (int256) {
        if (x < lowest) return lowest;
        return x > highest ? highest : x;
    }

    /* PACKED BYTES */

    /// @notice Little-endian integer of `size` bytes from `start` on.
    function read(bytes memory data, uint256 start, uint256 size) internal pure returns (uint256 bits) {
        unchecked {
            for (uint256 i = start + size; i > start; --i) {
                bits = bits << 8 | uint8(data[i - 1]);
            }
        }
    }

    /// @notice Writes the lowest `size` bytes of `bits`, little-endian.
    function write(bytes memory data, uint256 start, uint256 size, uint256 bits) internal pure {
        unchecked {
            for (uint256 i = start; i < start + size; ++i) {
                data[i] = bytes1(uint8(bits));
                bits >>= 8;
            }
        }
    }

    /// @notice Element `index`.
    function get(bytes memory data, uint8 dtype, uint256 index) internal pure returns (int256) {
        unchecked {
            uint256 size = sizeOf(dtype);
            uint256 bits = read(data, index * size, size);
            if (dtype == U8 || dtype == U32) return int256(bits);
            return signed(bits, 8 * size);
        }
    }

    /// @notice Sets element `index` to `x` mod 2^bits.
    function set(bytes memory data, uint8 dtype, uint256 index, int256 x) internal pure {
        unchecked {
            uint256 size = sizeOf(dtype);
            write(data, index * size, size, uint256(x));
        }
    }

    /// @notice The lowest `width` bits of `bits` as two's complement.
    function signed(uint256 bits, uint256 width) internal pure returns (int256) {
        unchecked {
            uint256 unused = 256 - width;
            return int256(bits << unused) >> unused;
        }
    }

    /// @notice `length` bytes of `data` from `start` on.
    function slice(bytes memory data, uint256 start, uint256 length) internal pure returns (bytes memory part) {
        part = new bytes(length);
        assembly ("memory-safe") {
            mcopy(add(part, 32), add(add(data, 32), start), length)
        }
    }

    /* ROUNDING */

    function abs(int256 x) internal pure returns (uint256) {
        return x < 0 ? uint256(-x) : uint256(x);
    }

    /// @notice `n / d` to the nearest, halves away from zero. `d` is above zero.
    function rAway(int256 n, int256 d) internal pure returns (int256) {
        uint256 divisor = uint256(d);
        uint256 quotient = abs(n) / divisor;
        uint256 rest = abs(n) % divisor;
        if (rest >= divisor - rest) ++quotient;
        return n < 0 ? -int256(quotient) : int256(quotient);
    }

    /// @notice `a * multiplier / 2^shift`, halves upward.
    function rTosa(int256 a, int256 multiplier, uint256 shift) internal pure returns (int256) {
        return (a * multiplier + int256(1 << (shift - 1))) >> shift;
    }

    /// @notice `a` times the f32 with the bits `pattern`, as one product of f32, rounded to an integer; all roundings
    /// go to the nearest, halves to even. What is 2^31 or more in size becomes 2^31.
    function rOnnx(int256 a, uint256 pattern) internal pure returns (int256) {
        if (a == 0) return 0;
        // f32(a): 24 bits of mantissa, exponent e.
        uint256 u = abs(a);
        (uint256 m, int256 e) = normalised(u, 0);
        // The product, rounded to 24 bits again.
        int256 exponent = int256((pattern >> 23) & 255) - 150;
        (m, e) = normalised(m * ((1 << 23) | (pattern & 0x7fffff)), e + exponent);
        // To an integer.
        uint256 q;
        if (e >= 8) q = 1 << 31;
        else if (e >= 0) q = m << uint256(e);
        else if (e >= -25) q = rne(m, uint256(-e));
        return a < 0 ? -int256(q) : int256(q);
    }

    /// @notice `value * 2^e` as a mantissa of 24 bits and its exponent.
    function normalised(uint256 value, int256 e) internal pure returns (uint256, int256) {
        uint256 length = bitLength(value);
        e += int256(length) - 24;
        uint256 m = length <= 24 ? value << (24 - length) : rne(value, length - 24);
        return m == 1 << 24 ? (1 << 23, e + 1) : (m, e);
    }

    /// @notice `x / 2^n` to the nearest, halves to even.
    function rne(uint256 x, uint256 n) internal pure returns (uint256 q) {
        if (n == 0) return x;
        uint256 half = 1 << (n - 1);
        uint256 rest = x & ((1 << n) - 1);
        q = x >> n;
        if (rest > half || (rest == half && q & 1 == 1)) ++q;
    }

    function bitLength(uint256 x) internal pure returns (uint256 length) {
        for (; x != 0; x >>= 1) {
            ++length;
        }
    }

    /// @notice Floor of the square root.
    function isqrt(uint256 n) internal pure returns (uint256 root) {
        if (n == 0) return 0;
        // Newton from above falls until it is there.
        root = 1 << ((bitLength(n) + 1) / 2);
        for (uint256 next = (root + n / root) / 2; next < root; next = (root + n / root) / 2) {
            root = next;
        }
    }

    /// @notice Sorts in place, ascending.
    function sort(int256[] memory values) internal pure {
        unchecked {
            for (uint256 i = 1; i < values.length; ++i) {
                int256 value = values[i];
                uint256 to = i;
                for (; to > 0 && values[to - 1] > value; --to) {
                    values[to] = values[to - 1];
                }
                values[to] = value;
            }
        }
    }
}
