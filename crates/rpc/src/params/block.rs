//! The block that a call is about: tag, number, hash, or an EIP-1898 object.

use super::scalar::{Hash, Quantity};
use alloy_primitives::B256;
use serde::{Deserialize, Deserializer, de::Error};

/// A block by its place in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum BlockTag {
    /// Genesis.
    Earliest,
    /// Newest block whose batch lies in a final L1 block.
    Finalized,
    /// Newest block that was derived from L1.
    Safe,
    /// The unsafe head.
    #[default]
    Latest,
    /// The block that comes next.
    Pending,
    /// By number.
    Number(u64),
}

/// A block by place or by hash (EIP-1898).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockParam {
    /// By place.
    Tag(BlockTag),
    /// By hash. Only canonical blocks are kept, so `requireCanonical` changes nothing.
    Hash(B256),
}

impl Default for BlockParam {
    fn default() -> Self {
        Self::Tag(BlockTag::Latest)
    }
}

impl std::str::FromStr for BlockTag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "earliest" => Self::Earliest,
            "finalized" => Self::Finalized,
            "safe" => Self::Safe,
            "latest" => Self::Latest,
            "pending" => Self::Pending,
            number => {
                let number: Quantity = number.parse().map_err(|why| {
                    format!("{why}, expected a block number or a tag (earliest, finalized, safe, latest, pending)")
                })?;
                Self::Number(number.0)
            }
        })
    }
}

impl<'de> Deserialize<'de> for BlockTag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Object {
    block_number: Option<BlockTag>,
    block_hash: Option<Hash>,
    #[expect(dead_code, reason = "every block that is kept is canonical")]
    require_canonical: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    Text(String),
    Object(Object),
}

impl<'de> Deserialize<'de> for BlockParam {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = Form::deserialize(deserializer).map_err(|_| {
            D::Error::custom("expected a block number, tag, hash or {blockNumber | blockHash}")
        })?;
        match form {
            // 32 bytes are a hash: no quantity is so long.
            Form::Text(text) if text.len() == 66 => text
                .parse()
                .map(|Hash(hash)| Self::Hash(hash))
                .map_err(D::Error::custom),
            Form::Text(text) => text.parse().map(Self::Tag).map_err(D::Error::custom),
            Form::Object(Object {
                block_number: Some(number),
                block_hash: None,
                ..
            }) => Ok(Self::Tag(number)),
            Form::Object(Object {
                block_number: None,
                block_hash: Some(hash),
                ..
            }) => Ok(Self::Hash(hash.0)),
            Form::Object(_) => Err(D::Error::custom(
                "want exactly one of blockNumber and blockHash",
            )),
        }
    }
}
