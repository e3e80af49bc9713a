// What a firmware does at EL3 and the kernel, at EL1, cannot: gives all interrupts to the
// non-secure side. Called by the boot code once on each core that was entered at EL3, without a
// stack; may change x0 to x5. (GIC-400 TRM; Arm GIC Architecture Specification v2, 4.3 and 4.4.)

.section .text.boot, "ax"
.global __board_el3_setup
.type __board_el3_setup, @function
__board_el3_setup:
    ldr     x1, ={GICD}
    ldr     x2, ={GICC}
    mov     w3, #-1
    mrs     x0, mpidr_el1
    tst     x0, #0xff
    b.ne    1f
    // The first core, for all: the shared interrupts are group 1; both groups go on.
    add     x4, x1, #0x84               // GICD_IGROUPR1
    add     x5, x1, #0xc0               // behind GICD_IGROUPR15
2:  str     w3, [x4], #4
    cmp     x4, x5
    b.lo    2b
    mov     w4, #3
    str     w4, [x1]                    // GICD_CTLR
1:  str     w3, [x1, #0x80]             // GICD_IGROUPR0: this core's private interrupts
    mov     w4, #0xff
    str     w4, [x2, #0x4]              // GICC_PMR: every priority
    mov     w4, #0x1e7                  // GICC_CTLR: both groups, group 0 as FIQ, no bypass
    str     w4, [x2]
    ret
.ltorg
.size __board_el3_setup, . - __board_el3_setup
