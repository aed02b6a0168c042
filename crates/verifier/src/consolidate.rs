//! Whether a block of ours is the one that L1 gives.

use alloy_primitives::B256;
use foggara_evm::encode_extra_data;
use foggara_primitives::{ChainSpec, PayloadAttributes};
use foggara_store::StoredBlock;

/// Whether `block` was made from `attributes` on top of `parent`: parent, time, randao, beneficiary, gas
/// limit, EIP-1559 parameters, beacon root and every transaction byte (`ROLLUP.md` section 4).
pub(crate) fn is_made_of(
    spec: &ChainSpec,
    block: &StoredBlock,
    parent: B256,
    attributes: &PayloadAttributes,
) -> bool {
    let StoredBlock {
        header,
        transactions,
        ..
    } = block;
    header.parent_hash == parent
        && header.timestamp == attributes.timestamp
        && header.mix_hash == attributes.prev_randao
        && header.beneficiary == attributes.fee_recipient
        && header.gas_limit == attributes.gas_limit
        && header.extra_data
            == encode_extra_data(attributes.eip1559_params, spec.rollup.canyon_eip1559())
        && header.parent_beacon_block_root == Some(attributes.parent_beacon_block_root)
        && *transactions == attributes.transactions
}
