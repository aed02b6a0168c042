//! Stages 2 and 3: payloads of one L1 block, and the frames of one payload in Holocene order.
//!
//! Only one payload is expanded at a time, and it is pruned by itself; what was handed on cannot be
//! pruned any more, which is why the channel stage checks order again.

use crate::{Payload, dropped::DropReason};
use alloc::{collections::VecDeque, vec::Vec};
use foggara_batch::{Frame, blob, decode_payload};

/// The frames of a payload, pruned, or why there are none.
pub(crate) fn frames_of_payload(payload: &Payload) -> Result<(VecDeque<Frame>, usize), DropReason> {
    let frames = match payload {
        Payload::Calldata(data) => decode_payload(data),
        Payload::Blob(data) => decode_payload(&blob::decode(data).map_err(|_| DropReason::Blob)?),
    };
    Ok(prune(frames.map_err(DropReason::Payload)?))
}

/// Leaves only frames in order. Returns them and how many were dropped.
///
/// Neighbours are compared from the front; with the same id, the second is dropped after a last frame
/// or when its number is not one above (R4: a second frame 0 of an open channel too). With another id,
/// the second is dropped unless it is a frame 0; a frame 0 drops the unclosed channel before it, frame
/// by frame.
///
/// Source: OP holocene/derivation "Frame Queue"; the order of the checks is consensus.
fn prune(frames: Vec<Frame>) -> (VecDeque<Frame>, usize) {
    let count = frames.len();
    let mut kept: Vec<Frame> = Vec::with_capacity(count);
    for next in frames {
        loop {
            let Some(current) = kept.last() else {
                kept.push(next);
                break;
            };
            if current.id == next.id {
                // Frame numbers wrap as 16-bit integers do in the implementations.
                if !current.is_last && next.number == current.number.wrapping_add(1) {
                    kept.push(next);
                }
                break;
            }
            if next.number != 0 {
                break;
            }
            if current.is_last {
                kept.push(next);
                break;
            }
            kept.pop();
        }
    }
    let dropped = count.saturating_sub(kept.len());
    (kept.into(), dropped)
}

/// What is left of the L1 block being consumed.
#[derive(Debug, Default)]
pub(crate) struct FrameQueue {
    payloads: VecDeque<Payload>,
    frames: VecDeque<Frame>,
}

/// What a look into the queue gave.
#[derive(Debug)]
pub(crate) enum Pulled {
    /// A frame; `payload_done` if it was the last of its payload.
    Frame { frame: Frame, payload_done: bool },
    /// A payload without frames, taken whole.
    Empty(DropReason),
    /// A payload was expanded; this many of its frames were out of order.
    Opened(usize),
    /// The L1 block is consumed.
    End,
}

impl FrameQueue {
    pub(crate) fn new(payloads: Vec<Payload>) -> Self {
        Self {
            payloads: payloads.into(),
            frames: VecDeque::new(),
        }
    }

    pub(crate) fn pull(&mut self) -> Pulled {
        if let Some(frame) = self.frames.pop_front() {
            return Pulled::Frame {
                frame,
                payload_done: self.frames.is_empty(),
            };
        }
        let Some(payload) = self.payloads.pop_front() else {
            return Pulled::End;
        };
        match frames_of_payload(&payload) {
            Ok((frames, dropped)) => {
                self.frames = frames;
                Pulled::Opened(dropped)
            }
            Err(why) => Pulled::Empty(why),
        }
    }

    /// Passes over what a cursor counts as taken. `false` if there is less.
    pub(crate) fn skip(&mut self, payloads: u32, frames: u32) -> bool {
        for _ in 0..payloads {
            if self.payloads.pop_front().is_none() {
                return false;
            }
        }
        if frames == 0 {
            return true;
        }
        let opened = self
            .payloads
            .pop_front()
            .and_then(|payload| frames_of_payload(&payload).ok());
        let Some((mut queue, _)) = opened else {
            return false;
        };
        for _ in 0..frames {
            queue.pop_front();
        }
        self.frames = queue;
        !self.frames.is_empty()
    }

    /// Drops everything. Returns how many payloads were not fully taken.
    pub(crate) fn clear(&mut self) -> u32 {
        let open = usize::from(!self.frames.is_empty());
        let left = self.payloads.len().saturating_add(open);
        *self = Self::default();
        u32::try_from(left).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloy_primitives::Bytes;
    use foggara_batch::{ChannelId, encode_payload};
    use proptest::prelude::*;
    use rstest::rstest;

    /// `a0 a1! b0`: channel, number, `!` marks the last frame.
    fn frames(text: &str) -> Vec<Frame> {
        text.split_whitespace()
            .map(|word| {
                let is_last = word.ends_with('!');
                let word = word.trim_end_matches('!');
                Frame {
                    id: ChannelId::repeat_byte(word.as_bytes()[0]),
                    number: word[1..].parse().unwrap(),
                    data: Bytes::from_static(b"data"),
                    is_last,
                }
            })
            .collect()
    }

    #[rstest]
    #[case::in_order("a0 a1 a2!", "a0 a1 a2!")]
    #[case::non_first_alone("a2", "a2")]
    #[case::gap_drops_next("a0 a2 a3!", "a0")]
    #[case::repeat_drops_next("a0 a0 a1 a1 a2!", "a0 a1 a2!")]
    #[case::after_last_drops("a0! a1 a0 a1!", "a0!")]
    #[case::reordered("a1 a0 a2!", "a1 a2!")]
    #[case::new_channel_after_closed("a0 a1! b0 b1!", "a0 a1! b0 b1!")]
    #[case::new_channel_drops_unclosed("a0 a1 b0 b1!", "b0 b1!")]
    #[case::new_channel_spares_closed_before("a0! b0 b1 c0!", "a0! c0!")]
    #[case::foreign_non_first_drops("a0 b1 a1 b2 a2!", "a0 a1 a2!")]
    #[case::foreign_after_closed_drops("a0! b1 b0!", "a0! b0!")]
    #[case::r4_same_id_first_frame_again_is_dropped("a0 a1 a0 a1 a2!", "a0 a1 a2!")]
    #[case::reused_channel_id_keeps_the_closed_channel("a0 a1! b0 a0 a1!", "a0 a1!")]
    #[case::number_wraps("a65535 a0 a1!", "a65535 a0 a1!")]
    #[case::open_tail_stays("a0! b0", "a0! b0")]
    fn pruning(#[case] input: &str, #[case] expected: &str) {
        let (kept, dropped) = prune(frames(input));
        assert_eq!(Vec::from(kept), frames(expected));
        assert_eq!(dropped, frames(input).len() - frames(expected).len());
    }

    /// The rule as it is stated: an index walks over pairs and steps back after a removal.
    fn prune_by_index(mut frames: Vec<Frame>) -> Vec<Frame> {
        let mut at = 0;
        while at + 1 < frames.len() {
            let (current, next) = (frames[at].clone(), frames[at + 1].clone());
            if current.id == next.id {
                if current.is_last || next.number != current.number.wrapping_add(1) {
                    frames.remove(at + 1);
                    continue;
                }
            } else if next.number == 0 && !current.is_last {
                frames.remove(at);
                at = at.saturating_sub(1);
                continue;
            } else if next.number != 0 {
                frames.remove(at + 1);
                continue;
            }
            at += 1;
        }
        frames
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn pruning_equals_the_rule_by_index(
            words in proptest::collection::vec((0u8..3, 0u16..4, any::<bool>()), 0..24)
        ) {
            let input: Vec<Frame> = words
                .into_iter()
                .map(|(id, number, is_last)| Frame {
                    id: ChannelId::repeat_byte(id),
                    number,
                    data: Bytes::new(),
                    is_last,
                })
                .collect();
            prop_assert_eq!(Vec::from(prune(input.clone()).0), prune_by_index(input));
        }
    }

    #[test]
    fn an_undecodable_payload_or_blob_is_skipped() {
        let good = encode_payload(&frames("a0!"));
        let mut queue = FrameQueue::new(vec![
            Payload::Calldata(Bytes::new()),
            Payload::Calldata(Bytes::from(good[..good.len() - 1].to_vec())),
            Payload::Blob(Bytes::from(vec![0xff; 131_072])),
            Payload::Blob(Bytes::from(vec![0; 7])),
            Payload::Calldata(good.into()),
        ]);
        for _ in 0..4 {
            assert!(matches!(queue.pull(), Pulled::Empty(_)));
        }
        assert!(matches!(queue.pull(), Pulled::Opened(0)));
        assert!(matches!(
            queue.pull(),
            Pulled::Frame {
                payload_done: true,
                ..
            }
        ));
        assert!(matches!(queue.pull(), Pulled::End));
    }

    #[test]
    fn skipping_gives_what_pulling_leaves() {
        let payload = |text| Payload::Calldata(encode_payload(&frames(text)).into());
        let all = || FrameQueue::new(vec![payload("a0 a1 a3 a2"), payload("b0!"), payload("c0")]);
        let mut queue = all();
        assert!(queue.skip(0, 2));
        assert!(
            matches!(queue.pull(), Pulled::Frame { frame, payload_done: true } if frame.number == 2)
        );
        let mut queue = all();
        assert!(queue.skip(2, 0));
        assert!(matches!(queue.pull(), Pulled::Opened(0)));
        assert!(!all().skip(4, 0));
        assert!(!all().skip(0, 3));
        assert!(!all().skip(3, 1));
    }
}
