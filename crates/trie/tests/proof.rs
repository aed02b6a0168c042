//! Proofs as `eth_getProof` gives them: made here, checked here and by another implementation.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_trie::{TrieAccount, nodes::LeafNodeRef, proof::verify_proof};
use foggara_primitives::{AccountChange, AccountInfo, StateDiff};
use foggara_trie::{
    AccountProof, EMPTY_ROOT_HASH, HashNodes, MapNodes, Nibbles, TrieError, apply, prove, verify,
};
use std::collections::BTreeMap;

fn address(n: u16) -> Address {
    Address::from_slice(&keccak256(n.to_be_bytes())[..20])
}

fn slot(n: u16) -> B256 {
    B256::from(U256::from(n))
}

/// A state with `accounts` accounts, of which number `n` has `n mod 40` slots.
fn state(accounts: u16) -> (MapNodes, B256) {
    let mut diff = StateDiff::default();
    for n in 0..accounts {
        let info = AccountInfo {
            nonce: n.into(),
            balance: U256::from(n) << (n % 250),
            ..Default::default()
        };
        let storage = (1..=n % 40)
            .map(|s| (slot(s), U256::from(s) << (s * 6)))
            .collect();
        let change = AccountChange {
            info: Some(info),
            storage,
            ..Default::default()
        };
        diff.accounts.insert(address(n), change);
    }
    let mut nodes = MapNodes::default();
    let outcome = apply(&mut nodes, EMPTY_ROOT_HASH, &diff).unwrap();
    nodes.apply(&outcome.updates);
    (nodes, outcome.root)
}

fn check_by_reference(root: B256, proof: &AccountProof) {
    let key = |bytes: &[u8]| Nibbles::unpack(keccak256(bytes));
    let leaf = proof.info.map(|info| {
        let AccountInfo {
            nonce,
            balance,
            code_hash,
        } = info;
        alloy_rlp::encode(TrieAccount::new(
            nonce,
            balance,
            proof.storage_root,
            code_hash,
        ))
    });
    assert_eq!(
        verify_proof(root, key(proof.address.as_slice()), leaf, &proof.proof),
        Ok(())
    );
    for claim in &proof.storage {
        let leaf = (!claim.value.is_zero()).then(|| alloy_rlp::encode(claim.value));
        let key = key(claim.slot.as_slice());
        assert_eq!(
            verify_proof(proof.storage_root, key, leaf, &claim.proof),
            Ok(())
        );
    }
}

#[test]
fn inclusion_and_exclusion_hold_here_and_by_reference() {
    let (mut nodes, root) = state(1_000);
    let slots: Vec<_> = (0..60).map(slot).collect();
    for n in (0..1_300).step_by(7) {
        let proof = prove(&mut nodes, root, address(n), &slots).unwrap();
        assert_eq!(
            proof.info.map(|info| info.nonce),
            (n < 1_000).then_some(n.into())
        );
        for (s, claim) in (0u16..).zip(&proof.storage) {
            let is_set = n < 1_000 && (1..=n % 40).contains(&s);
            assert_eq!(
                claim.value,
                if is_set {
                    U256::from(s) << (s * 6)
                } else {
                    U256::ZERO
                }
            );
        }
        assert_eq!(verify(root, &proof), Ok(()));
        check_by_reference(root, &proof);
    }
}

#[test]
fn small_states_prove_too() {
    let empty = prove(
        &mut HashNodes::default(),
        EMPTY_ROOT_HASH,
        address(1),
        &[slot(1)],
    )
    .unwrap();
    assert!(empty.proof.is_empty() && empty.storage[0].proof.is_empty());
    assert_eq!(empty.storage_root, EMPTY_ROOT_HASH);
    assert_eq!(verify(EMPTY_ROOT_HASH, &empty), Ok(()));
    check_by_reference(EMPTY_ROOT_HASH, &empty);
    for accounts in 1..30 {
        let (mut nodes, root) = state(accounts);
        for n in 0..40 {
            let proof = prove(&mut nodes, root, address(n), &[slot(0), slot(1), slot(2)]).unwrap();
            assert_eq!(verify(root, &proof), Ok(()));
            check_by_reference(root, &proof);
        }
    }
}

#[test]
fn every_flipped_byte_is_refused() {
    let (mut nodes, root) = state(300);
    for n in [39, 200, 500] {
        let sound = prove(&mut nodes, root, address(n), &[slot(3), slot(59)]).unwrap();
        assert_eq!(verify(root, &sound), Ok(()));
        let mut proofs = 1;
        for list in 0..=sound.storage.len() {
            let of = |proof: &AccountProof| match list {
                0 => proof.proof.clone(),
                n => proof.storage[n - 1].proof.clone(),
            };
            for node in 0..of(&sound).len() {
                for byte in 0..of(&sound)[node].len() {
                    let mut bytes = of(&sound)[node].to_vec();
                    bytes[byte] ^= 1 << (byte % 8);
                    let mut forged = sound.clone();
                    match list {
                        0 => forged.proof[node] = bytes.into(),
                        n => forged.storage[n - 1].proof[node] = bytes.into(),
                    }
                    assert!(matches!(
                        verify(root, &forged),
                        Err(TrieError::BadNode { .. })
                    ));
                    proofs += 1;
                }
            }
        }
        assert!(proofs > 700, "{proofs}");
    }
}

#[test]
fn a_proof_of_something_else_is_refused() {
    let (mut nodes, root) = state(300);
    let sound = prove(&mut nodes, root, address(39), &[slot(3), slot(59)]).unwrap();
    let forge = |change: &dyn Fn(&mut AccountProof)| {
        let mut forged = sound.clone();
        change(&mut forged);
        verify(root, &forged)
    };
    let info = sound.info.unwrap();
    let other = |info| move |p: &mut AccountProof| p.info = info;
    for wrong in [
        None,
        Some(AccountInfo {
            nonce: info.nonce + 1,
            ..info
        }),
        Some(AccountInfo {
            balance: info.balance + U256::from(1),
            ..info
        }),
        Some(AccountInfo {
            code_hash: B256::ZERO,
            ..info
        }),
    ] {
        assert_eq!(forge(&other(wrong)), Err(TrieError::AccountMismatch));
    }
    assert_eq!(
        forge(&|p| p.storage_root = EMPTY_ROOT_HASH),
        Err(TrieError::AccountMismatch)
    );
    assert_eq!(
        forge(&|p| p.storage[0].value = U256::ZERO),
        Err(TrieError::SlotMismatch(slot(3)))
    );
    assert_eq!(
        forge(&|p| p.storage[1].value = U256::from(1)),
        Err(TrieError::SlotMismatch(slot(59)))
    );
    assert_eq!(
        forge(&|p| drop(p.proof.pop())),
        Err(TrieError::ProofTooShort)
    );
    assert_eq!(forge(&|p| p.proof.clear()), Err(TrieError::ProofTooShort));
    assert_eq!(
        forge(&|p| drop(p.storage[1].proof.pop())),
        Err(TrieError::ProofTooShort)
    );
    let extra = |p: &mut AccountProof| p.proof.push(p.proof[0].clone());
    assert_eq!(forge(&extra), Err(TrieError::ProofTooLong(1)));
    let extra = |p: &mut AccountProof| p.storage[0].proof.extend(p.proof.clone());
    assert!(matches!(forge(&extra), Err(TrieError::ProofTooLong(2..))));
    assert!(forge(&|p| p.address = address(40)).is_err());
    assert!(forge(&|p| p.storage[0].slot = slot(4)).is_err());
    assert!(forge(&|p| p.proof.swap(0, 1)).is_err());
    assert!(verify(B256::ZERO, &sound).is_err());
    assert!(verify(EMPTY_ROOT_HASH, &sound).is_err());

    // An absent account has no storage, whatever a proof says.
    let absent = prove(&mut nodes, root, address(999), &[slot(3)]).unwrap();
    assert_eq!(absent.info, None);
    let mut forged = absent.clone();
    forged.storage_root = sound.storage_root;
    forged.storage = sound.storage.clone();
    assert_eq!(verify(root, &forged), Err(TrieError::AccountMismatch));
    let mut forged = absent;
    forged.storage[0].value = U256::from(1);
    assert_eq!(verify(root, &forged), Err(TrieError::SlotMismatch(slot(3))));
}

#[test]
fn a_leaf_that_is_no_account_is_refused() {
    let owner = address(1);
    let hashed = keccak256(owner);
    let account = TrieAccount::default();
    let mut long = alloy_rlp::encode(account);
    long.push(0);
    for value in [
        vec![5],
        vec![0xc0],
        alloy_rlp::encode(account.storage_root),
        long,
    ] {
        let leaf = alloy_rlp::encode(LeafNodeRef::new(&Nibbles::unpack(hashed), &value));
        let root = keccak256(&leaf);
        let mut nodes = HashNodes(BTreeMap::from([(root, leaf.into())]));
        let diff = StateDiff {
            accounts: BTreeMap::from([(owner, AccountChange::default())]),
        };
        assert_eq!(
            prove(&mut nodes, root, owner, &[]),
            Err(TrieError::BadAccount(hashed))
        );
        assert_eq!(
            apply(&mut nodes, root, &diff),
            Err(TrieError::BadAccount(hashed))
        );
    }
}

#[test]
fn a_leaf_that_is_no_storage_value_is_refused() {
    let hashed = keccak256(slot(1));
    for value in [
        vec![0x80],
        vec![0x00],
        vec![0xc0],
        vec![0x82, 0, 1],
        vec![1, 1],
        vec![0xa1; 34],
    ] {
        let leaf = alloy_rlp::encode(LeafNodeRef::new(&Nibbles::unpack(hashed), &value));
        let account = TrieAccount {
            storage_root: keccak256(&leaf),
            ..Default::default()
        };
        let key = Nibbles::unpack(keccak256(address(1)));
        let top = alloy_rlp::encode(LeafNodeRef::new(&key, &alloy_rlp::encode(account)));
        let root = keccak256(&top);
        let mut nodes = HashNodes([leaf, top].map(|rlp| (keccak256(&rlp), rlp.into())).into());
        let answer = prove(&mut nodes, root, address(1), &[slot(1)]);
        assert_eq!(answer, Err(TrieError::BadValue(hashed)), "{value:?}");
    }
}
