//! Memory for the brotli decoder that needs no `std`: boxed slices.

use alloc::{boxed::Box, vec};
use alloc_no_stdlib::{Allocator, SliceWrapper, SliceWrapperMut};

/// Hands out boxed slices and frees them by dropping.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Heap;

/// A boxed slice.
#[derive(Debug, Default)]
pub(crate) struct Cell<T>(Box<[T]>);

impl<T> SliceWrapper<T> for Cell<T> {
    fn slice(&self) -> &[T] {
        &self.0
    }
}

impl<T> SliceWrapperMut<T> for Cell<T> {
    fn slice_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T: Clone + Default> Allocator<T> for Heap {
    type AllocatedMemory = Cell<T>;

    fn alloc_cell(&mut self, length: usize) -> Cell<T> {
        Cell(vec![T::default(); length].into_boxed_slice())
    }

    fn free_cell(&mut self, _: Cell<T>) {}
}
