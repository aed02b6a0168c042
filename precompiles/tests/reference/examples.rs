//! The worked examples of the specification: the reference must give them byte for byte, and the
//! files of `testdata/precompiles/` hold them for `tests/golden.rs` and for other languages.
//!
//! `FOGGARA_WRITE_VECTORS=1` writes the files instead of comparing them.

use crate::{
    abi::{Value, int},
    call::{World, expected, functions},
    generate::{Case, case},
};
use alloy_primitives::{hex, keccak256};
use foggara_precompiles::Outcome;
use serde_json::{Value as Json, json};
use std::path::PathBuf;

/// One example: what is called, and what the specification says of it.
struct Example {
    name: &'static str,
    text: &'static str,
    args: Vec<Value>,
    output: &'static str,
    gas: u64,
    hash: &'static str,
}

fn inlined(hex_bytes: &str) -> Value {
    Value::Bytes([vec![0], hex::decode(hex_bytes).unwrap()].concat())
}

fn group(items: &[&str]) -> Value {
    let bytes = |item: &&str| [vec![0], hex::decode(item).unwrap()].concat();
    Value::Array(items.iter().map(bytes).collect())
}

fn linear(mode: u8, scales: &str) -> Vec<Value> {
    let mut args: Vec<_> = [0, 0, i32::from(mode), 1, 2, 3, 0, 0, 0, -128, 127]
        .map(int)
        .into();
    args.extend([
        inlined("05fd"),
        inlined("01010203ff00"),
        inlined("010000000000000000000000"),
    ]);
    args.extend([inlined(scales), Value::Bytes(vec![])]);
    args
}

fn examples() -> Vec<Example> {
    let mut seed = [0; 32];
    (0..32).for_each(|i| seed[i] = i as u8);
    let mut matmul: Vec<_> = [0, 0, 1, 2, 3, 2].map(int).into();
    matmul.extend([inlined("01fe030405fa"), inlined("070809ff0001")]);
    let coeff = [1, 1, 2].map(|coeff: i32| crate::abi::word(coeff)).to_vec();
    let mean = group(&["03000000fdffffff", "01000000ffffffff", "ffffffff01000000"]);
    vec![
        Example {
            name: "matmul",
            text: "2x3 by 2x3",
            args: matmul,
            output: "12000000020000000e000000f6ffffff",
            gas: 156,
            hash: "40730a85835cb5f056e401ff94522285129c77ccc534a7ce79104c4fab015eb9",
        },
        Example {
            name: "linear",
            text: "three ties, rounded up",
            args: linear(0, "000000401f"),
            output: "0201fe",
            gas: 159,
            hash: "e989ced03851a1b0d36d3f67d0f4a6f81797fe19a64f12d4e37057197c48ee1a",
        },
        Example {
            name: "linear",
            text: "three ties, rounded to even",
            args: linear(1, "0000003f"),
            output: "0200fe",
            gas: 159,
            hash: "8b3327cd8004449db7b27935b72938288caa769b5321391be0f15aebf7b58125",
        },
        Example {
            name: "mean",
            text: "weighted, halves away from zero",
            args: vec![int(0), int(6), int(2), Value::Words(coeff), int(0), mean],
            output: "01000000ffffffff",
            gas: 182,
            hash: "1934b826ca0309130dd772b2d7fba4c3134c4abf590e9aec962898ddb802390f",
        },
        Example {
            name: "median",
            text: "of four clients",
            args: vec![
                int(0),
                int(3),
                int(3),
                group(&["01ff05", "039c05", "02fe05", "64fd05"]),
            ],
            output: "03fd05",
            gas: 190,
            hash: "173c82b5f2afb0236f2e22b2602818df83432c4a630bc34df84452757694405d",
        },
        Example {
            name: "clip",
            text: "to a norm of 100",
            args: vec![
                int(0),
                int(6),
                int(100),
                inlined("d08affff409c00000000000007000000"),
            ],
            output: "c5ffffff4f0000000000000000000000",
            gas: 155,
            hash: "01dd26d1a4e4e7fffc1dd6051dc5dd9c50b8a223610ae39b10a89f3ce7ee3ad7",
        },
        Example {
            name: "expand",
            text: "a mask added to four elements",
            args: vec![
                int(0),
                int(32),
                int(4),
                int(0),
                Value::Word(seed),
                int(0),
                inlined("01000000020000000300000004000000"),
            ],
            output: "3afd2b7ddbc5196a90bd0377bcdc4a49",
            gas: 158,
            hash: "641e2358c1d9cfeaab8879aabbc6d1ef6a669c8bcf30ff33a25616d4a3ea91cc",
        },
    ]
}

impl Example {
    fn case(&self) -> Case {
        let function = crate::call::function(self.name);
        Case {
            op: function.op,
            selector: function.selector,
            args: self.args.clone(),
            world: World::default(),
        }
    }
}

/// The reference's only answer.
fn outcome(case: &Case) -> Outcome {
    let [outcome] = &expected(case.op, &case.calldata(), u64::MAX, &case.world)[..] else {
        panic!("the text leaves open how this ends: {case:?}");
    };
    outcome.clone()
}

#[test]
fn the_reference_gives_the_worked_examples() {
    for example in examples() {
        let case = example.case();
        let input = case.calldata();
        assert_eq!(
            keccak256(&input),
            example.hash.parse::<alloy_primitives::B256>().unwrap()
        );
        let mut results = vec![Value::Bytes(hex::decode(example.output).unwrap())];
        if example.name == "clip" {
            results.push(int(2_500_000_049u64));
        }
        let output = crate::abi::encode(&results);
        assert_eq!(
            outcome(&case),
            Outcome::Success {
                gas: example.gas,
                output
            }
        );
    }
    assert_eq!(examples()[0].case().calldata().len(), 388);
    assert_eq!(examples()[1].case().calldata().len(), 804);
    assert_eq!(examples()[3].case().calldata().len(), 644);
    assert_eq!(examples()[4].case().calldata().len(), 548);
}

/// Example 7: the reference has no tensor store, so the numbers are those of the text.
fn put() -> Json {
    let dims = Value::Words([2, 3].map(|side: i32| crate::abi::word(side)).to_vec());
    let args = [int(3), dims, int(1), inlined("01fe030405fa")];
    let input = [&[0x61, 0x8e, 0x77, 0x7a][..], &crate::abi::encode(&args)].concat();
    let hash = "0x1feb7608e01cad2508ede0c4df4525ac0d4b0d24f08c54e93d72456ed1f3e6ba";
    assert_eq!(keccak256(&input).to_string(), hash);
    // Stride 32, one page: both rows are leaves, and above them are six levels of zeros.
    let row = |bytes: &str| [&hex::decode(bytes).unwrap()[..], &[0; 29]].concat();
    let mut zero = vec![0; 32];
    let mut root = [row("01fe03"), row("0405fa")].concat();
    for _ in 1..7 {
        zero = keccak256([&zero[..], &zero].concat()).to_vec();
        root = [keccak256(&root).to_vec(), zero.clone()].concat();
    }
    let root = keccak256(&root);
    let descriptor = [
        &b"foggara/tensor/v1"[..],
        &[3, 2, 0, 0, 0, 2, 0, 0, 0, 3],
        root.as_slice(),
    ];
    let id = keccak256(descriptor.concat()).to_string();
    assert_eq!(
        id,
        "0xc393da5d0e98570a89710df6061af7992313a3a32f44895a2b4fda9777e67704"
    );
    json!([{
        "name": "two rows of three",
        "op": 0xf0,
        "calldata": hex::encode_prefixed(&input),
        "calldataHash": hash,
        "gas": 23_815,
        "output": id,
    }])
}

fn vector(name: &str, case: &Case) -> Json {
    let input = case.calldata();
    let (gas, key, data) = match outcome(case) {
        Outcome::Success { gas, output } => (gas, "output", output),
        Outcome::Revert { gas, data } => (gas, "revert", data),
        other => panic!("{other:?}"),
    };
    json!({
        "name": name,
        "op": case.op,
        "calldata": hex::encode_prefixed(&input),
        "calldataHash": keccak256(&input).to_string(),
        "gas": gas,
        key: hex::encode_prefixed(data),
    })
}

/// The examples of a function, then some random calls that need no chain.
fn file(name: &'static str) -> String {
    let mut cases = Vec::new();
    for example in examples().iter().filter(|example| example.name == name) {
        cases.push(vector(example.text, &example.case()));
    }
    let mut seed = 0;
    let mut found = 0;
    while found < 12 {
        let case = case(name, seed);
        if case.world.codes.is_empty() && case.calldata().len() < 1_500 {
            cases.push(vector(&format!("random call {found}"), &case));
            found += 1;
        }
        seed += 1;
    }
    serde_json::to_string_pretty(&Json::Array(cases)).unwrap() + "\n"
}

#[test]
fn the_files_of_vectors_are_those_of_the_reference() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testdata/precompiles");
    let path = folder.join("put.json");
    if std::env::var_os("FOGGARA_WRITE_VECTORS").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&put()).unwrap() + "\n").unwrap();
    }
    let found: Json = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(found, put());
    // MATMUL's file is older and has its own cases.
    for function in functions().filter(|function| function.name != "matmul") {
        let path = folder.join(format!("{}.json", function.name));
        if std::env::var_os("FOGGARA_WRITE_VECTORS").is_some() {
            std::fs::write(&path, file(function.name)).unwrap();
        }
        let found: Json = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let cases = found.as_array().unwrap();
        let bytes = |json: &Json| json.as_str().map(|text| hex::decode(text).unwrap());
        for case in cases {
            let input = bytes(&case["calldata"]).unwrap();
            let gas = case["gas"].as_u64().unwrap();
            let outcomes = expected(function.op, &input, gas, &World::default());
            let vector = match (bytes(&case["output"]), bytes(&case["revert"])) {
                (Some(output), None) => Outcome::Success { gas, output },
                (_, data) => Outcome::Revert {
                    gas,
                    data: data.unwrap(),
                },
            };
            assert_eq!(outcomes, [vector], "{} {}", function.name, case["name"]);
        }
        for example in examples()
            .iter()
            .filter(|example| example.name == function.name)
        {
            let input = hex::encode_prefixed(example.case().calldata());
            assert!(cases.iter().any(|case| case["calldata"] == input.as_str()));
        }
    }
}
