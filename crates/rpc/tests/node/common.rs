//! A node over a small chain in memory, served on a port of its own.

use crate::world::{self, Key, PreparedList};
use alloy_primitives::{Address, B256, Bytes, U256};
use foggara_derive::l1_info_of;
use foggara_evm::{L1FeeParams, PreparedTx, base_fee_of_next, da_size, l1_cost, operator_cost};
use foggara_pool::{BlockUpdate, HeadFees, Pool, PoolConfig, PoolState, TxQuote};
use foggara_primitives::{AccountInfo, ChainSpec, Cursor, SourceError, StateSource};
use foggara_rpc::{Context, Limits, ServerConfig, ServerHandle, node_module_with, serve};
use foggara_stf::{ExecutedBlock, GenesisAccount, execute_block, genesis_block};
use foggara_store::{Commit, Store};
use foggara_verifier::VerifierStatus;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::watch;

/// What the pool asks of the chain.
#[derive(Debug, Clone)]
struct Chain {
    spec: Arc<ChainSpec>,
    store: Store,
}

impl PoolState for Chain {
    fn account(&self, address: Address) -> Result<Option<AccountInfo>, SourceError> {
        self.store.latest_view()?.account(address)
    }
    fn code(&self, code_hash: B256) -> Result<Bytes, SourceError> {
        self.store.latest_view()?.code(code_hash)
    }
    fn fees(&self) -> HeadFees {
        let number = self.store.heads().unsafe_.number;
        let block = self.store.block(number).unwrap().unwrap();
        let first = block.transactions.first().map(|raw| raw.as_ref());
        HeadFees {
            number,
            base_fee_next: base_fee_of_next(&self.spec, &block.header),
            block_gas_limit: block.header.gas_limit,
            l1: l1_info_of(number, first).unwrap_or_default(),
        }
    }
    fn included(&self, hash: &B256) -> Result<bool, SourceError> {
        Ok(self.store.has_tx(*hash)?)
    }
    fn quote(&self, fees: &HeadFees, raw: &[u8], gas_limit: u64) -> TxQuote {
        let params = L1FeeParams::from(&fees.l1);
        TxQuote {
            da_size: da_size(raw),
            l1_cost: l1_cost(&params, raw),
            operator_cost: operator_cost(&params, gas_limit),
        }
    }
}

/// How a test node differs from a development node.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    pub(crate) limits: Limits,
    pub(crate) server: Option<ServerConfig>,
    pub(crate) api: Option<Vec<String>>,
    pub(crate) replica: bool,
    pub(crate) fee_cap: Option<u128>,
    pub(crate) forward: Option<url::Url>,
}

pub(crate) struct Node {
    pub(crate) store: Store,
    pub(crate) pool: Pool,
    pub(crate) spec: Arc<ChainSpec>,
    pub(crate) server: ServerHandle,
    pub(crate) http: reqwest::Client,
    _verifier: watch::Sender<VerifierStatus>,
    _backlog: watch::Sender<u64>,
}

impl Node {
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    /// A node whose server differs.
    pub(crate) async fn served(server: ServerConfig) -> Self {
        let server = Some(server);
        Self::with(Setup {
            server,
            ..Setup::default()
        })
        .await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let alloc = world::alloc()
            .into_iter()
            .map(|(address, nonce, balance, code, storage)| {
                let storage = storage.into_iter().collect();
                (
                    address,
                    GenesisAccount {
                        balance: U256::from(balance),
                        nonce,
                        code,
                        storage,
                    },
                )
            });
        let genesis = genesis_block(&world::rollup(), &alloc.collect()).unwrap();
        let spec = world::spec(genesis.header.clone());
        let store = Store::in_memory();
        store
            .init(
                &genesis,
                spec.hash(),
                Cursor::genesis(B256::ZERO, 0, Address::ZERO),
            )
            .unwrap();
        let chain = Chain {
            spec: Arc::clone(&spec),
            store: store.clone(),
        };
        let mut config = PoolConfig::dev(world::CHAIN_ID);
        config.tx_fee_cap = setup.fee_cap;
        let pool = Pool::open(None, config, Arc::new(chain), &|_| false).unwrap();
        let (verifier_in, verifier) = watch::channel(VerifierStatus::default());
        let (backlog_in, backlog) = watch::channel(17);
        let context = Context {
            spec: Arc::clone(&spec),
            store: store.clone(),
            pool: (!setup.replica).then(|| pool.clone()),
            forward: setup.forward,
            verifier,
            backlog,
            role: if setup.replica { "replica" } else { "dev" },
            accounts: Arc::new(vec![Key::new(1).address]),
        };
        let module = node_module_with(context, setup.api, setup.limits).unwrap();
        let config = ServerConfig {
            addr: ([127, 0, 0, 1], 0).into(),
            ..setup.server.unwrap_or(ServerConfig {
                cors: vec!["*".into()],
                ..ServerConfig::default()
            })
        };
        let server = serve(config, module, None).await.unwrap();
        Self {
            store,
            pool,
            spec,
            server,
            http: reqwest::Client::new(),
            _verifier: verifier_in,
            _backlog: backlog_in,
        }
    }

    /// Mines a block of these transactions, after the L1 attributes.
    pub(crate) fn mine(&self, txs: &[PreparedTx]) -> Arc<ExecutedBlock> {
        let head = self.store.heads().unsafe_.number;
        let parent = self.store.header(head).unwrap().unwrap();
        let mut raws = vec![world::l1_attributes(&world::l1_info(head + 1)).raw];
        raws.extend(txs.raws());
        let attributes = world::attributes(&parent.header, raws);
        let view = self.store.latest_view().unwrap();
        let executed =
            execute_block(&self.spec, &parent.header, parent.hash, &attributes, view).unwrap();
        assert!(executed.is_full(), "a transaction of the test is invalid");
        let block = Arc::new(executed.into_block());
        self.store
            .commit(Commit::block(Arc::clone(&block)))
            .unwrap();
        let hashes: Vec<B256> = txs.iter().map(|tx| tx.hash).collect();
        let chain = Chain {
            spec: Arc::clone(&self.spec),
            store: self.store.clone(),
        };
        self.pool.on_block(BlockUpdate {
            number: block.header.number,
            included: &hashes,
            diff: &block.diff,
            fees: chain.fees(),
        });
        self.pool.on_durable(block.header.number);
        block
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.addr())
    }

    /// Posts a body as it is.
    pub(crate) async fn post(&self, body: impl Into<reqwest::Body>) -> (u16, String) {
        let request = self
            .http
            .post(self.url())
            .header("content-type", "application/json")
            .body(body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    pub(crate) async fn ask(&self, method: &str, params: Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let (status, text) = self.post(body.to_string()).await;
        assert!(status == 200 || status == 503, "{status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) async fn result(&self, method: &str, params: Value) -> Value {
        let mut answer = self.ask(method, params.clone()).await;
        assert!(
            answer.get("result").is_some(),
            "{method} {params}: {answer}"
        );
        answer["result"].take()
    }

    pub(crate) async fn error(&self, method: &str, params: Value) -> Value {
        let mut answer = self.ask(method, params.clone()).await;
        assert!(answer.get("error").is_some(), "{method} {params}: {answer}");
        answer["error"].take()
    }

    /// Code and message of an error.
    pub(crate) async fn refused(&self, method: &str, params: Value) -> (i64, String) {
        let error = self.error(method, params).await;
        (
            error["code"].as_i64().unwrap(),
            error["message"].as_str().unwrap().to_owned(),
        )
    }
}
