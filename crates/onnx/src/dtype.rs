//! Element types, numbered as in ONNX `TensorProto` and on chain.

use serde::Serialize;

/// Element type of a tensor of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Dtype {
    /// Unsigned, 8 bits.
    U8 = 2,
    /// Signed, 8 bits.
    I8 = 3,
    /// Signed, 32 bits.
    I32 = 6,
}

impl std::fmt::Display for Dtype {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::I32 => "i32",
        })
    }
}

impl Dtype {
    /// The number of ONNX `TensorProto.DataType`, which is the code on chain.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::I32 => 4,
        }
    }

    /// Lowest and highest value.
    pub const fn range(self) -> (i32, i32) {
        match self {
            Self::U8 => (0, 255),
            Self::I8 => (-128, 127),
            Self::I32 => (i32::MIN, i32::MAX),
        }
    }
}
