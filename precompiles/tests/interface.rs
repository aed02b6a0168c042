//! The Solidity interfaces say what the registry does: the same operations at the same addresses, the same functions
//! and errors under the same selectors, in both directions. Read from the committed artifacts and from the library
//! that names the addresses.

use alloy_primitives::keccak256;
use foggara_precompiles::{OpError, REGISTRY, address_of, op_at};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

/// Name of an error and kinds of its arguments, by selector.
type Errors = BTreeMap<[u8; 4], (String, Vec<String>)>;

fn contracts(path: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../contracts", path]
        .iter()
        .collect()
}

/// The artifacts of the operations' interfaces by name, that of the errors among them.
fn interfaces() -> BTreeMap<String, Value> {
    let folder = fs::read_dir(contracts("artifacts")).unwrap();
    let files = folder.map(|entry| entry.unwrap().path());
    files
        .filter_map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let artifact = || serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            name.starts_with("IFoggara").then(|| (name, artifact()))
        })
        .collect()
}

/// Entries of an ABI of one type (`function`, `error`).
fn entries<'a>(artifact: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    let abi = artifact["abi"].as_array().unwrap();
    abi.iter().filter(move |entry| entry["type"] == kind)
}

/// A type as signatures have it: tuples by their fields.
fn spelled(parameter: &Value) -> String {
    let kind = parameter["type"].as_str().unwrap();
    match kind.strip_prefix("tuple") {
        Some(rest) => format!("({}){rest}", list(&parameter["components"])),
        None => kind.to_owned(),
    }
}

fn list(parameters: &Value) -> String {
    let parameters = parameters.as_array().unwrap();
    parameters.iter().map(spelled).collect::<Vec<_>>().join(",")
}

fn signature(entry: &Value) -> String {
    format!(
        "{}({})",
        entry["name"].as_str().unwrap(),
        list(&entry["inputs"])
    )
}

fn selector(signature: &str) -> [u8; 4] {
    keccak256(signature)[..4].try_into().unwrap()
}

/// The library's constants: name of the operation, its interface and its address.
fn constants() -> Vec<(String, String, [u8; 20])> {
    let library = fs::read_to_string(contracts("src/ai/libraries/Tensor.sol")).unwrap();
    let lines = library.lines().map(str::trim);
    lines
        .filter_map(|line| {
            // IFoggaraMatmul internal constant MATMUL = IFoggaraMatmul(0x...);
            let (interface, rest) = line.split_once(" internal constant ")?;
            let (name, value) = rest.split_once(" = ")?;
            interface.starts_with("IFoggara").then(|| {
                let value = value.strip_prefix(interface).unwrap();
                let value = value.strip_prefix("(0x").and_then(|v| v.strip_suffix(");"));
                let address = hex::decode(value.unwrap()).unwrap().try_into().unwrap();
                (name.to_owned(), interface.to_owned(), address)
            })
        })
        .collect()
}

#[test]
fn each_operation_has_the_functions_of_its_interface() {
    let mut interfaces = interfaces();
    interfaces.remove("IFoggaraErrors").unwrap();
    let mut active: BTreeSet<_> = REGISTRY
        .iter()
        .filter(|op| !op.functions.is_empty())
        .map(|op| op.code)
        .collect();
    for (name, interface, address) in constants() {
        let op = op_at(address).unwrap_or_else(|| panic!("{name} stands nowhere"));
        assert_eq!((op.name, address_of(op.code)), (name.as_str(), address));
        assert!(active.remove(&op.code), "{name} is there twice");
        let artifact = interfaces.remove(&interface).unwrap();

        let ours: BTreeMap<_, _> = op
            .functions
            .iter()
            .map(|function| (function.signature.to_owned(), function.selector))
            .collect();
        let theirs: BTreeMap<_, _> = entries(&artifact, "function")
            .map(signature)
            .map(|signature| (signature.clone(), selector(&signature)))
            .collect();
        assert_eq!(ours, theirs, "{interface}");
        let said: BTreeMap<String, String> =
            serde_json::from_value(artifact["methodIdentifiers"].clone()).unwrap();
        let ours: BTreeMap<_, _> = ours
            .into_iter()
            .map(|(signature, selector)| (signature, hex::encode(selector)))
            .collect();
        assert_eq!(ours, said, "{interface}");

        let writes = entries(&artifact, "function").any(|f| f["stateMutability"] != "view");
        assert_eq!(writes, op.stateful, "{interface}");
    }
    assert!(active.is_empty(), "no interface for {active:#x?}");
    assert!(interfaces.is_empty(), "no operation for {interfaces:#?}");
}

/// One of each error.
fn raised() -> [OpError; 17] {
    [
        OpError::BadCalldata,
        OpError::BadShape(1),
        OpError::BadDtype(1),
        OpError::BadParam(1),
        OpError::BadOperand(1),
        OpError::BadElement { which: 1, index: 2 },
        OpError::TooLarge { got: 1, max: 2 },
        OpError::LengthMismatch {
            which: 1,
            want: 2,
            got: 3,
        },
        OpError::AiGasLimit { want: 1, left: 2 },
        OpError::BadCode([0x11; 20]),
        OpError::UnknownTensor([0x11; 32]),
        OpError::TensorExpired([0x11; 32]),
        OpError::TensorNotMature([0x11; 32]),
        OpError::StaticStore,
        OpError::DirectCallOnly,
        OpError::NotPayable,
        OpError::UnknownSelector([0x11; 4]),
    ]
}

/// An argument of ours, by where its bytes lie in the word.
fn fits(kind: &str, word: &[u8]) -> bool {
    let ones = |word: &[u8]| word.iter().all(|&byte| byte == 0x11);
    let zeros = |word: &[u8]| word.iter().all(|&byte| byte == 0);
    match kind {
        "uint8" | "uint256" => zeros(&word[..31]) && word[31] != 0,
        "address" => zeros(&word[..12]) && ones(&word[12..]),
        "bytes32" => ones(word),
        "bytes4" => ones(&word[..4]) && zeros(&word[4..]),
        _ => false,
    }
}

#[test]
fn every_error_is_one_of_the_interface() {
    let interfaces = interfaces();
    let declared = |artifact: &Value| -> Errors {
        entries(artifact, "error")
            .map(|entry| {
                let kinds = entry["inputs"].as_array().unwrap().iter().map(spelled);
                let name = entry["name"].as_str().unwrap().to_owned();
                (selector(&signature(entry)), (name, kinds.collect()))
            })
            .collect()
    };
    let errors = declared(&interfaces["IFoggaraErrors"]);
    for (name, artifact) in &interfaces {
        assert_eq!(declared(artifact), errors, "{name}");
    }

    let mut left = errors;
    for error in raised() {
        let data = error.encode();
        let (selector, words) = data.split_first_chunk().unwrap();
        let (name, kinds) = left
            .remove(selector)
            .unwrap_or_else(|| panic!("{error:?} is not declared"));
        let ours = format!("{error:?}");
        assert_eq!(ours.split(['(', ' ']).next().unwrap(), name);
        assert_eq!(words.len(), 32 * kinds.len(), "{name}");
        for (kind, word) in kinds.iter().zip(words.chunks_exact(32)) {
            assert!(fits(kind, word), "{name}: {kind} {}", hex::encode(word));
        }
    }
    assert!(left.is_empty(), "never raised: {left:?}");
}

#[test]
fn every_function_says_what_it_costs_and_refuses() {
    let mut functions = 0;
    for file in fs::read_dir(contracts("src/ai/interfaces")).unwrap() {
        let path = file.unwrap().path();
        let source = fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = source.lines().map(str::trim).collect();
        let starts = (0..lines.len()).filter(|&at| lines[at].starts_with("function "));
        for start in starts {
            let above = lines[..start].iter().rev();
            let above: Vec<_> = above.take_while(|line| line.starts_with("///")).collect();
            for word in ["@notice ", "Gas: ", "Errors: "] {
                let says = above.iter().any(|line| line.contains(word));
                assert!(says, "{}: {} lacks {word:?}", path.display(), lines[start]);
            }
            functions += 1;
        }
    }
    let active: usize = REGISTRY.iter().map(|op| op.functions.len()).sum();
    assert_eq!(functions, active);
}
