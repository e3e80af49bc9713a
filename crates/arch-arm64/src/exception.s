// The vector table, with the entry of interrupts in it and that of faults behind it. Offsets: exception.rs.

.macro to_fault kind
    .balign 0x80
    msr     tpidr_el0, x0               // x0 and x1 in the two registers that nobody uses
    msr     tpidrro_el0, x1
    mov     x0, #\kind
    b       fault_entry
.endm

.section .text.vectors, "ax"
    // From EL1 with SP_EL0: never used.
    to_fault {UNEXPECTED}
    to_fault {UNEXPECTED}
    to_fault {UNEXPECTED}
    to_fault {UNEXPECTED}
    // From EL1 with SP_EL1: the kernel.
    to_fault {SYNC}
    .balign 0x80
    // The whole way in and out: 32 instructions, which is what there is room for.
.type irq_entry, @function
irq_entry:
    stp     x0, x1, [sp, #-{IRQ_FRAME}]!
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x30, [sp, #144]
    mrs     x0, spsr_el1
    mrs     x1, elr_el1
    str     x0, [sp, #160]
    stp     x29, x1, [sp, #176]
    add     x29, sp, #176
    mov     x0, sp
    bl      __kernel_irq
    ldr     x0, [sp, #160]
    ldp     x29, x1, [sp, #176]
    msr     spsr_el1, x0
    msr     elr_el1, x1
    ldp     x18, x30, [sp, #144]
    ldp     x16, x17, [sp, #128]
    ldp     x14, x15, [sp, #112]
    ldp     x12, x13, [sp, #96]
    ldp     x10, x11, [sp, #80]
    ldp     x8, x9, [sp, #64]
    ldp     x6, x7, [sp, #48]
    ldp     x4, x5, [sp, #32]
    ldp     x2, x3, [sp, #16]
    ldp     x0, x1, [sp], #{IRQ_FRAME}
    eret
.size irq_entry, . - irq_entry
    .org    irq_entry + 0x80            // not one more
    to_fault {FIQ}
    to_fault {SERROR}
    // From EL0, 64 and 32 bit: never used.
    to_fault {UNEXPECTED}
    to_fault {UNEXPECTED}
    to_fault {UNEXPECTED}
    to_fault {UNEXPECTED}
    to_fault {UNEXPECTED}
    to_fault {UNEXPECTED}
    to_fault {UNEXPECTED}
    to_fault {UNEXPECTED}
    .balign 0x80

.section .text
// x0: kind; the interrupted x0 and x1 in tpidr_el0 and tpidrro_el0.
.type fault_entry, @function
fault_entry:
    // Which stack? The emergency stack, unless we are on it already (a fault within a fault);
    // before the core has a block, the stack that we are on. Tops are aligned to 16, so the kind
    // rides in the low bits.
    mrs     x1, tpidr_el1
    cbz     x1, .Lkeep
    ldr     x1, [x1, #{EMERGENCY_TOP}]
    orr     x1, x1, x0
    mov     x0, sp
    sub     x0, x1, x0                  // 0 <= top - sp <= size: on it
    cmp     x0, #{EMERGENCY_STACK}
    b.ls    .Lon_it
    and     x0, x1, #0xf
    and     x1, x1, #~0xf
    b       .Lswitch
.Lon_it:
    and     x0, x1, #0xf
.Lkeep:
    mov     x1, sp
    and     x1, x1, #~0xf
.Lswitch:
    sub     x1, x1, #{FAULT_FRAME}
    stp     x2, x3, [x1, #16]
    mov     x2, sp
    mov     sp, x1
    str     x2, [sp, #248]
    mrs     x2, tpidr_el0
    mrs     x3, tpidrro_el0
    stp     x2, x3, [sp, #0]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x19, [sp, #144]
    stp     x20, x21, [sp, #160]
    stp     x22, x23, [sp, #176]
    stp     x24, x25, [sp, #192]
    stp     x26, x27, [sp, #208]
    stp     x28, x29, [sp, #224]
    str     x30, [sp, #240]
    mrs     x2, elr_el1
    mrs     x3, spsr_el1
    stp     x2, x3, [sp, #256]
    mrs     x2, esr_el1
    mrs     x3, far_el1
    stp     x2, x3, [sp, #272]
    mov     x1, x0
    mov     x0, sp
    bl      __kernel_fault
    // Back: only the return address may have been changed, and x0.
    ldp     x2, x3, [sp, #256]
    msr     elr_el1, x2
    msr     spsr_el1, x3
    ldr     x30, [sp, #240]
    ldp     x28, x29, [sp, #224]
    ldp     x26, x27, [sp, #208]
    ldp     x24, x25, [sp, #192]
    ldp     x22, x23, [sp, #176]
    ldp     x20, x21, [sp, #160]
    ldp     x18, x19, [sp, #144]
    ldp     x16, x17, [sp, #128]
    ldp     x14, x15, [sp, #112]
    ldp     x12, x13, [sp, #96]
    ldp     x10, x11, [sp, #80]
    ldp     x8, x9, [sp, #64]
    ldp     x6, x7, [sp, #48]
    ldp     x4, x5, [sp, #32]
    ldp     x0, x1, [sp, #0]
    ldp     x2, x3, [sp, #16]
    // sp = the old one, without a register to spare: x0 waits in tpidrro_el0.
    msr     tpidrro_el0, x0
    ldr     x0, [sp, #248]
    mov     sp, x0
    mrs     x0, tpidrro_el0
    eret
.size fault_entry, . - fault_entry
