include!("../common.rs");

fn thread(cx: &mut TaskCx, lock: &Lock<u32>, irq: &IrqLock<u32>) {
    *lock.lock(&mut *cx) += 1;
    sleep(cx);
    let mut outer = lock.lock(&mut *cx);
    let (data, token) = outer.split();
    *irq.lock(token) += *data;
    drop(outer);
    sleep(cx);
    let mut token = cx.atomic();
    *irq.lock(&mut token) += 1;
    *lock.lock(token) += 1;
    let guard = irq.lock(&mut *cx);
    drop(guard);
    sleep(cx);
}

fn handler(context: IrqCx<'_>, irq: &IrqLock<u32>, other: &IrqLock<u32>) {
    let first = irq.lock(context);
    let second = other.lock_masked(first.atomic());
    drop(second);
    drop(first);
    let first = irq.lock(context);
    let second = other.lock(context);
    drop(first);
    drop(second);
}

fn anywhere<'a>(context: impl Into<Atomic<'a>>, irq: &'a IrqLock<u32>) -> u32 {
    *irq.lock(context)
}

fn main() {
    use layercake_sync::host::{interrupt, task};
    let (lock, irq, other) = (Lock::new(0), IrqLock::new(0), IrqLock::new(0));
    task(|cx| {
        thread(cx, &lock, &irq);
        anywhere(cx, &irq);
    });
    interrupt(|context| {
        handler(context, &irq, &other);
        anywhere(context, &irq);
    });
}
