include!("../common.rs");

fn handler(irq: IrqCx<'_>) {
    sleep(irq);
}

fn main() {}
