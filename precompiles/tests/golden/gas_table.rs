//! `docs/precompiles/gas.md`: what every function costs at shapes that people ask about, as the crate
//! charges it. `FOGGARA_WRITE_VECTORS=1` writes the page, otherwise it must be as it stands.

use crate::Chain;
use crate::calldata::{Value, calldata, inline, int, word};
use alloy_primitives::{hex, keccak256};
use foggara_precompiles::{Outcome, Portable, REGISTRY, address_of, call};
use std::{fmt::Write as _, path::PathBuf};

/// An argument.
#[derive(Debug, Clone)]
enum Arg {
    /// A head word.
    Int(i64),
    /// An absent operand.
    Absent,
    /// An inline operand of so many bytes of this value.
    Fill(usize, u8),
    /// An inline operand that repeats these bytes so many times.
    Repeat(usize, Vec<u8>),
    /// So many inline operands of so many zero bytes.
    List(usize, usize),
    /// An array of words: 1, 2, 3, ….
    Count(usize),
}
use Arg::{Absent, Count, Fill, Int, List, Repeat};

/// A call whose price is shown.
struct Row {
    function: &'static str,
    shape: &'static str,
    args: Vec<Arg>,
}

fn row(function: &'static str, shape: &'static str, head: &[i64], tail: &[Arg]) -> Row {
    let head = head.iter().map(|int| Int(*int));
    Row {
        function,
        shape,
        args: head.chain(tail.iter().cloned()).collect(),
    }
}

fn rows() -> Vec<Row> {
    let zeros = |bytes| Fill(bytes, 0);
    let onnx = |columns| Repeat(columns, 0.5f32.to_bits().to_le_bytes().to_vec());
    let all = |bytes| vec![zeros(bytes); 4];
    vec![
        row(
            "matmul",
            "i8, 64 x 64 x 64",
            &[0, 0, 1, 64, 64, 64],
            &[zeros(4_096), zeros(4_096)],
        ),
        row(
            "matmul",
            "i8, 1 x 1,024 x 1,024",
            &[0, 0, 1, 1, 1_024, 1_024],
            &[zeros(1_024), zeros(1 << 20)],
        ),
        row(
            "matmul",
            "i8, 256 x 256 x 256",
            &[0, 0, 1, 256, 256, 256],
            &[zeros(1 << 16), zeros(1 << 16)],
        ),
        row(
            "matmul",
            "i16, 64 x 64 x 64",
            &[0, 2, 1, 64, 64, 64],
            &[zeros(8_192), zeros(8_192)],
        ),
        row(
            "matmul",
            "i32 mod 2^32, 64 x 64 x 64",
            &[0, 3, 1, 64, 64, 64],
            &[zeros(16_384), zeros(16_384)],
        ),
        row(
            "matmul",
            "i32 mod 2^64, 64 x 64 x 64",
            &[0, 4, 1, 64, 64, 64],
            &[zeros(16_384), zeros(16_384)],
        ),
        row(
            "linear",
            "1 x 784 x 32, a scale per output",
            &[0, 0, 1, 1, 784, 32, 0, 0, 0, -128, 127],
            &[zeros(784), zeros(784 * 32), zeros(128), onnx(32), Absent],
        ),
        row(
            "linear",
            "64 x 512 x 512, one scale, table",
            &[0, 0, 1, 64, 512, 512, 0, 0, 0, -128, 127],
            &[
                zeros(64 * 512),
                zeros(512 * 512),
                zeros(2_048),
                onnx(1),
                zeros(256),
            ],
        ),
        row(
            "binary",
            "10,000 i8",
            &[0, 0, 3],
            &[zeros(10_000), zeros(10_000)],
        ),
        row(
            "scaled",
            "10,000 i8",
            &[0, 0, 3, 0, 0, 0, 3, 5, 8, -128, 127],
            &all(10_000)[..2],
        ),
        row("lut", "10,000", &[0], &[zeros(10_000), zeros(256)]),
        row(
            "requant",
            "10,000 i32 to i8",
            &[0, 1, 3, 100, 0, -128, 127],
            &[zeros(40_000), onnx(100)],
        ),
        row("shift", "10,000 i32 to i8", &[0, 6, 3, 8], &[zeros(40_000)]),
        row("unary", "10,000 i32", &[0, 0, 6, 0, 0], &[zeros(40_000)]),
        row(
            "reduce",
            "argmax of 10 i8",
            &[0, 4, 3, 1, 10, 1],
            &[zeros(10)],
        ),
        row(
            "reduce",
            "sums of 100 rows of 100 i32",
            &[0, 0, 6, 100, 100, 1],
            &[zeros(40_000)],
        ),
        row(
            "topk",
            "8 of 10,000 i32",
            &[6, 1, 10_000, 8],
            &[zeros(40_000)],
        ),
        row(
            "sum",
            "32 clients, 10,000 i32",
            &[0, 32, 10_000],
            &[List(32, 40_000)],
        ),
        row(
            "mean",
            "32 clients, 10,000 i8",
            &[0, 3, 10_000],
            &[Count(32), Int(0), List(32, 10_000)],
        ),
        row(
            "mean",
            "32 clients, 10,000 i32",
            &[0, 6, 10_000],
            &[Count(32), Int(0), List(32, 40_000)],
        ),
        row(
            "median",
            "32 clients, 10,000 i8",
            &[0, 3, 10_000],
            &[List(32, 10_000)],
        ),
        row(
            "median",
            "32 clients, 10,000 i32",
            &[0, 6, 10_000],
            &[List(32, 40_000)],
        ),
        row(
            "trimmed",
            "32 clients, 10,000 i32, 4 cut",
            &[0, 6, 10_000, 4],
            &[List(32, 40_000)],
        ),
        row(
            "signMajority",
            "32 clients, 10,000 i8",
            &[0, 3, 10_000],
            &[List(32, 10_000)],
        ),
        row(
            "gram",
            "32 clients, 10,000 i8",
            &[3, 10_000],
            &[List(32, 10_000)],
        ),
        row(
            "sqdist",
            "32 clients, 10,000 i16",
            &[5, 10_000],
            &[List(32, 20_000)],
        ),
        row(
            "krum",
            "32 clients, 10,000 i16, f = 4",
            &[5, 10_000, 4, 1],
            &[List(32, 20_000)],
        ),
        row("clip", "10,000 i32", &[0, 6, 1_000_000], &[zeros(40_000)]),
        row("normSq", "10,000 i32", &[6], &[zeros(40_000)]),
        row("sgd", "10,000", &[0, 16, 100, 0], &all(40_000)[..2]),
        row(
            "momentum",
            "10,000",
            &[0, 16, 100, 0, 1 << 30],
            &all(40_000)[..3],
        ),
        row(
            "adam",
            "10,000",
            &[0, 16, 100, 1 << 28, 1 << 20, 1],
            &[zeros(40_000), zeros(40_000), zeros(80_000), zeros(40_000)],
        ),
        row(
            "expand",
            "10,000 words of 32 bits",
            &[0, 32, 10_000, 0, 0, 0],
            &[zeros(40_000)],
        ),
        row(
            "reconstruct",
            "3 shares of a 32-byte seed, BN254",
            &[0, 1, 1],
            &[Count(3), List(3, 32)],
        ),
        row(
            "reconstruct",
            "16 shares of 4 words, 2^61 - 1",
            &[0, 0, 4],
            &[Count(16), List(16, 32)],
        ),
    ]
}

fn value(arg: &Arg) -> Value {
    let operand = |elements: &[u8]| Value::Bytes(inline(elements));
    match arg {
        Int(value) => int(*value),
        Absent => Value::Bytes(vec![]),
        Fill(count, byte) => operand(&vec![*byte; *count]),
        Repeat(times, bytes) => operand(&bytes.repeat(*times)),
        Count(count) => Value::Words((1..=*count).map(|n| word(n as u64)).collect()),
        List(count, bytes) => Value::Array(vec![inline(&vec![0; *bytes]); *count]),
    }
}

fn page() -> String {
    let mut page = String::from(
        "# Gas of the AI operations\n\n\
         This page is generated from the code: `cargo xtask vectors` writes it, `cargo xtask ci` compares it.\n\
         Operands are inline; a call's own price is shown, without that of the transaction's calldata and of the\n\
         CALL instruction. The formulas are on the pages of the operations.\n\n\
         | address | function | selector | at | gas |\n|---|---|---|---|---|\n",
    );
    let rows = rows();
    for op in REGISTRY {
        for function in op.functions {
            let name = function.signature.split('(').next().unwrap_or_default();
            let selector = hex::encode(function.selector);
            assert_eq!(function.selector, keccak256(function.signature)[..4]);
            let shown: Vec<&Row> = rows.iter().filter(|row| row.function == name).collect();
            if shown.is_empty() {
                let at = "see [the tensor store](tensor.md)";
                let _ = writeln!(
                    page,
                    "| `0xA100{:02x}` | `{name}` | `{selector}` | {at} | |",
                    op.code
                );
            }
            for row in shown {
                let values: Vec<Value> = row.args.iter().map(value).collect();
                let input = calldata(function.signature, &values);
                let outcome = call(op, &input, u64::MAX, &mut Chain, &Portable);
                let Outcome::Success { gas, .. } = outcome else {
                    panic!("{name}, {}: {outcome:?}", row.shape);
                };
                let (code, shape) = (op.code, row.shape);
                let _ = writeln!(
                    page,
                    "| `0xA100{code:02x}` | `{name}` | `{selector}` | {shape} | {gas} |"
                );
            }
        }
        assert!(address_of(op.code)[18] == 0);
    }
    page
}

#[test]
fn the_gas_table_of_the_book_is_that_of_the_code() {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../docs/precompiles/gas.md"]
        .iter()
        .collect();
    let page = page();
    if std::env::var_os("FOGGARA_WRITE_VECTORS").is_some() {
        std::fs::write(path, page).unwrap();
        return;
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), page);
}
