// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {LinearParams} from "../src/ai/interfaces/IFoggaraAI.sol";
import {IFoggaraErrors} from "../src/ai/interfaces/IFoggaraAI.sol";
import {Tensor} from "../src/ai/libraries/Tensor.sol";
import {TensorSlow} from "../src/ai/slow/TensorSlow.sol";
import {Mlp, MlpClassifier, MlpShape, MlpStored} from "../src/examples/MlpClassifier.sol";
import {DataContract} from "./helpers/DataContract.sol";
import {MlpFixture} from "./helpers/MlpFixture.sol";
import {Random} from "./helpers/Random.sol";
import {Test} from "./helpers/Test.sol";

contract MlpClassifierTest is Test {
    MlpFixture.Model internal model;
    MlpClassifier internal perChannel;
    MlpClassifier internal perLayer;
    MlpStored internal handles;

    function setUp() public {
        TensorSlow.install();
        model = MlpFixture.random();
        perChannel = MlpFixture.deploy(model);
        handles = MlpFixture.store(model);
        // The same network with one scale per layer.
        MlpFixture.Model memory single = model;
        single.shape.isPerChannel = false;
        (single.scales1, single.scales2) = (MlpFixture.part(model.scales1, 0, 4), MlpFixture.part(model.scales2, 0, 4));
        perLayer = MlpFixture.deploy(single);
        vm.roll(block.number + 1);
    }

    function test_halves_of_a_layer_make_the_layer() public view {
        bytes memory x = Random.data(784, "x");
        bytes memory y = perChannel.logits(x);
        assertEq(y.length, 10);
        assertEq(y, layers(model.scales1, model.scales2, x));
        assertEq(handles.logits(x), y);
    }

    function test_one_scale_per_layer() public view {
        bytes memory x = Random.data(784, "y");
        bytes memory y = layers(MlpFixture.part(model.scales1, 0, 4), MlpFixture.part(model.scales2, 0, 4), x);
        assertEq(perLayer.logits(x), y);
    }

    function test_class_is_the_greatest_logit_and_is_logged() public {
        bytes memory x = Random.data(784, "z");
        bytes memory y = perChannel.logits(x);
        uint256 class = 0;
        for (uint256 i = 1; i < 10; ++i) {
            if (int8(uint8(y[i])) > int8(uint8(y[class]))) class = i;
        }
        assertEq(perChannel.predict(x), class);
        vm.expectEmit();
        emit Mlp.Classified(address(this), class, y);
        assertEq(perChannel.classify(x), class);
    }

    function test_an_image_of_another_size_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.LengthMismatch.selector, 1, 784, 783));
        perChannel.predict(new bytes(783));
    }

    function test_other_shapes_and_unsigned_values() public {
        uint32[3][4] memory shapes =
            [[uint32(5), 200, 3], [uint32(40), 17, 70], [uint32(1), 17, 1], [uint32(100), 63, 33]];
        for (uint256 i = 0; i < 4; ++i) {
            model = MlpFixture.random(shapes[i][0], shapes[i][1], shapes[i][2]);
            if (i % 2 == 1) {
                (model.shape.kind, model.shape.zx, model.shape.zh) = (1, 200, 10);
                (model.shape.loHidden, model.shape.hiHidden) = (10, 255);
            }
            MlpClassifier classifier = MlpFixture.deploy(model);
            bytes memory x = Random.data(shapes[i][0], "x");
            assertEq(classifier.logits(x), layers(model.scales1, model.scales2, x));
            assertEq(MlpFixture.store(model).logits(x), layers(model.scales1, model.scales2, x));
            assertTrue(classifier.predict(x) < shapes[i][2], "class");
        }
    }

    /// @dev Both layers whole, inline.
    function layers(bytes memory scales1, bytes memory scales2, bytes memory x) internal view returns (bytes memory) {
        MlpShape memory s = model.shape;
        (int32 lo, int32 hi) = s.kind == 0 ? (int32(-128), int32(127)) : (int32(0), int32(255));
        bytes memory h = Tensor.linear(
            LinearParams(0, s.kind, 1, 1, s.inputs, s.hidden, s.zx, s.zw1, s.zh, s.loHidden, s.hiHidden),
            Tensor.inlined(x),
            Tensor.inlined(model.w1),
            Tensor.inlined(model.bias1),
            Tensor.inlined(scales1),
            ""
        );
        return Tensor.linear(
            LinearParams(0, s.kind, 1, 1, s.hidden, s.classes, s.zh, s.zw2, s.zy, lo, hi),
            Tensor.inlined(h),
            Tensor.inlined(model.w2),
            Tensor.inlined(model.bias2),
            Tensor.inlined(scales2),
            ""
        );
    }
}
