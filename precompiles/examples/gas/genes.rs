//! Genes: a few numbers that decide shapes, types and values of a call, so that a search can change one
//! at a time.

use super::{
    calldata::{Value, Word, calldata, inline, int, word},
    shelf::Shelf,
    targets::Target,
};
use foggara_precompiles::Backend;

/// What decides a call.
pub(crate) type Genes = [u32; 10];

/// Sides at which kernels change their way.
const EDGES: [u64; 24] = [
    1, 2, 3, 4, 7, 8, 9, 12, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 96, 127, 128, 129, 256, 257,
];
/// Bytes of operands of one call at most: the calldata of a large transaction.
pub(crate) const BYTES_MAX: u64 = 1 << 20;
/// Multiply-adds of one call at most, so that a search ends.
const WORK_MAX: u64 = 1 << 24;

/// A call, the chain that it meets, and a description of its shape.
pub(crate) struct Case {
    pub(crate) calldata: Vec<u8>,
    pub(crate) shelf: Shelf,
    pub(crate) shape: String,
}

impl Case {
    /// The call of a function with these genes.
    pub(crate) fn new(target: &Target, genes: &Genes, backend: &dyn Backend) -> Self {
        let mut maker = Maker {
            genes,
            next: 0,
            shelf: Shelf::default(),
            backend,
        };
        let args = (target.args)(&mut maker);
        let shape: Vec<String> = args.iter().map(Arg::shape).collect();
        let values: Vec<Value> = args.into_iter().map(Arg::value).collect();
        Self {
            calldata: calldata(target.signature, &values),
            shelf: maker.shelf,
            shape: format!("{}({})", target.name, shape.join(", ")),
        }
    }
}

/// An argument of a call.
#[derive(Debug, Clone)]
pub(crate) enum Arg {
    Word(u64),
    Int(i64),
    Ints(Vec<i64>),
    Ids(Vec<Word>),
    Absent,
    Operand(Vec<u8>),
    Operands(Vec<Vec<u8>>),
}

impl Arg {
    pub(crate) fn words(words: &[u64]) -> Self {
        Self::Ints(
            words
                .iter()
                .map(|word| i64::try_from(*word).unwrap())
                .collect(),
        )
    }

    /// An operand of so many equal bytes.
    pub(crate) fn fill(size: u64, byte: u8) -> Self {
        Self::Operand(vec![byte; usize::try_from(size).unwrap()])
    }

    fn shape(&self) -> String {
        match self {
            Self::Word(word) => word.to_string(),
            Self::Int(int) => int.to_string(),
            Self::Ints(ints) if ints.len() <= 4 => format!("{ints:?}"),
            Self::Ints(ints) => format!("[{}]", ints.len()),
            Self::Ids(ids) => format!("[{} ids]", ids.len()),
            Self::Absent => "-".into(),
            Self::Operand(bytes) => format!("{} B", bytes.len()),
            Self::Operands(all) => format!("{} x {} B", all.len(), all[0].len()),
        }
    }

    fn value(self) -> Value {
        match self {
            Self::Word(word) => int(word),
            Self::Int(value) => int(value),
            Self::Ints(ints) => Value::Words(ints.into_iter().map(word).collect()),
            Self::Ids(ids) => Value::Words(ids),
            Self::Absent => Value::Bytes(vec![]),
            Self::Operand(bytes) => Value::Bytes(inline(&bytes)),
            Self::Operands(all) => Value::Array(all.iter().map(|bytes| inline(bytes)).collect()),
        }
    }
}

/// Scales of a mode, one per output.
pub(crate) fn scales(mode: u64, n: u64) -> Arg {
    match mode {
        0 => {
            let multipliers = 1_234_567_890u32
                .to_le_bytes()
                .repeat(usize::try_from(n).unwrap());
            let shifts = vec![40; usize::try_from(n).unwrap()];
            Arg::Operand([multipliers, shifts].concat())
        }
        1 => {
            let scale = 0.003_7f32.to_bits().to_le_bytes();
            Arg::Operand(scale.repeat(usize::try_from(n).unwrap()))
        }
        _ => Arg::Absent,
    }
}

/// Reads genes.
pub(crate) struct Maker<'a> {
    genes: &'a Genes,
    next: usize,
    /// What the call finds stored.
    shelf: Shelf,
    backend: &'a dyn Backend,
}

impl Maker<'_> {
    fn gene(&mut self) -> u32 {
        let gene = self.genes[self.next % self.genes.len()];
        self.next += 1;
        gene
    }

    pub(crate) fn below(&mut self, n: u32) -> u64 {
        u64::from(self.gene() % n)
    }

    /// A size from 1 to `max`: an edge, or anything, each power of two as likely as the others.
    pub(crate) fn size(&mut self, max: u64) -> u64 {
        let gene = u64::from(self.gene());
        if gene % 2 == 0 {
            return EDGES[(gene / 2 % 24) as usize].min(max);
        }
        let bits = (gene / 2) % u64::from(64 - max.leading_zeros());
        let size = (1 << bits) + (gene >> 8) % (1 << bits);
        size.min(max)
    }

    /// Sides whose product is within the budget, in an order that the genes decide.
    pub(crate) fn within<const N: usize>(&mut self, budget: u64, limits: [u64; N]) -> [u64; N] {
        let (first, mut left, mut sides) = (self.below(64) as usize, budget, [1; N]);
        for turn in 0..N {
            let side = (first + turn) % N;
            sides[side] = self.size(limits[side].min(left).max(1));
            left /= sides[side];
        }
        sides
    }

    /// Sides of a product.
    pub(crate) fn product(&mut self, limits: [u64; 3]) -> [u64; 3] {
        let [m, k, n] = self.within(WORK_MAX, limits);
        // Neither side nor the result leaves calldata and output.
        let m = m.min(BYTES_MAX / 4 / k).max(1);
        let n = n.min(BYTES_MAX / 4 / k).max(1).min((1 << 19) / m);
        [m, k, n.max(1)]
    }

    pub(crate) fn count(&mut self, bytes: u64) -> u64 {
        self.size(BYTES_MAX / bytes / 2)
    }

    /// Clients and elements of each.
    pub(crate) fn clients(&mut self, bytes: u64) -> (u64, u64) {
        let c = self.size(256);
        (c, self.size((BYTES_MAX / bytes / c).max(1)))
    }

    /// Code and bytes of one of the first types: u8, i8, i16, i32, i64.
    pub(crate) fn dtype(&mut self, first: u32) -> (u64, u64) {
        [(2, 1), (3, 1), (5, 2), (6, 4), (7, 8)][self.below(first) as usize]
    }

    /// The same of i8, i16, i32.
    pub(crate) fn signed(&mut self, first: u32) -> (u64, u64) {
        [(3, 1), (5, 2), (6, 4)][self.below(first) as usize]
    }

    /// Dimensions of a tensor, one to four.
    pub(crate) fn dims(&mut self, elements: u64) -> Vec<u64> {
        let rank = self.below(4) as usize + 1;
        self.within(elements, [1 << 20; 4])
            .into_iter()
            .take(rank)
            .collect()
    }

    /// Stores a tensor beforehand.
    pub(crate) fn put(&mut self, code: u64, dims: &[u64], data: &Arg) -> Word {
        let values = [
            Arg::Word(code),
            Arg::words(dims),
            Arg::Word(1),
            data.clone(),
        ]
        .map(Arg::value);
        let calldata = calldata("put(uint8,uint32[],uint32,bytes)", &values);
        self.shelf.put(&calldata, self.backend)
    }

    /// Elements: noise, noise of few values, or all the same.
    pub(crate) fn tensor(&mut self, bytes: u64) -> Arg {
        let bytes = usize::try_from(bytes).unwrap();
        let gene = self.gene();
        Arg::Operand(match gene % 4 {
            0 => vec![0x80; bytes],
            1 => noise(bytes, gene).iter().map(|byte| byte & 1).collect(),
            _ => noise(bytes, gene),
        })
    }

    pub(crate) fn tensors(&mut self, count: u64, bytes: u64) -> Arg {
        let seed = self.gene();
        let bytes = usize::try_from(bytes).unwrap();
        let all = (0..u32::try_from(count).unwrap()).map(|client| match seed % 4 {
            0 => vec![0x80; bytes],
            _ => noise(bytes, seed.wrapping_add(client)),
        });
        Arg::Operands(all.collect())
    }
}

/// Reproducible bytes (splitmix64).
fn noise(bytes: usize, seed: u32) -> Vec<u8> {
    let mut state = u64::from(seed);
    let words = (0..bytes.div_ceil(8)).flat_map(|_| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).to_le_bytes()
    });
    words.take(bytes).collect()
}
