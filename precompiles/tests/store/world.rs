//! A chain in memory: records and flags that a reverted frame takes back, bytes that nothing does.

use alloy_primitives::Bytes;
#[path = "../common/calldata.rs"]
#[allow(dead_code, reason = "each test takes a part")]
mod calldata;

pub(crate) use calldata::{Value, calldata, inline, int, word};
use foggara_precompiles::{
    CREATED, CallKind, Fatal, Host, Loaded, NewTensor, OpError, Outcome, Portable, RESIDENT,
    Record, address_of, call, op_at,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

pub(crate) const TENSOR: u8 = 0xf0;
pub(crate) const MATMUL: u8 = 0x01;
pub(crate) const EPOCH: u64 = 604_800;
pub(crate) const CALLER: [u8; 20] = [0xca; 20];

/// What a frame can take back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Journal {
    pub(crate) records: BTreeMap<[u8; 32], Record>,
    pub(crate) flags: BTreeMap<[u8; 32], u8>,
    pub(crate) warm: BTreeSet<[u8; 32]>,
    pub(crate) logs: Vec<([[u8; 32]; 3], [u8; 32])>,
}

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) journal: Journal,
    pub(crate) bytes: BTreeMap<[u8; 32], NewTensor>,
    pub(crate) now: u64,
    pub(crate) block: u64,
    pub(crate) kind: CallKind,
    pub(crate) metered: u64,
    pub(crate) meter_left: u64,
    /// Set by whatever asks for bytes or descriptors.
    pub(crate) fetched: u64,
}

impl Default for World {
    fn default() -> Self {
        Self {
            journal: Journal::default(),
            bytes: BTreeMap::new(),
            now: 1_700_000_000,
            block: 100,
            kind: CallKind::default(),
            metered: 0,
            meter_left: u64::MAX,
            fetched: 0,
        }
    }
}

/// How a call ended, with its gas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Ok(u64, Vec<u8>),
    Err(u64, OpError),
    OutOfGas,
}

impl End {
    pub(crate) fn output(self) -> Vec<u8> {
        match self {
            Self::Ok(_, output) => output,
            other => panic!("{other:?}"),
        }
    }
    pub(crate) fn gas(&self) -> u64 {
        match self {
            Self::Ok(gas, _) | Self::Err(gas, _) => *gas,
            Self::OutOfGas => panic!("out of gas"),
        }
    }
    pub(crate) fn id(self) -> [u8; 32] {
        self.output().try_into().unwrap()
    }
    pub(crate) fn error(self) -> OpError {
        match self {
            Self::Err(_, error) => error,
            other => panic!("{other:?}"),
        }
    }
}

impl World {
    /// A call as a frame of its own.
    pub(crate) fn call(&mut self, code: u8, data: &[u8], gas: u64) -> End {
        let before = self.journal.clone();
        let op = op_at(address_of(code)).unwrap();
        let outcome = call(op, data, gas, self, &Portable);
        if !matches!(outcome, Outcome::Success { .. }) {
            self.journal = before;
        }
        match outcome {
            Outcome::Success { gas: used, output } => {
                assert!(used <= gas);
                End::Ok(used, output)
            }
            Outcome::Revert { gas: used, data } => {
                assert!(used <= gas);
                End::Err(used, decode_error(&data))
            }
            Outcome::OutOfGas => End::OutOfGas,
            Outcome::Fatal(fatal) => panic!("{fatal:?}"),
        }
    }

    pub(crate) fn tensor(&mut self, data: &[u8]) -> End {
        self.call(TENSOR, data, 1 << 24)
    }

    /// The next transaction of the block.
    pub(crate) fn next_tx(&mut self) {
        self.journal.flags.clear();
        self.journal.warm.clear();
    }

    /// A transaction in the next block, some seconds later.
    pub(crate) fn next_block(&mut self, seconds: u64) {
        self.next_tx();
        self.block += 1;
        self.now += seconds;
    }

    pub(crate) fn is_created(&self, id: [u8; 32]) -> bool {
        self.journal.flags.get(&id).copied().unwrap_or(0) & CREATED != 0
    }

    pub(crate) fn is_resident(&self, id: [u8; 32]) -> bool {
        self.journal.flags.get(&id).copied().unwrap_or(0) & RESIDENT != 0
    }

    fn at(&mut self, id: [u8; 32]) -> Result<&NewTensor, Fatal> {
        self.fetched += 1;
        assert!(
            self.journal.records.contains_key(&id),
            "only records lead to bytes"
        );
        Ok(self.bytes.get(&id).expect("a recorded tensor has bytes"))
    }
}

impl Host for World {
    fn kind(&self) -> CallKind {
        self.kind
    }
    fn code(&mut self, _: [u8; 20]) -> Result<Loaded<Bytes>, Fatal> {
        let value = Bytes::from_static(&[0, 1, 2, 3, 4, 5, 6]);
        Ok(Loaded {
            value,
            is_cold: true,
        })
    }
    fn caller(&self) -> [u8; 20] {
        CALLER
    }
    fn block_number(&self) -> u64 {
        self.block
    }
    fn timestamp(&self) -> u64 {
        self.now
    }
    fn record(
        &mut self,
        id: [u8; 32],
        may_be_cold: bool,
    ) -> Result<Option<Loaded<Option<Record>>>, Fatal> {
        let is_cold = !self.journal.warm.contains(&id);
        if is_cold && !may_be_cold {
            return Ok(None);
        }
        self.journal.warm.insert(id);
        let value = self.journal.records.get(&id).copied();
        Ok(Some(Loaded { value, is_cold }))
    }
    fn set_record(&mut self, id: [u8; 32], record: Option<Record>) -> Result<(), Fatal> {
        assert!(self.kind.is_direct && !self.kind.is_static);
        match record {
            Some(record) => self.journal.records.insert(id, record),
            None => self.journal.records.remove(&id),
        };
        Ok(())
    }
    fn flags(&mut self, id: [u8; 32]) -> u8 {
        self.journal.flags.get(&id).copied().unwrap_or(0)
    }
    fn set_flags(&mut self, id: [u8; 32], flags: u8) {
        self.journal.flags.insert(id, flags);
    }
    fn log(&mut self, topics: [[u8; 32]; 3], data: [u8; 32]) {
        self.journal.logs.push((topics, data));
    }
    fn stage(&mut self, tensor: NewTensor) {
        self.bytes.insert(tensor.id, tensor);
    }
    fn descriptor(&mut self, id: [u8; 32]) -> Result<Bytes, Fatal> {
        Ok(self.at(id)?.descriptor.clone())
    }
    fn tensor(&mut self, id: [u8; 32], range: Range<u64>) -> Result<Bytes, Fatal> {
        let range = range.start as usize..range.end as usize;
        Ok(self.at(id)?.bytes.slice(range))
    }
    fn page_roots(&mut self, id: [u8; 32]) -> Result<Bytes, Fatal> {
        Ok(self.at(id)?.page_roots.clone())
    }
    fn meter(&mut self, gas: u64) -> Result<(), u64> {
        if gas > self.meter_left {
            return Err(self.meter_left);
        }
        self.meter_left -= gas;
        self.metered += gas;
        Ok(())
    }
}

pub(crate) fn stored(id: [u8; 32], start: u64, count: u64) -> Vec<u8> {
    [&[1], &id[..], &start.to_be_bytes(), &count.to_be_bytes()].concat()
}

pub(crate) fn dims(dims: &[u32]) -> Value {
    Value::Words(dims.iter().map(|dim| word(*dim)).collect())
}

pub(crate) fn put(dtype: u8, shape: &[u32], epochs: u64, data: &[u8]) -> Vec<u8> {
    let args = [
        int(dtype),
        dims(shape),
        int(epochs),
        Value::Bytes(inline(data)),
    ];
    calldata("put(uint8,uint32[],uint32,bytes)", &args)
}

pub(crate) fn concat(dtype: u8, shape: &[u32], epochs: u64, parts: &[[u8; 32]]) -> Vec<u8> {
    let args = [
        int(dtype),
        dims(shape),
        int(epochs),
        Value::Words(parts.to_vec()),
    ];
    calldata("concat(uint8,uint32[],uint32,bytes32[])", &args)
}

pub(crate) fn info(id: [u8; 32]) -> Vec<u8> {
    calldata("info(bytes32)", &[Value::Word(id)])
}

pub(crate) fn read(id: [u8; 32], start: u64, count: u64) -> Vec<u8> {
    let args = [Value::Word(id), int(start), int(count)];
    calldata("read(bytes32,uint64,uint64)", &args)
}

pub(crate) fn touch(id: [u8; 32], epochs: u64) -> Vec<u8> {
    let args = [Value::Word(id), int(epochs)];
    calldata("touch(bytes32,uint32)", &args)
}

pub(crate) fn prune(id: [u8; 32]) -> Vec<u8> {
    calldata("prune(bytes32)", &[Value::Word(id)])
}

/// `matmul` of kind 0, batch 1.
pub(crate) fn matmul(flags: u8, m: u64, k: u64, n: u64, a: Vec<u8>, b: Vec<u8>) -> Vec<u8> {
    let ints = [u64::from(flags), 0, 1, m, k, n].map(int);
    let mut args = Vec::from(ints);
    args.extend([Value::Bytes(a), Value::Bytes(b)]);
    let signature = "matmul((uint8,uint8,uint32,uint32,uint32,uint32),bytes,bytes)";
    calldata(signature, &args)
}

/// The single `bytes` of a result.
pub(crate) fn one_bytes(output: &[u8]) -> Vec<u8> {
    assert_eq!(output[..32], word(32));
    let size = u64::from_be_bytes(output[56..64].try_into().unwrap());
    output[64..][..size as usize].to_vec()
}

fn decode_error(data: &[u8]) -> OpError {
    let low = |index: usize| u64::from_be_bytes(data[28 + 32 * index..][..8].try_into().unwrap());
    let which = || u8::try_from(low(0)).unwrap();
    let id = || -> [u8; 32] { data[4..36].try_into().unwrap() };
    let pair = || (low(0), low(1));
    let all = [
        OpError::BadCalldata,
        OpError::StaticStore,
        OpError::DirectCallOnly,
        OpError::NotPayable,
    ];
    if let Some(found) = all.iter().find(|error| error.encode() == data) {
        return *found;
    }
    let candidates = [
        data.len() == 36 && data[4..35].iter().all(|byte| *byte == 0),
        data.len() == 36,
        data.len() == 68,
        data.len() == 100,
    ];
    let mut tried = Vec::new();
    if candidates[0] {
        let which = which();
        tried.extend([
            OpError::BadShape(which),
            OpError::BadDtype(which),
            OpError::BadParam(which),
            OpError::BadOperand(which),
        ]);
    }
    if candidates[1] {
        let id = id();
        tried.extend([
            OpError::UnknownTensor(id),
            OpError::TensorExpired(id),
            OpError::TensorNotMature(id),
        ]);
    }
    if candidates[2] {
        let (first, second) = pair();
        tried.extend([
            OpError::TooLarge {
                got: first,
                max: second,
            },
            OpError::AiGasLimit {
                want: first,
                left: second,
            },
            OpError::BadElement {
                which: first as u8,
                index: second,
            },
        ]);
    }
    if candidates[3] {
        let (want, got) = (low(1), low(2));
        tried.push(OpError::LengthMismatch {
            which: which(),
            want,
            got,
        });
    }
    let found = tried.into_iter().find(|error| error.encode() == data);
    found.unwrap_or_else(|| panic!("unknown error {data:02x?}"))
}
