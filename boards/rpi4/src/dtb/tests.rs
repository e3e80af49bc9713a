//! Trees good and bad, made here byte by byte; and whatever chance makes of them.

use super::*;
use proptest::prelude::*;
use std::vec::Vec;

/// Writes a tree the way the format's text says, and nothing else.
#[derive(Clone, Default)]
struct Builder {
    reservations: Vec<(u64, u64)>,
    structure: Vec<u8>,
    strings: Vec<u8>,
}

impl Builder {
    fn word(&mut self, word: u32) {
        self.structure.extend(word.to_be_bytes());
    }

    fn pad(&mut self) {
        while !self.structure.len().is_multiple_of(4) {
            self.structure.push(0);
        }
    }

    fn node(mut self, name: &str, inside: impl FnOnce(Self) -> Self) -> Self {
        self.word(1);
        self.structure.extend(name.bytes().chain([0]));
        self.pad();
        let mut this = inside(self);
        this.word(2);
        this
    }

    fn property(mut self, name: &str, value: &[u8]) -> Self {
        self.word(3);
        self.word(value.len() as u32);
        self.word(self.strings.len() as u32);
        self.strings.extend(name.bytes().chain([0]));
        self.structure.extend(value);
        self.pad();
        self
    }

    fn cells(self, name: &str, cells: &[u32]) -> Self {
        let bytes: Vec<u8> = cells.iter().flat_map(|cell| cell.to_be_bytes()).collect();
        self.property(name, &bytes)
    }

    fn memory(self, name: &str, reg: &[u32]) -> Self {
        self.node(name, |n| {
            n.property("device_type", b"memory\0").cells("reg", reg)
        })
    }

    fn reserve(mut self, address: u64, size: u64) -> Self {
        self.reservations.push((address, size));
        self
    }

    /// The whole blob: header, reservations, structure, strings.
    fn finish(mut self) -> Vec<u8> {
        self.word(9);
        self.reservations.push((0, 0));
        let reservations: Vec<u8> = self
            .reservations
            .iter()
            .flat_map(|r| [r.0.to_be_bytes(), r.1.to_be_bytes()].concat())
            .collect();
        let structure_at = 40 + reservations.len();
        let strings_at = structure_at + self.structure.len();
        let total = strings_at + self.strings.len();
        let header = [
            0xD00D_FEED,
            total as u32,
            structure_at as u32,
            strings_at as u32,
            40,
            17,
            16,
            0,
            self.strings.len() as u32,
            self.structure.len() as u32,
        ];
        let mut blob: Vec<u8> = header
            .iter()
            .flat_map(|word: &u32| word.to_be_bytes())
            .collect();
        blob.extend(reservations);
        blob.extend(self.structure);
        blob.extend(self.strings);
        blob
    }
}

/// A root with two address cells and one size cell, as the Pi's.
fn tree(inside: impl FnOnce(Builder) -> Builder) -> Vec<u8> {
    Builder::default()
        .node("", |root| {
            inside(
                root.cells("#address-cells", &[2])
                    .cells("#size-cells", &[1]),
            )
        })
        .finish()
}

/// A Pi 4 with 4 GB as its firmware describes it, more or less.
fn pi() -> Vec<u8> {
    Builder::default()
        .reserve(0, 0x1000)
        .node("", |root| {
            root.property("model", b"Raspberry Pi 4 Model B\0")
                .cells("#address-cells", &[2])
                .cells("#size-cells", &[1])
                .node("chosen", |n| n.property("bootargs", b"run=threads\0"))
                .node("reserved-memory", |n| {
                    n.cells("#address-cells", &[2])
                        .cells("#size-cells", &[1])
                        .property("ranges", b"")
                        .node("linux,cma", |n| {
                            n.cells("size", &[0x0400_0000]).property("reusable", b"")
                        })
                        .node("nvram@0", |n| {
                            n.cells("reg", &[0, 0, 0]).property("status", b"disabled\0")
                        })
                        .node("nvram@1", |n| n.cells("reg", &[0, 0x3EF6_D600, 0x100]))
                })
                .memory(
                    "memory@0",
                    &[0, 0, 0x3B40_0000, 0, 0x4000_0000, 0xBC00_0000],
                )
        })
        .finish()
}

fn ranges(bytes: &[u8], taken: &[Range<u64>]) -> Result<Vec<Range<u64>>, Error> {
    let tree = DeviceTree::new(bytes)?;
    Ok(tree
        .memory(crate::memory_map::RAM_WINDOW, taken)?
        .iter()
        .collect())
}

#[test]
fn a_pi_has_what_its_tree_says() {
    let bytes = pi();
    let tree = DeviceTree::new(&bytes).unwrap();
    assert_eq!(tree.command_line(), Some("run=threads"));
    assert_eq!(tree.model(), Some("Raspberry Pi 4 Model B"));
    let found = ranges(&bytes, &[0x8_0000..0x12_3456]).unwrap();
    assert_eq!(
        found,
        [
            0x1000..0x8_0000,
            0x12_4000..0x3B40_0000,
            0x4000_0000..0xFC00_0000
        ],
        "page 0 is the tree's own reservation; the nvram is in the VideoCore's share"
    );
}

#[test]
fn several_nodes_overlap_or_lie_apart() {
    let bytes = tree(|root| {
        root.memory("memory@40000000", &[0, 0x4000_0000, 0x1000_0000])
            .memory("memory@0", &[0, 0, 0x1000_0000])
            .memory("memory@8000000", &[0, 0x0800_0000, 0x1000_0000])
            .memory("memory@100000000", &[1, 0, 0x8000_0000])
            .node("memory-controller", |n| {
                n.cells("reg", &[0, 0x7000_0000, 0x1000])
            })
    });
    assert_eq!(
        ranges(&bytes, &[]),
        Ok([0..0x1800_0000, 0x4000_0000..0x5000_0000].to_vec())
    );
}

#[test]
fn reservations_of_both_kinds_are_kept_out() {
    let bytes = Builder::default()
        .reserve(0x0200_0001, 1)
        .node("", |root| {
            root.cells("#address-cells", &[1])
                .cells("#size-cells", &[2])
                .memory("memory", &[0, 0, 0x0400_0000])
                .node("reserved-memory", |n| {
                    n.cells("#address-cells", &[2])
                        .cells("#size-cells", &[2])
                        .node("a", |n| {
                            n.cells("reg", &[0, 0, 0, 0x1000, 0, 0x3FF_F000, 5, 0])
                        })
                        .node("b", |n| n.property("no-map", b""))
                })
        })
        .finish();
    assert_eq!(
        ranges(&bytes, &[]),
        Ok([0x1000..0x200_0000, 0x200_1000..0x3FF_F000].to_vec())
    );
}

#[test]
fn memory_that_makes_no_sense_is_refused() {
    let no_node = tree(|root| root);
    assert_eq!(
        ranges(&no_node, &[]),
        Err(Error::Memory(memory::Error::Empty))
    );
    // As the file on the card has it, before the firmware fills it in.
    let size_zero = tree(|root| root.memory("memory@0", &[0, 0, 0]));
    assert_eq!(
        ranges(&size_zero, &[]),
        Err(Error::Memory(memory::Error::Empty))
    );
    let disabled = tree(|root| {
        root.node("memory@0", |n| {
            n.cells("reg", &[0, 0, !0])
                .property("status", b"disabled\0")
        })
    });
    assert_eq!(
        ranges(&disabled, &[]),
        Err(Error::Memory(memory::Error::Empty))
    );
    let half_a_range = tree(|root| root.memory("memory@0", &[0, 0]));
    assert_eq!(ranges(&half_a_range, &[]), Err(Error::Range));
    let past_the_end = tree(|root| root.memory("memory@0", &[!0, !0, 0x1000]));
    assert_eq!(ranges(&past_the_end, &[]), Err(Error::Range));
    let reserved_past_the_end = Builder::default()
        .reserve(!0, !0)
        .node("", |root| root)
        .finish();
    assert_eq!(ranges(&reserved_past_the_end, &[]), Err(Error::Range));
    let cells = |address, size| {
        Builder::default()
            .node("", |root| {
                root.cells("#address-cells", &[address])
                    .cells("#size-cells", &[size])
                    .memory("memory@0", &[0; 6])
            })
            .finish()
    };
    assert_eq!(ranges(&cells(4, 2), &[]), Err(Error::Range));
    assert_eq!(ranges(&cells(!0, !0), &[]), Err(Error::Range));
    assert_eq!(ranges(&cells(0, 0), &[]), Err(Error::Range));
    let all_taken = tree(|root| root.memory("memory@0", &[0, 0, 0x1000]));
    assert_eq!(
        ranges(&all_taken, &[0..0x1000]),
        Err(Error::Memory(memory::Error::Empty))
    );
}

#[test]
fn a_full_size_node_is_clipped_to_the_window() {
    let bytes = Builder::default()
        .node("", |root| {
            root.cells("#address-cells", &[2])
                .cells("#size-cells", &[2])
                .memory("memory@0", &[0, 0, !0, !0])
        })
        .finish();
    assert_eq!(ranges(&bytes, &[]), Ok([0..0xFC00_0000].to_vec()));
}

#[test]
fn blobs_that_are_no_trees_are_refused() {
    let bytes = pi();
    assert_eq!(DeviceTree::new(&[]).err(), Some(Error::NoTree));
    assert_eq!(DeviceTree::new(&bytes[..7]).err(), Some(Error::NoTree));
    assert_eq!(DeviceTree::new(&[0; 64]).err(), Some(Error::NoTree));
    let with_size = |size: u32| {
        let mut bytes = bytes.clone();
        bytes[4..8].copy_from_slice(&size.to_be_bytes());
        DeviceTree::new(&bytes).err()
    };
    assert_eq!(with_size(0), Some(Error::Size(0)));
    assert_eq!(with_size(8), Some(Error::Size(8)));
    assert_eq!(with_size(!0), Some(Error::Size(!0)));
    assert_eq!(with_size(bytes.len() as u32 + 1), Some(Error::OutOfReach));
    assert_eq!(
        with_size(9),
        Some(Error::Format(FdtErrorKind::InvalidLength))
    );
    for length in 8..bytes.len() {
        assert!(DeviceTree::new(&bytes[..length]).is_err());
        assert!(with_size(length as u32).is_some(), "cut at {length}");
    }
}

#[test]
fn x0_may_hold_anything() {
    let bytes = pi();
    let words: Vec<u64> = std::iter::repeat_n(0, bytes.len().div_ceil(8)).collect();
    let base = words.as_ptr().expose_provenance() as u64;
    // SAFETY: DTB-BYTES: the words are ours, as many as the bytes, and not looked at meanwhile.
    unsafe {
        let place = std::ptr::with_exposed_provenance_mut(base as usize);
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len());
    }
    let end = base + bytes.len() as u64;
    // SAFETY: DTB-BYTES: `ram` is within the words, and nobody writes to them any more.
    let try_at = |x0, ram| unsafe { at(x0, ram) };
    assert_eq!(try_at(base, base..end), Ok(&bytes[..]));
    assert_eq!(try_at(0, 0..end), Err(Error::None));
    assert_eq!(try_at(0x100, 0..end), Err(Error::None));
    assert_eq!(try_at(base + 4, base..end), Err(Error::Unaligned));
    assert_eq!(try_at(base + 8, base..end), Err(Error::NoTree));
    assert_eq!(try_at(base, base..end - 1), Err(Error::OutOfReach));
    assert_eq!(try_at(base, base..base + 7), Err(Error::OutOfReach));
    assert_eq!(try_at(base - 8, base..end), Err(Error::OutOfReach));
    assert_eq!(try_at(!7, base..end), Err(Error::OutOfReach));
}

#[test]
fn errors_are_sentences() {
    use std::string::ToString;
    assert_eq!(
        Error::Size(7).to_string(),
        "its size, 7 bytes, is out of range"
    );
    let damaged = Error::Format(FdtErrorKind::InvalidLength).to_string();
    assert!(damaged.starts_with("it is damaged: "), "{damaged}");
}

/// Everything that the boot code asks of a tree.
fn ask_all(bytes: &[u8]) {
    if let Ok(tree) = DeviceTree::new(bytes) {
        let _ = tree.memory(0..!0, &[0..0x1000]);
        let _ = tree.command_line();
        let _ = tree.model();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn damage_never_panics(
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)
    ) {
        let mut bytes = pi();
        for (place, value) in hits {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        ask_all(&bytes);
    }

    /// Damage by whole words, of the values that a tree is made of: far likelier to pass for a
    /// tree than chance bytes are.
    #[test]
    fn plausible_damage_never_panics(
        hits in prop::collection::vec((any::<prop::sample::Index>(), word()), 1..8)
    ) {
        let mut bytes = pi();
        for (place, value) in hits {
            let place = place.index(bytes.len() / 4) * 4;
            bytes[place..place + 4].copy_from_slice(&value.to_be_bytes());
        }
        ask_all(&bytes);
    }

    #[test]
    fn noise_never_panics(mut bytes in prop::collection::vec(any::<u8>(), 8..400)) {
        ask_all(&bytes);
        let size = bytes.len() as u32;
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..8].copy_from_slice(&size.to_be_bytes());
        ask_all(&bytes);
    }

    #[test]
    fn what_is_found_is_in_the_window_and_not_taken(
        banks in prop::collection::vec((any::<u32>(), any::<u32>()), 1..4),
        taken in prop::collection::vec((0_u64..1 << 33, 0_u64..1 << 28), 0..4),
    ) {
        let reg: Vec<u32> = banks.iter().flat_map(|b| [0, b.0, b.1]).collect();
        let bytes = tree(|root| root.memory("memory@0", &reg));
        let taken: Vec<_> = taken.iter().map(|t| t.0..t.0 + t.1).collect();
        for found in ranges(&bytes, &taken).into_iter().flatten() {
            prop_assert!(found.start < found.end && found.end <= 0xFC00_0000);
            prop_assert!(found.start % 4096 == 0 && found.end % 4096 == 0);
            prop_assert!(taken.iter().all(|t| t.is_empty()
                || found.end <= t.start || t.end <= found.start));
        }
    }
}

fn word() -> impl Strategy<Value = u32> {
    prop_oneof![
        0_u32..16,
        0_u32..0x400,
        any::<u32>(),
        (0_u32..4).prop_map(|n| u32::MAX - n),
        Just(0x8000_0000),
    ]
}
