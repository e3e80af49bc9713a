include!("../common.rs");

fn thread(cx: &mut TaskCx, cell: &PerCpu<u32, PreemptOff<StdCpu>, 32>) -> u32 {
    *cell.get(cx.atomic())
}

fn main() {}
