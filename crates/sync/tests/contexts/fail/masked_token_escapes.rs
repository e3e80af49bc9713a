include!("../common.rs");

fn thread(cx: &mut TaskCx) {
    let _masks: Masked<'_> = irq_off::<StdCpu, _>(cx, |masks| masks);
}

fn main() {}
