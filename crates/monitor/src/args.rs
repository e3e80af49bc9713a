//! What a command's words mean: numbers and choices, with errors that say what was expected.

use core::{fmt, ops::RangeInclusive};

/// A word that does not fit its place. Its [`Display`](fmt::Display) is a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgError<'a> {
    /// Expected a number.
    NotANumber {
        /// The place, as the synopsis calls it.
        place: &'static str,
        /// The word.
        word: &'a str,
    },
    /// A number, but not one that is allowed here.
    OutOfRange {
        /// The place, as the synopsis calls it.
        place: &'static str,
        /// The word.
        word: &'a str,
        /// What is allowed.
        range: RangeInclusive<u64>,
    },
    /// As `OutOfRange`, where numbers below zero are allowed.
    OutOfIntegers {
        /// The place, as the synopsis calls it.
        place: &'static str,
        /// The word.
        word: &'a str,
        /// What is allowed.
        range: RangeInclusive<i64>,
    },
    /// Expected one of some words.
    NoChoice {
        /// The word.
        word: &'a str,
        /// The words that are known here.
        choices: &'static [&'static str],
    },
    /// Too few or too many words.
    Count,
}

impl fmt::Display for ArgError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANumber { place, word } => {
                write!(f, "{place} is a number, which `{}` is not", Short(word))
            }
            Self::OutOfRange { place, word, range } => {
                let (from, to) = (range.start(), range.end());
                write!(f, "{place} is from {from} to {to}, not {}", Short(word))
            }
            Self::OutOfIntegers { place, word, range } => {
                let (from, to) = (range.start(), range.end());
                write!(f, "{place} is from {from} to {to}, not {}", Short(word))
            }
            Self::NoChoice { word, choices } => {
                write!(f, "`{}` is none of ", Short(word))?;
                for (i, choice) in choices.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { ", " })?;
                    f.write_str(choice)?;
                }
                Ok(())
            }
            Self::Count => f.write_str("too few or too many words"),
        }
    }
}

/// A word for a message: a long one is cut, with a mark.
pub(crate) struct Short<'a>(pub &'a str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(24) {
            None => f.write_str(self.0),
            Some((cut, _)) => write!(f, "{}..", &self.0[..cut]),
        }
    }
}

/// The number that `word` is: decimal, or hexadecimal behind `0x`; `_` may group digits.
///
/// # Errors
///
/// `word` is no number, or none in `range`.
///
/// ```
/// use layercake_monitor::args::number;
///
/// assert_eq!(number("MS", "0x20", 0..=100), Ok(32));
/// let error = number("CODE", "300", 0..=255).unwrap_err();
/// assert_eq!(error.to_string(), "CODE is from 0 to 255, not 300");
/// ```
pub fn number<'a>(
    place: &'static str,
    word: &'a str,
    range: RangeInclusive<u64>,
) -> Result<u64, ArgError<'a>> {
    let (digits, radix) = match word.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (word, 10),
    };
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return Err(ArgError::NotANumber { place, word });
    }
    // `None` from here on: more than a u64 holds.
    let mut value = Some(0_u64);
    for c in digits.chars().filter(|&c| c != '_') {
        let digit = c
            .to_digit(radix)
            .ok_or(ArgError::NotANumber { place, word })?;
        value = value
            .and_then(|value| value.checked_mul(u64::from(radix)))
            .and_then(|value| value.checked_add(u64::from(digit)));
    }
    value
        .filter(|value| range.contains(value))
        .ok_or(ArgError::OutOfRange { place, word, range })
}

/// The number that `word` is, which may be below zero: `-` and what [`number`] takes.
///
/// # Errors
///
/// `word` is no number, or none in `range`.
///
/// ```
/// use layercake_monitor::args::integer;
///
/// assert_eq!(integer("N", "-20", -20..=19), Ok(-20));
/// let error = integer("N", "20", -20..=19).unwrap_err();
/// assert_eq!(error.to_string(), "N is from -20 to 19, not 20");
/// ```
pub fn integer<'a>(
    place: &'static str,
    word: &'a str,
    range: RangeInclusive<i64>,
) -> Result<i64, ArgError<'a>> {
    let (below, digits) = match word.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, word),
    };
    let value = match number(place, digits, 0..=u64::MAX) {
        Ok(value) => i64::try_from(value).ok(),
        Err(ArgError::NotANumber { .. }) => return Err(ArgError::NotANumber { place, word }),
        Err(_) => None,
    };
    value
        .map(|value| if below { -value } else { value })
        .filter(|value| range.contains(value))
        .ok_or(ArgError::OutOfIntegers { place, word, range })
}

/// Which of `choices` the word is, as its index.
///
/// # Errors
///
/// It is none of them.
pub fn choice<'a>(word: &'a str, choices: &'static [&'static str]) -> Result<usize, ArgError<'a>> {
    choices
        .iter()
        .position(|&choice| choice == word)
        .ok_or(ArgError::NoChoice { word, choices })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    #[test]
    fn what_is_no_number_says_so() {
        for word in [
            "", "x", "-1", "+1", "1.5", "0x", "0xg", "_1", "1 ", "\u{663}", "0X1",
        ] {
            assert_eq!(
                number("N", word, 0..=9),
                Err(ArgError::NotANumber { place: "N", word })
            );
        }
        let error = number("MS", "soon", 0..=9).unwrap_err();
        assert_eq!(error.to_string(), "MS is a number, which `soon` is not");
    }

    #[test]
    fn too_large_is_not_wrapped() {
        for word in ["18446744073709551616", "0x1_0000_0000_0000_0000", "10"] {
            assert!(matches!(
                number("N", word, 0..=9),
                Err(ArgError::OutOfRange { .. })
            ));
        }
        assert_eq!(
            number("N", "18446744073709551615", 0..=u64::MAX),
            Ok(u64::MAX)
        );
    }

    #[test]
    fn integers_have_a_sign() {
        assert_eq!(integer("N", "-0x10", -20..=19), Ok(-16));
        assert_eq!(integer("N", "19", -20..=19), Ok(19));
        for word in ["", "-", "--1", "+1", "- 1", "1-"] {
            let error = integer("N", word, -20..=19);
            assert_eq!(error, Err(ArgError::NotANumber { place: "N", word }));
        }
        for word in ["-21", "20", "99999999999999999999", "-9223372036854775809"] {
            let error = integer("N", word, -20..=19);
            assert!(matches!(error, Err(ArgError::OutOfIntegers { .. })));
        }
    }

    #[test]
    fn a_long_word_is_cut_in_messages() {
        let word = "y".repeat(200);
        assert!(number("N", &word, 0..=9).unwrap_err().to_string().len() < 80);
    }

    #[test]
    fn a_choice_names_all() {
        assert_eq!(choice("b", &["a", "b"]), Ok(1));
        assert_eq!(
            choice("c", &["a", "b"]).unwrap_err().to_string(),
            "`c` is none of a, b"
        );
    }

    proptest! {
        #[test]
        fn numbers_come_back(value: u64) {
            for word in [value.to_string(), std::format!("{value:#x}")] {
                prop_assert_eq!(number("N", &word, 0..=u64::MAX), Ok(value));
            }
        }

        #[test]
        fn no_word_panics(word in ".{0,40}") {
            let _ = number("N", &word, 1..=1000).map_err(|error| error.to_string());
        }
    }
}
