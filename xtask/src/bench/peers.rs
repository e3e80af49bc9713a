//! What other kernels need for the same, and what is to be reached: `peers.toml` of the board's
//! benchmarks.

use std::{collections::BTreeMap, fs};

use toml_edit::{Document, Item, Value};

use crate::{
    error::{Context, Error, Result},
    workspace,
};

const FILE: &str = "boards/rpi4/benches/peers.toml";

/// The columns of the table, in this order.
pub const NAMES: [&str; 5] = ["ThreadX", "FreeRTOS", "NuttX", "ArceOS", "Linux"];

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Peer {
    pub goal: Option<f64>,
    /// One for each of [`NAMES`].
    pub figures: [Option<f64>; NAMES.len()],
    pub other: String,
}

/// By id, or by id and size: `wake.broadcast/8`.
#[derive(Clone, Debug, Default)]
pub struct Peers(BTreeMap<String, Peer>);

impl Peers {
    pub fn load() -> Result<Self> {
        let path = workspace::root().join(FILE);
        let text = fs::read_to_string(&path).cannot("read", &path)?;
        Self::parse(&text).map_err(|error| Error::new(format!("{FILE}: {error}")))
    }

    fn parse(text: &str) -> Result<Self> {
        let document =
            Document::parse(text).map_err(|error| Error::new(error.message().to_owned()))?;
        let Some(table) = document.get("peers").and_then(Item::as_table) else {
            return Err(Error::new("it has no table [peers]"));
        };
        let mut peers = BTreeMap::new();
        for (id, entry) in table.iter() {
            let Some(entry) = entry.as_inline_table() else {
                return Err(Error::new(format!("{id} is not a table in one line")));
            };
            let number = |name: &str| {
                let value = entry.get(name)?;
                value
                    .as_float()
                    .or(value.as_integer().map(|number| number as f64))
            };
            let other = entry.get("other").and_then(Value::as_str);
            let peer = Peer {
                goal: number("goal"),
                figures: NAMES.map(number),
                other: other.unwrap_or_default().to_owned(),
            };
            peers.insert(id.to_owned(), peer);
        }
        Ok(Self(peers))
    }

    pub fn get(&self, key: &str) -> Peer {
        self.0.get(key).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_in_the_tree_is_sound() {
        let peer = Peers::load().unwrap().get("switch.cooperative");
        assert_eq!(peer.goal, Some(60.0));
        assert_eq!(peer.figures[0], Some(83.0));
        assert_eq!(peer.other, "Cheesecake 201");
    }

    #[test]
    fn what_is_no_table_is_refused() {
        assert!(Peers::parse("").is_err());
        assert!(Peers::parse("[peers]\na = 3").is_err());
        assert!(Peers::parse("[peers").is_err());
    }
}
