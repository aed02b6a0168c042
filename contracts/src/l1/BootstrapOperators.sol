// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IBootstrapOperators} from "./interfaces/IBootstrapOperators.sol";

/// @title BootstrapOperators
contract BootstrapOperators is IBootstrapOperators, Ownable {
    /* STORAGE, slot 0 is the owner's */

    /// @inheritdoc IBootstrapOperators
    mapping(address account => bool listed) public isProposer;
    /// @inheritdoc IBootstrapOperators
    mapping(address account => bool listed) public isChallenger;
    /// @inheritdoc IBootstrapOperators
    uint256 public challengerCount;

    constructor(address owner_, address[] memory proposers, address[] memory challengers) Ownable(owner_) {
        for (uint256 i; i < proposers.length; ++i) {
            _setProposer(proposers[i], true);
        }
        for (uint256 i; i < challengers.length; ++i) {
            _setChallenger(challengers[i], true);
        }
        if (challengerCount == 0) revert BootstrapOperatorsNoChallenger();
    }

    /* ADMIN */

    /// @inheritdoc IBootstrapOperators
    function setProposer(address proposer, bool listed) external onlyOwner {
        _setProposer(proposer, listed);
    }

    /// @inheritdoc IBootstrapOperators
    function setChallenger(address challenger, bool listed) external onlyOwner {
        _setChallenger(challenger, listed);
        if (challengerCount == 0) revert BootstrapOperatorsNoChallenger();
    }

    /* INTERNAL */

    function _setProposer(address proposer, bool listed) private {
        isProposer[proposer] = listed;
        emit ProposerSet(proposer, listed);
    }

    function _setChallenger(address challenger, bool listed) private {
        if (isChallenger[challenger] == listed) return;
        isChallenger[challenger] = listed;
        challengerCount = listed ? challengerCount + 1 : challengerCount - 1;
        emit ChallengerSet(challenger, listed);
    }
}
