//! Calls with one thing wrong, or several: which error it is, what it costs, and that nothing
//! panics. The reference answers each with the errors that the order of section 3 allows.

use crate::{
    abi::{Value, Word, encode, needed, word},
    call::{World, functions},
    compare,
    generate::{Case, Make, case, reference},
    run, show,
};
use foggara_precompiles::{CallKind, Outcome};
use rand::{Rng, RngCore, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use std::collections::BTreeMap;

const ENOUGH: u64 = u64::MAX >> 1;

/// Integers at the ends of types and limits.
const NUMBERS: &[i128] = &[
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    11,
    12,
    13,
    14,
    31,
    32,
    33,
    61,
    62,
    63,
    64,
    65,
    127,
    128,
    129,
    255,
    256,
    257,
    1_023,
    1_024,
    1_025,
    32_767,
    32_768,
    32_769,
    65_535,
    65_536,
    1 << 20,
    (1 << 20) + 1,
    1 << 22,
    (1 << 22) + 1,
    (1 << 31) - 1,
    1 << 31,
    (1 << 31) + 1,
    (1 << 32) - 1,
    1 << 32,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
    1 << 64,
    (1 << 64) + 1,
    i128::MAX,
    -1,
    -2,
    -128,
    -129,
    -32_769,
    -(1 << 31),
    -(1 << 31) - 1,
    -(1 << 63),
    -(1 << 63) - 1,
    i128::MIN,
];

fn number(rng: &mut StdRng, old: &Word) -> Word {
    match rng.random_range(0..14) {
        0 => {
            let mut dirty = *old;
            dirty[rng.random_range(0..32)] ^= 1 << rng.random_range(0..8);
            dirty
        }
        1 => rng.random(),
        2 | 3 => {
            let mut next = *old;
            next[31] = next[31].wrapping_add(if rng.random() { 1 } else { 255 });
            next
        }
        4 => word(rng.random::<i32>()),
        // Of the size of flags, codes and small sides.
        5..9 => {
            let below = *[3, 5, 8, 14, 70].choose(rng).unwrap();
            word(rng.random_range(0..below))
        }
        _ => word(*NUMBERS.choose(rng).unwrap()),
    }
}

/// Breaks an operand.
fn operand(rng: &mut StdRng, raw: &mut Vec<u8>, world: &mut World) {
    match rng.random_range(0..14) {
        0 => raw.clear(),
        1 if !raw.is_empty() => raw[0] = *[1, 2, 3, 0x80, 0xff].choose(rng).unwrap(),
        2 => raw.truncate(1),
        3 => {
            raw.pop();
        }
        4 => raw.push(rng.random()),
        5 => raw.extend(raw.clone().get(1..).unwrap_or_default()),
        6 => raw.truncate(rng.random_range(0..=raw.len())),
        7 if !raw.is_empty() => {
            let at = rng.random_range(0..raw.len());
            raw[at] = rng.random();
        }
        8 => {
            // A tensor that nobody has stored.
            let mut reference = vec![1];
            reference.extend(rng.random::<[u8; 32]>());
            reference.extend(rng.random_range(0..3u64).to_be_bytes());
            reference.extend(rng.random_range(0..20u64).to_be_bytes());
            *raw = reference;
        }
        kind => {
            // A reference to code; the content stays what it was.
            let content = raw.get(1..).unwrap_or_default().to_vec();
            let account: [u8; 20] = rng.random();
            let start = rng.random_range(0..50);
            let mut code = vec![0; 1 + start];
            code.extend(&content);
            let (mut offset, mut length) = (start, content.len());
            match kind {
                9 => code.truncate(rng.random_range(0..=code.len())),
                10 => code[0] = rng.random_range(1..=255),
                11 => offset = *[start + 1, usize::MAX >> 32, 0].choose(rng).unwrap(),
                12 => length = rng.random_range(0..=length + 2),
                _ => {}
            }
            world.codes.insert(account, code.into());
            if rng.random_bool(0.3) {
                world.warm.insert(account);
            }
            *raw = reference(account, offset, length);
            if rng.random_bool(0.1) {
                raw.pop();
            }
        }
    }
}

/// Breaks an argument.
fn argument(rng: &mut StdRng, value: &mut Value, world: &mut World) {
    match value {
        Value::Word(word) => *word = number(rng, word),
        Value::Bytes(raw) => operand(rng, raw, world),
        Value::Words(words) => {
            let at = rng.random_range(0..words.len().max(1));
            match rng.random_range(0..7) {
                0 => words.clear(),
                1 if words.len() > 1 => {
                    words.remove(at);
                }
                2 if words.len() > 1 => words[at] = words[(at + 1) % words.len()],
                3 => words.push(rng.random()),
                4 => {
                    let first = words.first().copied().unwrap_or_default();
                    words.push(first);
                }
                _ if !words.is_empty() => words[at] = number(rng, &words[at]),
                _ => {}
            }
        }
        Value::Array(items) => {
            let at = rng.random_range(0..items.len().max(1));
            match rng.random_range(0..10) {
                0 => items.clear(),
                1 if !items.is_empty() => {
                    items.remove(at);
                }
                2 if !items.is_empty() => items.push(items[at].clone()),
                3 if items.len() < 300 && items.iter().map(Vec::len).sum::<usize>() < 1_000 => {
                    let count = rng.random_range(250..260);
                    let item = items.first().cloned().unwrap_or_default();
                    items.resize(count, item);
                }
                _ if !items.is_empty() => operand(rng, &mut items[at], world),
                _ => {}
            }
        }
    }
}

/// Breaks the calldata itself.
fn calldata(rng: &mut StdRng, input: &mut Vec<u8>) {
    if input.is_empty() {
        return;
    }
    let words = (input.len() / 32).max(1);
    let at = 4 + 32 * rng.random_range(0..words);
    match rng.random_range(0..8) {
        0 => input.truncate(rng.random_range(0..input.len())),
        1 => {
            let at = rng.random_range(0..input.len());
            input[at] = rng.random();
        }
        2 => input.extend((0..rng.random_range(1..70)).map(|_| 0xee)),
        3 if at + 32 <= input.len() => {
            let old = input[at..at + 32].try_into().unwrap();
            input[at..at + 32].copy_from_slice(&number(rng, &old));
        }
        // An offset or a length that may be right elsewhere.
        4 | 5 if at + 32 <= input.len() => {
            let place = rng.random_range(0..input.len() + 40) as i128;
            let place = if rng.random() { place / 32 * 32 } else { place };
            input[at..at + 32].copy_from_slice(&word(place));
        }
        6 => {
            let at = rng.random_range(0..4.min(input.len()));
            input[at] ^= 1 << rng.random_range(0..8);
        }
        _ => {
            let at = rng.random_range(0..input.len());
            input[at] ^= 1 << rng.random_range(0..8);
        }
    }
}

/// A right call with `count` things made wrong.
fn broken(name: &str, seed: u64, count: usize) -> (u8, Vec<u8>, World) {
    let mut case = small_case(name, seed);
    let rng = &mut StdRng::seed_from_u64(!seed);
    let mut later = 0;
    for _ in 0..count {
        if rng.random_bool(0.12) {
            later += 1;
            continue;
        }
        let at = rng.random_range(0..case.args.len());
        argument(rng, &mut case.args[at], &mut case.world);
    }
    if rng.random_bool(0.02) {
        case.world.kind = CallKind {
            is_direct: rng.random(),
            is_static: rng.random(),
            has_value: rng.random(),
        };
    }
    let mut input = case.calldata();
    (0..later).for_each(|_| calldata(rng, &mut input));
    (case.op, input, case.world)
}

/// A right call whose calldata is short, so that most of it is arguments.
fn small_case(name: &str, seed: u64) -> Case {
    let cases = (0..).map(|more| case(name, seed.wrapping_mul(1_000).wrapping_add(more)));
    cases
        .into_iter()
        .find(|case| case.calldata().len() < 6_000)
        .unwrap()
}

/// Kind of an outcome, for counting.
fn kind(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Success { .. } => "success".into(),
        Outcome::OutOfGas => "out of gas".into(),
        Outcome::Revert { data, .. } => alloy_primitives::hex::encode(&data[..4]),
        Outcome::Fatal(fatal) => panic!("{fatal:?}"),
    }
}

/// Whether a call has the flag STORE, which has its own tests.
fn stores(op: u8, input: &[u8]) -> bool {
    let selector = input
        .first_chunk()
        .map(|selector| u32::from_be_bytes(*selector));
    let function = functions().find(|known| known.op == op && Some(known.selector) == selector);
    let has_flags = function
        .is_some_and(|known| !["topk", "gram", "sqdist", "krum", "normSq"].contains(&known.name));
    let head: Option<&[u8; 32]> = input.get(4..).and_then(|args| args.first_chunk());
    has_flags && head.is_some_and(|word| word[..31] == [0; 31] && word[31] & 0x80 != 0)
}

#[test]
fn broken_calls_end_as_the_order_of_section_3_says() {
    let mut kinds = BTreeMap::<String, u64>::new();
    let cases = crate::cases(2_000);
    for function in functions() {
        for seed in 0..cases {
            let count = 1 + (seed % 3) as usize;
            let (op, input, mut world) = broken(function.name, seed, count);
            let about = &(function.name, seed, count);
            if seed % 16 == 7 {
                world.meter_left = Some(seed % 400);
            }
            if stores(op, &input) {
                continue;
            }
            let outcome = compare(op, &input, ENOUGH, &world, about);
            *kinds.entry(kind(&outcome)).or_default() += 1;
            let gas = match outcome {
                Outcome::Success { gas, .. } | Outcome::Revert { gas, .. } => gas,
                other => panic!("{}", show(&other)),
            };
            // What it costs, one less, and too little for anything.
            compare(op, &input, gas, &world, about);
            assert_eq!(
                compare(op, &input, gas - 1, &world, about),
                Outcome::OutOfGas
            );
            compare(op, &input, seed % 400, &world, about);
        }
    }
    println!("{kinds:?}");
    assert!(kinds.len() >= 12, "{kinds:?}");
}

#[test]
fn calldata_cut_at_any_byte_is_refused() {
    for function in functions() {
        for seed in 0..4 {
            let case = small_case(function.name, seed);
            let (whole, needed) = (case.calldata(), 4 + needed(&case.args));
            let uncut = run(case.op, &whole, ENOUGH, &case.world);
            for end in 0..whole.len() {
                let about = &(function.name, seed, end);
                let cut = compare(case.op, &whole[..end], ENOUGH, &case.world, about);
                if end < needed {
                    assert_eq!(kind(&cut), "1a2e1594", "{about:?}");
                } else {
                    assert_eq!(cut, uncut, "{about:?}");
                }
            }
            let longer = [&whole[..], &[0xff; 77]].concat();
            assert_eq!(run(case.op, &longer, ENOUGH, &case.world), uncut);
        }
    }
}

#[test]
fn each_bit_of_each_head_word_matters_or_is_refused() {
    for function in functions() {
        let case = small_case(function.name, 5);
        let whole = case.calldata();
        for index in 0..case.args.len() {
            for bit in 0..256 {
                let mut dirty = whole.clone();
                dirty[4 + 32 * index + bit / 8] ^= 1 << (bit % 8);
                if stores(case.op, &dirty) {
                    continue;
                }
                compare(
                    case.op,
                    &dirty,
                    ENOUGH,
                    &case.world,
                    &(function.name, index, bit),
                );
            }
            // Sign-extended and not quite sign-extended.
            for number in NUMBERS {
                for dirt in [0, 1, 0x80] {
                    let mut dirty = whole.clone();
                    let mut word = word(*number);
                    word[0] ^= dirt;
                    dirty[4 + 32 * index..][..32].copy_from_slice(&word);
                    if stores(case.op, &dirty) {
                        continue;
                    }
                    compare(
                        case.op,
                        &dirty,
                        ENOUGH,
                        &case.world,
                        &(function.name, index, number),
                    );
                }
            }
        }
    }
}

#[test]
fn offsets_at_and_over_the_end_are_refused() {
    for function in functions() {
        let case = small_case(function.name, 6);
        let whole = case.calldata();
        let end = (whole.len() - 4) as i128;
        // Heads of the call and of its arrays, and the lengths in tails: every word.
        for place in (4..whole.len() - 31).step_by(32) {
            let near = (0..=end + 64).step_by(32);
            let ends = (-34..34).map(|by| end + by);
            let far = [
                1 << 32,
                (1 << 62) - 1,
                1 << 63,
                (1 << 64) - 32,
                (1 << 64) - 1,
                i128::MAX,
                -32,
                -1,
            ];
            let all = near.chain(ends).chain(far);
            let few = if whole.len() > 1_500 { 7 } else { 1 };
            for offset in all.step_by(few) {
                let mut moved = whole.clone();
                moved[place..place + 32].copy_from_slice(&word(offset));
                if stores(case.op, &moved) {
                    continue;
                }
                compare(
                    case.op,
                    &moved,
                    ENOUGH,
                    &case.world,
                    &(function.name, place, offset),
                );
            }
        }
    }
}

/// Encodes with each distinct tail once: the same meaning in fewer bytes.
fn aliased(values: &[Value]) -> Vec<u8> {
    let mut head = Vec::new();
    let mut tails = Vec::<u8>::new();
    let mut known = BTreeMap::<Vec<u8>, usize>::new();
    for value in values {
        let tail = match value {
            Value::Word(word) => {
                head.extend(word);
                continue;
            }
            Value::Array(items) => {
                let items: Vec<_> = items
                    .iter()
                    .map(|item| Value::Bytes(item.clone()))
                    .collect();
                let mut tail = word(items.len() as i128).to_vec();
                tail.extend(aliased(&items));
                tail
            }
            value => encode(std::slice::from_ref(value))[32..].to_vec(),
        };
        let place = *known.entry(tail.clone()).or_insert_with(|| {
            let place = tails.len();
            tails.extend(tail);
            place
        });
        head.extend(word((32 * values.len() + place) as i128));
    }
    head.extend(tails);
    head
}

#[test]
fn tails_may_overlap() {
    let mut shorter = 0;
    for function in functions() {
        for seed in 0..300 {
            let mut case = case(function.name, seed);
            // Make operands alike where their sizes are.
            let mut make = Make {
                rng: StdRng::seed_from_u64(seed),
                world: World::default(),
            };
            if let Some(Value::Array(items)) = case.args.last_mut() {
                let like = items[make.rng.next_u32() as usize % items.len()].clone();
                items
                    .iter_mut()
                    .filter(|item| item.len() == like.len())
                    .for_each(|item| item.clone_from(&like));
            }
            let canonical = case.calldata();
            let mut input = canonical[..4].to_vec();
            input.extend(aliased(&case.args));
            shorter += u64::from(input.len() < canonical.len());
            let outcome = compare(case.op, &input, ENOUGH, &case.world, &(function.name, seed));
            assert_eq!(outcome, run(case.op, &canonical, ENOUGH, &case.world));
        }
    }
    assert!(shorter > 20);
}

#[test]
fn no_selector_is_taken_for_another() {
    for op in foggara_precompiles::REGISTRY {
        for function in functions() {
            if function.op == op.code || op.code == 0xf0 {
                continue;
            }
            let input = case(function.name, 1).calldata();
            let outcome = compare(op.code, &input, ENOUGH, &World::default(), &function.name);
            assert_eq!(kind(&outcome), "c2a825f5");
        }
    }
}
