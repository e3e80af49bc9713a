//! Builds the kernel: `kernel8.elf` with symbols, `kernel8.img` as the Pi loads it, and
//! `kernel8.map` for whoever wants to know what is where.

pub mod elf;
pub mod image;
mod map;
mod sizes;
mod symbols;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    cargo,
    config::Config,
    error::{Context, Error, Result, fail},
    setup, workspace,
};

/// What the firmware looks for on the card, and so the name of the board's binary.
const KERNEL: &str = "kernel8";

/// How much the compiler optimises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    #[default]
    Release,
    Dev,
}

impl Profile {
    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Release => &["--release"],
            Self::Dev => &[],
        }
    }
}

/// How the kernel is compiled.
#[derive(Clone, Debug, Default)]
pub struct How {
    pub profile: Profile,
    /// Features of the board's package.
    pub features: Vec<String>,
}

impl How {
    fn add_to(&self, command: &mut Command) {
        command.args(self.profile.flags());
        if !self.features.is_empty() {
            command.arg("--features").arg(self.features.join(","));
        }
    }
}

/// The two files of a kernel or of an emulator test.
#[derive(Clone, Debug)]
pub struct Image {
    /// With symbols, for gdb; an emulator enters it at EL3.
    pub elf: PathBuf,
    /// Raw, with an arm64 image header; entered at EL2, as on the machine.
    pub raw: PathBuf,
}

/// `cargo xtask build`: builds, and says how large it became.
pub fn run(config: &Config, how: &How) -> Result<()> {
    let image = kernel(config, how)?;
    let bytes = fs::read(&image.elf).cannot("read", &image.elf)?;
    let elf = elf::parse(&bytes, &image.elf)?;
    let raw = fs::metadata(&image.raw).cannot("read", &image.raw)?.len();
    print!("{}", sizes::Sizes::of(&elf)?.table(raw));
    println!(
        "{}\n{}\n{}",
        image.raw.display(),
        image.elf.display(),
        map_path(&image).display()
    );
    Ok(())
}

/// Builds the kernel into `target/layercake`.
pub fn kernel(config: &Config, how: &How) -> Result<Image> {
    setup::rust::ensure_targets(&[cargo::PI_TARGET])?;
    let out = workspace::output_dir("")?;
    let mut command = cargo::for_pi("build", config);
    command.args(["--package", cargo::BOARD, "--bin", KERNEL]);
    how.add_to(&mut command);
    let Some(built) = cargo::executables(&mut command)? else {
        return fail("the kernel does not build");
    };
    let Some(built) = built.iter().find(|built| built.target == KERNEL) else {
        return fail(format!(
            "cargo built {} but names no binary {KERNEL}",
            cargo::BOARD
        ));
    };
    finish(&built.path, &out, KERNEL)
}

/// Makes the files of an image in `out` from what the linker made.
pub fn finish(linked: &Path, out: &Path, name: &str) -> Result<Image> {
    let mut bytes = fs::read(linked).cannot("read", linked)?;
    let blame = |error: Error| Error::new(format!("{}: {error}", linked.display()));
    symbols::fill(&mut bytes, linked).map_err(blame)?;
    let elf = elf::parse(&bytes, linked)?;
    let raw = image::flatten(&elf).map_err(blame)?;
    let image = Image {
        elf: out.join(format!("{name}.elf")),
        raw: out.join(format!("{name}.img")),
    };
    workspace::write(&image.elf, &bytes)?;
    workspace::write(&image.raw, &raw)?;
    workspace::write(&map_path(&image), map::text(&elf)?.as_bytes())?;
    Ok(image)
}

fn map_path(image: &Image) -> PathBuf {
    image.elf.with_extension("map")
}
