include!("../common.rs");

// Preemption would come back on, and perhaps switch threads, with interrupts masked.
fn thread(cx: &mut TaskCx, a: &Lock<u32>, b: &IrqLock<u32>) {
    let mut outer = a.lock(cx);
    let inner = b.lock(outer.atomic());
    drop(outer);
    drop(inner);
}

fn main() {}
