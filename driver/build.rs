//! Lists the shipped drivers, so that adding a provider is adding a file.

#![allow(clippy::disallowed_methods, reason = "a build script reads files; the crate does not")]

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    let folder = Path::new(&root).join("shipped");
    let mut drivers = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            drivers.push(path);
        }
    }
    drivers.sort();
    let mut code = String::from("static SHIPPED: &[(&str, &str)] = &[\n");
    for path in &drivers {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        writeln!(code, "    ({name:?}, include_str!({path:?})),").map_err(io::Error::other)?;
    }
    code.push_str("];\n");
    println!("cargo::rerun-if-changed={}", folder.display());
    fs::write(Path::new(&out).join("shipped_drivers.rs"), code)
}
