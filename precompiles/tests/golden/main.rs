//! Golden vectors of every function, `testdata/precompiles/*.json`: an array of calls, each with
//! its calldata, gas, and output or revert data.

#[path = "../common/calldata.rs"]
#[allow(dead_code, reason = "each test takes a part")]
mod calldata;
mod gas_table;

use alloy_primitives::{B256, Bytes, hex, keccak256};
use foggara_precompiles::{
    Fatal, Host, Loaded, Outcome, Portable, Record, address_of, call, op_at,
};
use serde_json::Value;
use std::path::PathBuf;

/// A chain at its first second, where nothing is stored yet and what is stored is forgotten.
#[derive(Default)]
struct Chain;

impl Host for Chain {
    fn code(&mut self, _: [u8; 20]) -> Result<Loaded<Bytes>, Fatal> {
        let value = Bytes::new();
        Ok(Loaded {
            value,
            is_cold: true,
        })
    }
    fn set_record(&mut self, _: [u8; 32], _: Option<Record>) -> Result<(), Fatal> {
        Ok(())
    }
    fn meter(&mut self, _: u64) -> Result<(), u64> {
        Ok(())
    }
}

fn bytes_of(value: &Value) -> Option<Vec<u8>> {
    value.as_str().map(|text| hex::decode(text).unwrap())
}

/// Vectors with a calldata: a file of another shape belongs to another test.
fn files() -> Vec<(String, Vec<Value>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testdata/precompiles");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let json: Value =
                serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let cases = json.as_array().cloned().unwrap_or_default();
            if cases.iter().all(|case| case["calldata"].is_string()) {
                files.push((name, cases));
            }
        }
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

#[test]
fn vectors_are_met_byte_for_byte() {
    let mut count = 0;
    for (file, cases) in files() {
        for case in &cases {
            let about = format!("{file}: {}", case["name"]);
            let input = bytes_of(&case["calldata"]).unwrap();
            if let Some(hash) = case["calldataHash"].as_str() {
                assert_eq!(keccak256(&input), hash.parse::<B256>().unwrap(), "{about}");
            }
            let code = case["op"].as_u64().unwrap().try_into().unwrap();
            let gas = case["gas"].as_u64().unwrap();
            let expected = match (bytes_of(&case["output"]), bytes_of(&case["revert"])) {
                (Some(output), None) => Outcome::Success { gas, output },
                (None, Some(data)) => Outcome::Revert { gas, data },
                _ => panic!("{about}: output or revert"),
            };
            let run = |gas| {
                call(
                    op_at(address_of(code)).unwrap(),
                    &input,
                    gas,
                    &mut Chain,
                    &Portable,
                )
            };
            assert_eq!(run(gas), expected, "{about}");
            assert_eq!(run(u64::MAX), expected, "{about}");
            assert_eq!(run(gas - 1), Outcome::OutOfGas, "{about}");
            count += 1;
        }
    }
    // Twelve for each of the 25 core functions, and the refusals of `matmul`.
    assert!(count >= 12 * 25 + 38, "{count}");
}
