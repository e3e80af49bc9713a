//! Which thread a word means: one of a number, or the only one of a name.

use crate::{args::number, failure::Failure};
use layercake_kernel::thread::{self, MAX_THREADS, ThreadInfo};

/// The thread that `word` means. A name that is a number is a number.
pub fn find<'a>(word: &'a str) -> Result<ThreadInfo, Failure<'a>> {
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        let id = number("ID", word, 0..=MAX_THREADS as u64 - 1)?;
        return thread::look_up(id as u32)
            .ok_or_else(|| Failure::because(format_args!("there is no thread {id}")));
    }
    let mut all = thread::snapshot();
    all.retain(|info| info.name.as_str() == word);
    match all.len() {
        0 => Err(Failure::because(format_args!(
            "there is no thread `{}`",
            crate::args::Short(word)
        ))),
        1 => Ok(all.remove(0)),
        n => Err(Failure::because(format_args!(
            "{n} threads are called `{}`; say the number of one",
            crate::args::Short(word)
        ))),
    }
}
