//! The backend that does the work of the AI operations in this process. It has no say in any result.

use foggara_precompiles::Backend;

#[cfg(not(feature = "std"))]
pub(crate) const fn backend() -> &'static dyn Backend {
    &foggara_precompiles::Portable
}

#[cfg(feature = "std")]
pub(crate) fn backend() -> &'static dyn Backend {
    &chosen(foggara_precompiles::Choice::Auto).watched
}

#[cfg(feature = "std")]
use native::chosen;
#[cfg(feature = "std")]
pub use native::{AiBackend, choose_ai_backend};

#[cfg(feature = "std")]
mod native {
    use foggara_precompiles::{Alarm, Backend, Choice, Parallel, Sampled, Selection, select};
    use std::{num::NonZero, sync::OnceLock, thread::available_parallelism};

    /// Threads that share one large call at most.
    const THREADS_MAX: usize = 16;

    /// The backend of this process, watched by samples.
    #[derive(Debug)]
    pub struct AiBackend {
        pub(super) watched: Sampled,
        alarm: Option<Alarm>,
    }

    impl AiBackend {
        /// Its name: `portable` once a sample has differed.
        pub fn name(&self) -> &'static str {
            self.watched.name()
        }

        /// Why it is not the one that was wished for, if so.
        pub const fn alarm(&self) -> Option<&Alarm> {
            self.alarm.as_ref()
        }

        /// Whether a sample has differed from the portable result: the processor or a kernel is
        /// broken, and what was computed since the last sample that agreed may be wrong.
        pub fn is_faulty(&self) -> bool {
            self.watched.is_faulty()
        }
    }

    static CHOSEN: OnceLock<AiBackend> = OnceLock::new();

    /// Takes a backend for this process. The first call decides, and every execution is one with
    /// [`Choice::Auto`]; later calls return what was taken. Takes up to 10 ms for a self-test.
    pub fn choose_ai_backend(choice: Choice) -> &'static AiBackend {
        chosen(choice)
    }

    pub(super) fn chosen(choice: Choice) -> &'static AiBackend {
        CHOSEN.get_or_init(|| {
            let Selection { backend, alarm } = select(choice);
            let threads = available_parallelism().map_or(1, NonZero::get);
            let shared: Box<dyn Backend> = match Parallel::new(backend, threads.min(THREADS_MAX)) {
                Ok(parallel) => Box::new(parallel),
                // Without threads of its own it is only slower.
                Err(_) => select(choice).backend,
            };
            AiBackend {
                watched: Sampled::new(shared),
                alarm,
            }
        })
    }
}
