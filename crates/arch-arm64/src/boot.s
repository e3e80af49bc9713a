// The first instructions on each core. Register use until Rust:
//   x19  core number        x20  device tree (x0 of the firmware), core 0 only
//   x21  return address of drop_to_el1
// Position: linked for one address. If the firmware has loaded the image elsewhere (its default has
// changed over the years), the first core moves it, so everything before that is pc-relative.

.section .text.head, "ax"
.global _start
.type _start, @function
_start:
    // The arm64 Image header (Linux Documentation/arch/arm64/booting.rst). Firmware and QEMU
    // read text_offset and image_size from it.
    b       .Lfirst
    .long   0
    .quad   __load_address              // text_offset, from a base of 0
    .quad   __image_size                // image_size, with everything that is not in the file
    .quad   0b0010                      // little endian, 4 KiB pages
    .quad   0
    .quad   0
    .quad   0
    .ascii  "ARM\x64"
    .long   0
.size _start, . - _start

.Lfirst:
    mov     x20, x0
    mrs     x19, mpidr_el1
    and     x19, x19, #0xff
    cbz     x19, .Lprimary
    // An ELF enters all cores at once, before any firmware could hold them: hold them here, at
    // the words of the spin table, as the firmware does.
    mov     x0, #0xd8
.Lhold:
    wfe
    ldr     x1, [x0, x19, lsl #3]
    cbz     x1, .Lhold
    br      x1

.Lprimary:
    adr     x0, _start
    ldr     x1, =_start
    cmp     x0, x1
    b.eq    .Lin_place
    // Copied with the caches off, so it is in memory at once. The image may overlap its new place
    // only if it moves down, which is the direction in which the copy runs; moving up by less than
    // its size is refused by doing nothing, which is all that can be done here.
    ldr     x2, =__data_file_end
    sub     x3, x2, x1                  // bytes to move
    add     x4, x0, x3                  // one past where they are
    cmp     x1, x0
    b.lo    .Lmove
    cmp     x1, x4
    b.lo    .Lstuck
.Lmove:
    cmp     x1, x2
    b.hs    .Lmoved
    ldp     x4, x5, [x0], #16
    stp     x4, x5, [x1], #16
    b       .Lmove
.Lmoved:
    dsb     sy
    ic      iallu
    dsb     sy
    isb
    ldr     x0, =.Lin_place
    br      x0
.Lstuck:
    wfe
    b       .Lstuck
.Lin_place:
    bl      drop_to_el1
    bl      mmu_on
    adrp    x0, __bss_start
    add     x0, x0, :lo12:__bss_start
    adrp    x1, __bss_end
    add     x1, x1, :lo12:__bss_end
.Lzero:
    cmp     x0, x1
    b.hs    .Lzeroed
    stp     xzr, xzr, [x0], #16
    b       .Lzero
.Lzeroed:
    bl      boot_stack
    mov     x0, x20
    b       __kernel_primary

.global __secondary_start
.type __secondary_start, @function
__secondary_start:
    mrs     x19, mpidr_el1
    and     x19, x19, #0xff
    bl      drop_to_el1
    bl      mmu_on
    bl      boot_stack
    mov     x0, x19
    b       __kernel_secondary
.size __secondary_start, . - __secondary_start

// Returns at EL1 with MMU and caches off and everything masked, wherever it was called.
.type drop_to_el1, @function
drop_to_el1:
    mov     x21, x30
    msr     daifset, #0xf
    mrs     x0, CurrentEL
    cmp     x0, #(3 << 2)
    b.ne    .Lnot_el3
    ldr     x0, ={SCR_EL3}
    msr     scr_el3, x0
    msr     cptr_el3, xzr
    mrs     x0, s3_1_c15_c2_1           // CPUECTLR_EL1: take part in coherency before caches
    orr     x0, x0, #(1 << 6)
    msr     s3_1_c15_c2_1, x0
    isb
    bl      __board_el3_setup
    ldr     x0, ={SCTLR_EL2}
    msr     sctlr_el2, x0
    ldr     x0, ={SPSR_EL2H}
    msr     spsr_el3, x0
    adr     x0, .Lat_el2
    msr     elr_el3, x0
    isb
    eret
.Lnot_el3:
    cmp     x0, #(2 << 2)
    b.ne    .Lat_el1
.Lat_el2:
    // All of these are UNKNOWN after reset on hardware.
    ldr     x0, ={HCR_EL2}
    msr     hcr_el2, x0
    mov     x0, #3                      // EL1 may use the physical counter and timer
    msr     cnthctl_el2, x0
    msr     cntvoff_el2, xzr
    ldr     x0, ={CPTR_EL2}
    msr     cptr_el2, x0
    msr     hstr_el2, xzr
    msr     vttbr_el2, xzr
    mrs     x0, pmcr_el0
    ubfx    x0, x0, #11, #5             // all event counters belong to EL1
    msr     mdcr_el2, x0
    mrs     x0, midr_el1
    msr     vpidr_el2, x0
    mrs     x0, mpidr_el1
    msr     vmpidr_el2, x0
    ldr     x0, ={SCTLR_EL1_OFF}
    msr     sctlr_el1, x0
    ldr     x0, ={SPSR_EL1H}
    msr     spsr_el2, x0
    adr     x0, .Lat_el1
    msr     elr_el2, x0
    isb
    eret
.Lat_el1:
    msr     daifset, #0xf
    ret     x21
.size drop_to_el1, . - drop_to_el1

// Turns the MMU and the caches on, with the early page table; sets the vectors.
.type mmu_on, @function
mmu_on:
    adrp    x0, __vectors
    add     x0, x0, :lo12:__vectors
    msr     vbar_el1, x0
    ldr     x0, ={MAIR}
    msr     mair_el1, x0
    ldr     x0, ={TCR}
    msr     tcr_el1, x0
    adrp    x0, __early_table
    add     x0, x0, :lo12:__early_table
    msr     ttbr0_el1, x0               // ASID 0: the final tables take another
    msr     ttbr1_el1, xzr
    dsb     sy
    tlbi    vmalle1
    ic      iallu
    dsb     nsh
    isb
    ldr     x0, ={SCTLR_EL1_ON}
    msr     sctlr_el1, x0
    isb
    ret
.size mmu_on, . - mmu_on

// Puts core x19 on its boot stack: [guard page][stack] for each core, in order of the cores.
.type boot_stack, @function
boot_stack:
    adrp    x0, __boot_stacks
    add     x0, x0, :lo12:__boot_stacks
    ldr     x1, =({PAGE} + {BOOT_STACK})
    add     x2, x19, #1
    madd    x0, x1, x2, x0
    msr     spsel, #1
    mov     sp, x0
    mov     x29, xzr                    // where a backtrace ends
    msr     tpidr_el1, xzr
    msr     sp_el0, xzr
    ret
.size boot_stack, . - boot_stack
.ltorg

// The early page table: 1 GiB blocks at level 1, known when the image is linked, so that no
// store has to be made before the caches are on. Non-global with ASID 0, so that no entry of it
// can clash with the final tables. RAM: normal write-back, inner shareable. Devices: nGnRE, no
// execution.
.section .rodata_boot_tables, "a"
.balign 4096
__early_table:
    .quad   0x00000000 | 1 | (3 << 8) | (1 << 10) | (1 << 11) | (1 << 54)
    .quad   0
    .quad   0
    .quad   0xc0000000 | 1 | (1 << 2) | (1 << 10) | (1 << 11) | (1 << 53) | (1 << 54)
    .fill   508, 8, 0
