//! The grammar of a line: commands, each of them words. What a word means is not decided here.
//!
//! ```text
//! line    = command { (";" | line end) command } [ comment ]
//! command = { word }
//! word    = characters without blanks or ";", not starting with a quote or "#"
//!         | '"' characters '"' | "'" characters "'"
//! comment = "#" at the start of a word, up to the end of the line
//! ```
//!
//! A quote inside of a word is a character like any other (`don't`), nothing escapes anything,
//! and so every word is a piece of the line itself: nothing is copied or allocated.

use core::fmt;
use heapless::Vec;

/// Words that a command may have, its name included.
pub const MAX_WORDS: usize = 16;

/// One command of a line: its words, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    words: Vec<&'a str, MAX_WORDS>,
    text: &'a str,
}

impl<'a> Command<'a> {
    /// The first word.
    pub fn name(&self) -> &'a str {
        self.words.first().copied().unwrap_or_default()
    }

    /// The words behind the first.
    pub fn args(&self) -> &[&'a str] {
        self.words.get(1..).unwrap_or_default()
    }

    /// The command as it stands in the line, without the blanks around it.
    pub fn text(&self) -> &'a str {
        self.text
    }
}

/// Why a line is no line of commands. Its [`Display`](fmt::Display) is a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// A quote is opened and not closed before the end of the line.
    Unclosed(char),
    /// Something other than a blank, `;` or the end follows a closing quote.
    AfterQuote(char),
    /// A command has more than [`MAX_WORDS`] words.
    TooManyWords,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unclosed(quote) => write!(f, "a {quote} is opened but not closed"),
            Self::AfterQuote(quote) => write!(f, "a blank is missing behind the closing {quote}"),
            Self::TooManyWords => write!(f, "a command has at most {MAX_WORDS} words"),
        }
    }
}

/// Says whether the whole of `line` can be parsed. Asked before the first command of a line is
/// run, so that a line with a mistake at its end is not run by half. O(length).
///
/// # Errors
///
/// The first mistake from the left.
pub fn check(line: &str) -> Result<(), ParseError> {
    commands(line).try_for_each(|command| command.map(drop))
}

/// The commands of a line, from left to right; empty ones are left out. O(length) in total.
///
/// After an error nothing more comes.
///
/// ```
/// use layercake_monitor::parse;
///
/// let mut commands = parse::commands("sleep 20; echo 'one; two' # and so on");
/// let sleep = commands.next().unwrap().unwrap();
/// assert_eq!((sleep.name(), sleep.args()), ("sleep", &["20"][..]));
/// let echo = commands.next().unwrap().unwrap();
/// assert_eq!((echo.name(), echo.args()), ("echo", &["one; two"][..]));
/// assert_eq!(commands.next(), None);
/// ```
pub fn commands(line: &str) -> Commands<'_> {
    Commands { rest: line }
}

/// Iterator over the commands of a line, see [`commands`].
#[derive(Clone, Debug)]
pub struct Commands<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Commands<'a> {
    type Item = Result<Command<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = next_command(&mut self.rest).transpose();
        if let Some(Err(_)) = next {
            self.rest = "";
        }
        next
    }
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

fn ends_command(c: char) -> bool {
    c == ';' || is_line_end(c)
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// Takes the first command off `rest`; `None` when there is none any more.
fn next_command<'a>(rest: &mut &'a str) -> Result<Option<Command<'a>>, ParseError> {
    let mut words = Vec::new();
    *rest = rest.trim_start_matches(|c| is_blank(c) || ends_command(c));
    let whole = *rest;
    let mut end = 0;
    loop {
        *rest = rest.trim_start_matches(is_blank);
        let word = match rest.chars().next() {
            None => break,
            Some(c) if ends_command(c) => {
                *rest = rest.trim_start_matches(|c| is_blank(c) || ends_command(c));
                if words.is_empty() {
                    continue;
                }
                break;
            }
            Some('#') => {
                *rest = rest.trim_start_matches(|c| !is_line_end(c));
                continue;
            }
            Some(quote @ ('"' | '\'')) => quoted(rest, quote)?,
            Some(_) => {
                let length = rest
                    .find(|c| is_blank(c) || ends_command(c))
                    .unwrap_or(rest.len());
                let (word, behind) = rest.split_at(length);
                *rest = behind;
                word
            }
        };
        end = whole.len() - rest.len();
        words.push(word).map_err(|_| ParseError::TooManyWords)?;
    }
    let text = whole.get(..end).unwrap_or_default();
    Ok((!words.is_empty()).then_some(Command { words, text }))
}

/// Takes a word in quotes off `rest`, which starts with `quote`.
fn quoted<'a>(rest: &mut &'a str, quote: char) -> Result<&'a str, ParseError> {
    let inner = rest.strip_prefix(quote).unwrap_or(rest);
    let (word, behind) = inner
        .split_once(quote)
        .filter(|(word, _)| !word.contains(is_line_end))
        .ok_or(ParseError::Unclosed(quote))?;
    if !behind.starts_with(|c| is_blank(c) || ends_command(c)) && !behind.is_empty() {
        return Err(ParseError::AfterQuote(quote));
    }
    *rest = behind;
    Ok(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{string::String, vec, vec::Vec};

    fn words(line: &str) -> Vec<Vec<String>> {
        commands(line)
            .map(|command| {
                command
                    .unwrap()
                    .words
                    .iter()
                    .map(|&word| word.into())
                    .collect()
            })
            .collect()
    }

    #[test]
    fn commands_and_words() {
        assert_eq!(words(""), Vec::<Vec<String>>::new());
        assert_eq!(words(" ;; ; # nothing"), Vec::<Vec<String>>::new());
        assert_eq!(words("help"), [["help"]]);
        assert_eq!(words("  log\tinfo  "), [["log", "info"]]);
        assert_eq!(words("a;b ;c"), [["a"], ["b"], ["c"]]);
        assert_eq!(words("a\nb\r\nc # d\ne"), [["a"], ["b"], ["c"], ["e"]]);
        assert_eq!(words("echo don't a#b"), [["echo", "don't", "a#b"]]);
        assert_eq!(words("echo '' \"it's\""), [["echo", "", "it's"]]);
        assert_eq!(words("'a b';c"), [vec!["a b"], vec!["c"]]);
    }

    #[test]
    fn a_command_knows_its_own_text() {
        let texts: Vec<_> = commands(" a  'b;' ; c # d")
            .map(|c| c.unwrap().text())
            .collect();
        assert_eq!(texts, ["a  'b;'", "c"]);
    }

    #[test]
    fn mistakes_are_found_before_anything_runs() {
        assert_eq!(check("a; echo 'b"), Err(ParseError::Unclosed('\'')));
        assert_eq!(check("echo \"a\nb\""), Err(ParseError::Unclosed('"')));
        assert_eq!(check("echo 'a'b"), Err(ParseError::AfterQuote('\'')));
        assert_eq!(check("echo 'a'#b"), Err(ParseError::AfterQuote('\'')));
        assert_eq!(check(&"a ".repeat(MAX_WORDS)), Ok(()));
        assert_eq!(
            check(&"a ".repeat(MAX_WORDS + 1)),
            Err(ParseError::TooManyWords)
        );
        assert_eq!(commands("echo 'a").count(), 1);
    }

    proptest! {
        #[test]
        fn any_text_ends(line in any::<String>()) {
            prop_assert!(commands(&line).count() <= line.len() + 1);
        }

        #[test]
        fn quoted_words_come_back(written in prop::collection::vec("[ -&(-~]{0,8}", 1..MAX_WORDS)) {
            let line: String = written.iter().map(|word| std::format!("'{word}' ")).collect();
            prop_assert_eq!(words(&line), [written]);
        }
    }
}
