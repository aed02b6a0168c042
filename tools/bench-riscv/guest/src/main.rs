//! One call of an AI operation on a bare RISC-V machine.
//!
//! The host writes the calldata into memory, sets the stack pointer and the arguments of [`_start`], and
//! counts instructions until the `ecall` of [`exit`]. Unsafe code is in start-up and allocator only.
#![no_std]
#![no_main]

use core::{
    alloc::{GlobalAlloc, Layout},
    arch::asm,
    panic::PanicInfo,
    ptr::null,
    slice,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};
use foggara_precompiles::{NoHost, Outcome, Portable, address_of, call, op_at};

/// The call succeeded; `a1` and `a2` are address and size of its output, `a3` is its gas.
const SUCCESS: usize = 0;
/// The gas did not suffice.
const OUT_OF_GAS: usize = 1;
/// Anything else: a revert, or no operation with that code.
const REFUSED: usize = 2;
/// A panic, as in the proof guest.
const PANIC: usize = 101;
/// Memory exhausted, as in the proof guest.
const NO_MEMORY: usize = 102;

/// Calls the operation `code` with `size` bytes of calldata at `input`. Free memory lies between the
/// calldata and `heap_end`.
///
/// # Safety
///
/// `input` is valid for `size` bytes, which nobody writes to; memory from there to `heap_end` is unused.
#[unsafe(no_mangle)]
unsafe extern "C" fn _start(
    input: *const u8,
    size: usize,
    code: usize,
    gas: u64,
    heap_end: usize,
) -> ! {
    HEAP.next.store(input as usize + size, Relaxed);
    HEAP.end.store(heap_end, Relaxed);
    // SAFETY: what the caller promises.
    let calldata = unsafe { slice::from_raw_parts(input, size) };
    let Some(op) = u8::try_from(code)
        .ok()
        .and_then(|code| op_at(address_of(code)))
    else {
        exit(REFUSED, &[], 0)
    };
    match call(op, calldata, gas, &mut NoHost, &Portable) {
        Outcome::Success { gas, output } => exit(SUCCESS, &output, gas),
        Outcome::OutOfGas => exit(OUT_OF_GAS, &[], 0),
        _ => exit(REFUSED, &[], 0),
    }
}

/// Ends the program.
fn exit(status: usize, output: &[u8], gas: u64) -> ! {
    let output_at = if output.is_empty() {
        null()
    } else {
        output.as_ptr()
    };
    // SAFETY: call 93 does not return, and reads no memory but the output.
    unsafe {
        asm!(
            "ecall",
            in("a0") status,
            in("a1") output_at,
            in("a2") output.len(),
            in("a3") gas,
            in("a7") 93,
            options(noreturn),
        )
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(PANIC, &[], 0)
}

/// Hands out memory once, from the lowest address up.
struct Bump {
    next: AtomicUsize,
    end: AtomicUsize,
}

#[global_allocator]
static HEAP: Bump = Bump {
    next: AtomicUsize::new(0),
    end: AtomicUsize::new(0),
};

// SAFETY: ranges given out do not overlap, are aligned, and lie within the heap; there is one thread.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let begin = self.next.load(Relaxed).next_multiple_of(layout.align());
        match begin.checked_add(layout.size()) {
            Some(end) if end <= self.end.load(Relaxed) => self.next.store(end, Relaxed),
            _ => exit(NO_MEMORY, &[], 0),
        }
        begin as *mut u8
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
