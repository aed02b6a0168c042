//! The rollup configuration in op-node's shape, and the chain specification.

use crate::{
    BlockId, FoggaraConfig, SystemConfig,
    constants::{GAS_LIMIT_MAX, GAS_LIMIT_MIN, SEQ_WINDOW_SIZE_MAX, SEQ_WINDOW_SIZE_MIN},
};
use alloc::vec::Vec;
use alloy_consensus::Header;
use alloy_primitives::{Address, B64, B256, keccak256};
use alloy_rlp::{Encodable, RlpEncodable};

/// `genesis.system_config` of `rollup.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, RlpEncodable)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(rename_all = "camelCase", deny_unknown_fields)
)]
pub struct GenesisSystemConfig {
    /// The account whose inbox transactions count.
    #[cfg_attr(feature = "serde", serde(rename = "batcherAddr"))]
    pub batcher_addr: Address,
    /// Legacy, zero.
    pub overhead: B256,
    /// Version-1 scalar word.
    pub scalar: B256,
    /// L2 block gas limit.
    pub gas_limit: u64,
    /// `denominator:u32 ++ elasticity:u32`.
    pub eip1559_params: B64,
    /// `0*20 ++ scalar:u32 ++ constant:u64` (reading R7).
    pub operator_fee_params: B256,
}

impl GenesisSystemConfig {
    /// The system configuration in force at genesis.
    pub fn system_config(&self) -> SystemConfig {
        let word = self.operator_fee_params.as_slice();
        let (scalar, constant) = match word.get(20..) {
            Some([a, b, c, d, rest @ ..]) => (
                u32::from_be_bytes([*a, *b, *c, *d]),
                rest.first_chunk::<8>()
                    .map_or(0, |x| u64::from_be_bytes(*x)),
            ),
            _ => (0, 0),
        };
        SystemConfig {
            batcher: self.batcher_addr,
            scalar: self.scalar,
            gas_limit: self.gas_limit,
            eip1559_params: self.eip1559_params,
            operator_fee_scalar: scalar,
            operator_fee_constant: constant,
        }
    }
}

/// `genesis` of `rollup.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct GenesisIds {
    /// The L1 block after which derivation starts.
    pub l1: BlockId,
    /// The L2 genesis block.
    pub l2: BlockId,
    /// Unix seconds of the L2 genesis, equal to the time of the L1 block.
    pub l2_time: u64,
    /// The system configuration at genesis.
    pub system_config: GenesisSystemConfig,
}

/// `chain_op_config` of `rollup.json`: what zero EIP-1559 parameters stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, RlpEncodable)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct ChainOpConfig {
    /// Elasticity multiplier.
    #[cfg_attr(feature = "serde", serde(rename = "eip1559Elasticity"))]
    pub eip1559_elasticity: u64,
    /// Denominator before Canyon.
    #[cfg_attr(feature = "serde", serde(rename = "eip1559Denominator"))]
    pub eip1559_denominator: u64,
    /// Denominator since Canyon.
    #[cfg_attr(feature = "serde", serde(rename = "eip1559DenominatorCanyon"))]
    pub eip1559_denominator_canyon: u64,
}

/// `rollup.json`, equal to op-node's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct RollupConfig {
    /// Where the chain begins.
    pub genesis: GenesisIds,
    /// Seconds between L2 blocks.
    pub block_time: u64,
    /// Read and ignored: the drift is a constant since Fjord.
    pub max_sequencer_drift: u64,
    /// L1 blocks within which a batch must land.
    pub seq_window_size: u64,
    /// Read and ignored: the timeout is a constant since Granite.
    pub channel_timeout: u64,
    /// L1 chain id.
    pub l1_chain_id: u64,
    /// L2 chain id.
    pub l2_chain_id: u64,
    /// Regolith activation, 0.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub regolith_time: Option<u64>,
    /// Canyon activation, 0.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub canyon_time: Option<u64>,
    /// Delta activation, 0.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub delta_time: Option<u64>,
    /// Ecotone activation, 0.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub ecotone_time: Option<u64>,
    /// Fjord activation, 0.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub fjord_time: Option<u64>,
    /// Granite activation, 0.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub granite_time: Option<u64>,
    /// Holocene activation, 0.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub holocene_time: Option<u64>,
    /// Isthmus activation, 0.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub isthmus_time: Option<u64>,
    /// Not implemented: must be absent.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub jovian_time: Option<u64>,
    /// Not implemented: must be absent.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub karst_time: Option<u64>,
    /// Not implemented: must be absent.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub interop_time: Option<u64>,
    /// Where batches are sent.
    pub batch_inbox_address: Address,
    /// The portal whose logs are deposits.
    pub deposit_contract_address: Address,
    /// The contract whose logs change the system configuration.
    pub l1_system_config_address: Address,
    /// Zero (deviation D8).
    #[cfg_attr(feature = "serde", serde(default))]
    pub protocol_versions_address: Address,
    /// What zero EIP-1559 parameters stand for.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub chain_op_config: Option<ChainOpConfig>,
    /// Null (deviation D8).
    #[cfg_attr(
        feature = "serde",
        serde(default, deserialize_with = "only_null", serialize_with = "null")
    )]
    pub alt_da: (),
}

#[cfg(feature = "serde")]
fn only_null<'de, D: serde::Deserializer<'de>>(d: D) -> Result<(), D::Error> {
    <Option<serde::de::IgnoredAny> as serde::Deserialize>::deserialize(d)?.map_or(Ok(()), |_| {
        Err(serde::de::Error::custom(
            "alt_da is not supported, use null",
        ))
    })
}

#[cfg(feature = "serde")]
fn null<S: serde::Serializer>((): &(), s: S) -> Result<S::Ok, S::Error> {
    s.serialize_none()
}

/// A rollup configuration this implementation refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A field that must not be zero is.
    #[error("{0} must not be zero")]
    Zero(&'static str),
    /// L1 and L2 have the same chain id.
    #[error("l1_chain_id and l2_chain_id are both {0}")]
    SameChainId(u64),
    /// A fork that must be active at genesis is not.
    #[error("{0} must be 0: the chain starts with Isthmus")]
    ForkNotAtGenesis(&'static str),
    /// A fork that is not implemented is scheduled.
    #[error("{0} is not supported by this version, remove it")]
    ForkUnknown(&'static str),
    /// A value lies outside its bounds.
    #[error("{field} is {got}, allowed are {min} to {max}")]
    Range {
        /// Field name in `rollup.json`.
        field: &'static str,
        /// Value seen.
        got: u64,
        /// Lowest allowed.
        min: u64,
        /// Highest allowed.
        max: u64,
    },
    /// The genesis block of `genesis.json` is another.
    #[error("rollup.json names the L2 genesis {expected}, genesis.json gives {got}")]
    GenesisHash {
        /// Hash in `rollup.json`.
        expected: B256,
        /// Hash computed from `genesis.json`.
        got: B256,
    },
}

impl RollupConfig {
    /// Checks everything that can be checked without an L1 (`ROLLUP.md` section 3.1).
    ///
    /// # Errors
    /// [`ConfigError`]: the first rule that does not hold.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let zero = |is_zero: bool, name| {
            if is_zero {
                Err(ConfigError::Zero(name))
            } else {
                Ok(())
            }
        };
        zero(self.l1_chain_id == 0, "l1_chain_id")?;
        zero(self.l2_chain_id == 0, "l2_chain_id")?;
        if self.l1_chain_id == self.l2_chain_id {
            return Err(ConfigError::SameChainId(self.l1_chain_id));
        }
        zero(self.batch_inbox_address.is_zero(), "batch_inbox_address")?;
        zero(
            self.deposit_contract_address.is_zero(),
            "deposit_contract_address",
        )?;
        zero(
            self.l1_system_config_address.is_zero(),
            "l1_system_config_address",
        )?;
        zero(self.block_time == 0, "block_time")?;
        let forks = [
            (self.regolith_time, "regolith_time"),
            (self.canyon_time, "canyon_time"),
            (self.delta_time, "delta_time"),
            (self.ecotone_time, "ecotone_time"),
            (self.fjord_time, "fjord_time"),
            (self.granite_time, "granite_time"),
            (self.holocene_time, "holocene_time"),
            (self.isthmus_time, "isthmus_time"),
        ];
        if let Some((_, name)) = forks.into_iter().find(|(time, _)| *time != Some(0)) {
            return Err(ConfigError::ForkNotAtGenesis(name));
        }
        let later = [
            (self.jovian_time, "jovian_time"),
            (self.karst_time, "karst_time"),
            (self.interop_time, "interop_time"),
        ];
        if let Some((_, name)) = later.into_iter().find(|(time, _)| time.is_some()) {
            return Err(ConfigError::ForkUnknown(name));
        }
        let range = |field, got, min, max| {
            if got < min || got > max {
                Err(ConfigError::Range {
                    field,
                    got,
                    min,
                    max,
                })
            } else {
                Ok(())
            }
        };
        range(
            "seq_window_size",
            self.seq_window_size,
            SEQ_WINDOW_SIZE_MIN,
            SEQ_WINDOW_SIZE_MAX,
        )?;
        let system = &self.genesis.system_config;
        range(
            "genesis.system_config.gasLimit",
            system.gas_limit,
            GAS_LIMIT_MIN,
            GAS_LIMIT_MAX,
        )?;
        let params = system.eip1559_params.as_slice();
        let half_is_zero = params
            .chunks(4)
            .any(|half| half.iter().all(|byte| *byte == 0));
        zero(half_is_zero, "genesis.system_config.eip1559Params")?;
        let canyon = self.chain_op_config.unwrap_or_default();
        zero(
            canyon.eip1559_elasticity == 0,
            "chain_op_config.eip1559Elasticity",
        )?;
        zero(
            canyon.eip1559_denominator_canyon == 0,
            "chain_op_config.eip1559DenominatorCanyon",
        )
    }

    /// `(denominator, elasticity)` that zero parameters stand for.
    pub fn canyon_eip1559(&self) -> (u64, u64) {
        self.chain_op_config.map_or((250, 6), |c| {
            (c.eip1559_denominator_canyon, c.eip1559_elasticity)
        })
    }
}

/// All that fixes a chain: what the fault-proof program is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainSpec {
    /// `rollup.json`.
    pub rollup: RollupConfig,
    /// `config.foggara`.
    pub foggara: FoggaraConfig,
    /// Header of the L2 genesis block.
    pub genesis: Header,
}

impl ChainSpec {
    /// Puts the parts together.
    ///
    /// # Errors
    /// [`ConfigError`]: the configuration is refused, or `genesis` is not the block it names.
    pub fn new(
        rollup: RollupConfig,
        foggara: FoggaraConfig,
        genesis: Header,
    ) -> Result<Self, ConfigError> {
        rollup.validate()?;
        let (expected, got) = (rollup.genesis.l2.hash, genesis.hash_slow());
        if expected != got {
            return Err(ConfigError::GenesisHash { expected, got });
        }
        Ok(Self {
            rollup,
            foggara,
            genesis,
        })
    }

    /// `keccak256("foggara/chain-spec/v1" ++ rlp(ChainSpec))`.
    pub fn hash(&self) -> B256 {
        let r = &self.rollup;
        let mut list = Vec::new();
        let fields: [&dyn Encodable; 20] = [
            &r.genesis.l1.hash,
            &r.genesis.l1.number,
            &r.genesis.l2.hash,
            &r.genesis.l2.number,
            &r.genesis.l2_time,
            &r.genesis.system_config,
            &r.block_time,
            &r.seq_window_size,
            &r.l1_chain_id,
            &r.l2_chain_id,
            &r.batch_inbox_address,
            &r.deposit_contract_address,
            &r.l1_system_config_address,
            &r.canyon_eip1559().0,
            &r.canyon_eip1559().1,
            &self.foggara.version,
            &self.foggara.precompile_set,
            &self.foggara.l1_block_time,
            &self.foggara.l1_blob_schedule,
            &self.genesis,
        ];
        for field in fields {
            field.encode(&mut list);
        }
        let mut preimage = b"foggara/chain-spec/v1".to_vec();
        alloy_rlp::Header {
            list: true,
            payload_length: list.len(),
        }
        .encode(&mut preimage);
        preimage.extend_from_slice(&list);
        keccak256(preimage)
    }
}
