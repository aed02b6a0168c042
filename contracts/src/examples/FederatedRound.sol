// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Tensor} from "../ai/libraries/Tensor.sol";

/// @notice Errors and events of rounds.
interface IFederatedRound {
    /// @notice A client handed in the update `id`, with a weight.
    event Submitted(uint256 indexed round, address indexed client, bytes32 id, uint32 samples);

    /// @notice A round ended with the model `id`.
    event Closed(uint256 indexed round, bytes32 id, uint256 clients);

    /// @notice A round ended without a model.
    event Abandoned(uint256 indexed round);

    /// @notice The stored tensor is not one of `dtype` with `d` elements.
    error RoundWrongTensor(bytes32 id);

    /// @notice The tensor could expire before the round ends.
    error RoundExpiresTooEarly(uint64 expiry, uint64 deadline);

    /// @notice The client has handed in its update.
    error RoundSubmittedBefore(address client);

    /// @notice Weights are 1 to 2^24 - 1, so that no number of clients can overflow their sum.
    error RoundBadWeight(uint32 samples);

    /// @notice The round is full.
    error RoundFull(uint256 clients);

    /// @notice Fewer clients than needed.
    error RoundTooFew(uint256 got, uint256 want);

    /// @notice The lists are not what was handed in, in that order.
    error RoundListsDiffer(bytes32 got, bytes32 want);

    /// @notice The round's time is over, or not yet.
    error RoundWrongTime(uint64 deadline);
}

/// @title FederatedRound
/// @notice Clients hand in updates as stored tensors; who closes the round combines them. One contract runs one round
/// after the other.
/// @dev The contract keeps only a running hash of what was handed in: whoever closes the round lists it again, from the
/// events, which is about 2,000 gas a client cheaper than reading it from storage.
///
/// Warning: updates are public. Weights are what the clients claim.
abstract contract FederatedRound is IFederatedRound {
    /* CONSTANTS */

    /// @notice Limit of the operations.
    uint256 public constant CLIENTS_MAX = 256;

    uint32 private constant SAMPLES_MAX = (1 << 24) - 1;

    /* IMMUTABLES */

    /// @notice Type of the updates' elements.
    uint8 public immutable dtype;

    /// @notice Elements of an update.
    uint32 public immutable d;

    /// @notice Least number of clients of a round.
    uint256 public immutable quorum;

    /// @notice Length of a round in seconds.
    uint64 public immutable duration;

    /* STORAGE */

    /// @notice Number of the running round, from 1.
    uint256 public round;

    /// @notice Unix seconds at which the running round ends.
    uint64 public deadline;

    /// @notice Clients of the running round.
    uint64 public clients;

    /// @notice Hash over all that was handed in: `keccak256(before ++ id ++ samples as 32 bytes)`, from zero.
    bytes32 public submissions;

    /// @notice The model of the last round that was closed.
    bytes32 public model;

    mapping(uint256 round => mapping(address client => bool)) private _submitted;

    constructor(uint8 dtype_, uint32 d_, uint256 quorum_, uint64 duration_) {
        (dtype, d, quorum, duration) = (dtype_, d_, quorum_, duration_);
        _begin();
    }

    /* STATE-CHANGING */

    /// @notice Hands in the stored tensor `id`, a vector of `d` elements, for the running round. It must stay stored
    /// until the round ends: put it for at least two epochs if the round crosses the end of the first.
    function submit(bytes32 id, uint32 samples) external {
        if (block.timestamp >= deadline) revert RoundWrongTime(deadline);
        if (clients == CLIENTS_MAX) revert RoundFull(clients);
        if (samples == 0 || samples > SAMPLES_MAX) revert RoundBadWeight(samples);
        if (_submitted[round][msg.sender]) revert RoundSubmittedBefore(msg.sender);
        (uint8 got, uint32[] memory dims,,, uint64 expiry) = Tensor.TENSOR.info(id);
        if (got != dtype || dims.length != 1 || dims[0] != d) revert RoundWrongTensor(id);
        if (expiry <= deadline) revert RoundExpiresTooEarly(expiry, deadline);

        _submitted[round][msg.sender] = true;
        ++clients;
        submissions = keccak256(abi.encode(submissions, id, samples));
        emit Submitted(round, msg.sender, id, samples);
    }

    /// @notice Combines the updates of the running round and begins the next one. Anyone may, once there are enough.
    /// @param ids What was handed in, in order.
    /// @param samples The weights, in the same order.
    /// @return id The new model, stored for one epoch.
    function close(bytes32[] calldata ids, int32[] calldata samples) external returns (bytes32 id) {
        if (block.timestamp >= deadline) revert RoundWrongTime(deadline);
        if (clients < quorum) revert RoundTooFew(clients, quorum);
        bytes32 got = hashOf(ids, samples);
        if (got != submissions) revert RoundListsDiffer(got, submissions);

        id = _combine(ids, samples);
        model = id;
        emit Closed(round, id, ids.length);
        _begin();
    }

    /// @notice Begins a new round when the running one was not closed in time.
    function abandon() external {
        if (block.timestamp < deadline) revert RoundWrongTime(deadline);
        emit Abandoned(round);
        _begin();
    }

    /* VIEW */

    /// @notice The hash that these lists would have given.
    function hashOf(bytes32[] calldata ids, int32[] calldata samples) public pure returns (bytes32 hash) {
        if (ids.length != samples.length) revert RoundTooFew(samples.length, ids.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            hash = keccak256(abi.encode(hash, ids[i], samples[i]));
        }
    }

    /* INTERNAL */

    /// @dev Combines stored updates into a stored model.
    function _combine(bytes32[] calldata ids, int32[] calldata samples) internal virtual returns (bytes32 id);

    function _begin() private {
        ++round;
        deadline = uint64(block.timestamp) + duration;
        clients = 0;
        submissions = 0;
    }
}
