// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {GasPriceOracle} from "../src/l2/GasPriceOracle.sol";
import {L1Block} from "../src/l2/L1Block.sol";
import {FastLz} from "../src/l2/libraries/FastLz.sol";
import {FastLzReference} from "./helpers/FastLzReference.sol";
import {Test} from "./helpers/Test.sol";

contract GasPriceOracleTest is Test {
    GasPriceOracle internal oracle = new GasPriceOracle();
    address internal constant L1_BLOCK = 0x4200000000000000000000000000000000000015;

    function setUp() public {
        vm.etch(L1_BLOCK, type(L1Block).runtimeCode);
    }

    function setL1(uint64 basefee, uint64 blobBaseFee, uint32 scalar, uint32 blobScalar, uint32 op, uint64 fixedPart)
        internal
    {
        bytes memory data = bytes.concat(
            abi.encodePacked(bytes4(0x098999be), scalar, blobScalar, uint64(0), uint64(0), uint64(0)),
            abi.encodePacked(uint256(basefee), uint256(blobBaseFee), bytes32(0), bytes32(0), op, fixedPart)
        );
        vm.prank(0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001);
        (bool success,) = L1_BLOCK.call(data);
        assertTrue(success, "set");
    }

    function repeated(bytes1 element, uint256 count) internal pure returns (bytes memory data) {
        data = new bytes(count);
        for (uint256 i = 0; i < count; ++i) {
            data[i] = element;
        }
    }

    function test_sizes_known_from_other_implementations() public pure {
        assertEq(FastLz.compressedSize(""), 0);
        assertEq(FastLz.compressedSize(hex"facade"), 4);
        assertEq(FastLz.compressedSize(repeated(0x00, 1000)), 21);
        assertEq(FastLz.compressedSize(repeated(0x2a, 1000)), 21);
        // An ERC-20 call on an OP chain, signed.
        bytes memory transaction =
            hex"02f901550a758302df1483be21b88304743f94f80e51afb613d764fa61751affd3313c190a86bb870151bd62fd12adb8e41ef24f3f000000000000000000000000000000000000000000000000000000000000006e000000000000000000000000af88d065e77c8cc2239327c5edb3a432268e5831000000000000000000000000000000000000000000000000000000000003c1e5000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000a000000000000000000000000000000000000000000000000000000000000000148c89ed219d02f1a5be012c689b4f5b731827bebe000000000000000000000000c001a033fd89cb37c31b2cba46b6466e040c61fc9b2a3675a7f5f493ebd5ad77c497f8a07cdf65680e238392693019b4092f610222e71b7cec06449cb922b93b6a12744e";
        assertEq(FastLz.compressedSize(transaction), 202);
    }

    function testFuzz_size_equals_the_plain_reference_on_noise(bytes memory data) public pure {
        assertEq(FastLz.compressedSize(data), FastLzReference.size(data));
    }

    /// @dev Few distinct bytes and copied pieces, so that matches of every length occur.
    function testFuzz_size_equals_the_plain_reference_on_repetition(uint256 seed, uint256 size) public pure {
        size = bound(size, 0, 3000);
        bytes memory data = new bytes(size);
        uint256 i = 0;
        while (i < size) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 piece = seed % 4 == 0 ? seed % 700 : seed % 40;
            uint256 from = i == 0 ? 0 : (seed >> 16) % i;
            bool copied = (seed >> 8) % 3 != 0 && i > 0;
            for (uint256 j = 0; j < piece && i < size; ++j) {
                data[i] = copied ? data[from + j] : bytes1(uint8(uint256(keccak256(abi.encode(seed, j))) % 7));
                ++i;
            }
        }
        assertEq(FastLz.compressedSize(data), FastLzReference.size(data));
    }

    function test_fee_of_a_transaction_by_hand() public {
        setL1(10 gwei, 3 gwei, 1368, 810949, 0, 0);
        // 202 + 68 = 270 bytes: 270 * 836,500 - 42,585,600 = 183,269,400 millionths.
        uint256 weighted = 16 * uint256(10 gwei) * 1368 + uint256(3 gwei) * 810949;
        assertEq(oracle.getL1Fee(erc20Call()), 183_269_400 * weighted / 1e12);
        assertEq(oracle.getL1GasUsed(erc20Call()), uint256(183_269_400) * 16 / 1e6);
    }

    function test_small_transactions_pay_for_a_hundred_bytes() public {
        setL1(10 gwei, 0, 1_000_000, 0, 0, 0);
        assertEq(oracle.getL1Fee(hex"01"), 100e6 * 16 * 10 gwei / 1e6);
        assertEq(oracle.getL1GasUsed(hex"01"), 1600);
        // 170 bytes: 99,619,400 and one more byte: 100,455,900.
        assertEq(oracle.getL1GasUsed(incompressible(98)), 1600);
        assertEq(oracle.getL1GasUsed(incompressible(99)), 1607);
    }

    function testFuzz_upper_bound_holds_for_small_ones(uint256 size, uint64 basefee, uint32 scalar) public {
        // With 68 bytes of signature, 576: 18 bytes of overhead, which the bound allows; one more needs 19.
        size = bound(size, 0, 508);
        setL1(basefee, 0, scalar, 0, 0, 0);
        assertTrue(oracle.getL1FeeUpperBound(size) >= oracle.getL1Fee(incompressible(size)), "bound");
    }

    function test_upper_bound_by_hand() public {
        setL1(10 gwei, 0, 1_000_000, 0, 0, 0);
        // 932 + 68 = 1,000 bytes: 1,000 + 3 + 16 = 1,019 of FastLZ.
        assertEq(oracle.getL1FeeUpperBound(932), (1019 * 836_500 - 42_585_600) * 16 * uint256(10 gwei) / 1e6);
    }

    function testFuzz_operator_fee(uint64 gasUsed, uint32 scalar, uint64 fixedPart) public {
        setL1(0, 0, 0, 0, scalar, fixedPart);
        assertEq(oracle.getOperatorFee(gasUsed), uint256(gasUsed) * scalar / 1e6 + fixedPart);
    }

    function test_operator_fee_saturates() public {
        setL1(0, 0, 0, 0, type(uint32).max, type(uint64).max);
        assertEq(oracle.getOperatorFee(type(uint256).max), type(uint256).max / 1e6 + type(uint64).max);
    }

    function test_plain_reads() public {
        setL1(7, 8, 9, 10, 0, 0);
        vm.fee(123);
        assertEq(oracle.baseFee(), 123);
        assertEq(oracle.gasPrice(), 123);
        assertEq(oracle.l1BaseFee(), 7);
        assertEq(oracle.blobBaseFee(), 8);
        assertEq(oracle.baseFeeScalar(), 9);
        assertEq(oracle.blobBaseFeeScalar(), 10);
        assertEq(oracle.decimals(), 6);
        assertTrue(oracle.isEcotone() && oracle.isFjord() && oracle.isIsthmus() && !oracle.isJovian(), "forks");
    }

    function erc20Call() internal pure returns (bytes memory) {
        return hex"02f901550a758302df1483be21b88304743f94f80e51afb613d764fa61751affd3313c190a86bb870151bd62fd12adb8e41ef24f3f000000000000000000000000000000000000000000000000000000000000006e000000000000000000000000af88d065e77c8cc2239327c5edb3a432268e5831000000000000000000000000000000000000000000000000000000000003c1e5000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000a000000000000000000000000000000000000000000000000000000000000000148c89ed219d02f1a5be012c689b4f5b731827bebe000000000000000000000000c001a033fd89cb37c31b2cba46b6466e040c61fc9b2a3675a7f5f493ebd5ad77c497f8a07cdf65680e238392693019b4092f610222e71b7cec06449cb922b93b6a12744e";
    }

    /// @dev Bytes in which no three repeat soon.
    function incompressible(uint256 size) internal pure returns (bytes memory data) {
        data = new bytes(size);
        for (uint256 i = 0; i < size; ++i) {
            data[i] = bytes1(keccak256(abi.encode(i)));
        }
    }
}
