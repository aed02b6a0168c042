//! Seeded generators of transactions, blocks and batches, and a slow reference encoder.
#![allow(dead_code, unreachable_pub)]

use alloy_consensus::{
    SignableTransaction, Signed, Transaction, TxEip1559, TxEip2930, TxEip7702, TxEnvelope, TxLegacy,
};
use alloy_eips::{
    eip2718::Encodable2718,
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use alloy_rlp::{Encodable, Header};
use foggara_batch::{BatchContext, SpanBlockInput, SpanBuilder};
use foggara_primitives::BlockId;
use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};

pub const CONTEXT: BatchContext = BatchContext {
    chain_id: 901,
    genesis_time: 1_700_000_000,
    block_time: 2,
};

pub fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

pub fn bytes(rng: &mut StdRng, max: usize) -> Vec<u8> {
    let mut out = vec![0; rng.random_range(0..=max)];
    rng.fill_bytes(&mut out);
    out
}

pub fn b256(rng: &mut StdRng) -> B256 {
    let mut word = [0; 32];
    rng.fill_bytes(&mut word);
    word.into()
}

/// An integer of any size, small ones and edges as often as large ones.
pub fn word(rng: &mut StdRng, max_bits: usize) -> U256 {
    let value = U256::from_be_bytes(b256(rng).0) >> (256 - rng.random_range(1..=max_bits));
    match rng.random_range(0..8) {
        0 => U256::ZERO,
        1 => U256::from(rng.random_range(0..=256)),
        2 => U256::MAX >> (256 - max_bits),
        _ => value,
    }
}

fn number(rng: &mut StdRng) -> u64 {
    word(rng, 64).to()
}

fn fee(rng: &mut StdRng) -> u128 {
    word(rng, 128).to()
}

fn kind(rng: &mut StdRng) -> TxKind {
    if rng.random_bool(0.2) {
        TxKind::Create
    } else {
        TxKind::Call(address(rng))
    }
}

pub fn address(rng: &mut StdRng) -> Address {
    Address::from_word(b256(rng))
}

fn access_list(rng: &mut StdRng) -> AccessList {
    let entry = |rng: &mut StdRng| AccessListItem {
        address: address(rng),
        storage_keys: (0..rng.random_range(0..3)).map(|_| b256(rng)).collect(),
    };
    AccessList((0..rng.random_range(0..3)).map(|_| entry(rng)).collect())
}

fn authorizations(rng: &mut StdRng) -> Vec<SignedAuthorization> {
    let one = |rng: &mut StdRng| {
        let inner = Authorization {
            chain_id: word(rng, 256),
            address: address(rng),
            nonce: number(rng),
        };
        SignedAuthorization::new_unchecked(inner, rng.random(), word(rng, 256), word(rng, 256))
    };
    (0..rng.random_range(0..3)).map(|_| one(rng)).collect()
}

/// A transaction of a random type with random fields and any signature.
pub fn transaction(rng: &mut StdRng) -> TxEnvelope {
    let signature = Signature::new(word(rng, 256), word(rng, 256), rng.random());
    let chain_id = CONTEXT.chain_id;
    let (nonce, gas_limit, value) = (number(rng), number(rng), word(rng, 256));
    let input: Bytes = bytes(rng, 200).into();
    match rng.random_range(0..4) {
        0 => {
            let chain_id = rng.random_bool(0.5).then_some(chain_id);
            let (gas_price, to) = (fee(rng), kind(rng));
            TxLegacy {
                chain_id,
                nonce,
                gas_price,
                gas_limit,
                to,
                value,
                input,
            }
            .into_signed(signature)
            .into()
        }
        1 => {
            let (gas_price, to, access_list) = (fee(rng), kind(rng), access_list(rng));
            TxEip2930 {
                chain_id,
                nonce,
                gas_price,
                gas_limit,
                to,
                value,
                access_list,
                input,
            }
            .into_signed(signature)
            .into()
        }
        2 => TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: fee(rng),
            max_priority_fee_per_gas: fee(rng),
            to: kind(rng),
            value,
            access_list: access_list(rng),
            input,
        }
        .into_signed(signature)
        .into(),
        _ => TxEip7702 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: fee(rng),
            max_priority_fee_per_gas: fee(rng),
            to: address(rng),
            value,
            access_list: access_list(rng),
            authorization_list: authorizations(rng),
            input,
        }
        .into_signed(signature)
        .into(),
    }
}

/// A block with what a span batch says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub timestamp: u64,
    pub parent_hash: B256,
    pub l1_origin: BlockId,
    pub sequence_number: u64,
    pub envelopes: Vec<TxEnvelope>,
    pub transactions: Vec<Bytes>,
}

impl Block {
    pub fn input(&self) -> SpanBlockInput<'_> {
        SpanBlockInput {
            timestamp: self.timestamp,
            parent_hash: self.parent_hash,
            l1_origin: self.l1_origin,
            sequence_number: self.sequence_number,
            transactions: &self.transactions,
        }
    }
}

/// Consecutive blocks with random origins and transactions.
pub fn blocks(rng: &mut StdRng, count: usize, max_txs: usize) -> Vec<Block> {
    let mut timestamp =
        CONTEXT.genesis_time + CONTEXT.block_time * rng.random_range(0..1_000_000u64);
    let mut l1_origin = BlockId {
        hash: b256(rng),
        number: rng.random_range(100..20_000_000),
    };
    let mut sequence_number = rng.random_range(0..2);
    let mut out = Vec::new();
    for index in 0..count {
        if index > 0 {
            timestamp += CONTEXT.block_time;
            sequence_number += 1;
            if rng.random_bool(0.3) {
                l1_origin = BlockId {
                    hash: b256(rng),
                    number: l1_origin.number + 1,
                };
                sequence_number = 0;
            }
        }
        let envelopes: Vec<_> = (0..rng.random_range(0..=max_txs))
            .map(|_| transaction(rng))
            .collect();
        let transactions = envelopes
            .iter()
            .map(|tx| tx.encoded_2718().into())
            .collect();
        let parent_hash = b256(rng);
        out.push(Block {
            timestamp,
            parent_hash,
            l1_origin,
            sequence_number,
            envelopes,
            transactions,
        });
    }
    out
}

pub fn builder(blocks: &[Block]) -> SpanBuilder {
    let mut builder = SpanBuilder::new(CONTEXT);
    for block in blocks {
        builder.push(&block.input()).unwrap();
    }
    builder
}

/// A slow, obvious encoder of a span batch, straight from the public specification and from typed
/// transactions: it shares no code with the crate.
pub fn reference_span(blocks: &[Block]) -> Vec<u8> {
    let (first, last) = (&blocks[0], &blocks[blocks.len() - 1]);
    let txs: Vec<&TxEnvelope> = blocks.iter().flat_map(|block| &block.envelopes).collect();
    let mut out = vec![1];
    out.extend(uvarint(first.timestamp - CONTEXT.genesis_time));
    out.extend(uvarint(last.l1_origin.number));
    out.extend(&first.parent_hash[..20]);
    out.extend(&last.l1_origin.hash[..20]);
    out.extend(uvarint(blocks.len() as u64));
    out.extend(bit_list(
        blocks.iter().map(|block| block.sequence_number == 0),
    ));
    for block in blocks {
        out.extend(uvarint(block.envelopes.len() as u64));
    }
    out.extend(bit_list(txs.iter().copied().map(creates)));
    out.extend(bit_list(txs.iter().map(|tx| signature(tx).v())));
    for tx in &txs {
        out.extend(signature(tx).r().to_be_bytes::<32>());
        out.extend(signature(tx).s().to_be_bytes::<32>());
    }
    for tx in &txs {
        out.extend(recipient(tx));
    }
    for tx in &txs {
        out.extend(data(tx));
    }
    for tx in &txs {
        out.extend(uvarint(nonce(tx)));
    }
    for tx in &txs {
        out.extend(uvarint(gas_limit(tx)));
    }
    let legacy = txs.iter().filter(|tx| tx.is_legacy());
    out.extend(bit_list(legacy.copied().map(protected)));
    out
}

fn creates(tx: &TxEnvelope) -> bool {
    tx.kind().is_create()
}

fn recipient(tx: &TxEnvelope) -> Vec<u8> {
    tx.to().map(|to| to.to_vec()).unwrap_or_default()
}

fn nonce(tx: &TxEnvelope) -> u64 {
    tx.nonce()
}

fn gas_limit(tx: &TxEnvelope) -> u64 {
    tx.gas_limit()
}

fn protected(tx: &TxEnvelope) -> bool {
    tx.chain_id().is_some()
}

fn signature(tx: &TxEnvelope) -> Signature {
    *tx.signature()
}

fn data(tx: &TxEnvelope) -> Vec<u8> {
    fn list(prefix: Option<u8>, items: &[&dyn Encodable]) -> Vec<u8> {
        let mut payload = Vec::new();
        items.iter().for_each(|item| item.encode(&mut payload));
        let mut out: Vec<u8> = prefix.into_iter().collect();
        Header {
            list: true,
            payload_length: payload.len(),
        }
        .encode(&mut out);
        out.extend(payload);
        out
    }
    match tx {
        TxEnvelope::Legacy(tx) => {
            let tx = Signed::tx(tx);
            list(None, &[&tx.value, &tx.gas_price, &tx.input])
        }
        TxEnvelope::Eip2930(tx) => {
            let tx = tx.tx();
            list(
                Some(1),
                &[&tx.value, &tx.gas_price, &tx.input, &tx.access_list],
            )
        }
        TxEnvelope::Eip1559(tx) => {
            let tx = tx.tx();
            let (tip, fee) = (&tx.max_priority_fee_per_gas, &tx.max_fee_per_gas);
            list(Some(2), &[&tx.value, tip, fee, &tx.input, &tx.access_list])
        }
        TxEnvelope::Eip7702(tx) => {
            let tx = tx.tx();
            let (tip, fee) = (&tx.max_priority_fee_per_gas, &tx.max_fee_per_gas);
            let authorizations = &tx.authorization_list;
            list(
                Some(4),
                &[
                    &tx.value,
                    tip,
                    fee,
                    &tx.input,
                    &tx.access_list,
                    authorizations,
                ],
            )
        }
        TxEnvelope::Eip4844(_) => unreachable!("not generated"),
    }
}

fn uvarint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let low = (value % 128) as u8;
        value /= 128;
        if value == 0 {
            out.push(low);
            return out;
        }
        out.push(low + 128);
    }
}

/// Bit `i` has weight `2^i` in a big-endian integer of `ceil(n / 8)` bytes.
fn bit_list(bits: impl Iterator<Item = bool>) -> Vec<u8> {
    let bits: Vec<bool> = bits.collect();
    let mut out = vec![0u8; bits.len().div_ceil(8)];
    let length = out.len();
    for (index, _) in bits.iter().enumerate().filter(|(_, bit)| **bit) {
        out[length - 1 - index / 8] += 1 << (index % 8);
    }
    out
}

/// Changes `input` in one of the ways that break parsers: flips, overwrites, cuts, doublings, edges.
pub fn mutate(rng: &mut StdRng, input: &mut Vec<u8>) {
    for _ in 0..rng.random_range(1..=3) {
        if input.is_empty() {
            input.push(rng.random());
            continue;
        }
        let at = rng.random_range(0..input.len());
        match rng.random_range(0..9) {
            0 => input[at] ^= 1 << rng.random_range(0..8),
            1 => input[at] = rng.random(),
            2 => input[at] = [0, 1, 0x7f, 0x80, 0xff][rng.random_range(0..5)],
            3 => input.truncate(at),
            4 => drop(input.remove(at)),
            5 => input.insert(at, rng.random()),
            6 => input.extend(bytes(rng, 8)),
            7 => {
                let end = rng.random_range(at..=input.len());
                let part = input[at..end].to_vec();
                input.splice(at..at, part);
            }
            _ => {
                let end = rng.random_range(at..=input.len());
                input[at..end].fill(rng.random());
            }
        }
    }
}
