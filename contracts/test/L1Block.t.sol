// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {L1Block} from "../src/l2/L1Block.sol";
import {IL1Block} from "../src/l2/interfaces/IL1Block.sol";
import {Test} from "./helpers/Test.sol";

contract L1BlockTest is Test {
    address internal constant DEPOSITOR = 0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001;
    L1Block internal l1Block = new L1Block();

    struct Values {
        uint32 baseFeeScalar;
        uint32 blobBaseFeeScalar;
        uint64 sequenceNumber;
        uint64 timestamp;
        uint64 number;
        uint256 basefee;
        uint256 blobBaseFee;
        bytes32 hash;
        bytes32 batcherHash;
        uint32 operatorFeeScalar;
        uint64 operatorFeeConstant;
    }

    function pack(Values memory v) internal pure returns (bytes memory) {
        return bytes.concat(
            abi.encodePacked(bytes4(0x098999be), v.baseFeeScalar, v.blobBaseFeeScalar, v.sequenceNumber, v.timestamp),
            abi.encodePacked(v.number, v.basefee, v.blobBaseFee, v.hash, v.batcherHash),
            abi.encodePacked(v.operatorFeeScalar, v.operatorFeeConstant)
        );
    }

    function set(bytes memory data) internal returns (bool success, bytes memory result) {
        vm.prank(DEPOSITOR);
        return address(l1Block).call(data);
    }

    function testFuzz_values_are_read_back(Values memory v) public {
        bytes memory data = pack(v);
        assertEq(data.length, 176);
        (bool success,) = set(data);
        assertTrue(success, "set");
        assertEq(l1Block.baseFeeScalar(), v.baseFeeScalar);
        assertEq(l1Block.blobBaseFeeScalar(), v.blobBaseFeeScalar);
        assertEq(l1Block.sequenceNumber(), v.sequenceNumber);
        assertEq(l1Block.timestamp(), v.timestamp);
        assertEq(l1Block.number(), v.number);
        assertEq(l1Block.basefee(), v.basefee);
        assertEq(l1Block.blobBaseFee(), v.blobBaseFee);
        assertEq(l1Block.hash(), v.hash);
        assertEq(l1Block.batcherHash(), v.batcherHash);
        assertEq(l1Block.operatorFeeScalar(), v.operatorFeeScalar);
        assertEq(l1Block.operatorFeeConstant(), v.operatorFeeConstant);
    }

    function testFuzz_slots_are_where_the_fee_code_reads(Values memory v) public {
        set(pack(v));
        assertEq(slot(0), bytes32(uint256(v.timestamp) << 64 | v.number));
        assertEq(slot(1), bytes32(v.basefee));
        assertEq(slot(2), v.hash);
        assertEq(
            slot(3), bytes32(uint256(v.baseFeeScalar) << 96 | uint256(v.blobBaseFeeScalar) << 64 | v.sequenceNumber)
        );
        assertEq(slot(4), v.batcherHash);
        assertEq(slot(5), 0);
        assertEq(slot(6), 0);
        assertEq(slot(7), bytes32(v.blobBaseFee));
        assertEq(slot(8), bytes32(uint256(v.operatorFeeScalar) << 64 | v.operatorFeeConstant));
    }

    function testFuzz_only_the_depositor_sets(address caller, Values memory v) public {
        vm.assume(caller != DEPOSITOR);
        vm.prank(caller);
        (bool success, bytes memory result) = address(l1Block).call(pack(v));
        assertTrue(!success, "must revert");
        assertEq(result, abi.encodeWithSelector(IL1Block.NotDepositor.selector));
    }

    function testFuzz_any_other_length_is_refused(uint256 size, Values memory v) public {
        size = bound(size, 4, 400);
        vm.assume(size != 176);
        bytes memory whole = bytes.concat(pack(v), new bytes(224));
        bytes memory data = new bytes(size);
        for (uint256 i = 0; i < size; ++i) {
            data[i] = whole[i];
        }
        (bool success, bytes memory result) = set(data);
        assertTrue(!success, "must revert");
        assertEq(result, abi.encodeWithSelector(IL1Block.L1BlockBadCalldata.selector, size, 176));
    }

    function test_setters_of_other_forks_revert() public {
        (bool success,) = set(abi.encodePacked(bytes4(keccak256("setL1BlockValuesEcotone()")), new bytes(160)));
        assertTrue(!success, "must revert");
    }

    function slot(uint256 index) internal view returns (bytes32) {
        return vm.load(address(l1Block), bytes32(index));
    }
}
