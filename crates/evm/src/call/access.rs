//! What a call reads and writes: the access list that would make it cheaper.

use super::{CallError, CallOutcome, CallRequest, Simulation, outcome};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, TxKind};
use foggara_primitives::StateSource;
use revm::{
    Inspector,
    bytecode::opcode,
    context_interface::ContextTr,
    interpreter::{
        Interpreter,
        interpreter::EthInterpreter,
        interpreter_types::{InputsTr, Jumps},
    },
};

/// Rounds after which an access list that still changes is taken as it is.
const ROUNDS_MAX: usize = 8;

/// Collects accounts and slots that a call touches by opcode.
#[derive(Debug, Clone, Default)]
pub struct AccessListInspector {
    excluded: BTreeSet<Address>,
    touched: BTreeMap<Address, BTreeSet<B256>>,
}

impl AccessListInspector {
    /// Leaves these accounts out unless a slot of theirs is touched.
    pub fn new(excluded: impl IntoIterator<Item = Address>) -> Self {
        Self {
            excluded: excluded.into_iter().collect(),
            touched: BTreeMap::new(),
        }
    }

    /// What was touched, ascending.
    pub fn into_access_list(self) -> AccessList {
        let Self { excluded, touched } = self;
        let items = touched
            .into_iter()
            .filter(|(address, slots)| !slots.is_empty() || !excluded.contains(address))
            .map(|(address, slots)| AccessListItem {
                address,
                storage_keys: slots.into_iter().collect::<Vec<_>>(),
            });
        AccessList(items.collect())
    }
}

impl<CTX: ContextTr> Inspector<CTX, EthInterpreter> for AccessListInspector {
    fn step(&mut self, interp: &mut Interpreter<EthInterpreter>, _: &mut CTX) {
        match interp.bytecode.opcode() {
            opcode::SLOAD | opcode::SSTORE => {
                if let Ok(slot) = interp.stack.peek(0) {
                    let account = interp.input.target_address();
                    self.touched
                        .entry(account)
                        .or_default()
                        .insert(B256::from(slot));
                }
            }
            opcode::EXTCODECOPY
            | opcode::EXTCODEHASH
            | opcode::EXTCODESIZE
            | opcode::BALANCE
            | opcode::SELFDESTRUCT => self.touch(interp, 0),
            opcode::CALL | opcode::CALLCODE | opcode::DELEGATECALL | opcode::STATICCALL => {
                self.touch(interp, 1);
            }
            _ => {}
        }
    }
}

impl AccessListInspector {
    fn touch(&mut self, interp: &Interpreter<EthInterpreter>, index: usize) {
        if let Ok(word) = interp.stack.peek(index) {
            self.touched
                .entry(Address::from_word(B256::from(word)))
                .or_default();
        }
    }
}

impl<S: StateSource> Simulation<S> {
    /// The access list of a call, and what the call does when it carries it. Sender, callee and
    /// precompiles are left out where no slot of theirs is touched. The list is tried until it no
    /// longer changes, because it changes the gas that the call sees.
    ///
    /// # Errors
    /// As [`CallError`].
    pub fn access_list(
        &mut self,
        request: &CallRequest,
    ) -> Result<(AccessList, CallOutcome), CallError> {
        let mut excluded: BTreeSet<Address> = crate::precompile_addresses().collect();
        excluded.extend((1..=0x11u8).map(Address::with_last_byte));
        // P256VERIFY (RIP-7212).
        excluded.insert(alloy_primitives::address!(
            "0000000000000000000000000000000000000100"
        ));
        excluded.insert(request.from);
        excluded.insert(match request.to {
            TxKind::Call(to) => to,
            TxKind::Create => {
                let nonce = match request.nonce {
                    Some(nonce) => nonce,
                    None => {
                        self.state_mut()
                            .account(request.from)?
                            .unwrap_or_default()
                            .nonce
                    }
                };
                request.from.create(nonce)
            }
        });
        let mut request = request.clone();
        let mut rounds = 0usize;
        loop {
            rounds = rounds.saturating_add(1);
            let inspector = AccessListInspector::new(excluded.iter().copied());
            let (result, inspector) = self.inspect(&request, inspector)?;
            let list = inspector.into_access_list();
            if request.access_list.as_ref() == Some(&list) || rounds >= ROUNDS_MAX {
                return Ok((list, outcome(result.result)));
            }
            request.access_list = Some(list);
        }
    }
}
