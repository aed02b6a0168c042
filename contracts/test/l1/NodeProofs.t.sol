// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {BootstrapGame} from "../../src/l1/BootstrapGame.sol";
import {Hashing} from "../../src/l1/libraries/Hashing.sol";
import {OutputRootProof, WithdrawalTransaction} from "../../src/l1/types/Types.sol";
import {Settlement} from "./helpers/Settlement.sol";

/// @notice Forty withdrawals of our node and the proofs that its `eth_getProof` gave for them, end to end.
contract NodeProofsTest is Settlement {
    string internal json;
    OutputRootProof internal output;
    uint256 internal count;

    function setUp() public override {
        super.setUp();
        json = more.readFile("test/l1/fixtures/withdrawals.json");
        count = more.parseJsonUint(json, ".count");
        output = OutputRootProof({
            version: 0,
            stateRoot: more.parseJsonBytes32(json, ".stateRoot"),
            messagePasserStorageRoot: more.parseJsonBytes32(json, ".withdrawalsRoot"),
            latestBlockhash: more.parseJsonBytes32(json, ".blockHash")
        });
    }

    function test_proofs_of_the_node_pay_out() public {
        (uint256 index, BootstrapGame made) = propose(Hashing.outputRoot(output), 6);
        pass(12);
        WithdrawalTransaction[] memory messages = new WithdrawalTransaction[](count);
        uint256 total;
        for (uint256 i; i < count; ++i) {
            messages[i] = message(i);
            assertEq(Hashing.withdrawal(messages[i]), more.parseJsonBytes32(json, field(i, "withdrawalHash")));
            portal.proveWithdrawalTransaction(messages[i], index, output, proofAt(i));
            total += messages[i].value;
        }
        settle(made);
        pass(MATURITY);
        vm.deal(address(portal), total);
        for (uint256 i; i < count; ++i) {
            portal.finalizeWithdrawalTransaction(messages[i]);
            assertEq(messages[i].target.balance, messages[i].value);
        }
        assertEq(address(portal).balance, 0);
    }

    function test_every_byte_of_a_proof_of_the_node_counts() public {
        (uint256 index,) = propose(Hashing.outputRoot(output), 6);
        pass(12);
        WithdrawalTransaction memory first = message(0);
        bytes[] memory proof = proofAt(0);
        for (uint256 node; node < proof.length; ++node) {
            for (uint256 i; i < proof[node].length; ++i) {
                proof[node][i] ^= bytes1(uint8(1 << (i % 8)));
                (bool ok,) = try_(
                    address(portal), abi.encodeCall(portal.proveWithdrawalTransaction, (first, index, output, proof))
                );
                assertTrue(!ok, "a false proof was taken");
                proof[node][i] ^= bytes1(uint8(1 << (i % 8)));
            }
        }
        portal.proveWithdrawalTransaction(first, index, output, proof);
    }

    /* HELPERS */

    function field(uint256 index, string memory name) internal pure returns (string memory) {
        return string.concat(".withdrawals[", more.toString(index), "].", name);
    }

    function message(uint256 index) internal view returns (WithdrawalTransaction memory) {
        return WithdrawalTransaction({
            nonce: more.parseJsonUint(json, field(index, "nonce")),
            sender: more.parseJsonAddress(json, field(index, "sender")),
            target: more.parseJsonAddress(json, field(index, "target")),
            value: more.parseJsonUint(json, field(index, "value")),
            gasLimit: more.parseJsonUint(json, field(index, "gasLimit")),
            data: more.parseJsonBytes(json, field(index, "data"))
        });
    }

    function proofAt(uint256 index) internal view returns (bytes[] memory) {
        return more.parseJsonBytesArray(json, field(index, "proof"));
    }
}
