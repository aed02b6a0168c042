//! Calls of AI operations in call traces, decoded: which operation and function, its arguments, operands by where
//! their elements lie, and the typed error.

use alloy_primitives::{Address, B256, I256, U256, hex, keccak256};
use alloy_rpc_types_trace::geth::{CallFrame, GethTrace};
use foggara_precompiles::op_at;
use serde::Serialize;
use serde_json::{Value, json};
use std::{mem::take, sync::LazyLock};

/// Longest list that is shown; that of the tensors which one call joins.
const LIST_MAX: usize = 1_024;
/// Bytes that are shown of an operand of an unknown kind.
const SHOWN_MAX: usize = 64;
/// The errors of the operations.
///
/// Source: `PRECOMPILES.md` section 3.
const ERRORS: [&str; 17] = [
    "BadCalldata()",
    "BadShape(uint8)",
    "BadDtype(uint8)",
    "BadParam(uint8)",
    "BadOperand(uint8)",
    "BadElement(uint8,uint256)",
    "TooLarge(uint256,uint256)",
    "LengthMismatch(uint8,uint256,uint256)",
    "AiGasLimit(uint256,uint256)",
    "UnknownTensor(bytes32)",
    "TensorExpired(bytes32)",
    "TensorNotMature(bytes32)",
    "BadCode(address)",
    "StaticStore()",
    "DirectCallOnly()",
    "NotPayable()",
    "UnknownSelector(bytes4)",
];

/// A trace as it is answered.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum Trace {
    /// Of `callTracer`.
    Calls(Frame),
    /// Of any other tracer, as the library gives it.
    Other(GethTrace),
}

impl From<GethTrace> for Trace {
    fn from(trace: GethTrace) -> Self {
        match trace {
            GethTrace::CallTracer(frame) => Self::Calls(frame.into()),
            other => Self::Other(other),
        }
    }
}

/// A call, and what is known of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Frame {
    /// Without the calls inside.
    #[serde(flatten)]
    frame: CallFrame,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    calls: Vec<Self>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decoded: Option<Decoded>,
}

impl From<CallFrame> for Frame {
    fn from(mut frame: CallFrame) -> Self {
        Self {
            calls: take(&mut frame.calls).into_iter().map(Self::from).collect(),
            decoded: Decoded::of(&frame),
            frame,
        }
    }
}

/// A call of an AI operation.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Decoded {
    /// Name of the operation.
    operation: &'static str,
    /// Signature of the function; absent if the operation has none with the call's selector.
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<&'static str>,
    /// Its arguments, fields of a struct each for themselves; absent if the calldata does not hold them.
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<Vec<Value>>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Decoded {
    fn of(frame: &CallFrame) -> Option<Self> {
        let op = op_at(frame.to?.into_array())?;
        let input = frame.input.split_first_chunk::<4>();
        let function = input.and_then(|(selector, body)| {
            let mut functions = op.functions.iter();
            Some((functions.find(|f| f.selector == *selector)?, body))
        });
        Some(Self {
            operation: op.name,
            function: function.map(|(function, _)| function.signature),
            arguments: function.and_then(|(function, body)| values(function.signature, body)),
            error: frame.output.as_deref().and_then(|output| {
                frame.error.as_ref()?;
                error(output)
            }),
        })
    }
}

/// The error that revert data encode, with its arguments.
fn error(data: &[u8]) -> Option<String> {
    static SELECTORS: LazyLock<[B256; 17]> = LazyLock::new(|| ERRORS.map(keccak256));
    let (selector, body) = data.split_first_chunk::<4>()?;
    let mut known = ERRORS.iter().zip(SELECTORS.iter());
    let (signature, _) = known.find(|(_, hash)| hash.starts_with(selector))?;
    let (name, _) = signature.split_once('(')?;
    let arguments = values(signature, body)?
        .into_iter()
        .map(|value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        });
    let arguments: Vec<_> = arguments.collect();
    Some(format!("{name}({})", arguments.join(", ")))
}

/// The types of a signature in the order of their words. Structs hold no dynamic types here, so their fields
/// stand in the head like arguments.
fn types(signature: &str) -> impl Iterator<Item = &str> {
    let (_, list) = signature.split_once('(').unwrap_or_default();
    list.split([',', '(', ')']).filter(|kind| !kind.is_empty())
}

/// The values of a signature's types; `None` if the bytes do not hold them.
fn values(signature: &str, body: &[u8]) -> Option<Vec<Value>> {
    let (words, _) = body.as_chunks::<32>();
    let mut words = words.iter();
    types(signature)
        .map(|kind| value(kind, words.next()?, body))
        .collect()
}

fn value(kind: &str, word: &[u8; 32], body: &[u8]) -> Option<Value> {
    let Some(kind) = kind.strip_suffix("[]") else {
        return match kind {
            "bytes" => Some(operand(bytes(word, body)?)),
            _ => scalar(kind, word),
        };
    };
    let (count, items) = tail(word, body)?;
    if count > LIST_MAX {
        return Some(json!({ "length": count }));
    }
    let words = items.as_chunks::<32>().0.get(..count)?;
    // Tails in a list count from its first word.
    let values = words.iter().map(|word| value(kind, word, items));
    Some(Value::Array(values.collect::<Option<_>>()?))
}

/// A length, and what follows it, at the place that `word` names.
fn tail<'a>(word: &[u8; 32], body: &'a [u8]) -> Option<(usize, &'a [u8])> {
    let at = usize::try_from(U256::from_be_bytes(*word)).ok()?;
    let (length, rest) = body.get(at..)?.split_first_chunk::<32>()?;
    let length = usize::try_from(U256::from_be_bytes(*length)).ok()?;
    Some((length, rest))
}

fn bytes<'a>(word: &[u8; 32], body: &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = tail(word, body)?;
    rest.get(..length)
}

/// Numbers as such while they have 64 bits, other values in hex.
fn scalar(kind: &str, word: &[u8; 32]) -> Option<Value> {
    let hexed = |bytes: &[u8]| Some(json!(hex::encode_prefixed(bytes)));
    if kind.starts_with("uint") {
        let number = U256::from_be_bytes(*word);
        return Some(u64::try_from(number).map_or_else(|_| json!(number), Value::from));
    }
    if kind.starts_with("int") {
        let number = I256::from_be_bytes(*word);
        return i64::try_from(number).map_or_else(|_| hexed(word), |small| Some(small.into()));
    }
    if kind == "address" {
        return hexed(word.last_chunk::<20>()?);
    }
    let size: usize = kind.strip_prefix("bytes")?.parse().ok()?;
    hexed(word.get(..size)?)
}

/// Where the elements of an operand lie; an absent one is null.
fn operand(bytes: &[u8]) -> Value {
    known_operand(bytes).unwrap_or_else(|| {
        let shown = bytes.get(..SHOWN_MAX).unwrap_or(bytes);
        json!({ "unknown": hex::encode_prefixed(shown) })
    })
}

fn known_operand(bytes: &[u8]) -> Option<Value> {
    let Some((kind, rest)) = bytes.split_first() else {
        return Some(Value::Null);
    };
    match kind {
        0 => Some(json!({ "inline": rest.len() })),
        1 => {
            let (id, rest) = rest.split_first_chunk::<32>()?;
            let (start, count) = rest.split_first_chunk::<8>()?;
            let (start, count) = (u64::from_be_bytes(*start), count.try_into().ok()?);
            let count = u64::from_be_bytes(count);
            Some(json!({ "tensor": B256::from(*id), "start": start, "count": count }))
        }
        2 => {
            let (account, rest) = rest.split_first_chunk::<20>()?;
            let (offset, length) = rest.split_first_chunk::<4>()?;
            let (offset, length) = (u32::from_be_bytes(*offset), length.try_into().ok()?);
            let (account, length) = (Address::from(*account), u32::from_be_bytes(length));
            let account = hex::encode_prefixed(account);
            Some(json!({ "account": account, "offset": offset, "length": length }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::{
        sol,
        sol_types::{SolCall, SolValue},
    };
    use alloy_primitives::{Bytes, address, b256};
    use foggara_precompiles::{OpError, REGISTRY, address_of};

    sol! {
        struct Shape { uint8 flags; uint8 kind; uint32 batch; uint32 m; uint32 k; uint32 n; }
        function matmul(Shape shape, bytes a, bytes b);
        function mean(uint8 flags, uint8 dtype, uint32 d, int32[] coeff, uint64 denom, bytes[] u);
        function put(uint8 dtype, uint32[] dims, uint32 epochs, bytes data);
    }

    fn decoded(code: u8, input: Vec<u8>) -> Value {
        let frame = CallFrame {
            to: Some(address_of(code).into()),
            input: input.into(),
            ..CallFrame::default()
        };
        json!(Decoded::of(&frame))
    }

    #[test]
    fn arguments_and_operands_are_named() {
        let id = B256::repeat_byte(0x44);
        let account = Address::repeat_byte(0x55);
        let stored = [&[1], &id[..], &3u64.to_be_bytes(), &5u64.to_be_bytes()].concat();
        let code = [&[2], &account[..], &7u32.to_be_bytes(), &9u32.to_be_bytes()].concat();
        let shape = Shape {
            flags: 0,
            kind: 1,
            batch: 1,
            m: 2,
            k: 3,
            n: 4,
        };
        let call = matmulCall {
            shape,
            a: stored.into(),
            b: code.into(),
        };
        assert_eq!(
            decoded(0x01, call.abi_encode()),
            json!({
                "operation": "MATMUL",
                "function": "matmul((uint8,uint8,uint32,uint32,uint32,uint32),bytes,bytes)",
                "arguments": [
                    0, 1, 1, 2, 3, 4,
                    { "tensor": id, "start": 3, "count": 5 },
                    { "account": format!("{account:?}").to_lowercase(), "offset": 7, "length": 9 },
                ],
            })
        );
        let call = meanCall {
            flags: 128,
            dtype: 6,
            d: 2,
            coeff: vec![-1, 2],
            denom: u64::MAX,
            u: vec![
                Bytes::from_static(&[0, 1, 2]),
                Bytes::new(),
                Bytes::from_static(&[9, 9]),
            ],
        };
        assert_eq!(
            decoded(0x10, call.abi_encode())["arguments"],
            json!([128, 6, 2, [-1, 2], u64::MAX, [{ "inline": 2 }, null, { "unknown": "0x0909" }]])
        );
        let many = vec![1; LIST_MAX + 1];
        let call = putCall {
            dtype: 3,
            dims: many,
            epochs: 1,
            data: Bytes::new(),
        };
        assert_eq!(
            decoded(0xf0, call.abi_encode())["arguments"],
            json!([3, { "length": LIST_MAX + 1 }, 1, null])
        );
    }

    #[test]
    fn what_does_not_decode_is_left_out() {
        let call = putCall {
            dtype: 3,
            dims: vec![2, 3],
            epochs: 1,
            data: Bytes::from_static(&[0, 1]),
        };
        let mut input = call.abi_encode();
        // The padding behind the last tail is nobody's.
        input.truncate(input.len() - 30);
        assert_eq!(
            decoded(0xf0, input.clone())["arguments"],
            json!([3, [2, 3], 1, { "inline": 1 }])
        );
        for length in 4..input.len() {
            let decoded = decoded(0xf0, input[..length].to_vec());
            assert_eq!(decoded["operation"], "TENSOR");
            assert!(decoded["function"].is_string() && decoded.get("arguments").is_none());
        }
        assert_eq!(
            decoded(0xf0, vec![1, 2, 3, 4, 5]),
            json!({ "operation": "TENSOR" })
        );
        assert_eq!(decoded(0xf0, vec![]), json!({ "operation": "TENSOR" }));
        assert_eq!(decoded(0xee, input), Value::Null);
    }

    #[test]
    fn every_signature_has_known_types() {
        for op in REGISTRY {
            for function in op.functions {
                let zeros = [0; 32 * 32];
                assert!(values(function.signature, &zeros).is_some(), "{function:?}");
            }
        }
    }

    #[test]
    fn errors_have_their_names() {
        let id = b256!("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
        let account = address!("00112233445566778899aabbccddeeff00112233");
        let text = |error: OpError| super::error(&error.encode()).unwrap();
        assert_eq!(text(OpError::BadCalldata), "BadCalldata()");
        assert_eq!(
            text(OpError::LengthMismatch {
                which: 1,
                want: 6,
                got: 5
            }),
            "LengthMismatch(1, 6, 5)"
        );
        assert_eq!(
            text(OpError::UnknownTensor(id.0)),
            format!("UnknownTensor({id})")
        );
        assert_eq!(
            text(OpError::BadCode(account.into_array())),
            "BadCode(0x00112233445566778899aabbccddeeff00112233)"
        );
        assert_eq!(
            text(OpError::UnknownSelector([1, 2, 3, 4])),
            "UnknownSelector(0x01020304)"
        );
        assert_eq!(super::error(&(U256::from(1),).abi_encode()), None);
    }

    #[test]
    fn the_deepest_calls_are_answered() {
        let mut frame = CallFrame::default();
        for _ in 0..1_024 {
            frame = CallFrame {
                calls: vec![frame],
                ..CallFrame::default()
            };
        }
        let plain = serde_json::to_value(&frame).unwrap();
        let trace = Trace::from(GethTrace::CallTracer(frame));
        assert_eq!(serde_json::to_value(&trace).unwrap(), plain);
    }
}
