// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {CrossDomainMessenger} from "../../src/bridge/CrossDomainMessenger.sol";
import {OptimismMintableERC20} from "../../src/bridge/OptimismMintableERC20.sol";
import {ICrossDomainMessenger} from "../../src/bridge/interfaces/ICrossDomainMessenger.sol";
import {IOptimismMintableERC20Factory} from "../../src/bridge/interfaces/IOptimismMintableERC20Factory.sol";
import {IStandardBridge} from "../../src/bridge/interfaces/IStandardBridge.sol";
import {Predeploys} from "../../src/bridge/libraries/Predeploys.sol";
import {IL1StandardBridge} from "../../src/l1/interfaces/IL1StandardBridge.sol";
import {IOptimismPortal} from "../../src/l1/interfaces/IOptimismPortal.sol";
import {Hashing} from "../../src/l1/libraries/Hashing.sol";
import {WithdrawalTransaction} from "../../src/l1/types/Types.sol";
import {IL2StandardBridge} from "../../src/l2/interfaces/IL2StandardBridge.sol";
import {TwoLayers} from "./helpers/TwoLayers.sol";

contract Token is ERC20 {
    constructor() ERC20("Token", "TOK") {
        _mint(msg.sender, 1e30);
    }
}

/// @notice Keeps a hundredth of each transfer.
contract FeeToken is ERC20 {
    constructor() ERC20("Fee", "FEE") {
        _mint(msg.sender, 1e30);
    }

    function _update(address from, address to, uint256 value) internal override {
        if (from == address(0)) return super._update(from, to, value);
        super._update(from, address(1), value / 100);
        super._update(from, to, value - value / 100);
    }
}

/// @notice Calls its sender before it moves anything, as ERC-777 tokens do.
contract CallingToken is ERC20 {
    address internal hooked;

    constructor() ERC20("Calling", "CALL") {
        _mint(msg.sender, 1e30);
    }

    function hook(address who) external {
        hooked = who;
    }

    function _update(address from, address to, uint256 value) internal override {
        if (from == hooked && from != address(0)) Reenterer(from).called();
        super._update(from, to, value);
    }
}

contract Reenterer {
    IStandardBridge internal immutable bridge;
    address internal immutable token;
    bool internal inside;
    bool public refused;

    constructor(IStandardBridge bridge_, address token_) {
        (bridge, token) = (bridge_, token_);
        ERC20(token_).approve(address(bridge_), type(uint256).max);
    }

    function go() external {
        bridge.bridgeERC20To(token, address(7), address(this), 100, 200_000, "");
    }

    function called() external {
        if (inside) return;
        inside = true;
        try bridge.bridgeERC20To(token, address(7), address(this), 50, 200_000, "") {}
        catch {
            refused = true;
        }
    }
}

/// @notice Ether and tokens to L2 and back, through messengers, portal, message passer and proofs.
contract BridgeTest is TwoLayers {
    Token internal token;
    OptimismMintableERC20 internal standIn;

    function setUp() public override {
        super.setUp();
        vm.deal(ALICE, 100 ether);
        vm.prank(ALICE);
        token = new Token();
        standIn = OptimismMintableERC20(l2TokenFactory.createOptimismMintableERC20(address(token), "Token", "TOK"));
    }

    /* ETHER */

    function testFuzz_ether_there_and_back(uint96 amount, bytes calldata extra) public {
        amount = uint96(bound(amount, 1, 100 ether));
        vm.expectEmit();
        emit IL1StandardBridge.ETHDepositInitiated(ALICE, BOB, amount, extra);
        vm.expectEmit();
        emit IStandardBridge.ETHBridgeInitiated(ALICE, BOB, amount, extra);
        as_(ALICE);
        l1Bridge.depositETHTo{value: amount}(BOB, 200_000, extra);
        assertEq(address(portal).balance, amount);
        assertTrue(deliver(), "delivered");
        assertEq(BOB.balance, amount);

        vm.expectEmit();
        emit IL2StandardBridge.WithdrawalInitiated(address(0), Predeploys.LEGACY_ERC20_ETH, BOB, ALICE, amount, extra);
        as_(BOB);
        l2Bridge.bridgeETHTo{value: amount}(ALICE, 200_000, extra);
        assertEq(BOB.balance, 0);
        vm.deal(ALICE, 0);
        finish();
        assertEq(ALICE.balance, amount);
        assertEq(address(portal).balance, 0);
    }

    function test_every_way_in_for_ether() public {
        bytes[4] memory calls = [
            bytes(""),
            abi.encodeCall(l1Bridge.depositETH, (200_000, "")),
            abi.encodeCall(l1Bridge.bridgeETH, (200_000, "")),
            abi.encodeCall(l1Bridge.bridgeETHTo, (ALICE, 200_000, ""))
        ];
        for (uint256 i; i < 4; ++i) {
            vm.deal(ALICE, 1 ether);
            as_(ALICE);
            (bool ok,) = address(l1Bridge).call{value: 1 ether}(calls[i]);
            assertTrue(ok && deliver(), "in");
            assertEq(ALICE.balance, 1 ether);
        }
        bytes[3] memory out = [
            bytes(""),
            abi.encodeCall(l2Bridge.withdraw, (Predeploys.LEGACY_ERC20_ETH, 1 ether, 200_000, "")),
            abi.encodeCall(l2Bridge.withdrawTo, (Predeploys.LEGACY_ERC20_ETH, ALICE, 1 ether, 200_000, ""))
        ];
        for (uint256 i; i < 3; ++i) {
            as_(ALICE);
            (bool ok,) = address(l2Bridge).call{value: 1 ether}(out[i]);
            assertTrue(ok, "out");
            assertEq(ALICE.balance, 0);
            finish();
            assertEq(ALICE.balance, 1 ether);
        }
    }

    function test_wrong_value_is_refused() public {
        as_(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IStandardBridge.BridgeWrongValue.selector, 1 ether, 2 ether));
        l2Bridge.withdraw{value: 1 ether}(Predeploys.LEGACY_ERC20_ETH, 2 ether, 200_000, "");
        as_(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IStandardBridge.BridgeWrongValue.selector, 1 ether, 0));
        l2Bridge.withdraw{value: 1 ether}(address(standIn), 2 ether, 200_000, "");
    }

    function test_contracts_say_where_to() public {
        bytes memory refusal = abi.encodeWithSelector(IStandardBridge.BridgeOnlyAccounts.selector, address(this));
        more.prank(address(this), ALICE);
        vm.expectRevert(refusal);
        l1Bridge.bridgeETH(200_000, "");
        more.prank(address(this), ALICE);
        vm.expectRevert(refusal);
        l1Bridge.depositERC20(address(token), address(standIn), 1, 200_000, "");
        more.prank(address(this), ALICE);
        l1Bridge.bridgeETHTo(BOB, 200_000, "");
    }

    /* TOKENS */

    function testFuzz_tokens_there_and_back(uint128 amount, uint128 back) public {
        amount = uint128(bound(amount, 1, 1e30));
        back = uint128(bound(back, 0, amount));
        depositTokens(amount);
        assertEq(l1Bridge.deposits(address(token), address(standIn)), amount);
        assertEq(standIn.balanceOf(BOB), amount);
        assertEq(standIn.totalSupply(), amount);

        vm.expectEmit();
        emit IStandardBridge.ERC20BridgeInitiated(address(standIn), address(token), BOB, ALICE, back, hex"42");
        as_(BOB);
        l2Bridge.withdrawTo(address(standIn), ALICE, back, 200_000, hex"42");
        assertEq(standIn.totalSupply(), amount - back);
        finish();
        // What is locked on L1 is what there is on L2.
        assertEq(l1Bridge.deposits(address(token), address(standIn)), amount - back);
        assertEq(token.balanceOf(address(l1Bridge)), amount - back);
        assertEq(token.balanceOf(ALICE), 1e30 - amount + back);
    }

    /// Tokens born on L2 go to a stand-in on L1 by the same contracts.
    function test_tokens_of_l2_there_and_back() public {
        address away = l1TokenFactory.createStandardL2Token(address(token), "Token", "TOK");
        vm.startPrank(ALICE);
        token.approve(address(l2Bridge), 100);
        l2Bridge.bridgeERC20To(address(token), away, BOB, 100, 200_000, "");
        vm.stopPrank();
        assertEq(l2Bridge.deposits(address(token), away), 100);
        finish();
        assertEq(OptimismMintableERC20(away).balanceOf(BOB), 100);
        as_(BOB);
        l1Bridge.bridgeERC20(away, address(token), 100, 200_000, "");
        assertTrue(deliver(), "delivered");
        assertEq(token.balanceOf(BOB), 100);
        assertEq(l2Bridge.deposits(address(token), away), 0);
    }

    function test_fee_of_a_token_is_not_promised() public {
        vm.startPrank(ALICE);
        FeeToken fee = new FeeToken();
        fee.approve(address(l1Bridge), 1_000);
        l1Bridge.bridgeERC20To(address(fee), address(7), BOB, 1_000, 200_000, "");
        vm.stopPrank();
        assertEq(fee.balanceOf(address(l1Bridge)), 990);
        assertEq(l1Bridge.deposits(address(fee), address(7)), 990);
    }

    /// A token that calls its sender gives it no way to have one transfer counted twice.
    function test_token_that_calls_back_is_counted_once() public {
        vm.startPrank(ALICE);
        CallingToken calling = new CallingToken();
        Reenterer thief = new Reenterer(l1Bridge, address(calling));
        calling.transfer(address(thief), 1_000);
        calling.hook(address(thief));
        vm.stopPrank();
        thief.go();
        assertTrue(thief.refused(), "the inner transfer was taken");
        assertEq(l1Bridge.deposits(address(calling), address(7)), calling.balanceOf(address(l1Bridge)));
    }

    function test_wrong_pair_is_refused() public {
        depositTokens(100);
        bytes memory refusal =
            abi.encodeWithSelector(IStandardBridge.BridgeWrongPair.selector, address(standIn), address(9));
        as_(BOB);
        vm.expectRevert(refusal);
        l2Bridge.bridgeERC20(address(standIn), address(9), 1, 200_000, "");
    }

    /// A deposit for a stand-in of another token mints nothing, and stays there for another try.
    function test_deposit_for_a_wrong_stand_in_mints_nothing() public {
        vm.startPrank(ALICE);
        Token worthless = new Token();
        worthless.approve(address(l1Bridge), 100);
        l1Bridge.bridgeERC20To(address(worthless), address(standIn), BOB, 100, 200_000, "");
        vm.stopPrank();
        deliver();
        assertEq(standIn.totalSupply(), 0);
        // And nothing locked for the true token can be freed by it.
        assertEq(l1Bridge.deposits(address(token), address(standIn)), 0);
    }

    function test_only_the_other_bridge_finishes() public {
        vm.expectRevert(abi.encodeWithSelector(IStandardBridge.BridgeOnlyOtherBridge.selector, address(this)));
        l1Bridge.finalizeBridgeERC20(address(token), address(standIn), ALICE, ALICE, 1, "");
        vm.expectRevert(abi.encodeWithSelector(IStandardBridge.BridgeOnlyOtherBridge.selector, address(this)));
        l1Bridge.finalizeETHWithdrawal(ALICE, ALICE, 0, "");
        // A message of somebody else through the messenger: kept, and never delivered.
        bytes memory forged =
            abi.encodeCall(l1Bridge.finalizeBridgeERC20, (address(token), address(standIn), BOB, BOB, 50, ""));
        depositTokens(100);
        as_(BOB);
        l2Messenger.sendMessage(address(l1Bridge), forged, 200_000);
        finish();
        assertEq(token.balanceOf(BOB), 0);
        assertEq(l1Bridge.deposits(address(token), address(standIn)), 100);
    }

    function test_ether_for_the_bridge_itself_waits_in_the_messenger() public {
        as_(ALICE);
        l1Bridge.depositETHTo{value: 1 ether}(address(l2Bridge), 200_000, "");
        assertTrue(deliver(), "the transaction");
        assertEq(address(l2Messenger).balance, 1 ether);
    }

    /* TOKENS AND THEIR MAKER */

    function test_token_of_the_factory() public {
        assertEq(l2TokenFactory.deployments(address(standIn)), address(token));
        assertEq(standIn.remoteToken(), address(token));
        assertEq(standIn.l1Token(), address(token));
        assertEq(standIn.bridge(), address(l2Bridge));
        assertEq(standIn.l2Bridge(), address(l2Bridge));
        assertTrue(standIn.supportsInterface(0x01ffc9a7), "ERC-165");
        assertTrue(standIn.supportsInterface(0x1d1d8b63), "older id");
        assertTrue(standIn.supportsInterface(0xec4fc8e3), "newer id");
        assertTrue(!standIn.supportsInterface(0xffffffff), "none");
        vm.expectRevert(abi.encodeWithSelector(OptimismMintableERC20.MintableOnlyBridge.selector, address(this)));
        standIn.mint(address(this), 1);
        vm.expectRevert(abi.encodeWithSelector(OptimismMintableERC20.MintableOnlyBridge.selector, address(this)));
        standIn.burn(BOB, 1);
        vm.expectRevert(IOptimismMintableERC20Factory.MintableFactoryNoRemoteToken.selector);
        l2TokenFactory.createStandardL2Token(address(0), "", "");
        address six = l2TokenFactory.createOptimismMintableERC20WithDecimals(address(token), "Six", "SIX", 6);
        assertEq(OptimismMintableERC20(six).decimals(), 6);
        assertEq(standIn.decimals(), 18);
    }

    /* HELPERS */

    function depositTokens(uint256 amount) internal {
        vm.prank(ALICE);
        token.approve(address(l1Bridge), amount);
        as_(ALICE);
        l1Bridge.depositERC20To(address(token), address(standIn), BOB, amount, 200_000, hex"42");
        assertTrue(deliver(), "delivered");
    }
}
