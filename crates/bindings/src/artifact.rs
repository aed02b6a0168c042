//! What the Solidity compiler made of one contract: `contracts/artifacts/<Name>.json`, embedded.

use alloy_primitives::{Bytes, U256};
use serde::Deserialize;
use std::collections::BTreeMap;

macro_rules! artifacts {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)*) => {
        impl Artifact {
            $(
                $(#[$doc])*
                pub fn $name() -> Self {
                    Self::parse(include_str!(concat!("../../../contracts/artifacts/", $file, ".json")))
                }
            )*

            /// All embedded contracts by name.
            pub fn all() -> Vec<Self> {
                vec![$(Self::$name()),*]
            }
        }
    };
}

/// A compiled contract.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// Name in the source.
    #[serde(rename = "contractName")]
    pub name: String,
    /// Path of the source below `contracts/`.
    pub source_name: String,
    /// ABI as JSON.
    pub abi: serde_json::Value,
    /// Init code, without constructor arguments.
    pub bytecode: Bytes,
    /// Runtime code; immutables are zero.
    pub deployed_bytecode: Bytes,
    /// Byte offsets of the immutables in the runtime code, by name.
    #[serde(rename = "immutableReferences")]
    pub immutables: BTreeMap<String, Vec<usize>>,
    /// Selectors by signature, in hex without prefix.
    pub method_identifiers: BTreeMap<String, String>,
}

/// The value of an immutable.
pub type Immutable<'a> = (&'a str, U256);

artifacts! {
    /// L1 block attributes, predeploy 0x42..15.
    l1_block = "L1Block";
    /// Gas price oracle, predeploy 0x42..0F.
    gas_price_oracle = "GasPriceOracle";
    /// Message passer, predeploy 0x42..16.
    message_passer = "L2ToL1MessagePasser";
    /// Wrapped ether, predeploy 0x42..06.
    weth9 = "WETH9";
    /// Fee vault, predeploys 0x42..11, 19, 1A, 1B.
    fee_vault = "FeeVault";
    /// Calls MATMUL through the Solidity library.
    matmul_caller = "MatmulCaller";
    /// OpenZeppelin's ERC-20 with two more ways to fail.
    test_token = "TestToken";
    /// One of each kind of thing that a transaction can do.
    zoo = "Zoo";
    /// What `Zoo` makes.
    zoo_child = "ZooChild";
    /// What an account may delegate to (EIP-7702).
    delegate = "Delegate";
}

impl Artifact {
    fn parse(json: &str) -> Self {
        serde_json::from_str(json)
            .expect("an embedded artifact is checked by the tests of this crate")
    }

    /// Runtime code with the immutables set; `None` unless exactly the contract's immutables are given.
    pub fn runtime_code(&self, immutables: &[Immutable<'_>]) -> Option<Bytes> {
        if immutables.len() != self.immutables.len() {
            return None;
        }
        let mut code = self.deployed_bytecode.to_vec();
        for (name, value) in immutables {
            for &start in self.immutables.get(*name)? {
                let word = code.get_mut(start..start.checked_add(32)?)?;
                word.copy_from_slice(&value.to_be_bytes::<32>());
            }
        }
        Some(code.into())
    }

    /// Init code followed by ABI-encoded constructor arguments.
    pub fn init_code(&self, arguments: &[u8]) -> Bytes {
        [self.bytecode.as_ref(), arguments].concat().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::keccak256;

    #[test]
    fn every_artifact_has_code_and_selectors_of_its_signatures() {
        let all = Artifact::all();
        assert_eq!(all.len(), 10);
        for artifact in all {
            assert!(!artifact.bytecode.is_empty(), "{}", artifact.name);
            assert!(
                artifact.bytecode.len() > artifact.deployed_bytecode.len(),
                "{}",
                artifact.name
            );
            assert!(
                artifact.deployed_bytecode.len() <= 24_576,
                "{}",
                artifact.name
            );
            for (signature, selector) in &artifact.method_identifiers {
                assert_eq!(
                    &hex::encode(&keccak256(signature)[..4]),
                    selector,
                    "{signature}"
                );
            }
        }
    }

    #[test]
    fn immutables_land_at_their_places_and_nowhere_else() {
        let vault = Artifact::fee_vault();
        let value = U256::from(0x0102_0304_u64);
        let code = vault
            .runtime_code(&[("RECIPIENT", value), ("MIN_WITHDRAWAL_AMOUNT", U256::MAX)])
            .unwrap();
        let mut plain = code.to_vec();
        for start in &vault.immutables["RECIPIENT"] {
            assert_eq!(code[*start..start + 32], value.to_be_bytes::<32>());
            assert_eq!(code[start - 1], 0x7f, "a PUSH32 stands before the value");
            plain[*start..start + 32].fill(0);
        }
        for start in &vault.immutables["MIN_WITHDRAWAL_AMOUNT"] {
            plain[*start..start + 32].fill(0);
        }
        assert_eq!(plain, vault.deployed_bytecode.as_ref());
    }

    #[test]
    fn runtime_code_wants_exactly_the_immutables_of_the_contract() {
        let vault = Artifact::fee_vault();
        assert_eq!(vault.runtime_code(&[]), None);
        assert_eq!(
            vault.runtime_code(&[("RECIPIENT", U256::ZERO), ("OTHER", U256::ZERO)]),
            None
        );
        assert_eq!(
            Artifact::weth9().runtime_code(&[]),
            Some(Artifact::weth9().deployed_bytecode)
        );
    }
}
