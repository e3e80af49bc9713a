include!("../common.rs");

fn anywhere(token: Atomic<'_>, lock: &Lock<u32>) {
    lock.lock(token);
}

fn main() {}
