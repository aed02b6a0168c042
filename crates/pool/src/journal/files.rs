//! The folder of the journal.

use rustix::fs::{FallocateFlags, fallocate, fdatasync};
use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// The files of a journal. An implementor guarantees that what was written before
/// [`sync`](Self::sync) returned survives anything later, and that a file's existence or absence does
/// once [`sync_dir`](Self::sync_dir) has returned; of the rest it may lose any part.
pub trait JournalFiles: Send {
    /// Names of the files.
    ///
    /// # Errors
    /// As the system says.
    fn list(&mut self) -> io::Result<Vec<String>>;

    /// Makes a file of `bytes` zeros whose space is taken.
    ///
    /// # Errors
    /// [`io::ErrorKind::StorageFull`] or [`io::ErrorKind::QuotaExceeded`] if there is no space, and
    /// then no file; else as the system says.
    fn create(&mut self, name: &str, bytes: u64) -> io::Result<()>;

    /// The whole file.
    ///
    /// # Errors
    /// As the system says.
    fn read(&mut self, name: &str) -> io::Result<Vec<u8>>;

    /// `len` bytes at `offset`.
    ///
    /// # Errors
    /// As the system says.
    fn read_at(&mut self, name: &str, offset: u64, len: usize) -> io::Result<Vec<u8>>;

    /// Overwrites bytes at `offset`.
    ///
    /// # Errors
    /// As the system says.
    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything from `offset` zero again, at the same length.
    ///
    /// # Errors
    /// As the system says.
    fn clear_from(&mut self, name: &str, offset: u64) -> io::Result<()>;

    /// Makes the contents durable.
    ///
    /// # Errors
    /// As the system says; afterwards nothing unsynced may be trusted.
    fn sync(&mut self, name: &str) -> io::Result<()>;

    /// Deletes a file.
    ///
    /// # Errors
    /// As the system says.
    fn remove(&mut self, name: &str) -> io::Result<()>;

    /// Makes creations and deletions durable.
    ///
    /// # Errors
    /// As the system says.
    fn sync_dir(&mut self) -> io::Result<()>;
}

/// Files in a real folder.
#[derive(Debug)]
pub struct FolderFiles {
    dir: PathBuf,
    open: HashMap<String, File>,
}

impl FolderFiles {
    /// The folder `dir`, made if it is missing.
    ///
    /// # Errors
    /// As the system says.
    pub fn open(dir: &Path) -> io::Result<Self> {
        if !dir.is_dir() {
            fs::create_dir_all(dir)?;
            if let Some(parent) = dir.parent().filter(|path| !path.as_os_str().is_empty()) {
                File::open(parent)?.sync_all()?;
            }
        }
        Ok(Self {
            dir: dir.to_path_buf(),
            open: HashMap::new(),
        })
    }

    fn file(&mut self, name: &str) -> io::Result<&File> {
        if !self.open.contains_key(name) {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .open(self.dir.join(name))?;
            self.open.insert(name.to_owned(), file);
        }
        Ok(&self.open[name])
    }
}

impl JournalFiles for FolderFiles {
    fn list(&mut self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn create(&mut self, name: &str, bytes: u64) -> io::Result<()> {
        let path = self.dir.join(name);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)?;
        if let Err(error) = preallocate(&file, 0, bytes) {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        file.sync_all()?;
        self.open.insert(name.to_owned(), file);
        Ok(())
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.dir.join(name))
    }

    fn read_at(&mut self, name: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut out = vec![0; len];
        self.file(name)?.read_exact_at(&mut out, offset)?;
        Ok(out)
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file(name)?.write_all_at(bytes, offset)
    }

    fn clear_from(&mut self, name: &str, offset: u64) -> io::Result<()> {
        let file = self.file(name)?;
        let len = file.metadata()?.len();
        file.set_len(offset)?;
        preallocate(file, offset, len.saturating_sub(offset))?;
        file.sync_all()
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        Ok(fdatasync(self.file(name)?)?)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.open.remove(name);
        fs::remove_file(self.dir.join(name))
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }
}

/// Takes space for `len` zeros at `offset`; where the file system cannot, only the length is set.
fn preallocate(file: &File, offset: u64, len: u64) -> io::Result<()> {
    use rustix::io::Errno;
    if len == 0 {
        return Ok(());
    }
    match fallocate(file, FallocateFlags::empty(), offset, len) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => file.set_len(offset + len),
        outcome => Ok(outcome?),
    }
}
