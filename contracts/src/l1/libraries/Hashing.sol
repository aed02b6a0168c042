// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {OutputRootProof, WithdrawalTransaction} from "../types/Types.sol";

/// @title Hashes that L1 and L2 share
library Hashing {
    /// @notice Key of a withdrawal, as the message passer of L2 computes it.
    /// Source: OP specification, withdrawals.
    function withdrawal(WithdrawalTransaction memory message) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(message.nonce, message.sender, message.target, message.value, message.gasLimit, message.data)
        );
    }

    /// @notice Output root of version 0 over four words.
    /// Source: OP specification, proposals.
    function outputRoot(OutputRootProof memory proof) internal pure returns (bytes32) {
        return
            keccak256(abi.encode(proof.version, proof.stateRoot, proof.messagePasserStorageRoot, proof.latestBlockhash));
    }
}
