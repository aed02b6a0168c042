//! Writes a lowered model to a folder.
//!
//! ```text
//! plan.json             the calls
//! tensors/NN-ROLE.bin   packed elements of each tensor of the plan
//! golden/inputs.bin     rows of quantised input, packed
//! golden/outputs.bin    what the calls answer, packed
//! ```

use crate::{ExportError, Model};
use std::{fs, path::Path};

/// Rows of generated golden inputs, if the model does not fix their number.
pub const GOLDEN_ROWS: u64 = 16;

/// Bytes of generated golden inputs at most.
const GOLDEN_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// Files, the plan first.
    pub files: usize,
    /// Rows of the golden input and output.
    pub golden_rows: u64,
}

/// Writes plan, tensors and golden values into a folder, which is made if it does not exist.
///
/// `inputs` are packed rows in the plan's input type; without them [`golden_inputs`] are used.
///
/// # Errors
/// - [`ExportError::Eval`]: the inputs do not fit the plan; nothing is written then.
/// - [`ExportError::Io`], [`ExportError::Json`]: a file cannot be written.
pub fn write(model: &Model, inputs: Option<&[u8]>, dir: &Path) -> Result<Exported, ExportError> {
    let generated;
    let inputs = if let Some(inputs) = inputs {
        inputs
    } else {
        generated = golden_inputs(model);
        &generated
    };
    let outputs = model.run(inputs)?;
    let mut plan = serde_json::to_vec_pretty(&model.plan)?;
    plan.push(b'\n');
    let mut files: Vec<(&str, &[u8])> = vec![("plan.json", &plan)];
    for (named, tensor) in model.plan.tensors.iter().zip(&model.tensors) {
        files.push((&named.file, &tensor.bytes));
    }
    files.push(("golden/inputs.bin", inputs));
    files.push(("golden/outputs.bin", &outputs));
    for (name, bytes) in &files {
        let path = dir.join(name);
        let written = match path.parent() {
            Some(folder) => fs::create_dir_all(folder).and_then(|()| fs::write(&path, bytes)),
            None => fs::write(&path, bytes),
        };
        written.map_err(|source| ExportError::Io {
            path: path.display().to_string(),
            source,
        })?;
    }
    Ok(Exported {
        files: files.len(),
        golden_rows: inputs.len() as u64 / model.plan.input.row.max(1),
    })
}

/// Rows that exercise a model when nobody gives better ones: bytes of splitmix64 from seed 0, eight of
/// each number, lowest first. The first row is all zero points.
pub fn golden_inputs(model: &Model) -> Vec<u8> {
    let input = &model.plan.input;
    let rows = input.rows.unwrap_or(GOLDEN_ROWS);
    let size = rows.saturating_mul(input.row);
    // A row that alone is longer is still one whole row.
    let rows = if size > GOLDEN_BYTES_MAX && input.rows.is_none() {
        1
    } else {
        rows
    };
    let row = usize::try_from(input.row).unwrap_or(0);
    let size = usize::try_from(rows).unwrap_or(0).saturating_mul(row);
    let zero = input.quantise.as_ref().map_or(0, |map| map.zero_point);
    let mut out = vec![zero.to_le_bytes()[0]; row.min(size)];
    let mut state = 0u64;
    while out.len() < size {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        out.extend((z ^ (z >> 31)).to_le_bytes());
    }
    out.truncate(size);
    out
}
