//! The build configuration: `layercake.toml`, overridden by `--set KEY=VALUE`.
//!
//! What keys there are and what they may be is the business of [`keys`]; here values are
//! gathered and handed to the build as environment variables `LAYERCAKE_<KEY>`.

mod keys;
pub mod nearest;

use std::{fs, path::Path};

use toml_edit::{Document, Item, Value};

use crate::error::{Context, Error, Result, fail};
use keys::{KEYS, Key};

/// Where the console is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uart {
    Pl011,
    Mini,
}

/// A valid configuration: a value for every key of [`KEYS`], in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    values: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        let default = |key: &Key| key.read(key.default).expect("a default is valid");
        Self {
            values: KEYS.iter().map(default).collect(),
        }
    }
}

impl Config {
    /// Reads `layercake.toml` of the folder `root` and applies the overrides in their order.
    pub fn load(root: &Path, overrides: &[String]) -> Result<Self> {
        let path = root.join("layercake.toml");
        let text = fs::read_to_string(&path).cannot("read", &path)?;
        let mut config = Self::parse(&text)?;
        for text in overrides {
            config.set(text)?;
        }
        Ok(config)
    }

    fn parse(text: &str) -> Result<Self> {
        let document = Document::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = 1 + text[..at.min(text.len())].matches('\n').count();
            let message = error.message().lines().next().unwrap_or_default();
            Error::new(format!("layercake.toml, line {line}: {message}"))
        })?;
        let mut config = Self::default();
        for (name, item) in document.iter() {
            let Item::Value(value) = item else {
                return fail(format!("layercake.toml: {}", keys::unknown(name)));
            };
            let value = match value {
                Value::String(text) => text.value().clone(),
                other => text[other.span().unwrap_or_default()].to_owned(),
            };
            config
                .put(name, &value)
                .map_err(|e| Error::new(format!("layercake.toml: {e}")))?;
        }
        Ok(config)
    }

    /// Applies one `KEY=VALUE` of the command line.
    pub fn set(&mut self, text: &str) -> Result<()> {
        let Some((name, value)) = text.split_once('=') else {
            return fail(format!(
                "--set {text}: expected KEY=VALUE, such as --set cores=2"
            ));
        };
        let value = value.trim().trim_matches('"');
        self.put(name.trim(), value)
            .map_err(|error| Error::new(format!("--set {text}: {error}")))
    }

    fn put(&mut self, name: &str, value: &str) -> Result<()> {
        let Some(index) = KEYS.iter().position(|key| key.name == name) else {
            return Err(Error::new(keys::unknown(name)));
        };
        self.values[index] = KEYS[index].read(value).map_err(Error::new)?;
        Ok(())
    }

    fn get(&self, name: &str) -> &str {
        let index = KEYS.iter().position(|key| key.name == name);
        &self.values[index.expect("xtask asks for keys that exist")]
    }

    pub fn uart(&self) -> Uart {
        if self.get("console_uart") == "mini" {
            Uart::Mini
        } else {
            Uart::Pl011
        }
    }

    /// `LAYERCAKE_<KEY>` for every key, as the kernel's build reads them.
    pub fn env(&self) -> impl Iterator<Item = (String, &str)> {
        let variable = |key: &Key| format!("LAYERCAKE_{}", key.name.to_uppercase());
        KEYS.iter()
            .zip(&self.values)
            .map(move |(key, value)| (variable(key), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_error(text: &str) -> String {
        Config::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn the_file_of_the_workspace_is_valid() {
        Config::load(crate::workspace::root(), &[]).unwrap();
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        assert_eq!(Config::parse("").unwrap(), Config::default());
    }

    #[test]
    fn overrides_win_and_the_last_one_most() {
        let mut config = Config::parse("cores = 2\nstack_size = \"32 KiB\"").unwrap();
        assert_eq!(config.get("cores"), "2");
        config.set("cores=3").unwrap();
        config.set("cores = 1").unwrap();
        config.set("console_uart=\"mini\"").unwrap();
        assert_eq!(config.uart(), Uart::Mini);
        let env: Vec<_> = config.env().collect();
        assert!(env.contains(&("LAYERCAKE_CORES".into(), "1")));
        assert!(env.contains(&("LAYERCAKE_STACK_SIZE".into(), "32768")));
    }

    #[test]
    fn a_number_where_a_size_is_wanted_means_bytes() {
        assert_eq!(
            Config::parse("stack_size = 65536")
                .unwrap()
                .get("stack_size"),
            "65536"
        );
    }

    #[test]
    fn unknown_keys_are_refused_by_name_with_the_nearest_one() {
        let error = parse_error("coers = 4");
        assert!(
            error.contains("`coers`") && error.contains("did you mean `cores`"),
            "{error}"
        );
        let error = parse_error("[cores]\nx = 1");
        assert!(error.contains("`cores`"), "{error}");
        let error = Config::default()
            .set("stak_size=8192")
            .unwrap_err()
            .to_string();
        assert!(error.contains("`stack_size`"), "{error}");
    }

    #[test]
    fn values_out_of_range_are_refused_with_the_range() {
        let error = Config::default().set("cores=9").unwrap_err().to_string();
        assert_eq!(
            error,
            "--set cores=9: `cores` must be a whole number from 1 to 4, not 9"
        );
        assert!(
            parse_error("log_level = \"loud\"").contains("off, error, warn, info, debug, trace")
        );
        assert!(parse_error("cores = true").contains("`cores`"));
        assert!(parse_error("hz = 0").contains("10 to 1000"));
        assert!(Config::default().set("cores").is_err());
    }

    #[test]
    fn a_syntax_error_names_the_line() {
        assert!(parse_error("cores = 4\nhz = = 3").contains("line 2"));
    }
}
