//! Quantities: durations and sizes with their units.

use std::time::Duration;

/// Longer durations are taken for a slip: a year.
pub(crate) const DURATION_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// Units of durations, as a hint names them.
pub(crate) const DURATION_UNITS: &str = "units are `ms`, `s`, `m` and `h`, as in `\"16s\"`";

/// Units of sizes, as a hint names them.
pub(crate) const SIZE_UNITS: &str = "a size is a number of bytes or carries `KiB` or `MiB`, as in `\"16KiB\"`";

/// Why a quantity cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QuantityFault {
    NoNumber,
    NoUnit,
    UnknownUnit,
    TooLarge,
}

/// Reads `250ms`, `16s`, `5m`, `1h`.
pub(crate) fn duration(text: &str) -> Result<Duration, QuantityFault> {
    let (number, unit) = split(text)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "" => return Err(QuantityFault::NoUnit),
        _ => return Err(QuantityFault::UnknownUnit),
    };
    let value = number.checked_mul(milliseconds).map(Duration::from_millis);
    value.filter(|value| *value <= DURATION_MAX).ok_or(QuantityFault::TooLarge)
}

/// Reads `16KiB`, `8MiB`, into bytes.
pub(crate) fn size(text: &str) -> Result<u64, QuantityFault> {
    let (number, unit) = split(text)?;
    let bytes = match unit {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "" => return Err(QuantityFault::NoUnit),
        _ => return Err(QuantityFault::UnknownUnit),
    };
    number.checked_mul(bytes).ok_or(QuantityFault::TooLarge)
}

/// Reads a duration of a command line: `250ms`, `16s`, `5m`, `1h`.
///
/// # Errors
///
/// The units that there are.
pub fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    duration(text).map_err(|_| DURATION_UNITS)
}

/// Reads a size of a command line, in bytes: `100`, `16KiB`, `8MiB`.
///
/// # Errors
///
/// The units that there are.
pub fn parse_size(text: &str) -> Result<u64, &'static str> {
    text.parse().or_else(|_| size(text)).map_err(|_| SIZE_UNITS)
}

/// A duration as the configuration writes it, in the largest unit that divides it.
pub(crate) fn show_duration(value: Duration) -> String {
    let ms = value.as_millis();
    for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if ms >= size && ms.is_multiple_of(size) {
            return format!("{}{unit}", ms / size);
        }
    }
    if ms == 0 { "0s".to_owned() } else { format!("{ms}ms") }
}

/// A size as the configuration writes it; absent where plain bytes say it.
pub(crate) fn show_size(bytes: u64) -> Option<String> {
    [("MiB", 1 << 20), ("KiB", 1 << 10)]
        .into_iter()
        .find(|(_, size)| bytes >= *size && bytes.is_multiple_of(*size))
        .map(|(unit, size)| format!("{}{unit}", bytes / size))
}

fn split(text: &str) -> Result<(u64, &str), QuantityFault> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    if digits.is_empty() {
        return Err(QuantityFault::NoNumber);
    }
    let number = digits.parse().map_err(|_| QuantityFault::TooLarge)?;
    Ok((number, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("16s"), Ok(Duration::from_secs(16)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("16"), Err(QuantityFault::NoUnit));
        assert_eq!(duration("16sec"), Err(QuantityFault::UnknownUnit));
        assert_eq!(duration("1.5s"), Err(QuantityFault::UnknownUnit));
        assert_eq!(duration("s"), Err(QuantityFault::NoNumber));
        assert_eq!(duration("99999999999999999999h"), Err(QuantityFault::TooLarge));
        assert_eq!(duration("9999999999999999999h"), Err(QuantityFault::TooLarge));
    }

    #[test]
    fn a_size_of_a_command_line_may_be_plain_bytes() {
        assert_eq!(parse_size("100"), Ok(100));
        assert_eq!(parse_size("2MiB"), Ok(2 << 20));
        assert_eq!(parse_size("2MB"), Err(SIZE_UNITS));
    }

    #[test]
    fn what_is_shown_is_read_back() {
        for ms in [0, 1, 999, 1_000, 60_000, 90_000, 3_600_000] {
            let value = Duration::from_millis(ms);
            assert_eq!(duration(&show_duration(value)), Ok(value));
        }
        assert_eq!(show_size(16 << 10).as_deref(), Some("16KiB"));
        assert_eq!(size("16KiB"), Ok(16 << 10));
        assert_eq!(show_size(1_000), None);
    }
}
