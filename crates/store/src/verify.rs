//! The state root from the flat state alone: what no incremental step can have got wrong unnoticed.

use crate::{
    Store, StoreError, Table,
    backend::ReadTx,
    chain::{self, damaged},
    record::{decode_account, decode_value},
};
use alloy_primitives::{Address, B256};
use core::ops::ControlFlow;
use foggara_primitives::{AccountChange, BlockId, StateDiff};
use foggara_trie::{EMPTY_ROOT_HASH, MapNodes};

/// What [`Store::check_state`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateCheck {
    /// The unsafe head at the time.
    pub block: BlockId,
    /// State root in its header.
    pub expected: B256,
    /// State root of the flat state.
    pub found: B256,
    /// Accounts in the state.
    pub accounts: u64,
    /// Nodes of all tries that the flat state gives.
    pub nodes: u64,
    /// Nodes of all tries in the tables; equal if nothing is stale.
    pub stored_nodes: u64,
}

impl StateCheck {
    /// Whether the flat state, the tries and the header agree.
    pub fn is_sound(&self) -> bool {
        self.expected == self.found && self.nodes == self.stored_nodes
    }
}

impl Store {
    /// Recomputes the state root at the head from the flat state, in one snapshot. Time and memory
    /// grow with the state: a tool's or a background task's work.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed, or a record does not decode.
    pub fn check_state(&self) -> Result<StateCheck, StoreError> {
        self.read(|tx| {
            let head = chain::heads(tx)?.ok_or(StoreError::Empty)?.unsafe_;
            let expected = chain::expect_header(tx, head.number)?.header.state_root;
            let state = whole_state(tx)?;
            let outcome = foggara_trie::apply(&mut MapNodes::default(), EMPTY_ROOT_HASH, &state)
                .map_err(|error| StoreError::Damaged(format!("state root: {error}")))?;
            let updates = &outcome.updates;
            let storage = updates
                .storage_nodes
                .values()
                .map(|change| change.nodes.len());
            let nodes = storage.fold(updates.account_nodes.len(), usize::saturating_add);
            let stored = tx.count(Table::AccountsTrie)?;
            Ok(StateCheck {
                block: head.id(),
                expected,
                found: outcome.root,
                accounts: state.accounts.len() as u64,
                nodes: nodes as u64,
                stored_nodes: stored.saturating_add(tx.count(Table::StoragesTrie)?),
            })
        })
    }
}

fn whole_state(tx: &dyn ReadTx) -> Result<StateDiff, StoreError> {
    let mut state = StateDiff::default();
    let mut bad = None;
    tx.walk(Table::PlainAccountState, &[], &mut |key, value| match (
        Address::try_from(key),
        decode_account(value),
    ) {
        (Ok(address), Some(info)) => {
            let change = AccountChange {
                info: Some(info),
                ..AccountChange::default()
            };
            state.accounts.insert(address, change);
            ControlFlow::Continue(())
        }
        _ => {
            bad = Some(damaged(
                Table::PlainAccountState,
                "a record does not decode",
            ));
            ControlFlow::Break(())
        }
    })?;
    tx.walk(Table::PlainStorageState, &[], &mut |key, value| {
        let slot = key.split_first_chunk::<20>().and_then(|(address, slot)| {
            let account = state.accounts.get_mut(&Address::from(*address))?;
            Some((account, B256::try_from(slot).ok()?, decode_value(value)?))
        });
        match slot {
            Some((account, slot, value)) => {
                account.storage.insert(slot, value);
                ControlFlow::Continue(())
            }
            None => {
                bad = Some(damaged(
                    Table::PlainStorageState,
                    "a slot has no account or no value",
                ));
                ControlFlow::Break(())
            }
        }
    })?;
    match bad {
        Some(error) => Err(error),
        None => Ok(state),
    }
}
