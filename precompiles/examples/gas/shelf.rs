//! A chain that holds tensors in memory: what calls of the tensor store need.

use alloy_primitives::Bytes;
use foggara_precompiles::{
    Backend, Fatal, Host, Loaded, NewTensor, Outcome, Record, address_of, call, op_at,
};
use std::{collections::BTreeMap, ops::Range};

/// Tensors of an earlier block, all records warm: the cheapest for whoever calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shelf {
    records: BTreeMap<[u8; 32], Record>,
    tensors: BTreeMap<[u8; 32], NewTensor>,
}

impl Shelf {
    /// Stores a tensor by a call of `put`, and gives its id.
    pub(crate) fn put(&mut self, calldata: &[u8], backend: &dyn Backend) -> [u8; 32] {
        let op = op_at(address_of(0xf0)).expect("the tensor store");
        match call(op, calldata, u64::MAX, self, backend) {
            Outcome::Success { output, .. } => output.try_into().expect("an id"),
            other => panic!("a tensor cannot be stored: {other:?}"),
        }
    }

    fn at(&self, id: [u8; 32]) -> Result<&NewTensor, Fatal> {
        let none = || Fatal::Source("no such tensor".into());
        self.tensors.get(&id).ok_or_else(none)
    }
}

impl Host for Shelf {
    fn code(&mut self, _: [u8; 20]) -> Result<Loaded<Bytes>, Fatal> {
        Err(Fatal::Source("no accounts here".into()))
    }
    fn block_number(&self) -> u64 {
        // Tensors belong to block 0.
        0
    }
    fn sealed_block(&self) -> u64 {
        0
    }
    fn record(&mut self, id: [u8; 32], _: bool) -> Result<Option<Loaded<Option<Record>>>, Fatal> {
        let value = self.records.get(&id).copied();
        Ok(Some(Loaded {
            value,
            is_cold: false,
        }))
    }
    fn set_record(&mut self, id: [u8; 32], record: Option<Record>) -> Result<(), Fatal> {
        match record {
            Some(record) => self.records.insert(id, record),
            None => self.records.remove(&id),
        };
        Ok(())
    }
    fn stage(&mut self, tensor: NewTensor) {
        self.tensors.insert(tensor.id, tensor);
    }
    fn descriptor(&mut self, id: [u8; 32]) -> Result<Bytes, Fatal> {
        Ok(self.at(id)?.descriptor.clone())
    }
    fn tensor(&mut self, id: [u8; 32], range: Range<u64>) -> Result<Bytes, Fatal> {
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        Ok(self.at(id)?.bytes.slice(range))
    }
    fn page_roots(&mut self, id: [u8; 32]) -> Result<Bytes, Fatal> {
        Ok(self.at(id)?.page_roots.clone())
    }
    fn meter(&mut self, _: u64) -> Result<(), u64> {
        Ok(())
    }
}
