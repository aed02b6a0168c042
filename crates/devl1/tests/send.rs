//! One account's transactions are brought into the chain, whatever the chain does meanwhile.

mod common;

use alloy_primitives::{Address, Bytes, U256};
use common::{Hand, INBOX, blob, call, chain, config, signer};
use foggara_devl1::{DevL1, DevL1Config, GenesisAccount};
use foggara_l1::{
    Intent, IntentError, IntentLog, L1Client, L1Error, Severity, SubmitError, TxEvent, TxFailure,
    TxId, TxManager, TxManagerConfig, TxPayload, TxRequest,
};
use foggara_testkit::{Call, Line};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

/// Fees of a quiet chain stay below a gwei, so no lowest tip here.
fn quick() -> TxManagerConfig {
    TxManagerConfig {
        bump_after: Duration::from_millis(50),
        resend_after: Duration::from_millis(100),
        ..TxManagerConfig::dev()
    }
}

fn data(text: &str) -> TxRequest {
    TxRequest::data(
        INBOX,
        TxPayload::Calldata(Bytes::copy_from_slice(text.as_bytes())),
    )
}

fn blobs(text: &str) -> TxRequest {
    TxRequest::data(INBOX, TxPayload::Blobs(vec![blob(text.as_bytes())]))
}

async fn manager(l1: &DevL1, config: TxManagerConfig) -> TxManager {
    TxManager::new(Arc::new(l1.clone()), signer(0), config)
        .await
        .unwrap()
}

fn landed(events: &[TxEvent]) -> Vec<TxId> {
    let id = |event: &TxEvent| match event {
        TxEvent::Landed { id, .. } => Some(*id),
        _ => None,
    };
    events.iter().filter_map(id).collect()
}

/// Inputs of the inbox transactions from a block on, in order.
async fn inbox(l1: &DevL1) -> Vec<Bytes> {
    use alloy_consensus::Transaction;
    let mut inputs = Vec::new();
    for number in 1..=l1.latest().number {
        let block = l1.block(number.into()).await.unwrap().unwrap();
        inputs.extend(
            block
                .transactions
                .iter()
                .filter_map(|tx| Some(tx.envelope()?.input().clone())),
        );
    }
    inputs
}

#[tokio::test]
async fn many_transactions_land_in_order_and_become_final() {
    let l1 = chain();
    let mut sender = manager(&l1, TxManagerConfig::dev()).await;
    let (mut done, mut finals, mut sent) = (Vec::new(), Vec::new(), 0);
    while finals.len() < 40 {
        while sent < 40 && sender.submit(data(&format!("tx {sent:02}"))).is_ok() {
            sent += 1;
            assert!(sender.in_flight() <= 6);
        }
        let mut events = sender.tick().await.unwrap();
        l1.mine().unwrap();
        events.extend(sender.tick().await.unwrap());
        done.extend(landed(&events));
        finals.extend(events.into_iter().filter_map(|event| match event {
            TxEvent::Final { id, .. } => Some(id),
            _ => None,
        }));
    }
    let all: Vec<_> = (0..40).map(TxId).collect();
    assert_eq!((&done, &finals), (&all, &all));
    let expected: Vec<Bytes> = (0..40)
        .map(|n| format!("tx {n:02}").into_bytes().into())
        .collect();
    assert_eq!(inbox(&l1).await, expected);
}

/// Mines until what has landed may be followed by the other kind.
async fn confirm(l1: &DevL1, sender: &mut TxManager) {
    for _ in 0..=TxManagerConfig::dev().confirmations {
        l1.mine().unwrap();
        sender.tick().await.unwrap();
    }
    assert_eq!(sender.kind_in_flight(), None);
}

#[tokio::test]
async fn what_is_in_flight_is_bounded_and_of_one_kind() {
    let l1 = chain();
    let mut sender = manager(&l1, TxManagerConfig::dev()).await;
    for n in 0..6 {
        sender.submit(data(&n.to_string())).unwrap();
    }
    assert_eq!(
        sender.submit(data("7th")),
        Err(SubmitError::Full {
            in_flight: 6,
            max: 6
        })
    );
    sender.tick().await.unwrap();
    l1.mine().unwrap();
    assert_eq!(landed(&sender.tick().await.unwrap()).len(), 6);
    confirm(&l1, &mut sender).await;
    sender.submit(blobs("first")).unwrap();
    assert_eq!(sender.submit(data("other")), Err(SubmitError::OtherKind));
    sender.tick().await.unwrap();
    assert_eq!(sender.submit(data("still")), Err(SubmitError::OtherKind));
    l1.mine().unwrap();
    assert_eq!(landed(&sender.tick().await.unwrap()), [TxId(6)]);
    assert_eq!(
        sender.submit(data("not confirmed")),
        Err(SubmitError::OtherKind)
    );
    sender.submit(blobs("the same kind may go on")).unwrap();
    sender.tick().await.unwrap();
    confirm(&l1, &mut sender).await;
    sender.submit(data("now")).unwrap();
    for wrong in [vec![], vec![Bytes::new()], vec![blob(b"x"); 7]] {
        let request = TxRequest::data(INBOX, TxPayload::Blobs(wrong));
        assert!(matches!(
            sender.submit(request),
            Err(SubmitError::Payload(_))
        ));
    }
    let no_field_elements = TxPayload::Blobs(vec![vec![0xff; 131_072].into()]);
    let mut other = manager(&chain(), TxManagerConfig::dev()).await;
    let id = other
        .submit(TxRequest::data(INBOX, no_field_elements))
        .unwrap();
    let events = other.tick().await.unwrap();
    assert!(matches!(&events[..], [TxEvent::Failed { id: failed, .. }] if *failed == id));
}

/// The market rises above what was offered; after the configured time the offer is raised until it
/// lands. Once with calldata (base fee), once with blobs (blob fee).
#[tokio::test]
async fn an_offer_that_waits_is_raised_until_it_lands() {
    let l1 = chain();
    let mut sender = manager(&l1, quick()).await;
    let first = sender.submit(blobs("dear")).unwrap();
    sender.tick().await.unwrap();
    let offered = l1.fees().await.unwrap().blob_base_fee;
    l1.set_blob_fee(offered * 50);
    l1.mine().unwrap();
    assert_eq!(
        landed(&sender.tick().await.unwrap()),
        [],
        "2 wei are offered, 50 wanted"
    );
    let mut done = Vec::new();
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(60)).await;
        done.extend(landed(&sender.tick().await.unwrap()));
        l1.mine().unwrap();
    }
    assert_eq!(done, [first]);
}

/// A reorg of three blocks drops transactions that had landed. They are reported, and land again
/// under their old nonces, whether the L1 kept them or not.
#[tokio::test]
async fn a_reorged_transaction_is_reported_and_lands_again() {
    for keep in [true, false] {
        let l1 = DevL1::open(DevL1Config {
            finality: Some(8),
            ..config(&Hand::default())
        })
        .unwrap();
        let mut sender = manager(&l1, TxManagerConfig::dev()).await;
        l1.mine().unwrap();
        let mut first_blocks = BTreeMap::new();
        for text in ["one", "two", "three"] {
            sender.submit(data(text)).unwrap();
            sender.tick().await.unwrap();
            l1.mine().unwrap();
            for event in sender.tick().await.unwrap() {
                let TxEvent::Landed { id, block, .. } = event else {
                    panic!("{event:?}")
                };
                first_blocks.insert(id, block);
            }
        }
        l1.reorg(3, keep).unwrap();
        let mut events = sender.tick().await.unwrap();
        let dropped: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                TxEvent::Reorged { id, block, .. } => Some((*id, *block)),
                _ => None,
            })
            .collect();
        assert_eq!(
            dropped,
            first_blocks.into_iter().collect::<Vec<_>>(),
            "keep {keep}"
        );
        l1.mine().unwrap();
        events.extend(sender.tick().await.unwrap());
        assert_eq!(landed(&events), [TxId(0), TxId(1), TxId(2)], "keep {keep}");
        let texts = inbox(&l1).await;
        assert_eq!(
            texts,
            ["one", "two", "three"].map(|t| Bytes::from(t.as_bytes()))
        );
        for _ in 0..8 {
            l1.mine().unwrap();
        }
        let finals = sender.tick().await.unwrap();
        assert_eq!(finals.len(), 3, "{finals:?}");
    }
}

#[tokio::test]
async fn reverts_fail_and_three_in_a_row_stop_the_account() {
    let mut config = config(&Hand::default());
    let reverts = Address::repeat_byte(0xbb);
    let code = Bytes::from_static(&[0x60, 0, 0x60, 0, 0xfd]);
    config.alloc.insert(reverts, GenesisAccount::contract(code));
    let l1 = DevL1::open(config).unwrap();
    let mut sender = manager(&l1, TxManagerConfig::dev()).await;
    for _ in 0..3 {
        let payload = TxPayload::Calldata(Bytes::new());
        let request = TxRequest {
            gas_limit: Some(50_000),
            ..TxRequest::data(reverts, payload)
        };
        sender.submit(request).unwrap();
        sender.tick().await.unwrap();
        l1.mine().unwrap();
        let events = sender.tick().await.unwrap();
        assert!(
            matches!(
                &events[..],
                [TxEvent::Failed {
                    reason: TxFailure::Reverted { .. },
                    ..
                }]
            ),
            "{events:?}"
        );
    }
    let error = sender.tick().await.unwrap_err();
    assert_eq!(
        (error.severity(), error),
        (Severity::Fatal, L1Error::Reverts { count: 3 })
    );
}

#[tokio::test]
async fn a_stranger_on_our_account_is_noticed() {
    let l1 = chain();
    let mut sender = manager(&l1, TxManagerConfig::dev()).await;
    sender.submit(data("ours")).unwrap();
    // The stranger's transaction takes the nonce between our reading it and our sending: it pays
    // more, so it replaces ours in the pool.
    sender.tick().await.unwrap();
    let theirs = {
        use alloy::signers::SignerSync;
        use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
        use alloy_eips::eip2718::Encodable2718;
        let tx = TxEip1559 {
            chain_id: 900,
            nonce: 0,
            gas_limit: 21_000,
            max_fee_per_gas: 50_000_000_000,
            max_priority_fee_per_gas: 50_000_000_000,
            to: Address::ZERO.into(),
            ..Default::default()
        };
        let signature = signer(0).sign_hash_sync(&tx.signature_hash()).unwrap();
        TxEnvelope::from(tx.into_signed(signature)).encoded_2718()
    };
    l1.send_raw(&theirs).unwrap();
    for _ in 0..2 {
        l1.mine().unwrap();
        assert!(sender.tick().await.unwrap().is_empty());
    }
    l1.mine().unwrap();
    let error = sender.tick().await.unwrap_err();
    assert_eq!(
        (error.severity(), error),
        (Severity::Fatal, L1Error::Stranger { nonce: 0 })
    );
}

#[tokio::test]
async fn an_empty_account_waits_for_funds() {
    let mut config = config(&Hand::default());
    let poor = signer(0).address();
    config
        .alloc
        .insert(poor, GenesisAccount::funded(U256::from(1_000)));
    let l1 = DevL1::open(config).unwrap();
    let mut sender = manager(&l1, TxManagerConfig::dev()).await;
    let id = sender.submit(data("when funded")).unwrap();
    let events = sender.tick().await.unwrap();
    assert!(
        matches!(&events[..], [TxEvent::Unfunded { have, need }]
            if *have == U256::from(1_000) && need > have),
        "{events:?}"
    );
    let gift = {
        use alloy::signers::SignerSync;
        use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
        use alloy_eips::eip2718::Encodable2718;
        let tx = TxEip1559 {
            chain_id: 900,
            gas_limit: 21_000,
            max_fee_per_gas: 5_000_000_000,
            to: poor.into(),
            value: U256::from(10).pow(U256::from(18)),
            ..Default::default()
        };
        let signature = signer(1).sign_hash_sync(&tx.signature_hash()).unwrap();
        TxEnvelope::from(tx.into_signed(signature)).encoded_2718()
    };
    l1.send_raw(&gift).unwrap();
    l1.mine().unwrap();
    sender.tick().await.unwrap();
    l1.mine().unwrap();
    assert_eq!(landed(&sender.tick().await.unwrap()), [id]);
}

/// A process ends with transactions in flight; the next one must neither repeat their nonces nor
/// wait for ever. Once without a log, once with one.
#[tokio::test]
async fn a_restart_goes_on_behind_what_is_in_flight() {
    let l1 = chain();
    let mut before = manager(&l1, TxManagerConfig::dev()).await;
    before.submit(data("sent before")).unwrap();
    before.submit(data("sent before too")).unwrap();
    before.tick().await.unwrap();
    drop(before);
    let mut after = manager(&l1, TxManagerConfig::dev()).await;
    let id = after.submit(data("sent after")).unwrap();
    after.tick().await.unwrap();
    l1.mine().unwrap();
    assert_eq!(landed(&after.tick().await.unwrap()), [id]);
    let texts = ["sent before", "sent before too", "sent after"];
    assert_eq!(inbox(&l1).await, texts.map(|t| Bytes::from(t.as_bytes())));
}

/// The L1 node forgets what is in flight while the process restarts, so the new run gives its nonce out
/// again; another node remembers it and brings it into the chain. That was taken for a stranger's.
#[tokio::test]
async fn a_transaction_of_an_earlier_run_is_no_stranger_s() {
    let l1 = chain();
    let earlier = call(&l1, 0, INBOX, Bytes::from_static(b"sent before")).await;
    let lost = Line::new(l1.clone(), |at| match at {
        Call::Send(_) => Err(Line::cut()),
        _ => Ok(()),
    });
    let mut after = TxManager::new(Arc::new(lost), signer(0), TxManagerConfig::dev())
        .await
        .unwrap();
    let id = after.submit(data("sent after")).unwrap();
    assert_eq!(after.tick().await, Err(Line::cut()));
    l1.send_raw(&earlier).unwrap();
    let block = l1.mine().unwrap().id();
    let tx_hash = alloy_primitives::keccak256(&earlier);
    let reason = TxFailure::Superseded { block, tx_hash };
    assert_eq!(
        after.tick().await.unwrap(),
        [TxEvent::Failed { id, reason }]
    );
    // Whoever sent it sends it again, behind the other.
    let mut again = manager(&l1, TxManagerConfig::dev()).await;
    let id = again.submit(data("sent after")).unwrap();
    again.tick().await.unwrap();
    l1.mine().unwrap();
    assert_eq!(landed(&again.tick().await.unwrap()), [id]);
    let texts = ["sent before", "sent after"];
    assert_eq!(inbox(&l1).await, texts.map(|t| Bytes::from(t.as_bytes())));
}

/// Only what an earlier run may have sent is let pass: behind its last nonce the key is shared.
#[tokio::test]
async fn a_second_sender_to_the_inbox_is_a_stranger() {
    let (l1, cut) = (chain(), Arc::new(AtomicU32::new(0)));
    let is_cut = Arc::clone(&cut);
    let line = Line::new(l1.clone(), move |at| match at {
        Call::Send(_) if is_cut.load(Ordering::SeqCst) > 0 => Err(Line::cut()),
        _ => Ok(()),
    });
    let mut ours = TxManager::new(Arc::new(line), signer(0), TxManagerConfig::dev())
        .await
        .unwrap();
    for nonce in 0..6 {
        ours.submit(data("ours")).unwrap();
        ours.tick().await.unwrap();
        l1.mine().unwrap();
        assert_eq!(landed(&ours.tick().await.unwrap()), [TxId(nonce)]);
    }
    let theirs = call(&l1, 0, INBOX, Bytes::from_static(b"theirs")).await;
    cut.store(1, Ordering::SeqCst);
    ours.submit(data("ours")).unwrap();
    assert_eq!(ours.tick().await, Err(Line::cut()));
    l1.send_raw(&theirs).unwrap();
    let mut last = Ok(Vec::new());
    for _ in 0..3 {
        l1.mine().unwrap();
        last = ours.tick().await;
    }
    assert_eq!(last, Err(L1Error::Stranger { nonce: 6 }));
}

#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<BTreeMap<u64, Intent>>>);

impl IntentLog for Kept {
    fn record(&mut self, intent: &Intent) -> Result<(), IntentError> {
        self.0.lock().unwrap().insert(intent.nonce, intent.clone());
        Ok(())
    }
    fn forget(&mut self, nonce: u64) -> Result<(), IntentError> {
        self.0.lock().unwrap().remove(&nonce);
        Ok(())
    }
}

#[tokio::test]
async fn recorded_intents_are_taken_up_even_if_the_l1_lost_them() {
    let (l1, lost) = (chain(), chain());
    let log = Kept::default();
    // What is sent to the lost chain never reaches the other, as if its pool had been emptied.
    let first = TxManager::new(Arc::new(lost.clone()), signer(0), TxManagerConfig::dev());
    let mut first = first
        .await
        .unwrap()
        .with_intents(Box::new(log.clone()), Vec::new())
        .await
        .unwrap();
    first.submit(blobs("a")).unwrap();
    first.submit(blobs("b")).unwrap();
    first.tick().await.unwrap();
    drop(first);
    let intents: Vec<Intent> = log.0.lock().unwrap().values().cloned().collect();
    assert_eq!(intents.iter().map(|i| i.nonce).collect::<Vec<_>>(), [0, 1]);
    let second = manager(&l1, TxManagerConfig::dev()).await;
    let mut second = second
        .with_intents(Box::new(log.clone()), intents)
        .await
        .unwrap();
    assert_eq!(second.in_flight(), 2);
    second.tick().await.unwrap();
    l1.mine().unwrap();
    assert_eq!(landed(&second.tick().await.unwrap()), [TxId(0), TxId(1)]);
    for _ in 0..3 {
        l1.mine().unwrap();
    }
    second.tick().await.unwrap();
    assert!(
        log.0.lock().unwrap().is_empty(),
        "final intents are forgotten"
    );
}

/// The connection breaks on some sends, after the transaction has arrived or before.
#[tokio::test]
async fn broken_connections_neither_lose_nor_repeat_a_transaction() {
    let l1 = chain();
    let (inner, calls) = (l1.clone(), AtomicU32::new(0));
    let line = Line::new(l1.clone(), move |call| {
        let Call::Send(raw) = call else { return Ok(()) };
        match calls.fetch_add(1, Ordering::SeqCst) % 3 {
            0 => Err(Line::cut()),
            1 => {
                inner.send_raw(raw)?;
                Err(Line::cut())
            }
            _ => Ok(()),
        }
    });
    let mut sender = TxManager::new(Arc::new(line), signer(0), TxManagerConfig::dev())
        .await
        .unwrap();
    let (mut sent, mut done) = (0, Vec::new());
    for _ in 0..100 {
        if sent < 20 && sender.submit(data(&format!("{sent:02}"))).is_ok() {
            sent += 1;
        }
        match sender.tick().await {
            Ok(events) => done.extend(landed(&events)),
            Err(error) => assert_eq!(error.severity(), Severity::Retry, "{error}"),
        }
        l1.mine().unwrap();
    }
    assert_eq!(done, (0..20).map(TxId).collect::<Vec<_>>());
    let expected: Vec<Bytes> = (0..20)
        .map(|n| format!("{n:02}").into_bytes().into())
        .collect();
    assert_eq!(inbox(&l1).await, expected);
}

#[tokio::test]
async fn the_hour_s_spending_is_capped() {
    let l1 = chain();
    let config = TxManagerConfig {
        spending_per_hour_max: 1,
        ..TxManagerConfig::dev()
    };
    let mut sender = manager(&l1, config).await;
    sender.submit(data("first")).unwrap();
    sender.tick().await.unwrap();
    l1.mine().unwrap();
    assert_eq!(landed(&sender.tick().await.unwrap()).len(), 1);
    sender.submit(data("second")).unwrap();
    let events = sender.tick().await.unwrap();
    assert!(
        matches!(&events[..], [TxEvent::SpendingCap { .. }]),
        "{events:?}"
    );
    assert_eq!(l1.pending_count(), 0);
    // A stranger to the cap: the chain itself goes on.
    l1.send_raw(&call(&l1, 1, INBOX, Bytes::new()).await)
        .unwrap();
}
