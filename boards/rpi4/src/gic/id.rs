//! What interrupts are called: numbers, claims, triggers. No registers.

/// First number that is no interrupt: 1020 to 1023 say why there is none.
pub(super) const NONE: u32 = 1020;
/// Bits of IAR with the interrupt's number; above them the sender of a software interrupt.
const NUMBER: u32 = 0x3FF;

/// An interrupt's number, below 1020.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IrqId(u16);

impl IrqId {
    /// Software-generated interrupt `n`: one core sends it to another.
    ///
    /// # Panics
    /// When `n` is not below 16.
    #[must_use]
    pub const fn sgi(n: u32) -> Self {
        assert!(n < 16, "there are 16 software-generated interrupts");
        Self(n as u16)
    }

    /// Private peripheral interrupt `n` as the device tree counts: each core has its own.
    ///
    /// # Panics
    /// When `n` is not below 16.
    #[must_use]
    pub const fn ppi(n: u32) -> Self {
        assert!(n < 16, "there are 16 private peripheral interrupts");
        Self(16 + n as u16)
    }

    /// Shared peripheral interrupt `n` as the device tree counts.
    ///
    /// # Panics
    /// When `n` is not below 988.
    #[must_use]
    pub const fn spi(n: u32) -> Self {
        assert!(n < NONE - 32, "there are 988 shared peripheral interrupts");
        Self(32 + n as u16)
    }

    /// The interrupt with this number, if there can be one.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if number < NONE {
            Some(Self(number as u16))
        } else {
            None
        }
    }

    /// The number, as GIC registers count: 0 to 15 software, 16 to 31 private, 32.. shared.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0 as u32
    }

    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }

    pub(super) const fn is_shared(self) -> bool {
        self.0 >= 32
    }
}

/// How a shared interrupt is raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// As long as the line is up. All of this board's devices.
    Level,
    /// When the line goes up.
    Edge,
}

/// An interrupt that this core has claimed and not yet completed.
///
/// It holds all that the controller said, not the number alone: a software-generated interrupt
/// must be completed with its sender in the upper bits, or stays active for ever on a real
/// GIC-400 (the emulator forgives that).
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a claimed interrupt that is not completed blocks all others of this core"]
pub struct Claim(u32);

impl Claim {
    /// What the acknowledge register said, if that is an interrupt.
    #[inline(always)]
    pub(super) const fn new(raw: u32) -> Option<Self> {
        if raw & NUMBER < NONE {
            Some(Self(raw))
        } else {
            None
        }
    }

    /// Which interrupt it is.
    #[inline(always)]
    #[must_use]
    pub const fn id(&self) -> IrqId {
        IrqId((self.0 & NUMBER) as u16)
    }

    /// The core that sent it, for a software-generated interrupt; else 0.
    #[inline(always)]
    #[must_use]
    pub const fn sender(&self) -> usize {
        (self.0 >> 10 & 0b111) as usize
    }

    /// The value as the controller gave it, for keeping where types are lost (a plain word in a
    /// platform's interface). The claim goes on living in it.
    #[inline(always)]
    #[must_use]
    pub const fn into_raw(self) -> u32 {
        self.0
    }

    /// The claim that [`into_raw`](Claim::into_raw) turned into `raw`.
    #[inline(always)]
    pub const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_numbers_are_no_claims() {
        for raw in 1020..=1023 {
            assert_eq!(Claim::new(raw), None);
            assert_eq!(IrqId::new(raw), None);
        }
        assert_eq!(
            Claim::new(1019).map(|claim| claim.id().number()),
            Some(1019)
        );
    }

    #[test]
    fn a_claim_keeps_its_sender() {
        let claim = Claim::new(3 << 10 | 7).unwrap();
        assert_eq!((claim.id(), claim.sender()), (IrqId::sgi(7), 3));
        assert_eq!(Claim::from_raw(3 << 10 | 7), claim);
        assert_eq!(claim.into_raw(), 3 << 10 | 7);
    }
}
