// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @notice The size search without assembly and with checked arithmetic, slow and obvious.
library FastLzReference {
    function size(bytes memory data) internal pure returns (uint256 total) {
        uint256[8192] memory last;
        uint256 limit = data.length < 13 ? 0 : data.length - 13;
        uint256 covered = 0;
        uint256 here = 2;
        while (here < limit) {
            uint256 found;
            while (true) {
                uint256 key = _key(data, here);
                found = last[_hash(key)];
                last[_hash(key)] = here;
                if (here >= limit) break;
                uint256 distance = here - found;
                ++here;
                if (distance < 8192 && key == _key(data, found)) break;
            }
            if (here >= limit) break;
            --here;
            if (here > covered) total += _literals(here - covered);

            uint256 length = 0;
            uint256 most = limit + 9 - (here + 3);
            bool same = true;
            while (same && length < most) {
                same = data[found + 3 + length] == data[here + 3 + length];
                ++length;
            }
            total += 3 * ((length - 1) / 262) + ((length - 1) % 262 >= 6 ? 3 : 2);

            here += length;
            last[_hash(_key(data, here))] = here;
            ++here;
            last[_hash(_key(data, here))] = here;
            ++here;
            covered = here;
        }
        total += _literals(data.length - covered);
    }

    function _literals(uint256 count) private pure returns (uint256) {
        uint256 rest = count % 32;
        return 33 * (count / 32) + (rest == 0 ? 0 : rest + 1);
    }

    function _key(bytes memory data, uint256 here) private pure returns (uint256) {
        return uint8(data[here]) + uint256(uint8(data[here + 1])) * 256 + uint256(uint8(data[here + 2])) * 65536;
    }

    function _hash(uint256 key) private pure returns (uint256) {
        return (key * 2654435769 / 524288) % 8192;
    }
}
