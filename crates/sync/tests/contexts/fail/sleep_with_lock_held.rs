include!("../common.rs");

fn thread(cx: &mut TaskCx, lock: &Lock<u32>) {
    let guard = lock.lock(&mut *cx);
    sleep(cx);
    drop(guard);
}

fn main() {}
