//! The chain by itself: it mines, keeps, forgets on request and opens again where it stopped.

mod common;

use alloy_primitives::{Address, B256, Bytes, U256};
use common::{Hand, INBOX, START, blob, call, chain, config, signer};
use foggara_devl1::{DevL1, DevL1Config, DevL1Error, FUNDS};
use foggara_l1::{
    BlockAt, BlockTag, L1Client, Rejection, StateAt, TxManager, TxManagerConfig, TxPayload,
    TxRequest,
};
use std::sync::Arc;

#[tokio::test]
async fn heads_advance_with_the_chain() {
    let l1 = chain();
    for _ in 0..5 {
        l1.mine().unwrap();
    }
    assert_eq!(l1.head(BlockTag::Latest).await.unwrap().number, 5);
    assert_eq!(l1.head(BlockTag::Safe).await.unwrap().number, 4);
    assert_eq!(l1.head(BlockTag::Finalized).await.unwrap().number, 3);
}

#[tokio::test]
async fn finality_by_hand_never_goes_back() {
    let l1 = DevL1::open(DevL1Config {
        finality: None,
        ..config(&Hand::default())
    })
    .unwrap();
    for _ in 0..5 {
        l1.mine().unwrap();
    }
    assert_eq!(l1.number_of(BlockTag::Finalized), 0);
    l1.finalize(4).unwrap();
    l1.finalize(2).unwrap();
    assert_eq!(l1.number_of(BlockTag::Finalized), 4);
    assert!(matches!(l1.finalize(6), Err(DevL1Error::UnknownBlock(_))));
}

#[tokio::test]
async fn times_are_the_clock_s_but_always_rise() {
    let hand = Hand::default();
    let l1 = DevL1::open(config(&hand)).unwrap();
    assert_eq!(l1.latest().timestamp, START);
    assert_eq!(
        l1.mine().unwrap().timestamp,
        START + 1,
        "the clock stands still"
    );
    hand.advance(100);
    assert_eq!(l1.mine().unwrap().timestamp, START + 100);
    l1.set_next_timestamp(START + 500).unwrap();
    assert!(l1.set_next_timestamp(START + 100).is_err());
    assert_eq!(l1.mine().unwrap().timestamp, START + 500);
    assert_eq!(l1.mine().unwrap().timestamp, START + 501);
}

#[tokio::test]
async fn transactions_move_funds_and_pay_the_beneficiary() {
    let l1 = chain();
    let to = Address::repeat_byte(0x77);
    let hash = l1
        .send_raw(&call(&l1, 0, to, Bytes::from_static(b"hi")).await)
        .unwrap();
    assert_eq!(l1.inclusion(hash).await.unwrap(), None);
    assert_eq!(l1.pending_count(), 1);
    let block = l1.mine().unwrap();
    let found = l1.inclusion(hash).await.unwrap().unwrap();
    assert_eq!((found.block, found.success), (block.id(), true));
    let left = l1
        .balance(signer(0).address(), StateAt::Latest)
        .await
        .unwrap();
    assert_eq!(FUNDS - left, found.cost());
    let tip = l1
        .balance(foggara_devl1::BENEFICIARY, StateAt::Latest)
        .await
        .unwrap();
    assert_eq!(tip, U256::from(found.gas_used) * U256::from(1_000_000_000));
    let before = l1
        .balance(signer(0).address(), StateAt::Hash(block.parent_hash))
        .await
        .unwrap();
    assert_eq!(before, FUNDS, "old states can be read");
    assert_eq!(l1.pending_count(), 0);
}

#[tokio::test]
async fn what_cannot_be_paid_or_was_sent_is_refused_in_geth_s_words() {
    let l1 = chain();
    let raw = call(&l1, 0, INBOX, Bytes::new()).await;
    l1.send_raw(&raw).unwrap();
    let refusal = |raw: &[u8]| match l1.send_raw(raw) {
        Err(DevL1Error::Rejected { kind, message }) => (kind, message),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refusal(&raw),
        (Rejection::AlreadyKnown, "already known".into())
    );
    l1.mine().unwrap();
    assert_eq!(refusal(&raw).0, Rejection::NonceTooLow);
    for garbage in [&b""[..], b"\x02", b"\xff\xff", &[0u8; 100]] {
        assert_eq!(refusal(garbage).0, Rejection::Invalid);
    }
    let mut cut = raw.to_vec();
    cut.pop();
    assert_eq!(refusal(&cut).0, Rejection::Invalid);
}

#[tokio::test]
async fn the_blob_fee_follows_the_hand_and_then_the_rule() {
    let l1 = chain();
    assert_eq!(l1.fees().await.unwrap().blob_base_fee, 1);
    l1.set_blob_fee(1_000_000);
    let fee = l1.fees().await.unwrap().blob_base_fee;
    assert!((1_000_000..1_200_000).contains(&fee), "{fee}");
    l1.mine().unwrap();
    assert_eq!(l1.fees().await.unwrap().blob_base_fee, fee, "it is held");
    l1.set_blob_fee(0);
    let next = l1.fees().await.unwrap().blob_base_fee;
    assert!(next < fee, "an empty block lowers it: {next} from {fee}");
}

#[tokio::test]
async fn a_reorg_gives_other_blocks_of_the_same_times() {
    let l1 = chain();
    let kept = l1.mine().unwrap();
    let hash = l1
        .send_raw(&call(&l1, 0, INBOX, Bytes::from_static(b"x")).await)
        .unwrap();
    let lost = l1.mine().unwrap();
    let tip = l1.mine().unwrap();
    let new = l1.reorg(2, true).unwrap();
    assert_eq!((new.number, new.timestamp), (tip.number, tip.timestamp));
    assert_ne!(new.hash, tip.hash);
    let found = l1.inclusion(hash).await.unwrap().unwrap();
    assert_ne!(found.block, lost.id(), "it landed again, elsewhere");
    assert_eq!(l1.header(BlockAt::Hash(lost.hash)).await.unwrap(), None);
    assert!(l1.header(BlockAt::Hash(kept.hash)).await.unwrap().is_some());
    l1.reorg(2, false).unwrap();
    assert_eq!(l1.inclusion(hash).await.unwrap(), None, "dropped for good");
    assert_eq!(
        l1.balance(signer(0).address(), StateAt::Latest)
            .await
            .unwrap(),
        FUNDS
    );
    assert!(matches!(l1.reorg(4, true), Err(DevL1Error::Request(_))));
    assert!(matches!(l1.reorg(0, true), Err(DevL1Error::Request(_))));
}

/// A development chain lives in a folder. It is dropped, as a process that ends, and opened again:
/// blocks, blobs, what was waiting and what was final must all still be there, and the chain goes on.
#[tokio::test]
async fn waiting_blobs_survive_and_what_was_half_written_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let hand = Hand::default();
    let config = || config(&hand).in_dir(dir.path());
    let l1 = DevL1::open(config()).unwrap();
    let mut sender = TxManager::new(Arc::new(l1.clone()), signer(0), TxManagerConfig::dev())
        .await
        .unwrap();
    for text in [b"first", b"other"] {
        let payload = TxPayload::Blobs(vec![blob(text)]);
        sender.submit(TxRequest::data(INBOX, payload)).unwrap();
    }
    sender.tick().await.unwrap();
    drop((l1, sender));

    let pool = dir.path().join("pool");
    let files = || {
        let mut files: Vec<_> = std::fs::read_dir(&pool)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        files
    };
    let written = files();
    assert_eq!(written.len(), 2);
    // One loses its end, the other some bytes in the middle of a blob; then both are whole again.
    let whole: Vec<_> = written
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect();
    std::fs::write(&written[0], &whole[0][..100_000]).unwrap();
    let mut hole = whole[1].clone();
    hole[60_000..64_096].fill(1);
    std::fs::write(&written[1], &hole[..]).unwrap();
    drop(DevL1::open(config()).unwrap());
    assert!(
        files().is_empty(),
        "a torn file was taken for a transaction"
    );
    for (file, bytes) in written.iter().zip(&whole) {
        std::fs::write(file, bytes).unwrap();
    }

    let l1 = DevL1::open(config()).unwrap();
    assert_eq!(files(), written);
    let next = l1.mine().unwrap();
    let block = l1
        .block(BlockAt::Number(next.number))
        .await
        .unwrap()
        .unwrap();
    let hashes: Vec<B256> = block
        .transactions
        .iter()
        .map(|tx| tx.envelope().unwrap())
        .flat_map(|tx| {
            alloy_consensus::Transaction::blob_versioned_hashes(tx)
                .unwrap()
                .to_vec()
        })
        .collect();
    assert_eq!(
        l1.blobs(block.l1_ref(), &hashes).await.unwrap(),
        [blob(b"first"), blob(b"other")]
    );
}

#[tokio::test]
async fn an_opened_chain_goes_on_where_it_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let hand = Hand::default();
    let config = || {
        DevL1Config {
            finality: None,
            ..config(&hand)
        }
        .in_dir(dir.path())
    };
    let l1 = DevL1::open(config()).unwrap();
    let mut sender = TxManager::new(Arc::new(l1.clone()), signer(0), TxManagerConfig::dev())
        .await
        .unwrap();
    sender
        .submit(TxRequest::data(
            INBOX,
            TxPayload::Blobs(vec![blob(b"kept")]),
        ))
        .unwrap();
    sender.tick().await.unwrap();
    l1.mine().unwrap();
    l1.mine().unwrap();
    l1.finalize(1).unwrap();
    let waiting = l1
        .send_raw(&call(&l1, 1, INBOX, Bytes::from_static(b"later")).await)
        .unwrap();
    let head = l1.latest();
    let block = l1.block(BlockAt::Number(1)).await.unwrap().unwrap();
    assert!(
        matches!(DevL1::open(config()), Err(DevL1Error::Open(_))),
        "one process at a time"
    );
    drop((l1, sender));

    hand.advance(1_000_000);
    let l1 = DevL1::open(config()).unwrap();
    assert_eq!(l1.latest(), head);
    assert_eq!(l1.number_of(BlockTag::Finalized), 1);
    assert_eq!(l1.block(BlockAt::Number(1)).await.unwrap().unwrap(), block);
    let hashes = block.transactions[0].envelope().unwrap();
    let hashes: Vec<B256> = alloy_consensus::Transaction::blob_versioned_hashes(hashes)
        .unwrap()
        .to_vec();
    assert_eq!(
        l1.blobs(block.l1_ref(), &hashes).await.unwrap(),
        [blob(b"kept")]
    );
    assert!(l1.pending(waiting).is_some());
    let next = l1.mine().unwrap();
    assert_eq!(
        next.timestamp,
        START + 1_000_000,
        "one block at the present time"
    );
    assert_eq!(
        l1.inclusion(waiting).await.unwrap().unwrap().block,
        next.id()
    );
    drop(l1);

    let other = DevL1Config {
        chain_id: 901,
        ..config()
    };
    assert!(DevL1::open(other).is_err(), "another chain is refused");
}

/// The loop mines by the clock and ends when told.
#[tokio::test]
async fn the_loop_mines_at_whole_seconds() {
    let l1 = DevL1::open(DevL1Config::default()).unwrap();
    let mut heads = l1.subscribe();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn({
        let l1 = l1.clone();
        async move { l1.run(async { drop(stopped.await) }).await }
    });
    let mut last = l1.latest();
    for _ in 0..2 {
        heads.changed().await.unwrap();
        let head = *heads.borrow_and_update();
        assert_eq!(head.number, last.number + 1);
        assert!(head.timestamp > last.timestamp);
        last = head;
    }
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
}
