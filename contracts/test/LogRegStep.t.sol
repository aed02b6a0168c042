// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Tensor} from "../src/ai/libraries/Tensor.sol";
import {TensorSlow} from "../src/ai/slow/TensorSlow.sol";
import {LogRegStep} from "../src/examples/LogRegStep.sol";
import {LogRegData} from "./helpers/LogRegData.sol";
import {Test} from "./helpers/Test.sol";

contract LogRegStepTest is Test {
    function setUp() public {
        TensorSlow.install();
    }

    function test_learns_to_separate_two_classes() public {
        LogRegStep regression = new LogRegStep(4, 1, LogRegData.RATE);
        (bytes memory x, bytes memory labels) = LogRegData.batch(32, 0);
        bytes memory p = regression.predict(32, Tensor.inlined(x));
        // Without weights everything is a toss-up.
        for (uint256 i = 0; i < 32; ++i) {
            assertEq(uint8(p[i]), 64);
        }
        for (uint256 step = 1; step <= 12; ++step) {
            (bytes memory xs, bytes memory ys) = LogRegData.batch(32, step);
            regression.train(32, Tensor.inlined(xs), Tensor.inlined(ys));
        }
        assertEq(regression.steps(), 12);
        p = regression.predict(32, Tensor.inlined(x));
        uint256 right = 0;
        for (uint256 i = 0; i < 32; ++i) {
            if ((uint8(p[i]) >= 64) == (uint8(labels[i]) == 127)) ++right;
        }
        assertTrue(right >= 31, "accuracy");
    }

    function test_a_step_by_hand() public {
        // One sample, one feature of 1 (64), label 1: p = 64, error -63, gradient -63 * 64, rate 1 (65,536).
        LogRegStep regression = new LogRegStep(1, 1, 65_536);
        bytes memory w = regression.stepped(new bytes(4), 1, Tensor.inlined(hex"40"), Tensor.inlined(hex"7f"));
        assertEq(int256(Tensor.readI32(w, 0)), 63 * 64);
    }

    function test_classes_are_independent() public {
        (bytes memory x, bytes memory labels) = LogRegData.batch(8, 3);
        bytes memory both = new bytes(16);
        for (uint256 i = 0; i < 8; ++i) {
            (both[2 * i], both[2 * i + 1]) = (labels[i], bytes1(127 - uint8(labels[i])));
        }
        LogRegStep one = new LogRegStep(4, 1, LogRegData.RATE);
        LogRegStep two = new LogRegStep(4, 2, LogRegData.RATE);
        bytes memory w1 = one.stepped(new bytes(16), 8, Tensor.inlined(x), Tensor.inlined(labels));
        bytes memory w2 = two.stepped(new bytes(32), 8, Tensor.inlined(x), Tensor.inlined(both));
        for (uint256 i = 0; i < 4; ++i) {
            assertEq(int256(Tensor.readI32(w2, i)), int256(Tensor.readI32(w1, i)));
        }
    }
}
