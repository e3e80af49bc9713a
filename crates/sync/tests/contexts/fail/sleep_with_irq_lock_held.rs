include!("../common.rs");

fn thread(cx: &mut TaskCx, lock: &IrqLock<u32>) {
    let guard = lock.lock(cx.atomic());
    sleep(cx);
    drop(guard);
}

fn main() {}
