//! Posted bytes per transaction (`ROLLUP.md` A2): 2,000 transfers signed by 300 senders, half of the
//! receivers new, in blocks of 20, one span batch, brotli quality 10. ETH and ERC-20 alike must stay
//! at or below 90 bytes, everything posted counted: batch, compression, frames and payload bytes.

mod common;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, keccak256};
use common::{CHAIN_ID, GENESIS_L1, encoder, genesis, next_block, rng, spec};
use foggara_batcher::{BatcherConfig, DaData, DaPolicy, L1Fees, StepResult};
use k256::ecdsa::SigningKey;
use rand::{Rng, rngs::StdRng};

const SENDERS: usize = 300;
const TRANSFERS: usize = 2_000;
const PER_BLOCK: usize = 20;

/// A wallet: a key, and the next nonce.
struct Wallet {
    key: SigningKey,
    address: Address,
    nonce: u64,
}

impl Wallet {
    fn new(rng: &mut StdRng) -> Self {
        let key = SigningKey::from_slice(&rng.random::<[u8; 32]>()).unwrap();
        let point = key.verifying_key().to_encoded_point(false);
        let address = Address::from_slice(&keccak256(&point.as_bytes()[1..])[12..]);
        Self {
            key,
            address,
            nonce: rng.random_range(0..200),
        }
    }

    fn sign(&mut self, mut tx: TxEip1559) -> Bytes {
        tx.nonce = self.nonce;
        self.nonce += 1;
        let hash = tx.signature_hash();
        let (signature, id) = self.key.sign_prehash_recoverable(hash.as_slice()).unwrap();
        let (r, s) = (signature.r().to_bytes(), signature.s().to_bytes());
        let (r, s) = (U256::from_be_slice(&r), U256::from_be_slice(&s));
        let signature = Signature::new(r, s, id.is_y_odd()).normalized_s();
        TxEnvelope::from(tx.into_signed(signature))
            .encoded_2718()
            .into()
    }
}

/// What a wallet fills in: two priority fees, a fee cap of twice a base fee that drifts a little.
fn template(rng: &mut StdRng, base_fee: u128) -> TxEip1559 {
    let tip = if rng.random_bool(0.8) {
        1_000_000
    } else {
        1_500_000
    };
    TxEip1559 {
        chain_id: CHAIN_ID,
        gas_limit: 21_000,
        max_priority_fee_per_gas: tip,
        max_fee_per_gas: 2 * base_fee + tip,
        ..Default::default()
    }
}

/// Amounts that people send: nine in ten round, the others to the last digit. Ether up to 10 in
/// thousandths, or a token of 6 decimals up to 10,000 in hundredths.
fn amount(rng: &mut StdRng, token: bool) -> U256 {
    let (round, any, decimal) = if token {
        (1_000_000u64, 10_000_000_000u64, 10_000u64)
    } else {
        (10_000, 10_000_000_000_000_000_000, 1_000_000_000_000_000)
    };
    if rng.random_bool(0.9) {
        U256::from(rng.random_range(1..round)) * U256::from(decimal)
    } else {
        U256::from(rng.random_range(1..any))
    }
}

fn transfers(rng: &mut StdRng, token: Option<Address>) -> Vec<Bytes> {
    let mut wallets: Vec<Wallet> = (0..SENDERS).map(|_| Wallet::new(rng)).collect();
    (0..TRANSFERS)
        .map(|index| {
            let base_fee = 1_000_000_000 + (index / PER_BLOCK) as u128 * 10;
            let receiver = if rng.random_bool(0.5) {
                Address::from_word(common::b256(rng))
            } else {
                wallets[rng.random_range(0..SENDERS)].address
            };
            let (amount, mut tx) = (amount(rng, token.is_some()), template(rng, base_fee));
            if let Some(token) = token {
                let mut input = vec![0xa9, 0x05, 0x9c, 0xbb];
                input.extend(receiver.into_word());
                input.extend(amount.to_be_bytes::<32>());
                tx.to = TxKind::Call(token);
                tx.input = input.into();
                tx.gas_limit = [51_000, 34_000][rng.random_range(0..2)];
            } else {
                tx.to = TxKind::Call(receiver);
                tx.value = amount;
            }
            wallets[rng.random_range(0..SENDERS)].sign(tx)
        })
        .collect()
}

/// Posts the transactions and returns (posted bytes, fill of each blob in per cent).
fn post(seed: u64, token: Option<Address>) -> (usize, Vec<f64>) {
    let spec = spec(4_000);
    let config = BatcherConfig {
        da: DaPolicy::Blobs,
        ..BatcherConfig::public()
    };
    let mut encoder = encoder(&spec, config, seed);
    let mut rng = rng(seed);
    encoder.advance_l1_head(GENESIS_L1, &L1Fees::default());
    let mut parent = genesis(&spec);
    for txs in transfers(&mut rng, token).chunks(PER_BLOCK) {
        parent = next_block(&mut rng, &parent, GENESIS_L1 + 50, txs.to_vec());
        encoder.add_block(parent.clone()).unwrap();
    }
    encoder.flush();
    while encoder.step().unwrap() != StepResult::Idle {}
    let (mut bytes, mut fills) = (0, Vec::new());
    while let Some(submission) = encoder.next_submission().unwrap() {
        let DaData::Blobs(blobs) = &submission.data else {
            panic!("calldata")
        };
        for blob in blobs {
            let payload = foggara_batch::blob::decode(blob).unwrap();
            bytes += payload.len();
            fills.push(payload.len() as f64 * 100.0 / 130_044.0);
        }
    }
    assert_eq!(
        encoder.channels().last().unwrap().last.number,
        parent.l2.number
    );
    (bytes, fills)
}

fn check(name: &str, token: Option<Address>) {
    let (bytes, fills) = post(7, token);
    let each = bytes as f64 / TRANSFERS as f64;
    assert!(
        fills[0] > 95.0,
        "the first blob is filled to {:.1} %",
        fills[0]
    );
    let fills: Vec<String> = fills.iter().map(|fill| format!("{fill:.1} %")).collect();
    println!(
        "{name}: {each:.1} bytes per transaction, blobs filled {}",
        fills.join(", ")
    );
    assert!(each <= 90.0, "{name}: {each:.1} bytes per transaction");
    assert!(
        fills[0].as_str() > "95",
        "the first blob is filled {}",
        fills[0]
    );
}

#[test]
fn eth_transfers_take_at_most_90_bytes() {
    check("ETH transfers", None);
}

#[test]
fn erc20_transfers_take_at_most_90_bytes() {
    check("ERC-20 transfers", Some(Address::repeat_byte(0x70)));
}
