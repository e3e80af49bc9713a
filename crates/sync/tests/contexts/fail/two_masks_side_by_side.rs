include!("../common.rs");

// Dropped in this order, the first would unmask interrupts under the second.
fn thread(cx: &mut TaskCx, a: &IrqLock<u32>, b: &IrqLock<u32>) {
    let token = cx.atomic();
    let first = a.lock(token);
    let second = b.lock(token);
    drop(first);
    drop(second);
}

fn main() {}
