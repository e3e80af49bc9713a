include!("../common.rs");

fn handler(irq: IrqCx<'_>, lock: &Lock<u32>) {
    lock.lock(irq);
}

fn main() {}
