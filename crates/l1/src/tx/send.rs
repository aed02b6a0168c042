//! The sending side of a round: first offers, higher offers, the same bytes again.

use super::{
    Fees, Intent, TxEvent, TxFailure, TxId, TxPayload, TxRequest,
    build::{Draft, Signed, sign},
    manager::{Flight, TxManager},
};
use crate::{FeeData, L1Error, Rejection, SidecarForm, StateAt};
use alloy_eips::eip7594::BlobTransactionSidecarVariant;
use alloy_primitives::U256;
use foggara_primitives::L1Ref;
use std::time::Duration;
use tokio::time::Instant;

/// The window of the spending cap.
const HOUR: Duration = Duration::from_secs(3_600);

/// Whether the round may go on sending.
#[derive(PartialEq, Eq)]
enum Flow {
    On,
    Stop,
}

impl TxManager {
    /// Sends in order of nonce: what a reorg dropped, what waits too long, what is queued.
    pub(super) async fn send(&mut self, head: L1Ref) -> Result<(), L1Error> {
        let now = Instant::now();
        let late = |flight: &Flight| {
            flight.again || now.duration_since(flight.sent_at) >= self.config.bump_after
        };
        let late: Vec<u64> = self
            .waiting()
            .filter(|(_, flight)| late(flight))
            .map(|(nonce, _)| *nonce)
            .collect();
        if late.is_empty() && self.queue.is_empty() {
            return Ok(());
        }
        if let Some(spent) = self.over_the_cap(now) {
            self.ready.push(TxEvent::SpendingCap { spent });
            return Ok(());
        }
        let market = self.client.fees().await?;
        let mut credit = self
            .client
            .balance(self.address(), StateAt::Hash(head.hash))
            .await?;
        for (_, flight) in self.waiting() {
            credit = credit.saturating_sub(flight.request.worst_cost(&flight.fees));
        }
        for nonce in late {
            if self.renew(nonce, &market).await? == Flow::Stop {
                return Ok(());
            }
        }
        if !self.queue.is_empty() && self.waiting().next().is_none() {
            self.next_nonce = self.client.nonce(self.address(), StateAt::Pending).await?;
        }
        while let Some((id, request)) = self.queue.pop_front() {
            let fees = Fees::first(request.kind(), &market, &self.config);
            let need = request.worst_cost(&fees);
            if need > credit {
                self.ready.push(TxEvent::Unfunded { have: credit, need });
                self.queue.push_front((id, request));
                return Ok(());
            }
            credit = credit.saturating_sub(need);
            if self.launch(id, request, fees, head).await? == Flow::Stop {
                return Ok(());
            }
        }
        Ok(())
    }

    fn over_the_cap(&mut self, now: Instant) -> Option<U256> {
        while self
            .spent
            .front()
            .is_some_and(|(at, _)| now.duration_since(*at) > HOUR)
        {
            self.spent.pop_front();
        }
        let spent = self
            .spent
            .iter()
            .fold(U256::ZERO, |sum, (_, cost)| sum.saturating_add(*cost));
        (spent >= U256::from(self.config.spending_per_hour_max)).then_some(spent)
    }

    pub(super) async fn sidecar(
        &self,
        request: &TxRequest,
    ) -> Result<Option<BlobTransactionSidecarVariant>, L1Error> {
        let TxPayload::Blobs(blobs) = &request.payload else {
            return Ok(None);
        };
        let (blobs, form) = (blobs.clone(), self.form);
        tokio::task::spawn_blocking(move || crate::sidecar(&blobs, form).map(Some))
            .await
            .map_err(|error| L1Error::Blob(error.to_string()))?
    }

    /// Sends a queued request for the first time, at the next nonce.
    async fn launch(
        &mut self,
        id: TxId,
        request: TxRequest,
        fees: Fees,
        head: L1Ref,
    ) -> Result<Flow, L1Error> {
        let sidecar = match self.sidecar(&request).await {
            Ok(sidecar) => sidecar,
            Err(error) => {
                let reason = TxFailure::Rejected {
                    message: error.to_string(),
                };
                self.ready.push(TxEvent::Failed { id, reason });
                return Ok(Flow::On);
            }
        };
        let nonce = self.next_nonce;
        let mut flight = Flight {
            id,
            request,
            sidecar,
            first_fees: fees,
            fees,
            tx_hashes: Vec::new(),
            sent_at: Instant::now(),
            since: head.number,
            again: false,
            missing: 0,
            landed: None,
        };
        match self.transmit(nonce, &mut flight).await {
            Ok(()) => {
                self.next_nonce = nonce.saturating_add(1);
                self.flights.insert(nonce, flight);
                Ok(Flow::On)
            }
            Err(L1Error::Rejected {
                kind: Rejection::Invalid,
                message,
            }) => {
                self.forget(nonce)?;
                self.ready.push(TxEvent::Failed {
                    id,
                    reason: TxFailure::Rejected { message },
                });
                Ok(Flow::On)
            }
            Err(L1Error::Rejected { kind, message }) => {
                tracing::warn!(nonce, ?kind, message, "tx.refused");
                self.forget(nonce)?;
                if kind == Rejection::Underpriced {
                    // Somebody's, perhaps our own earlier run's, stands at this nonce: outbid it.
                    flight.again = true;
                    flight.sent_at = Instant::now();
                    self.next_nonce = nonce.saturating_add(1);
                    self.flights.insert(nonce, flight);
                    return Ok(Flow::Stop);
                }
                if kind == Rejection::NonceTooLow {
                    self.next_nonce = self.client.nonce(self.address(), StateAt::Pending).await?;
                }
                if kind == Rejection::Sidecar {
                    self.form = other(self.form);
                }
                self.queue.push_front((id, flight.request));
                Ok(Flow::Stop)
            }
            Err(error) => {
                // It may or may not have arrived: it keeps its nonce and goes out again.
                flight.again = true;
                self.next_nonce = nonce.saturating_add(1);
                self.flights.insert(nonce, flight);
                Err(error)
            }
        }
    }

    fn forget(&mut self, nonce: u64) -> Result<(), L1Error> {
        self.log
            .forget(nonce)
            .map_err(|error| L1Error::Intent(error.to_string()))
    }

    /// Sends again what a reorg dropped or the pool lost, and outbids what waits too long.
    async fn renew(&mut self, nonce: u64, market: &FeeData) -> Result<Flow, L1Error> {
        let Some(mut flight) = self.flights.remove(&nonce) else {
            return Ok(Flow::On);
        };
        let outcome = self.renew_flight(nonce, &mut flight, market).await;
        self.flights.insert(nonce, flight);
        outcome
    }

    async fn renew_flight(
        &mut self,
        nonce: u64,
        flight: &mut Flight,
        market: &FeeData,
    ) -> Result<Flow, L1Error> {
        let kind = flight.request.kind();
        let waited = flight.sent_at.elapsed();
        if waited >= self.config.bump_after {
            match flight
                .fees
                .bumped(kind, market, &flight.first_fees, &self.config)
            {
                Some(fees) => flight.fees = fees,
                None if flight.again || waited >= self.config.resend_after => {}
                None => return Ok(Flow::On),
            }
        }
        match self.transmit(nonce, flight).await {
            Ok(()) => Ok(Flow::On),
            Err(L1Error::Rejected {
                kind: refusal,
                message,
            }) => {
                tracing::warn!(nonce, ?refusal, message, "tx.refused");
                flight.again = !matches!(refusal, Rejection::NonceTooLow);
                match refusal {
                    // In the chain, or a stranger's: `collect` finds out which.
                    Rejection::NonceTooLow => {}
                    Rejection::Underpriced => {
                        let first = &flight.first_fees;
                        if let Some(fees) = flight.fees.bumped(kind, market, first, &self.config) {
                            flight.fees = fees;
                        }
                    }
                    Rejection::Sidecar => {
                        self.form = other(self.form);
                        flight.sidecar = self.sidecar(&flight.request).await?;
                    }
                    _ => return Ok(Flow::Stop),
                }
                Ok(Flow::On)
            }
            Err(error) => {
                flight.again = true;
                Err(error)
            }
        }
    }

    /// Signs, records the intent, sends. A node that already holds the bytes is content.
    async fn transmit(&mut self, nonce: u64, flight: &mut Flight) -> Result<(), L1Error> {
        let draft = Draft {
            chain_id: self.chain_id,
            nonce,
            fees: flight.fees,
        };
        let sidecar = flight.sidecar.as_ref();
        let Signed { tx_hash, raw } = sign(&self.signer, &flight.request, sidecar, &draft)?;
        if flight.tx_hashes.last() != Some(&tx_hash) {
            flight.tx_hashes.push(tx_hash);
        }
        let intent = Intent {
            nonce,
            kind: flight.request.kind(),
            request: flight.request.clone(),
            fees: flight.fees,
            tx_hashes: flight.tx_hashes.clone(),
            blob_hashes: sidecar
                .map(|s| s.versioned_hashes().collect())
                .unwrap_or_default(),
        };
        self.log
            .record(&intent)
            .map_err(|error| L1Error::Intent(error.to_string()))?;
        flight.sent_at = Instant::now();
        match self.client.send_raw(raw).await {
            Ok(_)
            | Err(L1Error::Rejected {
                kind: Rejection::AlreadyKnown,
                ..
            }) => {
                flight.again = false;
                tracing::debug!(nonce, %tx_hash, "tx.sent");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

const fn other(form: SidecarForm) -> SidecarForm {
    match form {
        SidecarForm::Eip4844 => SidecarForm::Eip7594,
        SidecarForm::Eip7594 => SidecarForm::Eip4844,
    }
}
