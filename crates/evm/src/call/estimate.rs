//! The lowest gas limit with which a call succeeds.

use super::{CallError, CallOutcome, CallRequest, CallStatus, Simulation, outcome};
use alloy_primitives::{Bytes, TxKind, U256};
use foggara_primitives::StateSource;
use revm::{context::TxEnv, context_interface::result::HaltReason, inspector::NoOpInspector};

/// Gas of a plain transfer (yellow paper, G_transaction).
const TRANSFER_GAS: u64 = 21_000;
/// Estimates stop when the bounds are within this share of the upper one, in thousandths.
const ERROR_PER_MILLE: u64 = 15;

/// Where the upper bound of an estimate came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxGas {
    /// The request, the block or the cap.
    Limit(u64),
    /// What the balance can pay for at the price of the request.
    Allowance(u64),
}

impl MaxGas {
    const fn gas(self) -> u64 {
        match self {
            Self::Limit(gas) | Self::Allowance(gas) => gas,
        }
    }
}

/// Why there is no estimate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EstimateError {
    /// The call reverts with the highest gas.
    #[error("execution reverted")]
    Reverted(Bytes),
    /// The call halts with the highest gas for another reason than gas.
    #[error("execution halted")]
    Halted(HaltReason),
    /// The highest gas does not suffice.
    #[error("gas required exceeds allowance ({})", .0.gas())]
    Allowance(MaxGas),
    /// The call cannot be executed at all.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl<S: StateSource> Simulation<S> {
    /// The lowest gas limit, within 1.5 %, with which `request` succeeds on this state: a run with
    /// the highest gas, then bisection; the state stays as it is.
    ///
    /// # Errors
    /// As [`EstimateError`].
    pub fn estimate_gas(&mut self, request: &CallRequest) -> Result<u64, EstimateError> {
        let limit = request
            .gas
            .filter(|gas| *gas >= TRANSFER_GAS)
            .unwrap_or(self.context.gas_limit)
            .min(self.limits.gas_cap);
        let (tx, max) = self.upper_bound(request, limit)?;
        if let Some(gas) = self.plain_transfer(&tx, max)? {
            return Ok(gas);
        }
        let first = self.try_gas(&tx, max.gas())?;
        let Some(first) = first else {
            return Err(EstimateError::Allowance(max));
        };
        match first.status {
            CallStatus::Success(_) => {}
            CallStatus::Revert(data) => return Err(EstimateError::Reverted(data)),
            CallStatus::Halt(HaltReason::OutOfGas(_)) => {
                return Err(EstimateError::Allowance(max));
            }
            CallStatus::Halt(reason) => return Err(EstimateError::Halted(reason)),
        }
        self.bisect(&tx, &first, max.gas())
    }

    /// The engine's form of the request, and the highest gas that sender and limits allow.
    fn upper_bound(
        &mut self,
        request: &CallRequest,
        limit: u64,
    ) -> Result<(TxEnv, MaxGas), EstimateError> {
        let tx = self.tx_env(request)?;
        if tx.gas_price == 0 {
            return Ok((tx, MaxGas::Limit(limit)));
        }
        let balance = self
            .state_mut()
            .account(tx.caller)
            .map_err(CallError::from)?;
        let have = balance.unwrap_or_default().balance;
        let Some(available) = have.checked_sub(tx.value) else {
            let want = tx.value;
            return Err(
                CallError::Invalid(crate::InvalidTx::InsufficientFunds { have, want }).into(),
            );
        };
        let allowance: u64 = available
            .checked_div(U256::from(tx.gas_price))
            .unwrap_or_default()
            .saturating_to();
        let max = if allowance < limit {
            MaxGas::Allowance(allowance)
        } else {
            MaxGas::Limit(limit)
        };
        Ok((tx, max))
    }

    /// A transfer to an account without code costs what every transfer costs.
    fn plain_transfer(&mut self, tx: &TxEnv, max: MaxGas) -> Result<Option<u64>, EstimateError> {
        let TxKind::Call(to) = tx.kind else {
            return Ok(None);
        };
        let plain = tx.data.is_empty()
            && tx.access_list.0.is_empty()
            && tx.authorization_list.is_empty()
            && max.gas() >= TRANSFER_GAS;
        if !plain || crate::precompile_addresses().any(|address| address == to) {
            return Ok(None);
        }
        let account = self
            .state_mut()
            .account(to)
            .map_err(CallError::from)?
            .unwrap_or_default();
        if account.code_hash != alloy_primitives::KECCAK256_EMPTY {
            return Ok(None);
        }
        let outcome = self.try_gas(tx, TRANSFER_GAS)?;
        Ok(outcome
            .filter(CallOutcome::is_success)
            .map(|_| TRANSFER_GAS))
    }

    fn bisect(&mut self, tx: &TxEnv, first: &CallOutcome, max: u64) -> Result<u64, EstimateError> {
        // Less than was spent cannot do; 1/64 of a frame's gas stays with its caller (EIP-150).
        let mut low = first.gas_used.saturating_sub(1);
        let mut high = max;
        let guess = first
            .gas_spent
            .saturating_add(2_300)
            .saturating_mul(64)
            .checked_div(63)
            .unwrap_or(high);
        if guess < high {
            match self.succeeds(tx, guess)? {
                true => high = guess,
                false => low = guess,
            }
        }
        while low.saturating_add(1) < high {
            let gap = high.saturating_sub(low);
            if gap.saturating_mul(1_000) < high.saturating_mul(ERROR_PER_MILLE) {
                break;
            }
            // Most calls need little more than they spend: lean to the lower bound.
            let middle = low
                .saturating_add(gap >> 1)
                .min(low.saturating_mul(2).max(1));
            match self.succeeds(tx, middle)? {
                true => high = middle,
                false => low = middle,
            }
        }
        Ok(high)
    }

    fn succeeds(&mut self, tx: &TxEnv, gas: u64) -> Result<bool, EstimateError> {
        Ok(self
            .try_gas(tx, gas)?
            .is_some_and(|outcome| outcome.is_success()))
    }

    /// Runs with this gas limit; `None` if it does not even cover the intrinsic gas.
    fn try_gas(&mut self, tx: &TxEnv, gas: u64) -> Result<Option<CallOutcome>, EstimateError> {
        use crate::InvalidTx::{FloorGas, IntrinsicGas};
        let tx = TxEnv {
            gas_limit: gas,
            ..tx.clone()
        };
        match self.run_env(tx, NoOpInspector) {
            Ok((result, _)) => Ok(Some(outcome(result.result))),
            Err(CallError::Invalid(IntrinsicGas { .. } | FloorGas { .. })) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
