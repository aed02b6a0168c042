//! Looks at L1 beside the building loop, so that an L1 that does not answer delays no block.
//!
//! One look is under way at a time. The loop waits for a new one for a part of the slot; a look that takes
//! longer goes on, and whichever slot finds it done uses what it saw.

use crate::{Origin, OriginView, choose_origin, drift_exceeded};
use foggara_derive::L1Input;
use foggara_l1::{BlockAt, BlockTag, L1Client, L1Error, fetch_events, ref_of};
use foggara_primitives::{BlockId, ChainSpec, L1Ref};
use std::{sync::Arc, time::Duration};
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};

/// Age beyond which what a look has seen is not used any more, in halves of a slot.
const STALE_AFTER: u32 = 4;

/// What is looked for.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// Origin of the parent.
    pub(crate) origin: BlockId,
    /// Whether header and events of that origin are at hand.
    pub(crate) known: bool,
    /// Unix second of the block to be built.
    pub(crate) time: u64,
    /// L1 blocks on top of an origin before it is taken.
    pub(crate) l1_confs: u64,
}

/// What one look has seen.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) head: L1Ref,
    view: OriginView,
    /// Header and events of the origin that was to be taken when the look began, unless known.
    input: Option<L1Input>,
    seen: Instant,
}

impl Look {
    /// The origin of the block at `time`. A next origin that became possible only while the look was
    /// under way is left to the next look, where that is allowed.
    pub(crate) fn choose(&self, parent: BlockId, time: u64) -> Origin {
        match (choose_origin(parent, &self.view, time), self.view.current) {
            (Origin::Next(next), Some(current)) if !self.has_input(next.id()) => {
                if drift_exceeded(time, current.timestamp) {
                    Origin::Wait
                } else {
                    Origin::Keep(current)
                }
            }
            (origin, _) => origin,
        }
    }

    fn has_input(&self, origin: BlockId) -> bool {
        let input = self.input.as_ref();
        input.is_some_and(|input| input.header.id() == origin)
    }

    /// Header and events of this origin, if they were read.
    pub(crate) fn into_input(self, origin: BlockId) -> Option<L1Input> {
        self.input.filter(|input| input.header.id() == origin)
    }
}

/// The look under way.
#[derive(Debug)]
pub(crate) struct Looker {
    spec: Arc<ChainSpec>,
    l1: Arc<dyn L1Client>,
    under_way: Option<(BlockId, JoinHandle<Result<Look, L1Error>>)>,
}

impl Drop for Looker {
    fn drop(&mut self) {
        self.forget();
    }
}

impl Looker {
    pub(crate) fn new(spec: Arc<ChainSpec>, l1: Arc<dyn L1Client>) -> Self {
        Self {
            spec,
            l1,
            under_way: None,
        }
    }

    fn forget(&mut self) {
        if let Some((_, task)) = self.under_way.take() {
            task.abort();
        }
    }

    /// What L1 says; a look that this call begins is waited for at most `patience`, half of a slot. `None`:
    /// it has not answered yet.
    pub(crate) async fn look(
        &mut self,
        question: Question,
        patience: Duration,
    ) -> Option<Result<Look, L1Error>> {
        // A look around another parent says nothing of this one.
        if self
            .under_way
            .as_ref()
            .is_some_and(|(origin, _)| *origin != question.origin)
        {
            self.forget();
        }
        if let Some((_, task)) = &mut self.under_way {
            if !task.is_finished() {
                return None;
            }
            let answer = task.await.ok();
            self.under_way = None;
            let old = |look: &Look| look.seen.elapsed() > patience * STALE_AFTER;
            if !matches!(&answer, Some(Ok(look)) if old(look)) {
                return answer;
            }
        }
        let (spec, l1) = (Arc::clone(&self.spec), Arc::clone(&self.l1));
        let origin = question.origin;
        let task = tokio::spawn(async move { ask(&*l1, &spec, &question).await });
        let (_, task) = self.under_way.insert((origin, task));
        let answer = timeout(patience, task).await.ok()?;
        self.under_way = None;
        // A task that was aborted or has panicked has seen nothing.
        answer.ok()
    }
}

async fn ask(l1: &dyn L1Client, spec: &ChainSpec, question: &Question) -> Result<Look, L1Error> {
    let head = l1.head(BlockTag::Latest).await?;
    let at = async |number: u64| -> Result<Option<L1Ref>, L1Error> {
        if number > head.number {
            return Ok(None);
        }
        let found = l1.header(BlockAt::Number(number)).await?;
        Ok(found.map(|(header, hash)| ref_of(&header, hash)))
    };
    let next = question.origin.number.saturating_add(1);
    let confirmed = next.saturating_add(question.l1_confs) <= head.number;
    let view = OriginView {
        current: at(question.origin.number).await?,
        next: if confirmed { at(next).await? } else { None },
    };
    let chosen = match choose_origin(question.origin, &view, question.time) {
        Origin::Keep(origin) if !question.known => Some(origin),
        Origin::Next(origin) => Some(origin),
        _ => None,
    };
    let input = match chosen {
        Some(origin) => Some(fetch_events(l1, spec, origin.hash).await?),
        None => None,
    };
    Ok(Look {
        head,
        view,
        input,
        seen: Instant::now(),
    })
}
