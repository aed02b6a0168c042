//! Inner products of all pairs of vectors, as a product of a matrix with its own transpose of which
//! only the tiles on and above the diagonal are computed.

#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // Of checked shapes.

use super::{
    Ctl, aggregate,
    tiled::{Form, GROUPS, GROUPS_OF_HALVES, Micro, Part, ROW, Scratch, Side, Tile, blocks},
};
use crate::{Dtype, Fatal};
use alloc::{vec, vec::Vec};

/// Inner products as [`super::Backend::gram`] says.
///
/// # Errors
/// [`Fatal::Cancelled`].
pub(super) fn gram<M: Micro>(
    micro: M,
    dtype: Dtype,
    inputs: &[&[u8]],
    out: &mut [i64],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    let (size, a_forms, b_form, groups): (_, &[Form], _, _) = match dtype {
        Dtype::I8 if M::SINGLE_BYTES => (1, &[Form::Flipped], Form::Bytes, GROUPS),
        Dtype::I8 => (1, &[Form::WideI8], Form::WideI8, GROUPS),
        Dtype::I16 => {
            let halves = &[Form::LowBytes, Form::HighBytes];
            (2, halves, Form::Words, GROUPS_OF_HALVES)
        }
        _ => return aggregate::gram(dtype, inputs, out, ctl),
    };
    let clients = inputs.len();
    let step = groups * b_form.elements();
    let length = inputs.first().map_or(0, |input| input.len() / size);
    let groups = groups.min(length.div_ceil(b_form.elements()));
    let panels = clients.div_ceil(M::COLUMNS);
    let width = panels * M::COLUMNS;
    // Clients of one block together, then as rows of A in each form, and as panels of B.
    let mut together = vec![0; clients * step.min(length) * size];
    let mut a: Vec<Vec<u8>> = vec![vec![0; clients * ROW]; a_forms.len()];
    let mut b = vec![0; width * groups * 4];
    let mut bias = vec![0; width];
    let (mut low, mut high) = ([0; Scratch::SUMS], [0; Scratch::SUMS]);
    let mut all = vec![0; clients * width * 8];
    for (from, count) in blocks(length, step) {
        ctl.next(clients * count)?;
        for (input, line) in inputs.iter().zip(together.chunks_exact_mut(count * size)) {
            line.copy_from_slice(&input[from * size..(from + count) * size]);
        }
        let side = Side {
            bytes: &together[..clients * count * size],
            rows: clients,
            k: count,
            transposed: false,
        };
        let part = |row, rows| Part {
            row,
            rows,
            from: 0,
            count,
        };
        for (form, a) in a_forms.iter().zip(&mut a) {
            micro.pack_rows(*form, &side, part(0, clients), a);
        }
        let groups = count.div_ceil(b_form.elements());
        let panel_bytes = M::COLUMNS * groups * 4;
        for (column, columns) in blocks(clients, M::COLUMNS) {
            let at = column / M::COLUMNS * panel_bytes;
            let panel = &mut b[at..at + panel_bytes];
            micro.turn(b_form, &side, part(column, columns), panel);
            if a_forms[0] == Form::Flipped {
                micro.bias(panel, &mut bias[column..column + M::COLUMNS]);
            }
            for (row, rows) in blocks(clients.min(column + columns), M::ROWS) {
                ctl.next(rows * columns * count)?;
                let mut tile = Tile {
                    a: &a[0][row * ROW..],
                    interleaved: false,
                    b: panel,
                    bias: &bias[column..column + M::COLUMNS],
                    groups,
                    rows,
                    columns,
                    pitch: M::COLUMNS,
                    adds: false,
                    of_bytes: b_form == Form::Bytes,
                };
                micro.tile(&tile, &mut low);
                if let Some(a) = a.get(1) {
                    tile.a = &a[row * ROW..];
                    micro.tile(&tile, &mut high);
                }
                (tile.pitch, tile.adds) = (width, true);
                micro.join(&tile, &low, &high, &mut all[(row * width + column) * 8..]);
            }
        }
    }
    let sums = all.chunks_exact(width * 8).enumerate();
    let upper = sums.flat_map(|(i, line)| &line.as_chunks::<8>().0[i..clients]);
    for (out, sum) in out.iter_mut().zip(upper) {
        *out = i64::from_le_bytes(*sum);
    }
    Ok(())
}
