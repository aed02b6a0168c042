// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Zoo
/// @notice One of each kind of thing that a transaction can do, for mixed traffic.
contract Zoo {
    /* TYPES */

    /// @notice A custom error with arguments of both kinds of ABI encoding.
    error Refused(address caller, uint256 code, string why);

    /// @notice A child was made.
    event Child(address indexed child, uint256 value);
    /// @notice A numbered log.
    event Noise(uint256 indexed index, bytes32 indexed tag, bytes data);
    /// @notice Ether came in.
    event Fed(address indexed from, uint256 value);
    /// @notice A call to itself was tried and came back.
    event Tried(bool success, bytes result);

    /* STORAGE */

    /// @notice Slots that are written and cleared at will.
    mapping(uint256 index => uint256 value) public cells;

    /// @notice Number of calls that changed something.
    uint256 public count;

    /// @notice The last child made.
    address public lastChild;

    /* ETHER */

    /// @notice Takes ether.
    receive() external payable {
        emit Fed(msg.sender, msg.value);
    }

    /// @notice Sends ether on to `to`.
    function feed(address payable to) external payable {
        (bool sent,) = to.call{value: msg.value}("");
        require(sent, "Zoo: refused food");
    }

    /* FAILURES */

    /// @notice Reverts with a reason.
    function failWithReason(string calldata reason) external pure {
        revert(reason);
    }

    /// @notice Reverts with a custom error.
    function failWithError(uint256 code, string calldata why) external view {
        revert Refused(msg.sender, code, why);
    }

    /// @notice Reverts with a panic: division by zero for `divisor` 0.
    function failWithPanic(uint256 divisor) external pure returns (uint256) {
        return 1 / divisor;
    }

    /// @notice Reverts without data.
    function failSilently() external pure {
        assembly ("memory-safe") {
            revert(0, 0)
        }
    }

    /// @notice Ends with an invalid instruction, which takes all gas.
    function failInvalid() external pure {
        assembly ("memory-safe") {
            invalid()
        }
    }

    /// @notice Runs until the gas is gone.
    function burnAllGas() external {
        for (uint256 i = 0;; ++i) {
            cells[i % 4] = i;
        }
    }

    /// @notice Calls itself with `data`, lets it fail and goes on.
    function attempt(bytes calldata data, uint256 gasLimit) external {
        ++count;
        (bool success, bytes memory result) = address(this).call{gas: gasLimit}(data);
        emit Tried(success, result);
    }

    /* STORAGE AND LOGS */

    /// @notice Writes `value` to `amount` cells from `start` on; zero clears them and earns a refund.
    function fill(uint256 start, uint256 amount, uint256 value) external {
        ++count;
        for (uint256 i = start; i < start + amount; ++i) {
            cells[i] = value;
        }
    }

    /// @notice Writes logs.
    function shout(uint256 amount, bytes32 tag, bytes calldata data) external {
        for (uint256 i = 0; i < amount; ++i) {
            emit Noise(i, tag, data);
        }
    }

    /// @notice Keeps a value for the length of the transaction and reads it back (EIP-1153).
    function remember(uint256 slot, uint256 value) external returns (uint256 got) {
        ++count;
        assembly ("memory-safe") {
            tstore(slot, value)
            got := tload(slot)
        }
    }

    /// @notice Uses `rounds` of hashing.
    function work(uint256 rounds) external returns (bytes32 digest) {
        ++count;
        for (uint256 i = 0; i < rounds; ++i) {
            digest = keccak256(abi.encode(digest, i));
        }
    }

    /* CHILDREN */

    /// @notice Makes a child with the value sent along.
    function create() external payable returns (address) {
        return _keep(new ZooChild{value: msg.value}());
    }

    /// @notice Makes a child at an address that follows from `salt`; a second time it fails.
    function create2(bytes32 salt) external payable returns (address) {
        return _keep(new ZooChild{salt: salt, value: msg.value}());
    }

    /// @notice Makes a child and destroys it in the same transaction, which removes it (EIP-6780).
    function createAndDestroy(address payable heir) external payable {
        ++count;
        ZooChild child = new ZooChild{value: msg.value}();
        child.write(1);
        child.destroy(heir);
        emit Child(address(child), 0);
    }

    /// @notice The same with itself as the heir, which takes the ether out of supply.
    function createAndBurn() external payable {
        ++count;
        ZooChild child = new ZooChild{value: msg.value}();
        child.destroy(payable(address(child)));
        emit Child(address(child), 0);
    }

    /// @notice Makes a child, destroys it, and makes it again at the same address in the same transaction.
    /// @dev The second creation fails, for the first one's code stands until the transaction ends.
    function createDestroyCreate(bytes32 salt, address payable heir) external payable {
        ++count;
        ZooChild child = new ZooChild{salt: salt, value: msg.value}();
        child.destroy(heir);
        (bool success, bytes memory result) = address(this).call(abi.encodeCall(this.create2, (salt)));
        emit Tried(success, result);
    }

    /// @notice Destroys a child made earlier, which only moves its ether.
    function destroy(ZooChild child, address payable heir) external {
        ++count;
        child.destroy(heir);
    }

    function _keep(ZooChild child) internal returns (address) {
        ++count;
        lastChild = address(child);
        emit Child(address(child), msg.value);
        return address(child);
    }
}

/// @title ZooChild
/// @notice What Zoo makes.
contract ZooChild {
    /// @notice Any value.
    uint256 public value;

    constructor() payable {}

    /// @notice Takes ether.
    receive() external payable {}

    /// @notice Stores a value.
    function write(uint256 value_) external {
        value = value_;
    }

    /// @notice Gives all ether to `heir`; removes the code only in the transaction that made it.
    function destroy(address payable heir) external {
        selfdestruct(heir);
    }
}

/// @title Delegate
/// @notice What an account may delegate to (EIP-7702): runs calls in the account's own name.
contract Delegate {
    /// @notice One call to make.
    struct Call {
        address to;
        uint256 value;
        bytes data;
    }

    /// @notice A call of the list failed.
    error CallFailed(uint256 index, bytes reason);

    /// @notice The account ran some calls.
    event Ran(address indexed account, address indexed by, uint256 calls);

    /// @notice Calls made so far by the account.
    uint256 public ran;

    /// @notice Takes ether, so that a delegated account still can.
    receive() external payable {}

    /// @notice Makes the calls in order; all or none.
    function run(Call[] calldata calls) external payable {
        ran += calls.length;
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool success, bytes memory result) = calls[i].to.call{value: calls[i].value}(calls[i].data);
            if (!success) revert CallFailed(i, result);
        }
        emit Ran(address(this), msg.sender, calls.length);
    }
}
