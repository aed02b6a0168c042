//! Signer of a signature, by the C library.

use alloy_primitives::{Address, B256, Signature, U256, keccak256, uint};
use secp256k1::{
    Message,
    ecdsa::{RecoverableSignature, RecoveryId},
};

/// Half the order of the curve, the largest `s` of a canonical signature (EIP-2).
const HALF_ORDER: U256 =
    uint!(0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0_U256);

/// The address that signed `hash`; `None` if the signature is not canonical or recovers to nobody.
/// About 42 µs.
pub(crate) fn recover(signature: &Signature, hash: B256) -> Option<Address> {
    if signature.s() > HALF_ORDER {
        return None;
    }
    let mut compact = [0u8; 64];
    compact[..32].copy_from_slice(&signature.r().to_be_bytes::<32>());
    compact[32..].copy_from_slice(&signature.s().to_be_bytes::<32>());
    let parity = RecoveryId::try_from(i32::from(signature.v())).ok()?;
    let signature = RecoverableSignature::from_compact(&compact, parity).ok()?;
    let key = signature.recover(&Message::from_digest(hash.0)).ok()?;
    Some(Address::from_slice(
        &keccak256(&key.serialize_uncompressed()[1..])[12..],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::signers::{SignerSync, local::PrivateKeySigner};

    #[test]
    fn agrees_with_the_signer_and_refuses_the_mirrored_signature() {
        let order = HALF_ORDER * U256::from(2) + U256::from(1);
        for seed in 1u8..40 {
            let signer = PrivateKeySigner::from_bytes(&B256::repeat_byte(seed)).unwrap();
            let hash = keccak256([seed]);
            let signature = signer.sign_hash_sync(&hash).unwrap();
            assert_eq!(recover(&signature, hash), Some(signer.address()));
            let mirrored = Signature::new(signature.r(), order - signature.s(), !signature.v());
            assert_eq!(recover(&mirrored, hash), None);
        }
        for (r, s) in [(0, 1), (1, 0), (0, 0)] {
            let signature = Signature::new(U256::from(r), U256::from(s), false);
            assert_eq!(recover(&signature, B256::ZERO), None);
        }
    }
}
