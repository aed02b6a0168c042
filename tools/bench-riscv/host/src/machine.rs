//! The machine that the guest runs on: RV64IMAC in an interpreter, 4 MiB of memory.
//!
//! | from | what |
//! |---|---|
//! | `0x10000` | the program |
//! | `0x100000` | calldata, then heap |
//! | `0x300000` | stack, downwards from `0x400000` |

use ckb_vm::{
    Bytes, CoreMachine, DefaultCoreMachine, DefaultMachineBuilder, FlatMemory, ISA_A, ISA_IMC,
    Memory, Register, SupportMachine,
    machine::{DefaultMachine, VERSION2},
    registers::{A0, A1, A2, A3, A4},
};
use eyre::{Result, ensure, eyre};
use std::iter::empty;

type Machine = DefaultMachine<DefaultCoreMachine<u64, FlatMemory<u64>>>;

/// Where the calldata begins.
const INPUT: u64 = 0x10_0000;
/// Bytes of the program's file: all of it is loaded, and a page may go unused between its parts.
const GUEST_BYTES_MAX: usize = 0xe_0000;
/// Where the stack may reach to.
const HEAP_END: u64 = 0x30_0000;
/// Steps after which a run is given up.
const STEPS_MAX: u64 = 1 << 34;

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Success { gas: u64, output: Vec<u8> },
    OutOfGas,
    Failed { status: i8 },
}

/// A run.
#[derive(Debug)]
pub(crate) struct Run {
    /// Instructions executed.
    pub(crate) steps: u64,
    pub(crate) end: End,
}

/// The program of the guest, an ELF file.
#[derive(Debug)]
pub(crate) struct Guest {
    elf: Bytes,
}

impl Guest {
    pub(crate) fn new(elf: Vec<u8>) -> Result<Self> {
        ensure!(
            elf.len() <= GUEST_BYTES_MAX,
            "the guest has {} bytes, {GUEST_BYTES_MAX} leave room for calldata",
            elf.len()
        );
        Ok(Self { elf: elf.into() })
    }

    /// Runs the call of operation `op` with this much gas.
    pub(crate) fn run(&self, op: u8, calldata: &[u8], gas: u64) -> Result<Run> {
        let mut machine = machine();
        machine.load_program(&self.elf, empty()).map_err(fault)?;
        machine
            .memory_mut()
            .store_bytes(INPUT, calldata)
            .map_err(fault)?;
        let arguments = [INPUT, calldata.len() as u64, op.into(), gas, HEAP_END];
        for (register, value) in [A0, A1, A2, A3, A4].into_iter().zip(arguments) {
            machine.set_register(register, value);
        }
        let status = machine.run().map_err(fault)?;
        let end = match status {
            0 => {
                let [at, size, gas] =
                    [A1, A2, A3].map(|register| machine.registers()[register].to_u64());
                let output = machine.memory_mut().load_bytes(at, size).map_err(fault)?;
                End::Success {
                    gas,
                    output: output.to_vec(),
                }
            }
            1 => End::OutOfGas,
            status => End::Failed { status },
        };
        Ok(Run {
            steps: machine.cycles(),
            end,
        })
    }
}

/// A machine that counts each instruction as one cycle.
fn machine() -> Machine {
    let core = DefaultCoreMachine::new(ISA_IMC | ISA_A, VERSION2, STEPS_MAX);
    DefaultMachineBuilder::new(core)
        .instruction_cycle_func(Box::new(|_| 1))
        .build()
}

fn fault(error: ckb_vm::Error) -> eyre::Report {
    eyre!("the machine stopped: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_each_instruction_once_compressed_ones_too() {
        let program = [
            0x3e80_0293_u32.to_le_bytes().to_vec(), // li t0, 1000
            0x12fd_u16.to_le_bytes().to_vec(),      // loop: c.addi t0, -1
            0xfe02_9fe3_u32.to_le_bytes().to_vec(), // bnez t0, loop
            0x05d0_0893_u32.to_le_bytes().to_vec(), // li a7, 93
            0x0000_0513_u32.to_le_bytes().to_vec(), // li a0, 0
            0x0000_0073_u32.to_le_bytes().to_vec(), // ecall
        ]
        .concat();
        let mut machine = machine();
        machine.memory_mut().store_bytes(INPUT, &program).unwrap();
        machine.update_pc(INPUT);
        machine.commit_pc();
        assert_eq!(machine.run().unwrap(), 0);
        assert_eq!(machine.cycles(), 1 + 2 * 1_000 + 3);
    }
}
