//! Calls of every function by their genes: a few numbers that decide shapes, types and values, so that
//! a search can change one at a time.

use alloy_primitives::{U256, keccak256};

/// What decides a call.
pub(crate) type Genes = [u32; 10];

/// Sides at which kernels change their way.
const EDGES: [u64; 24] = [
    1, 2, 3, 4, 7, 8, 9, 12, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 96, 127, 128, 129, 256, 257,
];
/// Bytes of operands of one call at most: the calldata of a large transaction.
const BYTES_MAX: u64 = 1 << 20;
/// Multiply-adds of one call at most, so that a search ends.
const WORK_MAX: u64 = 1 << 24;

/// A function to search.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) op: u8,
    signature: &'static str,
    args: fn(&mut Maker<'_>) -> Vec<Arg>,
}

impl Target {
    /// The call with these genes, and a description of its shape.
    pub(crate) fn call(&self, genes: &Genes) -> (Vec<u8>, String) {
        let mut maker = Maker { genes, next: 0 };
        let args = (self.args)(&mut maker);
        let mut calldata = keccak256(self.signature)[..4].to_vec();
        calldata.extend(encode(&args));
        let shape: Vec<String> = args.iter().map(Arg::shape).collect();
        (calldata, format!("{}({})", self.name, shape.join(", ")))
    }
}

const fn target(
    name: &'static str,
    op: u8,
    signature: &'static str,
    args: fn(&mut Maker<'_>) -> Vec<Arg>,
) -> Target {
    Target {
        name,
        op,
        signature,
        args,
    }
}

/// Every function whose work depends on its shape.
pub(crate) const TARGETS: &[Target] = &[
    target(
        "matmul",
        0x01,
        "matmul((uint8,uint8,uint32,uint32,uint32,uint32),bytes,bytes)",
        |g| {
            let kind = g.below(5);
            let [m, k, n] = g.product([65_535, 32_768, 65_535]);
            let batch = if m * k * n < 4_096 { g.size(64) } else { 1 };
            let flags = g.below(8);
            let element = [1, 1, 2, 4, 4][kind as usize];
            let b_batch = if flags & 4 != 0 { 1 } else { batch };
            let head = [flags, kind, batch, m, k, n];
            let mut args: Vec<Arg> = head.into_iter().map(Arg::Word).collect();
            args.push(g.tensor(batch * m * k * element));
            args.push(g.tensor(b_batch * n * k * element));
            args
        },
    ),
    target(
        "linear",
        0x02,
        "linear((uint8,uint8,uint8,uint32,uint32,uint32,int32,int32,int32,int32,int32),bytes,bytes,bytes,bytes,bytes)",
        |g| {
            let (kind, mode, lut) = (g.below(2), g.below(3), g.below(2));
            let [m, k, n] = g.product([65_535, 32_768, 65_535]);
            let (lo, hi) = if kind == 0 { (-128, 127) } else { (0, 255) };
            let zero = i64::from(mode != 2);
            let mut args: Vec<Arg> = [0, kind, mode, m, k, n]
                .into_iter()
                .map(Arg::Word)
                .collect();
            args.extend([3, -5, 7 * zero, lo * zero, hi * zero].map(Arg::Int));
            args.push(g.tensor(m * k));
            args.push(g.tensor(n * k));
            args.push(Arg::Fill(n * 4, 0));
            args.push(scales(mode, n));
            args.push(if mode != 2 && lut == 1 {
                g.tensor(256)
            } else {
                Arg::Absent
            });
            args
        },
    ),
    target(
        "binary",
        0x04,
        "binary(uint8,uint8,uint8,bytes,bytes)",
        |g| {
            let (op, (code, size)) = (g.below(5), g.dtype(4));
            let n = g.count(size);
            let b = if g.below(2) == 0 { n } else { 1 };
            vec![
                Arg::Word(0),
                Arg::Word(op),
                Arg::Word(code),
                g.tensor(n * size),
                g.tensor(b * size),
            ]
        },
    ),
    target(
        "scaled",
        0x04,
        "scaled((uint8,uint8,uint8,int32,int32,int32,int32,int32,uint8,int32,int32),bytes,bytes)",
        |g| {
            let (op, (code, _)) = (g.below(2), g.dtype(2));
            let n = g.count(1);
            let wide = if g.below(2) == 0 { 1 } else { 1 << 24 };
            let mut args = vec![Arg::Word(0), Arg::Word(op), Arg::Word(code)];
            let mb = if op == 0 { -77_777 } else { 0 };
            args.extend([9 * wide, -4 * wide, 5, 99_999, mb].map(Arg::Int));
            args.push(Arg::Word(20));
            args.extend(if code == 2 { [0, 255] } else { [-128, 127] }.map(Arg::Int));
            args.push(g.tensor(n));
            args.push(g.tensor(n));
            args
        },
    ),
    target("lut", 0x04, "lut(uint8,bytes,bytes)", |g| {
        let n = g.count(1);
        vec![Arg::Word(0), g.tensor(n), g.tensor(256)]
    }),
    target(
        "requant",
        0x04,
        "requant((uint8,uint8,uint8,uint32,int32,int32,int32),bytes,bytes)",
        |g| {
            let (mode, to) = (g.below(2), 2 + g.below(2));
            let n = g.size(65_535);
            let rows = g.size((BYTES_MAX / 4 / n).max(1));
            let (lo, hi) = if to == 3 { (-128, 127) } else { (0, 255) };
            let mut args: Vec<Arg> = [0, mode, to, n].into_iter().map(Arg::Word).collect();
            args.extend([4, lo, hi].map(Arg::Int));
            args.push(g.tensor(rows * n * 4));
            args.push(scales(mode, n));
            args
        },
    ),
    target("shift", 0x04, "shift(uint8,uint8,uint8,uint8,bytes)", |g| {
        let (from, size) = g.dtype(5);
        let (to, _) = g.dtype(4);
        let (s, n) = (g.below(64), g.count(size));
        vec![
            Arg::Word(0),
            Arg::Word(from),
            Arg::Word(to),
            Arg::Word(s),
            g.tensor(n * size),
        ]
    }),
    target(
        "unary",
        0x04,
        "unary(uint8,uint8,uint8,int64,int64,bytes)",
        |g| {
            let (op, (code, size)) = (g.below(4), g.dtype(4));
            let n = g.count(size);
            let hi = i64::from(op == 2) * 100;
            vec![
                Arg::Word(0),
                Arg::Word(op),
                Arg::Word(code),
                Arg::Int(0),
                Arg::Int(hi),
                g.tensor(n * size),
            ]
        },
    ),
    target(
        "reduce",
        0x05,
        "reduce((uint8,uint8,uint8,uint32,uint32,uint32),bytes)",
        |g| {
            let (op, (code, size)) = (g.below(6), g.dtype(4));
            let [outer, len, inner] = g.within(BYTES_MAX / size, [1 << 20; 3]);
            let head = [0, op, code, outer, len, inner];
            let mut args: Vec<Arg> = head.into_iter().map(Arg::Word).collect();
            args.push(g.tensor(outer * len * inner * size));
            args
        },
    ),
    target(
        "topk",
        0x05,
        "topk(uint8,uint32,uint32,uint16,bytes)",
        |g| {
            let (code, size) = g.dtype(4);
            let [rows, len] = g.within(BYTES_MAX / size, [1 << 20; 2]);
            let k = g.size(len.min(1_024));
            let head = [code, rows, len, k];
            let mut args: Vec<Arg> = head.into_iter().map(Arg::Word).collect();
            args.push(g.tensor(rows * len * size));
            args
        },
    ),
    target("sum", 0x10, "sum(uint8,uint8,uint32,bytes[])", |g| {
        let size = [4, 8][g.below(2) as usize];
        let (c, d) = g.clients(size);
        vec![
            Arg::Word(0),
            Arg::Word(size * 8),
            Arg::Word(d),
            g.tensors(c, d * size),
        ]
    }),
    target(
        "mean",
        0x10,
        "mean(uint8,uint8,uint32,int32[],uint64,bytes[])",
        |g| {
            let (code, size) = g.signed(3);
            let (c, d) = g.clients(size);
            let weight = if g.below(2) == 0 { 1 } else { 1_000_003 };
            let denominator = if g.below(2) == 0 { 0 } else { 987_654_321 };
            let weights = (0..c)
                .map(|i| i64::try_from(i % 7).unwrap() + weight)
                .collect();
            vec![
                Arg::Word(0),
                Arg::Word(code),
                Arg::Word(d),
                Arg::Ints(weights),
                Arg::Word(denominator),
                g.tensors(c, d * size),
            ]
        },
    ),
    target("median", 0x11, "median(uint8,uint8,uint32,bytes[])", |g| {
        let (code, size) = g.dtype(4);
        let (c, d) = g.clients(size);
        vec![
            Arg::Word(0),
            Arg::Word(code),
            Arg::Word(d),
            g.tensors(c, d * size),
        ]
    }),
    target(
        "trimmed",
        0x11,
        "trimmed(uint8,uint8,uint32,uint16,bytes[])",
        |g| {
            let (code, size) = g.dtype(4);
            let (c, d) = g.clients(size);
            let cut = g.below(u32::try_from(c.div_ceil(2)).unwrap());
            vec![
                Arg::Word(0),
                Arg::Word(code),
                Arg::Word(d),
                Arg::Word(cut),
                g.tensors(c, d * size),
            ]
        },
    ),
    target(
        "signMajority",
        0x11,
        "signMajority(uint8,uint8,uint32,bytes[])",
        |g| {
            let (code, size) = g.dtype(4);
            let (c, d) = g.clients(size);
            vec![
                Arg::Word(0),
                Arg::Word(code),
                Arg::Word(d),
                g.tensors(c, d * size),
            ]
        },
    ),
    target("gram", 0x12, "gram(uint8,uint32,bytes[])", |g| {
        let (code, size) = g.signed(2);
        let (c, d) = g.clients(size);
        vec![Arg::Word(code), Arg::Word(d), g.tensors(c, d * size)]
    }),
    target("sqdist", 0x12, "sqdist(uint8,uint32,bytes[])", |g| {
        let (code, size) = g.signed(2);
        let (c, d) = g.clients(size);
        vec![Arg::Word(code), Arg::Word(d), g.tensors(c, d * size)]
    }),
    target(
        "krum",
        0x12,
        "krum(uint8,uint32,uint16,uint16,bytes[])",
        |g| {
            let (code, size) = g.signed(2);
            let (c, d) = g.clients(size);
            let c = c.max(3);
            let f = g.below(u32::try_from((c - 3) / 2 + 1).unwrap());
            let head = [code, d.min(BYTES_MAX / size / c), f, 1];
            let d = head[1];
            let mut args: Vec<Arg> = head.into_iter().map(Arg::Word).collect();
            args.push(g.tensors(c, d * size));
            args
        },
    ),
    target("clip", 0x13, "clip(uint8,uint8,uint64,bytes)", |g| {
        let (code, size) = g.signed(3);
        let n = g.count(size);
        let max = [1, 1_000_000, u64::from(u32::MAX)][g.below(3) as usize];
        vec![
            Arg::Word(0),
            Arg::Word(code),
            Arg::Word(max),
            g.tensor(n * size),
        ]
    }),
    target("normSq", 0x13, "normSq(uint8,bytes)", |g| {
        let (code, size) = g.signed(3);
        let n = g.count(size);
        vec![Arg::Word(code), g.tensor(n * size)]
    }),
    target(
        "sgd",
        0x14,
        "sgd((uint8,uint8,int32,int32),bytes,bytes)",
        |g| {
            let (f, n) = (g.below(31), g.count(8));
            let mut args = vec![Arg::Word(0), Arg::Word(f), Arg::Int(-77_777), Arg::Int(333)];
            args.extend([g.tensor(n * 4), g.tensor(n * 4)]);
            args
        },
    ),
    target(
        "momentum",
        0x14,
        "momentum((uint8,uint8,int32,int32,uint32),bytes,bytes,bytes)",
        |g| {
            let (f, n) = (g.below(31), g.count(12));
            let mut args = vec![Arg::Word(0), Arg::Word(f), Arg::Int(-77_777), Arg::Int(333)];
            args.push(Arg::Word(1_900_000_000));
            args.extend([0; 3].map(|_| g.tensor(n * 4)));
            args
        },
    ),
    target(
        "adam",
        0x14,
        "adam((uint8,uint8,int32,uint32,uint32,uint32),bytes,bytes,bytes,bytes)",
        |g| {
            let (flags, f, n) = (g.below(2), g.below(31), g.count(20));
            let large = g.below(2);
            let mut args = vec![Arg::Word(flags), Arg::Word(f), Arg::Int(-77_777)];
            args.extend([214_748_364, 2_147_483, 1].map(Arg::Word));
            args.extend([g.tensor(n * 4), g.tensor(n * 4)]);
            args.push(Arg::Fill(n * 8, if large == 0 { 0 } else { 0x7f }));
            args.push(g.tensor(n * 4));
            args
        },
    ),
    target(
        "expand",
        0x20,
        "expand((uint8,uint8,uint32,uint32,bytes32,bytes12),bytes)",
        |g| {
            let (flags, size) = (g.below(2), [4, 8][g.below(2) as usize]);
            let n = g.count(size);
            let acc = g.below(2);
            let head = [flags, size * 8, n, 5, 77, 0];
            let mut args: Vec<Arg> = head.into_iter().map(Arg::Word).collect();
            args.push(if acc == 0 {
                Arg::Absent
            } else {
                g.tensor(n * size)
            });
            args
        },
    ),
    target(
        "reconstruct",
        0x21,
        "reconstruct(uint8,uint8,uint32,uint256[],bytes[])",
        |g| {
            let field = g.below(2);
            let limb = [8, 32][field as usize];
            let t = g.size(256);
            let n = g.size((BYTES_MAX / limb / t).max(1));
            let xs = (0..t)
                .map(|x| i64::try_from(x).unwrap() * 9_999_991 + 1)
                .collect();
            vec![
                Arg::Word(0),
                Arg::Word(field),
                Arg::Word(n),
                Arg::Ints(xs),
                // Below either modulus.
                Arg::Fills(t, n * limb, 0x1f),
            ]
        },
    ),
];

/// Scales of a mode, one per output.
fn scales(mode: u64, n: u64) -> Arg {
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

/// An argument of a call.
#[derive(Debug, Clone)]
enum Arg {
    Word(u64),
    Int(i64),
    Ints(Vec<i64>),
    Absent,
    Operand(Vec<u8>),
    /// An operand of so many equal bytes.
    Fill(u64, u8),
    /// So many of those.
    Fills(u64, u64, u8),
    Operands(Vec<Vec<u8>>),
}

impl Arg {
    fn shape(&self) -> String {
        match self {
            Self::Word(word) => word.to_string(),
            Self::Int(int) => int.to_string(),
            Self::Ints(ints) => format!("[{}]", ints.len()),
            Self::Absent => "-".into(),
            Self::Operand(bytes) => format!("{} B", bytes.len()),
            Self::Fill(size, _) => format!("{size} B"),
            Self::Fills(count, size, _) => format!("{count} x {size} B"),
            Self::Operands(all) => format!("{} x {} B", all.len(), all[0].len()),
        }
    }

    /// Head word, or tail.
    fn encode(&self) -> Result<[u8; 32], Vec<u8>> {
        match self {
            Self::Word(word) => Ok(U256::from(*word).to_be_bytes()),
            Self::Int(int) => Ok(signed(*int)),
            Self::Ints(ints) => {
                let mut tail = U256::from(ints.len()).to_be_bytes::<32>().to_vec();
                ints.iter().for_each(|int| tail.extend(signed(*int)));
                Err(tail)
            }
            Self::Absent => Err(vec![0; 32]),
            Self::Operand(bytes) => Err(operand(bytes)),
            Self::Fill(size, byte) => Err(operand(&vec![*byte; usize::try_from(*size).unwrap()])),
            Self::Fills(count, size, byte) => {
                let one = operand(&vec![*byte; usize::try_from(*size).unwrap()]);
                Err(list(vec![one; usize::try_from(*count).unwrap()]))
            }
            Self::Operands(all) => Err(list(all.iter().map(|bytes| operand(bytes)).collect())),
        }
    }
}

fn signed(int: i64) -> [u8; 32] {
    let mut word = [if int < 0 { 0xff } else { 0 }; 32];
    word[24..].copy_from_slice(&int.to_be_bytes());
    word
}

/// The tail of an inline operand.
fn operand(bytes: &[u8]) -> Vec<u8> {
    let mut tail = U256::from(bytes.len() + 1).to_be_bytes::<32>().to_vec();
    tail.push(0);
    tail.extend(bytes);
    tail.resize(tail.len().next_multiple_of(32), 0);
    tail
}

/// The tail of an array of tails.
fn list(tails: Vec<Vec<u8>>) -> Vec<u8> {
    let mut out = U256::from(tails.len()).to_be_bytes::<32>().to_vec();
    let mut offset = tails.len() * 32;
    for tail in &tails {
        out.extend(U256::from(offset).to_be_bytes::<32>());
        offset += tail.len();
    }
    tails.into_iter().for_each(|tail| out.extend(tail));
    out
}

fn encode(args: &[Arg]) -> Vec<u8> {
    let (mut head, mut tails) = (Vec::new(), Vec::new());
    for arg in args {
        match arg.encode() {
            Ok(word) => head.extend(word),
            Err(tail) => {
                head.extend(U256::from(args.len() * 32 + tails.len()).to_be_bytes::<32>());
                tails.extend(tail);
            }
        }
    }
    head.extend(tails);
    head
}

/// Reads genes.
pub(crate) struct Maker<'a> {
    genes: &'a Genes,
    next: usize,
}

impl Maker<'_> {
    fn gene(&mut self) -> u32 {
        let gene = self.genes[self.next % self.genes.len()];
        self.next += 1;
        gene
    }

    fn below(&mut self, n: u32) -> u64 {
        u64::from(self.gene() % n)
    }

    /// A size from 1 to `max`: an edge, or anything, each power of two as likely as the others.
    fn size(&mut self, max: u64) -> u64 {
        let gene = u64::from(self.gene());
        if gene % 2 == 0 {
            return EDGES[(gene / 2 % 24) as usize].min(max);
        }
        let bits = (gene / 2) % u64::from(64 - max.leading_zeros());
        let size = (1 << bits) + (gene >> 8) % (1 << bits);
        size.min(max)
    }

    /// Sides whose product is within the budget, in an order that the genes decide.
    fn within<const N: usize>(&mut self, budget: u64, limits: [u64; N]) -> [u64; N] {
        let (first, mut left, mut sides) = (self.below(64) as usize, budget, [1; N]);
        for turn in 0..N {
            let side = (first + turn) % N;
            sides[side] = self.size(limits[side].min(left).max(1));
            left /= sides[side];
        }
        sides
    }

    /// Sides of a product.
    fn product(&mut self, limits: [u64; 3]) -> [u64; 3] {
        let [m, k, n] = self.within(WORK_MAX, limits);
        // Neither side nor the result leaves calldata and output.
        let m = m.min(BYTES_MAX / 4 / k).max(1);
        let n = n.min(BYTES_MAX / 4 / k).max(1).min((1 << 19) / m);
        [m, k, n.max(1)]
    }

    fn count(&mut self, bytes: u64) -> u64 {
        self.size(BYTES_MAX / bytes / 2)
    }

    /// Clients and elements of each.
    fn clients(&mut self, bytes: u64) -> (u64, u64) {
        let c = self.size(256);
        (c, self.size((BYTES_MAX / bytes / c).max(1)))
    }

    /// Code and bytes of one of the first types: u8, i8, i16, i32, i64.
    fn dtype(&mut self, first: u32) -> (u64, u64) {
        [(2, 1), (3, 1), (5, 2), (6, 4), (7, 8)][self.below(first) as usize]
    }

    /// The same of i8, i16, i32.
    fn signed(&mut self, first: u32) -> (u64, u64) {
        [(3, 1), (5, 2), (6, 4)][self.below(first) as usize]
    }

    /// Elements: noise, noise of few values, or all the same.
    fn tensor(&mut self, bytes: u64) -> Arg {
        let bytes = usize::try_from(bytes).unwrap();
        let gene = self.gene();
        Arg::Operand(match gene % 4 {
            0 => vec![0x80; bytes],
            1 => noise(bytes, gene).iter().map(|byte| byte & 1).collect(),
            _ => noise(bytes, gene),
        })
    }

    fn tensors(&mut self, count: u64, bytes: u64) -> Arg {
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
