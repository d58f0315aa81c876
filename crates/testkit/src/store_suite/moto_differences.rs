use super::Difference;

/// Where `moto` (5.2) is known to differ from AWS.
pub const MOTO_DIFFERENCES: &[Difference] = &[];
