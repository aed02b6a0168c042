// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {LinearParams} from "../src/ai/interfaces/IFoggaraAI.sol";
import {Tensor} from "../src/ai/libraries/Tensor.sol";
import {TensorSlow} from "../src/ai/slow/TensorSlow.sol";
import {FedAvgBaseline} from "../src/examples/baselines/FedAvgBaseline.sol";
import {MedianBaseline} from "../src/examples/baselines/MedianBaseline.sol";
import {MedianPlain} from "../src/examples/baselines/MedianPlain.sol";
import {MlpBaseline} from "../src/examples/baselines/MlpBaseline.sol";
import {DataContract} from "./helpers/DataContract.sol";
import {MlpFixture} from "./helpers/MlpFixture.sol";
import {Random} from "./helpers/Random.sol";
import {Test} from "./helpers/Test.sol";

/// @notice The baselines give what the operations give, and what they cost is kept in snapshots/baselines.json: gas of
/// the call alone, without the transaction around it.
contract BaselinesTest is Test {
    function setUp() public {
        TensorSlow.install();
    }

    /* MLP */

    uint32 internal constant MULTIPLIER1 = 1_273_741_824;
    uint32 internal constant MULTIPLIER2 = 1_473_741_824;

    function test_mlp() public {
        bytes memory w1 = Random.data(25_088, "w1");
        bytes memory w2 = Random.data(320, "w2");
        bytes memory biases = Random.i32s(42, 16, "b");
        address account1 = DataContract.deploy(MlpFixture.part(w1, 0, 12_544));
        bytes memory rest = bytes.concat(MlpFixture.part(w1, 12_544, 12_544), w2, biases);
        MlpBaseline baseline = new MlpBaseline(
            account1,
            DataContract.deploy(rest),
            [uint256(MULTIPLIER1), uint256(MULTIPLIER2)],
            [uint256(44), uint256(40)]
        );
        bytes memory x = Random.data(784, "x");
        int256[10] memory y = baseline.logits(x);

        bytes memory h = layer(784, 32, 0, x, w1, MlpFixture.part(biases, 0, 128), MULTIPLIER1, 44);
        bytes memory z = layer(32, 10, -128, h, w2, MlpFixture.part(biases, 128, 40), MULTIPLIER2, 40);
        uint256 class = 0;
        bool varied = false;
        for (uint256 j = 0; j < 10; ++j) {
            assertEq(y[j], int256(int8(uint8(z[j]))));
            if (y[j] > y[class]) class = j;
            varied = varied || (y[j] != 127 && y[j] != -128);
        }
        assertTrue(varied, "not all saturated");

        assertEq(baseline.predict(x), class);
        uint256 used = gasOf(address(baseline), abi.encodeCall(MlpBaseline.predict, (x)));
        vm.snapshotValue("baselines", "mlp 784-32-10 i8", used);
    }

    function layer(
        uint32 k,
        uint32 n,
        int32 lowest,
        bytes memory x,
        bytes memory w,
        bytes memory bias,
        uint32 multiplier,
        uint8 shift
    ) internal view returns (bytes memory) {
        int32[] memory one = new int32[](1);
        one[0] = int32(multiplier);
        bytes memory scales = bytes.concat(Tensor.packI32(one), bytes1(shift));
        return Tensor.linear(
            LinearParams(0, 0, 0, 1, k, n, 0, 0, 0, lowest, 127),
            Tensor.inlined(x),
            Tensor.inlined(w),
            Tensor.inlined(bias),
            Tensor.inlined(scales),
            ""
        );
    }

    /* AGGREGATES */

    function test_fedavg_is_the_mean() public {
        FedAvgBaseline baseline = new FedAvgBaseline();
        uint256[] memory weights = new uint256[](5);
        int32[] memory coeff = new int32[](5);
        for (uint256 c = 0; c < 5; ++c) {
            (weights[c], coeff[c]) = (10 + 7 * c, int32(int256(10 + 7 * c)));
        }
        bytes memory all = Random.i32s(5 * 40, 32, "mean");
        assertEq(
            reversed(baseline.average(40, weights, reversed(all))),
            Tensor.weightedSum(Tensor.I32, 40, coeff, split(all, 5))
        );
    }

    function test_fedavg_gas() public {
        FedAvgBaseline baseline = new FedAvgBaseline();
        uint256[] memory weights = new uint256[](32);
        for (uint256 c = 0; c < 32; ++c) {
            weights[c] = 100 + c;
        }
        bytes memory data = abi.encodeCall(FedAvgBaseline.average, (10_000, weights, some(1_280_000, "mean")));
        vm.snapshotValue("baselines", "fedavg 32 x 10000 i32", gasOf(address(baseline), data));
    }

    function test_median_is_the_median() public {
        MedianBaseline baseline = new MedianBaseline();
        for (uint256 clients = 1; clients < 7; ++clients) {
            bytes memory all = Random.i32s(clients * 20, 32, "median");
            bytes memory want = Tensor.AGG_ROBUST.median(0, Tensor.I32, 20, split(all, clients));
            assertEq(reversed(baseline.median(clients, 20, reversed(all))), want);
        }
    }

    /// @dev At d = 500, scaled to 10,000: all but a constant of some thousand gas grows with d.
    function test_median_gas() public {
        MedianBaseline baseline = new MedianBaseline();
        bytes memory data = abi.encodeCall(MedianBaseline.median, (32, 500, Random.i32s(32 * 500, 32, "median")));
        uint256 used = gasOf(address(baseline), data);
        vm.snapshotValue("baselines", "median 32 x 10000 i32 (20 times that of 500)", 20 * used);

        // The worst that clients can send: every exchange takes place.
        bytes memory falling = new bytes(4 * 32 * 500);
        for (uint256 i = 0; i < falling.length; i += 4) {
            falling[i] = bytes1(uint8(100 - i / 2000));
        }
        used = gasOf(address(baseline), abi.encodeCall(MedianBaseline.median, (32, 500, falling)));
        vm.snapshotValue("baselines", "median 32 x 10000 i32, worst order (20 times that of 500)", 20 * used);
    }

    /// @dev At d = 200, scaled to 10,000; random order, and the worst.
    function test_plain_median() public {
        MedianPlain plain = new MedianPlain();
        bytes memory packed = Random.i32s(32 * 200, 32, "plain");
        int32[][] memory updates = new int32[][](32);
        int32[][] memory falling = new int32[][](32);
        for (uint256 c = 0; c < 32; ++c) {
            (updates[c], falling[c]) = (new int32[](200), new int32[](200));
            for (uint256 i = 0; i < 200; ++i) {
                (updates[c][i], falling[c][i]) = (Tensor.readI32(packed, 200 * c + i), -int32(int256(c)));
            }
        }
        bytes memory want = Tensor.AGG_ROBUST.median(0, Tensor.I32, 200, split(packed, 32));
        assertEq(Tensor.packI32(plain.median(updates)), want);

        uint256 used = gasOf(address(plain), abi.encodeCall(MedianPlain.median, (updates)));
        vm.snapshotValue("baselines", "median 32 x 10000 i32, plain Solidity (50 times that of 200)", 50 * used);
        used = gasOf(address(plain), abi.encodeCall(MedianPlain.median, (falling)));
        vm.snapshotValue(
            "baselines", "median 32 x 10000 i32, plain Solidity, worst order (50 times that of 200)", 50 * used
        );
    }

    /// @dev In assembly, because Solidity would copy the data, which at this size costs as much again.
    function gasOf(address target, bytes memory data) internal view returns (uint256 used) {
        bool success;
        assembly ("memory-safe") {
            // Warms the account: a transaction to it pays for that by itself.
            pop(balance(target))
            used := gas()
            success := staticcall(gas(), target, add(data, 32), mload(data), 0, 0)
            used := sub(used, gas())
        }
        assertTrue(success, "call");
    }

    /// @dev Packed i32 with the bytes of each in the other order.
    function reversed(bytes memory packed) internal pure returns (bytes memory result) {
        result = new bytes(packed.length);
        for (uint256 i = 0; i < packed.length; ++i) {
            result[i ^ 3] = packed[i];
        }
    }

    /// @dev Operands of equal size.
    function split(bytes memory all, uint256 count) internal pure returns (bytes[] memory parts) {
        parts = new bytes[](count);
        for (uint256 c = 0; c < count; ++c) {
            parts[c] = Tensor.inlined(MlpFixture.part(all, c * all.length / count, all.length / count));
        }
    }

    /// @dev Many bytes, quickly: 4,096 that look random, over and over.
    function some(uint256 size, string memory seed) internal pure returns (bytes memory data) {
        bytes memory piece = Random.data(4096, seed);
        data = new bytes(size);
        assembly ("memory-safe") {
            for { let i := 0 } lt(i, size) { i := add(i, 4096) } {
                let left := sub(size, i)
                if gt(left, 4096) { left := 4096 }
                mcopy(add(add(data, 32), i), add(piece, 32), left)
            }
        }
    }
}
