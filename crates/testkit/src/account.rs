//! An account that signs.

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy},
    eips::{eip2718::Encodable2718, eip2930::AccessList, eip7702::Authorization},
    signers::{Signature, SignerSync, local::PrivateKeySigner},
};
use alloy_primitives::{Address, Bytes, TxKind, U256};

/// A key and the nonce it uses next.
#[derive(Debug, Clone)]
pub struct Account {
    /// The key.
    pub signer: PrivateKeySigner,
    /// Nonce of the next transaction.
    pub nonce: u64,
}

/// What a transaction does, whatever its type.
#[derive(Debug, Clone)]
pub struct TxParams {
    /// Receiver; none for a creation.
    pub to: Option<Address>,
    /// Wei.
    pub value: U256,
    /// Calldata or init code.
    pub input: Bytes,
    /// Gas limit.
    pub gas: u64,
    /// Highest price per gas in wei.
    pub max_fee: u128,
    /// Tip per gas in wei.
    pub tip: u128,
}

impl TxParams {
    /// A plain transfer.
    pub const fn transfer(to: Address, value: U256) -> Self {
        Self {
            to: Some(to),
            value,
            input: Bytes::new(),
            gas: 21_000,
            max_fee: MAX_FEE,
            tip: TIP,
        }
    }

    /// A call.
    pub fn call(to: Address, input: impl Into<Bytes>, gas: u64) -> Self {
        Self {
            to: Some(to),
            value: U256::ZERO,
            input: input.into(),
            gas,
            max_fee: MAX_FEE,
            tip: TIP,
        }
    }

    /// A creation.
    pub const fn create(init_code: Bytes, gas: u64) -> Self {
        Self {
            to: None,
            value: U256::ZERO,
            input: init_code,
            gas,
            max_fee: MAX_FEE,
            tip: TIP,
        }
    }

    fn kind(&self) -> TxKind {
        self.to.map_or(TxKind::Create, TxKind::Call)
    }
}

const MAX_FEE: u128 = 20_000_000_000;
const TIP: u128 = 1_000_000_000;

impl Account {
    /// An account that has sent nothing yet.
    pub const fn new(signer: PrivateKeySigner) -> Self {
        Self { signer, nonce: 0 }
    }

    /// Its address.
    pub const fn address(&self) -> Address {
        self.signer.address()
    }

    /// A type-2 transaction with the next nonce, EIP-2718 bytes.
    pub fn sign(&mut self, chain_id: u64, params: &TxParams) -> Bytes {
        let nonce = self.take_nonce();
        self.sign_at(chain_id, nonce, params)
    }

    /// A type-2 transaction with this nonce.
    pub fn sign_at(&self, chain_id: u64, nonce: u64, params: &TxParams) -> Bytes {
        let tx = TxEip1559 {
            chain_id,
            nonce,
            gas_limit: params.gas,
            max_fee_per_gas: params.max_fee,
            max_priority_fee_per_gas: params.tip,
            to: params.kind(),
            value: params.value,
            access_list: AccessList::default(),
            input: params.input.clone(),
        };
        self.envelope(tx)
    }

    /// A type-0 transaction with the next nonce.
    pub fn sign_legacy(&mut self, chain_id: u64, params: &TxParams) -> Bytes {
        let tx = TxLegacy {
            chain_id: Some(chain_id),
            nonce: self.take_nonce(),
            gas_price: params.max_fee,
            gas_limit: params.gas,
            to: params.kind(),
            value: params.value,
            input: params.input.clone(),
        };
        self.envelope(tx)
    }

    /// A type-1 transaction with the next nonce; its access list names the receiver.
    pub fn sign_access_list(&mut self, chain_id: u64, params: &TxParams) -> Bytes {
        let item = params
            .to
            .map(|address| alloy::eips::eip2930::AccessListItem {
                address,
                storage_keys: vec![U256::ZERO.into()],
            });
        let tx = TxEip2930 {
            chain_id,
            nonce: self.take_nonce(),
            gas_price: params.max_fee,
            gas_limit: params.gas.saturating_add(4_300),
            to: params.kind(),
            value: params.value,
            access_list: AccessList(item.into_iter().collect()),
            input: params.input.clone(),
        };
        self.envelope(tx)
    }

    /// A type-4 transaction with the next nonce that delegates this account itself to `delegate`.
    pub fn sign_set_code(&mut self, chain_id: u64, delegate: Address, params: &TxParams) -> Bytes {
        let nonce = self.take_nonce();
        // The authorization comes after the sender's own nonce was raised.
        let authorization = Authorization {
            chain_id: U256::from(chain_id),
            address: delegate,
            nonce: self.take_nonce(),
        };
        let signature = self.sign_hash(authorization.signature_hash());
        let tx = TxEip7702 {
            chain_id,
            nonce,
            gas_limit: params.gas.saturating_add(25_000),
            max_fee_per_gas: params.max_fee,
            max_priority_fee_per_gas: params.tip,
            to: params.to.unwrap_or_default(),
            value: params.value,
            access_list: AccessList::default(),
            authorization_list: vec![authorization.into_signed(signature)],
            input: params.input.clone(),
        };
        self.envelope(tx)
    }

    const fn take_nonce(&mut self) -> u64 {
        let nonce = self.nonce;
        self.nonce += 1;
        nonce
    }

    fn sign_hash(&self, hash: alloy_primitives::B256) -> Signature {
        self.signer
            .sign_hash_sync(&hash)
            .expect("a local key signs every hash")
    }

    fn envelope<T>(&self, tx: T) -> Bytes
    where
        T: SignableTransaction<Signature>,
        alloy::consensus::Signed<T>: Encodable2718,
    {
        let signature = self.sign_hash(tx.signature_hash());
        tx.into_signed(signature).encoded_2718().into()
    }
}
