//! Calls of the AI operations from a seed: tensors put, joined, used by handle, touched and pruned, in time
//! and too late, rightly and wrongly.

use crate::TxParams;
use alloy_primitives::{Address, Bytes, U256, hex, keccak256};
use foggara_precompiles::{
    Ctl, Dtype, NoHost, Portable, address_of,
    tree::{Descriptor, TensorShape, page_roots, root},
};
use rand::{Rng, rngs::StdRng};

/// Runtime code that makes the calls in its calldata one after the other: address 32, size 32, calldata. A
/// first byte of one lets a call fail; any other failure is passed on. Returns what the last one returned.
pub const SCRIPT_CODE: [u8; 65] = hex!(
    "5f5b803614603957806020013580826040015f375f5f825f5f86355af1823560f81c171560315701
     6040016001560000005b3d5f5f3e3d5ffd5b3d5f5f3e3d5ff3"
);

/// A tensor that some call may name.
#[derive(Debug)]
struct Content {
    id: [u8; 32],
    dtype: Dtype,
    dims: Vec<u32>,
    data: Vec<u8>,
}

/// The tensors and operations to choose from.
#[derive(Debug)]
pub(crate) struct AiCalls {
    contents: Vec<Content>,
    /// Two contents that join to a third.
    joins: Vec<[usize; 3]>,
    /// Tensors that are put for one epoch at the beginning, and then left until they can be pruned.
    left_alone: Vec<Content>,
    /// Calls of the store so far.
    turn: usize,
    script: Address,
}

/// `put`, `concat`, `info`, `read`, `touch`, `prune`.
const TENSOR: u8 = 0xf0;
const STORE: u64 = 0x80;

impl AiCalls {
    /// Tensors from a seed; `script` has [`SCRIPT_CODE`].
    pub(crate) fn new(rng: &mut StdRng, script: Address) -> Self {
        let mut contents = Vec::new();
        let mut bytes = |size: usize| (0..size).map(|_| rng.random()).collect::<Vec<u8>>();
        // Four clients of a round, an operand of several pages, vectors, and two pairs that join.
        for _ in 0..4 {
            contents.push(Content::new(Dtype::I8, &[96], bytes(96)));
        }
        contents.push(Content::new(Dtype::I8, &[16, 600], bytes(9_600)));
        contents.push(Content::new(Dtype::I8, &[8, 32], bytes(256)));
        contents.push(Content::new(Dtype::I16, &[2, 3, 4], bytes(48)));
        contents.push(Content::new(Dtype::I32, &[100], bytes(400)));
        let (a, b, c) = (bytes(32 * 100), bytes(5 * 100), bytes(4_096 + 70));
        let joins = [
            (Dtype::I8, vec![32, 100], vec![5, 100], [a, b]),
            (
                Dtype::U8,
                vec![4_096],
                vec![70],
                [c[..4_096].into(), c[4_096..].into()],
            ),
        ];
        let mut triples = Vec::new();
        for (dtype, first, second, [a, b]) in joins {
            let mut whole = first.clone();
            whole[0] += second[0];
            let at = contents.len();
            contents.push(Content::new(dtype, &whole, [&a[..], &b].concat()));
            contents.push(Content::new(dtype, &first, a));
            contents.push(Content::new(dtype, &second, b));
            triples.push([at + 1, at + 2, at]);
        }
        let left_alone = (0..8)
            .map(|_| Content::new(Dtype::I16, &[5, 7], bytes(70)))
            .collect();
        Self {
            contents,
            joins: triples,
            left_alone,
            turn: 0,
            script,
        }
    }

    /// Names the contract that has [`SCRIPT_CODE`].
    pub(crate) const fn set_script(&mut self, script: Address) {
        self.script = script;
    }

    /// A call of the store.
    pub(crate) fn store(&mut self, rng: &mut StdRng) -> TxParams {
        self.turn += 1;
        let pair = self.turn / 2;
        if self.turn.is_multiple_of(2)
            && let Some(content) = self.left_alone.get(pair - 1)
        {
            return direct(TENSOR, content.put(1));
        }
        let content = &self.contents[rng.random_range(0..self.contents.len())];
        let epochs = rng.random_range(0..4u64);
        let call = match rng.random_range(0..20) {
            0..9 => content.put(epochs),
            9..12 => self.join(rng, epochs.max(1)),
            12 => call("info(bytes32)", &[Arg::Word(content.id)]),
            13 | 14 => {
                let range = [rng.random_range(0..80), rng.random_range(0..40)].map(Arg::Int);
                let [start, count] = range;
                call(
                    "read(bytes32,uint64,uint64)",
                    &[Arg::Word(content.id), start, count],
                )
            }
            15..17 => call(
                "touch(bytes32,uint32)",
                &[Arg::Word(content.id), Arg::Int(epochs)],
            ),
            17 | 18 => {
                let lonely = &self.left_alone[rng.random_range(0..self.left_alone.len())];
                let id = if rng.random() { lonely.id } else { content.id };
                call("prune(bytes32)", &[Arg::Word(id)])
            }
            _ => {
                let mut call = content.put(1);
                let at = rng.random_range(4..call.len());
                call[at] ^= 1 << rng.random_range(0..8);
                call
            }
        };
        direct(TENSOR, call)
    }

    fn join(&self, rng: &mut StdRng, epochs: u64) -> Vec<u8> {
        let [a, b, whole] = self.joins[rng.random_range(0..self.joins.len())];
        let mut parts = vec![self.contents[a].id, self.contents[b].id];
        if rng.random_ratio(1, 6) {
            parts.reverse();
        }
        let whole = &self.contents[whole];
        let args = [
            Arg::Int(whole.dtype.code().into()),
            whole.dims(),
            Arg::Int(epochs),
            Arg::Words(parts),
        ];
        call("concat(uint8,uint32[],uint32,bytes32[])", &args)
    }

    /// A call of an operation, its operands often by handle, its result sometimes stored.
    pub(crate) fn operation(&self, rng: &mut StdRng) -> TxParams {
        let store = if rng.random_ratio(1, 3) { STORE } else { 0 };
        let (code, call) = match rng.random_range(0..9) {
            0..3 => self.product(rng, store),
            3 => self.layer(rng, store),
            4..6 => self.round(rng, store),
            6 => {
                let vector = self.operand(rng, 7);
                let (max, i32) = (rng.random_range(0..1 << 20), Dtype::I32.code().into());
                let args = [
                    Arg::Int(store),
                    Arg::Int(i32),
                    Arg::Int(max),
                    Arg::Bytes(vector),
                ];
                (0x13, call("clip(uint8,uint8,uint64,bytes)", &args))
            }
            7 => {
                let (w, g) = (self.operand(rng, 7), self.operand(rng, 7));
                let head = [store, 16, rng.random_range(0..1 << 16), 0].map(Arg::Int);
                let mut args = Vec::from(head);
                args.extend([w, g].map(Arg::Bytes));
                (
                    0x14,
                    call("sgd((uint8,uint8,int32,int32),bytes,bytes)", &args),
                )
            }
            _ => return self.script(rng),
        };
        direct(code, call)
    }

    /// Several calls of one transaction: a tensor is put and used at once, some frame reverts.
    fn script(&self, rng: &mut StdRng) -> TxParams {
        let tensor = address_of(TENSOR);
        let inner = |rng: &mut StdRng| {
            let mut calls = item(tensor, false, &self.contents[5].put(1));
            let (code, call) = self.product(rng, STORE);
            calls.extend(item(address_of(code), rng.random(), &call));
            if rng.random() {
                // No such function: the frame reverts.
                calls.extend(item(tensor, false, &[0; 4]));
            }
            calls
        };
        let mut calls = Vec::new();
        for _ in 0..rng.random_range(1..3) {
            calls.extend(item(self.script.into_array(), true, &inner(rng)));
        }
        calls.extend(inner(rng));
        TxParams::call(self.script, calls, 2_500_000)
    }

    /// `[8, 32]` times rows of the same tensor, transposed.
    fn product(&self, rng: &mut StdRng, store: u64) -> (u8, Vec<u8>) {
        let count = rng.random_range(1..9usize);
        let rows = count as u64;
        let weights = match rng.random_range(0..4) {
            0 => inline(&self.contents[5].data[..count * 32]),
            1 => by_handle(self.contents[5].id, (8 - rows) * 32, 0),
            2 => by_handle(self.contents[5].id, 0, rows * 32),
            // A type that does not fit, or a range.
            _ => by_handle(self.contents[rng.random_range(4..9)].id, 0, rows * 32),
        };
        let head = [store, 0, 1, 8, 32, rows].map(Arg::Int);
        let mut args = Vec::from(head);
        args.push(Arg::Bytes(self.operand(rng, 5)));
        args.push(Arg::Bytes(weights));
        let signature = "matmul((uint8,uint8,uint32,uint32,uint32,uint32),bytes,bytes)";
        (0x01, call(signature, &args))
    }

    /// A quantised layer of 600 inputs, weights of several pages.
    fn layer(&self, rng: &mut StdRng, store: u64) -> (u8, Vec<u8>) {
        let x: Vec<u8> = (0..600).map(|_| rng.random()).collect();
        let head = [store, 0, 2, 1, 600, 16, 0, 0, 0, 0, 0].map(Arg::Int);
        let mut args = Vec::from(head);
        args.extend([inline(&x), self.operand(rng, 4)].map(Arg::Bytes));
        args.extend([Vec::new(), Vec::new(), Vec::new()].map(Arg::Bytes));
        let params = "(uint8,uint8,uint8,uint32,uint32,uint32,int32,int32,int32,int32,int32)";
        (
            0x02,
            call(
                &format!("linear({params},bytes,bytes,bytes,bytes,bytes)"),
                &args,
            ),
        )
    }

    /// A federated round: a mean or a median of four clients.
    fn round(&self, rng: &mut StdRng, store: u64) -> (u8, Vec<u8>) {
        let clients = (0..4).map(|client| self.operand(rng, client)).collect();
        let i8 = Arg::Int(Dtype::I8.code().into());
        if rng.random() {
            let weights = (0..4).map(|_| word(rng.random_range(1..50))).collect();
            let args = [
                Arg::Int(store),
                i8,
                Arg::Int(96),
                Arg::Words(weights),
                Arg::Int(0),
                Arg::List(clients),
            ];
            return (
                0x10,
                call("mean(uint8,uint8,uint32,int32[],uint64,bytes[])", &args),
            );
        }
        let args = [Arg::Int(store), i8, Arg::Int(96), Arg::List(clients)];
        (0x11, call("median(uint8,uint8,uint32,bytes[])", &args))
    }

    /// All of a tensor, by value or by handle.
    fn operand(&self, rng: &mut StdRng, content: usize) -> Vec<u8> {
        let content = &self.contents[content];
        if rng.random_ratio(1, 4) {
            inline(&content.data)
        } else {
            by_handle(content.id, 0, 0)
        }
    }
}

impl Content {
    fn new(dtype: Dtype, dims: &[u32], data: Vec<u8>) -> Self {
        let shape = TensorShape::new(0, dtype, dims.iter().copied()).expect("a shape");
        let mut ctl = Ctl::new(&NoHost);
        let roots = page_roots(&shape, &data, &Portable, &mut ctl).expect("never cancelled");
        let root = root(&shape, &roots, &Portable, &mut ctl).expect("never cancelled");
        Self {
            id: Descriptor { shape, root }.id(),
            dtype,
            dims: dims.to_vec(),
            data,
        }
    }

    fn dims(&self) -> Arg {
        Arg::Words(self.dims.iter().map(|dim| word((*dim).into())).collect())
    }

    fn put(&self, epochs: u64) -> Vec<u8> {
        let args = [
            Arg::Int(self.dtype.code().into()),
            self.dims(),
            Arg::Int(epochs),
            Arg::Bytes(inline(&self.data)),
        ];
        call("put(uint8,uint32[],uint32,bytes)", &args)
    }
}

fn direct(code: u8, call: Vec<u8>) -> TxParams {
    TxParams::call(address_of(code).into(), call, 900_000)
}

fn item(to: [u8; 20], may_fail: bool, data: &[u8]) -> Vec<u8> {
    let mut head = Address::from(to).into_word().0;
    head[0] = may_fail.into();
    [&head[..], &word(data.len() as u64), data].concat()
}

fn inline(data: &[u8]) -> Vec<u8> {
    [&[0], data].concat()
}

fn by_handle(id: [u8; 32], start: u64, count: u64) -> Vec<u8> {
    [&[1], &id[..], &start.to_be_bytes(), &count.to_be_bytes()].concat()
}

/// An argument of a call.
enum Arg {
    Int(u64),
    Word([u8; 32]),
    Bytes(Vec<u8>),
    Words(Vec<[u8; 32]>),
    List(Vec<Vec<u8>>),
}

fn word(value: u64) -> [u8; 32] {
    U256::from(value).to_be_bytes()
}

fn call(signature: &str, args: &[Arg]) -> Vec<u8> {
    [&keccak256(signature)[..4], &encode(args)].concat()
}

/// Solidity ABI, a struct of static members member by member.
fn encode(args: &[Arg]) -> Vec<u8> {
    let (mut head, mut tail) = (Vec::new(), Vec::new());
    for arg in args {
        let at = word((args.len() * 32 + tail.len()) as u64);
        match arg {
            Arg::Int(value) => head.extend(word(*value)),
            Arg::Word(value) => head.extend(value),
            Arg::Bytes(bytes) => {
                head.extend(at);
                tail.extend(word(bytes.len() as u64));
                tail.extend(bytes);
                tail.resize(tail.len().next_multiple_of(32), 0);
            }
            Arg::Words(words) => {
                head.extend(at);
                tail.extend(word(words.len() as u64));
                tail.extend(words.concat());
            }
            Arg::List(list) => {
                head.extend(at);
                tail.extend(word(list.len() as u64));
                let elements: Vec<Arg> = list.iter().cloned().map(Arg::Bytes).collect();
                tail.extend(encode(&elements));
            }
        }
    }
    [head, tail].concat()
}

/// Init code that returns [`SCRIPT_CODE`].
pub(crate) fn script_init_code() -> Bytes {
    let size = u8::try_from(SCRIPT_CODE.len()).expect("it is short");
    let mut code = vec![0x60, size, 0x60, 0x0a, 0x5f, 0x39, 0x60, size, 0x5f, 0xf3];
    code.extend(SCRIPT_CODE);
    code.into()
}
