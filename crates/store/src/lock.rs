//! One process per folder: an exclusive `flock` on `LOCK`, which names its holder. The kernel frees it
//! when the process dies, so a stale lock does not exist.

use crate::OpenError;
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
    thread::sleep,
    time::Duration,
};

/// Name of the lock file.
pub(crate) const LOCK_FILE: &str = "LOCK";

/// A holder may have locked the file and not yet written its pid: look again this often, ...
const PID_READS_MAX: u32 = 10;
/// ... this long apart.
const PID_READ_PAUSE: Duration = Duration::from_millis(20);

/// The held lock of a store's folder; dropping it frees the folder.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock of a folder that holds a store already; `None` if it holds none. For whoever
    /// wants to remove it.
    ///
    /// # Errors
    /// [`OpenError::InUse`]: another process holds the folder. [`OpenError::Io`]: the operating
    /// system refused.
    pub fn of_existing(dir: impl AsRef<Path>) -> Result<Option<Self>, OpenError> {
        let dir = dir.as_ref();
        dir.join(LOCK_FILE)
            .exists()
            .then(|| Self::take(dir))
            .transpose()
    }

    /// Takes the lock without waiting.
    pub(crate) fn take(dir: &Path) -> Result<Self, OpenError> {
        let io = |error: std::io::Error| OpenError::Io {
            dir: dir.to_path_buf(),
            what: format!("{LOCK_FILE}: {error}"),
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(dir.join(LOCK_FILE))
            .map_err(io)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(OpenError::InUse {
                    dir: dir.to_path_buf(),
                    pid: holder(&mut file),
                });
            }
            Err(error) => return Err(io(error.into())),
        }
        let pid = format!("{}\n", std::process::id());
        file.set_len(0).map_err(io)?;
        file.write_all(pid.as_bytes()).map_err(io)?;
        Ok(Self { _file: file })
    }
}

fn holder(file: &mut File) -> Option<u32> {
    for _ in 0..PID_READS_MAX {
        let mut text = String::new();
        let read = file
            .seek(SeekFrom::Start(0))
            .and_then(|_| Read::by_ref(file).take(16).read_to_string(&mut text));
        if read.is_ok()
            && let Some(pid) = text.strip_suffix('\n').and_then(|pid| pid.parse().ok())
        {
            return Some(pid);
        }
        sleep(PID_READ_PAUSE);
    }
    None
}
