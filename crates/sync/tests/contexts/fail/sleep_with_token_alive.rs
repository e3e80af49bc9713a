include!("../common.rs");

fn thread(cx: &mut TaskCx, lock: &Lock<u32>) {
    let token = cx.atomic();
    sleep(cx);
    lock.lock(token);
}

fn main() {}
