use super::*;
use crate::{NoHost, Portable};
use alloy_primitives::hex;
use proptest::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng};

const DTYPES: [Dtype; 6] = [
    Dtype::U8,
    Dtype::I8,
    Dtype::I16,
    Dtype::I32,
    Dtype::I64,
    Dtype::U32,
];

fn build(shape: &TensorShape, data: &[u8]) -> (Vec<u8>, [u8; 32]) {
    let roots = page_roots(shape, data, &Portable, &mut Ctl::new(&NoHost)).unwrap();
    let root = root(shape, &roots, &Portable, &mut Ctl::new(&NoHost)).unwrap();
    (roots, root)
}

/// The image as the specification says it, all of it in memory.
fn image(shape: &TensorShape, data: &[u8]) -> Vec<u8> {
    let (row, stride) = (shape.row_bytes() as usize, shape.stride() as usize);
    let mut image: Vec<u8> = Vec::new();
    for row in data.chunks(row) {
        image.extend(row);
        image.resize(image.len().next_multiple_of(stride), 0);
    }
    image.resize(shape.pages() as usize * PAGE, 0);
    image
}

/// Root of a subtree, by its definition.
fn plain_root(image: &[u8]) -> Node {
    if let Ok(word) = image.try_into() {
        return word;
    }
    let (left, right) = image.split_at(image.len() / 2);
    node(&plain_root(left), &plain_root(right))
}

fn random(rng: &mut StdRng, most: u64) -> (TensorShape, Vec<u8>) {
    loop {
        let dtype = DTYPES[rng.random_range(0..DTYPES.len())];
        let rank = rng.random_range(1..=4usize);
        let dims: Vec<u32> = (0..rank)
            .map(|_| {
                let bits = rng.random_range(0..14 / rank as u32 + 2);
                rng.random_range(1..=1u32 << bits)
            })
            .collect();
        let Ok(shape) = TensorShape::new(0, dtype, dims) else {
            continue;
        };
        if shape.pages() * PAGE_BYTES > most {
            continue;
        }
        let mut data: Vec<u8> = (0..shape.bytes()).map(|_| rng.random()).collect();
        if rng.random_bool(0.3) {
            let from = rng.random_range(0..data.len());
            data[from..].fill(0);
        }
        return (shape, data);
    }
}

fn cases(by_default: u64) -> u64 {
    let given = std::env::var("FOGGARA_CASES").ok();
    given.map_or(by_default, |count| count.parse().unwrap())
}

#[test]
fn the_worked_example_has_its_id() {
    let shape = TensorShape::new(1, Dtype::I8, [2, 3]).unwrap();
    let (roots, root) = build(&shape, &hex!("01fe030405fa"));
    let facts = (shape.stride(), shape.pages(), shape.depth());
    assert_eq!(facts, (32, 1, 7));
    assert_eq!(roots, root);
    assert_eq!(
        root,
        hex!("3c0931489436cd956ebaf6b7092aaa778f8cee30f7e4a1587cd7a649dc2295d6")
    );
    let descriptor = Descriptor { shape, root };
    assert_eq!(
        descriptor.id(),
        hex!("c393da5d0e98570a89710df6061af7992313a3a32f44895a2b4fda9777e67704")
    );
    assert_eq!(
        Levels::new().zero(7),
        hex!("ffd70157e48063fc33c97a050f7f640233bf646cc98d9524c6b92bcf3ab56f83")
    );
}

#[test]
fn the_root_is_that_of_the_whole_image() {
    let mut rng = StdRng::seed_from_u64(61);
    for _ in 0..cases(400) {
        let (shape, data) = random(&mut rng, 1 << 17);
        let (roots, root) = build(&shape, &data);
        let image = image(&shape, &data);
        assert_eq!(root, plain_root(&image), "{shape:?}");
        assert_eq!(roots.len() as u64, shape.used_pages() * 32);
        for (page, root) in image.chunks(PAGE).zip(roots.chunks(32)) {
            assert_eq!(plain_root(page), root);
        }
    }
}

#[test]
fn a_row_is_a_complete_subtree_at_every_stride() {
    let mut rng = StdRng::seed_from_u64(62);
    for log in 5..=20u32 {
        for size in [(1u32 << log) - 1, 1 << log] {
            let shape = TensorShape::new(0, Dtype::U8, [3, size]).unwrap();
            assert_eq!(shape.stride(), 1 << log);
            let data: Vec<u8> = (0..shape.bytes()).map(|_| rng.random()).collect();
            let (roots, root) = build(&shape, &data);
            // The last word of the middle row, proved; its siblings above the row belong to the others.
            let index = ((2 << log) >> 5) - 1;
            let proof = WordProof::new(&shape, &data, &roots, index, &Portable).unwrap();
            assert!(proof.verify(&root, shape.depth()));
            let mut row = data[size as usize..2 * size as usize].to_vec();
            row.resize(1 << log, 0);
            let mut hash = plain_root(&row);
            for (height, sibling) in proof.siblings.iter().enumerate().skip(log as usize - 5) {
                hash = match index >> height & 1 {
                    0 => node(&hash, sibling),
                    _ => node(sibling, &hash),
                };
            }
            assert_eq!(hash, root, "stride 2^{log}");
        }
    }
}

#[test]
fn word_proofs_hold_and_nothing_changed_does() {
    let mut rng = StdRng::seed_from_u64(63);
    for _ in 0..cases(200) {
        let (shape, data) = random(&mut rng, 1 << 16);
        let (roots, root) = build(&shape, &data);
        let image = image(&shape, &data);
        let words = image.len() as u64 / 32;
        let index = rng.random_range(0..words);
        let proof = WordProof::new(&shape, &data, &roots, index, &Portable).unwrap();
        assert_eq!(proof.word, image[index as usize * 32..][..32]);
        let depth = shape.depth();
        assert!(proof.verify(&root, depth));
        for level in 0..proof.siblings.len() {
            let mut changed = proof.clone();
            changed.siblings[level][rng.random_range(0..32)] ^= 1;
            assert!(!changed.verify(&root, depth));
        }
        let mut shorter = proof.clone();
        shorter.siblings.pop();
        let mut longer = proof.clone();
        longer.siblings.push([0; 32]);
        let mut word = proof.clone();
        word.word[0] ^= 1;
        let beyond = WordProof {
            index: index + words,
            ..proof.clone()
        };
        for bad in [shorter, longer, word, beyond] {
            assert!(!bad.verify(&root, depth));
        }
        assert!(!proof.verify(&root, depth + 1));
        let neighbour = WordProof {
            index: index ^ 1,
            ..proof.clone()
        };
        assert_eq!(
            neighbour.verify(&root, depth),
            proof.word == proof.siblings[0]
        );
        assert!(WordProof::new(&shape, &data, &roots, words, &Portable).is_none());
    }
}

#[test]
fn touched_pages_are_those_that_hold_the_bytes() {
    let mut rng = StdRng::seed_from_u64(64);
    for _ in 0..cases(2_000) {
        let (shape, _) = random(&mut rng, 1 << 17);
        let start = rng.random_range(0..shape.bytes());
        let end = rng.random_range(start + 1..=shape.bytes());
        // Each byte of the range is one, all others zero.
        let mut data = vec![0; shape.bytes() as usize];
        data[start as usize..end as usize].fill(1);
        let image = image(&shape, &data);
        let touched = image.chunks(PAGE).filter(|page| page.contains(&1)).count();
        assert_eq!(
            shape.pages_touched(start, end),
            touched as u64,
            "{shape:?} {start}..{end}"
        );
    }
}

proptest! {
    #[test]
    fn descriptors_come_back(
        dtype in 0..6usize,
        dims in proptest::collection::vec(1..64u32, 1..=4),
        root: [u8; 32],
        cut in 0..200usize,
    ) {
        let shape = TensorShape::new(0, DTYPES[dtype], dims).unwrap();
        let descriptor = Descriptor { shape, root };
        let bytes = descriptor.encode();
        prop_assert_ne!(bytes.len(), 64);
        prop_assert_eq!(Descriptor::decode(&bytes), Some(descriptor));
        if cut < bytes.len() {
            prop_assert_eq!(Descriptor::decode(&bytes[..cut]), None);
        }
        let longer = [&bytes[..], &[0]].concat();
        prop_assert_eq!(Descriptor::decode(&longer), None);
    }
}

#[test]
fn shapes_outside_the_limits_are_refused() {
    let new = |dims: &[u32]| TensorShape::new(1, Dtype::I32, dims.iter().copied());
    assert_eq!(new(&[]), Err(OpError::BadShape(1)));
    assert_eq!(new(&[1, 1, 1, 1, 1]), Err(OpError::BadShape(1)));
    assert_eq!(new(&[3, 0]), Err(OpError::BadShape(1)));
    assert!(new(&[1 << 26]).is_ok());
    let (got, max) = ((1 << 28) + 4, 1 << 28);
    assert_eq!(new(&[(1 << 26) + 1]), Err(OpError::TooLarge { got, max }));
    let (got, max) = (u64::MAX, 1 << 28);
    assert_eq!(new(&[u32::MAX; 4]), Err(OpError::TooLarge { got, max }));
}
