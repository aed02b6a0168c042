//! Walks the protobuf wire format before anything is decoded, and counts what would be allocated.
//!
//! An empty nested message is two bytes on the wire and some two hundred in memory. With the count of
//! records bounded here, decoding takes at most [`RECORDS_MAX`] records plus eight times the file.

use crate::{MODEL_BYTES_MAX, OnnxError};

/// Nested messages and strings in all that we decode, together.
const RECORDS_MAX: u64 = 1 << 20;

/// Which fields of a message are messages that we decode.
struct Schema(&'static [(u64, &'static Self)]);

static LEAF: Schema = Schema(&[]);
static ATTRIBUTE: Schema = Schema(&[(5, &LEAF)]);
static NODE: Schema = Schema(&[(5, &ATTRIBUTE)]);
static SHAPE: Schema = Schema(&[(1, &LEAF)]);
static TENSOR_TYPE: Schema = Schema(&[(2, &SHAPE)]);
static TYPE: Schema = Schema(&[(1, &TENSOR_TYPE)]);
static VALUE: Schema = Schema(&[(2, &TYPE)]);
static GRAPH: Schema = Schema(&[(1, &NODE), (5, &LEAF), (11, &VALUE), (12, &VALUE)]);
static MODEL: Schema = Schema(&[(7, &GRAPH), (8, &LEAF)]);

/// Checks that the bytes are records of the wire format and not too many.
///
/// # Errors
/// - [`OnnxError::TooLarge`]: bytes or records.
/// - [`OnnxError::Malformed`]: a record is cut, or of a kind that protobuf no longer has.
pub(crate) fn scan(bytes: &[u8]) -> Result<(), OnnxError> {
    if bytes.len() > MODEL_BYTES_MAX {
        return Err(OnnxError::TooLarge {
            what: "bytes of the file",
            got: bytes.len() as u64,
            max: MODEL_BYTES_MAX as u64,
        });
    }
    let mut records = 0;
    walk(bytes, &MODEL, &mut records)
}

fn walk(mut rest: &[u8], schema: &Schema, records: &mut u64) -> Result<(), OnnxError> {
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        match key & 7 {
            0 => {
                varint(&mut rest)?;
            }
            1 => {
                take(&mut rest, 8)?;
            }
            5 => {
                take(&mut rest, 4)?;
            }
            2 => {
                let size = varint(&mut rest)?;
                let content = take(&mut rest, size)?;
                *records += 1;
                if *records > RECORDS_MAX {
                    return Err(OnnxError::TooLarge {
                        what: "records of the file",
                        got: *records,
                        max: RECORDS_MAX,
                    });
                }
                if let Some((_, nested)) = schema.0.iter().find(|(field, _)| *field == key >> 3) {
                    walk(content, nested, records)?;
                }
            }
            kind => return Err(malformed(format!("wire type {kind}"))),
        }
    }
    Ok(())
}

fn varint(rest: &mut &[u8]) -> Result<u64, OnnxError> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let [byte] = take(rest, 1)? else {
            return Err(malformed("an empty varint"));
        };
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(malformed("a varint of more than ten bytes"))
}

fn take<'a>(rest: &mut &'a [u8], size: u64) -> Result<&'a [u8], OnnxError> {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let Some((head, tail)) = rest.split_at_checked(size) else {
        return Err(malformed("it ends inside a record"));
    };
    *rest = tail;
    Ok(head)
}

fn malformed(what: impl Into<String>) -> OnnxError {
    OnnxError::Malformed(what.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2];
        let mut size = content.len();
        while size >= 0x80 {
            out.push(0x80 | size.to_le_bytes()[0]);
            size >>= 7;
        }
        out.push(size.to_le_bytes()[0]);
        out.extend_from_slice(content);
        out
    }

    #[test]
    fn counts_records_where_we_decode_them_and_nowhere_else() {
        let max = usize::try_from(RECORDS_MAX).unwrap();
        let nodes = |count: usize| field(7, &[10, 0].repeat(count));
        assert_eq!(scan(&nodes(max - 1)), Ok(()));
        let refused = OnnxError::TooLarge {
            what: "records of the file",
            got: RECORDS_MAX + 1,
            max: RECORDS_MAX,
        };
        assert_eq!(scan(&nodes(max)), Err(refused));
        // Metadata of the model is one record, whatever it holds.
        assert_eq!(scan(&field(14, &[10, 0].repeat(max))), Ok(()));
    }

    #[test]
    fn refuses_cut_records() {
        let whole = field(7, &field(1, &field(4, b"Gemm")));
        assert_eq!(scan(&whole), Ok(()));
        for end in 1..whole.len() {
            assert!(matches!(scan(&whole[..end]), Err(OnnxError::Malformed(_))));
        }
        assert!(matches!(scan(&[0x3b]), Err(OnnxError::Malformed(_))));
        assert!(matches!(scan(&[0xff; 11]), Err(OnnxError::Malformed(_))));
        assert!(matches!(
            scan(&[
                0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1
            ]),
            Err(OnnxError::Malformed(_))
        ));
    }
}
