//! Tensors: those that the file holds, and those that the plan names.

use crate::{Dtype, OnnxError, proto::TensorProto};

/// Elements of one constant at most: a stored tensor has at most as many bytes.
const ELEMENTS_MAX: u64 = 256 * 1024 * 1024;

/// A tensor of the plan: row-major, packed, little-endian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Element type.
    pub dtype: Dtype,
    /// Dimensions, outermost first.
    pub dims: Vec<u32>,
    /// Elements, packed.
    pub bytes: Vec<u8>,
}

/// A constant of the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Constant {
    pub(crate) dims: Vec<u64>,
    pub(crate) data: Data,
}

/// Elements of a constant. Types without a use here keep only their number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    F32(Vec<f32>),
    U8(Vec<u8>),
    I8(Vec<i8>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    Other(i32),
}

impl Data {
    /// The type as ONNX numbers it.
    pub(crate) const fn code(&self) -> i32 {
        match self {
            Self::F32(_) => 1,
            Self::U8(_) => 2,
            Self::I8(_) => 3,
            Self::I32(_) => 6,
            Self::I64(_) => 7,
            Self::Other(code) => *code,
        }
    }

    const fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::U8(v) => v.len(),
            Self::I8(v) => v.len(),
            Self::I32(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::Other(_) => 0,
        }
    }
}

impl Constant {
    /// Reads a tensor of the file.
    ///
    /// # Errors
    /// [`OnnxError::Invalid`]: dimensions below zero, or not as many elements as they say;
    /// [`OnnxError::TooLarge`]: too many of them.
    pub(crate) fn read(proto: &TensorProto) -> Result<Self, OnnxError> {
        let invalid = |what: String| OnnxError::Invalid(format!("tensor `{}`: {what}", proto.name));
        if proto.data_location != 0 {
            return Err(OnnxError::Refused {
                operator: "model".into(),
                node: proto.name.clone(),
                reason: crate::Refusal::Storage("its data lies in another file"),
            });
        }
        let mut dims = Vec::with_capacity(proto.dims.len());
        let mut count = 1u64;
        for dim in &proto.dims {
            let dim = u64::try_from(*dim).map_err(|_| invalid(format!("dimension {dim}")))?;
            count = count.saturating_mul(dim);
            dims.push(dim);
        }
        if count > ELEMENTS_MAX {
            return Err(OnnxError::TooLarge {
                what: "elements of a tensor",
                got: count,
                max: ELEMENTS_MAX,
            });
        }
        let data = Data::read(proto).ok_or_else(|| invalid("elements out of range".into()))?;
        let got = data.len() as u64;
        if got != count && !matches!(data, Data::Other(_)) {
            return Err(invalid(format!("{got} elements for dimensions {dims:?}")));
        }
        Ok(Self { dims, data })
    }

    /// The only element of a constant of one element.
    pub(crate) fn single(&self) -> bool {
        self.data.len() == 1 && self.dims.iter().all(|dim| *dim == 1)
    }

    pub(crate) fn shape(&self) -> String {
        format!("{:?}", self.dims)
    }
}

impl Data {
    /// `None` if the bytes do not divide into elements, or a value leaves its type.
    fn read(proto: &TensorProto) -> Option<Self> {
        let raw = proto.raw_data.as_deref();
        Some(match proto.data_type {
            1 => Self::F32(match raw {
                Some(raw) => words(raw)?.map(f32::from_le_bytes).collect(),
                None => proto.float_data.clone(),
            }),
            2 => Self::U8(match raw {
                Some(raw) => raw.to_vec(),
                None => narrow(&proto.int32_data)?,
            }),
            3 => Self::I8(match raw {
                Some(raw) => raw.iter().map(|byte| byte.cast_signed()).collect(),
                None => narrow(&proto.int32_data)?,
            }),
            6 => Self::I32(match raw {
                Some(raw) => words(raw)?.map(i32::from_le_bytes).collect(),
                None => proto.int32_data.clone(),
            }),
            7 => Self::I64(match raw {
                Some(raw) => words(raw)?.map(i64::from_le_bytes).collect(),
                None => proto.int64_data.clone(),
            }),
            other => Self::Other(other),
        })
    }
}

fn words<const N: usize>(raw: &[u8]) -> Option<impl Iterator<Item = [u8; N]>> {
    let (words, rest) = raw.as_chunks::<N>();
    rest.is_empty().then(|| words.iter().copied())
}

fn narrow<T: TryFrom<i32>>(values: &[i32]) -> Option<Vec<T>> {
    values
        .iter()
        .map(|value| T::try_from(*value).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(data_type: i32, dims: &[i64]) -> TensorProto {
        TensorProto {
            data_type,
            dims: dims.to_vec(),
            ..TensorProto::default()
        }
    }

    #[test]
    fn reads_raw_and_typed_data_alike() {
        let mut raw = tensor(3, &[3]);
        raw.raw_data = Some(vec![1, 0xff, 0x80]);
        let mut typed = tensor(3, &[3]);
        typed.int32_data = vec![1, -1, -128];
        let want = Constant {
            dims: vec![3],
            data: Data::I8(vec![1, -1, -128]),
        };
        assert_eq!(Constant::read(&raw), Ok(want.clone()));
        assert_eq!(Constant::read(&typed), Ok(want));
        let mut raw = tensor(1, &[]);
        raw.raw_data = Some(0.5f32.to_le_bytes().to_vec());
        assert_eq!(Constant::read(&raw).unwrap().data, Data::F32(vec![0.5]));
        assert!(Constant::read(&raw).unwrap().single());
    }

    #[test]
    fn refuses_what_contradicts_itself() {
        let mut out_of_range = tensor(3, &[1]);
        out_of_range.int32_data = vec![128];
        let mut ragged = tensor(6, &[1]);
        ragged.raw_data = Some(vec![0; 5]);
        let mut short = tensor(2, &[4]);
        short.raw_data = Some(vec![0; 3]);
        for proto in [out_of_range, ragged, short, tensor(2, &[-1])] {
            assert!(matches!(Constant::read(&proto), Err(OnnxError::Invalid(_))));
        }
        let huge = tensor(2, &[i64::MAX, i64::MAX, 2]);
        assert!(matches!(
            Constant::read(&huge),
            Err(OnnxError::TooLarge { .. })
        ));
    }
}
