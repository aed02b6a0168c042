//! The well-known development accounts. Their keys are public.

use alloy::signers::local::{MnemonicBuilder, PrivateKeySigner, coins_bip39::English};

/// The test mnemonic that every development node funds.
pub const DEV_MNEMONIC: &str = "test test test test test test test test test test test junk";
/// Accounts funded.
pub const DEV_ACCOUNTS: u32 = 10;
/// Index of the account that posts batches in development.
pub const DEV_BATCHER: u32 = 9;

/// The development account with this index.
///
/// # Panics
/// The index is 2^31 or more.
pub fn dev_signer(index: u32) -> PrivateKeySigner {
    MnemonicBuilder::<English>::default()
        .phrase(DEV_MNEMONIC)
        .index(index)
        .and_then(|builder| builder.build())
        .expect("the phrase is a valid mnemonic and every u32 below 2^31 is a valid index")
}

/// The ten funded development accounts.
pub fn dev_accounts() -> Vec<PrivateKeySigner> {
    (0..DEV_ACCOUNTS).map(dev_signer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::address;

    #[test]
    fn the_first_account_is_the_one_everybody_knows() {
        assert_eq!(
            dev_signer(0).address(),
            address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
        );
    }
}
