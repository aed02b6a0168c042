//! Each rule of admission, with the numbers its error carries.

use super::{
    CHAIN, ETHER, GWEI, L1_COST, OPERATOR_COST, TestState, config, sign, signer, transfer,
};
use crate::{DropReason, Pool, PoolConfig, PoolError, PoolState};
use alloy::signers::SignerSync;
use alloy_consensus::{TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::sync::Arc;

fn open(config: PoolConfig, state: &Arc<TestState>) -> Pool {
    let state: Arc<dyn PoolState> = state.clone();
    Pool::open(None, config, state, &|_| false).unwrap()
}

fn pool() -> (Pool, Arc<TestState>) {
    let state = TestState::new();
    state.set(signer(1).address(), 5, 10 * ETHER);
    (open(config(), &state), state)
}

async fn refusal(pool: &Pool, raw: Bytes) -> PoolError {
    let error = pool.add(raw).await.unwrap_err();
    assert_eq!(
        pool.status().pending + pool.status().queued,
        0,
        "{error} kept something"
    );
    error
}

#[tokio::test]
async fn takes_the_four_types_and_knows_them_again() {
    let (pool, state) = pool();
    let me = signer(1);
    let legacy = TxLegacy {
        chain_id: Some(CHAIN),
        nonce: 5,
        gas_price: GWEI,
        gas_limit: 21_000,
        to: TxKind::Call(Address::ZERO),
        ..Default::default()
    };
    let listed = TxEip2930 {
        chain_id: CHAIN,
        nonce: 6,
        gas_price: GWEI,
        gas_limit: 25_300,
        to: TxKind::Call(Address::ZERO),
        access_list: AccessList(vec![AccessListItem {
            address: Address::ZERO,
            storage_keys: vec![B256::ZERO],
        }]),
        ..Default::default()
    };
    let raws = [
        sign(legacy, &me),
        sign(listed, &me),
        sign(transfer(7, GWEI, 1), &me),
    ];
    for raw in &raws {
        let hash = pool.add(raw.clone()).await.unwrap();
        assert_eq!(hash, keccak256(raw));
        let tx = pool.get(&hash).unwrap();
        assert_eq!((tx.sender, &tx.raw), (me.address(), raw));
        assert_eq!(*tx.tx.hash(), hash);
        assert_eq!(tx.da_size, raw.len() as u64);
        let again = pool.add(raw.clone()).await.unwrap_err();
        assert_eq!(again, PoolError::AlreadyKnown { hash });
    }
    assert_eq!(pool.pending_nonce(me.address()).unwrap(), 8);

    let other = signer(2);
    state.set(other.address(), 0, ETHER);
    let raw = sign(set_code(0, &[authorization(&signer(3), 0, CHAIN)]), &other);
    let hash = pool.add(raw).await.unwrap();
    assert_eq!(
        pool.get(&hash).unwrap().authorities,
        vec![signer(3).address()]
    );
    assert_eq!(pool.status().pending, 4);
    assert_eq!(pool.content().len(), 2);
}

fn authorization(
    who: &alloy::signers::local::PrivateKeySigner,
    nonce: u64,
    chain: u64,
) -> SignedAuthorization {
    let auth = Authorization {
        chain_id: U256::from(chain),
        address: Address::repeat_byte(0xdd),
        nonce,
    };
    let signature = who.sign_hash_sync(&auth.signature_hash()).unwrap();
    auth.into_signed(signature)
}

fn set_code(nonce: u64, authorizations: &[SignedAuthorization]) -> TxEip7702 {
    TxEip7702 {
        chain_id: CHAIN,
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: GWEI,
        max_priority_fee_per_gas: 1,
        to: Address::ZERO,
        authorization_list: authorizations.to_vec(),
        ..Default::default()
    }
}

#[tokio::test]
async fn refuses_types_bytes_and_signatures() {
    let (pool, _) = pool();
    let me = signer(1);
    for ty in [0x00, 0x03, 0x05, 0x7d, 0x7e, 0x7f] {
        let error = refusal(&pool, vec![ty, 0xc0].into()).await;
        assert_eq!(error, PoolError::UnsupportedType { ty });
    }
    let valid = sign(transfer(5, GWEI, 1), &me);
    let mut long = valid.to_vec();
    long.push(0);
    // A longer form of the same list length.
    let legacy = TxLegacy {
        chain_id: Some(CHAIN),
        nonce: 5,
        gas_limit: 21_000,
        ..Default::default()
    };
    let legacy = sign(
        TxLegacy {
            to: TxKind::Call(Address::ZERO),
            ..legacy
        },
        &me,
    )
    .to_vec();
    assert_eq!(legacy[0], 0xf8);
    let mut padded = vec![0xf9, 0x00];
    padded.extend_from_slice(&legacy[1..]);
    for bytes in [
        vec![],
        vec![0x80],
        vec![0xbf],
        vec![2],
        valid[..60].to_vec(),
        long,
        padded,
    ] {
        let error = refusal(&pool, bytes.clone().into()).await;
        assert!(
            matches!(error, PoolError::Undecodable { .. }),
            "{bytes:02x?}: {error}"
        );
    }
    let error = refusal(&pool, vec![2; 128 * 1024 + 1].into()).await;
    assert_eq!(
        error,
        PoolError::Oversized {
            size: 131_073,
            limit: 131_072
        }
    );

    // The mirrored signature is as valid for the curve, but not canonical.
    let tx = transfer(5, GWEI, 1);
    let signature = me.sign_hash_sync(&alloy_consensus::SignableTransaction::signature_hash(&tx));
    let signature = signature.unwrap();
    let order = U256::from_str_radix(
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
        16,
    );
    let mirrored = alloy_primitives::Signature::new(
        signature.r(),
        order.unwrap() - signature.s(),
        !signature.v(),
    );
    let tx = alloy_consensus::SignableTransaction::into_signed(tx, mirrored);
    let raw = alloy_eips::Encodable2718::encoded_2718(&alloy_consensus::TxEnvelope::from(tx));
    assert_eq!(
        refusal(&pool, raw.into()).await,
        PoolError::InvalidSignature
    );
}

#[tokio::test]
async fn refuses_by_chain_gas_and_fees_with_numbers() {
    let (pool, _) = pool();
    let me = signer(1);
    let base = || transfer(5, GWEI, 1);
    let mut tx = base();
    tx.chain_id = 1;
    let error = refusal(&pool, sign(tx, &me)).await;
    assert_eq!(
        error,
        PoolError::ChainId {
            have: 1,
            want: CHAIN
        }
    );

    let legacy = TxLegacy {
        nonce: 5,
        gas_limit: 21_000,
        ..Default::default()
    };
    assert_eq!(
        refusal(&pool, sign(legacy, &me)).await,
        PoolError::Unprotected
    );

    let mut tx = base();
    tx.to = TxKind::Create;
    tx.gas_limit = 2_000_000;
    tx.input = vec![0; 49_153].into();
    let error = refusal(&pool, sign(tx, &me)).await;
    assert_eq!(
        error,
        PoolError::InitCodeTooLarge {
            size: 49_153,
            limit: 49_152
        }
    );

    let mut tx = base();
    tx.gas_limit = 60_000_001;
    let error = refusal(&pool, sign(tx, &me)).await;
    assert_eq!(
        error,
        PoolError::ExceedsBlockGas {
            have: 60_000_001,
            limit: 60_000_000
        }
    );

    let mut tx = base();
    tx.gas_limit = 16_777_217;
    let error = refusal(&pool, sign(tx, &me)).await;
    assert_eq!(
        error,
        PoolError::GasAboveCap {
            have: 16_777_217,
            cap: 16_777_216
        }
    );

    let error = refusal(&pool, sign(transfer(5, GWEI, GWEI + 1), &me)).await;
    assert_eq!(
        error,
        PoolError::TipAboveFee {
            tip: GWEI + 1,
            fee: GWEI
        }
    );

    let per_gas = ETHER / 21_000 + 1;
    let error = refusal(&pool, sign(transfer(5, per_gas, 1), &me)).await;
    let fee = U256::from(per_gas) * U256::from(21_000);
    assert_eq!(error, PoolError::FeeAboveCap { fee, cap: ETHER });

    let error = refusal(&pool, sign(set_code(5, &[]), &me)).await;
    assert_eq!(error, PoolError::EmptyAuthorizations);
}

#[tokio::test]
async fn intrinsic_gas_is_exact_in_every_part() {
    let (pool, state) = pool();
    state.set(signer(1).address(), 5, 1_000 * ETHER);
    let me = signer(1);
    let call = |input: Vec<u8>| {
        let mut tx = transfer(5, GWEI, 1);
        tx.input = input.into();
        tx
    };
    let mut create = call(vec![1; 33]);
    create.to = TxKind::Create;
    let mut listed = call(vec![]);
    listed.access_list = AccessList(vec![
        AccessListItem {
            address: Address::ZERO,
            storage_keys: vec![B256::ZERO; 3],
        },
        AccessListItem::default(),
    ]);
    // Tokens: 1 a zero byte, 4 another; the floor is 10 a token.
    for (mut tx, want) in [
        (call(vec![]), 21_000),
        (call(vec![0; 10]), 21_000 + 10 * 10),
        (call(vec![1; 10]), 21_000 + 10 * 40),
        (create, 21_000 + 33 * 16 + 32_000 + 2 * 2),
        (listed, 21_000 + 2 * 2_400 + 3 * 1_900),
    ] {
        tx.gas_limit = want - 1;
        let error = refusal(&pool, sign(tx.clone(), &me)).await;
        assert_eq!(
            error,
            PoolError::IntrinsicGas {
                have: want - 1,
                want
            }
        );
        tx.gas_limit = want;
        let hash = pool.add(sign(tx, &me)).await.unwrap();
        assert!(pool.remove(&hash));
        assert_eq!(pool.dropped(&hash), Some(DropReason::Removed));
    }
    let two = [
        authorization(&signer(8), 0, 0),
        authorization(&signer(9), 0, CHAIN),
    ];
    let mut tx = set_code(5, &two);
    tx.gas_limit = 70_999;
    let error = refusal(&pool, sign(tx, &me)).await;
    assert_eq!(
        error,
        PoolError::IntrinsicGas {
            have: 70_999,
            want: 71_000
        }
    );
}

#[tokio::test]
async fn nonces_have_a_reach() {
    let (pool, _) = pool();
    let me = signer(1);
    let error = refusal(&pool, sign(transfer(4, GWEI, 1), &me)).await;
    assert_eq!(error, PoolError::NonceTooLow { next: 5, got: 4 });
    let error = refusal(&pool, sign(transfer(69, GWEI, 1), &me)).await;
    assert_eq!(
        error,
        PoolError::NonceTooHigh {
            next: 5,
            got: 69,
            reach: 64
        }
    );
    pool.add(sign(transfer(68, GWEI, 1), &me)).await.unwrap();
    assert_eq!(pool.status().queued, 1);
    assert_eq!(pool.pending_nonce(me.address()).unwrap(), 5);
}

#[tokio::test]
async fn the_balance_covers_all_of_a_senders_worst_costs() {
    let (pool, state) = pool();
    let me = signer(1);
    let cost = |fee: u128, value: u128| {
        U256::from(21_000 * fee + value + u128::from(L1_COST + OPERATOR_COST))
    };
    let tx = |nonce, fee, value: u128| {
        let mut tx = transfer(nonce, fee, fee);
        tx.value = U256::from(value);
        sign(tx, &me)
    };
    // To the wei: what three transactions cost.
    let three = cost(1_000, 50) * U256::from(3);
    state.set(me.address(), 5, u128::try_from(three).unwrap());
    pool.add(tx(5, 1_000, 50)).await.unwrap();
    // The gapped one counts too.
    pool.add(tx(9, 1_000, 50)).await.unwrap();
    let error = pool.add(tx(6, 1_000, 51)).await.unwrap_err();
    let pooled = cost(1_000, 50) * U256::from(2);
    let want = three + U256::from(1);
    assert_eq!(
        error,
        PoolError::InsufficientFunds {
            have: three,
            want,
            pooled
        }
    );
    pool.add(tx(6, 1_000, 50)).await.unwrap();
    // A replacement pays for itself only, and gives back what it replaces.
    let error = pool.add(tx(5, 1_100, 50)).await.unwrap_err();
    let want = pooled + cost(1_100, 50);
    assert_eq!(
        error,
        PoolError::InsufficientFunds {
            have: three,
            want,
            pooled
        }
    );
    let removed = pool.content_of(me.address()).queued[0].hash;
    assert!(pool.remove(&removed));
    let hash = pool.add(tx(5, 1_100, 50)).await.unwrap();
    assert_eq!(pool.content_of(me.address()).pending[0].hash, hash);
    // Nobody has the balance for what overflows.
    let mut all = transfer(5, u128::MAX, 1);
    all.value = U256::MAX;
    let state = TestState::new();
    let pool = open(
        PoolConfig {
            tx_fee_cap: None,
            ..config()
        },
        &state,
    );
    let error = refusal(
        &pool,
        sign(
            TxEip2930 {
                gas_price: u128::MAX,
                chain_id: CHAIN,
                gas_limit: 21_000,
                to: TxKind::Call(Address::ZERO),
                value: U256::MAX,
                ..Default::default()
            },
            &me,
        ),
    )
    .await;
    let want = U256::MAX;
    assert_eq!(
        error,
        PoolError::InsufficientFunds {
            have: U256::ZERO,
            want,
            pooled: U256::ZERO
        }
    );
}

#[tokio::test]
async fn low_fees_are_held_or_refused() {
    let (pool, state) = pool();
    let me = signer(1);
    let hash = pool.add(sign(transfer(5, 99, 1), &me)).await.unwrap();
    assert_eq!(pool.best(100).count(), 0);
    assert_eq!(pool.best(99).next().unwrap().hash, hash);
    let strict = open(
        PoolConfig {
            hold_below_base_fee: false,
            ..config()
        },
        &state,
    );
    let error = refusal(&strict, sign(transfer(5, 99, 1), &me)).await;
    assert_eq!(
        error,
        PoolError::FeeBelowBaseFee {
            fee: 99,
            base_fee: 100
        }
    );
    let minimum = open(
        PoolConfig {
            tip_min: 10,
            ..config()
        },
        &state,
    );
    let error = refusal(&minimum, sign(transfer(5, 200, 9), &me)).await;
    assert_eq!(
        error,
        PoolError::Underpriced {
            tip: 9,
            minimum: 10
        }
    );
    assert_eq!(minimum.status().tip_min, 10);
}

#[tokio::test]
async fn contracts_do_not_send_and_delegated_accounts_send_one() {
    let (pool, state) = pool();
    let me = signer(1);
    state.set_code(me.address(), &[0x60, 0x00]);
    let error = refusal(&pool, sign(transfer(5, GWEI, 1), &me)).await;
    let code_hash = keccak256([0x60, 0x00]);
    assert_eq!(
        error,
        PoolError::SenderNotEoa {
            sender: me.address(),
            code_hash
        }
    );

    let mut code = vec![0xef, 0x01, 0x00];
    code.extend_from_slice(&[7; 20]);
    state.set_code(me.address(), &code);
    let sender = me.address();
    let error = refusal(&pool, sign(transfer(6, GWEI, 1), &me)).await;
    assert_eq!(
        error,
        PoolError::DelegatedGap {
            sender,
            next: 5,
            got: 6
        }
    );
    pool.add(sign(transfer(5, GWEI, 1), &me)).await.unwrap();
    let error = pool.add(sign(transfer(6, GWEI, 1), &me)).await.unwrap_err();
    assert_eq!(error, PoolError::DelegatedInFlight { sender, limit: 1 });
    // Replacing the one is fine.
    pool.add(sign(transfer(5, 2 * GWEI, 2), &me)).await.unwrap();
    assert_eq!(pool.status().pending, 1);
}

#[tokio::test]
async fn an_authority_has_one_authorization_and_one_transaction() {
    let (pool, state) = pool();
    let (me, other, authority) = (signer(1), signer(2), signer(3));
    state.set(other.address(), 0, ETHER);
    state.set(authority.address(), 0, ETHER);
    let auth = authorization(&authority, 0, CHAIN);
    let first = pool
        .add(sign(set_code(5, std::slice::from_ref(&auth)), &me))
        .await
        .unwrap();
    let reserved = PoolError::AuthorityReserved {
        authority: authority.address(),
        limit: 1,
    };
    let error = pool
        .add(sign(set_code(0, std::slice::from_ref(&auth)), &other))
        .await
        .unwrap_err();
    assert_eq!(error, reserved);
    // Its own transactions: the next nonce only.
    let sender = authority.address();
    let error = pool
        .add(sign(transfer(1, GWEI, 1), &authority))
        .await
        .unwrap_err();
    assert_eq!(
        error,
        PoolError::DelegatedGap {
            sender,
            next: 0,
            got: 1
        }
    );
    pool.add(sign(transfer(0, GWEI, 1), &authority))
        .await
        .unwrap();
    // An authorization for another chain, or signed by nobody, binds nobody.
    let foreign = [authorization(&authority, 0, 1)];
    pool.add(sign(set_code(0, &foreign), &other)).await.unwrap();
    // When the first goes, the authority is free.
    assert!(pool.remove(&first));
    pool.add(sign(transfer(1, GWEI, 1), &authority))
        .await
        .unwrap();
    // Two of its own are in flight now, so nobody may move it away under them.
    let error = pool.add(sign(set_code(5, &[auth]), &me)).await.unwrap_err();
    assert_eq!(error, reserved);
}

#[tokio::test]
async fn a_closed_pool_says_why() {
    let (pool, _) = pool();
    pool.set_closed(Some("syncing".into()));
    let raw = sign(transfer(5, GWEI, 1), &signer(1));
    let error = refusal(&pool, raw.clone()).await;
    assert_eq!(
        error,
        PoolError::Closed {
            reason: "syncing".into()
        }
    );
    pool.set_closed(None);
    pool.add(raw).await.unwrap();
}

#[tokio::test]
async fn the_private_lane_is_built_but_not_shown() {
    let (pool, _) = pool();
    let me = signer(1);
    let mut pending = pool.subscribe_pending();
    let hidden = pool
        .add_with(sign(transfer(5, GWEI, 1), &me), true)
        .await
        .unwrap();
    let shown = pool.add(sign(transfer(6, GWEI, 1), &me)).await.unwrap();
    assert_eq!(pending.recv().await.unwrap().hash, shown);
    let content = pool.content_of(me.address());
    assert_eq!(content.pending.len(), 1);
    assert_eq!(content.pending[0].hash, shown);
    let best: Vec<_> = pool.best(100).map(|tx| tx.hash).collect();
    assert_eq!(best, [hidden, shown]);
    assert_eq!(pool.pending_nonce(me.address()).unwrap(), 7);
}

/// 10^5 seeded mutants of valid transactions: an error or the sender, never a panic, and what
/// decodes encodes to the same bytes.
#[test]
fn decoding_survives_mutants() {
    use crate::tx::Decoded;
    let me = signer(1);
    let legacy = TxLegacy {
        chain_id: Some(CHAIN),
        gas_limit: 50_000,
        ..Default::default()
    };
    let auths = [authorization(&signer(2), 1, CHAIN)];
    let seeds = [
        sign(legacy, &me),
        sign(
            TxEip2930 {
                chain_id: CHAIN,
                gas_limit: 9,
                ..Default::default()
            },
            &me,
        ),
        sign(transfer(3, GWEI, 1), &me),
        sign(set_code(4, &auths), &me),
    ];
    for raw in &seeds {
        assert_eq!(
            Decoded::new(raw.clone()).unwrap().recover().unwrap(),
            me.address()
        );
    }
    let mut rng = StdRng::seed_from_u64(77);
    let mut decoded = 0;
    for case in 0..100_000usize {
        let mut bytes = seeds[case % 4].to_vec();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..bytes.len());
            match rng.random_range(0..4) {
                0 => bytes[at] = rng.random(),
                1 => bytes[at] ^= 1 << rng.random_range(0..8),
                2 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, rng.random()),
            }
        }
        let raw = Bytes::from(bytes);
        if let Ok(tx) = Decoded::new(raw.clone()) {
            decoded += 1;
            assert_eq!(tx.hash, keccak256(&raw));
            assert_eq!(alloy_eips::Encodable2718::encoded_2718(&tx.tx), raw);
            let _ = tx.check(&config(), &crate::HeadFees::default());
            if case % 50 < 4 {
                let _ = tx.recover();
                let _ = tx.authorities(CHAIN);
            }
        }
    }
    assert!(decoded > 1_000, "{decoded}");
}
