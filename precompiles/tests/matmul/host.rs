//! What MATMUL asks of its host: code, the meter, how it was called, whether anybody still waits.

use super::{Matmul, encoded, operand, revert, run, words};
use alloy_primitives::Bytes;
use foggara_precompiles::{CallKind, Fatal, Host, Loaded, OpError, Outcome, Record};
use rand::{SeedableRng, rngs::StdRng};
use std::collections::{BTreeMap, BTreeSet};

/// A chain with some accounts, and a record of what was asked.
#[derive(Default)]
pub(super) struct Chain {
    codes: BTreeMap<[u8; 20], Bytes>,
    warm: BTreeSet<[u8; 20]>,
    loads: usize,
    kind: CallKind,
    meter_left: Option<u64>,
    metered: Vec<u64>,
    broken: bool,
    cancelled: bool,
}

impl Host for Chain {
    fn kind(&self) -> CallKind {
        self.kind
    }
    fn code(&mut self, account: [u8; 20]) -> Result<Loaded<Bytes>, Fatal> {
        if self.broken {
            return Err(Fatal::Source("broken".into()));
        }
        self.loads += 1;
        let value = self.codes.get(&account).cloned().unwrap_or_default();
        Ok(Loaded {
            value,
            is_cold: self.warm.insert(account),
        })
    }
    fn meter(&mut self, gas: u64) -> Result<(), u64> {
        match self.meter_left {
            Some(left) if left < gas => Err(left),
            _ => {
                self.metered.push(gas);
                Ok(())
            }
        }
    }
    fn set_record(&mut self, _: [u8; 32], _: Option<Record>) -> Result<(), Fatal> {
        Ok(())
    }
    fn cancelled(&self) -> bool {
        self.cancelled
    }
}

fn reference_to(account: [u8; 20], offset: u32, length: u32) -> Vec<u8> {
    let mut operand = vec![2];
    operand.extend(account);
    operand.extend(offset.to_be_bytes());
    operand.extend(length.to_be_bytes());
    operand
}

#[test]
fn operands_come_from_code() {
    let rng = &mut StdRng::seed_from_u64(5);
    let inline = Matmul {
        sides: [1, 4, 9, 5],
        ..Matmul::random(rng, 1, 1)
    };
    let inline = Matmul {
        flags: 0,
        kind: 0,
        a: operand(rng, 36),
        b: operand(rng, 45),
        ..inline
    };
    let (one, two) = ([1; 20], [2; 20]);
    let chain = || {
        let mut code = vec![0; 11];
        code.extend(&inline.a[1..]);
        code.extend(&inline.b[1..]);
        let codes = BTreeMap::from([(one, code.clone().into()), (two, code.into())]);
        Chain {
            codes,
            ..Default::default()
        }
    };
    let expected = |gas| Outcome::Success {
        gas,
        output: encoded(&inline.reference()),
    };
    let with = |a, b| {
        Matmul {
            a,
            b,
            ..inline.clone()
        }
        .calldata()
    };
    let (plain, a, b) = (
        inline.gas(),
        reference_to(one, 10, 36),
        reference_to(one, 46, 45),
    );

    // Twice the same account: cold, then warm. Another account: cold again.
    for (b, accounts) in [
        (b.clone(), 2_700),
        (reference_to(two, 46, 45), 5_200),
        (inline.b.clone(), 2_600),
    ] {
        let (gas, input) = (plain + accounts, with(a.clone(), b));
        assert_eq!(run(&input, gas, &mut chain()), expected(gas));
        assert_eq!(run(&input, gas - 1, &mut chain()), Outcome::OutOfGas);
        let mut host = chain();
        run(&input, gas, &mut host);
        assert_eq!(host.metered, [gas]);
    }
    // A warm account.
    let (gas, input) = (plain + 100, with(a.clone(), inline.b.clone()));
    assert_eq!(
        run(
            &input,
            gas,
            &mut Chain {
                warm: BTreeSet::from([one]),
                ..chain()
            }
        ),
        expected(gas)
    );

    // The range ends with the code, or one byte past it; code that is no data; no code.
    let last = |length| {
        with(
            reference_to(one, 10 + 36 + 45 - 36 + length - 36, length),
            inline.b.clone(),
        )
    };
    assert!(matches!(
        run(&last(36), 10_000, &mut chain()),
        Outcome::Success { .. }
    ));
    let bad = |account, offset, host: &mut Chain| {
        let input = with(reference_to(account, offset, 36), inline.b.clone());
        let gas = 150 + words(input.len()) + 2_600;
        assert_eq!(
            run(&input, gas, host),
            revert(OpError::BadCode(account), gas)
        );
        host.warm.clear();
        assert_eq!(run(&input, gas - 1, host), Outcome::OutOfGas);
    };
    bad(one, 10 + 36 + 45 - 35, &mut chain());
    bad(one, u32::MAX, &mut chain());
    bad([9; 20], 0, &mut chain());
    let mut host = chain();
    host.codes.insert(one, vec![0xef; 100].into());
    bad(one, 0, &mut host);

    // An error after an account was met costs that account too.
    let input = with(a.clone(), vec![0, 1]);
    let gas = 150 + words(input.len()) + 2_600;
    let error = OpError::LengthMismatch {
        which: 2,
        want: 45,
        got: 1,
    };
    assert_eq!(run(&input, gas, &mut chain()), revert(error, gas));

    // Nothing is loaded that is not paid for.
    let mut host = chain();
    assert_eq!(
        run(&with(a.clone(), b.clone()), 249, &mut host),
        Outcome::OutOfGas
    );
    assert_eq!(host.loads, 0);
    let mut host = Chain {
        broken: true,
        ..chain()
    };
    let outcome = run(&with(a, b), 10_000, &mut host);
    assert_eq!(outcome, Outcome::Fatal(Fatal::Source("broken".into())));
}

#[test]
fn the_meter_comes_after_the_gas_and_before_the_work() {
    let rng = &mut StdRng::seed_from_u64(6);
    let matmul = Matmul::random(rng, 5, 5);
    let (gas, input) = (matmul.gas(), matmul.calldata());
    let mut host = Chain {
        meter_left: Some(gas),
        ..Default::default()
    };
    assert!(matches!(
        run(&input, gas, &mut host),
        Outcome::Success { .. }
    ));
    let mut host = Chain {
        meter_left: Some(gas - 1),
        ..Default::default()
    };
    let error = OpError::AiGasLimit {
        want: gas,
        left: gas - 1,
    };
    assert_eq!(
        run(&input, 10_000, &mut host),
        revert(error, 150 + words(input.len()))
    );
    assert!(host.metered.is_empty());
    let mut host = Chain {
        meter_left: Some(0),
        ..Default::default()
    };
    assert_eq!(run(&input, gas - 1, &mut host), Outcome::OutOfGas);
}

#[test]
fn a_direct_call_with_value_is_refused_first() {
    let kind = |is_direct, has_value| CallKind {
        is_direct,
        is_static: true,
        has_value,
    };
    let matmul = Matmul::random(&mut StdRng::seed_from_u64(7), 5, 5);
    let mut host = Chain {
        kind: kind(true, true),
        ..Default::default()
    };
    assert_eq!(run(&[], 150, &mut host), revert(OpError::NotPayable, 150));
    for kind in [kind(true, false), kind(false, true), kind(false, false)] {
        let mut host = Chain {
            kind,
            ..Default::default()
        };
        assert!(matches!(
            run(&matmul.calldata(), 10_000, &mut host),
            Outcome::Success { .. }
        ));
    }
}

#[test]
fn a_cancelled_call_is_fatal() {
    let matmul = Matmul {
        flags: 0,
        kind: 0,
        sides: [1, 256, 256, 256],
        a: vec![0; 65_537],
        b: vec![0; 65_537],
    };
    let mut host = Chain {
        cancelled: true,
        ..Default::default()
    };
    let outcome = run(&matmul.calldata(), 1_000_000, &mut host);
    assert_eq!(outcome, Outcome::Fatal(Fatal::Cancelled));
}
