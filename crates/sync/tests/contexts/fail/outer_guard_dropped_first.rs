include!("../common.rs");

fn thread(cx: &mut TaskCx, a: &IrqLock<u32>, b: &IrqLock<u32>) {
    let outer = a.lock(cx);
    let inner = b.lock(outer.atomic());
    drop(outer);
    drop(inner);
}

fn main() {}
