//! Reads of the chain within one transaction. Every record is checked against its neighbours as it is
//! read: a header against its hash, counts against bodies.

use crate::{
    StoreError, StoredBlock, StoredHeader, Table, TxLocation,
    backend::ReadTx,
    keys,
    record::{BodyIndices, HeadRecord, SafeAtL1},
    stored::reference,
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::Decodable;
use core::ops::ControlFlow;
use foggara_primitives::{BlockId, Heads, L2Ref};

/// Labels of `FgHeads`.
pub(crate) const UNSAFE: &str = "unsafe";
pub(crate) const SAFE: &str = "safe";
pub(crate) const FINALIZED: &str = "finalized";

pub(crate) fn damaged(table: Table, what: impl core::fmt::Display) -> StoreError {
    StoreError::Damaged(format!("{table}: {what}"))
}

/// Reads and decodes one record.
pub(crate) fn record<T>(
    tx: &dyn ReadTx,
    table: Table,
    key: &[u8],
    decode: impl FnOnce(&[u8]) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    let Some(bytes) = tx.get(table, key)? else {
        return Ok(None);
    };
    decode(&bytes)
        .map(Some)
        .ok_or_else(|| damaged(table, Undecodable(key)))
}

struct Undecodable<'a>(&'a [u8]);

impl core::fmt::Display for Undecodable<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "record {} does not decode",
            alloy_primitives::hex::encode(self.0)
        )
    }
}

fn hash32(bytes: &[u8]) -> Option<B256> {
    B256::try_from(bytes).ok()
}

fn number8(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().map(u64::from_be_bytes).ok()
}

/// A head with its generation.
pub(crate) fn head(tx: &dyn ReadTx, label: &str) -> Result<Option<HeadRecord>, StoreError> {
    record(tx, Table::FgHeads, label.as_bytes(), HeadRecord::decode)
}

/// The heads, unless there is no genesis yet.
pub(crate) fn heads(tx: &dyn ReadTx) -> Result<Option<Heads>, StoreError> {
    let Some(tip) = head(tx, UNSAFE)? else {
        return Ok(None);
    };
    let label = |label| {
        head(tx, label)?
            .map(|h| h.block)
            .ok_or_else(|| damaged(Table::FgHeads, "a label is missing"))
    };
    Ok(Some(Heads {
        unsafe_: tip.block,
        safe: label(SAFE)?,
        finalized: label(FINALIZED)?,
    }))
}

/// Hash of the canonical block `n`.
pub(crate) fn hash(tx: &dyn ReadTx, n: u64) -> Result<Option<B256>, StoreError> {
    record(tx, Table::CanonicalHeaders, &keys::number(n), hash32)
}

/// Number of the canonical block with this hash.
pub(crate) fn number(tx: &dyn ReadTx, hash: B256) -> Result<Option<u64>, StoreError> {
    record(tx, Table::HeaderNumbers, hash.as_slice(), number8)
}

/// Header of the canonical block `n`, its hash recomputed.
pub(crate) fn header(tx: &dyn ReadTx, n: u64) -> Result<Option<StoredHeader>, StoreError> {
    let Some(hash) = hash(tx, n)? else {
        return Ok(None);
    };
    let header = record(tx, Table::Headers, &keys::number(n), decode_header)?
        .ok_or_else(|| damaged(Table::Headers, format_args!("header {n} is missing")))?;
    checked(n, hash, header).map(Some)
}

fn decode_header(mut bytes: &[u8]) -> Option<Header> {
    let header = Header::decode(&mut bytes).ok()?;
    bytes.is_empty().then_some(header)
}

fn checked(n: u64, hash: B256, header: Header) -> Result<StoredHeader, StoreError> {
    if header.number != n || header.hash_slow() != hash {
        return Err(damaged(
            Table::Headers,
            format_args!("header {n} has not hash {hash}"),
        ));
    }
    Ok(StoredHeader { header, hash })
}

/// The header of a block that has to be there.
pub(crate) fn expect_header(tx: &dyn ReadTx, n: u64) -> Result<StoredHeader, StoreError> {
    header(tx, n)?.ok_or(StoreError::UnknownBlock(n))
}

/// Visits canonical headers of `from..=to` in order, until told to stop.
pub(crate) fn walk_headers(
    tx: &dyn ReadTx,
    from: u64,
    to: u64,
    visit: &mut dyn FnMut(StoredHeader) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    for n in from..=to {
        let Some(header) = header(tx, n)? else { break };
        if visit(header).is_break() {
            break;
        }
    }
    Ok(())
}

/// Where the body of block `n` lies.
pub(crate) fn indices(tx: &dyn ReadTx, n: u64) -> Result<Option<BodyIndices>, StoreError> {
    record(
        tx,
        Table::BlockBodyIndices,
        &keys::number(n),
        BodyIndices::decode,
    )
}

fn expect_indices(tx: &dyn ReadTx, n: u64) -> Result<BodyIndices, StoreError> {
    let found = indices(tx, n)?;
    found.ok_or_else(|| {
        damaged(
            Table::BlockBodyIndices,
            format_args!("no row for block {n}"),
        )
    })
}

/// Reference of the canonical block `n`.
pub(crate) fn l2_ref(tx: &dyn ReadTx, n: u64) -> Result<Option<L2Ref>, StoreError> {
    let Some(StoredHeader { header, hash }) = header(tx, n)? else {
        return Ok(None);
    };
    let plain = reference(&header, hash, None);
    let epoch = expect_indices(tx, n)?.epoch;
    Ok(Some(match epoch {
        Some((l1_origin, sequence_number)) => L2Ref {
            l1_origin,
            sequence_number,
            ..plain
        },
        None => plain,
    }))
}

/// The reference of a block that is said to be canonical.
pub(crate) fn canonical(tx: &dyn ReadTx, id: BlockId) -> Result<Option<L2Ref>, StoreError> {
    Ok(l2_ref(tx, id.number)?.filter(|found| found.hash == id.hash))
}

/// Reads `count` rows of a table that is keyed by transaction number.
fn rows<T>(
    tx: &dyn ReadTx,
    table: Table,
    body: &BodyIndices,
    decode: impl Fn(&[u8]) -> Option<T>,
) -> Result<Vec<T>, StoreError> {
    let mut out = Vec::new();
    let mut bad = false;
    if body.count > 0 {
        tx.walk(table, &keys::number(body.first), &mut |key, value| {
            if keys::leading_number(key).is_none_or(|n| n >= body.end()) {
                return ControlFlow::Break(());
            }
            match decode(value) {
                Some(row) => out.push(row),
                None => bad = true,
            }
            ControlFlow::Continue(())
        })?;
    }
    if bad || out.len() as u64 != u64::from(body.count) {
        let (first, count) = (body.first, body.count);
        return Err(damaged(
            table,
            format_args!("{count} rows from {first} are not whole"),
        ));
    }
    Ok(out)
}

fn raw(bytes: &[u8]) -> Option<Bytes> {
    Some(Bytes::copy_from_slice(bytes))
}

fn address(bytes: &[u8]) -> Option<Address> {
    Address::try_from(bytes).ok()
}

/// The canonical block `n`.
pub(crate) fn block(tx: &dyn ReadTx, n: u64) -> Result<Option<StoredBlock>, StoreError> {
    let Some(StoredHeader { header, hash }) = header(tx, n)? else {
        return Ok(None);
    };
    let body = expect_indices(tx, n)?;
    let transactions = rows(tx, Table::Transactions, &body, raw)?;
    let senders = rows(tx, Table::TransactionSenders, &body, address)?;
    Ok(Some(StoredBlock {
        header,
        hash,
        transactions,
        senders,
    }))
}

/// Transactions of the canonical block `n`.
pub(crate) fn transactions(tx: &dyn ReadTx, n: u64) -> Result<Option<Vec<Bytes>>, StoreError> {
    let Some(body) = indices(tx, n)? else {
        return Ok(None);
    };
    rows(tx, Table::Transactions, &body, raw).map(Some)
}

/// Receipts of the canonical block `n`.
pub(crate) fn receipts(tx: &dyn ReadTx, n: u64) -> Result<Option<Vec<Bytes>>, StoreError> {
    let Some(body) = indices(tx, n)? else {
        return Ok(None);
    };
    rows(tx, Table::Receipts, &body, raw).map(Some)
}

/// A canonical transaction by its hash.
pub(crate) fn tx_by_hash(tx: &dyn ReadTx, tx_hash: B256) -> Result<Option<TxLocation>, StoreError> {
    let table = Table::TransactionHashNumbers;
    let Some(at) = record(tx, table, tx_hash.as_slice(), number8)? else {
        return Ok(None);
    };
    // The first block whose last transaction is not before this one.
    let row = tx.seek(Table::TransactionBlocks, &keys::number(at))?;
    let lost = || {
        damaged(
            Table::TransactionBlocks,
            format_args!("no block of transaction {at}"),
        )
    };
    let block_number = row
        .and_then(|(_, value)| number8(&value))
        .ok_or_else(lost)?;
    let body = expect_indices(tx, block_number)?;
    let index = at
        .checked_sub(body.first)
        .filter(|_| at < body.end())
        .ok_or_else(lost)?;
    let key = keys::number(at);
    Ok(Some(TxLocation {
        block_number,
        block_hash: hash(tx, block_number)?.ok_or_else(lost)?,
        index,
        raw: record(tx, Table::Transactions, &key, raw)?.ok_or_else(lost)?,
        sender: record(tx, Table::TransactionSenders, &key, address)?.ok_or_else(lost)?,
    }))
}

/// The safe head as it was once L1 block `l1` was consumed: the newest row at or below it.
pub(crate) fn safe_at_l1(tx: &dyn ReadTx, l1: u64) -> Result<Option<(BlockId, L2Ref)>, StoreError> {
    let table = Table::FgSafeAtL1;
    let Some((key, value)) = tx.seek_back(table, Some(&keys::number(l1)))? else {
        return Ok(None);
    };
    let row = keys::leading_number(&key).zip(SafeAtL1::decode(&value));
    let (number, row) = row.ok_or_else(|| damaged(table, Undecodable(&key)))?;
    Ok(Some((
        BlockId {
            hash: row.l1_hash,
            number,
        },
        row.safe,
    )))
}
