include!("../common.rs");

fn thread(cx: &mut TaskCx, outer: &IrqLock<u32>, lock: &Lock<u32>) {
    let guard = outer.lock(cx);
    lock.lock(guard.atomic());
}

fn main() {}
