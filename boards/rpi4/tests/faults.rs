//! Faults end in a report that says what was done, where and by which thread: writing to code,
//! executing data, reading null, running over the end of a stack.
//!
//! The mappings are W^X, and below every stack is a guard page. Each case is a run.
//@ timeout: 40
//@ exit: 101
//@ expect: *** the machine is stopped
//@ reject: while reporting the trouble
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

mod support;

use core::hint::black_box;
use core::sync::atomic::{AtomicU32, Ordering};
use layercake_kernel::{IrqCx, platform};
use support::*;

kernel_cases!(
    write_code,
    write_constant,
    execute_data,
    execute_stack,
    execute_heap,
    read_null,
    write_null,
    jump_null,
    read_nowhere,
    undefined_instruction,
    unaligned_jump,
    overflow,
    overflow_on_another_core,
    overflow_at_once,
    overflow_in_interrupt,
    fault_in_interrupt,
);

/// `ret`.
const RETURN: u32 = 0xd65f_03c0;

#[inline(never)]
fn write(address: usize) {
    // SAFETY: none: this is what must fault.
    unsafe { black_box(address as *mut u32).write_volatile(0) }
}

#[inline(never)]
fn read(address: usize) {
    // SAFETY: none: this is what must fault.
    black_box(unsafe { black_box(address as *const u32).read_volatile() });
}

#[inline(never)]
fn call(address: usize) {
    // SAFETY: none: this is what must fault.
    unsafe { core::mem::transmute::<usize, extern "C" fn()>(black_box(address))() }
}

//@ case: write_code
//@ expect: write to 0x
//@ expect: : not allowed there
//@ expect: "main",
fn write_code(_: &mut TaskCx) {
    write(write as *const () as usize);
}

//@ case: write_constant
//@ expect: write to 0x
//@ expect: : not allowed there
fn write_constant(_: &mut TaskCx) {
    static CONSTANT: u32 = RETURN;
    write(&raw const CONSTANT as usize);
}

//@ case: execute_data
//@ expect: jump to 0x
//@ expect: : not allowed there
fn execute_data(_: &mut TaskCx) {
    static DATA: AtomicU32 = AtomicU32::new(RETURN);
    call(DATA.as_ptr() as usize);
}

//@ case: execute_stack
//@ expect: jump to 0x
//@ expect: : not allowed there
fn execute_stack(_: &mut TaskCx) {
    let code = black_box(RETURN);
    call(&raw const code as usize);
}

//@ case: execute_heap
//@ expect: jump to 0x
//@ expect: : not allowed there
fn execute_heap(_: &mut TaskCx) {
    extern crate alloc;
    let code = black_box(alloc::boxed::Box::new(RETURN));
    call(&raw const *code as usize);
}

//@ case: read_null
//@ expect: read of 0x0: nothing is mapped there
fn read_null(_: &mut TaskCx) {
    read(0);
}

//@ case: write_null
//@ expect: write to 0x8: nothing is mapped there
fn write_null(_: &mut TaskCx) {
    write(8);
}

//@ case: jump_null
//@ expect: jump to 0x0: nothing is mapped there
fn jump_null(_: &mut TaskCx) {
    call(0);
}

//@ case: read_nowhere
//@ expect: read of 0x7fdeadbee0: nothing is mapped there
fn read_nowhere(_: &mut TaskCx) {
    read(0x7f_dead_bee0);
}

//@ case: undefined_instruction
//@ expect: undefined instruction at 0x
fn undefined_instruction(_: &mut TaskCx) {
    // SAFETY: none: this is what must fault.
    unsafe { core::arch::asm!("udf #0") }
}

//@ case: unaligned_jump
//@ expect: which is not aligned
fn unaligned_jump(_: &mut TaskCx) {
    call(call as *const () as usize + 2);
}

/// Needs some stack in each call, and another call before it can return.
#[inline(never)]
fn dig(depth: u64) -> u64 {
    let frame = black_box([depth; 8]);
    if depth == u64::MAX {
        return 0;
    }
    dig(depth + 1) + black_box(frame)[0]
}

//@ case: overflow
//@ expect: write to 0x
//@ expect: (stack overflow: the 16 KiB stack of thread
//@ expect: "digger" is full)
//@ expect: "digger",
//@ expect: faults::dig
fn overflow(cx: &mut TaskCx) {
    let digger = Builder::new("digger").stack_size(16 * 1024);
    let digger = digger.spawn(|_| _ = dig(0)).expect("a thread");
    digger.join(cx);
}

//@ case: overflow_on_another_core
//@ expect: (stack overflow: the 8 KiB stack of thread
//@ expect: "small" is full)
//@ expect: *** core 3, thread
fn overflow_on_another_core(cx: &mut TaskCx) {
    let small = Builder::new("small")
        .stack_size(8 * 1024)
        .affinity(CpuSet::one(3));
    small.spawn(|_| _ = dig(0)).expect("a thread").join(cx);
}

//@ case: overflow_at_once
//@ expect: (stack overflow: the 8 KiB stack of thread
//@ expect: "wide" is full)
fn overflow_at_once(cx: &mut TaskCx) {
    /// A frame that is larger than the stack and the guard page together.
    #[inline(never)]
    fn wide() {
        black_box(&mut [0_u8; 48 * 1024]).fill(1);
    }
    let thread = Builder::new("wide").stack_size(8 * 1024);
    thread.spawn(|_| wide()).expect("a thread").join(cx);
}

//@ case: overflow_in_interrupt
//@ expect: KiB stack of thread
//@ expect: "pinned" is full)
fn overflow_in_interrupt(cx: &mut TaskCx) {
    let sgi = register_sgi(cx, 0, |_: IrqCx<'_>| _ = dig(0));
    run_on(cx, 2, Priority::default(), move |_| {
        platform::get().send_sgi(2, sgi);
        spin_until("the end", || false);
    });
}

//@ case: fault_in_interrupt
//@ expect: read of 0x7fdeadbee0: nothing is mapped there
//@ expect: *** core 2, thread
//@ expect: fault_in_interrupt
//@ expect: interrupted_here
fn fault_in_interrupt(cx: &mut TaskCx) {
    static GO: AtomicU32 = AtomicU32::new(0);
    #[inline(never)]
    fn interrupted_here() {
        GO.store(1, Ordering::Relaxed);
        spin_until("the end", || false);
    }
    let sgi = register_sgi(cx, 0, |_: IrqCx<'_>| read(0x7f_dead_bee0));
    let thread = spawn_on(2, Priority::default(), |_| interrupted_here());
    wait_for(cx, "it runs", || GO.load(Ordering::Relaxed) == 1);
    platform::get().send_sgi(2, sgi);
    thread.join(cx);
}
