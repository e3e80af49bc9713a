include!("../common.rs");

fn thread<'a>(cx: &mut TaskCx, cell: &'a PerCpu<u32, IrqOff<StdCpu>, 32>) -> &'a u32 {
    irq_off::<StdCpu, _>(cx, |masks| cell.get(masks))
}

fn main() {}
