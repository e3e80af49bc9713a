//! Files that a person hands to the emulator, looked at before it gets them: QEMU says little
//! or nothing about the wrong kind of file.

use std::{
    fs::{self, OpenOptions},
    path::Path,
};

use super::{fdt, machine::Boot};
use crate::{
    build::{elf, image::Header},
    error::{Context, Error, Result, fail},
};

/// The image that `--kernel` names; `is_elf` is `--elf`.
pub fn existing(path: &Path, is_elf: bool) -> Result<Boot> {
    let bytes = fs::read(path).cannot("read", path)?;
    judge(&bytes, is_elf, path)?;
    let path = path.to_path_buf();
    Ok(if is_elf {
        Boot::Elf(path)
    } else {
        Boot::Raw(path)
    })
}

fn judge(bytes: &[u8], is_elf: bool, path: &Path) -> Result<()> {
    let shown = path.display();
    match (bytes.starts_with(elf::MAGIC), is_elf) {
        (true, true) => elf::parse(bytes, path).map(|_| ()),
        (true, false) => fail(format!(
            "{shown} is an ELF, and --kernel takes the raw image, kernel8.img; with --elf an ELF \
             is entered at EL3"
        )),
        (false, true) => fail(format!(
            "{shown} is not an ELF: leave out --elf for a raw image"
        )),
        (false, false) if Header::parse(bytes).is_none() => fail(format!(
            "{shown} is not a kernel image: it has no arm64 image header"
        )),
        (false, false) => Ok(()),
    }
}

/// Refuses a device tree that is none, or is damaged.
pub fn check_dtb(path: &Path) -> Result<()> {
    let bytes = fs::read(path).cannot("read", path)?;
    fdt::check(&bytes).map_err(|why| {
        Error::new(format!(
            "{} is not a sound device tree: {why}",
            path.display()
        ))
    })
}

/// Refuses a log that cannot be written, which QEMU would find out too late.
pub fn check_log(path: &Path) -> Result<()> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .cannot("write", path)
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(bytes: &[u8], is_elf: bool) -> String {
        judge(bytes, is_elf, Path::new("k"))
            .err()
            .map(|e| e.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn each_kind_is_refused_in_place_of_the_other() {
        let mut image = vec![0; 64];
        assert!(verdict(&image, false).contains("no arm64 image header"));
        image[56..60].copy_from_slice(b"ARM\x64");
        assert_eq!(verdict(&image, false), "");
        assert!(verdict(&image, true).contains("not an ELF"));
        assert!(verdict(b"\x7fELF rest", false).contains("--elf"));
        assert!(verdict(b"\x7fELF rest", true).contains("64-bit ELF"));
        assert!(verdict(b"", false).contains("not a kernel image"));
    }
}
