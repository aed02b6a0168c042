//! Stage 4: one staging channel.
//!
//! ```text
//!            frame 0                     last frame
//!   none ───────────────▶ assembling ───────────────────▶ ready (read by the next stage)
//!    ▲                     │  ▲  │ frame 0: replaced
//!    └─── timed out, ──────┘  └──┘
//!         too large
//! ```
//!
//! The cursor's channel fields are the state; beside them stand only the frames they commit to.

use crate::{FrameObject, dropped::DropReason, step::clear_channel};
use alloc::vec::Vec;
use alloy_primitives::Bytes;
use foggara_batch::Frame;
use foggara_primitives::{
    Cursor, Phase,
    constants::{CHANNEL_TIMEOUT, FRAME_SIZE_OVERHEAD, MAX_RLP_BYTES_PER_CHANNEL},
};

/// Data of the frames that the cursor's channel fields commit to.
#[derive(Debug, Default)]
pub(crate) struct Channel {
    frames: Vec<Bytes>,
    unsaved: Vec<FrameObject>,
}

/// What became of a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It was taken; the channel waits for more.
    Held,
    /// It completed the channel.
    Ready,
    /// It was dropped, or it dropped the channel.
    Dropped(DropReason),
}

impl Channel {
    /// The channel of a cursor that holds these frames.
    pub(crate) const fn resumed(frames: Vec<Bytes>) -> Self {
        Self {
            frames,
            unsaved: Vec::new(),
        }
    }

    /// Offers a frame. An open channel that is replaced is noted by the second value.
    pub(crate) fn add(&mut self, frame: Frame, cursor: &mut Cursor) -> (Added, bool) {
        let replaced = frame.number == 0 && cursor.phase == Phase::Assembling;
        if frame.number == 0 {
            self.clear(cursor);
            cursor.phase = Phase::Assembling;
            cursor.channel_id = frame.id;
            cursor.opened_at = cursor.l1_number;
        }
        let fits = cursor.phase == Phase::Assembling
            && cursor.channel_id == frame.id
            && cursor.frames_held == u32::from(frame.number);
        if !fits {
            return (Added::Dropped(DropReason::Frame), replaced);
        }
        let size = (frame.data.len() as u64).saturating_add(FRAME_SIZE_OVERHEAD);
        cursor.channel_size = cursor.channel_size.saturating_add(size);
        if cursor.channel_size > MAX_RLP_BYTES_PER_CHANNEL {
            self.clear(cursor);
            return (Added::Dropped(DropReason::TooLarge), replaced);
        }
        let object = FrameObject::append(cursor.frame_acc, frame.data.clone());
        cursor.frame_acc = object.acc;
        cursor.frames_held = cursor.frames_held.saturating_add(1);
        self.unsaved.push(object);
        self.frames.push(frame.data);
        (
            if frame.is_last {
                Added::Ready
            } else {
                Added::Held
            },
            replaced,
        )
    }

    /// Drops an open channel that is too old for the cursor's L1 block.
    pub(crate) fn time_out(&mut self, cursor: &mut Cursor) -> bool {
        let late = cursor.phase == Phase::Assembling
            && cursor.opened_at.saturating_add(CHANNEL_TIMEOUT) < cursor.l1_number;
        if late {
            self.clear(cursor);
        }
        late
    }

    /// The compressed bytes; the frames stay only as objects to be stored.
    pub(crate) fn take_bytes(&mut self) -> Vec<u8> {
        let frames = core::mem::take(&mut self.frames);
        let length = frames
            .iter()
            .fold(0usize, |sum, frame| sum.saturating_add(frame.len()));
        let mut out = Vec::with_capacity(length);
        for frame in frames {
            out.extend_from_slice(&frame);
        }
        out
    }

    /// Objects not yet handed out.
    pub(crate) fn take_unsaved(&mut self) -> Vec<FrameObject> {
        core::mem::take(&mut self.unsaved)
    }

    /// Forgets the channel.
    pub(crate) fn clear(&mut self, cursor: &mut Cursor) {
        *self = Self::default();
        clear_channel(cursor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use foggara_batch::ChannelId;

    fn frame(number: u16, data: Bytes, is_last: bool) -> Frame {
        Frame {
            id: ChannelId::repeat_byte(1),
            number,
            data,
            is_last,
        }
    }

    /// A frame counts 200 bytes beside its data; at 100,000,000 a channel still stands.
    #[test]
    fn the_size_bound_counts_each_frame_with_its_overhead() {
        let (mut channel, mut cursor) = (Channel::default(), Cursor::default());
        let full = Bytes::from(alloc::vec![0u8; 1_000_000]);
        for number in 0..99 {
            let (added, _) = channel.add(frame(number, full.clone(), false), &mut cursor);
            assert_eq!(added, Added::Held);
        }
        let left = 100_000_000 - 99 * 1_000_200 - 200;
        assert_eq!(cursor.channel_size, 99 * 1_000_200);
        let exact = full.slice(..left);
        assert_eq!(
            channel.add(frame(99, exact, false), &mut cursor).0,
            Added::Held
        );
        assert_eq!(cursor.channel_size, 100_000_000);
        let (added, _) = channel.add(frame(100, Bytes::new(), true), &mut cursor);
        assert_eq!(added, Added::Dropped(DropReason::TooLarge));
        assert_eq!(cursor, Cursor::default());
        assert!(channel.take_bytes().is_empty() && channel.take_unsaved().is_empty());
    }

    #[test]
    fn objects_chain_up_to_the_accumulator() {
        let (mut channel, mut cursor) = (Channel::default(), Cursor::default());
        for number in 0..3u8 {
            let data = Bytes::from(alloc::vec![number; 40_000 * usize::from(number)]);
            channel.add(frame(number.into(), data, number == 2), &mut cursor);
        }
        let objects = channel.take_unsaved();
        let fetch = |acc| objects.iter().find(|object| object.acc == acc).cloned();
        let frames = crate::frames_of(&cursor, fetch).unwrap();
        assert_eq!(frames.concat(), channel.take_bytes());

        let mut missing = objects.clone();
        let lost = missing.remove(1).acc;
        let fetch = |acc| missing.iter().find(|object| object.acc == acc).cloned();
        let error = crate::frames_of(&cursor, fetch).unwrap_err();
        assert_eq!(error, crate::ResumeError::Missing { acc: lost });

        let mut damaged = objects;
        damaged[1].data = Bytes::from_static(b"other");
        let fetch = |acc| damaged.iter().find(|object| object.acc == acc).cloned();
        let error = crate::frames_of(&cursor, fetch).unwrap_err();
        assert_eq!(error, crate::ResumeError::Damaged { acc: lost });
    }
}
