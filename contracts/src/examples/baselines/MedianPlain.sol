// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title MedianPlain
/// @notice The same as MedianBaseline without a line of assembly: what one writes who has no AI operations and trusts
/// the compiler. For comparison with MedianRound; nobody should use it.
contract MedianPlain {
    /// @notice Median of each coordinate.
    /// @param updates [clients][d].
    function median(int32[][] calldata updates) external pure returns (int32[] memory result) {
        uint256 clients = updates.length;
        result = new int32[](updates[0].length);
        int32[] memory values = new int32[](clients);
        for (uint256 i = 0; i < result.length; ++i) {
            for (uint256 c = 0; c < clients; ++c) {
                // Insertion: all before are in order.
                int32 value = updates[c][i];
                uint256 to = c;
                for (; to > 0 && values[to - 1] > value; --to) {
                    values[to] = values[to - 1];
                }
                values[to] = value;
            }
            if (clients % 2 == 1) result[i] = values[clients / 2];
            else result[i] = _middle(int256(values[clients / 2 - 1]) + values[clients / 2]);
        }
    }

    /// @dev Half of `sum`, away from zero.
    function _middle(int256 sum) private pure returns (int32) {
        return int32(sum < 0 ? (sum - 1) / 2 : (sum + 1) / 2);
    }
}
