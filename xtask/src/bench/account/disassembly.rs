//! One instruction as text.
//!
//! The library decodes all but the accesses to system registers, where it names the wrong general
//! register for those above x7 and no system register by its name: these are decoded here.

use yaxpeax_arch::{Arch, Decoder, U8Reader};
use yaxpeax_arm::armv8::a64::ARMv8;

/// op0, op1, CRn, CRm, op2.
type Encoding = (u32, u32, u32, u32, u32);

/// Those that the kernel uses on its hot paths.
const REGISTERS: [(Encoding, &str); 14] = [
    ((3, 0, 4, 0, 0), "spsr_el1"),
    ((3, 0, 4, 0, 1), "elr_el1"),
    ((3, 0, 4, 1, 0), "sp_el0"),
    ((3, 0, 5, 2, 0), "esr_el1"),
    ((3, 0, 6, 0, 0), "far_el1"),
    ((3, 0, 13, 0, 4), "tpidr_el1"),
    ((3, 3, 4, 2, 0), "nzcv"),
    ((3, 3, 4, 2, 1), "daif"),
    ((3, 3, 9, 13, 0), "pmccntr_el0"),
    ((3, 3, 13, 0, 2), "tpidr_el0"),
    ((3, 3, 14, 0, 1), "cntpct_el0"),
    ((3, 3, 14, 0, 2), "cntvct_el0"),
    ((3, 3, 14, 2, 1), "cntp_ctl_el0"),
    ((3, 3, 14, 2, 2), "cntp_cval_el0"),
];

/// The instruction; branches are relative to it. What is none is a word.
pub fn disassembled(bytes: [u8; 4]) -> String {
    let word = u32::from_le_bytes(bytes);
    if let Some(text) = system(word) {
        return text;
    }
    let decoder = <ARMv8 as Arch>::Decoder::default();
    match decoder.decode(&mut U8Reader::new(&bytes)) {
        Ok(instruction) => instruction.to_string(),
        Err(_) => format!(".word {word:#010x}"),
    }
}

/// `mrs`, `msr` of a register, and `msr` of the interrupt masks (Arm ARM, C4.1.94).
fn system(word: u32) -> Option<String> {
    let field = |at: u32, bits: u32| (word >> at) & ((1 << bits) - 1);
    let (op1, crn, crm, op2) = (field(16, 3), field(12, 4), field(8, 4), field(5, 3));
    match word >> 20 {
        0xd51 | 0xd53 => {}
        0xd50 if (op1, crn, field(0, 5)) == (3, 4, 31) => {
            return match op2 {
                6 => Some(format!("msr daifset, #{crm:#x}")),
                7 => Some(format!("msr daifclr, #{crm:#x}")),
                _ => None,
            };
        }
        _ => return None,
    }
    let key = (2 + field(19, 1), op1, crn, crm, op2);
    let known = REGISTERS.iter().find(|(encoding, _)| *encoding == key);
    let system = known.map_or_else(
        || format!("s{}_{op1}_c{crn}_c{crm}_{op2}", key.0),
        |(_, name)| (*name).to_owned(),
    );
    let general = match field(0, 5) {
        31 => "xzr".to_owned(),
        number => format!("x{number}"),
    };
    Some(match word >> 20 {
        0xd53 => format!("mrs {general}, {system}"),
        _ => format!("msr {system}, {general}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_registers_have_names_and_the_right_general_one() {
        for (word, text) in [
            (0xd51b_4237_u32, "msr daif, x23"),
            (0xd53b_4237, "mrs x23, daif"),
            (0xd503_42df, "msr daifset, #0x2"),
            (0xd503_42ff, "msr daifclr, #0x2"),
            (0xd538_d094, "mrs x20, tpidr_el1"),
            (0xd538_4115, "mrs x21, sp_el0"),
            (0xd51b_e23f, "msr cntp_ctl_el0, xzr"),
            (0xd538_0000, "mrs x0, s3_0_c0_c0_0"),
        ] {
            assert_eq!(disassembled(word.to_le_bytes()), text);
        }
    }

    #[test]
    fn other_instructions_are_the_librarys() {
        assert_eq!(disassembled(0xd65f_03c0_u32.to_le_bytes()), "ret");
        assert_eq!(disassembled(0xd503_3bbf_u32.to_le_bytes()), "dmb ish");
        assert_eq!(disassembled([0xff; 4]), ".word 0xffffffff");
    }
}
