//! Who signed: pure on any target, the C library where `std` is. Both answer alike.

use crate::InvalidTx;
use alloy_consensus::SignableTransaction;
use alloy_consensus::Signed;
use alloy_primitives::{Address, B256, Signature, U256, uint};
use op_alloy_consensus::OpTxEnvelope;

/// Half the order of secp256k1: the highest `s` of a transaction's signature (EIP-2).
const S_MAX: U256 = uint!(0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0_U256);

/// The account whose key made `signature` over `hash`; `None` if `s` is in the upper half of the
/// order (EIP-2) or the signature recovers to no key.
///
/// About 30 microseconds with `std`, ten times that without.
pub fn recover_signer(signature: &Signature, hash: B256) -> Option<Address> {
    if signature.s() > S_MAX {
        return None;
    }
    recover_any(signature, hash)
}

#[cfg(feature = "std")]
fn recover_any(signature: &Signature, hash: B256) -> Option<Address> {
    use secp256k1::{
        Message, SECP256K1,
        ecdsa::{RecoverableSignature, RecoveryId},
    };
    let mut bytes = [0u8; 64];
    let (r, s) = bytes.split_at_mut(32);
    r.copy_from_slice(&signature.r().to_be_bytes::<32>());
    s.copy_from_slice(&signature.s().to_be_bytes::<32>());
    let id = RecoveryId::try_from(i32::from(signature.v())).ok()?;
    let signature = RecoverableSignature::from_compact(&bytes, id).ok()?;
    let key = SECP256K1
        .recover_ecdsa(&Message::from_digest(hash.0), &signature)
        .ok()?;
    let [_, key @ ..] = key.serialize_uncompressed();
    Some(Address::from_raw_public_key(&key))
}

#[cfg(not(feature = "std"))]
fn recover_any(signature: &Signature, hash: B256) -> Option<Address> {
    pure(signature, hash)
}

/// The definition: k256 in plain Rust.
#[cfg(any(test, not(feature = "std")))]
fn pure(signature: &Signature, hash: B256) -> Option<Address> {
    signature.recover_address_from_prehash(&hash).ok()
}

pub(crate) fn sender(tx: &OpTxEnvelope) -> Result<Address, InvalidTx> {
    let found = match tx {
        OpTxEnvelope::Legacy(tx) => signed(tx),
        OpTxEnvelope::Eip2930(tx) => signed(tx),
        OpTxEnvelope::Eip1559(tx) => signed(tx),
        OpTxEnvelope::Eip7702(tx) => signed(tx),
        OpTxEnvelope::Deposit(tx) => Some(tx.from),
        OpTxEnvelope::PostExec(_) => None,
    };
    found.ok_or(InvalidTx::Signature)
}

pub(crate) fn signed<T: SignableTransaction<Signature>>(tx: &Signed<T>) -> Option<Address> {
    recover_signer(tx.signature(), tx.tx().signature_hash())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn edge() -> impl Strategy<Value = U256> {
        prop_oneof![
            3 => any::<[u8; 32]>().prop_map(U256::from_be_bytes),
            1 => (0u64..3).prop_map(U256::from),
            1 => (0u64..3).prop_map(|n| S_MAX - U256::from(n)),
            // The order itself and its neighbours.
            1 => (0u64..3).prop_map(|n| S_MAX + S_MAX + U256::from(n)),
            1 => (0u64..3).prop_map(|n| U256::MAX - U256::from(n)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn both_ways_agree(r in edge(), s in edge(), odd in any::<bool>(), hash in any::<[u8; 32]>()) {
            let signature = Signature::new(r, s, odd);
            let expected = if s > S_MAX { None } else { pure(&signature, hash.into()) };
            prop_assert_eq!(recover_signer(&signature, hash.into()), expected);
        }

        #[test]
        fn a_signature_names_its_key(seed in 1..u64::MAX, hash in any::<[u8; 32]>()) {
            let key = k256::ecdsa::SigningKey::from_slice(&U256::from(seed).to_be_bytes::<32>()).unwrap();
            let signature: Signature = key.sign_prehash_recoverable(&hash).unwrap().into();
            let address = Address::from_public_key(key.verifying_key());
            prop_assert_eq!(recover_signer(&signature, hash.into()), Some(address));
            // Its mirror image is another form of the same signature and is refused.
            let order = S_MAX + S_MAX + U256::from(1);
            let mirror = Signature::new(signature.r(), order - signature.s(), !signature.v());
            prop_assert_eq!(recover_signer(&mirror, hash.into()), None);
        }
    }
}
