include!("../common.rs");

fn thread(cx: &mut TaskCx) {
    irq_off::<StdCpu, _>(&mut *cx, |_masks| sleep(cx));
}

fn main() {}
