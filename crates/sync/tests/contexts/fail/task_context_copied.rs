include!("../common.rs");

fn thread(cx: &mut TaskCx) {
    let mut second = *cx;
    let _token = cx.atomic();
    sleep(&mut second);
}

fn main() {}
