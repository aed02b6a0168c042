//! Contracts of others at their well-known addresses, from `contracts/preinstalls`.

use crate::Predeploy;
use alloy_primitives::{Address, B256, Bytes};
use serde::Deserialize;

macro_rules! preinstalls {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)*) => {
        $(
            $(#[$doc])*
            pub fn $name() -> Preinstall {
                Preinstall::parse(
                    $file,
                    include_str!(concat!("../../../contracts/preinstalls/", $file, ".json")),
                )
            }
        )*

        /// All preinstalls of an L2 chain.
        pub fn all() -> Vec<Predeploy> {
            vec![$(($name()).into()),*]
        }

        #[cfg(test)]
        fn records() -> Vec<Preinstall> {
            vec![$($name()),*]
        }
    };
}

preinstalls! {
    /// Multicall3; a development L1 carries it too.
    multicall3 = "Multicall3";
    /// The deterministic deployer at 0x4e59..956C.
    deterministic_deployer = "DeterministicDeployer";
    /// Create2Deployer, which the Canyon fork places.
    create2_deployer = "Create2Deployer";
    /// Beacon roots contract (EIP-4788).
    beacon_roots = "BeaconRoots";
    /// Block hash history contract (EIP-2935).
    history_storage = "HistoryStorage";
}

/// Code of others, with what is known about it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preinstall {
    #[serde(skip)]
    name: &'static str,
    /// Where it stands.
    pub address: Address,
    /// Runtime code.
    pub code: Bytes,
    /// `keccak256` of the code.
    pub code_hash: B256,
    /// SPDX name of the licence.
    pub licence: String,
    /// Where the code was found, and how it was checked.
    pub origin: Vec<String>,
}

impl Preinstall {
    fn parse(name: &'static str, json: &str) -> Self {
        let found: Self = serde_json::from_str(json)
            .expect("an embedded file is checked by the tests of this crate");
        Self { name, ..found }
    }

    /// Name of the contract.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl From<Preinstall> for Predeploy {
    fn from(found: Preinstall) -> Self {
        Self::new(found.name, found.address, found.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::keccak256;

    #[test]
    fn code_has_the_published_hash() {
        let published = [
            (
                "Multicall3",
                "d5c15df687b16f2ff992fc8d767b4216323184a2bbc6ee2f9c398c318e770891",
            ),
            (
                "DeterministicDeployer",
                "2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989",
            ),
            (
                "Create2Deployer",
                "b0550b5b431e30d38000efb7107aaa0ade03d48a7198a140edda9d27134468b2",
            ),
            (
                "BeaconRoots",
                "f57acd40259872606d76197ef052f3d35588dadf919ee1f0e3cb9b62d3f4b02c",
            ),
            (
                "HistoryStorage",
                "6e49e66782037c0555897870e29fa5e552daf4719552131a0abce779daec0a5d",
            ),
        ];
        assert_eq!(records().len(), published.len());
        for (found, (name, hash)) in records().into_iter().zip(published) {
            assert_eq!(found.name, name);
            assert_eq!(hex::encode(keccak256(&found.code)), hash, "{name}");
            assert_eq!(found.code_hash, keccak256(&found.code), "{name}");
        }
    }

    #[test]
    fn every_licence_is_permissive_and_every_origin_is_given() {
        for found in records() {
            assert!(
                ["MIT", "Unlicense", "CC0-1.0"].contains(&found.licence.as_str()),
                "{}: {}",
                found.name,
                found.licence
            );
            assert!(!found.origin.is_empty(), "{}", found.name);
        }
    }
}
