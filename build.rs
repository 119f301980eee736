//! What `Cargo.toml` has no words for: how the binary is linked, and whether OpenSSL is loaded when
//! a connection first asks for it, or with the program.

use std::env::var;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=OPENSSL_STATIC");
    println!("cargo::rustc-check-cfg=cfg(openssl_on_demand)");
    if is_on_demand() {
        println!("cargo::rustc-cfg=openssl_on_demand");
    }
    if is_linux_on_x86_64() {
        // Some 65,000 addresses in the binary's tables are known when it is linked, if it is always
        // loaded to the same place. Else the loader writes each of them at every start, and copies
        // 1.2 MB of pages to do so: of the time of handing over one message a quarter. Libraries,
        // stack and heap are as ever where nobody can tell.
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}

fn of(name: &str) -> String {
    var(name).unwrap_or_default()
}

/// With GNU's C library, shared.
fn is_linux_on_x86_64() -> bool {
    of("CARGO_CFG_TARGET_ARCH") == "x86_64"
        && of("CARGO_CFG_TARGET_OS") == "linux"
        && of("CARGO_CFG_TARGET_ENV") == "gnu"
        && !of("CARGO_CFG_TARGET_FEATURE").split(',').any(|feature| feature == "crt-static")
}

/// Where `src/net/tls/on_demand.rs` knows the processor, and the library is OpenSSL 3 and shared.
fn is_on_demand() -> bool {
    let number = u64::from_str_radix(&of("DEP_OPENSSL_VERSION_NUMBER"), 16).unwrap_or_default();
    is_linux_on_x86_64()
        && number >> 28 == 3
        && var("DEP_OPENSSL_VENDORED").is_err()
        && matches!(of("OPENSSL_STATIC").as_str(), "" | "0")
}
