//! Consensus constants, each with its source.

use alloy_primitives::{B256, b256};

/// Largest distance in seconds between an L2 block and its L1 origin (OP fjord/derivation).
pub const MAX_SEQUENCER_DRIFT: u64 = 1_800;
/// L1 blocks after which an open channel is discarded (OP granite/derivation).
pub const CHANNEL_TIMEOUT: u64 = 50;
/// Bound on the decompressed bytes of a channel and on its counted compressed size
/// (OP fjord/derivation; holocene/derivation "Pruning").
pub const MAX_RLP_BYTES_PER_CHANNEL: u64 = 100_000_000;
/// Bytes added per frame when a channel's size is counted (OP derivation "Channel Bank").
pub const FRAME_SIZE_OVERHEAD: u64 = 200;
/// Bytes inflated at most on behalf of one L1 block (`FAULTPROOF.md` section 3.3, deviation D13).
pub const MAX_INFLATED_BYTES_PER_L1_BLOCK: u64 = 200_000_000;
/// Blocks in one span batch at most, and as many transactions (OP derivation "Protocol Parameters").
pub const MAX_SPAN_BATCH_ELEMENT_COUNT: u64 = 10_000_000;
/// Data bytes of one frame at most (OP derivation "Frame Format").
pub const MAX_FRAME_LEN: usize = 1_000_000;
/// Bytes of a frame beside its data: id 16, number 2, length 4, is_last 1.
pub const FRAME_OVERHEAD: usize = 23;
/// Bytes that one blob carries in OP's encoding (OP ecotone/derivation "Blob Encoding").
pub const BLOB_MAX_DATA: usize = 130_044;
/// Bytes of one blob: 4,096 field elements of 32 bytes (EIP-4844).
pub const BLOB_SIZE: usize = 131_072;
/// Version byte of a batcher payload (OP derivation "Batcher Transaction Format").
pub const DERIVATION_VERSION_0: u8 = 0;

/// Length of the L1 attributes calldata (OP isthmus/l1-attributes).
pub const L1_ATTRIBUTES_LEN: usize = 176;
/// Selector of `setL1BlockValuesIsthmus()`.
pub const L1_ATTRIBUTES_SELECTOR: [u8; 4] = [0x09, 0x89, 0x99, 0xbe];
/// Gas limit of the L1 attributes transaction (OP deposits).
pub const L1_ATTRIBUTES_GAS: u64 = 1_000_000;

/// Lowest L2 gas limit: deposit market limit plus system transaction gas (OP guaranteed-gas-market).
pub const GAS_LIMIT_MIN: u64 = 21_000_000;
/// Highest L2 gas limit (OP configurability).
pub const GAS_LIMIT_MAX: u64 = 200_000_000;
/// Gas limit of a new chain.
pub const GAS_LIMIT_DEFAULT: u64 = 60_000_000;
/// Sequencing window of a new chain in L1 blocks (deviation D3).
pub const SEQ_WINDOW_SIZE_DEFAULT: u64 = 600;
/// Longest sequencing window, which bounds the steps of a block (`FAULTPROOF.md` section 3.2).
pub const SEQ_WINDOW_SIZE_MAX: u64 = 4_000;
/// Shortest sequencing window.
pub const SEQ_WINDOW_SIZE_MIN: u64 = 4;
/// EIP-1559 denominator and elasticity of a new chain.
pub const EIP1559_DENOMINATOR: u32 = 250;
/// See [`EIP1559_DENOMINATOR`].
pub const EIP1559_ELASTICITY: u32 = 6;
/// Base fee of the genesis block, in wei.
pub const GENESIS_BASE_FEE: u64 = 1_000_000_000;
/// Default base fee scalar of the L1 data fee.
pub const BASE_FEE_SCALAR_DEFAULT: u32 = 1_368;
/// Default blob base fee scalar of the L1 data fee.
pub const BLOB_BASE_FEE_SCALAR_DEFAULT: u32 = 810_949;
/// Highest gas limit the pool admits (EIP-7825's figure; deviation D5, not consensus).
pub const POOL_TX_GAS_MAX: u64 = 16_777_216;

/// `sha256("")`, the requests hash of every block (OP isthmus/exec-engine).
pub const EMPTY_REQUESTS_HASH: B256 =
    b256!("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

/// Transaction type of a deposit (OP deposits).
pub const DEPOSIT_TX_TYPE: u8 = 0x7e;
/// Post-execution transaction type that library decoders know and this chain refuses (trap T2).
pub const POST_EXEC_TX_TYPE: u8 = 0x7d;
