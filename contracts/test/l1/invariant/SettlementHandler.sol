// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {ICrossDomainMessenger} from "../../../src/bridge/interfaces/ICrossDomainMessenger.sol";
import {Predeploys} from "../../../src/bridge/libraries/Predeploys.sol";
import {BootstrapGame} from "../../../src/l1/BootstrapGame.sol";
import {Hashing} from "../../../src/l1/libraries/Hashing.sol";
import {GameStatus, OutputRootProof, WithdrawalTransaction} from "../../../src/l1/types/Types.sol";
import {Settlement} from "../helpers/Settlement.sol";
import {TrieBuilder} from "../helpers/TrieBuilder.sol";

/// @notice Takes ether, or refuses it, or burns all gas, as it is told.
contract Moody {
    uint256 public mood;

    function set(uint256 mood_) external {
        mood = mood_;
    }

    receive() external payable {
        require(mood != 1, "refused");
        if (mood == 2) while (true) {}
    }
}

/// @notice Gives its ether away by destroying itself.
contract Forcer {
    constructor(address to) payable {
        selfdestruct(payable(to));
    }
}

/// @title Everybody who can touch settlement, friend and foe
/// @notice Holds all keys but those of the timelock. The one assumption of stage 0 is built in: a listed challenger
/// cancels wrong claims before their clock ends. What must hold is counted here and compared by the invariants.
contract SettlementHandler is Settlement {
    /* TYPES */

    struct Sent {
        WithdrawalTransaction message;
        bytes32 hash;
        bool finalized;
        bool byMessenger;
        bool paid;
    }

    struct Claimed {
        BootstrapGame game;
        bytes32[] keys;
        bool wrong;
    }

    /* WHAT IS COUNTED */

    uint256 public deposited;
    uint256 public forced;
    uint256 public initiated;
    uint256 public finalized;
    uint256 public paidByMessenger;
    uint256 public keptByMessenger;
    uint256 public forgedPaid;
    uint256 public broken;
    mapping(bytes32 action => uint256) public calls;

    uint256 private constant WINDOW = 5;

    Sent[] internal withdrawals;
    Claimed[] internal claims;
    WithdrawalTransaction[] internal forgeries;
    Moody internal moody;

    /// @dev Indices of withdrawals that were proven and not finalized, and of wrong claims that are still open.
    uint256[] internal ripening;
    uint256[] internal wrongOpen;
    mapping(bytes32 key => uint256 indexPlusOne) internal indexOf;

    constructor() {
        setUp();
        moody = new Moody();
        vm.deal(PROPOSER, type(uint96).max);
    }

    /* L2 */

    function deposit(uint96 value, uint64 gasLimit) external {
        value = uint96(bound(value, 0, 1_000 ether));
        vm.deal(ALICE, value);
        as_(ALICE);
        (bool ok,) = address(portal).call{value: value}(
            abi.encodeCall(
                portal.depositTransaction, (ALICE, value, uint64(bound(gasLimit, 21_000, 50_000)), false, "")
            )
        );
        if (ok) deposited += value;
        count("deposit", ok);
    }

    /// @dev Somebody gives ether that belongs to nobody on L2.
    function force(uint64 value, bool donated) external {
        vm.deal(address(this), value);
        if (donated) portal.donateETH{value: value}();
        else new Forcer{value: value}(address(portal));
        forced += value;
    }

    function initiate(uint96 value, uint32 minGas, bool byMessenger) external {
        uint256 left = deposited - initiated;
        if (left == 0) return;
        value = uint96(bound(value, 0, left));
        minGas = uint32(bound(minGas, 0, 200_000));
        uint256 nonce = (uint256(1) << 240) | withdrawals.length;
        WithdrawalTransaction memory message = byMessenger
            ? WithdrawalTransaction({
                nonce: nonce,
                sender: Predeploys.L2_CROSS_DOMAIN_MESSENGER,
                target: address(l1Messenger),
                value: value,
                gasLimit: l1Messenger.baseGas("", minGas),
                data: abi.encodeCall(
                    ICrossDomainMessenger.relayMessage, (nonce, ALICE, address(moody), value, minGas, "")
                )
            })
            : WithdrawalTransaction(nonce, ALICE, address(uint160(0x50_000 + withdrawals.length)), value, minGas, "");
        withdrawals.push();
        Sent storage sent = withdrawals[withdrawals.length - 1];
        sent.message = message;
        sent.hash = Hashing.withdrawal(message);
        sent.byMessenger = byMessenger;
        indexOf[slotOf(sent.hash)] = withdrawals.length;
        initiated += value;
        count("initiate", true);
    }

    /* CLAIMS */

    /// @dev A right claim of the newest withdrawals.
    function claim() external {
        if (withdrawals.length == 0) return;
        addClaim(false);
    }

    /// @dev A claim of an L2 on which somebody withdrew all there is.
    function claimWrong(uint8 target) external {
        WithdrawalTransaction memory forged =
            withdrawal(address(uint160(0x60_000 + target)), address(portal).balance, 0, "");
        forged.nonce |= uint256(forgeries.length + 1) << 128;
        forgeries.push(forged);
        addClaim(true);
    }

    function addClaim(bool wrong) private {
        uint256 size = withdrawals.length < WINDOW ? withdrawals.length : WINDOW;
        bytes32[] memory keys = new bytes32[](size + (wrong ? 1 : 0));
        for (uint256 i; i < size; ++i) {
            keys[i] = slotOf(withdrawals[withdrawals.length - 1 - i].hash);
        }
        if (wrong) keys[size] = slotOf(Hashing.withdrawal(forgeries[forgeries.length - 1]));
        (, uint256 anchor) = registry.getAnchorRoot();
        vm.prank(PROPOSER);
        (bool ok, bytes memory made) = address(factory).call{value: BOND}(
            abi.encodeCall(
                factory.create,
                (BOOTSTRAP, Hashing.outputRoot(outputOf(keys)), abi.encode(anchor + 1 + claims.length, claims.length))
            )
        );
        if (!ok) return;
        claims.push();
        Claimed storage added = claims[claims.length - 1];
        added.game = BootstrapGame(abi.decode(made, (address)));
        added.keys = keys;
        added.wrong = wrong;
        if (wrong) wrongOpen.push(claims.length - 1);
        count(wrong ? bytes32("claimWrong") : bytes32("claim"), true);
    }

    function resolve(uint256 pick) external {
        if (claims.length == 0) return;
        Claimed storage claimed = claims[pick % claims.length];
        (bool ok,) = address(claimed.game).call(abi.encodeCall(claimed.game.resolve, ()));
        if (ok && claimed.wrong) ++broken;
        count("resolve", ok);
        (ok,) = address(registry).call(abi.encodeCall(registry.setAnchorState, (address(claimed.game))));
        if (ok && claimed.wrong) ++broken;
    }

    function claimCredit(uint256 pick) external {
        if (claims.length == 0) return;
        address one = address(claims[pick % claims.length].game);
        (bool ok,) = one.call(abi.encodeCall(BootstrapGame.claimCredit, (PROPOSER)));
        (ok,) = address(bonds).call(abi.encodeCall(bonds.withdraw, (one, PROPOSER)));
    }

    /* WITHDRAWALS */

    function prove(uint256 pick, uint256 pickClaim) external {
        if (claims.length == 0) return;
        pickClaim %= claims.length;
        bytes32[] memory keys = claims[pickClaim].keys;
        if (keys.length == 0) return;
        pick %= keys.length;
        proveKey(keys, pick, pickClaim);
    }

    /// @dev What was sent last, against the newest claim: most random picks meet old ones.
    function proveNewest() external {
        if (claims.length == 0) return;
        bytes32[] memory keys = claims[claims.length - 1].keys;
        if (keys.length != 0) proveKey(keys, 0, claims.length - 1);
    }

    function proveKey(bytes32[] memory keys, uint256 pick, uint256 pickClaim) private {
        (bool found, WithdrawalTransaction memory message) = messageOf(keys[pick]);
        if (!found) return;
        (, uint64 before) = portal.provenWithdrawals(Hashing.withdrawal(message), BOB);
        // Another proof starts the wait anew, so it is rare.
        if (before != 0 && uint256(keys[pick]) % 8 != block.timestamp % 8) return;
        bytes[] memory proof = TrieBuilder.prove(keys, keys[pick], false);
        vm.prank(BOB);
        (bool ok,) = address(portal)
            .call(abi.encodeCall(portal.proveWithdrawalTransaction, (message, pickClaim, outputOf(keys), proof)));
        if (ok && before == 0 && indexOf[keys[pick]] != 0) ripening.push(indexOf[keys[pick]] - 1);
        count("prove", ok);
    }

    /// @dev A forged message with the proof of a true one.
    function proveForged(uint256 pickClaim, uint256 value, uint8 change) external {
        if (claims.length == 0) return;
        pickClaim %= claims.length;
        bytes32[] memory keys = claims[pickClaim].keys;
        if (keys.length == 0) return;
        (bool found, WithdrawalTransaction memory message) = messageOf(keys[0]);
        if (!found) return;
        bytes32 hash = Hashing.withdrawal(message);
        if (change % 3 == 0) message.value = value;
        if (change % 3 == 1) message.target = address(uint160(value));
        if (change % 3 == 2) message.nonce = value;
        if (Hashing.withdrawal(message) == hash) return;
        (bool ok,) = address(portal)
            .call(
                abi.encodeCall(
                    portal.proveWithdrawalTransaction,
                    (message, pickClaim, outputOf(keys), TrieBuilder.prove(keys, keys[0], false))
                )
            );
        if (ok) ++broken;
        count("proveForged", !ok);
    }

    /// @dev With any gas: nothing changed, or the withdrawal is finalized and its ether is where it should be.
    function finalize(uint256 pick, uint256 given) external {
        if (withdrawals.length == 0) return;
        Sent storage sent = withdrawals[pick % withdrawals.length];
        (uint256 locked, uint256 had) = (address(portal).balance, sent.message.target.balance);
        // Mostly enough, at times too little.
        given = given % 4 == 0 ? bound(given, 30_000, 500_000) : 3_000_000;
        (bool ok,) = address(portal).call{gas: given}(
            abi.encodeCall(portal.finalizeWithdrawalTransactionExternalProof, (sent.message, BOB))
        );
        count("finalize", ok);
        if (!ok) {
            if (address(portal).balance != locked || portal.finalizedWithdrawals(sent.hash) != sent.finalized) {
                ++broken;
            }
            return;
        }
        // Once, and never without effect.
        if (sent.finalized || !portal.finalizedWithdrawals(sent.hash)) ++broken;
        sent.finalized = true;
        finalized += sent.message.value;
        drop(pick % withdrawals.length);
        if (!sent.byMessenger) {
            if (sent.message.target.balance != had + sent.message.value) ++broken;
            return;
        }
        bool delivered = l1Messenger.successfulMessages(keccak256(sent.message.data));
        bool kept = l1Messenger.failedMessages(keccak256(sent.message.data));
        if (delivered == kept) ++broken;
        if (delivered) paidByMessenger += sent.message.value;
        else keptByMessenger += sent.message.value;
        sent.paid = delivered;
    }

    function again(uint256 pick, uint256 given) external {
        if (withdrawals.length == 0) return;
        Sent storage sent = withdrawals[pick % withdrawals.length];
        given = bound(given, 30_000, 1_000_000);
        (bool ok,) = address(l1Messenger).call{gas: given}(sent.message.data);
        if (!sent.byMessenger) return;
        bool delivered = l1Messenger.successfulMessages(keccak256(sent.message.data));
        if (delivered && !sent.paid) {
            if (!ok || !sent.finalized) ++broken;
            sent.paid = true;
            keptByMessenger -= sent.message.value;
            paidByMessenger += sent.message.value;
        }
        count("again", ok);
    }

    function finalizeForged(uint256 pick) external {
        if (forgeries.length == 0) return;
        WithdrawalTransaction memory forged = forgeries[pick % forgeries.length];
        (bool ok,) =
            address(portal).call(abi.encodeCall(portal.finalizeWithdrawalTransactionExternalProof, (forged, BOB)));
        if (ok) ++forgedPaid;
        count("finalizeForged", !ok);
    }

    function moodOf(uint8 mood) external {
        // Friendly more often than not.
        moody.set(mood % 6);
    }

    /* KEYS IN BAD HANDS */

    function guardian(uint256 pick, uint8 what) external {
        vm.startPrank(GUARDIAN);
        bool ok;
        if (what % 4 == 0) {
            (ok,) = address(registry).call(abi.encodeCall(registry.pause, ()));
        } else if (what % 2 == 0) {
            (ok,) = address(registry).call(abi.encodeCall(registry.unpause, ()));
        } else if (claims.length > 0 && what % 4 == 1) {
            address one = address(claims[pick % claims.length].game);
            (ok,) = address(registry).call(abi.encodeCall(registry.blacklistDisputeGame, (one)));
        }
        vm.stopPrank();
        count("guardian", ok);
    }

    function challenger(uint256 pick) external {
        if (claims.length == 0) return;
        Claimed storage claimed = claims[pick % claims.length];
        vm.prank(CHALLENGER);
        (bool ok,) = address(claimed.game).call(abi.encodeCall(claimed.game.cancel, ()));
        count("challenger", ok);
    }

    /// @dev Any key but the timelock's, calling any function of any contract with any words behind it.
    function anyCall(uint8 who, uint8 where, bytes4 what, bytes32[6] calldata words) external {
        address[6] memory keys = [GUARDIAN, PROPOSER, CHALLENGER, BATCHER, SIGNER, BOB];
        address[9] memory places = [
            address(portal),
            address(registry),
            address(factory),
            address(config),
            address(l1Messenger),
            address(l1Bridge),
            address(bonds),
            address(operators),
            address(admin)
        ];
        vm.prank(keys[who % 6]);
        // Whether it succeeds does not matter: the laws must hold after it.
        (bool ok,) = places[where % 9].call(abi.encodePacked(what, words));
        count("anyCall", ok || !ok);
    }

    /* TIME */

    /// @dev Before the clock of a wrong claim ends, the honest challenger is awake once.
    function time(uint32 seconds_) external {
        uint256 until = block.timestamp + bound(seconds_, 1, 9 days);
        for (uint256 i = wrongOpen.length; i > 0; --i) {
            BootstrapGame one = claims[wrongOpen[i - 1]].game;
            bool open = one.status() == GameStatus.IN_PROGRESS;
            if (open && until < one.createdAt() + one.maxClockDuration()) continue;
            if (open) {
                vm.prank(CHALLENGER);
                one.cancel();
            }
            wrongOpen[i - 1] = wrongOpen[wrongOpen.length - 1];
            wrongOpen.pop();
        }
        pass(until - block.timestamp);
        count("time", true);
    }

    /* ANY OF THE ABOVE */

    /// @dev One step with arguments that mostly make sense; time passes often, the guardian rarely acts.
    function act(uint256 draw) external {
        uint256 kind = draw % 32;
        uint256 more_ = draw >> 8;
        if (kind < 3) this.deposit(uint96(more_), 21_000);
        else if (kind < 7) this.initiate(uint96(more_ % 3 ether), uint32(more_), more_ % 2 == 0);
        else if (kind < 10) this.claim();
        else if (kind == 10) this.claimWrong(uint8(more_));
        else if (kind < 14) this.resolve(recent(claims.length, more_));
        else if (kind == 14) this.claimCredit(recent(claims.length, more_));
        else if (kind < 18) this.prove(more_, recent(claims.length, more_));
        else if (kind == 18) this.proveForged(recent(claims.length, more_), more_, uint8(more_));
        else if (kind < 23) this.finalize(ripe(more_), more_ >> 8);
        else if (kind == 23) this.again(kept(more_), more_ >> 8);
        else if (kind == 24) this.finalizeForged(more_);
        else if (kind == 25) this.moodOf(uint8(more_));
        else if (kind == 26) this.guardian(more_, uint8(more_ >> 8));
        else if (kind == 27) this.challenger(recent(claims.length, more_));
        else if (kind == 28) this.anyCall(uint8(more_), uint8(more_ >> 8), knownCall(more_ >> 16), wordsOf(draw));
        else this.time(uint32(more_));
    }

    /// @dev Mostly one that was proven.
    function ripe(uint256 draw) private view returns (uint256) {
        return ripening.length == 0 || draw % 16 == 0 ? draw : ripening[draw % ripening.length];
    }

    /// @dev From some place on, the first that waits in the messenger.
    function kept(uint256 draw) private view returns (uint256) {
        for (uint256 i; i < withdrawals.length; ++i) {
            uint256 index = (draw % withdrawals.length + i) % withdrawals.length;
            Sent storage sent = withdrawals[index];
            if (sent.byMessenger && sent.finalized && !sent.paid) return index;
        }
        return draw;
    }

    function drop(uint256 index) private {
        for (uint256 i; i < ripening.length; ++i) {
            if (ripening[i] != index) continue;
            ripening[i] = ripening[ripening.length - 1];
            ripening.pop();
            return;
        }
    }

    /// @dev One of the last few.
    function recent(uint256 length, uint256 draw) private pure returns (uint256) {
        if (length == 0) return 0;
        return length - 1 - draw % (length < 12 ? length : 12);
    }

    /// @dev Selectors that a thief would try first.
    function knownCall(uint256 draw) private view returns (bytes4) {
        bytes4[8] memory some = [
            registry.setRespectedGameType.selector,
            registry.setGuardian.selector,
            registry.setAnchorState.selector,
            factory.setImplementation.selector,
            admin.upgrade.selector,
            bonds.withdraw.selector,
            operators.setProposer.selector,
            portal.donateETH.selector
        ];
        return some[draw % 8];
    }

    function wordsOf(uint256 draw) private pure returns (bytes32[6] memory words) {
        for (uint256 i; i < 6; ++i) {
            words[i] = bytes32(uint256(uint160(uint256(keccak256(abi.encode(draw, i))))));
        }
    }

    /* VIEW */

    function portalBalance() external view returns (uint256) {
        return address(portal).balance;
    }

    function messengerBalance() external view returns (uint256) {
        return address(l1Messenger).balance;
    }

    function moodyBalance() external view returns (uint256) {
        return address(moody).balance;
    }

    function anyForgeryFinalized() external view returns (bool) {
        for (uint256 i = forgeries.length; i > 0 && i + 8 > forgeries.length; --i) {
            if (portal.finalizedWithdrawals(Hashing.withdrawal(forgeries[i - 1]))) return true;
        }
        return false;
    }

    /* HELPERS */

    function count(bytes32 action, bool ok) private {
        if (ok) ++calls[action];
    }

    function messageOf(bytes32 key) private view returns (bool, WithdrawalTransaction memory message) {
        uint256 index = indexOf[key];
        if (index != 0) return (true, withdrawals[index - 1].message);
        for (uint256 i = forgeries.length; i > 0; --i) {
            if (slotOf(Hashing.withdrawal(forgeries[i - 1])) == key) return (true, forgeries[i - 1]);
        }
    }
}
