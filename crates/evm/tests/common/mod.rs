//! A small chain for tests: keys, signed transactions, deposits, and contracts in assembly.

#![allow(dead_code, missing_docs, unreachable_pub)]

use alloy_consensus::{Header, SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::{Encodable2718, eip7702::Authorization};
use alloy_primitives::{
    Address, B64, B256, Bytes, KECCAK256_EMPTY, Signature, TxKind, U256, address, keccak256,
};
use foggara_evm::{MapState, PreparedTx, revm::bytecode::opcode::OpCode};
use foggara_primitives::{
    ChainOpConfig, ChainSpec, FoggaraConfig, GenesisIds, GenesisSystemConfig, L1Info,
    PayloadAttributes, RollupConfig, SystemConfig,
    addresses::{
        AI_TENSOR, BEACON_ROOTS, DEPOSITOR, HISTORY_STORAGE, L1_BLOCK, MESSAGE_PASSER,
        SEQUENCER_FEE_VAULT,
    },
    constants::{EMPTY_REQUESTS_HASH, L1_ATTRIBUTES_GAS},
};
use op_alloy_consensus::{OpTxEnvelope, TxDeposit};
use std::sync::Arc;

pub const CHAIN_ID: u64 = 901;
pub const GAS_LIMIT: u64 = 30_000_000;
pub const GWEI: u128 = 1_000_000_000;
pub const ETHER: u128 = 1_000_000_000_000_000_000;

/// Contracts of [`world`].
pub const LOGGER: Address = address!("00000000000000000000000000000000c0de0001");
pub const REVERTER: Address = address!("00000000000000000000000000000000c0de0002");
pub const LOOPER: Address = address!("00000000000000000000000000000000c0de0003");
pub const STORER: Address = address!("00000000000000000000000000000000c0de0004");
pub const FACTORY: Address = address!("00000000000000000000000000000000c0de0005");
pub const INSPECTOR: Address = address!("00000000000000000000000000000000c0de0006");
pub const FORWARDER: Address = address!("00000000000000000000000000000000c0de0007");
pub const PUBLISHER: Address = address!("00000000000000000000000000000000c0de0008");

/// Assembles opcode names and `0x` bytes.
pub fn asm(text: &str) -> Bytes {
    let mut out = Vec::new();
    for word in text.split_whitespace() {
        if let Some(digits) = word.strip_prefix("0x") {
            out.extend(hex::decode(digits).expect("hex"));
        } else {
            let find = |byte: &u8| OpCode::new(*byte).is_some_and(|op| op.as_str() == word);
            out.push(
                (0..=255)
                    .find(find)
                    .unwrap_or_else(|| panic!("no opcode {word}")),
            );
        }
    }
    out.into()
}

/// Stores the L1 attributes as `ROLLUP.md` section 3.2 lays them out; only the depositor may.
pub fn l1_block_code() -> Bytes {
    let word = |offset: u8, shift: u8, slot: u8| {
        format!(
            "PUSH1 0x{offset:02x} CALLDATALOAD PUSH1 0x{shift:02x} SHR PUSH1 0x{slot:02x} SSTORE "
        )
    };
    let mut text = format!(
        "CALLER PUSH20 0x{} EQ PUSH1 0x1e JUMPI ",
        hex::encode(DEPOSITOR)
    );
    text += "PUSH0 PUSH0 REVERT ";
    // 26 bytes so far; the jump target is at 0x1e.
    text += "STOP ".repeat(0x1e - asm(&text).len()).as_str();
    text += "JUMPDEST ";
    text += "PUSH1 0x14 CALLDATALOAD PUSH1 0xc0 SHR PUSH1 0x40 SHL ";
    text += "PUSH1 0x1c CALLDATALOAD PUSH1 0xc0 SHR OR PUSH0 SSTORE ";
    text += &word(36, 0, 1);
    text += &word(100, 0, 2);
    text += &word(4, 128, 3);
    text += &word(132, 0, 4);
    text += &word(68, 0, 7);
    text += &word(164, 160, 8);
    asm(&text)
}

/// Init code that returns `runtime`.
pub fn deployer(runtime: &[u8]) -> Bytes {
    let mut code = asm(&format!(
        "PUSH2 0x{:04x} PUSH1 0x0c PUSH0 CODECOPY PUSH2 0x{:04x} PUSH0 RETURN",
        runtime.len(),
        runtime.len()
    ))
    .to_vec();
    assert_eq!(code.len(), 12);
    code.extend_from_slice(runtime);
    code.into()
}

pub struct Key {
    signer: k256::ecdsa::SigningKey,
    pub address: Address,
}

impl Key {
    pub fn new(seed: u8) -> Self {
        let signer = k256::ecdsa::SigningKey::from_slice(keccak256([seed]).as_slice()).unwrap();
        let address = Address::from_public_key(signer.verifying_key());
        Self { signer, address }
    }

    pub fn sign(&self, hash: B256) -> Signature {
        self.signer
            .sign_prehash_recoverable(hash.as_slice())
            .unwrap()
            .into()
    }

    pub fn envelope<T>(&self, tx: T) -> PreparedTx
    where
        T: SignableTransaction<Signature>,
        OpTxEnvelope: From<alloy_consensus::Signed<T>>,
    {
        let signature = self.sign(tx.signature_hash());
        let tx = OpTxEnvelope::from(tx.into_signed(signature));
        PreparedTx::decode(tx.encoded_2718().into()).expect("a transaction made here")
    }

    /// A type-2 transaction with 1 gwei of tip.
    pub fn tx(&self, nonce: u64, to: TxKind, value: u128, gas: u64, data: Bytes) -> PreparedTx {
        self.envelope(base_tx(nonce, to, value, gas, data))
    }

    pub fn legacy(&self, nonce: u64, to: Address, chain_id: Option<u64>) -> PreparedTx {
        self.envelope(TxLegacy {
            chain_id,
            nonce,
            gas_price: 3 * GWEI,
            gas_limit: 50_000,
            to: TxKind::Call(to),
            value: U256::from(1),
            input: Bytes::new(),
        })
    }

    pub fn type_1(&self, nonce: u64, to: Address) -> PreparedTx {
        self.envelope(TxEip2930 {
            chain_id: CHAIN_ID,
            nonce,
            gas_price: 3 * GWEI,
            gas_limit: 50_000,
            to: TxKind::Call(to),
            value: U256::from(1),
            access_list: Default::default(),
            input: Bytes::new(),
        })
    }

    /// A type-4 transaction that delegates `authority` (this key's account if `None`).
    pub fn delegate(
        &self,
        nonce: u64,
        authority: &Self,
        auth_nonce: u64,
        to: Address,
    ) -> PreparedTx {
        let auth = Authorization {
            chain_id: U256::from(CHAIN_ID),
            address: to,
            nonce: auth_nonce,
        };
        let signature = authority.sign(auth.signature_hash());
        let auth = auth.into_signed(signature);
        self.envelope(TxEip7702 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: 200_000,
            max_fee_per_gas: 10 * GWEI,
            max_priority_fee_per_gas: GWEI,
            to: authority.address,
            value: U256::ZERO,
            access_list: Default::default(),
            authorization_list: vec![auth],
            input: Bytes::new(),
        })
    }
}

pub fn base_tx(nonce: u64, to: TxKind, value: u128, gas: u64, data: Bytes) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: gas,
        max_fee_per_gas: 10 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to,
        value: U256::from(value),
        access_list: Default::default(),
        input: data,
    }
}

pub fn deposit(
    index: u8,
    from: Address,
    to: TxKind,
    mint: u128,
    value: u128,
    gas: u64,
    data: Bytes,
) -> PreparedTx {
    let tx = TxDeposit {
        source_hash: keccak256([0xdd, index]),
        from,
        to,
        mint,
        value: U256::from(value),
        gas_limit: gas,
        is_system_transaction: false,
        input: data,
    };
    let tx = OpTxEnvelope::from(tx);
    PreparedTx::decode(tx.encoded_2718().into()).expect("a deposit made here")
}

pub fn l1_info(number: u64) -> L1Info {
    L1Info {
        base_fee_scalar: 1_368,
        blob_base_fee_scalar: 810_949,
        sequence_number: 0,
        time: 1_000 + number,
        number,
        base_fee: U256::from(7 * GWEI),
        blob_base_fee: U256::from(3 * GWEI),
        block_hash: keccak256(number.to_be_bytes()),
        batcher_hash: Address::repeat_byte(0xba).into_word(),
        operator_fee_scalar: 4_000_000,
        operator_fee_constant: 777,
    }
}

/// The L1 attributes transaction of a block.
pub fn l1_attributes(info: &L1Info) -> PreparedTx {
    let input = Bytes::copy_from_slice(&info.encode());
    deposit(
        0,
        DEPOSITOR,
        TxKind::Call(L1_BLOCK),
        0,
        0,
        L1_ATTRIBUTES_GAS,
        input,
    )
}

pub fn attributes(parent: &Header, transactions: Vec<Bytes>) -> PayloadAttributes {
    PayloadAttributes {
        timestamp: parent.timestamp + 2,
        prev_randao: keccak256(b"randao"),
        fee_recipient: SEQUENCER_FEE_VAULT,
        parent_beacon_block_root: keccak256(b"beacon"),
        gas_limit: GAS_LIMIT,
        eip1559_params: B64::from(250u64 << 32 | 6),
        transactions,
        no_tx_pool: true,
    }
}

pub fn rollup() -> RollupConfig {
    RollupConfig {
        genesis: GenesisIds {
            l2_time: 1_000,
            system_config: GenesisSystemConfig {
                batcher_addr: Address::repeat_byte(0xba),
                scalar: SystemConfig::scalar_word(1_368, 810_949),
                gas_limit: GAS_LIMIT,
                eip1559_params: B64::from(250u64 << 32 | 6),
                ..GenesisSystemConfig::default()
            },
            ..GenesisIds::default()
        },
        block_time: 2,
        seq_window_size: 600,
        l1_chain_id: 900,
        l2_chain_id: CHAIN_ID,
        isthmus_time: Some(0),
        chain_op_config: Some(ChainOpConfig {
            eip1559_elasticity: 6,
            eip1559_denominator: 50,
            eip1559_denominator_canyon: 250,
        }),
        ..RollupConfig::default()
    }
}

pub fn spec(genesis: Header) -> Arc<ChainSpec> {
    Arc::new(ChainSpec {
        rollup: rollup(),
        foggara: FoggaraConfig::default(),
        genesis,
    })
}

/// A parent header by hand, for tests that need no trie.
pub fn parent() -> Header {
    Header {
        number: 41,
        timestamp: 1_082,
        gas_limit: GAS_LIMIT,
        gas_used: 5_000_000,
        base_fee_per_gas: Some(1_000_000_000),
        extra_data: Bytes::from_static(&[0, 0, 0, 0, 250, 0, 0, 0, 6]),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..Header::default()
    }
}

pub type Alloc = Vec<(Address, u64, u128, Bytes, Vec<(B256, U256)>)>;

/// Accounts of the test world: system contracts, test contracts, ten rich keys (seeds 1 to 10).
pub fn alloc() -> Alloc {
    let logger =
        asm("CALLDATASIZE PUSH0 PUSH0 CALLDATACOPY NUMBER TIMESTAMP CALLDATASIZE PUSH0 LOG2 STOP");
    let reverter = asm("PUSH4 0x08c379a0 PUSH0 MSTORE PUSH1 0x04 PUSH1 0x1c REVERT");
    let looper = asm("JUMPDEST PUSH0 JUMP");
    // sstore(calldata[0..32], calldata[32..64])
    let storer = asm("PUSH1 0x20 CALLDATALOAD PUSH0 CALLDATALOAD SSTORE STOP");
    // Creates a contract that stores 1 at slot 1 and destroys itself in its own init code.
    let init = asm("PUSH1 0x01 PUSH1 0x01 SSTORE CALLER SELFDESTRUCT");
    let factory = asm(&format!(
        "PUSH{} 0x{} PUSH0 MSTORE PUSH1 0x{:02x} PUSH1 0x{:02x} CALLVALUE CREATE STOP",
        init.len(),
        hex::encode(&init),
        init.len(),
        32 - init.len()
    ));
    // Returns the block environment: base fee, number, timestamp, randao, coinbase, chain id.
    let inspector = asm(
        "BASEFEE PUSH0 MSTORE NUMBER PUSH1 0x20 MSTORE TIMESTAMP PUSH1 0x40 MSTORE \
         DIFFICULTY PUSH1 0x60 MSTORE COINBASE PUSH1 0x80 MSTORE CHAINID PUSH1 0xa0 MSTORE \
         BLOBBASEFEE PUSH1 0xc0 MSTORE PUSH1 0x01 NUMBER SUB BLOCKHASH PUSH1 0xe0 MSTORE \
         GASPRICE PUSH2 0x0100 MSTORE PUSH2 0x0120 PUSH0 RETURN",
    );
    // Calls the address in calldata[12..32] with the rest of the calldata, all gas; stores whether
    // it succeeded at slot 0 and the gas it took at slot 1, and returns what it returned.
    let forwarder = asm(
        "PUSH1 0x20 CALLDATASIZE SUB PUSH1 0x20 PUSH0 CALLDATACOPY GAS \
         PUSH0 PUSH0 PUSH1 0x20 CALLDATASIZE SUB PUSH0 PUSH0 PUSH0 CALLDATALOAD GAS CALL \
         PUSH1 0x01 ADD PUSH0 SSTORE GAS SWAP1 SUB PUSH1 0x01 SSTORE \
         RETURNDATASIZE PUSH0 PUSH0 RETURNDATACOPY RETURNDATASIZE PUSH0 RETURN",
    );
    let code_accounts = [
        (
            HISTORY_STORAGE,
            alloy_eips::eip2935::HISTORY_STORAGE_CODE.clone(),
        ),
        (BEACON_ROOTS, alloy_eips::eip4788::BEACON_ROOTS_CODE.clone()),
        (L1_BLOCK, l1_block_code()),
        (LOGGER, logger),
        (REVERTER, reverter),
        (LOOPER, looper),
        (STORER, storer.clone()),
        (FACTORY, factory),
        (INSPECTOR, inspector),
        (FORWARDER, forwarder),
        // Stores like STORER, under the predeploy whose storage root stands in the header.
        (MESSAGE_PASSER, storer),
        (
            address!("0000000000000000000000000000000000a10001"),
            asm("INVALID"),
        ),
        (AI_TENSOR, asm("INVALID")),
    ];
    let mut out: Alloc = code_accounts
        .into_iter()
        .map(|(address, code)| {
            let slots = if address == STORER {
                (0..8u8)
                    .map(|n| (B256::with_last_byte(n), U256::from(1 + n)))
                    .collect()
            } else {
                Vec::new()
            };
            (address, 1, 0, code, slots)
        })
        .collect();
    for seed in 1..=10 {
        out.push((
            Key::new(seed).address,
            0,
            1_000 * ETHER,
            Bytes::new(),
            Vec::new(),
        ));
    }
    out
}

pub fn world() -> MapState {
    let mut state = MapState::default();
    for (address, nonce, balance, code, slots) in alloc() {
        state.insert(address, nonce, U256::from(balance), code, slots);
    }
    state
}

/// Sum of all balances.
pub fn supply(state: &MapState) -> U256 {
    state
        .accounts
        .values()
        .map(|account| account.info.balance)
        .fold(U256::ZERO, |a, b| a + b)
}

pub fn balance(state: &MapState, address: Address) -> U256 {
    state
        .accounts
        .get(&address)
        .map(|account| account.info.balance)
        .unwrap_or_default()
}

pub fn words(items: &[U256]) -> Bytes {
    items
        .iter()
        .flat_map(|word| word.to_be_bytes::<32>())
        .collect::<Vec<_>>()
        .into()
}

pub fn has_code(state: &MapState, address: Address) -> bool {
    state
        .accounts
        .get(&address)
        .is_some_and(|account| account.info.code_hash != KECCAK256_EMPTY)
}
