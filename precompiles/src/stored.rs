//! Stored tensors: how a call reads one, and the one way in which a call stores one.

use crate::{
    CREATED, Fatal, NewTensor, OpError, RESIDENT, Record,
    call::{Call, Stop},
    gas,
    operand::Want,
    tree::{Descriptor, TensorShape, page_roots, root},
};
use alloy_primitives::{B256, Bytes, b256};
use core::ops::Range;

/// Topic of `TensorStored(bytes32 indexed id, address indexed by, uint64 expiry)`.
const TENSOR_STORED: B256 =
    b256!("47a107215bdd52c28401af2050fd9a88c4f36cb7926cd467dbbd5c81dce4755b");

/// Elements of a stored tensor, whose record was paid for.
#[derive(Debug)]
pub(crate) struct Stored {
    id: [u8; 32],
    /// Of the packed bytes, not empty.
    range: Range<u64>,
}

impl Stored {
    /// Size in bytes.
    pub(crate) const fn bytes(&self) -> u64 {
        self.range.end.saturating_sub(self.range.start)
    }

    /// The bytes; only once the call has begun.
    pub(crate) fn fetch(self, call: &mut Call<'_>) -> Result<Bytes, Stop> {
        let want = self.bytes();
        let bytes = call.host.tensor(self.id, self.range)?;
        if bytes.len() as u64 != want {
            return Err(broken("bytes of a tensor are missing"));
        }
        Ok(bytes)
    }

    /// Elements `start .. start + count` of a tensor, all from `start` on if `count` is zero. Its
    /// pages are counted; `which` is the argument that gave the range.
    pub(crate) fn slice(
        call: &mut Call<'_>,
        which: u8,
        tensor: &Readable,
        start: u64,
        count: u64,
    ) -> Result<Self, Stop> {
        let shape = &tensor.descriptor.shape;
        let left = shape.count().checked_sub(start).filter(|left| *left > 0);
        let left = left.ok_or(OpError::BadOperand(which))?;
        let count = if count == 0 { left } else { count };
        if count > left {
            return Err(OpError::BadOperand(which).into());
        }
        // Inside the tensor: no product overflows.
        let size = shape.dtype().bytes();
        let start = start.saturating_mul(size);
        let end = start.saturating_add(count.saturating_mul(size));
        if tensor.flags & (CREATED | RESIDENT) == 0 {
            let is_whole = start == 0 && end == shape.bytes();
            call.count_pages(tensor.id, shape.pages_touched(start, end), is_whole);
        }
        Ok(Self {
            id: tensor.id,
            range: start..end,
        })
    }
}

/// A tensor that this call may read.
#[derive(Debug)]
pub(crate) struct Readable {
    pub(crate) id: [u8; 32],
    pub(crate) descriptor: Descriptor,
    flags: u8,
}

impl Readable {
    /// Loads a record, and finds the tensor neither expired nor immature.
    pub(crate) fn load(call: &mut Call<'_>, id: [u8; 32]) -> Result<Self, Stop> {
        let record = call.record(id)?.ok_or(OpError::UnknownTensor(id))?;
        if record.expiry <= call.host.timestamp() {
            return Err(OpError::TensorExpired(id).into());
        }
        let flags = call.host.flags(id);
        if record.created_block > call.host.sealed_block() && flags & CREATED == 0 {
            return Err(OpError::TensorNotMature(id).into());
        }
        Ok(Self {
            id,
            descriptor: descriptor(call, id)?,
            flags,
        })
    }
}

/// The descriptor of a tensor that has a record.
pub(crate) fn descriptor(call: &mut Call<'_>, id: [u8; 32]) -> Result<Descriptor, Stop> {
    let bytes = call.host.descriptor(id)?;
    Descriptor::decode(&bytes).ok_or_else(|| broken("a tensor's descriptor does not decode"))
}

/// What cannot be unless the node is broken.
pub(crate) fn broken(what: &str) -> Stop {
    Stop::Fatal(Fatal::Source(what.into()))
}

/// Resolves argument `which`, a reference to a stored tensor.
pub(crate) fn operand(
    call: &mut Call<'_>,
    which: u8,
    reference: &[u8],
    want: Want,
) -> Result<Stored, Stop> {
    let (id, start, count) = split_reference(reference).ok_or(OpError::BadOperand(which))?;
    let tensor = Readable::load(call, id)?;
    let dtype = tensor.descriptor.shape.dtype();
    if want.dtype().is_some_and(|want| want != dtype) {
        return Err(OpError::BadDtype(which).into());
    }
    let stored = Stored::slice(call, which, &tensor, start, count)?;
    want.check(which, stored.bytes())?;
    Ok(stored)
}

fn split_reference(reference: &[u8]) -> Option<([u8; 32], u64, u64)> {
    let (id, rest) = reference.split_first_chunk::<32>()?;
    let (start, rest) = rest.split_first_chunk::<8>()?;
    let count: [u8; 8] = rest.try_into().ok()?;
    Some((*id, u64::from_be_bytes(*start), u64::from_be_bytes(count)))
}

/// Gas of storing a tensor for some epochs, if its record is new and its words are to be hashed.
pub(crate) fn price(shape: &TensorShape, epochs: u64) -> u64 {
    let hash = shape.data_words().saturating_mul(gas::HASH_WORD);
    gas::RECORD_NEW
        .saturating_add(gas::EVENT)
        .saturating_add(hash)
        .saturating_add(gas::rent(shape.bytes(), epochs))
}

/// Hashes and stores a tensor; gives its id. Paid for as [`price`] says.
pub(crate) fn store(
    call: &mut Call<'_>,
    shape: TensorShape,
    bytes: Bytes,
    epochs: u64,
) -> Result<[u8; 32], Stop> {
    let roots = page_roots(&shape, &bytes, call.backend, &mut call.ctl())?;
    store_hashed(call, shape, bytes, roots.into(), epochs)
}

/// As [`store`], with the roots of the pages known.
///
/// The id, and with it the price of the record, is known only now: a new one was paid for, and what a
/// live one costs less is given back.
pub(crate) fn store_hashed(
    call: &mut Call<'_>,
    shape: TensorShape,
    bytes: Bytes,
    page_roots: Bytes,
    epochs: u64,
) -> Result<[u8; 32], Stop> {
    let root = root(&shape, &page_roots, call.backend, &mut call.ctl())?;
    let descriptor = Descriptor { shape, root };
    let id = descriptor.id();
    let before = call.host.record(id, true)?.and_then(|loaded| loaded.value);
    let now = call.host.timestamp();
    let expiry = now.saturating_add(epochs.saturating_mul(gas::EPOCH));
    let record = match before {
        Some(live) if live.expiry > now => {
            call.give_back(gas::RECORD_NEW.saturating_sub(gas::RECORD_LIVE));
            Record {
                expiry: expiry.max(live.expiry),
                ..live
            }
        }
        _ => Record {
            created_block: call.host.block_number(),
            expiry,
        },
    };
    write(call, id, Some(record))?;
    let flags = call.host.flags(id);
    call.host.set_flags(id, flags | CREATED);
    call.host.stage(NewTensor {
        id,
        descriptor: descriptor.encode().into(),
        bytes,
        page_roots,
    });
    Ok(id)
}

/// Writes a record and emits the event that every write has.
pub(crate) fn write(call: &mut Call<'_>, id: [u8; 32], record: Option<Record>) -> Result<(), Stop> {
    call.host.set_record(id, record)?;
    let mut by = [0; 32];
    if let Some(low) = by.last_chunk_mut() {
        *low = call.host.caller();
    }
    let mut data = [0; 32];
    if let Some(low) = data.last_chunk_mut() {
        *low = record.map_or(0, |record| record.expiry).to_be_bytes();
    }
    call.host.log([TENSOR_STORED.0, id, by], data);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::keccak256;

    #[test]
    fn the_topic_is_that_of_the_event() {
        let signature = "TensorStored(bytes32,address,uint64)";
        assert_eq!(TENSOR_STORED, keccak256(signature));
    }
}
