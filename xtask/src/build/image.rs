//! The raw image: the loadable segments laid out as they lie in memory, and the arm64 image
//! header that the kernel's own assembly puts at its beginning.

use object::{
    LittleEndian,
    elf::PT_LOAD,
    read::elf::{FileHeader, ProgramHeader},
};

use super::elf::Elf;
use crate::error::{Error, Result, fail};

/// Far above any kernel; segments further apart than this are a mistake of the linker script.
const LARGEST: u64 = 64 << 20;

/// The header of the Linux boot protocol for arm64, as far as a loader looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Where the image wants to lie, from a 2 MiB boundary.
    pub text_offset: u64,
    /// The memory that it needs, with everything that is not in the file.
    pub image_size: u64,
}

const MAGIC: &[u8] = b"ARM\x64";
const MAGIC_AT: usize = 56;

impl Header {
    /// Reads the header; `None` when the magic is not there.
    pub fn parse(image: &[u8]) -> Option<Self> {
        if image.get(MAGIC_AT..MAGIC_AT + 4)? != MAGIC {
            return None;
        }
        let long = |at: usize| Some(u64::from_le_bytes(image.get(at..at + 8)?.try_into().ok()?));
        Some(Self {
            text_offset: long(8)?,
            image_size: long(16)?,
        })
    }

    /// Checks it against the image that it heads: where that is linked, and how much memory
    /// it takes.
    fn check(self, address: u64, memory: u64) -> Result<()> {
        if self.text_offset != address % (2 << 20) {
            return fail(format!(
                "the image header says text_offset {:#x}, but the image is linked at {address:#x}",
                self.text_offset
            ));
        }
        if self.image_size < memory {
            return fail(format!(
                "the image header says image_size {:#x}, but the image takes {memory:#x} bytes",
                self.image_size
            ));
        }
        Ok(())
    }
}

/// A loadable segment: its physical address, its bytes, and its size with what is zero.
struct Segment<'data> {
    address: u64,
    data: &'data [u8],
    memory: u64,
}

/// Lays out the segments from the lowest address on, and checks the header.
pub fn flatten(elf: &Elf<'_>) -> Result<Vec<u8>> {
    let segments = segments(elf)?;
    let (image, address, memory) = lay_out(&segments)?;
    let Some(header) = Header::parse(&image) else {
        return fail("the image has no arm64 header: the magic \"ARM\\x64\" is not at byte 56");
    };
    header.check(address, memory)?;
    Ok(image)
}

fn segments<'data>(elf: &Elf<'data>) -> Result<Vec<Segment<'data>>> {
    let (endian, data) = (LittleEndian, elf.data());
    let headers = elf.elf_header().program_headers(endian, data);
    let headers = headers.map_err(|error| Error::new(format!("bad program headers: {error}")))?;
    let loadable = headers
        .iter()
        .filter(|h| h.p_type(endian) == PT_LOAD && h.p_memsz(endian) > 0);
    loadable
        .map(|header| {
            let data = header
                .data(endian, data)
                .map_err(|()| Error::new("a loadable segment reaches past the end of the file"))?;
            let (address, memory) = (header.p_paddr(endian), header.p_memsz(endian));
            Ok(Segment {
                address,
                data,
                memory,
            })
        })
        .collect()
}

/// The image, its address, and the memory from its first to its last byte.
fn lay_out(segments: &[Segment<'_>]) -> Result<(Vec<u8>, u64, u64)> {
    let in_file = || segments.iter().filter(|segment| !segment.data.is_empty());
    let Some(start) = in_file().map(|segment| segment.address).min() else {
        return fail("there is nothing to load");
    };
    let end = segments
        .iter()
        .map(|s| s.address.saturating_add(s.memory))
        .max()
        .unwrap_or(start);
    let mut image = Vec::new();
    for segment in in_file() {
        let at = segment.address - start;
        let stop = at.saturating_add(segment.data.len() as u64);
        if stop > LARGEST {
            return fail(format!(
                "a segment at {:#x} is {} MiB from the image's beginning at {start:#x}",
                segment.address,
                at >> 20
            ));
        }
        let (at, stop) = (at as usize, stop as usize);
        if image.len() < stop {
            image.resize(stop, 0);
        }
        image[at..stop].copy_from_slice(segment.data);
    }
    Ok((image, start, end - start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text_offset: u64, image_size: u64) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[8..16].copy_from_slice(&text_offset.to_le_bytes());
        bytes[16..24].copy_from_slice(&image_size.to_le_bytes());
        bytes[56..60].copy_from_slice(b"ARM\x64");
        bytes
    }

    #[test]
    fn a_header_is_known_by_its_magic() {
        let header = Header::parse(&header(0x80000, 0x1000)).unwrap();
        assert_eq!(
            header,
            Header {
                text_offset: 0x80000,
                image_size: 0x1000
            }
        );
        assert_eq!(Header::parse(&[0; 64]), None);
        assert_eq!(Header::parse(b"short"), None);
    }

    #[test]
    fn a_header_must_tell_the_truth() {
        let header = Header {
            text_offset: 0x80000,
            image_size: 0x2000,
        };
        assert!(header.check(0x80000, 0x2000).is_ok());
        assert!(header.check(0x280000, 0x2000).is_ok());
        assert!(
            header
                .check(0x200000, 0x2000)
                .unwrap_err()
                .to_string()
                .contains("text_offset")
        );
        assert!(
            header
                .check(0x80000, 0x2001)
                .unwrap_err()
                .to_string()
                .contains("image_size")
        );
    }

    #[test]
    fn segments_lie_as_in_memory() {
        let segments = [
            Segment {
                address: 0x80010,
                data: b"data",
                memory: 4,
            },
            Segment {
                address: 0x80000,
                data: b"text",
                memory: 4,
            },
            Segment {
                address: 0x80020,
                data: b"",
                memory: 0x100,
            },
        ];
        let (image, address, memory) = lay_out(&segments).unwrap();
        assert_eq!((address, memory), (0x80000, 0x120));
        assert_eq!(image, b"text\0\0\0\0\0\0\0\0\0\0\0\0data");
    }

    #[test]
    fn scattered_segments_are_a_mistake() {
        let segments = [
            Segment {
                address: 0x80000,
                data: b"text",
                memory: 4,
            },
            Segment {
                address: 0xffff_0000_0008_0000,
                data: b"data",
                memory: 4,
            },
        ];
        assert!(
            lay_out(&segments)
                .unwrap_err()
                .to_string()
                .contains("MiB from")
        );
        assert!(lay_out(&[]).is_err());
    }
}
