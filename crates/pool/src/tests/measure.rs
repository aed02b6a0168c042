//! Figures, printed. Run with `--ignored --nocapture`; the folder is that of `TMPDIR`.

use super::{CHAIN, ETHER, GWEI, L1_COST, TestState, bare, config, sign, signer, transfer};
use crate::{
    Ack, FolderFiles, HeadFees, Pool, PoolConfig, PoolState,
    book::{Book, Limits},
    journal::{
        Op, recover,
        testing::{JournalConfig, Writer},
    },
    queue::{Account, Code},
    tx::Decoded,
};
use alloy_primitives::{Address, Bytes, U256};
use std::{
    fs::File,
    hint::black_box,
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    format!(
        "p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
        at(50),
        at(99),
        at(100)
    )
}

fn sync_time(dir: &Path) -> String {
    let file = File::create(dir.join("sync")).unwrap();
    file.write_all_at(&[0; 1 << 20], 0).unwrap();
    file.sync_all().unwrap();
    let times = (0..200u64).map(|n| {
        let started = Instant::now();
        file.write_all_at(&[7; 4096], n * 4096).unwrap();
        file.sync_data().unwrap();
        started.elapsed()
    });
    percentiles(times.collect())
}

/// User and system time of this process, from the kernel's ticks of 10 ms.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

#[test]
#[ignore = "prints figures of this machine"]
fn journal_rate() {
    let dir = tempfile::tempdir().unwrap();
    println!("disk, 4 KiB written and synced: {}", sync_time(dir.path()));
    for size in [1usize, 10, 100, 1_000, 5_000] {
        let mut files = Box::new(FolderFiles::open(&dir.path().join(format!("j{size}"))).unwrap());
        let found = recover(&mut *files).unwrap();
        let config = JournalConfig {
            segment_bytes: 64 << 20,
            segments_max: 16,
            batch_bytes_max: 8 << 20,
        };
        let mut writer = Writer::new(
            files,
            config,
            found.index,
            found.next_batch,
            Default::default(),
        );
        let batches: Vec<Vec<Op>> = (0..(100_000 / size).min(300))
            .map(|batch| {
                (0..size)
                    .map(|n| {
                        let mut raw = vec![0; 200 - 58];
                        raw[..16].copy_from_slice(&((batch * size + n) as u128).to_be_bytes());
                        Op::Accept(Arc::new(bare(Address::ZERO, 0, 1, 1, raw)))
                    })
                    .collect()
            })
            .collect();
        writer
            .commit([Op::Accept(Arc::new(bare(Address::ZERO, 0, 1, 1, vec![1])))].iter())
            .unwrap();
        let started = Instant::now();
        let mut times = Vec::new();
        for batch in &batches {
            let begun = Instant::now();
            writer.commit(batch.iter()).unwrap();
            times.push(begun.elapsed());
        }
        let rate = (batches.len() * size) as f64 / started.elapsed().as_secs_f64();
        println!(
            "batches of {size}: {rate:.0} records/s; a batch {}",
            percentiles(times)
        );
    }
}

#[test]
#[ignore = "prints figures of this machine"]
fn admission_cost() {
    let count = 10_000u64;
    let raws: Vec<Bytes> = (0..count)
        .map(|n| sign(transfer(0, GWEI, 5 + u128::from(n % 900)), &signer(n)))
        .collect();
    let config = PoolConfig::public(CHAIN);
    let fees = HeadFees {
        base_fee_next: 100,
        block_gas_limit: 60_000_000,
        ..Default::default()
    };
    let per = |started: Instant| started.elapsed().as_secs_f64() * 1e6 / count as f64;

    let started = Instant::now();
    let decoded: Vec<Decoded> = raws
        .iter()
        .map(|raw| Decoded::new(raw.clone()).unwrap())
        .collect();
    println!("decode and hash: {:.2} us", per(started));
    let started = Instant::now();
    for tx in &decoded {
        tx.check(&config, &fees).unwrap();
    }
    println!("static rules: {:.2} us", per(started));
    let started = Instant::now();
    let senders: Vec<Address> = decoded.iter().map(|tx| tx.recover().unwrap()).collect();
    println!("signing hash and sender recovery: {:.2} us", per(started));
    let txs: Vec<_> = decoded
        .into_iter()
        .zip(&senders)
        .enumerate()
        .map(|(n, (decoded, sender))| {
            let mut tx = bare(*sender, 0, 0, u128::from(L1_COST), decoded.raw.to_vec());
            tx.max_fee = GWEI;
            tx.max_tip = 5 + (n % 900) as u128;
            tx.arrival = n as u64;
            tx.tx = decoded.tx;
            Arc::new(tx)
        })
        .collect();
    let mut book = Book::new(Limits::from(&config), fees);
    let account = Account {
        nonce: 0,
        balance: U256::from(ETHER),
        code: Code::None,
    };
    let started = Instant::now();
    for tx in &txs {
        book.insert(Arc::clone(tx), account, false, 0).unwrap();
    }
    println!("rules with state, and insertion: {:.2} us", per(started));
    let started = Instant::now();
    for tx in &txs {
        book.mark_durable(&tx.hash);
    }
    println!("made visible: {:.2} us", per(started));
    let started = Instant::now();
    black_box(book.set_fees(
        HeadFees {
            base_fee_next: 101,
            ..fees
        },
        0,
    ));
    println!(
        "another base fee, {count} senders: {:.2} ms",
        started.elapsed().as_secs_f64() * 1e3
    );
    let started = Instant::now();
    for tx in &txs {
        book.include(&tx.hash, 0).unwrap();
        book.set_account(
            &tx.sender,
            Account {
                nonce: 1,
                ..account
            },
            0,
        );
    }
    println!("included in a block: {:.2} us", per(started));
}

async fn load(dir: Option<&Path>, ack: Ack, clients: usize, raws: &[Bytes]) {
    let state = TestState::new();
    for n in 0..raws.len() as u64 {
        state.set(signer(n).address(), 0, ETHER);
    }
    let shared: Arc<dyn PoolState> = state;
    let config = PoolConfig {
        ack,
        journal_segment_bytes: 64 << 20,
        ..config()
    };
    let pool = Pool::open(dir, config, shared, &|_| false).unwrap();
    let (cpu, started) = (cpu_time(), Instant::now());
    let chunks = raws
        .chunks(raws.len().div_ceil(clients))
        .map(<[Bytes]>::to_vec);
    let tasks: Vec<_> = chunks
        .map(|raws| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let mut times = Vec::with_capacity(raws.len());
                for raw in raws {
                    let begun = Instant::now();
                    pool.add(raw).await.unwrap();
                    times.push(begun.elapsed());
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    let (wall, cpu) = (started.elapsed(), cpu_time() - cpu);
    let count = raws.len() as f64;
    println!(
        "{ack:?}, {clients} clients: {:.0}/s, {:.1} us CPU each, {}; {:?}",
        count / wall.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / count,
        percentiles(times),
        pool.journal_stats()
            .map(|stats| (stats.syncs, stats.sync_time)),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures of this machine"]
async fn acknowledgement_latency() {
    let dir = tempfile::tempdir().unwrap();
    println!("disk, 4 KiB written and synced: {}", sync_time(dir.path()));
    let raws: Vec<Bytes> = (0..10_000)
        .map(|n| sign(transfer(0, GWEI, 5), &signer(n)))
        .collect();
    for (index, (clients, count)) in [(1, 300), (16, 3_000), (256, 10_000)]
        .into_iter()
        .enumerate()
    {
        let path = dir.path().join(index.to_string());
        load(Some(&path), Ack::Journal, clients, &raws[..count]).await;
    }
    load(Some(&dir.path().join("memory")), Ack::Memory, 256, &raws).await;
    load(None, Ack::Journal, 256, &raws).await;
}
