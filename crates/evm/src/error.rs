//! What execution can answer beside a result, sorted by what the caller does next.

use alloc::string::String;
use alloy_op_evm::OpTxError;
use alloy_primitives::{Address, B256, U256};
use core::fmt;
use foggara_primitives::SourceError;
use op_revm::OpTransactionError;
use revm::context_interface::result::{EVMError, InvalidTransaction};

/// A [`SourceError`] in the form that the engine passes through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbError(pub SourceError);

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::error::Error for DbError {}
impl revm::database_interface::DBErrorMarker for DbError {}

impl From<SourceError> for DbError {
    fn from(error: SourceError) -> Self {
        Self(error)
    }
}

impl From<DbError> for SourceError {
    fn from(error: DbError) -> Self {
        error.0
    }
}

/// Why one transaction cannot be part of the block. The texts are those of `USERS.md` section 2.8.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTx {
    /// The bytes are no transaction.
    #[error("failed to decode signed transaction: {0}")]
    Decode(String),
    /// The signature recovers to nobody.
    #[error("invalid transaction signature")]
    Signature,
    /// A type that this chain does not run: blobs (3), the post-execution type (0x7d), others.
    #[error("transaction type not valid: type {0} not supported on this chain")]
    TypeNotSupported(u8),
    /// A transaction for another chain.
    #[error("invalid chain ID: have {have}, want {want}")]
    ChainId {
        /// Chain id of the transaction.
        have: u64,
        /// Chain id of this chain.
        want: u64,
    },
    /// The nonce is used.
    #[error("nonce too low: next nonce {next}, tx nonce {tx}")]
    NonceTooLow {
        /// Nonce of the account.
        next: u64,
        /// Nonce of the transaction.
        tx: u64,
    },
    /// The nonce leaves a gap.
    #[error("nonce too high: next nonce {next}, tx nonce {tx}")]
    NonceTooHigh {
        /// Nonce of the account.
        next: u64,
        /// Nonce of the transaction.
        tx: u64,
    },
    /// The nonce of the sender cannot grow (EIP-2681).
    #[error("nonce has max value: address {0}")]
    NonceMax(Address),
    /// The sender cannot pay value, gas, L1 fee and operator fee together.
    #[error("insufficient funds for gas * price + value: have {have} want {want}")]
    InsufficientFunds {
        /// Balance of the sender in wei.
        have: U256,
        /// Highest cost in wei, L1 fee and operator fee included.
        want: U256,
    },
    /// Value, gas limit and price overflow a word.
    #[error("insufficient funds for gas * price + value: cost overflows 256 bits")]
    CostOverflow,
    /// The gas limit does not cover the intrinsic gas.
    #[error("intrinsic gas too low: have {have}, want {want}")]
    IntrinsicGas {
        /// Gas limit of the transaction.
        have: u64,
        /// Gas that it costs before it runs.
        want: u64,
    },
    /// The gas limit does not cover the calldata floor (EIP-7623).
    #[error("intrinsic gas too low: have {have}, want {want} (calldata floor)")]
    FloorGas {
        /// Gas limit of the transaction.
        have: u64,
        /// Floor of its calldata.
        want: u64,
    },
    /// The fee cap is below the base fee of the block.
    #[error(
        "max fee per gas less than block base fee: maxFeePerGas: {fee_cap}, baseFee: {base_fee}"
    )]
    FeeCapBelowBaseFee {
        /// Highest price per gas in wei.
        fee_cap: u128,
        /// Base fee of the block in wei.
        base_fee: u64,
    },
    /// The tip exceeds the fee cap.
    #[error(
        "max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas: {tip}, \
         maxFeePerGas: {fee_cap}"
    )]
    TipAboveFeeCap {
        /// Highest tip per gas in wei.
        tip: u128,
        /// Highest price per gas in wei.
        fee_cap: u128,
    },
    /// The gas limit exceeds what is left in the block.
    #[error("exceeds block gas limit (gas limit reached): have {left}, want {gas_limit}")]
    BlockGas {
        /// Gas limit of the transaction.
        gas_limit: u64,
        /// Gas left in the block.
        left: u64,
    },
    /// The gas limit exceeds the cap of the fork (EIP-7825).
    #[error("transaction gas limit too high (cap: {cap}, tx: {gas_limit})")]
    GasCap {
        /// Gas limit of the transaction.
        gas_limit: u64,
        /// Highest gas limit of one transaction.
        cap: u64,
    },
    /// The init code is too long (EIP-3860).
    #[error("max initcode size exceeded: code size {size}, limit {limit}")]
    InitCode {
        /// Bytes of init code.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The sender has code that is no delegation (EIP-3607).
    #[error("sender not an eoa: address {0}")]
    SenderHasCode(Address),
    /// An EIP-7702 transaction without authorizations.
    #[error("EIP-7702 transaction with empty auth list")]
    EmptyAuthorizationList,
    /// A blob transaction that breaks a rule of EIP-4844 (plain Ethereum only).
    #[error("invalid blob transaction: {0}")]
    Blob(String),
    /// Another rule of the fork.
    #[error("transaction not valid: {0}")]
    Rule(String),
}

/// Why a transaction was not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TxError {
    /// This transaction is at fault; the block is as if it had never been seen.
    #[error(transparent)]
    Invalid(#[from] InvalidTx),
    /// Whoever waits gave up; the block is as if the transaction had never been seen. Only
    /// [`crate::OpenBlock::tx_cancellable`] answers so.
    #[error("execution aborted")]
    Cancelled,
    /// The node is broken; the block must be dropped.
    #[error(transparent)]
    Fatal(#[from] SourceError),
}

/// Why a block cannot be executed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExecError {
    /// A source of state failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The attributes do not follow the parent.
    #[error("timestamp {timestamp} of the attributes is not above that of the parent, {parent}")]
    Timestamp {
        /// Unix seconds of the attributes.
        timestamp: u64,
        /// Unix seconds of the parent.
        parent: u64,
    },
    /// A deposit makes the block invalid: it cannot be read or does not fit (trap T9).
    #[error("deposit {index} makes the block invalid: {reason}")]
    Deposit {
        /// Index in the attributes.
        index: usize,
        /// Why.
        reason: InvalidTx,
    },
    /// A transaction of a block that should be valid is not.
    #[error("transaction {index} ({hash}) is not valid: {reason}")]
    Invalid {
        /// Index in the block.
        index: usize,
        /// Hash of the transaction bytes.
        hash: B256,
        /// Why.
        reason: InvalidTx,
    },
    /// A commitment could not be computed.
    #[error("state commitment failed: {0}")]
    Trie(String),
    /// A field of the new header does not fit its type.
    #[error("block number or field overflows: {0}")]
    Overflow(&'static str),
}

/// What only the caller of the engine knows about a refused transaction.
pub(crate) struct TxFacts {
    pub(crate) sender: Address,
    pub(crate) chain_id: u64,
    pub(crate) tx_chain_id: Option<u64>,
    pub(crate) gas_limit: u64,
    pub(crate) fee_cap: u128,
    pub(crate) tip: u128,
    pub(crate) base_fee: u64,
    pub(crate) block_gas: u64,
    pub(crate) input_len: usize,
    pub(crate) init_code_limit: usize,
    pub(crate) have: U256,
    pub(crate) want: Option<U256>,
}

impl TxFacts {
    /// Names a refusal of the engine with its numbers.
    pub(crate) fn explain(&self, error: InvalidTransaction) -> InvalidTx {
        use InvalidTransaction as E;
        match error {
            E::PriorityFeeGreaterThanMaxFee => InvalidTx::TipAboveFeeCap {
                tip: self.tip,
                fee_cap: self.fee_cap,
            },
            E::GasPriceLessThanBasefee => InvalidTx::FeeCapBelowBaseFee {
                fee_cap: self.fee_cap,
                base_fee: self.base_fee,
            },
            E::CallerGasLimitMoreThanBlock => InvalidTx::BlockGas {
                gas_limit: self.gas_limit,
                left: self.block_gas,
            },
            E::CallGasCostMoreThanGasLimit {
                initial_gas,
                gas_limit,
            } => InvalidTx::IntrinsicGas {
                have: gas_limit,
                want: initial_gas,
            },
            E::GasFloorMoreThanGasLimit {
                gas_floor,
                gas_limit,
            } => InvalidTx::FloorGas {
                have: gas_limit,
                want: gas_floor,
            },
            E::RejectCallerWithCode => InvalidTx::SenderHasCode(self.sender),
            E::LackOfFundForMaxFee { fee, balance } => match self.want {
                Some(want) => InvalidTx::InsufficientFunds {
                    have: self.have,
                    want,
                },
                None => InvalidTx::InsufficientFunds {
                    have: *balance,
                    want: *fee,
                },
            },
            E::OverflowPaymentInTransaction => InvalidTx::CostOverflow,
            E::NonceOverflowInTransaction => InvalidTx::NonceMax(self.sender),
            E::NonceTooHigh { tx, state } => InvalidTx::NonceTooHigh { next: state, tx },
            E::NonceTooLow { tx, state } => InvalidTx::NonceTooLow { next: state, tx },
            E::CreateInitCodeSizeLimit => InvalidTx::InitCode {
                size: self.input_len,
                limit: self.init_code_limit,
            },
            E::InvalidChainId | E::MissingChainId => InvalidTx::ChainId {
                have: self.tx_chain_id.unwrap_or_default(),
                want: self.chain_id,
            },
            E::TxGasLimitGreaterThanCap { gas_limit, cap } => InvalidTx::GasCap { gas_limit, cap },
            E::EmptyAuthorizationList => InvalidTx::EmptyAuthorizationList,
            E::Eip2930NotSupported => InvalidTx::TypeNotSupported(1),
            E::Eip1559NotSupported => InvalidTx::TypeNotSupported(2),
            E::Eip4844NotSupported => InvalidTx::TypeNotSupported(3),
            E::Eip7702NotSupported => InvalidTx::TypeNotSupported(4),
            error @ (E::BlobGasPriceGreaterThanMax { .. }
            | E::EmptyBlobs
            | E::BlobCreateTransaction
            | E::TooManyBlobs { .. }
            | E::BlobVersionNotSupported
            | E::MaxFeePerBlobGasNotSupported
            | E::BlobVersionedHashesNotSupported) => InvalidTx::Blob(alloc::format!("{error}")),
            error => InvalidTx::Rule(alloc::format!("{error}")),
        }
    }

    /// Sorts an error of the plain-Ethereum engine.
    pub(crate) fn sort(&self, error: EVMError<DbError>) -> TxError {
        match error {
            EVMError::Transaction(error) => TxError::Invalid(self.explain(error)),
            EVMError::Database(error) => TxError::Fatal(error.into()),
            EVMError::Header(error) => fatal(alloc::format!("block environment: {error}")),
            EVMError::Custom(error) => fatal(error),
            EVMError::CustomAny(error) => fatal(alloc::format!("{error}")),
        }
    }

    /// Sorts an error of the rollup's engine.
    pub(crate) fn sort_op(&self, error: EVMError<DbError, OpTxError>) -> TxError {
        match error {
            EVMError::Transaction(OpTxError(OpTransactionError::Base(error))) => {
                TxError::Invalid(self.explain(error))
            }
            EVMError::Transaction(error) => {
                TxError::Invalid(InvalidTx::Rule(alloc::format!("{error}")))
            }
            EVMError::Database(error) => TxError::Fatal(error.into()),
            EVMError::Header(error) => fatal(alloc::format!("block environment: {error}")),
            EVMError::Custom(error) => fatal(error),
            EVMError::CustomAny(error) => fatal(alloc::format!("{error}")),
        }
    }
}

fn fatal(text: String) -> TxError {
    TxError::Fatal(SourceError(text))
}
