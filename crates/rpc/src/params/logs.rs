//! Log queries.

use super::{
    block::BlockTag,
    scalar::{Addr, Hash},
};
use crate::{
    Limits,
    error::{Answer, invalid_params, limit},
};
use alloy_primitives::{Address, B256, Bloom, BloomInput, Log};
use serde::Deserialize;

/// Topics that a log can have.
const TOPICS_MAX: usize = 4;

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

/// A question for logs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogQuery {
    from_block: Option<BlockTag>,
    to_block: Option<BlockTag>,
    block_hash: Option<Hash>,
    address: Option<OneOrMany<Addr>>,
    topics: Option<Vec<Option<OneOrMany<Option<Hash>>>>>,
}

/// Where a query looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogRange {
    /// In one block.
    Hash(B256),
    /// From one block to another; `None` is the newest.
    Blocks(Option<BlockTag>, Option<BlockTag>),
}

/// Which logs match.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogMatch {
    addresses: Vec<Address>,
    /// Per position the values allowed; empty allows all.
    topics: Vec<Vec<B256>>,
}

impl LogQuery {
    /// Checks the query, which is the parameter at `position`, against the limits.
    pub(crate) fn check(self, limits: &Limits, position: usize) -> Answer<(LogRange, LogMatch)> {
        let fail = |why: &str| invalid_params(format!("invalid argument {position}: {why}"));
        let range = match (self.block_hash, self.from_block, self.to_block) {
            (Some(hash), None, None) => LogRange::Hash(hash.0),
            (None, from, to) => LogRange::Blocks(from, to),
            _ => {
                return Err(fail(
                    "cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other",
                ));
            }
        };
        let addresses: Vec<Address> = self
            .address
            .map(OneOrMany::into_vec)
            .unwrap_or_default()
            .into_iter()
            .map(|a| a.0)
            .collect();
        if addresses.len() > limits.log_addresses {
            let (got, max) = (addresses.len(), limits.log_addresses);
            return Err(limit(format!("too many addresses: {got}, limit {max}")));
        }
        let topics = self.topics.unwrap_or_default();
        if topics.len() > TOPICS_MAX {
            return Err(fail(&format!(
                "too many topics: {}, a log has {TOPICS_MAX}",
                topics.len()
            )));
        }
        // A null among the values of a position allows all, as in geth.
        let values = |position: Option<OneOrMany<Option<Hash>>>| -> Vec<B256> {
            let values = position.map(OneOrMany::into_vec).unwrap_or_default();
            let all: Option<Vec<B256>> = values.into_iter().map(|v| v.map(|hash| hash.0)).collect();
            all.unwrap_or_default()
        };
        let topics: Vec<Vec<B256>> = topics.into_iter().map(values).collect();
        let count: usize = topics.iter().map(Vec::len).sum();
        if count > limits.log_topics {
            return Err(limit(format!(
                "too many topic values: {count}, limit {}",
                limits.log_topics
            )));
        }
        Ok((range, LogMatch { addresses, topics }))
    }
}

impl LogMatch {
    /// Whether this log is wanted.
    pub(crate) fn log(&self, log: &Log) -> bool {
        let topics = log.topics();
        (self.addresses.is_empty() || self.addresses.contains(&log.address))
            && self.topics.len() <= topics.len()
            && self
                .topics
                .iter()
                .zip(topics)
                .all(|(allowed, topic)| allowed.is_empty() || allowed.contains(topic))
    }

    /// Whether a block with this bloom can hold a wanted log.
    pub(crate) fn bloom(&self, bloom: &Bloom) -> bool {
        let holds = |bytes: &[u8]| bloom.contains_input(BloomInput::Raw(bytes));
        let any = |values: &[B256]| values.is_empty() || values.iter().any(|v| holds(v.as_slice()));
        (self.addresses.is_empty() || self.addresses.iter().any(|a| holds(a.as_slice())))
            && self.topics.iter().all(|values| any(values))
    }
}
