//! Accounts with code of a new L2 chain (`ROLLUP.md` section 3.2).
//!
//! Not there yet: proxies, the bridge (07, 10, 12) and the proxy admin (18).

use crate::{Artifact, preinstalls};
use alloy_primitives::{Address, B256, Bytes, U256, address};
use foggara_precompiles::{REGISTRY, address_of};
use std::collections::BTreeMap;

/// An account with code in the genesis state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predeploy {
    /// Name of the contract.
    pub name: &'static str,
    /// Where it stands.
    pub address: Address,
    /// Nonce: 1, as of every contract since EIP-161.
    pub nonce: u64,
    /// Runtime code.
    pub code: Bytes,
    /// Storage; no zero values.
    pub storage: BTreeMap<B256, U256>,
}

impl Predeploy {
    pub(crate) const fn new(name: &'static str, address: Address, code: Bytes) -> Self {
        Self {
            name,
            address,
            nonce: 1,
            code,
            storage: BTreeMap::new(),
        }
    }
}

/// What a fee vault is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VaultParams {
    /// Account on L2 that gets the fees; anyone may send them on to it.
    pub recipient: Address,
    /// Least balance in wei that can be sent on.
    pub minimum: U256,
}

/// The contracts of the protocol that need no parameter: WETH9, gas price oracle, L1 block and message passer.
pub fn l2_predeploys() -> Vec<Predeploy> {
    [
        (
            "WETH9",
            address!("4200000000000000000000000000000000000006"),
            Artifact::weth9(),
        ),
        (
            "GasPriceOracle",
            address!("420000000000000000000000000000000000000f"),
            Artifact::gas_price_oracle(),
        ),
        (
            "L1Block",
            address!("4200000000000000000000000000000000000015"),
            Artifact::l1_block(),
        ),
        (
            "L2ToL1MessagePasser",
            address!("4200000000000000000000000000000000000016"),
            Artifact::message_passer(),
        ),
    ]
    .into_iter()
    .map(|(name, address, artifact)| Predeploy::new(name, address, artifact.deployed_bytecode))
    .collect()
}

/// The four fee vaults. Without them the addresses are credited all the same, but nobody can move the fees.
///
/// # Panics
/// Never: the embedded artifact has exactly these two immutables, as a test of this crate says.
pub fn fee_vaults(params: VaultParams) -> Vec<Predeploy> {
    let code = Artifact::fee_vault()
        .runtime_code(&[
            (
                "RECIPIENT",
                U256::from_be_bytes(params.recipient.into_word().0),
            ),
            ("MIN_WITHDRAWAL_AMOUNT", params.minimum),
        ])
        .expect("the embedded artifact has these two immutables");
    [
        (
            "SequencerFeeVault",
            address!("4200000000000000000000000000000000000011"),
        ),
        (
            "BaseFeeVault",
            address!("4200000000000000000000000000000000000019"),
        ),
        (
            "L1FeeVault",
            address!("420000000000000000000000000000000000001a"),
        ),
        (
            "OperatorFeeVault",
            address!("420000000000000000000000000000000000001b"),
        ),
    ]
    .into_iter()
    .map(|(name, address)| Predeploy::new(name, address, code.clone()))
    .collect()
}

/// The AI operations. Their code is one invalid instruction: it never runs, but Solidity's check of the code size
/// passes and an account with storage is not taken for an empty one (`PRECOMPILES.md` section 3).
pub fn ai_operations() -> Vec<Predeploy> {
    let code = Bytes::from_static(&[0xfe]);
    REGISTRY
        .iter()
        .map(|op| Predeploy::new(op.name, address_of(op.code).into(), code.clone()))
        .collect()
}

/// All accounts with code of a new L2 chain, ascending by address.
pub fn l2_genesis(vaults: VaultParams) -> Vec<Predeploy> {
    let mut all = l2_predeploys();
    all.extend(fee_vaults(vaults));
    all.extend(ai_operations());
    all.extend(preinstalls::all());
    all.sort_by_key(|account| account.address);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi;
    use alloy_sol_types::{SolCall, SolError};
    use std::collections::BTreeSet;

    fn genesis() -> Vec<Predeploy> {
        l2_genesis(VaultParams {
            recipient: Address::repeat_byte(0xab),
            minimum: U256::from(10u64).pow(U256::from(18)),
        })
    }

    #[test]
    fn no_two_accounts_meet() {
        let all = genesis();
        let distinct: BTreeSet<Address> = all.iter().map(|account| account.address).collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(all.len(), 4 + 4 + REGISTRY.len() + 5);
        // Nor does any stand where Ethereum or OP have a precompile.
        for account in &all {
            assert!(
                U256::from_be_bytes(account.address.into_word().0) > U256::from(0x1_0000),
                "{}",
                account.name
            );
        }
    }

    #[test]
    fn every_account_has_code() {
        for account in genesis() {
            assert!(!account.code.is_empty(), "{}", account.name);
            assert_eq!(account.nonce, 1, "{}", account.name);
            assert!(account.code.len() <= 24_576, "{}", account.name);
        }
    }

    #[test]
    fn selectors_are_those_of_the_specification() {
        assert_eq!(
            hex::encode(abi::L1Block::setL1BlockValuesIsthmusCall::SELECTOR),
            "098999be"
        );
        assert_eq!(
            hex::encode(abi::FoggaraMatmul::matmulCall::SELECTOR),
            "20ad9ba0"
        );
        assert_eq!(
            hex::encode(abi::GasPriceOracle::getL1FeeCall::SELECTOR),
            "49948e0e"
        );
        assert_eq!(
            hex::encode(abi::MessagePasser::initiateWithdrawalCall::SELECTOR),
            "c2b3e5ac"
        );
    }

    #[test]
    fn error_selectors_are_those_of_the_specification() {
        use abi::FoggaraMatmul as m;
        let table = [
            (m::BadCalldata::SELECTOR, "1a2e1594"),
            (m::BadShape::SELECTOR, "0667691c"),
            (m::BadDtype::SELECTOR, "14b15aec"),
            (m::BadParam::SELECTOR, "840e1ea7"),
            (m::BadOperand::SELECTOR, "4d1e2120"),
            (m::BadElement::SELECTOR, "83b62cb9"),
            (m::TooLarge::SELECTOR, "677fd0e3"),
            (m::LengthMismatch::SELECTOR, "fb293769"),
            (m::AiGasLimit::SELECTOR, "fa5e45dc"),
            (m::UnknownTensor::SELECTOR, "0a300534"),
            (m::TensorExpired::SELECTOR, "71c6f763"),
            (m::TensorNotMature::SELECTOR, "01fcb33f"),
            (m::BadCode::SELECTOR, "4e74d12b"),
            (m::StaticStore::SELECTOR, "ffb7a74f"),
            (m::DirectCallOnly::SELECTOR, "cba87daa"),
            (m::NotPayable::SELECTOR, "1574f9f3"),
            (m::UnknownSelector::SELECTOR, "c2a825f5"),
        ];
        for (selector, expected) in table {
            assert_eq!(hex::encode(selector), expected);
        }
    }

    #[test]
    fn matmul_calldata_is_that_of_the_worked_example() {
        // PRECOMPILES.md section 13, example 1.
        let call = abi::FoggaraMatmul::matmulCall {
            shape: abi::FoggaraMatmul::MatmulShape {
                flags: 0,
                kind: 0,
                batch: 1,
                m: 2,
                k: 3,
                n: 2,
            },
            a: hex::decode("0001fe030405fa").unwrap().into(),
            b: hex::decode("00070809ff0001").unwrap().into(),
        }
        .abi_encode();
        assert_eq!(call.len(), 388);
        assert_eq!(
            hex::encode(alloy_primitives::keccak256(&call)),
            "40730a85835cb5f056e401ff94522285129c77ccc534a7ce79104c4fab015eb9"
        );
    }
}
