//! `concat`: parts that end where pages end.

use crate::{
    I8, PAGE, ramp,
    world::{EPOCH, End, TENSOR, World, concat, put},
};
use foggara_precompiles::{OpError, Record};

#[test]
fn parts_join_where_pages_end() {
    // Rows of 100 bytes have a stride of 128: 32 rows are a page.
    let data = ramp(100 * 70);
    let mut world = World::default();
    let mut part = |rows: std::ops::Range<usize>| {
        let bytes = &data[rows.start * 100..rows.end * 100];
        world
            .tensor(&put(I8, &[rows.len() as u32, 100], 1, bytes))
            .id()
    };
    let ids = [part(0..32), part(32..64), part(64..70)];
    let odd = part(0..31);
    let whole = World::default().tensor(&put(I8, &[70, 100], 1, &data)).id();
    world.next_block(1);
    let call = concat(I8, &[70, 100], 3, &ids);
    let gas = 150 + 3 * 2_100 + 3 * 416 + 22_100 + 1_500 + 7 * 32 * 3;
    assert_eq!(world.clone().call(TENSOR, &call, gas - 1), End::OutOfGas);
    assert_eq!(world.call(TENSOR, &call, gas), End::Ok(gas, whole.to_vec()));
    assert_eq!(world.bytes[&whole].bytes[..], data);
    let expiry = world.now + 3 * EPOCH;
    assert_eq!(
        world.journal.records[&whole],
        Record {
            created_block: 101,
            expiry
        }
    );
    // The same id once more: live, and the parts warm.
    assert_eq!(world.tensor(&call).gas(), gas - 17_100 - 3 * 2_000);
    world.next_tx();

    let mut error = |call: Vec<u8>| world.tensor(&call).error();
    assert_eq!(
        error(concat(I8, &[63, 100], 1, &[odd, ids[0]])),
        OpError::BadShape(3)
    );
    assert_eq!(error(concat(I8, &[69, 100], 1, &ids)), OpError::BadShape(1));
    assert_eq!(error(concat(I8, &[70, 99], 1, &ids)), OpError::BadShape(3));
    assert_eq!(
        error(concat(I8, &[70, 10, 10], 1, &ids)),
        OpError::BadShape(3)
    );
    assert_eq!(error(concat(I8, &[7_000], 1, &ids)), OpError::BadShape(3));
    assert_eq!(error(concat(2, &[70, 100], 1, &ids)), OpError::BadDtype(3));
    assert_eq!(error(concat(I8, &[70, 100], 1, &[])), OpError::BadShape(3));
    let (got, max) = (1_025, 1_024);
    assert_eq!(
        error(concat(I8, &[70, 100], 1, &[ids[0]; 1_025])),
        OpError::TooLarge { got, max }
    );
    assert_eq!(error(concat(I8, &[70, 100], 0, &ids)), OpError::BadParam(2));
    let unknown = OpError::UnknownTensor([1; 32]);
    assert_eq!(
        error(concat(I8, &[70, 100], 1, &[ids[0], [1; 32]])),
        unknown
    );
    // The odd one may be the last.
    assert!(matches!(
        world.tensor(&concat(I8, &[63, 100], 1, &[ids[0], odd])),
        End::Ok(..)
    ));
}

#[test]
fn vectors_join_end_to_end_and_long_rows_with_their_padding() {
    let data = ramp(3 * PAGE * 4);
    for (shape, cuts) in [
        // Rank 1: three pages of four, then one, then a bit.
        (
            vec![vec![3 * PAGE], vec![PAGE], vec![10]],
            vec![4 * PAGE + 10],
        ),
        // Rows of three pages in strides of four.
        (
            vec![vec![2, 3 * PAGE], vec![1, 3 * PAGE]],
            vec![3, 3 * PAGE],
        ),
        // Rank 3.
        (vec![vec![1, 2, PAGE], vec![2, 2, PAGE]], vec![3, 2, PAGE]),
    ] {
        let dims = |shape: &[usize]| shape.iter().map(|dim| *dim as u32).collect::<Vec<_>>();
        let mut world = World::default();
        let mut at = 0;
        let mut ids = Vec::new();
        for part in &shape {
            let size: usize = part.iter().product();
            ids.push(
                world
                    .tensor(&put(I8, &dims(part), 1, &data[at..at + size]))
                    .id(),
            );
            at += size;
        }
        // In the transaction that made the parts they are readable at once.
        let joined = world.tensor(&concat(I8, &dims(&cuts), 1, &ids)).id();
        let whole = World::default()
            .tensor(&put(I8, &dims(&cuts), 1, &data[..at]))
            .id();
        assert_eq!(joined, whole, "{shape:?}");
    }
}
