//! KZG commitments of blobs.
//!
//! The trusted setup takes some megabytes and seconds to load, so nothing here runs before the first
//! blob appears or somebody says that it will. It is loaded without the optional tables, which would take a hundred.

use crate::{L1Error, SidecarForm};
use alloy_eips::{
    eip4844::{Blob, BlobTransactionSidecar, kzg_to_versioned_hash},
    eip7594::{BlobTransactionSidecarEip7594, BlobTransactionSidecarVariant},
};
use alloy_primitives::{B256, Bytes};
use std::sync::{
    Once,
    atomic::{AtomicBool, Ordering},
};

/// Whether the trusted setup is loaded.
static LOADED: AtomicBool = AtomicBool::new(false);

/// The trusted setup, loaded on first use and kept.
pub fn kzg_settings() -> &'static c_kzg::KzgSettings {
    let settings = c_kzg::ethereum_kzg_settings(0);
    LOADED.store(true, Ordering::Release);
    settings
}

/// Loads the trusted setup on a thread of its own, which nobody waits for. For whoever will need it
/// soon.
pub fn load_kzg_settings() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let thread = std::thread::Builder::new().name("kzg-setup".into());
        // Without the thread it is loaded on first use.
        drop(thread.spawn(kzg_settings));
    });
}

/// Whether blobs can be worked on at once, without waiting for the trusted setup.
pub fn kzg_settings_loaded() -> bool {
    LOADED.load(Ordering::Acquire)
}

/// Versioned hash of a blob of 131,072 bytes (EIP-4844). Takes some tens of milliseconds.
///
/// # Errors
/// [`L1Error::Blob`]: another length, or a field element at or above the modulus.
pub fn versioned_hash(blob: &[u8]) -> Result<B256, L1Error> {
    let blob = c_kzg::Blob::from_bytes(blob).map_err(refused)?;
    let commitment = kzg_settings()
        .blob_to_kzg_commitment(&blob)
        .map_err(refused)?;
    Ok(kzg_to_versioned_hash(commitment.to_bytes().as_ref()))
}

/// Commitments and proofs of blobs of 131,072 bytes each, in the form asked for. Takes some tens of
/// milliseconds per blob, cell proofs several hundred.
///
/// # Errors
/// [`L1Error::Blob`]: as [`versioned_hash`].
pub fn sidecar(
    blobs: &[Bytes],
    form: SidecarForm,
) -> Result<BlobTransactionSidecarVariant, L1Error> {
    let blobs = blobs
        .iter()
        .map(|blob| {
            Blob::try_from(blob.as_ref())
                .map_err(|_| L1Error::Blob(format!("{} bytes, expected 131072", blob.len())))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let settings = kzg_settings();
    Ok(match form {
        SidecarForm::Eip4844 => BlobTransactionSidecarVariant::Eip4844(
            BlobTransactionSidecar::try_from_blobs_with_settings(blobs, settings)
                .map_err(refused)?,
        ),
        SidecarForm::Eip7594 => BlobTransactionSidecarVariant::Eip7594(
            BlobTransactionSidecarEip7594::try_from_blobs_with_settings(blobs, settings)
                .map_err(refused)?,
        ),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "shape of map_err")]
fn refused(error: c_kzg::Error) -> L1Error {
    L1Error::Blob(format!("{error:?}"))
}
