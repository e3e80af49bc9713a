//! Times with their units, as people write and read them.

/// The units of time, in ns.
const UNITS: [(&str, u64); 4] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
];

/// "1.5 ms" in ns.
pub fn nanoseconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(digits);
    let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
    let ns = number.parse::<f64>().ok()? * *unit as f64;
    (ns < u64::MAX as f64).then_some(ns.round() as u64)
}

/// A time for people, in the largest unit in which it is at least 1, with as many digits as it needs,
/// three at most.
pub struct Span(pub u64);

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fits = |(_, unit): &&(&str, u64)| self.0 >= *unit;
        let (name, unit) = UNITS.iter().rev().find(fits).unwrap_or(&UNITS[0]);
        let text = format!("{:.3}", self.0 as f64 / *unit as f64);
        let text = text.trim_end_matches('0').trim_end_matches('.');
        f.pad(&format!("{text} {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(nanoseconds("1.5 ms"), Some(1_500_000));
        assert_eq!(nanoseconds("2s"), Some(2_000_000_000));
        for bad in ["", "5", "ms", "1 hour", "-1 s", "1.2.3 s"] {
            assert_eq!(nanoseconds(bad), None, "{bad}");
        }
        assert_eq!(Span(1_500_000).to_string(), "1.5 ms");
        assert_eq!(Span(0).to_string(), "0 ns");
        assert_eq!(Span(1_234_567_890).to_string(), "1.235 s");
    }
}
