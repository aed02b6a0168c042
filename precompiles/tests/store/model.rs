//! Random calls against a model: a handful of tensors, stored, joined, used, touched, left to expire and
//! pruned, over transactions, blocks, years, and frames that revert.

use crate::world::*;
use foggara_precompiles::{OpError, Record};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::{BTreeMap, BTreeSet};

/// A tensor that may or may not be stored.
struct Content {
    id: [u8; 32],
    dtype: u8,
    dims: Vec<u32>,
    data: Vec<u8>,
    /// Size of an element, rows, words of data in a row, pages with data.
    size: u64,
    rows: u64,
    words: u64,
    pages: u64,
}

impl Content {
    fn new(dtype: u8, dims: &[u32], data: Vec<u8>) -> Self {
        let size = match dtype {
            2 | 3 => 1,
            5 => 2,
            _ => 4,
        };
        let elements: u64 = dims.iter().map(|dim| u64::from(*dim)).product();
        let rows = if dims.len() == 1 { 1 } else { dims[0].into() };
        let row = elements / rows * size;
        assert_eq!(data.len() as u64, rows * row);
        // Which pages hold data, row by row.
        let stride = row.next_power_of_two().max(32);
        let pages: BTreeSet<u64> = (0..rows)
            .flat_map(|index| {
                let start = index * stride;
                start / 4_096..(start + row).div_ceil(4_096)
            })
            .collect();
        Self {
            id: World::default().tensor(&put(dtype, dims, 1, &data)).id(),
            dtype,
            dims: dims.to_vec(),
            size,
            rows,
            words: row.div_ceil(32),
            pages: pages.len() as u64,
            data,
        }
    }

    fn bytes(&self) -> u64 {
        self.data.len() as u64
    }

    fn rent(&self, epochs: u64) -> u64 {
        32 * self.bytes().div_ceil(1_024) * epochs
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Model {
    records: BTreeMap<[u8; 32], Record>,
    warm: BTreeSet<[u8; 32]>,
    created: BTreeSet<[u8; 32]>,
    resident: BTreeSet<[u8; 32]>,
    events: usize,
}

/// Gas of the loads so far, and the error, or what came of it.
type Expected = Result<(u64, Vec<u8>), (u64, OpError)>;

impl Model {
    fn load(&mut self, id: [u8; 32]) -> (u64, Option<Record>) {
        let gas = if self.warm.insert(id) { 2_100 } else { 100 };
        (gas, self.records.get(&id).copied())
    }

    fn readable(&mut self, id: [u8; 32], world: &World) -> Result<u64, (u64, OpError)> {
        let (gas, record) = self.load(id);
        let Some(record) = record else {
            return Err((gas, OpError::UnknownTensor(id)));
        };
        if record.expiry <= world.now {
            return Err((gas, OpError::TensorExpired(id)));
        }
        if record.created_block == world.block && !self.created.contains(&id) {
            return Err((gas, OpError::TensorNotMature(id)));
        }
        Ok(gas)
    }

    /// Stores; gives the price of the record.
    fn store(&mut self, id: [u8; 32], epochs: u64, world: &World) -> u64 {
        self.warm.insert(id);
        self.events += 1;
        let until = world.now + epochs * EPOCH;
        let old = self.records.get(&id).filter(|old| old.expiry > world.now);
        let (record, price) = match old {
            Some(old) => (
                Record {
                    expiry: old.expiry.max(until),
                    ..*old
                },
                5_000,
            ),
            None => (
                Record {
                    created_block: world.block,
                    expiry: until,
                },
                22_100,
            ),
        };
        self.records.insert(id, record);
        self.created.insert(id);
        price
    }

    fn put(&mut self, content: &Content, epochs: u64, world: &World) -> Expected {
        if epochs == 0 || epochs > 104 {
            return Err((0, OpError::BadParam(2)));
        }
        let record = self.store(content.id, epochs, world);
        let hash = 16 * content.rows * content.words;
        let words = content.bytes().div_ceil(32);
        let gas = record + 1_500 + hash + words + content.rent(epochs);
        Ok((gas, content.id.to_vec()))
    }

    fn concat(&mut self, parts: &[&Content], whole: &Content, world: &World) -> Expected {
        let mut loads = 0;
        for part in parts {
            match self.readable(part.id, world) {
                Ok(gas) => loads += gas,
                Err((gas, error)) => return Err((loads + gas, error)),
            }
        }
        let pages: u64 = parts.iter().map(|part| part.pages).sum();
        let record = self.store(whole.id, 2, world);
        let gas = loads + record + 1_500 + 416 * pages + whole.rent(2);
        Ok((gas, whole.id.to_vec()))
    }

    fn read(&mut self, content: &Content, start: u64, count: u64, world: &World) -> Expected {
        let mut gas = self.readable(content.id, world)?;
        let elements = content.bytes() / content.size;
        let count = if count == 0 {
            elements.saturating_sub(start)
        } else {
            count
        };
        if count == 0 || start + count > elements {
            return Err((gas, OpError::BadOperand(1)));
        }
        let from = (start * content.size) as usize;
        let bytes = &content.data[from..from + (count * content.size) as usize];
        if !self.created.contains(&content.id) && !self.resident.contains(&content.id) {
            // Every place in the image that the range covers.
            let row = content.bytes() / content.rows;
            let stride = row.next_power_of_two().max(32);
            let at = |byte: u64| (byte / row * stride + byte % row) / 4_096;
            let last = from as u64 + bytes.len() as u64;
            let touched: BTreeSet<u64> = (from as u64..last).map(at).collect();
            gas += 400 * touched.len() as u64;
            if bytes.len() == content.data.len() {
                self.resident.insert(content.id);
            }
        }
        let words = (bytes.len() as u64).div_ceil(32);
        let mut output = [word(32), word(bytes.len() as u64)].concat();
        output.extend(bytes);
        output.resize(output.len().next_multiple_of(32), 0);
        Ok((gas + words + 3 * words, output))
    }

    fn info(&mut self, content: &Content) -> Expected {
        let (gas, record) = self.load(content.id);
        let Some(record) = record else {
            return Err((gas, OpError::UnknownTensor(content.id)));
        };
        let rank = content.dims.len() as u64;
        let tail = [word(record.created_block), word(record.expiry), word(rank)];
        let dims: Vec<_> = content.dims.iter().map(|dim| word(*dim)).collect();
        let head = [word(content.dtype), word(160)];
        // The root is that of the tree: looked at elsewhere.
        Ok((gas + 3 * rank, [&head[..], &tail, &dims].concat().concat()))
    }

    fn touch(&mut self, content: &Content, epochs: u64, world: &World) -> Expected {
        if epochs == 0 || epochs > 104 {
            return Err((0, OpError::BadParam(1)));
        }
        let (gas, record) = self.load(content.id);
        let Some(record) = record else {
            return Err((gas, OpError::UnknownTensor(content.id)));
        };
        if record.expiry <= world.now {
            return Err((gas, OpError::TensorExpired(content.id)));
        }
        let expiry = record.expiry + epochs * EPOCH;
        if expiry > world.now + 104 * EPOCH {
            return Err((gas, OpError::BadParam(1)));
        }
        self.records.insert(content.id, Record { expiry, ..record });
        self.events += 1;
        Ok((5_000 + 1_500 + content.rent(epochs), word(expiry).to_vec()))
    }

    fn prune(&mut self, content: &Content, world: &World) -> Expected {
        let (gas, record) = self.load(content.id);
        let Some(record) = record else {
            return Err((gas, OpError::UnknownTensor(content.id)));
        };
        if world.now < record.expiry + 60 * 86_400 {
            return Err((gas, OpError::BadParam(0)));
        }
        self.records.remove(&content.id);
        self.events += 1;
        Ok((5_000 + 1_500, Vec::new()))
    }
}

fn steps() -> u64 {
    let given = std::env::var("FOGGARA_CASES").ok();
    given.map_or(10_000, |count| count.parse().unwrap())
}

#[test]
fn random_lives_agree_with_the_model() {
    let seed = 71;
    let mut rng = StdRng::seed_from_u64(seed);
    let mut bytes = |count: usize| (0..count).map(|_| rng.random()).collect::<Vec<u8>>();
    // Parts with strides of 128 (32 rows a page), of two pages, and of rank 1.
    let (a, b, c, d) = (
        bytes(32 * 100),
        bytes(7 * 100),
        bytes(5_000),
        bytes(2 * 8_192),
    );
    let contents = [
        Content::new(3, &[32, 100], a.clone()),
        Content::new(3, &[7, 100], b.clone()),
        Content::new(3, &[39, 100], [&a[..], &b].concat()),
        Content::new(3, &[64, 100], [&a[..], &a].concat()),
        Content::new(2, &[4_096], c[..4_096].to_vec()),
        Content::new(2, &[904], c[4_096..].to_vec()),
        Content::new(2, &[5_000], c),
        Content::new(5, &[2, 4_096], d.clone()),
        Content::new(5, &[4, 4_096], [&d[..], &d].concat()),
        Content::new(6, &[3, 2, 5], bytes(120)),
    ];
    let joins: [(&[usize], usize); 4] = [(&[0, 1], 2), (&[0, 0], 3), (&[4, 5], 6), (&[7, 7], 8)];

    let mut world = World::default();
    let mut model = Model::default();
    let mut frames: Vec<(Journal, Model)> = Vec::new();
    let mut ends = BTreeMap::<String, u64>::new();
    for step in 0..steps() {
        if frames.is_empty() && rng.random_bool(0.2) {
            world.next_tx();
            model.warm.clear();
            model.created.clear();
            model.resident.clear();
            if rng.random_bool(0.5) {
                let seconds = match rng.random_range(0..20) {
                    0 => rng.random_range(0..200 * 86_400),
                    1..4 => rng.random_range(0..2 * EPOCH),
                    _ => 1,
                };
                world.next_block(seconds);
            }
        }
        if frames.len() < 4 && rng.random_bool(0.1) {
            frames.push((world.journal.clone(), model.clone()));
        } else if rng.random_bool(0.1)
            && let Some((journal, before)) = frames.pop()
            && rng.random_bool(0.5)
        {
            world.journal = journal;
            model = before;
        }
        let content = &contents[rng.random_range(0..contents.len())];
        let epochs = match rng.random_range(0..12) {
            0 => rng.random_range(100..110),
            1 => 0,
            _ => rng.random_range(1..4),
        };
        let before = model.clone();
        let (name, call, expected) = match rng.random_range(0..10) {
            0..3 => {
                let call = put(content.dtype, &content.dims, epochs, &content.data);
                ("put", call, model.put(content, epochs, &world))
            }
            3..5 => {
                let (parts, whole) = joins[rng.random_range(0..joins.len())];
                let (parts, whole): (Vec<_>, _) = (
                    parts.iter().map(|part| &contents[*part]).collect(),
                    &contents[whole],
                );
                let ids: Vec<_> = parts.iter().map(|part| part.id).collect();
                let call = concat(whole.dtype, &whole.dims, 2, &ids);
                ("concat", call, model.concat(&parts, whole, &world))
            }
            5 => ("info", info(content.id), model.info(content)),
            6..8 => {
                let elements = content.bytes() / content.size;
                let start = if rng.random_bool(0.5) {
                    0
                } else {
                    rng.random_range(0..=elements)
                };
                let count = if rng.random_bool(0.5) {
                    0
                } else {
                    rng.random_range(0..=elements)
                };
                let call = read(content.id, start, count);
                ("read", call, model.read(content, start, count, &world))
            }
            8 => {
                let call = touch(content.id, epochs);
                ("touch", call, model.touch(content, epochs, &world))
            }
            _ => ("prune", prune(content.id), model.prune(content, &world)),
        };
        let end = world.tensor(&call);
        let context = format!("step {step} of seed {seed}: {name}");
        match (&expected, &end) {
            (Ok((gas, output)), End::Ok(spent, found)) => {
                assert_eq!(150 + gas, *spent, "{context}");
                let mut found = found.clone();
                if name == "info" {
                    found.drain(64..96);
                }
                assert_eq!(*output, found, "{context}");
            }
            (Err((loads, error)), End::Err(spent, found)) => {
                let gas = 150 + (call.len() as u64).div_ceil(32) + loads;
                assert_eq!((gas, error), (*spent, found), "{context}");
                // A frame that reverts takes back what it warmed.
                model = before;
            }
            other => panic!("{context}: {other:?}"),
        }
        assert_eq!(world.journal.records, model.records, "{context}");
        assert_eq!(world.journal.warm, model.warm, "{context}");
        assert_eq!(world.journal.logs.len(), model.events, "{context}");
        let what = match end {
            End::Ok(..) => "ok".to_owned(),
            End::Err(_, error) => format!("{error:?}")
                .split(['(', ' '])
                .next()
                .unwrap()
                .to_owned(),
            End::OutOfGas => unreachable!(),
        };
        *ends.entry(format!("{name} {what}")).or_default() += 1;
    }
    for (what, count) in &ends {
        println!("{count:>8} {what}");
    }
    // Every end that there is was met.
    assert!(ends.len() >= 18, "{ends:?}");
}
