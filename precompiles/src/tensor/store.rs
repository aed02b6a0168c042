//! TENSOR: the store of tensors, named by content.
//!
//! The record of a tensor is state; its bytes are what the calls that made it computed. Records decide:
//! bytes are asked for only where a record says that they exist.
//!
//! | function | gas beside `150 + W_in + 3 * W_out` |
//! |---|---|
//! | `put` | record + event + 16 per word of data + rent |
//! | `concat` | 2,100 (100 warm) per part + 416 per page of data + record + event + rent |
//! | `info` | 2,100 (100 warm) |
//! | `read` | as an operand |
//! | `touch` | 5,000 + event + rent |
//! | `prune` | 5,000 + event |
//!
//! A record is 22,100 for a new or expired tensor, 5,000 for a live one, the event 1,500, rent 32 per
//! started KiB and epoch. Which of the two a record costs depends on the id, known only after the
//! hashing: the call must have 22,100 and the meter counts them; a live one spends 17,100 less.
//! `touch` and `prune` pay the load of the record within their 5,000.

use crate::{
    Dtype, Function, OpError, Record,
    abi::{Args, Words, put as put_word},
    call::{Call, Out, Price, Stop},
    gas,
    operand::{Operand, Want},
    stored::{self, Readable, Stored, broken},
    tree::TensorShape,
};
use alloc::vec::Vec;

pub(crate) const FUNCTIONS: &[Function] = &[
    Function {
        selector: [0x61, 0x8e, 0x77, 0x7a],
        signature: "put(uint8,uint32[],uint32,bytes)",
        run: put,
    },
    Function {
        selector: [0x43, 0x59, 0x87, 0xe4],
        signature: "concat(uint8,uint32[],uint32,bytes32[])",
        run: concat,
    },
    Function {
        selector: [0xb6, 0x4a, 0x09, 0x7e],
        signature: "info(bytes32)",
        run: info,
    },
    Function {
        selector: [0xd3, 0x28, 0x36, 0x2c],
        signature: "read(bytes32,uint64,uint64)",
        run: read,
    },
    Function {
        selector: [0xad, 0xcd, 0x2c, 0xf3],
        signature: "touch(bytes32,uint32)",
        run: touch,
    },
    Function {
        selector: [0xa4, 0x53, 0x4c, 0x61],
        signature: "prune(bytes32)",
        run: prune,
    },
];

/// `put(uint8 dtype, uint32[] dims, uint32 epochs, bytes data) returns (bytes32 id)`: stores data that
/// the call gives, inline or as code.
fn put(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    call.may_write()?;
    let (dtype, dims, epochs) = (args.u8(0)?, strict(args.words(1)?)?, args.u32(2)?);
    let data = args.bytes(3)?;

    // Indices are only ever a result.
    let dtype = Dtype::from_code(dtype).filter(|dtype| *dtype != Dtype::U32);
    let shape = shape(dtype.ok_or(OpError::BadDtype(0))?, dims)?;
    let epochs = lease(2, epochs)?;
    if data.first() == Some(&0x01) {
        return Err(OpError::BadOperand(3).into());
    }
    let want = Want::Exactly(shape.dtype(), shape.count());
    let data = Operand::load(call, 3, data, want)?;
    let price = Price {
        words_in: data.words(),
        out: &[Out::Word],
        work: stored::price(&shape, epochs),
        store: false,
    };
    let mut result = call.begin(&price)?;

    let data = data.fetch(call)?.into_bytes();
    let id = stored::store(call, shape, data, epochs)?;
    result.part(0).copy_from_slice(&id);
    call.finish(&price, result)
}

/// `concat(uint8 dtype, uint32[] dims, uint32 epochs, bytes32[] parts) returns (bytes32 id)`: joins
/// stored tensors along the first axis. All parts but the last end on a page boundary of their image,
/// so that the roots of their pages are those of the whole.
fn concat(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    call.may_write()?;
    let (dtype, dims, epochs) = (args.u8(0)?, strict(args.words(1)?)?, args.u32(2)?);
    let ids = args.words(3)?;

    let dtype = Dtype::from_code(dtype).ok_or(OpError::BadDtype(0))?;
    let shape = shape(dtype, dims)?;
    let epochs = lease(2, epochs)?;
    gas::dimension(3, ids.len(), gas::PARTS_MAX)?;
    let mut parts: Vec<Readable> = Vec::new();
    let (mut bytes, mut pages) = (0u64, 0u64);
    for id in ids.iter() {
        // What stands before this part ends on a page.
        let before = parts.last().map(|part| part.descriptor.shape);
        if before.is_some_and(|before| !before.ends_on_a_page()) {
            return Err(OpError::BadShape(3).into());
        }
        let part = Readable::load(call, *id)?;
        let found = part.descriptor.shape;
        if found.dtype() != dtype {
            return Err(OpError::BadDtype(3).into());
        }
        if !found.joins(&shape) {
            return Err(OpError::BadShape(3).into());
        }
        bytes = bytes.saturating_add(found.bytes());
        pages = pages.saturating_add(found.pages_touched(0, found.bytes()));
        parts.push(part);
    }
    // Equal rows and equal size: the first dimensions add up.
    if bytes != shape.bytes() {
        return Err(OpError::BadShape(1).into());
    }
    let fixed = gas::RECORD_NEW.saturating_add(gas::EVENT);
    let price = Price {
        words_in: 0,
        out: &[Out::Word],
        work: fixed
            .saturating_add(pages.saturating_mul(gas::CONCAT_PAGE))
            .saturating_add(gas::rent(bytes, epochs)),
        store: false,
    };
    let mut result = call.begin(&price)?;

    let size = |size: u64| usize::try_from(size).unwrap_or(0);
    let mut data = Vec::with_capacity(size(bytes));
    let mut roots = Vec::with_capacity(size(shape.used_pages().saturating_mul(32)));
    for part in parts {
        let found = part.descriptor.shape;
        let bytes = call.host.tensor(part.id, 0..found.bytes())?;
        let of_pages = call.host.page_roots(part.id)?;
        let have = (bytes.len() as u64, of_pages.len() as u64);
        if have != (found.bytes(), found.used_pages().saturating_mul(32)) {
            return Err(broken("a part of a tensor is missing"));
        }
        call.ctl().next(bytes.len())?;
        data.extend_from_slice(&bytes);
        roots.extend_from_slice(&of_pages);
    }
    let id = stored::store_hashed(call, shape, data.into(), roots.into(), epochs)?;
    result.part(0).copy_from_slice(&id);
    call.finish(&price, result)
}

/// `info(bytes32 id) returns (uint8 dtype, uint32[] dims, bytes32 root, uint64 createdBlock, uint64
/// expiry)`, also of an expired tensor.
fn info(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let id = *args.word(0)?;
    let record = call.record(id)?.ok_or(OpError::UnknownTensor(id))?;
    let descriptor = stored::descriptor(call, id)?;
    let dims = descriptor.shape.dims();
    let price = Price {
        words_in: 0,
        out: &[
            Out::Word,
            Out::Words(dims.len() as u64),
            Out::Word,
            Out::Word,
            Out::Word,
        ],
        work: 0,
        store: false,
    };
    let mut result = call.begin(&price)?;
    put_word(result.part(0), 0, descriptor.shape.dtype().code().into());
    for (dim, word) in dims.iter().zip(result.part(1).chunks_exact_mut(32)) {
        put_word(word, 0, (*dim).into());
    }
    result.part(2).copy_from_slice(&descriptor.root);
    put_word(result.part(3), 0, record.created_block);
    put_word(result.part(4), 0, record.expiry);
    call.finish(&price, result)
}

/// `read(bytes32 id, uint64 start, uint64 count) returns (bytes elements)`: `count` elements from
/// `start` on, 0 for all.
fn read(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (id, start, count) = (*args.word(0)?, args.u64(1)?, args.u64(2)?);
    let tensor = Readable::load(call, id)?;
    let dtype = tensor.descriptor.shape.dtype();
    let elements = Stored::slice(call, 1, &tensor, start, count)?;
    call.count_operand(elements.bytes())?;
    let price = Price {
        words_in: gas::words(elements.bytes()),
        out: &[Out::Vector(
            dtype,
            elements.bytes() >> dtype.bytes().trailing_zeros(),
        )],
        work: 0,
        store: false,
    };
    let mut result = call.begin(&price)?;
    let bytes = elements.fetch(call)?;
    result.part(0).copy_from_slice(&bytes);
    call.finish(&price, result)
}

/// `touch(bytes32 id, uint32 epochs) returns (uint64 expiry)`: adds epochs to the expiry of a tensor
/// that has not expired.
fn touch(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    call.may_write()?;
    let (id, epochs) = (*args.word(0)?, args.u32(1)?);
    let epochs = lease(1, epochs)?;
    let (record, load) = own_record(call, id)?;
    let now = call.host.timestamp();
    if record.expiry <= now {
        return Err(OpError::TensorExpired(id).into());
    }
    let expiry = record
        .expiry
        .saturating_add(epochs.saturating_mul(gas::EPOCH));
    if expiry > now.saturating_add(gas::EPOCHS_MAX.saturating_mul(gas::EPOCH)) {
        return Err(OpError::BadParam(1).into());
    }
    let size = stored::descriptor(call, id)?.shape.bytes();
    let price = Price {
        words_in: 0,
        out: &[Out::Word],
        work: gas::RECORD_LIVE
            .saturating_sub(load)
            .saturating_add(gas::EVENT)
            .saturating_add(gas::rent(size, epochs)),
        store: false,
    };
    let mut result = call.begin(&price)?;
    stored::write(call, id, Some(Record { expiry, ..record }))?;
    put_word(result.part(0), 0, expiry);
    call.finish(&price, result)
}

/// `prune(bytes32 id)`: clears the record of a tensor whose bytes nobody has to keep any more.
fn prune(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    call.may_write()?;
    let id = *args.word(0)?;
    let (record, load) = own_record(call, id)?;
    if call.host.timestamp() < record.expiry.saturating_add(gas::RETENTION) {
        return Err(OpError::BadParam(0).into());
    }
    let price = Price {
        words_in: 0,
        out: &[],
        work: gas::RECORD_LIVE
            .saturating_sub(load)
            .saturating_add(gas::EVENT),
        store: false,
    };
    let result = call.begin(&price)?;
    stored::write(call, id, None)?;
    call.finish(&price, result)
}

/// Loads the record that a call will write; its load, already charged, is part of the write's price.
fn own_record(call: &mut Call<'_>, id: [u8; 32]) -> Result<(Record, u64), Stop> {
    let before = call.loads();
    let record = call.record(id)?.ok_or(OpError::UnknownTensor(id))?;
    Ok((record, call.loads().saturating_sub(before)))
}

/// The words of an array as `uint32`, every one checked.
fn strict<'a>(words: Words<'a>) -> Result<Words<'a>, OpError> {
    words.u32s().try_for_each(|word| word.map(drop))?;
    Ok(words)
}

fn shape(dtype: Dtype, dims: Words<'_>) -> Result<TensorShape, OpError> {
    TensorShape::new(1, dtype, dims.u32s().filter_map(Result::ok))
}

/// Epochs for which a tensor may be stored from now on, or longer.
const fn lease(which: u8, epochs: u32) -> Result<u64, OpError> {
    let epochs = epochs as u64;
    if epochs == 0 || epochs > gas::EPOCHS_MAX {
        return Err(OpError::BadParam(which));
    }
    Ok(epochs)
}
