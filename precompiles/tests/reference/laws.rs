//! Laws that hold whatever the numbers: each through the calls themselves.
//!
//! `PROPTEST_CASES` sets the number of cases of each.

use crate::{
    abi::{Value, int, word},
    call::{World, function},
    run, show,
    wide::{Dtype, I8, I16, I32, U8, Z, pow2, uint_of},
};
use foggara_precompiles::Outcome;
use proptest::{prelude::*, sample::select};

/// Content of the first `bytes` of a call's result.
fn answer(name: &str, args: &[Value]) -> Vec<u8> {
    let function = function(name);
    let mut input = function.selector.to_be_bytes().to_vec();
    input.extend(crate::abi::encode(args));
    match run(function.op, &input, u64::MAX >> 1, &World::default()) {
        Outcome::Success { output, .. } => {
            let offset = usize::try_from(uint_of(&output[..32])).unwrap();
            let size = usize::try_from(uint_of(&output[offset..offset + 32])).unwrap();
            output[offset + 32..][..size].to_vec()
        }
        other => panic!("{name} {args:?}: {}", show(&other)),
    }
}

fn inline(bytes: &[u8]) -> Vec<u8> {
    [&[0], bytes].concat()
}

fn elements(of: Dtype, count: usize) -> impl Strategy<Value = Vec<u8>> {
    let any = prop::collection::vec(any::<u8>(), count * of.size());
    let few = prop::collection::vec(
        select(vec![of.min(), of.max(), Z::from(0), Z::from(1)]),
        count,
    );
    prop_oneof![3 => any, 1 => few.prop_map(move |values| of.write(&values))]
}

/// A type, a number of clients, and their vectors.
fn round(types: &'static [Dtype]) -> impl Strategy<Value = (Dtype, usize, Vec<Vec<u8>>)> {
    (select(types), 1..=34usize, 1..=40usize)
        .prop_flat_map(|(of, c, d)| (Just(of), Just(d), prop::collection::vec(elements(of, d), c)))
}

fn group(vectors: &[Vec<u8>]) -> Value {
    Value::Array(vectors.iter().map(|vector| inline(vector)).collect())
}

fn square_sum(values: &[Z]) -> Z {
    values.iter().map(|x| x * x).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_clipped_norm_never_exceeds_its_bound(
        of in select(&[I8, I16, I32][..]),
        seed in prop::collection::vec(any::<u64>(), 1..60),
        down in 0..31u32,
        share in 0..=1_100u32,
    ) {
        let x: Vec<Z> = seed.iter().map(|x| of.wrap(&(Z::from(*x) >> down))).collect();
        // Up to a little more than the norm itself.
        let norm = Z::from(square_sum(&x).magnitude().sqrt());
        let max: Z = norm * share / 1_000;
        let max: Z = max.min(pow2(32) - 1);
        let bytes = of.write(&x);
        let max_word = Value::Word(crate::abi::word_of(&max));
        let y = answer("clip", &[int(0), int(of.code), max_word, Value::Bytes(inline(&bytes))]);
        let y = of.read(&y);
        prop_assert!(square_sum(&y) <= &max * &max);
        // Toward zero, so no element grows or changes its sign.
        for (x, y) in x.iter().zip(&y) {
            prop_assert!(x * y >= Z::from(0) && y * y <= x * x);
        }
        if square_sum(&x) <= &max * &max {
            prop_assert_eq!(of.write(&y), bytes);
        }
    }

    #[test]
    fn the_mean_of_equal_vectors_is_that_vector(
        (of, d, u) in round(&[I8, I16, I32]),
        weights in prop::collection::vec(0..1i32 << 24, 34),
    ) {
        let equal = vec![u[0].clone(); u.len()];
        let mut coeff: Vec<_> = weights[..u.len()].iter().map(|weight| word(*weight)).collect();
        coeff[0] = word(weights[0] + 1);
        let args = [int(0), int(of.code), int(d as i128), Value::Words(coeff), int(0), group(&equal)];
        let y = answer("mean", &args);
        prop_assert_eq!(I32.read(&y), of.read(&u[0]));
    }

    #[test]
    fn median_and_trimmed_mean_know_no_order_of_clients(
        (of, d, u) in round(&[I8, U8, I16, I32]),
        cut in 0..17usize,
        key in any::<u64>(),
    ) {
        let mut other = u.clone();
        other.sort_by_key(|vector| vector.iter().fold(key, |sum, byte| {
            (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3).rotate_left(9)
        }));
        let cut = int(cut.min((u.len() - 1) / 2) as i128);
        let head = [int(0), int(of.code), int(d as i128)];
        let call = |name: &str, more: &[Value], u: &[Vec<u8>]| {
            answer(name, &[&head[..], more, &[group(u)]].concat())
        };
        prop_assert_eq!(call("median", &[], &u), call("median", &[], &other));
        let more = &[cut][..];
            prop_assert_eq!(call("trimmed", more, &u), call("trimmed", more, &other));
    }

    #[test]
    fn a_full_group_of_masks_sums_to_zero(
        clients in 2..7usize,
        n in 1..40usize,
        width in select(&[32u8, 64][..]),
        counter in any::<u16>(),
        seeds in prop::collection::vec(any::<[u8; 32]>(), 21),
        updates in prop::collection::vec(any::<u8>(), 8 * 40 * 7),
    ) {
        let size = usize::from(width) / 8;
        let sum = |u: &[Vec<u8>]| answer("sum", &[int(0), int(width), int(n as i128), group(u)]);
        let plain: Vec<Vec<u8>> = updates.chunks(n * size).take(clients).map(<[u8]>::to_vec).collect();
        let mut masked = plain.clone();
        let mut seeds = seeds.iter();
        for low in 0..clients {
            for high in low + 1..clients {
                let seed = *seeds.next().unwrap();
                // Plus towards the higher index, minus towards the lower one.
                for (client, flag) in [(low, 0), (high, 1)] {
                    let acc = Value::Bytes(inline(&masked[client]));
                    let args = [int(flag), int(width), int(n as i128), int(counter), Value::Word(seed), int(0), acc];
                    masked[client] = answer("expand", &args);
                }
            }
        }
        prop_assert!(n < 2 || masked[0] != plain[0]);
        prop_assert_eq!(sum(&masked), sum(&plain));
    }

    #[test]
    fn any_enough_shares_reconstruct(
        number in 0..2u8,
        t in 1..7usize,
        coefficients in prop::collection::vec(any::<[u8; 40]>(), 21),
        at in prop::collection::btree_set(1..u64::MAX >> 3, 9),
        skip in any::<u8>(),
    ) {
        let field = crate::privacy::field(number).unwrap();
        let inside = |bytes: &[u8; 40]| Z::from_bytes_le(num_bigint::Sign::Plus, bytes) % &field.p;
        let n = 3;
        // One polynomial per limb; its value at zero is the secret.
        let polynomials: Vec<Vec<Z>> =
            coefficients.chunks(7).map(|all| all[..t].iter().map(inside).collect()).collect();
        let limb = |value: &Z| {
            let mut bytes = value.magnitude().to_bytes_le();
            bytes.resize(field.limb, 0);
            bytes
        };
        let at: Vec<Z> = at.into_iter().map(|x| Z::from(x) % &field.p).collect();
        let share = |x: &Z| {
            let value = |polynomial: &Vec<Z>| {
                polynomial.iter().rev().fold(Z::from(0), |sum, next| (sum * x + next) % &field.p)
            };
            polynomials.iter().flat_map(|polynomial| limb(&value(polynomial))).collect::<Vec<u8>>()
        };
        let secret: Vec<u8> = polynomials.iter().flat_map(|polynomial| limb(&polynomial[0])).collect();
        // t of nine share holders, from any place on.
        let chosen: Vec<&Z> = at.iter().cycle().skip(usize::from(skip)).step_by(2).take(t).collect();
        let shares: Vec<_> = chosen.iter().map(|x| share(x)).collect();
        let xs = Value::Words(chosen.iter().map(|x| crate::abi::word_of(x)).collect());
        let args = [int(0), int(number), int(n), xs, group(&shares)];
        prop_assert_eq!(answer("reconstruct", &args), secret);
    }
}
