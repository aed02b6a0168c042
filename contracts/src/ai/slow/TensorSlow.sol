// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {SlowAgg, SlowAggDist, SlowAggRobust, SlowClipNorm, SlowOpt} from "./SlowGradient.sol";
import {SlowLagrange, SlowMaskExpand} from "./SlowPrivacy.sol";
import {SlowEltwise, SlowLinear, SlowMatmul, SlowReduce} from "./SlowTensorOps.sol";
import {SlowTensor} from "./SlowTensor.sol";

/// @notice The one cheat code that the mocks need.
interface IEtch {
    function etch(address account, bytes calldata code) external;
}

/// @title The AI operations in plain Solidity, for tests away from our node
/// @notice `TensorSlow.install()` in the `setUp` of a forge test puts a mock at each address. Results and errors are
/// those of the node; gas is not: a mock costs thousands of times more.
/// @dev Each mock is also an artifact of its own, for tests in other languages.
library TensorSlow {
    IEtch private constant VM = IEtch(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @notice Puts the mocks in place. The tensor store begins empty.
    function install() internal {
        VM.etch(addressOf(0x01), type(SlowMatmul).runtimeCode);
        VM.etch(addressOf(0x02), type(SlowLinear).runtimeCode);
        VM.etch(addressOf(0x04), type(SlowEltwise).runtimeCode);
        VM.etch(addressOf(0x05), type(SlowReduce).runtimeCode);
        VM.etch(addressOf(0x10), type(SlowAgg).runtimeCode);
        VM.etch(addressOf(0x11), type(SlowAggRobust).runtimeCode);
        VM.etch(addressOf(0x12), type(SlowAggDist).runtimeCode);
        VM.etch(addressOf(0x13), type(SlowClipNorm).runtimeCode);
        VM.etch(addressOf(0x14), type(SlowOpt).runtimeCode);
        VM.etch(addressOf(0x20), type(SlowMaskExpand).runtimeCode);
        VM.etch(addressOf(0x21), type(SlowLagrange).runtimeCode);
        VM.etch(addressOf(0xf0), type(SlowTensor).runtimeCode);
    }

    function addressOf(uint8 code) private pure returns (address) {
        return address(uint160(0xA10000 + uint256(code)));
    }
}
