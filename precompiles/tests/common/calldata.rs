//! Canonical Solidity ABI for whoever makes calls: words are 32 bytes and big-endian, a dynamic value is
//! an offset in the head and a tail, tails follow each other in the order of the arguments.

use alloy_primitives::keccak256;

/// A word of calldata or of a result.
pub(crate) type Word = [u8; 32];

/// One argument or result, a struct being its fields in a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Any static type.
    Word(Word),
    /// `bytes`.
    Bytes(Vec<u8>),
    /// An array of a static type.
    Words(Vec<Word>),
    /// `bytes[]`.
    Array(Vec<Vec<u8>>),
}

/// The word of an integer, sign-extended.
pub(crate) fn word(value: impl Into<i128>) -> Word {
    let value = value.into();
    let mut word = [if value < 0 { 0xff } else { 0 }; 32];
    word[16..].copy_from_slice(&value.to_be_bytes());
    word
}

/// An integer argument.
pub(crate) fn int(value: impl Into<i128>) -> Value {
    Value::Word(word(value))
}

/// An operand that carries its elements.
pub(crate) fn inline(elements: &[u8]) -> Vec<u8> {
    [&[0], elements].concat()
}

fn count(value: usize) -> Word {
    word(i128::try_from(value).expect("a size"))
}

/// Head, then tails in the order of the arguments, without gaps.
pub(crate) fn encode(values: &[Value]) -> Vec<u8> {
    let (mut head, mut tails) = (Vec::new(), Vec::new());
    for value in values {
        let (length, content) = match value {
            Value::Word(word) => {
                head.extend(word);
                continue;
            }
            Value::Bytes(bytes) => (bytes.len(), bytes.clone()),
            Value::Words(words) => (words.len(), words.concat()),
            Value::Array(items) => {
                let items: Vec<Value> = items.iter().cloned().map(Value::Bytes).collect();
                (items.len(), encode(&items))
            }
        };
        head.extend(count(32 * values.len() + tails.len()));
        tails.extend(count(length));
        tails.extend(content);
        tails.resize(tails.len().next_multiple_of(32), 0);
    }
    [head, tails].concat()
}

/// The call of a function with this signature.
pub(crate) fn calldata(signature: &str, arguments: &[Value]) -> Vec<u8> {
    [&keccak256(signature)[..4], &encode(arguments)].concat()
}
