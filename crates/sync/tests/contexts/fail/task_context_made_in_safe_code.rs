include!("../common.rs");

fn handler(_irq: IrqCx<'_>) {
    let mut cx = TaskCx::new();
    sleep(&mut cx);
}

fn main() {}
