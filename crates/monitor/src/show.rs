//! How quantities are written for people.

use core::{
    fmt::{self, Write},
    time::Duration,
};
use heapless::String;

/// A span of time in the unit that fits it, with three digits behind the point, cut, not rounded:
/// `1.234 s`, `56.789 ms`, `1.500 us`, `999 ns`. Takes a width when displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let (unit, name) = match nanos {
            0..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "us"),
            1_000_000..1_000_000_000 => (1_000_000, "ms"),
            _ => (1_000_000_000, "s"),
        };
        // The longest Duration has 20 digits of seconds.
        let mut text = String::<32>::new();
        write!(text, "{}", nanos / unit)?;
        if unit > 1 {
            write!(text, ".{:03}", nanos % unit / (unit / 1000))?;
        }
        write!(text, " {name}")?;
        f.pad(&text)
    }
}

/// A share in percent, with one digit behind the point, cut, not rounded: `12.3%`. Takes a width when
/// displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent {
    per_mille: u64,
}

impl Percent {
    /// How much `part` is of `whole`; all is as much as there can be, and of nothing it is nothing.
    pub fn of(part: Duration, whole: Duration) -> Self {
        let per_mille = (part.as_nanos() * 1000)
            .checked_div(whole.as_nanos())
            .unwrap_or(0);
        Self {
            per_mille: per_mille.min(1000) as u64,
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::<8>::new();
        write!(text, "{}.{}%", self.per_mille / 10, self.per_mille % 10)?;
        f.pad(&text)
    }
}

/// A count of things: `1 byte`, `2 bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub u64, pub &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, thing) = self;
        write!(f, "{count} {thing}{}", if *count == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{format, string::ToString};

    #[test]
    fn a_span_takes_the_unit_that_fits() {
        for (nanos, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.000 us"),
            (999_999, "999.999 us"),
            (20_500_000, "20.500 ms"),
            (1_000_000_000, "1.000 s"),
            (61_002_999_999, "61.002 s"),
        ] {
            assert_eq!(Span(Duration::from_nanos(nanos)).to_string(), text);
        }
        assert_eq!(
            Span(Duration::MAX).to_string(),
            "18446744073709551615.999 s"
        );
        assert_eq!(
            format!("{:>9}|", Span(Duration::from_millis(5))),
            " 5.000 ms|"
        );
    }

    #[test]
    fn a_share_is_no_more_than_all() {
        let ms = Duration::from_millis;
        for (part, whole, text) in [
            (0, 100, "0.0%"),
            (1, 3, "33.3%"),
            (999, 1000, "99.9%"),
            (5, 4, "100.0%"),
            (1, 0, "0.0%"),
        ] {
            assert_eq!(Percent::of(ms(part), ms(whole)).to_string(), text);
        }
        let all = Percent::of(Duration::MAX, Duration::MAX);
        assert_eq!(format!("{all:>8}|"), "  100.0%|");
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(
            format!("{}, {}", Count(1, "byte"), Count(0, "byte")),
            "1 byte, 0 bytes"
        );
    }
}
