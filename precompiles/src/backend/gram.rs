//! Inner products of all pairs of vectors, as a product of a matrix with its own transpose of which
//! only the tiles on and above the diagonal are computed.

#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // Of checked shapes.

use super::{
    Ctl, aggregate,
    tiled::{
        BLOCK_COLUMNS, BLOCK_ROWS, Form, GROUPS, GROUPS_OF_HALVES, Micro, Part, ROW, Scratch, Side,
        Tile, blocks, with_scratch,
    },
};
use crate::{Dtype, Fatal};
use alloc::vec;

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
    if inputs.len() > BLOCK_COLUMNS {
        return aggregate::gram(dtype, inputs, out, ctl);
    }
    let forms = (a_forms, b_form);
    with_scratch(|scratch| blocked(micro, (size, groups), forms, inputs, out, scratch, ctl))
}

fn blocked<M: Micro>(
    micro: M,
    (size, groups): (usize, usize),
    (a_forms, b_form): (&[Form], Form),
    inputs: &[&[u8]],
    out: &mut [i64],
    scratch: &mut Scratch,
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    let clients = inputs.len();
    let length = inputs.first().map_or(0, |input| input.len() / size);
    let step = length.min(groups * b_form.elements());
    let width = clients.next_multiple_of(M::COLUMNS);
    let (bias, [b, first, second, low, high]) = scratch.buffers();
    let mut a = [first, second];
    bias.fill(0);
    // Stays so where there is but one form.
    high.fill(0);
    // The clients of one block of the length.
    let mut together = vec![0; clients * step * size];
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
        let groups = count.div_ceil(b_form.elements());
        let panel_bytes = M::COLUMNS * groups * 4;
        for ((column, columns), panel) in
            blocks(clients, M::COLUMNS).zip(b.chunks_exact_mut(panel_bytes))
        {
            micro.turn(b_form, &side, part(column, columns), panel);
            if a_forms[0] == Form::Flipped {
                micro.bias(panel, &mut bias[column..column + M::COLUMNS]);
            }
        }
        for (block, block_rows) in blocks(clients, BLOCK_ROWS) {
            for (form, a) in a_forms.iter().zip(&mut a) {
                micro.pack_rows(*form, &side, part(block, block_rows), a);
            }
            for ((column, columns), panel) in
                blocks(clients, M::COLUMNS).zip(b.chunks_exact(panel_bytes))
            {
                // On and above the diagonal.
                let rows = block_rows.min((column + columns).saturating_sub(block));
                for (row, rows) in blocks(rows, M::ROWS) {
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
                    micro.tile(&tile, low);
                    if a_forms.len() > 1 {
                        tile.a = &a[1][row * ROW..];
                        micro.tile(&tile, high);
                    }
                    (tile.pitch, tile.adds) = (width, true);
                    let at = (block + row) * width + column;
                    micro.join(&tile, low, high, &mut all[at * 8..]);
                }
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
