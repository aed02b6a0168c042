//! Frames and blobs, both directions and at their edges.

mod common;

use alloy_primitives::{Bytes, keccak256};
use common::{bytes, rng};
use foggara_batch::{
    BlobError, ChannelError, ChannelId, Frame, FrameError, blob, cut_frames, decode_payload,
    encode_payload, join_frames,
};
use foggara_primitives::constants::{BLOB_MAX_DATA, BLOB_SIZE, MAX_FRAME_LEN};
use proptest::prelude::*;

fn frame() -> impl Strategy<Value = Frame> {
    (
        any::<[u8; 16]>(),
        any::<u16>(),
        prop::collection::vec(any::<u8>(), 0..300),
        any::<bool>(),
    )
        .prop_map(|(id, number, data, is_last)| Frame {
            id: id.into(),
            number,
            data: data.into(),
            is_last,
        })
}

proptest! {
    #[test]
    fn decode_inverts_encode(frames in prop::collection::vec(frame(), 1..6)) {
        let payload = encode_payload(&frames);
        prop_assert_eq!(decode_payload(&payload), Ok(frames.clone()));
        prop_assert_eq!(payload.len(), 1 + frames.iter().map(Frame::encoded_len).sum::<usize>());
    }

    #[test]
    fn a_truncated_payload_is_refused_but_at_a_border(frames in prop::collection::vec(frame(), 1..4)) {
        let payload = encode_payload(&frames);
        for length in 0..payload.len() {
            match decode_payload(&payload[..length]) {
                Ok(fewer) => prop_assert_eq!(encode_payload(&fewer), &payload[..length]),
                Err(FrameError::Empty) => prop_assert!(length < 2),
                Err(error) => prop_assert_eq!(error, FrameError::Truncated),
            }
        }
    }

    #[test]
    fn a_changed_byte_is_refused_or_kept(frames in prop::collection::vec(frame(), 1..3), at: prop::sample::Index, value: u8) {
        let mut payload = encode_payload(&frames);
        let at = at.index(payload.len());
        payload[at] = value;
        if let Ok(decoded) = decode_payload(&payload) {
            prop_assert_eq!(encode_payload(&decoded), payload);
        }
    }

    #[test]
    fn joining_inverts_cutting(channel in prop::collection::vec(any::<u8>(), 0..5_000), size in 1usize..700) {
        let channel = Bytes::from(channel);
        let frames = cut_frames(ChannelId::repeat_byte(3), &channel, size).unwrap();
        prop_assert!(frames.iter().all(|frame| frame.data.len() <= size));
        prop_assert_eq!(join_frames(&frames).unwrap(), channel.to_vec());
        if frames.len() > 1 {
            prop_assert_eq!(join_frames(&frames[1..]), Err(ChannelError::Sequence(0)));
            let last = frames.len() - 1;
            prop_assert_eq!(join_frames(&frames[..last]), Err(ChannelError::Sequence(last - 1)));
        }
    }
}

#[test]
fn edges_of_a_frame() {
    let id = ChannelId::repeat_byte(1);
    let longest = Frame {
        id,
        number: u16::MAX,
        data: vec![7; MAX_FRAME_LEN].into(),
        is_last: true,
    };
    let payload = encode_payload(std::slice::from_ref(&longest));
    assert_eq!(decode_payload(&payload), Ok(vec![longest.clone()]));
    let longer = Frame {
        data: vec![7; MAX_FRAME_LEN + 1].into(),
        ..longest
    };
    let error = FrameError::TooLong {
        got: MAX_FRAME_LEN + 1,
        max: MAX_FRAME_LEN,
    };
    assert_eq!(decode_payload(&encode_payload(&[longer])), Err(error));
    // A length beyond the bound is refused before its bytes are looked for.
    let mut stated = payload[..23].to_vec();
    stated[19..23].copy_from_slice(&u32::MAX.to_be_bytes());
    assert!(matches!(
        decode_payload(&stated),
        Err(FrameError::TooLong { .. })
    ));
    assert_eq!(decode_payload(&[]), Err(FrameError::Empty));
    assert_eq!(decode_payload(&[0]), Err(FrameError::Empty));
    assert_eq!(decode_payload(&[1, 2, 3]), Err(FrameError::Version(1)));
    let mut other = encode_payload(&[Frame {
        data: Bytes::new(),
        ..longest
    }]);
    *other.last_mut().unwrap() = 2;
    assert_eq!(decode_payload(&other), Err(FrameError::IsLast(2)));
    // One bad frame voids the good ones before it.
    let good = encode_payload(&[Frame {
        data: Bytes::new(),
        ..longest
    }]);
    assert_eq!(
        decode_payload(&[good, vec![0; 5]].concat()),
        Err(FrameError::Truncated)
    );
}

#[test]
fn edges_of_cutting() {
    let id = ChannelId::repeat_byte(1);
    let channel: Bytes = vec![1; 65_537].into();
    assert_eq!(cut_frames(id, &channel, 0), Err(ChannelError::FrameSize(0)));
    let too_big = MAX_FRAME_LEN + 1;
    assert_eq!(
        cut_frames(id, &channel, too_big),
        Err(ChannelError::FrameSize(too_big))
    );
    assert_eq!(
        cut_frames(id, &channel, 1),
        Err(ChannelError::TooManyFrames(65_537))
    );
    assert_eq!(
        cut_frames(id, &channel.slice(1..), 1).unwrap().len(),
        65_536
    );
    let empty = cut_frames(id, &Bytes::new(), 10).unwrap();
    assert_eq!((empty.len(), empty[0].is_last), (1, true));
    assert_eq!(join_frames(&[]), Err(ChannelError::Sequence(0)));
}

/// The public description of the blob encoding, step by step: 31 bytes into an element, then one byte
/// whose bits are spread over the first bytes of the four elements.
fn reference_blob(data: &[u8]) -> Vec<u8> {
    let mut source = vec![0u8];
    source.extend(&u32::try_from(data.len()).unwrap().to_be_bytes()[1..]);
    source.extend(data);
    source.resize(1024 * 127, 0);
    let mut source = source.into_iter();
    let mut blob = Vec::new();
    for _ in 0..1024 {
        let mut take = |count: usize| source.by_ref().take(count).collect::<Vec<u8>>();
        let (e0, x) = (take(31), take(1)[0]);
        let (e1, y) = (take(31), take(1)[0]);
        let (e2, z) = (take(31), take(1)[0]);
        let e3 = take(31);
        for (first, rest) in [
            (x % 64, e0),
            (y % 16 + x / 64 * 16, e1),
            (z % 64, e2),
            (y / 16 + z / 64 * 16, e3),
        ] {
            blob.push(first);
            blob.extend(rest);
        }
    }
    blob
}

#[test]
fn blobs_hold_what_was_put_in() {
    let mut rng = rng(5);
    for length in [
        0,
        1,
        26,
        27,
        28,
        31,
        122,
        123,
        124,
        127,
        128,
        254,
        130_043,
        BLOB_MAX_DATA,
    ] {
        let mut data = bytes(&mut rng, 0);
        data.resize_with(length, || rand::Rng::random(&mut rng));
        let encoded = blob::encode(&data).unwrap();
        assert_eq!(encoded.len(), BLOB_SIZE);
        assert_eq!(
            keccak256(&encoded),
            keccak256(reference_blob(&data)),
            "length {length}"
        );
        assert_eq!(blob::decode(&encoded).unwrap(), data, "length {length}");
        assert!(encoded.chunks(32).all(|element| element[0] < 64));
    }
    let error = BlobError::TooLong {
        got: BLOB_MAX_DATA + 1,
        max: BLOB_MAX_DATA,
    };
    assert_eq!(blob::encode(&vec![0; BLOB_MAX_DATA + 1]), Err(error));
}

#[test]
fn blobs_of_another_make_are_refused() {
    let data = b"a payload of some thirty bytes..";
    let good = blob::encode(data).unwrap();
    let changed = |at: usize, value: u8| {
        let mut blob = good.clone();
        blob[at] = value;
        blob::decode(&blob)
    };
    assert_eq!(
        blob::decode(&good[1..]),
        Err(BlobError::Size { got: BLOB_SIZE - 1 })
    );
    assert_eq!(changed(1, 1), Err(BlobError::Version(1)));
    assert!(matches!(changed(2, 2), Err(BlobError::TooLong { .. })));
    assert_eq!(changed(4, 5), Err(BlobError::Extraneous));
    assert_eq!(changed(BLOB_SIZE - 1, 1), Err(BlobError::Extraneous));
    assert_eq!(changed(BLOB_SIZE - 32, 1), Err(BlobError::Extraneous));
    for element in [1, 2, 3, 4, 4095] {
        for bits in [0x40, 0x80] {
            let at = element * 32;
            assert_eq!(
                changed(at, good[at] | bits),
                Err(BlobError::TopBits(element))
            );
        }
    }
    // R2: the very first byte's top bits are not looked at.
    for bits in [0x40, 0x80, 0xc0] {
        assert_eq!(changed(0, good[0] | bits).unwrap()[..], data[..]);
    }
}
