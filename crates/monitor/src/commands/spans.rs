//! Spans of time by their length, as `timers` and `latency` print them.

use crate::{out::say, show::Span};
use core::fmt::{self, Write};
use core::time::Duration;
use heapless::String;
use layercake_kernel::time::{BUCKETS, Spans, bucket_end};

/// The end of a bucket; `-` if there is nothing in any. Takes a width when displayed.
pub struct Below(pub Option<Duration>);

impl fmt::Display for Below {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(end) => Span(end).fmt(f),
            None => f.pad("-"),
        }
    }
}

/// Says how many there are of each length: a row for each that there are any of, and a column for each of
/// `all`, with its name.
pub fn histogram<'a>(
    title: &str,
    all: impl Iterator<Item = (impl fmt::Display, &'a Spans)> + Clone,
) {
    say!("{title}:");
    let mut line = String::<96>::new();
    let _ = write!(line, "{:>12}", "less than");
    for (name, _) in all.clone() {
        // There is room for six.
        let _ = write!(line, "{name:>12}");
    }
    say!("{line}");
    for bucket in 0..BUCKETS {
        if all.clone().all(|(_, spans)| spans.counts[bucket] == 0) {
            continue;
        }
        line.clear();
        let _ = write!(line, "{:>12}", Span(bucket_end(bucket)));
        for (_, spans) in all.clone() {
            let _ = write!(line, "{:>12}", spans.counts[bucket]);
        }
        say!("{line}");
    }
}
