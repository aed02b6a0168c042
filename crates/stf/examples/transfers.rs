//! Time per plain transfer of begin, tx and end: `cargo run --example transfers -p foggara-stf`.
//!
//! 300 senders, half of the receivers new, 1,000 transfers a block, state and nodes in memory.

#[path = "../../evm/tests/common/mod.rs"]
mod common;

use alloy_primitives::{Address, Bytes, TxKind, U256, keccak256};
use common::{Key, attributes, l1_attributes, l1_info, rollup, spec};
use foggara_stf::{
    GenesisAccount, GenesisAlloc, MemorySource, PreparedTx, begin, genesis_block, replay_block,
};
use std::time::{Duration, Instant};

const TRANSFERS: u32 = 1_000;
const BLOCKS: u64 = 5;

fn main() {
    let mut alloc = GenesisAlloc::new();
    for (address, nonce, balance, code, storage) in common::alloc() {
        let storage = storage.into_iter().collect();
        let balance = U256::from(balance);
        alloc.insert(
            address,
            GenesisAccount {
                balance,
                nonce,
                code,
                storage,
            },
        );
    }
    // A state of some size, so that the trie has depth.
    for n in 0..50_000u64 {
        let address = Address::from_word(keccak256(n.to_be_bytes()));
        let account = GenesisAccount {
            balance: U256::from(1),
            ..GenesisAccount::default()
        };
        alloc.insert(address, account);
    }
    let keys: Vec<Key> = (1..=250).map(Key::new).collect();
    for key in &keys {
        let account = GenesisAccount {
            balance: U256::from(common::ETHER),
            ..GenesisAccount::default()
        };
        alloc.insert(key.address, account);
    }
    let genesis = genesis_block(&rollup(), &alloc).expect("an allocation made here");
    let spec = spec(genesis.header.clone());
    let mut source = MemorySource::new(&genesis);
    let mut parent = genesis;
    let mut nonces = vec![0u64; keys.len()];
    let mut sum = [Duration::ZERO; 5];
    for round in 0..BLOCKS {
        let mut raws = Vec::new();
        for n in 0..u64::from(TRANSFERS) {
            let index = usize::try_from(n).expect("small") % keys.len();
            let id = if n % 2 == 0 {
                n
            } else {
                1_000_000 + round * 10_000 + n
            };
            let to = Address::from_word(keccak256(id.to_be_bytes()));
            let tx = keys[index].tx(nonces[index], TxKind::Call(to), 1, 21_000, Bytes::new());
            nonces[index] += 1;
            raws.push(tx.raw);
        }
        let start = Instant::now();
        let txs: Vec<_> = raws
            .into_iter()
            .map(|raw| PreparedTx::decode(raw).expect("made here"))
            .collect();
        sum[0] += start.elapsed();
        let mut next = attributes(&parent.header, Vec::new());
        let start = Instant::now();
        let mut open =
            begin(&spec, &parent.header, parent.hash, &next, &mut source).expect("begins");
        open.tx(&l1_attributes(&l1_info(round + 1))).expect("runs");
        sum[1] += start.elapsed();
        let start = Instant::now();
        for tx in &txs {
            open.tx(tx).expect("is valid");
        }
        sum[2] += start.elapsed();
        let start = Instant::now();
        let block = open.end().expect("seals");
        sum[3] += start.elapsed();
        // The follower's path over the same block.
        next.transactions.clone_from(&block.transactions);
        let start = Instant::now();
        let again =
            replay_block(&spec, &parent.header, parent.hash, &next, &mut source).expect("replays");
        sum[4] += start.elapsed();
        assert_eq!(again, block);
        source.apply(&block);
        parent = block;
    }
    let per = |n: usize| sum[n].as_nanos() as f64 / 1_000.0 / f64::from(TRANSFERS) / BLOCKS as f64;
    println!(
        "transfers: {BLOCKS} blocks of {TRANSFERS}, {} accounts",
        alloc.len()
    );
    println!("  decode and recover  {:8.2} us per transfer", per(0));
    println!(
        "  begin               {:8.2} us per block",
        per(1) * f64::from(TRANSFERS)
    );
    println!("  tx                  {:8.2} us per transfer", per(2));
    println!("  end                 {:8.2} us per transfer", per(3));
    println!("  replay, all of it   {:8.2} us per transfer", per(4));
}
