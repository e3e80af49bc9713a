include!("../common.rs");

fn shared<T: Sync>() {}

fn thread() {
    shared::<Lock<*mut u32>>();
}

fn main() {}
