// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Proxy} from "../../src/l1/Proxy.sol";
import {ProxyAdmin} from "../../src/l1/ProxyAdmin.sol";
import {Timelock} from "../../src/l1/Timelock.sol";
import {IProxy} from "../../src/l1/interfaces/IProxy.sol";
import {Cheats} from "./helpers/Cheats.sol";

contract Counter {
    uint256 public count;

    error Refused(uint256 count);

    function add(uint256 by) external payable returns (uint256) {
        count += by;
        return count;
    }

    function refuse() external view {
        revert Refused(count);
    }

    /// @dev The name of a function of the proxy.
    function admin() external pure returns (address) {
        return address(0xC0DE);
    }

    receive() external payable {
        ++count;
    }
}

contract ProxyTest is Cheats {
    bytes32 internal constant IMPLEMENTATION = bytes32(uint256(keccak256("eip1967.proxy.implementation")) - 1);
    bytes32 internal constant ADMIN = bytes32(uint256(keccak256("eip1967.proxy.admin")) - 1);

    ProxyAdmin internal admin = new ProxyAdmin(address(this));
    Proxy internal proxy = new Proxy(address(admin));
    address internal first = address(new Counter());

    function test_nothing_answers_before_there_is_an_implementation() public {
        vm.expectRevert(IProxy.ProxyNotInitialized.selector);
        Counter(payable(address(proxy))).count();
    }

    function testFuzz_calls_reach_the_implementation_and_its_answers_come_back(uint96 by, uint96 value) public {
        admin.upgrade(address(proxy), first);
        Counter counter = Counter(payable(address(proxy)));
        vm.deal(ALICE, value);
        vm.prank(ALICE);
        assertEq(counter.add{value: value}(by), by);
        assertEq(counter.count(), by);
        assertEq(address(proxy).balance, value);
        assertEq(Counter(payable(first)).count(), 0);
        vm.expectRevert(abi.encodeWithSelector(Counter.Refused.selector, by));
        counter.refuse();
        (bool ok,) = address(proxy).call("");
        assertTrue(ok, "a plain transfer");
        assertEq(counter.count(), uint256(by) + 1);
    }

    function test_slots_are_those_of_erc_1967() public {
        admin.upgrade(address(proxy), first);
        assertEq(vm.load(address(proxy), IMPLEMENTATION), bytes32(uint256(uint160(first))));
        assertEq(vm.load(address(proxy), ADMIN), bytes32(uint256(uint160(address(admin)))));
        assertEq(admin.getProxyImplementation(address(proxy)), first);
        assertEq(admin.getProxyAdmin(address(proxy)), address(admin));
        // Others do not see the proxy's own functions.
        assertEq(Counter(payable(address(proxy))).admin(), address(0xC0DE));
    }

    function test_upgrade_keeps_the_storage_and_may_call() public {
        admin.upgradeAndCall{value: 3}(address(proxy), first, abi.encodeCall(Counter.add, (5)));
        address second = address(new Counter());
        vm.expectEmit();
        emit IProxy.Upgraded(second);
        admin.upgrade(address(proxy), second);
        assertEq(Counter(payable(address(proxy))).count(), 5);
        vm.expectRevert(abi.encodeWithSelector(Counter.Refused.selector, uint256(5)));
        admin.upgradeAndCall(address(proxy), first, abi.encodeCall(Counter.refuse, ()));
        assertEq(admin.getProxyImplementation(address(proxy)), second);
        vm.expectRevert(abi.encodeWithSelector(IProxy.ProxyNoCode.selector, ALICE));
        admin.upgrade(address(proxy), ALICE);
    }

    function testFuzz_a_stranger_upgrades_nothing(address stranger) public {
        vm.assume(stranger != address(admin) && stranger != address(0) && stranger != address(this));
        admin.upgrade(address(proxy), first);
        vm.startPrank(stranger);
        bytes[4] memory calls = [
            abi.encodeCall(IProxy.upgradeTo, (first)),
            abi.encodeCall(IProxy.upgradeToAndCall, (first, "")),
            abi.encodeCall(IProxy.changeAdmin, (stranger)),
            abi.encodeCall(IProxy.implementation, ())
        ];
        for (uint256 i; i < 4; ++i) {
            (bool ok,) = try_(address(proxy), calls[i]);
            assertTrue(!ok, "reached the proxy");
        }
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        admin.upgrade(address(proxy), stranger);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        admin.changeProxyAdmin(address(proxy), stranger);
        assertEq(vm.load(address(proxy), ADMIN), bytes32(uint256(uint160(address(admin)))));
    }

    /// Derivation sends transactions from the zero address to upgrade predeploys at a fork.
    function test_the_zero_address_upgrades() public {
        vm.prank(address(0));
        proxy.upgradeTo(first);
        assertEq(admin.getProxyImplementation(address(proxy)), first);
    }

    function test_admin_goes_on() public {
        admin.upgrade(address(proxy), first);
        ProxyAdmin next = new ProxyAdmin(ALICE);
        admin.changeProxyAdmin(address(proxy), address(next));
        assertEq(next.getProxyAdmin(address(proxy)), address(next));
        more.expectRevert();
        admin.upgrade(address(proxy), first);
        vm.prank(ALICE);
        next.upgrade(address(proxy), first);
    }

    /// What the timelock's owner wants has been public for the whole delay, and nobody can shorten it.
    function test_upgrade_waits_for_the_timelock() public {
        address[] memory one = new address[](1);
        one[0] = ALICE;
        Timelock timelock = new Timelock(30 days, one, one);
        ProxyAdmin owned = new ProxyAdmin(address(timelock));
        Proxy guarded = new Proxy(address(owned));
        bytes memory call_ = abi.encodeCall(owned.upgrade, (address(guarded), first));
        vm.startPrank(ALICE);
        more.expectRevert();
        timelock.schedule(address(owned), 0, call_, 0, 0, 30 days - 1);
        timelock.schedule(address(owned), 0, call_, 0, 0, 30 days);
        vm.warp(block.timestamp + 30 days - 1);
        more.expectRevert();
        timelock.execute(address(owned), 0, call_, 0, 0);
        more.expectRevert();
        timelock.updateDelay(0);
        vm.warp(block.timestamp + 1);
        timelock.execute(address(owned), 0, call_, 0, 0);
        vm.stopPrank();
        assertEq(vm.load(address(guarded), IMPLEMENTATION), bytes32(uint256(uint160(first))));
        assertTrue(!timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), address(this)), "no administrator");
        assertTrue(!timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), ALICE), "no administrator");
    }
}
