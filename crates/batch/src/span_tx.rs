//! A transaction inside a span batch, both directions.
//!
//! The format takes a signed transaction apart: signature, recipient, nonce and gas limit stand in
//! columns of their own, the chain id is left out, and what remains is its *data*:
//!
//! | type | data |
//! |---|---|
//! | 0 | `rlp[value, gas_price, data]` |
//! | 1 | `0x01 ++ rlp[value, gas_price, data, access_list]` |
//! | 2 | `0x02 ++ rlp[value, tip, fee, data, access_list]` |
//! | 4 | `0x04 ++ rlp[value, tip, fee, data, access_list, authorization_list]` |
//!
//! Fields are carried over as the canonical RLP items they are, so no transaction changes on the way.
//! Amounts of types 0 to 2 may be integers of any size, as op-node has it: execution refuses them.
//! Source: OP delta/span-batches, isthmus/derivation "Span Batch Updates".

use crate::{BatchError, input::Input};
use alloc::vec::Vec;
use alloy_primitives::Bytes;
use alloy_rlp::{EMPTY_STRING_CODE, Encodable, Header};
use foggara_primitives::constants::MAX_SPAN_BATCH_ELEMENT_COUNT;

/// A signed transaction that no span batch can carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TxError {
    /// There is no byte.
    #[error("transaction is empty")]
    Empty,
    /// Another type than 0, 1, 2 or 4.
    #[error("transaction type {0:#x} cannot stand in a span batch")]
    Type(u8),
    /// The bytes are not the canonical form of a signed transaction.
    #[error("transaction is not canonical: {0}")]
    Rlp(alloy_rlp::Error),
    /// The transaction is signed for another chain.
    #[error("transaction is signed for chain {got}, expected {expected}")]
    ChainId {
        /// The batch's chain.
        expected: u64,
        /// The transaction's chain.
        got: u128,
    },
    /// The signature's parity, or `v` of a legacy transaction, is out of range.
    #[error("signature parity is {0}")]
    Parity(u128),
    /// The recipient is neither an address nor, where allowed, empty.
    #[error("recipient has {0} bytes")]
    Recipient(usize),
    /// The data exceeds what a decoder takes.
    #[error("transaction data has {got} bytes, allowed are {max}")]
    TooLarge {
        /// Bytes needed.
        got: usize,
        /// `MAX_SPAN_BATCH_ELEMENT_COUNT`.
        max: u64,
    },
}

impl From<alloy_rlp::Error> for TxError {
    fn from(error: alloy_rlp::Error) -> Self {
        Self::Rlp(error)
    }
}

/// The types a span batch can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TxType {
    Legacy,
    AccessList,
    DynamicFee,
    SetCode,
}

impl TxType {
    const fn of(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::AccessList),
            2 => Some(Self::DynamicFee),
            4 => Some(Self::SetCode),
            _ => None,
        }
    }

    const fn byte(self) -> Option<u8> {
        match self {
            Self::Legacy => None,
            Self::AccessList => Some(1),
            Self::DynamicFee => Some(2),
            Self::SetCode => Some(4),
        }
    }

    const fn fees(self) -> usize {
        match self {
            Self::Legacy | Self::AccessList => 1,
            Self::DynamicFee | Self::SetCode => 2,
        }
    }

    const fn integer_bytes(self) -> usize {
        match self {
            Self::SetCode => 32,
            _ => usize::MAX,
        }
    }
}

/// The data column's entry of one transaction, each field as raw RLP.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TxData<'a> {
    pub(crate) tx_type: TxType,
    value: &'a [u8],
    fees: &'a [u8],
    tail: &'a [u8],
}

/// The other columns' entries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TxColumns<'a> {
    pub(crate) nonce: u64,
    pub(crate) gas: u64,
    /// 20 bytes, or none for a creation.
    pub(crate) to: Option<&'a [u8]>,
    pub(crate) parity: bool,
    /// Signed for the chain (EIP-155); always true but for legacy transactions.
    pub(crate) protected: bool,
    pub(crate) r: [u8; 32],
    pub(crate) s: [u8; 32],
}

impl<'a> TxData<'a> {
    /// Reads and checks one entry of the data column.
    pub(crate) fn read(input: &mut Input<'a>) -> Result<Self, BatchError> {
        let first = input.rest().first().copied().ok_or(BatchError::Truncated)?;
        let tx_type = if first > 0x7f {
            TxType::Legacy
        } else {
            input.byte();
            TxType::of(first).ok_or(BatchError::TxType(first))?
        };
        let (raw, mut fields) = input.list()?;
        if raw.len() as u64 > MAX_SPAN_BATCH_ELEMENT_COUNT {
            let (got, max) = (raw.len() as u64, MAX_SPAN_BATCH_ELEMENT_COUNT);
            return Err(BatchError::TooMany { got, max });
        }
        let value = fields.integer(tx_type.integer_bytes())?.raw;
        let fees = take_fees(tx_type, &mut fields)?;
        let tail = take_tail(tx_type, &mut fields)?;
        fields.end()?;
        Ok(Self {
            tx_type,
            value,
            fees,
            tail,
        })
    }

    /// Appends the entry.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.tx_type.byte());
        self.header().encode(out);
        for part in [self.value, self.fees, self.tail] {
            out.extend_from_slice(part);
        }
    }

    fn header(&self) -> Header {
        let lengths = [self.value.len(), self.fees.len(), self.tail.len()];
        Header {
            list: true,
            payload_length: lengths.into_iter().fold(0, usize::saturating_add),
        }
    }

    /// Puts the signed transaction together again, in EIP-2718 form.
    pub(crate) fn assemble(&self, columns: &TxColumns<'_>, chain_id: u64) -> Bytes {
        let size = self.header().payload_length.saturating_add(128);
        let mut body = Vec::with_capacity(size);
        if self.tx_type != TxType::Legacy {
            chain_id.encode(&mut body);
        }
        columns.nonce.encode(&mut body);
        body.extend_from_slice(self.fees);
        columns.gas.encode(&mut body);
        columns.to.unwrap_or_default().encode(&mut body);
        body.extend_from_slice(self.value);
        body.extend_from_slice(self.tail);
        let parity = u128::from(columns.parity);
        let v = match (self.tx_type, columns.protected) {
            (TxType::Legacy, true) => legacy_v(chain_id, columns.parity),
            (TxType::Legacy, false) => parity.saturating_add(27),
            _ => parity,
        };
        v.encode(&mut body);
        put_word(&mut body, &columns.r);
        put_word(&mut body, &columns.s);
        let mut out = Vec::with_capacity(body.len().saturating_add(10));
        out.extend(self.tx_type.byte());
        Header {
            list: true,
            payload_length: body.len(),
        }
        .encode(&mut out);
        out.extend_from_slice(&body);
        out.into()
    }
}

/// Takes a signed transaction apart. What this accepts, [`TxData::read`] reads back and
/// [`TxData::assemble`] restores byte for byte.
pub(crate) fn split(raw: &[u8], chain_id: u64) -> Result<(TxData<'_>, TxColumns<'_>), TxError> {
    let mut input = Input::new(raw);
    let first = raw.first().copied().ok_or(TxError::Empty)?;
    let tx_type = if first >= EMPTY_STRING_CODE {
        TxType::Legacy
    } else {
        input.byte();
        TxType::of(first).ok_or(TxError::Type(first))?
    };
    let (_, mut fields) = input.list()?;
    input.end()?;
    if tx_type != TxType::Legacy {
        check_chain(u128::from(fields.u64()?), chain_id)?;
    }
    let nonce = fields.u64()?;
    let fees = take_fees(tx_type, &mut fields)?;
    let gas = fields.u64()?;
    let to = fields.string()?.payload;
    if !(to.len() == 20 || to.is_empty() && tx_type != TxType::SetCode) {
        return Err(TxError::Recipient(to.len()));
    }
    let value = fields.integer(tx_type.integer_bytes())?.raw;
    let tail = take_tail(tx_type, &mut fields)?;
    let v = fields.integer(16)?.payload;
    let v = v
        .iter()
        .fold(0u128, |sum, byte| sum.wrapping_shl(8) | u128::from(*byte));
    let (parity, protected) = read_v(tx_type, v, chain_id)?;
    let r = word(fields.integer(32)?.payload);
    let s = word(fields.integer(32)?.payload);
    fields.end()?;
    let data = TxData {
        tx_type,
        value,
        fees,
        tail,
    };
    let got = data.header().length_with_payload();
    if got as u64 > MAX_SPAN_BATCH_ELEMENT_COUNT {
        return Err(TxError::TooLarge {
            got,
            max: MAX_SPAN_BATCH_ELEMENT_COUNT,
        });
    }
    let to = (!to.is_empty()).then_some(to);
    Ok((
        data,
        TxColumns {
            nonce,
            gas,
            to,
            parity,
            protected,
            r,
            s,
        },
    ))
}

fn read_v(tx_type: TxType, v: u128, chain_id: u64) -> Result<(bool, bool), TxError> {
    match (tx_type, v) {
        (TxType::Legacy, 27 | 28) => Ok((v == 28, false)),
        (TxType::Legacy, 0..35) => Err(TxError::Parity(v)),
        (TxType::Legacy, _) => {
            let doubled = v.saturating_sub(35);
            check_chain(doubled >> 1, chain_id)?;
            Ok((doubled & 1 == 1, true))
        }
        (_, 0 | 1) => Ok((v == 1, true)),
        _ => Err(TxError::Parity(v)),
    }
}

fn check_chain(got: u128, expected: u64) -> Result<(), TxError> {
    if got == u128::from(expected) {
        Ok(())
    } else {
        Err(TxError::ChainId { expected, got })
    }
}

/// EIP-155: `2 * chain_id + 35 + parity`.
fn legacy_v(chain_id: u64, parity: bool) -> u128 {
    u128::from(chain_id)
        .saturating_mul(2)
        .saturating_add(35)
        .saturating_add(u128::from(parity))
}

fn take_fees<'a>(tx_type: TxType, fields: &mut Input<'a>) -> Result<&'a [u8], alloy_rlp::Error> {
    taken(fields, |fields| {
        (0..tx_type.fees()).try_for_each(|_| fields.integer(tx_type.integer_bytes()).map(drop))
    })
}

/// Calldata and the lists behind it.
fn take_tail<'a>(tx_type: TxType, fields: &mut Input<'a>) -> Result<&'a [u8], alloy_rlp::Error> {
    taken(fields, |fields| {
        fields.string()?;
        if tx_type != TxType::Legacy {
            check_access_list(fields)?;
        }
        if tx_type == TxType::SetCode {
            check_authorizations(fields)?;
        }
        Ok(())
    })
}

/// The bytes that `read` consumes.
fn taken<'a>(
    input: &mut Input<'a>,
    read: impl FnOnce(&mut Input<'a>) -> Result<(), alloy_rlp::Error>,
) -> Result<&'a [u8], alloy_rlp::Error> {
    let before = *input;
    read(input)?;
    let length = before.len().saturating_sub(input.len());
    before
        .rest()
        .get(..length)
        .ok_or(alloy_rlp::Error::InputTooShort)
}

/// `[[address, [slot, ..]], ..]`, EIP-2930.
fn check_access_list(fields: &mut Input<'_>) -> Result<(), alloy_rlp::Error> {
    let (_, mut entries) = fields.list()?;
    while !entries.is_empty() {
        let (_, mut entry) = entries.list()?;
        entry.fixed::<20>()?;
        let (_, mut slots) = entry.list()?;
        entry.end()?;
        while !slots.is_empty() {
            slots.fixed::<32>()?;
        }
    }
    Ok(())
}

/// `[[chain_id, address, nonce, y_parity, r, s], ..]`, EIP-7702.
fn check_authorizations(fields: &mut Input<'_>) -> Result<(), alloy_rlp::Error> {
    let (_, mut entries) = fields.list()?;
    while !entries.is_empty() {
        let (_, mut entry) = entries.list()?;
        entry.integer(32)?;
        entry.fixed::<20>()?;
        entry.u64()?;
        entry.integer(1)?;
        entry.integer(32)?;
        entry.integer(32)?;
        entry.end()?;
    }
    Ok(())
}

/// Appends a 32-byte big-endian word as an RLP integer.
fn put_word(out: &mut Vec<u8>, word: &[u8; 32]) {
    let zeros = word.iter().take_while(|byte| **byte == 0).count();
    word.get(zeros..).unwrap_or_default().encode(out);
}

/// A big-endian integer of at most 32 bytes, padded left.
fn word(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().rev().zip(bytes.iter().rev()) {
        *to = *from;
    }
    out
}
