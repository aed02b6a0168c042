//! The functions that are searched, and how genes become their arguments.

use super::genes::{Arg, BYTES_MAX, Maker, scales};

/// A function to search.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) op: u8,
    pub(crate) signature: &'static str,
    pub(crate) args: fn(&mut Maker<'_>) -> Vec<Arg>,
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
            args.push(Arg::fill(n * 4, 0));
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
            args.push(Arg::fill(n * 8, if large == 0 { 0 } else { 0x7f }));
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
                Arg::Operands(vec![
                    vec![0x1f; usize::try_from(n * limb).unwrap()];
                    t as usize
                ]),
            ]
        },
    ),
    target("put", 0xf0, "put(uint8,uint32[],uint32,bytes)", |g| {
        let (code, size) = g.dtype(5);
        let dims = g.dims(BYTES_MAX / 4 / size);
        let data = g.tensor(dims.iter().product::<u64>() * size);
        // A live record costs less than a new one.
        if g.below(2) == 0 {
            g.put(code, &dims, &data);
        }
        vec![Arg::Word(code), Arg::words(&dims), Arg::Word(1), data]
    }),
    target(
        "concat",
        0xf0,
        "concat(uint8,uint32[],uint32,bytes32[])",
        |g| {
            let (code, size) = g.dtype(5);
            let is_flat = g.below(2) == 0;
            let row = g.size(BYTES_MAX / 256 / size);
            // Rows that end with a page, whatever their padding.
            let rows = if is_flat {
                4_096 / size
            } else {
                128 * g.size(BYTES_MAX / 128 / row / size)
            };
            let dims = |rows: u64| [rows, row][..if is_flat { 1 } else { 2 }].to_vec();
            let count = g.size(if is_flat {
                256
            } else {
                (BYTES_MAX / size / rows / row).clamp(1, 1_024)
            });
            let distinct = g.size(count.min(8));
            let ids: Vec<[u8; 32]> = (0..distinct)
                .map(|_| {
                    let dims = dims(rows);
                    let data = g.tensor(dims.iter().product::<u64>() * size);
                    g.put(code, &dims, &data)
                })
                .collect();
            let parts = ids.into_iter().cycle().take(count as usize).collect();
            vec![
                Arg::Word(code),
                Arg::words(&dims(rows * count)),
                Arg::Word(1),
                Arg::Ids(parts),
            ]
        },
    ),
];
