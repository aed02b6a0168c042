//! Opens the state and starts the parts, in the order in which they need each other.

use crate::{
    Chain, DevParams, LaunchError, Role, SequencerBuilder, SequencerHandle,
    chain::ROLLUP_FILE,
    dev_accounts,
    hooks::Requeue,
    l1_side::{self, L1Side},
    node::{Running, stopped},
    pool_care,
    pool_state::DurableState,
};
use alloy_primitives::{Address, B256};
use foggara_batcher::{BatcherParts, BatcherStatus};
use foggara_l1::{BlockTag, TxManager, TxManagerConfig, UntilStopped};
use foggara_pool::{Ack, Pool, PoolConfig};
use foggara_primitives::Cursor;
use foggara_rpc::{Context, ServeError, ServerConfig};
use foggara_sequencer::Sequencer;
use foggara_store::{Options, Store};
use foggara_verifier::{Hooks, NoHooks, VerifierConfig, VerifierStatus};
use rand::Rng;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{sync::watch, time::timeout};

/// Folder of the store inside the data folder.
pub(crate) const STORE_DIR: &str = "l2";
/// Folder of the journal inside the data folder.
pub(crate) const JOURNAL_DIR: &str = "journal";
/// L1 blocks by which derivation may be behind when building begins (`RELIABILITY.md` section 11).
const L1_BEHIND_MAX: u64 = 3;
/// How long a launch waits for that; after it the node serves, and takes no transactions until then.
const CATCH_UP_TIME: Duration = Duration::from_secs(1);
/// Chain ids drawn for new development chains (`USERS.md` section 3.4).
const DEV_CHAIN_IDS: std::ops::RangeInclusive<u64> = 0x464f_0000..=0x464f_ffff;

pub(crate) async fn launch(builder: SequencerBuilder) -> Result<SequencerHandle, LaunchError> {
    let ai = foggara_evm::choose_ai_backend(builder.ai_backend);
    match ai.alarm() {
        None => tracing::info!(name = ai.name(), "ai.backend"),
        Some(alarm) => tracing::error!(name = ai.name(), ?alarm, "ai.backend"),
    }
    let l1 = l1_side::open(&builder)?;
    l1_side::refuse_public_keys(&builder, &l1).await?;
    let chain = chain(&builder, &l1).await?;
    l1_side::check(&chain, l1.client.as_ref()).await?;
    let store = store(&builder, &chain)?;
    let state = DurableState {
        spec: Arc::clone(&chain.spec),
        store: store.clone(),
    };
    let pool = match builder.role {
        Role::Sequencer => Some(pool(&builder, &chain, &state)?),
        Role::Replica { .. } => None,
    };
    let mut running = Running::new(l1.dev.clone(), pool.clone());
    // What is asked of L1 ends with the node, whether or not L1 answers.
    let client = UntilStopped::new(l1.client, running.stop_signal());
    let l1 = L1Side {
        client: Arc::new(client),
        ..l1
    };
    let context = start(
        &builder,
        &chain,
        &l1,
        &store,
        pool.as_ref(),
        state,
        &mut running,
    )
    .await?;
    // The node last: when it answers, everything is there.
    let l1_rpc_addr = serve_l1(&builder, &l1, &mut running).await?;
    let rpc_addr = serve_node(&builder, &context, &mut running).await?;
    Ok(SequencerHandle {
        chain,
        store,
        pool,
        context,
        rpc_addr,
        l1_rpc_addr,
        running,
    })
}

/// The chain that was given, that of the data folder, or a new one for development.
async fn chain(builder: &SequencerBuilder, l1: &L1Side) -> Result<Chain, LaunchError> {
    if let Some(chain) = &builder.chain {
        return Ok(chain.clone());
    }
    let known = builder
        .dir
        .as_ref()
        .map(|dir| dir.join(ROLLUP_FILE))
        .filter(|file| file.is_file());
    if let Some(file) = known {
        let chain = Chain::load(&file, None)?;
        let id = chain.spec.rollup.l2_chain_id;
        return match builder.chain_id {
            Some(wanted) if wanted != id => Err(LaunchError::Config(format!(
                "{} is of chain {id}, not {wanted}: use another folder or --reset",
                file.display()
            ))),
            _ => Ok(chain),
        };
    }
    let begin = match &l1.dev {
        // Our own L1 may already have blocks, if the first start was cut short.
        Some(_) => l1
            .client
            .header(0.into())
            .await?
            .map(|(h, hash)| foggara_l1::ref_of(&h, hash)),
        None => Some(l1.client.head(BlockTag::Latest).await?),
    };
    let begin = begin.ok_or_else(|| LaunchError::L1("the L1 has no genesis block".into()))?;
    let params = DevParams {
        chain_id: builder
            .chain_id
            .unwrap_or_else(|| rand::rng().random_range(DEV_CHAIN_IDS)),
        block_time: builder.block_time,
        l1_chain_id: l1.client.chain_id().await?,
        l1_block_time: l1.block_time,
        l1: begin,
        batcher: builder.batcher_signer()?.address(),
    };
    let chain = Chain::dev(&params, &addresses())?;
    if let Some(dir) = &builder.dir {
        chain.save(dir)?;
    }
    Ok(chain)
}

fn addresses() -> Vec<Address> {
    dev_accounts()
        .iter()
        .map(|signer| signer.address())
        .collect()
}

fn store(builder: &SequencerBuilder, chain: &Chain) -> Result<Store, LaunchError> {
    let spec_hash = chain.spec.hash();
    let options = Options {
        history_window: Some(chain.spec.foggara.history_window),
        spec_hash: Some(spec_hash),
        ..Options::default()
    };
    let store = match &builder.dir {
        Some(dir) => Store::open(dir.join(STORE_DIR), options)?.0,
        None => Store::in_memory_with(options),
    };
    let rollup = &chain.spec.rollup;
    let l1 = rollup.genesis.l1;
    let cursor = Cursor::genesis(
        l1.hash,
        l1.number,
        rollup.genesis.system_config.batcher_addr,
    );
    store
        .init(&chain.block, spec_hash, cursor)
        .map_err(|error| LaunchError::Config(error.to_string()))?;
    Ok(store)
}

fn pool(
    builder: &SequencerBuilder,
    chain: &Chain,
    state: &DurableState,
) -> Result<Pool, LaunchError> {
    let id = chain.spec.rollup.l2_chain_id;
    let mut config = if builder.dev {
        PoolConfig::dev(id)
    } else {
        PoolConfig::public(id)
    };
    if builder.ack_memory {
        config.ack = Ack::Memory;
    }
    let dir = builder.dir.as_ref().map(|dir| dir.join(JOURNAL_DIR));
    let store = state.store.clone();
    let included = |hash: &B256| store.tx_by_hash(*hash).ok().flatten().is_some();
    Pool::open(dir.as_deref(), config, Arc::new(state.clone()), &included).map_err(|error| {
        match error {
            foggara_pool::OpenError::Journal(error) => LaunchError::Damaged(error.to_string()),
            other => LaunchError::Failed(other.to_string()),
        }
    })
}

/// Starts everything that works in the background.
async fn start(
    builder: &SequencerBuilder,
    chain: &Chain,
    l1: &L1Side,
    store: &Store,
    pool: Option<&Pool>,
    state: DurableState,
    running: &mut Running,
) -> Result<Context, LaunchError> {
    if let Some(dev) = l1.dev.clone() {
        let stop = stopped(running.stop_signal());
        running.part("development L1", async move { dev.run(stop).await });
    }
    let (status, verifier) = watch::channel(VerifierStatus::default());
    let hooks: Arc<dyn Hooks> = match pool {
        Some(pool) => Arc::new(Requeue::new(pool.clone(), state)),
        None => Arc::new(NoHooks),
    };
    running.part(
        "verifier",
        foggara_verifier::run(
            VerifierConfig::default(),
            store.clone(),
            Arc::clone(&l1.client),
            Arc::clone(&chain.spec),
            hooks,
            status,
            running.stop_signal(),
        ),
    );
    let caught_up = CaughtUp {
        verifier: verifier.clone(),
        stop: running.stop_signal(),
    };
    let (backlog_in, backlog) = watch::channel(0);
    if let Some(pool) = pool {
        let sequencer = Sequencer::new(
            Arc::clone(&chain.spec),
            store.clone(),
            pool.clone(),
            Arc::clone(&l1.client),
            builder.sequencer,
            backlog.clone(),
        )
        .map_err(|error| LaunchError::Damaged(error.to_string()))?;
        // Mostly that is a moment, and whoever launches a node wants to use it.
        let ready = timeout(CATCH_UP_TIME, caught_up.clone().wait()).await;
        if ready.is_err() {
            pool.set_closed(Some("it is catching up with L1".to_owned()));
        }
        let (ready, stop) = (caught_up.clone(), running.stop_signal());
        running.part("sequencer", async move {
            ready.wait().await;
            sequencer.run(stop).await
        });
        running.part(
            "pool",
            pool_care::run(pool.clone(), store.clone(), running.stop_signal()),
        );
        let limits = if builder.dev {
            TxManagerConfig::dev()
        } else {
            TxManagerConfig::public()
        };
        let manager =
            TxManager::new(Arc::clone(&l1.client), builder.batcher_signer()?, limits).await?;
        let (status, posting) = watch::channel(BatcherStatus::default());
        tell_backlog(posting, backlog_in);
        let parts = BatcherParts {
            config: builder.batcher.clone(),
            spec: Arc::clone(&chain.spec),
            store: store.clone(),
            client: Arc::clone(&l1.client),
            tx: manager,
            status,
        };
        let stop = stopped(running.stop_signal());
        running.part("batcher", async move {
            caught_up.wait().await;
            foggara_batcher::run(parts, stop).await
        });
    }
    Ok(Context {
        spec: Arc::clone(&chain.spec),
        store: store.clone(),
        pool: pool.cloned(),
        forward: match &builder.role {
            Role::Replica { forward } => forward.clone(),
            Role::Sequencer => None,
        },
        verifier,
        backlog,
        role: match builder.role {
            Role::Sequencer if builder.dev => "dev",
            Role::Sequencer => "sequencer",
            Role::Replica { .. } => "replica",
        },
        accounts: Arc::new(if builder.dev { addresses() } else { Vec::new() }),
    })
}

/// Tells when derivation has seen what L1 holds of the chain. Who builds before, on a folder that is
/// empty or was restored, gives out receipts that L1 takes back; who posts before, posts twice.
#[derive(Debug, Clone)]
struct CaughtUp {
    verifier: watch::Receiver<VerifierStatus>,
    stop: watch::Receiver<bool>,
}

impl CaughtUp {
    /// Completes then, or when the node stops.
    async fn wait(mut self) {
        let is_near = |status: &VerifierStatus| {
            let behind = status
                .head_l1
                .number
                .saturating_sub(status.current_l1.number);
            status.head_l1.hash != B256::ZERO && (status.synced || behind <= L1_BEHIND_MAX)
        };
        tokio::select! {
            // An error means that the verifier has ended, and the node with it.
            _ = self.verifier.wait_for(is_near) => {}
            () = stopped(self.stop) => {}
        }
    }
}

/// Passes on how much the batcher has before it; ends with the batcher.
fn tell_backlog(mut posting: watch::Receiver<BatcherStatus>, backlog: watch::Sender<u64>) {
    tokio::spawn(async move {
        while posting.changed().await.is_ok() {
            let bytes = posting.borrow_and_update().backlog_bytes;
            backlog.send_replace(u64::try_from(bytes).unwrap_or(u64::MAX));
        }
    });
}

async fn serve_node(
    builder: &SequencerBuilder,
    context: &Context,
    running: &mut Running,
) -> Result<Option<SocketAddr>, LaunchError> {
    let Some(options) = &builder.rpc else {
        return Ok(None);
    };
    let module = foggara_rpc::node_module(context.clone(), options.api.clone())
        .map_err(|error| LaunchError::Failed(error.to_string()))?;
    let config = ServerConfig {
        addr: SocketAddr::new(options.addr, options.port),
        cors: options.cors.clone(),
        hosts: options.hosts.clone(),
        ..ServerConfig::default()
    };
    let server = foggara_rpc::serve(config, module, None)
        .await
        .map_err(|e| refused(&e, "rpc.port"))?;
    let addr = server.addr();
    running.server(server);
    Ok(Some(addr))
}

async fn serve_l1(
    builder: &SequencerBuilder,
    l1: &L1Side,
    running: &mut Running,
) -> Result<Option<SocketAddr>, LaunchError> {
    let crate::L1::Dev(options) = &builder.l1 else {
        return Ok(None);
    };
    let (Some(dev), Some(port)) = (&l1.dev, options.port) else {
        return Ok(None);
    };
    let module = foggara_rpc::devl1::module(dev.clone())
        .map_err(|error| LaunchError::Failed(error.to_string()))?;
    let addr = builder
        .rpc
        .as_ref()
        .map_or([127, 0, 0, 1].into(), |rpc| rpc.addr);
    let config = ServerConfig {
        addr: SocketAddr::new(addr, port),
        cors: vec!["*".into()],
        ..ServerConfig::default()
    };
    let beacon = foggara_rpc::devl1::beacon_router(dev.clone());
    let server = foggara_rpc::serve(config, module, Some(beacon))
        .await
        .map_err(|e| refused(&e, "l1.port"))?;
    let addr = server.addr();
    running.server(server);
    Ok(Some(addr))
}

fn refused(error: &ServeError, option: &str) -> LaunchError {
    if error.in_use() {
        LaunchError::InUse(format!(
            "{error}: another program has it, choose one with --{option}"
        ))
    } else {
        LaunchError::Failed(error.to_string())
    }
}
