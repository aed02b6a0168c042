//! The updates of the clients of a round: arguments `uint32 d, bytes[] u` of every aggregation.

use crate::{
    Backend, Dtype, Fatal, OpError,
    abi::List,
    backend::Ctl,
    call::{Call, Out, Price, Stop},
    gas,
    operand::{Data, Operand, Want},
};
use alloc::vec::Vec;

/// One update of `elements` elements from each of `count` clients, all of one type.
pub(super) struct Clients<'a> {
    pub(super) dtype: Dtype,
    which: u8,
    list: List<'a>,
    pub(super) count: u64,
    pub(super) elements: u64,
}

impl<'a> Clients<'a> {
    /// Checks the sizes; `d` and `list` come with the index of their argument.
    pub(super) fn new(
        dtype: Dtype,
        (which_d, d): (u8, u32),
        (which, list): (u8, List<'a>),
    ) -> Result<Self, OpError> {
        gas::dimension(which_d, d.into(), gas::CLIENT_ELEMENTS_MAX)?;
        gas::dimension(which, list.len(), gas::CLIENTS_MAX)?;
        Ok(Self {
            dtype,
            which,
            list,
            count: list.len(),
            elements: d.into(),
        })
    }

    /// Elements of all clients, at most `2^30`.
    pub(super) const fn total(&self) -> u64 {
        self.count.saturating_mul(self.elements)
    }

    /// Gas of the clients themselves.
    pub(super) const fn overhead(&self) -> u64 {
        self.count.saturating_mul(8)
    }

    /// The last checks before the operands, and the operands.
    pub(super) fn load(&self, call: &mut Call<'_>) -> Result<Updates<'a>, Stop> {
        let bytes = self.total().saturating_mul(self.dtype.bytes());
        gas::at_most(bytes, gas::OPERAND_BYTES_MAX)?;
        let want = Want::Exactly(self.dtype, self.elements);
        Operand::load_all(call, self.which, self.list, want).map(Updates)
    }

    /// Runs a function whose result is one element of type `out` for each coordinate; `work` is its
    /// gas beside that of the clients.
    pub(super) fn combine(
        &self,
        call: &mut Call<'_>,
        (out, work, store): (Dtype, u64, bool),
        run: impl FnOnce(&dyn Backend, &[&[u8]], &mut [u8], &mut Ctl<'_>) -> Result<(), Fatal>,
    ) -> Result<Vec<u8>, Stop> {
        let bytes = self.elements.saturating_mul(out.bytes());
        gas::at_most(bytes, gas::OUTPUT_BYTES_MAX)?;
        let updates = self.load(call)?;
        let price = Price {
            words_in: updates.words(),
            out: &[Out::Vector(out, self.elements)],
            work: self.overhead().saturating_add(work),
            store,
        };
        let mut result = call.begin(&price)?;
        let data = updates.fetch(call)?;
        run(
            call.backend,
            &slices(&data),
            result.part(0),
            &mut call.ctl(),
        )?;
        call.finish(&price, result)
    }
}

/// Operands of all clients, checked.
pub(super) struct Updates<'a>(Vec<Operand<'a>>);

impl<'a> Updates<'a> {
    /// Words that are paid for.
    pub(super) fn words(&self) -> u64 {
        self.0
            .iter()
            .map(Operand::words)
            .fold(0, u64::saturating_add)
    }

    /// The bytes of each client.
    pub(super) fn fetch(self, call: &mut Call<'_>) -> Result<Vec<Data<'a>>, Stop> {
        Operand::fetch_all(self.0, call)
    }
}

/// As a backend takes them.
pub(super) fn slices<'d>(data: &'d [Data<'_>]) -> Vec<&'d [u8]> {
    data.iter().map(|data| &**data).collect()
}
