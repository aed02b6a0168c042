//! One table of the addresses that mean something to the protocol.

use alloy_primitives::{Address, address};

/// Account that sends the L1 attributes transaction (OP deposits).
pub const DEPOSITOR: Address = address!("deaddeaddeaddeaddeaddeaddeaddeaddead0001");
/// WETH9 predeploy, not proxied.
pub const WETH: Address = address!("4200000000000000000000000000000000000006");
/// Gas price oracle predeploy.
pub const GAS_PRICE_ORACLE: Address = address!("420000000000000000000000000000000000000f");
/// Sequencer fee vault: priority fees, and the beneficiary of every block.
pub const SEQUENCER_FEE_VAULT: Address = address!("4200000000000000000000000000000000000011");
/// L1 block attributes predeploy.
pub const L1_BLOCK: Address = address!("4200000000000000000000000000000000000015");
/// Message passer predeploy, whose storage root stands in the header.
pub const MESSAGE_PASSER: Address = address!("4200000000000000000000000000000000000016");
/// Proxy admin predeploy.
pub const PROXY_ADMIN: Address = address!("4200000000000000000000000000000000000018");
/// Base fee vault.
pub const BASE_FEE_VAULT: Address = address!("4200000000000000000000000000000000000019");
/// L1 data fee vault.
pub const L1_FEE_VAULT: Address = address!("420000000000000000000000000000000000001a");
/// Operator fee vault.
pub const OPERATOR_FEE_VAULT: Address = address!("420000000000000000000000000000000000001b");
/// EIP-4788 beacon roots contract.
pub const BEACON_ROOTS: Address = address!("000f3df6d732807ef1319fb7b8bb8522d0beac02");
/// EIP-2935 history contract.
pub const HISTORY_STORAGE: Address = address!("0000f90827f1c53a10cb7a02335b175320002935");
/// First address of the AI operations; the last byte names the operation (`PRECOMPILES.md` section 3).
pub const AI_BASE: Address = address!("0000000000000000000000000000000000a10000");
/// MATMUL, operation 01.
pub const AI_MATMUL: Address = address!("0000000000000000000000000000000000a10001");

/// TENSOR, operation F0: its storage holds the records of stored tensors.
pub const AI_TENSOR: Address = address!("0000000000000000000000000000000000a100f0");

/// Batch inbox of a chain: `0x00 ++ keccak256(l2_chain_id as u256)[0..19]` (`ROLLUP.md` section 3.1).
pub fn batch_inbox(l2_chain_id: u64) -> Address {
    let word = alloy_primitives::U256::from(l2_chain_id).to_be_bytes::<32>();
    let hash = alloy_primitives::keccak256(word);
    let mut out = [0u8; 20];
    for (to, from) in out.iter_mut().skip(1).zip(hash.iter()) {
        *to = *from;
    }
    Address::from(out)
}
