//! Does not compile when anything of `.cargo/config.toml` is heeded.

#[cfg(overridden)]
compile_error!("the flags of the source are heeded");

const _: () = assert!(option_env!("OVERRIDDEN").is_none(), "the environment of the source is heeded");

fn main() {
    println!("as the operator compiles");
}
