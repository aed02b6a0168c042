//! What a development L1 is made of.

use alloy_eips::eip7840::BlobParams;
use alloy_primitives::{Address, Bytes, U256, address};
use std::{
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Chain id of the development L1 (`ROLLUP.md` section 14).
pub const CHAIN_ID: u64 = 900;
/// Gas limit of its blocks.
pub const GAS_LIMIT: u64 = 36_000_000;
/// Who receives its priority fees.
pub const BENEFICIARY: Address = address!("00000000000000000000000000000000000f09a2");
/// Wei on every funded account: 10,000 ether.
pub const FUNDS: U256 = U256::from_limbs([0x19e0_c9ba_b240_0000, 0x021e, 0, 0]);

/// The first ten accounts of the test mnemonic
/// `test test test test test test test test test test test junk`.
pub const TEST_ACCOUNTS: [Address; 10] = [
    address!("f39fd6e51aad88f6f4ce6ab8827279cfffb92266"),
    address!("70997970c51812dc3a010c7d01b50e0d17dc79c8"),
    address!("3c44cdddb6a900fa2b585dd299e03d12fa4293bc"),
    address!("90f79bf6eb2c4f870365e785982e1f101e93b906"),
    address!("15d34aaf54267db7d7c367839aaf71a00a2c6a65"),
    address!("9965507d1a55bcc2695c58ba16fb37d819b0a4dc"),
    address!("976ea74026e726554db657fa54763abd0c3a0aa9"),
    address!("14dc79964da2c08b23698b3d3cc7ca32193d9955"),
    address!("23618e81e3f5cdf7f54c3d65f7fbc0abf5b21e8f"),
    address!("a0ee7a142d267c1f36714e4a8f75612f20a79720"),
];

/// Blob parameters of Prague, which this chain follows.
pub const fn blob_params() -> BlobParams {
    BlobParams::prague()
}

/// An account of the genesis block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GenesisAccount {
    /// Wei.
    pub balance: U256,
    /// Nonce.
    pub nonce: u64,
    /// Code, empty for none.
    pub code: Bytes,
    /// Storage.
    pub storage: BTreeMap<alloy_primitives::B256, U256>,
}

impl GenesisAccount {
    /// An account with nothing but wei.
    pub fn funded(balance: U256) -> Self {
        Self {
            balance,
            ..Self::default()
        }
    }

    /// A contract.
    pub fn contract(code: Bytes) -> Self {
        Self {
            nonce: 1,
            code,
            ..Self::default()
        }
    }
}

/// Reads the time, in milliseconds since 1970.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// A clock that asks `now_ms`.
    pub fn new(now_ms: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now_ms))
    }

    /// The machine's clock.
    pub fn system() -> Self {
        Self::new(|| {
            let since = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or(Duration::ZERO);
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        (self.0)()
    }

    /// Whole seconds since 1970.
    pub fn now(&self) -> u64 {
        self.now_ms() / 1_000
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({} ms)", self.now_ms())
    }
}

/// How a development L1 behaves.
#[derive(Debug, Clone)]
pub struct DevL1Config {
    /// Chain id.
    pub chain_id: u64,
    /// Seconds between blocks, at least 1.
    pub block_time: u64,
    /// Blocks by which `finalized` trails the tip; `None` leaves it to [`crate::DevL1::finalize`].
    pub finality: Option<u64>,
    /// Folder of the chain; `None` keeps it in memory.
    pub dir: Option<PathBuf>,
    /// Gas limit of a block.
    pub gas_limit: u64,
    /// Unix seconds of the genesis block; `None` takes the clock's. Of no effect on an existing chain.
    pub genesis_time: Option<u64>,
    /// Accounts of the genesis block. An existing chain must have been made with the same.
    pub alloc: BTreeMap<Address, GenesisAccount>,
    /// The clock.
    pub clock: Clock,
}

impl Default for DevL1Config {
    /// In memory, one-second blocks, the test accounts funded, and the contracts that Prague and
    /// common tools expect.
    fn default() -> Self {
        let mut alloc: BTreeMap<Address, GenesisAccount> = TEST_ACCOUNTS
            .into_iter()
            .map(|a| (a, GenesisAccount::funded(FUNDS)))
            .collect();
        use foggara_bindings::preinstalls;
        for contract in [
            preinstalls::beacon_roots(),
            preinstalls::history_storage(),
            preinstalls::multicall3(),
            preinstalls::deterministic_deployer(),
        ] {
            alloc.insert(contract.address, GenesisAccount::contract(contract.code));
        }
        Self {
            chain_id: CHAIN_ID,
            block_time: 1,
            finality: Some(2),
            dir: None,
            gas_limit: GAS_LIMIT,
            genesis_time: None,
            alloc,
            clock: Clock::system(),
        }
    }
}

impl DevL1Config {
    /// With another funded account, for instance the batcher's.
    #[must_use]
    pub fn fund(mut self, address: Address) -> Self {
        self.alloc.insert(address, GenesisAccount::funded(FUNDS));
        self
    }

    /// With the chain in a folder.
    #[must_use]
    pub fn in_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::signers::local::{MnemonicBuilder, coins_bip39::English};

    #[test]
    fn test_accounts_are_those_of_the_mnemonic() {
        let phrase = "test test test test test test test test test test test junk";
        for (index, address) in TEST_ACCOUNTS.into_iter().enumerate() {
            let signer = MnemonicBuilder::<English>::default()
                .phrase(phrase)
                .index(u32::try_from(index).unwrap())
                .unwrap()
                .build()
                .unwrap();
            assert_eq!(signer.address(), address);
        }
    }

    #[test]
    fn funds_are_ten_thousand_ether() {
        assert_eq!(
            FUNDS,
            U256::from(10_000) * U256::from(10).pow(U256::from(18))
        );
    }
}
