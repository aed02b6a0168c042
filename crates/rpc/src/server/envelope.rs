//! Requests as they arrive, before any method is called.

use crate::error::{code, error};
use jsonrpsee::types::{ErrorObjectOwned, Id};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{error::Category, value::RawValue};
use std::borrow::Cow;

/// One call, or a notification if it has no id.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) id: Option<Id<'static>>,
    pub(super) method: Cow<'a, str>,
    pub(super) params: Option<&'a RawValue>,
}

/// What cannot be called, and to whom to say so.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) id: Id<'static>,
    pub(super) error: ErrorObjectOwned,
}

impl Refusal {
    pub(super) fn invalid(id: Id<'static>, why: &str) -> Self {
        let message = if why.is_empty() {
            "Invalid request".into()
        } else {
            format!("Invalid request: {why}")
        };
        Self {
            id,
            error: error(code::INVALID_REQUEST, message),
        }
    }

    pub(super) fn parse() -> Self {
        Self {
            id: Id::Null,
            error: error(code::PARSE, "Parse error"),
        }
    }
}

/// What a message holds.
#[derive(Debug)]
pub(super) enum Incoming<'a> {
    One(&'a [u8]),
    Batch(Vec<&'a RawValue>),
}

/// Takes a message apart. An empty batch and what is no JSON is refused.
pub(super) fn split(body: &[u8]) -> Result<Incoming<'_>, Refusal> {
    let first = body
        .iter()
        .position(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    match first.map(|at| body[at]) {
        Some(b'{') => Ok(Incoming::One(body)),
        Some(b'[') => match serde_json::from_slice::<Vec<&RawValue>>(body) {
            Ok(batch) if batch.is_empty() => Err(Refusal::invalid(Id::Null, "empty batch")),
            Ok(batch) => Ok(Incoming::Batch(batch)),
            Err(_) => Err(Refusal::parse()),
        },
        Some(_) if serde_json::from_slice::<&RawValue>(body).is_ok() => {
            Err(Refusal::invalid(Id::Null, "expected an object or an array"))
        }
        _ => Err(Refusal::parse()),
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    jsonrpc: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct OnlyId<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
}

/// Tells `null` from what is not there.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Strings, `null` and integers of 64 bits are ids; nothing else is.
fn id(raw: &RawValue) -> Option<Id<'static>> {
    match raw.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(raw.get())
            .ok()
            .map(|text| Id::Str(text.into())),
        Some(b'n') => Some(Id::Null),
        Some(b'0'..=b'9') => raw.get().parse().ok().map(Id::Number),
        _ => None,
    }
}

/// Reads one entry.
pub(super) fn parse(text: &[u8]) -> Result<Call<'_>, Refusal> {
    let envelope: Envelope<'_> = serde_json::from_slice(text).map_err(|why| {
        if why.classify() != Category::Data {
            return Refusal::parse();
        }
        let known = serde_json::from_slice::<OnlyId<'_>>(text)
            .ok()
            .and_then(|only| only.id);
        Refusal::invalid(known.and_then(id).unwrap_or(Id::Null), "")
    })?;
    let id = match envelope.id {
        None => None,
        Some(raw) => Some(id(raw).ok_or_else(|| {
            Refusal::invalid(
                Id::Null,
                "id is not a string, null or an integer from 0 to 2^64-1",
            )
        })?),
    };
    let to = || id.clone().unwrap_or(Id::Null);
    if envelope.jsonrpc.as_deref() != Some("2.0") {
        return Err(Refusal::invalid(to(), "jsonrpc is not \"2.0\""));
    }
    let method = envelope
        .method
        .ok_or_else(|| Refusal::invalid(to(), "no method"))?;
    Ok(Call {
        id,
        method,
        params: envelope.params,
    })
}

#[derive(Serialize)]
struct Failed<'a> {
    jsonrpc: &'static str,
    id: &'a Id<'static>,
    error: &'a ErrorObjectOwned,
}

/// The text of an error answer.
pub(super) fn failed(id: &Id<'static>, error: &ErrorObjectOwned) -> String {
    serde_json::to_string(&Failed {
        jsonrpc: "2.0",
        id,
        error,
    })
    .expect("strings, integers and checked JSON can be written")
}
