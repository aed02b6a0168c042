//! Removes the state of a node.

use crate::{
    LaunchError,
    chain::{GENESIS_FILE, ROLLUP_FILE},
    l1_side::l1_dir,
    launch::{JOURNAL_DIR, STORE_DIR},
};
use foggara_store::FolderLock;
use std::{fs, io, path::Path};

/// Removes what a node has written into its data folder, and nothing else that may lie there. With
/// `chain_files` also `rollup.json` and `genesis.json`, which only a development node writes itself.
///
/// # Errors
/// [`LaunchError::InUse`]: a process works on the folder; nothing was removed. [`LaunchError::Failed`]:
/// the operating system refused.
pub fn remove_state(dir: &Path, chain_files: bool) -> Result<(), LaunchError> {
    let (l1, store) = (l1_dir(dir), dir.join(STORE_DIR));
    // Held until all is gone.
    let _l1_lock = FolderLock::of_existing(foggara_devl1::store_dir(&l1))?;
    let _store_lock = FolderLock::of_existing(&store)?;
    // The files that name the chain go first: half a removal must not look like that chain.
    for file in [ROLLUP_FILE, GENESIS_FILE]
        .into_iter()
        .filter(|_| chain_files)
    {
        gone(&dir.join(file), fs::remove_file(dir.join(file)))?;
    }
    for part in [dir.join(JOURNAL_DIR), store, l1] {
        gone(&part, fs::remove_dir_all(&part))?;
    }
    Ok(())
}

fn gone(path: &Path, removed: io::Result<()>) -> Result<(), LaunchError> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(LaunchError::Failed(format!(
            "cannot remove {}: {error}",
            path.display()
        ))),
        _ => Ok(()),
    }
}
