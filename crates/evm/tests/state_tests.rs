//! Ethereum's filled state tests through our executor.
//!
//! Every case of every fork runs through `mainnet::EthBlock`, the code that the development L1 is
//! made of and that shares state, diffs and precompile registry with the rollup's blocks. The state
//! is a map; what is compared is the root of the state that our canonical diff makes of it, and the
//! hash of the logs. A case that expects an exception passes only if the transaction is refused and
//! nothing changes. Each case runs a second time with the AI precompiles installed, which must not
//! make a difference.
//!
//! The folder comes from `FOGGARA_FIXTURES`. Without it nothing runs, and the test says so.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use foggara_evm::{
    MapAccount, MapState, TxError,
    mainnet::{EthBlock, EthContext, EthSpecId, EthTxOutcome, PreparedEthTx},
};
use foggara_primitives::{AccountChange, AccountInfo, SourceError, StateDiff, StateSource};
use foggara_trie::{EMPTY_ROOT_HASH, MapNodes, apply};
use rayon::prelude::*;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

/// The one class that may fail: an account that is to be created already has storage.
const KNOWN: &str = "eip7610_create_collision";

#[derive(Deserialize)]
struct Case {
    env: Env,
    pre: BTreeMap<Address, PreAccount>,
    post: BTreeMap<String, Vec<Post>>,
    config: Config,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Env {
    current_coinbase: Address,
    current_gas_limit: U256,
    current_number: U256,
    current_timestamp: U256,
    current_difficulty: U256,
    current_base_fee: Option<U256>,
    current_random: Option<B256>,
    current_excess_blob_gas: Option<U256>,
}

#[derive(Deserialize)]
struct PreAccount {
    nonce: U256,
    balance: U256,
    code: Bytes,
    storage: BTreeMap<U256, U256>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Post {
    hash: B256,
    logs: B256,
    txbytes: Bytes,
    expect_exception: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    chainid: U256,
    #[serde(default)]
    blob_schedule: BTreeMap<String, Blobs>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Blobs {
    max: U256,
    base_fee_update_fraction: U256,
}

fn spec_of(fork: &str) -> Option<EthSpecId> {
    Some(match fork {
        "Frontier" => EthSpecId::FRONTIER,
        "Homestead" => EthSpecId::HOMESTEAD,
        "EIP150" => EthSpecId::TANGERINE,
        "EIP158" => EthSpecId::SPURIOUS_DRAGON,
        "Byzantium" => EthSpecId::BYZANTIUM,
        "ConstantinopleFix" => EthSpecId::PETERSBURG,
        "Istanbul" => EthSpecId::ISTANBUL,
        "Berlin" => EthSpecId::BERLIN,
        "London" => EthSpecId::LONDON,
        "Paris" => EthSpecId::MERGE,
        "Shanghai" => EthSpecId::SHANGHAI,
        "Cancun" => EthSpecId::CANCUN,
        "Prague" => EthSpecId::PRAGUE,
        "Osaka" => EthSpecId::OSAKA,
        _ => return None,
    })
}

/// The map, with the block hashes that state tests agree on.
#[derive(Clone)]
struct Source<'a>(&'a MapState);

impl StateSource for Source<'_> {
    fn account(&mut self, address: Address) -> Result<Option<AccountInfo>, SourceError> {
        Ok(self.0.accounts.get(&address).map(|account| account.info))
    }
    fn storage(&mut self, address: Address, slot: B256) -> Result<U256, SourceError> {
        let account = self.0.accounts.get(&address);
        Ok(account
            .and_then(|account| account.storage.get(&slot))
            .copied()
            .unwrap_or_default())
    }
    fn code(&mut self, code_hash: B256) -> Result<Bytes, SourceError> {
        Ok(self.0.codes.get(&code_hash).cloned().unwrap_or_default())
    }
    fn block_hash(&mut self, number: u64) -> Result<B256, SourceError> {
        Ok(keccak256(number.to_string()))
    }
}

/// The tries of a state, and its root.
fn commit(state: &MapState) -> (MapNodes, B256) {
    let change = |account: &MapAccount| AccountChange {
        info: Some(account.info),
        storage: account.storage.clone(),
        ..AccountChange::default()
    };
    let accounts = state
        .accounts
        .iter()
        .map(|(address, account)| (*address, change(account)));
    let diff = StateDiff {
        accounts: accounts.collect(),
    };
    let mut nodes = MapNodes::default();
    let outcome = apply(&mut nodes, EMPTY_ROOT_HASH, &diff).expect("an empty trie has no nodes");
    nodes.apply(&outcome.updates);
    (nodes, outcome.root)
}

fn logs_hash(logs: &[alloy_primitives::Log]) -> B256 {
    let mut out = Vec::new();
    alloy_rlp::encode_list(logs, &mut out);
    keccak256(out)
}

fn pre_state(case: &Case) -> MapState {
    let mut state = MapState::default();
    for (address, account) in &case.pre {
        let storage = account.storage.iter().map(|(k, v)| (B256::from(*k), *v));
        let nonce = account.nonce.to();
        state.insert(
            *address,
            nonce,
            account.balance,
            account.code.clone(),
            storage,
        );
    }
    state
}

fn context(case: &Case, fork: &str, spec: EthSpecId) -> EthContext {
    let env = &case.env;
    let merged = spec.is_enabled_in(EthSpecId::MERGE);
    let blobs = case.config.blob_schedule.get(fork);
    EthContext {
        spec,
        chain_id: case.config.chainid.to(),
        number: env.current_number,
        timestamp: env.current_timestamp,
        beneficiary: env.current_coinbase,
        gas_limit: env.current_gas_limit.saturating_to(),
        base_fee: env.current_base_fee.unwrap_or_default().saturating_to(),
        difficulty: env.current_difficulty,
        prev_randao: merged.then(|| env.current_random.unwrap_or_default()),
        excess_blob_gas: spec
            .is_enabled_in(EthSpecId::CANCUN)
            .then(|| env.current_excess_blob_gas.unwrap_or_default().to()),
        blob_update_fraction: blobs.map_or(3_338_477, |b| b.base_fee_update_fraction.to()),
        max_blobs: blobs.map_or(6, |b| b.max.to()),
    }
}

type Ran = Result<(EthTxOutcome, StateDiff), TxError>;

fn run(state: &MapState, context: &EthContext, raw: &Bytes, precompiles: bool) -> Ran {
    let tx = PreparedEthTx::decode(raw.clone())?;
    let mut block = EthBlock::new(context.clone(), Source(state));
    if precompiles {
        block = block.with_precompiles();
    }
    let outcome = block.tx(&tx)?;
    let block_diff = block.end().expect("a map does not fail").diff;
    Ok((outcome, block_diff))
}

fn judge(nodes: &mut MapNodes, pre_root: B256, post: &Post, ran: &Ran) -> Result<(), String> {
    match (ran, &post.expect_exception) {
        (Err(TxError::Invalid(_)), Some(_)) => {
            if pre_root == post.hash {
                Ok(())
            } else {
                Err("pre-state root".into())
            }
        }
        (Err(error), _) => Err(format!("refused: {error}")),
        (Ok(_), Some(expected)) => Err(format!("accepted, but expected {expected}")),
        (Ok((outcome, block_diff)), None) => {
            if outcome.diff != *block_diff {
                return Err("diff of the transaction is not the diff of the block".into());
            }
            let after = apply(nodes, pre_root, &outcome.diff).map_err(|error| error.to_string())?;
            if after.root != post.hash {
                return Err("state root".into());
            }
            if logs_hash(&outcome.logs) != post.logs {
                return Err("logs".into());
            }
            Ok(())
        }
    }
}

#[derive(Default)]
struct Report {
    pass: BTreeMap<String, usize>,
    refused: BTreeMap<String, usize>,
    skipped: BTreeMap<String, usize>,
    /// Class to (case, reason).
    failed: BTreeMap<String, Vec<(String, String)>>,
}

impl Report {
    fn add(mut self, other: Self) -> Self {
        for (mine, theirs) in [
            (&mut self.pass, other.pass),
            (&mut self.refused, other.refused),
            (&mut self.skipped, other.skipped),
        ] {
            for (key, count) in theirs {
                *mine.entry(key).or_default() += count;
            }
        }
        for (class, cases) in other.failed {
            self.failed.entry(class).or_default().extend(cases);
        }
        self
    }
}

fn run_file(root: &Path, path: &Path) -> Report {
    let text = fs::read(path).expect("fixture is readable");
    let cases: BTreeMap<String, Case> = serde_json::from_slice(&text).expect("fixture parses");
    let class = path
        .strip_prefix(root)
        .expect("below the root")
        .display()
        .to_string();
    let mut report = Report::default();
    for (name, case) in &cases {
        let state = pre_state(case);
        let (mut nodes, pre_root) = commit(&state);
        for (fork, posts) in &case.post {
            let Some(spec) = spec_of(fork) else {
                *report.skipped.entry(fork.clone()).or_default() += posts.len();
                continue;
            };
            let context = context(case, fork, spec);
            for post in posts {
                let plain = run(&state, &context, &post.txbytes, false);
                let with = run(&state, &context, &post.txbytes, true);
                let verdict = if plain == with {
                    judge(&mut nodes, pre_root, post, &plain)
                } else {
                    Err("the AI precompiles change the result".into())
                };
                match verdict {
                    Ok(()) => {
                        *report.pass.entry(fork.clone()).or_default() += 1;
                        if let Err(TxError::Invalid(_)) = &plain {
                            let reason = post.expect_exception.clone().unwrap_or_default();
                            *report.refused.entry(reason).or_default() += 1;
                        }
                    }
                    Err(reason) => {
                        let case = format!("{fork} {name}");
                        report
                            .failed
                            .entry(class.clone())
                            .or_default()
                            .push((case, reason));
                    }
                }
            }
        }
    }
    report
}

fn files(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .expect("folder")
        .map(|entry| entry.expect("entry").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, out);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            out.push(path);
        }
    }
}

/// Whether a failing file belongs to the one class that may fail: EIP-7610 itself and its twins
/// among the static tests, which create an account at an address that already has storage.
fn is_known(class: &str) -> bool {
    class.contains(KNOWN) || KNOWN_TWINS.iter().any(|twin| class.contains(twin))
}

const KNOWN_TWINS: &[&str] = &[
    "stCreate2/RevertInCreateInInitCreate2Paris.json",
    "stCreate2/create2collisionStorageParis.json",
    "stExtCodeHash/dynamicAccountOverwriteEmpty_Paris.json",
];

#[test]
fn filled_state_tests_pass_with_and_without_ai_precompiles() {
    let Some(folder) = std::env::var_os("FOGGARA_FIXTURES") else {
        eprintln!("NOT RUN: state tests, because FOGGARA_FIXTURES is not set");
        println!("NOT RUN: state tests, because FOGGARA_FIXTURES is not set");
        return;
    };
    let root = PathBuf::from(folder);
    let mut paths = Vec::new();
    files(&root, &mut paths);
    assert!(!paths.is_empty(), "no fixture below {}", root.display());
    let start = Instant::now();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(2)
        .build()
        .expect("two threads");
    let report = pool.install(|| {
        paths
            .par_iter()
            .map(|path| run_file(&root, path))
            .reduce(Report::default, Report::add)
    });
    let total = |counts: &BTreeMap<String, usize>| counts.values().sum::<usize>();
    let failed: usize = report.failed.values().map(Vec::len).sum();
    println!(
        "state tests: {} files in {:.0?}",
        paths.len(),
        start.elapsed()
    );
    println!(
        "  pass {}, fail {failed}, skipped {}",
        total(&report.pass),
        total(&report.skipped)
    );
    println!("  pass by fork: {:?}", report.pass);
    println!(
        "  of these refused as expected, {}:",
        total(&report.refused)
    );
    for (reason, count) in &report.refused {
        println!("    {count:5} {reason}");
    }
    for (fork, count) in &report.skipped {
        println!("  skipped {count} of {fork}: rules unknown");
    }
    let mut unknown = 0;
    for (class, cases) in &report.failed {
        let known = if is_known(class) { "known" } else { "UNKNOWN" };
        println!("  {known} failure in {class}: {} cases", cases.len());
        for (case, reason) in cases.iter().take(3) {
            println!("    {reason}: {case}");
        }
        if !is_known(class) {
            unknown += cases.len();
        }
    }
    assert_eq!(report.skipped.len(), 0, "forks without rules");
    assert_eq!(unknown, 0, "failures outside the known class");
}
