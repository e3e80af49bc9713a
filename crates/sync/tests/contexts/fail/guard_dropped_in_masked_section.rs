include!("../common.rs");

fn thread(cx: &mut TaskCx, lock: &IrqLock<u32>) {
    let guard = lock.lock(cx);
    irq_off::<StdCpu, _>(guard.atomic(), move |_masks| drop(guard));
}

fn main() {}
