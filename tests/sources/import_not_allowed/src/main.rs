//! Asks for a function that is not WASI's.

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn launch_missiles(count: u32) -> u32;
}

fn main() {
    // SAFETY: it takes and gives plain numbers.
    println!("{}", unsafe { launch_missiles(1) });
}
