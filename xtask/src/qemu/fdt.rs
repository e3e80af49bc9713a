//! Is this a flattened device tree, whole and well-formed?
//!
//! After the Devicetree Specification 0.4, section 5. The contents are the kernel's business.

const MAGIC: u32 = 0xd00d_feed;
const HEADER: usize = 40;

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NOP: u32 = 4;
const END: u32 = 9;

/// Says what is wrong with the bytes, if anything is.
pub fn check(bytes: &[u8]) -> Result<(), String> {
    let magic = word(bytes, 0).ok_or("it is too short")?;
    if magic != MAGIC {
        return Err(format!("it begins with {magic:#010x}, not {MAGIC:#010x}"));
    }
    let field = |index: usize| word(bytes, 4 * index).map(|w| w as usize);
    let header = (|| {
        Some((
            field(1)?,
            field(2)?,
            field(3)?,
            field(5)?,
            field(6)?,
            field(8)?,
            field(9)?,
        ))
    })();
    let Some((total, structs, strings, version, compatible, strings_size, structs_size)) = header
    else {
        return Err("its header is cut off".into());
    };
    if total > bytes.len() || total < HEADER {
        return Err(format!(
            "it says it has {total} bytes, but the file has {}",
            bytes.len()
        ));
    }
    if version < 17 || compatible > 17 {
        return Err(format!("it has version {version}, not 17"));
    }
    let part = |at: usize, size: usize| bytes[..total].get(at..at.checked_add(size)?);
    let strings = part(strings, strings_size).ok_or("its strings lie outside of it")?;
    let structs = part(structs, structs_size).ok_or("its nodes lie outside of it")?;
    walk(structs, strings)
}

/// Follows the tokens of the nodes to their end.
fn walk(structs: &[u8], strings: &[u8]) -> Result<(), String> {
    let (mut at, mut depth, mut nodes) = (0, 0_usize, 0_usize);
    let broken = |at: usize| format!("its nodes are damaged at byte {at} of them");
    loop {
        let start = at;
        let token = word(structs, at).ok_or_else(|| broken(start))?;
        at += 4;
        match token {
            BEGIN_NODE => {
                let name = structs[at..].iter().position(|byte| *byte == 0);
                at = align(at + name.ok_or_else(|| broken(start))? + 1);
                depth += 1;
                nodes += 1;
            }
            PROPERTY if depth > 0 => {
                let size = word(structs, at).ok_or_else(|| broken(start))? as usize;
                let name = word(structs, at + 4).ok_or_else(|| broken(start))? as usize;
                let name = strings.get(name..).filter(|name| name.contains(&0));
                name.ok_or_else(|| broken(start))?;
                at = align(at + 8 + size);
            }
            END_NODE if depth > 0 => depth -= 1,
            NOP => {}
            END if depth == 0 && nodes > 0 => return Ok(()),
            _ => return Err(broken(start)),
        }
        if at > structs.len() {
            return Err(broken(start));
        }
    }
}

fn align(at: usize) -> usize {
    at.next_multiple_of(4)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root node with one property.
    fn tree() -> Vec<u8> {
        let structs: Vec<u32> = vec![BEGIN_NODE, 0, PROPERTY, 4, 0, 2, END_NODE, END];
        let strings = b"#address-cells\0";
        let structs_at = HEADER + 16;
        let strings_at = structs_at + 4 * structs.len();
        let total = strings_at + strings.len();
        let header = [
            MAGIC as usize,
            total,
            structs_at,
            strings_at,
            HEADER,
            17,
            16,
            0,
            strings.len(),
            4 * structs.len(),
        ];
        let mut bytes: Vec<u8> = header
            .iter()
            .flat_map(|w| (*w as u32).to_be_bytes())
            .collect();
        bytes.extend([0; 16]);
        bytes.extend(structs.iter().flat_map(|w| w.to_be_bytes()));
        bytes.extend(strings);
        bytes
    }

    #[test]
    fn a_sound_tree_passes() {
        assert_eq!(check(&tree()), Ok(()));
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(check(b"").unwrap_err().contains("short"));
        assert!(
            check(b"garbage, no tree")
                .unwrap_err()
                .contains("0xd00dfeed")
        );
        let whole = tree();
        let cut = &whole[..whole.len() - 4];
        assert!(check(cut).unwrap_err().contains("but the file has"));
        let mut damaged = whole.clone();
        damaged[HEADER + 16 + 3] = 7;
        assert!(check(&damaged).unwrap_err().contains("damaged"));
        let mut outside = whole.clone();
        outside[8] = 0x7f;
        assert!(check(&outside).unwrap_err().contains("outside"));
    }

    #[test]
    fn no_single_damaged_byte_makes_it_panic() {
        for at in 0..tree().len() {
            for value in [0, 0x7f, 0xff] {
                let mut bytes = tree();
                bytes[at] = value;
                let _ = check(&bytes);
            }
        }
    }
}
