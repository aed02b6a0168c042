//! The few float steps of an exporter: scales, and tables of functions of one quantised element.
//!
//! Floats stop here. What leaves are integers and bit patterns.

/// Bits of `S = f32(f32(sx * sw) / sy)` if the chain takes it: sign 0 and exponent field 63..=157.
pub(crate) fn scale_bits(sx: f32, sw: f32, sy: f32) -> Option<u32> {
    let bits = (sx * sw / sy).to_bits();
    (63..=157).contains(&(bits >> 23)).then_some(bits)
}

/// Whether a scale of the file can be used: positive, finite and normal.
pub(crate) fn is_scale(scale: f32) -> bool {
    scale.is_normal() && scale > 0.0
}

/// ONNX `DequantizeLinear` of one element.
pub(crate) fn dequantise(q: i32, scale: f32, zero_point: i32) -> f32 {
    #[allow(clippy::cast_precision_loss)]
    let distance = (q - zero_point) as f32;
    distance * scale
}

/// ONNX `QuantizeLinear` of one element.
pub(crate) fn quantise(x: f32, scale: f32, zero_point: i32, (lo, hi): (i32, i32)) -> i32 {
    #[allow(clippy::cast_possible_truncation)]
    let q = (x / scale).round_ties_even().clamp(-1e9, 1e9) as i64 + i64::from(zero_point);
    let q = q.clamp(lo.into(), hi.into());
    i32::try_from(q).unwrap_or(lo)
}
