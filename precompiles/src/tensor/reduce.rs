//! REDUCE: functions of the elements along an axis.

use crate::Function;

pub(crate) const FUNCTIONS: &[Function] = &[];
