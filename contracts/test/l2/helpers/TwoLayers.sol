// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {OptimismMintableERC20Factory} from "../../../src/bridge/OptimismMintableERC20Factory.sol";
import {Predeploys} from "../../../src/bridge/libraries/Predeploys.sol";
import {BootstrapGame} from "../../../src/l1/BootstrapGame.sol";
import {WithdrawalTransaction} from "../../../src/l1/types/Types.sol";
import {L2CrossDomainMessenger} from "../../../src/l2/L2CrossDomainMessenger.sol";
import {L2StandardBridge} from "../../../src/l2/L2StandardBridge.sol";
import {L2ToL1MessagePasser} from "../../../src/l2/L2ToL1MessagePasser.sol";
import {Vm} from "../../helpers/Test.sol";
import {Settlement} from "../../l1/helpers/Settlement.sol";

/// @title L1 and L2 in one machine
/// @notice The predeploys stand at their addresses beside the L1 contracts. Deposits are taken from their events and
/// run as derivation would; withdrawals are taken from theirs, put into a trie, claimed, proven and finalized.
abstract contract TwoLayers is Settlement {
    bytes32 private constant DEPOSITED = 0xb3813568d9991fc951961fcb4c784893574240a28925604d09fc577c55bb7c32;
    bytes32 private constant PASSED = 0x02a52367d10742d8032712c1bb8e0144ff1ec5ffda1ed7d70bb05a2744955054;

    L2CrossDomainMessenger internal l2Messenger = L2CrossDomainMessenger(Predeploys.L2_CROSS_DOMAIN_MESSENGER);
    L2StandardBridge internal l2Bridge = L2StandardBridge(payable(Predeploys.L2_STANDARD_BRIDGE));
    OptimismMintableERC20Factory internal l2TokenFactory =
        OptimismMintableERC20Factory(Predeploys.OPTIMISM_MINTABLE_ERC20_FACTORY);
    L2ToL1MessagePasser internal passer = L2ToL1MessagePasser(payable(Predeploys.L2_TO_L1_MESSAGE_PASSER));

    function setUp() public virtual override {
        super.setUp();
        vm.etch(address(l2Messenger), address(new L2CrossDomainMessenger(address(l1Messenger))).code);
        vm.etch(address(l2Bridge), address(new L2StandardBridge(address(l1Bridge))).code);
        vm.etch(address(l2TokenFactory), address(new OptimismMintableERC20Factory(address(l2Bridge))).code);
        vm.etch(address(passer), address(new L2ToL1MessagePasser()).code);
        more.recordLogs();
    }

    /// @dev Runs the newest deposit on L2; whether its call succeeded. The ether stays where it is on L1.
    function deliver() internal returns (bool success) {
        Vm.Log memory log = newest(DEPOSITED);
        bytes memory content = abi.decode(log.data, (bytes));
        address from = address(uint160(uint256(log.topics[1])));
        address to = address(uint160(uint256(log.topics[2])));
        (uint256 mint, uint256 value, uint64 gasLimit) =
            (wordAt(content, 0), wordAt(content, 32), uint64(wordAt(content, 64) >> 192));
        bytes memory data = new bytes(content.length - 73);
        uint256 tokens;
        for (uint256 i; i < data.length; ++i) {
            data[i] = content[73 + i];
            tokens += data[i] == 0 ? 1 : 4;
        }
        vm.deal(from, from.balance + mint);
        // What the transaction itself takes before its call.
        uint256 gas_ = gasLimit - 21_000 - 4 * tokens;
        more.prank(from, from);
        (success,) = to.call{value: value, gas: gas_}(data);
    }

    /// @dev The newest withdrawal as the message passer recorded it.
    function sent() internal returns (WithdrawalTransaction memory message) {
        Vm.Log memory log = newest(PASSED);
        message.nonce = uint256(log.topics[1]);
        message.sender = address(uint160(uint256(log.topics[2])));
        message.target = address(uint160(uint256(log.topics[3])));
        (message.value, message.gasLimit, message.data,) = abi.decode(log.data, (uint256, uint256, bytes, bytes32));
    }

    /// @dev Claims, proves and waits for the newest withdrawal, up to where it can be finalized.
    function ripen() internal returns (WithdrawalTransaction memory message) {
        message = sent();
        settle(claimAndProve(message, BOB));
        pass(MATURITY);
    }

    /// @dev The same, and finalizes it.
    function finish() internal returns (WithdrawalTransaction memory message) {
        message = ripen();
        portal.finalizeWithdrawalTransactionExternalProof(message, BOB);
    }

    function newest(bytes32 topic) internal returns (Vm.Log memory log) {
        Vm.Log[] memory logs = more.getRecordedLogs();
        for (uint256 i = logs.length; i > 0; --i) {
            log = logs[i - 1];
            if (log.topics.length > 0 && log.topics[0] == topic) return log;
        }
        revert("no such event");
    }

    function wordAt(bytes memory data, uint256 offset) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 0x20), offset))
        }
    }
}
