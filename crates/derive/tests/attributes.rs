//! Attributes and what a sealed block says of itself: what is refused, and the bytes of the L1 attributes
//! transaction.

mod common;

use alloy_consensus::Header;
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Bytes, TxKind};
use common::*;
use foggara_derive::{
    AttributesError, EpochStart, L2BlockError, SyncStart, attributes, l2_ref, system_config_of,
};
use foggara_primitives::{
    L1InfoError,
    addresses::{DEPOSITOR, L1_BLOCK, SEQUENCER_FEE_VAULT},
};
use op_alloy_consensus::{L1InfoDepositSource, TxDeposit};

#[test]
fn the_first_transaction_is_the_l1_attributes_deposit() {
    let world = World::new(10);
    let built = world.build(
        &world.safe(),
        world.deriver.sys(),
        GENESIS_L1,
        vec![tx(1, b"x")],
    );
    let [first, second] = built.attributes.transactions.as_slice() else {
        panic!("two")
    };
    assert_eq!(*second, tx(1, b"x"));
    let deposit = TxDeposit::decode_2718(&mut first.as_ref()).unwrap();
    let source = L1InfoDepositSource::new(l1_hash(0, GENESIS_L1), 1).source_hash();
    assert_eq!(deposit.source_hash, source);
    assert_eq!(
        (deposit.from, deposit.to),
        (DEPOSITOR, TxKind::Call(L1_BLOCK))
    );
    assert_eq!((deposit.mint, deposit.gas_limit), (0, 1_000_000));
    assert!(deposit.value.is_zero() && !deposit.is_system_transaction);
    assert_eq!(deposit.input.len(), 176);
    assert_eq!(built.attributes.fee_recipient, SEQUENCER_FEE_VAULT);
    assert!(built.attributes.no_tx_pool);
}

#[test]
fn an_origin_that_cannot_follow_is_refused() {
    let world = World::new(10);
    let (spec, start) = (&world.spec, SyncStart::genesis(&world.spec));
    let build = |origin: u64, branch: u64, epoch: bool, parent_time: u64| {
        let mut block = l1_block(origin);
        if branch > 0 {
            block.header.hash = l1_hash(branch, origin);
            block.header.parent_hash = l1_hash(branch, origin - 1);
        }
        let mut parent = start.safe;
        parent.timestamp = parent_time;
        let epoch = epoch.then(|| EpochStart::from(&block));
        attributes(spec, &parent, &start.sys, &block.header, epoch, vec![]).map(|_| ())
    };
    let late = GENESIS_TIME + 100;
    assert_eq!(build(GENESIS_L1, 0, false, GENESIS_TIME), Ok(()));
    assert_eq!(build(GENESIS_L1 + 1, 0, true, late), Ok(()));
    for (origin, branch) in [(GENESIS_L1, 1), (GENESIS_L1 + 1, 1), (GENESIS_L1 + 2, 0)] {
        let error = build(origin, branch, origin != GENESIS_L1, late).unwrap_err();
        assert!(
            matches!(error, AttributesError::Origin { .. }),
            "{origin} {branch}: {error}"
        );
    }
    assert_eq!(
        build(GENESIS_L1, 0, true, late),
        Err(AttributesError::Epoch)
    );
    assert_eq!(
        build(GENESIS_L1 + 1, 0, false, late),
        Err(AttributesError::Epoch)
    );
    let (time, origin_time) = (GENESIS_TIME + 2, GENESIS_TIME + L1_BLOCK_TIME);
    assert_eq!(
        build(GENESIS_L1 + 1, 0, true, GENESIS_TIME),
        Err(AttributesError::BeforeOrigin { time, origin_time })
    );
}

#[test]
fn blocks_of_no_rollup_are_refused() {
    let world = World::new(10);
    let built = world.build(&world.safe(), world.deriver.sys(), GENESIS_L1, vec![]);
    let good = built.attributes.transactions[0].clone();
    let header = Header {
        number: 1,
        gas_limit: 60_000_000,
        extra_data: Bytes::from_static(&[0, 0, 0, 0, 250, 0, 0, 0, 6]),
        ..Header::default()
    };
    let read = |header: &Header, first: Option<&[u8]>| {
        let sys = system_config_of(&world.spec, header, first)?;
        l2_ref(&world.spec, header, header.hash_slow(), first).map(|_| sys)
    };
    assert_eq!(read(&header, Some(&good)), Ok(*world.deriver.sys()));
    let no_deposit = L2BlockError::NoDeposit { number: 1 };
    assert_eq!(read(&header, None), Err(no_deposit.clone()));
    assert_eq!(read(&header, Some(&tx(1, b""))), Err(no_deposit.clone()));
    assert_eq!(
        read(&header, Some(&good[..good.len() - 1])),
        Err(no_deposit)
    );
    let mut other = TxDeposit::decode_2718(&mut good.as_ref()).unwrap();
    other.input = Bytes::from_static(&[1; 176]);
    let mut bytes = Vec::new();
    alloy_eips::eip2718::Encodable2718::encode_2718(&other, &mut bytes);
    let source = L1InfoError::Selector;
    assert_eq!(
        read(&header, Some(&bytes)),
        Err(L2BlockError::L1Info { number: 1, source })
    );
    for extra in [&[][..], &[0; 8], &[0; 10], &[1, 0, 0, 0, 250, 0, 0, 0, 6]] {
        let header = Header {
            extra_data: Bytes::copy_from_slice(extra),
            ..header.clone()
        };
        let expected = Err(L2BlockError::ExtraData { number: 1 });
        assert_eq!(read(&header, Some(&good)), expected);
    }
    // Genesis needs no transaction.
    let genesis = &world.spec.genesis;
    assert_eq!(read(genesis, None), Ok(SyncStart::genesis(&world.spec).sys));
}
