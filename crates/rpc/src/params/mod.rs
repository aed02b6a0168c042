//! Parameters, read strictly: an error names the position, never guesses.

mod block;
mod call;
mod logs;
mod scalar;

pub(crate) use block::{BlockParam, BlockTag};
pub(crate) use call::{AccountOverrides, BlockOverrides, CallObject};
pub(crate) use logs::{LogMatch, LogQuery, LogRange};
pub(crate) use scalar::{Addr, Data, Hash, Quantity, Slot, Word};

use crate::error::{Answer, invalid_params};
use jsonrpsee::types::Params;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// Longest explanation of a wrong parameter that is passed on, in bytes.
const WHY_MAX: usize = 200;

/// The parameters of one call, taken one after the other.
#[derive(Debug)]
pub(crate) struct Args<'a> {
    values: Vec<&'a RawValue>,
    next: usize,
}

impl<'a> Args<'a> {
    /// Omitted, `null` and `[]` alike are no parameters.
    pub(crate) fn new(params: &'a Params<'_>) -> Answer<Self> {
        let values = match params.as_str().map(str::trim) {
            None | Some("" | "null") => Vec::new(),
            Some(text) if text.starts_with('[') => serde_json::from_str(text)
                .map_err(|error| invalid_params(format!("invalid params: {error}")))?,
            Some(_) => return Err(invalid_params("invalid params: expected an array")),
        };
        Ok(Self { values, next: 0 })
    }

    /// The next one; `null` and a missing one are `None`.
    pub(crate) fn optional<T: DeserializeOwned>(&mut self) -> Answer<Option<T>> {
        let position = self.next;
        self.next += 1;
        match self.values.get(position) {
            None => Ok(None),
            Some(raw) if raw.get() == "null" => Ok(None),
            Some(raw) => serde_json::from_str(raw.get()).map(Some).map_err(|error| {
                invalid_params(format!("invalid argument {position}: {}", why(&error)))
            }),
        }
    }

    /// The next one, which has to be there.
    pub(crate) fn required<T: DeserializeOwned>(&mut self) -> Answer<T> {
        let position = self.next;
        self.optional()?.ok_or_else(|| {
            invalid_params(format!("missing value for required argument {position}"))
        })
    }

    /// The block that comes next, the newest one if it is missing.
    pub(crate) fn block(&mut self) -> Answer<BlockParam> {
        self.optional().map(Option::unwrap_or_default)
    }

    /// Nothing may follow.
    pub(crate) fn end(&self) -> Answer<()> {
        if self.values.len() > self.next {
            let want = self.next;
            return Err(invalid_params(format!(
                "too many arguments, want at most {want}"
            )));
        }
        Ok(())
    }
}

/// What the parser says, without the place in a text that the caller never saw as such.
fn why(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(what, _)| what);
    let end = text
        .char_indices()
        .map(|(i, c)| i + c.len_utf8())
        .take_while(|end| *end <= WHY_MAX)
        .last();
    text[..end.unwrap_or(0)].to_owned()
}
