include!("../common.rs");

fn thread(cx: &mut TaskCx) {
    preempt_off::<StdCpu, _>(&mut *cx, |_pinned, _token| sleep(cx));
}

fn main() {}
