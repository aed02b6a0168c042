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
