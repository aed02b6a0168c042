//! Element types, by the codes of ONNX `TensorProto`.

/// The type of a tensor's elements: little-endian two's complement, packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtype {
    /// Code 2.
    U8,
    /// Code 3.
    I8,
    /// Code 5.
    I16,
    /// Code 6.
    I32,
    /// Code 7.
    I64,
    /// Code 12: indices, only ever an output.
    U32,
}

impl Dtype {
    /// The type with this code.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            2 => Self::U8,
            3 => Self::I8,
            5 => Self::I16,
            6 => Self::I32,
            7 => Self::I64,
            12 => Self::U32,
            _ => return None,
        })
    }

    /// Its code.
    pub const fn code(self) -> u8 {
        match self {
            Self::U8 => 2,
            Self::I8 => 3,
            Self::I16 => 5,
            Self::I32 => 6,
            Self::I64 => 7,
            Self::U32 => 12,
        }
    }

    /// Bytes of an element.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::I16 => 2,
            Self::I32 | Self::U32 => 4,
            Self::I64 => 8,
        }
    }

    /// Lowest and highest value.
    pub const fn range(self) -> (i64, i64) {
        match self {
            Self::U8 => (0, 0xff),
            Self::I8 => (-0x80, 0x7f),
            Self::I16 => (-0x8000, 0x7fff),
            Self::I32 => (-0x8000_0000, 0x7fff_ffff),
            Self::I64 => (i64::MIN, i64::MAX),
            Self::U32 => (0, 0xffff_ffff),
        }
    }

    /// The value nearest to `x` that the type holds.
    pub const fn saturate(self, x: i64) -> i64 {
        let (lowest, highest) = self.range();
        if x < lowest {
            lowest
        } else if x > highest {
            highest
        } else {
            x
        }
    }

    /// The first element of `bytes`; zero if they are too few.
    #[inline(always)]
    pub fn read(self, bytes: &[u8]) -> i64 {
        fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
            bytes.first_chunk().copied().unwrap_or([0; N])
        }
        match self {
            Self::U8 => u8::from_le_bytes(first(bytes)).into(),
            Self::I8 => i8::from_le_bytes(first(bytes)).into(),
            Self::I16 => i16::from_le_bytes(first(bytes)).into(),
            Self::I32 => i32::from_le_bytes(first(bytes)).into(),
            Self::I64 => i64::from_le_bytes(first(bytes)),
            Self::U32 => u32::from_le_bytes(first(bytes)).into(),
        }
    }

    /// Writes `x`, which is in range, as the first element of `bytes`, if they are enough.
    #[inline(always)]
    pub fn write(self, x: i64, bytes: &mut [u8]) {
        let x = x.to_le_bytes();
        let size = usize::try_from(self.bytes()).unwrap_or(8);
        if let (Some(to), Some(from)) = (bytes.get_mut(..size), x.get(..size)) {
            to.copy_from_slice(from);
        }
    }
}
