//! The build's configuration, from `layercake.toml` by way of `cargo xtask build`.
//!
//! `xtask` checks names and ranges and hands the values over as environment variables; a build
//! without it takes the defaults below, which are the file's. A value that is out of range here
//! stops the build.

/// How many cores run, 1 to 4.
pub const CORES: usize = number(option_env!("LAYERCAKE_CORES"), 4, 1, 4) as usize;

/// The scheduler's rate in Hz: threads of equal priority take turns of 1/HZ seconds. No tick runs
/// at this rate; a turn is timed only when somebody waits for it.
pub const HZ: u64 = number(option_env!("LAYERCAKE_HZ"), 100, 10, 1000);

/// Bytes of a thread's stack unless it asks for another size.
pub const STACK_SIZE: usize = number(
    option_env!("LAYERCAKE_STACK_SIZE"),
    64 * 1024,
    16 * 1024,
    252 * 1024,
) as usize;

/// Seconds that a thread may be blocked before it is reported as hanging; 0 is for ever.
pub const HUNG_TASK_SECONDS: u64 =
    number(option_env!("LAYERCAKE_HUNG_TASK_SECONDS"), 120, 0, 86_400);

/// Which messages of the log are shown from the start.
pub const LOG_LEVEL: log::LevelFilter = match option_env!("LAYERCAKE_LOG_LEVEL") {
    None => log::LevelFilter::Info,
    Some(level) => match level.as_bytes() {
        b"off" => log::LevelFilter::Off,
        b"error" => log::LevelFilter::Error,
        b"warn" => log::LevelFilter::Warn,
        b"info" => log::LevelFilter::Info,
        b"debug" => log::LevelFilter::Debug,
        b"trace" => log::LevelFilter::Trace,
        _ => panic!("LAYERCAKE_LOG_LEVEL is none of off, error, warn, info, debug, trace"),
    },
};

const fn number(text: Option<&str>, default: u64, least: u64, most: u64) -> u64 {
    let Some(text) = text else { return default };
    let digits = text.as_bytes();
    let mut value = 0;
    let mut at = 0;
    while at < digits.len() {
        assert!(
            digits[at].is_ascii_digit(),
            "a LAYERCAKE_ variable is not a number"
        );
        value = value * 10 + (digits[at] - b'0') as u64;
        at += 1;
    }
    assert!(
        least <= value && value <= most,
        "a LAYERCAKE_ variable is out of range"
    );
    value
}

const _: () = assert!(STACK_SIZE.is_multiple_of(layercake_arch_arm64::layout::PAGE));
