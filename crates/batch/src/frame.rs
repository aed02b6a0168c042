//! Frames: slices of a channel, and the payload string that carries them in one L1 transaction or blob.
//!
//! | size | field |
//! |---|---|
//! | 16 | channel id |
//! | 2 | frame number |
//! | 4 | length of the data |
//! | n | data |
//! | 1 | is_last, 0 or 1 |
//!
//! Integers are big-endian. A payload is the version byte 0 and one or more frames.
//! Source: OP derivation "Frame Format" and "Batcher Transaction Format".

use crate::input::Input;
use alloc::vec::Vec;
use alloy_primitives::{Bytes, FixedBytes};
use foggara_primitives::constants::{DERIVATION_VERSION_0, FRAME_OVERHEAD, MAX_FRAME_LEN};

/// Identifier of a channel, chosen at random by the batcher and never used twice.
pub type ChannelId = FixedBytes<16>;

/// A slice of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Frame {
    /// The channel it belongs to.
    pub id: ChannelId,
    /// Position in the channel, from 0.
    pub number: u16,
    /// The slice, at most [`MAX_FRAME_LEN`] bytes.
    pub data: Bytes,
    /// Whether it is the channel's last slice.
    pub is_last: bool,
}

/// Bytes that are not a payload of frames.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// There is no byte, or no frame behind the version byte.
    #[error("payload holds no frame")]
    Empty,
    /// The version byte is not 0.
    #[error("payload version is {0}, expected 0")]
    Version(u8),
    /// The bytes end inside a frame.
    #[error("frame is truncated")]
    Truncated,
    /// The data is longer than a frame may hold.
    #[error("frame data has {got} bytes, allowed are {max}")]
    TooLong {
        /// Length stated.
        got: usize,
        /// [`MAX_FRAME_LEN`].
        max: usize,
    },
    /// The closing byte is neither 0 nor 1.
    #[error("is_last is {0}, expected 0 or 1")]
    IsLast(u8),
}

/// A channel that cannot be cut into frames, or frames that are not one channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The data size of a frame is 0 or above [`MAX_FRAME_LEN`].
    #[error("frame size is {0}, allowed are 1 to 1000000 bytes")]
    FrameSize(usize),
    /// More than 65,536 frames would be needed.
    #[error("channel needs {0} frames, allowed are 65536")]
    TooManyFrames(usize),
    /// The frame at this position has another id or number, or `is_last` at the wrong place.
    #[error("frame {0} does not continue the channel")]
    Sequence(usize),
}

impl Frame {
    /// Bytes of the encoded frame.
    pub fn encoded_len(&self) -> usize {
        self.data.len().saturating_add(FRAME_OVERHEAD)
    }

    /// Appends the frame to `out`. Data must not exceed [`MAX_FRAME_LEN`] bytes, which
    /// [`cut_frames`] guarantees; a longer frame would be refused by every decoder.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.id.as_slice());
        out.extend_from_slice(&self.number.to_be_bytes());
        let length = u32::try_from(self.data.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&self.data);
        out.push(u8::from(self.is_last));
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, FrameError> {
        let id = input.array::<16>().ok_or(FrameError::Truncated)?;
        let number = input.array().ok_or(FrameError::Truncated)?;
        let length = u32::from_be_bytes(input.array().ok_or(FrameError::Truncated)?) as usize;
        if length > MAX_FRAME_LEN {
            return Err(FrameError::TooLong {
                got: length,
                max: MAX_FRAME_LEN,
            });
        }
        let data = Bytes::copy_from_slice(input.take(length).ok_or(FrameError::Truncated)?);
        let is_last = match input.byte().ok_or(FrameError::Truncated)? {
            0 => false,
            1 => true,
            other => return Err(FrameError::IsLast(other)),
        };
        Ok(Self {
            id: id.into(),
            number: u16::from_be_bytes(number),
            data,
            is_last,
        })
    }
}

/// Reads the frames of a payload. One bad frame voids the whole payload.
///
/// # Errors
/// [`FrameError`]: what was found instead.
///
/// Source: OP derivation "Batcher Transaction Format".
pub fn decode_payload(bytes: &[u8]) -> Result<Vec<Frame>, FrameError> {
    let mut input = Input::new(bytes);
    match input.byte().ok_or(FrameError::Empty)? {
        DERIVATION_VERSION_0 => {}
        other => return Err(FrameError::Version(other)),
    }
    let mut frames = Vec::new();
    while !input.is_empty() {
        frames.push(Frame::decode(&mut input)?);
    }
    if frames.is_empty() {
        Err(FrameError::Empty)
    } else {
        Ok(frames)
    }
}

/// The payload of these frames: the version byte and each frame.
pub fn encode_payload(frames: &[Frame]) -> Vec<u8> {
    let length = frames
        .iter()
        .fold(1usize, |sum, frame| sum.saturating_add(frame.encoded_len()));
    let mut out = Vec::with_capacity(length);
    out.push(DERIVATION_VERSION_0);
    for frame in frames {
        frame.encode(&mut out);
    }
    out
}

/// Cuts a channel into frames of at most `data_size` bytes of data, the last one marked. An empty
/// channel becomes one empty frame.
///
/// # Errors
/// - [`ChannelError::FrameSize`]: `data_size` is 0 or above [`MAX_FRAME_LEN`].
/// - [`ChannelError::TooManyFrames`]: numbers would not fit in 16 bits.
pub fn cut_frames(
    id: ChannelId,
    channel: &Bytes,
    data_size: usize,
) -> Result<Vec<Frame>, ChannelError> {
    if data_size == 0 || data_size > MAX_FRAME_LEN {
        return Err(ChannelError::FrameSize(data_size));
    }
    let count = channel.len().div_ceil(data_size).max(1);
    let mut frames = Vec::new();
    let mut rest = channel.clone();
    for index in 0..count {
        let number = u16::try_from(index).map_err(|_| ChannelError::TooManyFrames(count))?;
        let data = rest.split_to(data_size.min(rest.len()));
        frames.push(Frame {
            id,
            number,
            data,
            is_last: rest.is_empty(),
        });
    }
    Ok(frames)
}

/// The bytes of a channel from all of its frames in order.
///
/// # Errors
/// [`ChannelError::Sequence`]: the frames are not exactly those of one channel.
pub fn join_frames(frames: &[Frame]) -> Result<Vec<u8>, ChannelError> {
    let id = frames.first().ok_or(ChannelError::Sequence(0))?.id;
    let last = frames.len().saturating_sub(1);
    let mut out = Vec::new();
    for (index, frame) in frames.iter().enumerate() {
        let fits = frame.id == id
            && usize::from(frame.number) == index
            && frame.is_last == (index == last);
        if !fits {
            return Err(ChannelError::Sequence(index));
        }
        out.extend_from_slice(&frame.data);
    }
    Ok(out)
}
