//! ELTWISE: functions of single elements.

use crate::Function;

pub(crate) const FUNCTIONS: &[Function] = &[];
