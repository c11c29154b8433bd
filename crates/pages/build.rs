//! Makes a documentation test of every Rust block on the pages.
//!
//! A page shows code as a reader would write it, with plain names such as `"/jobs"`. Here each block
//! gets a `main` if it has none, and names of its own, so that blocks which run at the same
//! time do not meet.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

const PAGES: [&str; 2] = ["README.md", "docs/guide.md"];

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let mut tests = String::new();
    for page in PAGES {
        let path = root.join(page);
        println!("cargo::rerun-if-changed={}", path.display());
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for block in blocks(&text) {
            let unique = format!("/pit-{}-{:x}-", block.line, hash(&target.display().to_string()));
            let _ = writeln!(tests, "/// {page}, line {}", block.line);
            let _ = writeln!(tests, "#[doc = {:?}]", test(&block, &unique));
            let _ = writeln!(tests, "pub mod {} {{}}", module(page, block.line));
        }
    }
    let file = target.join("pages.rs");
    fs::write(&file, tests).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}

struct Block {
    line: usize,
    /// It would wait for ever.
    compile_only: bool,
    code: String,
}

/// The blocks that are marked as Rust.
fn blocks(text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in text.lines().enumerate() {
        match &mut open {
            None if line == "```rust" || line == "```rust,no_run" => {
                let compile_only = line.ends_with("no_run");
                open = Some(Block { line: index + 1, compile_only, code: String::new() });
            }
            Some(_) if line.starts_with("```") => found.extend(open.take()),
            Some(block) => {
                block.code.push_str(line);
                block.code.push('\n');
            }
            None => {}
        }
    }
    found
}

/// The block as a documentation test.
fn test(block: &Block, unique: &str) -> String {
    let fence = if block.compile_only { "```no_run" } else { "```" };
    let code = block.code.replace("\"/", &format!("\"{unique}"));
    if code.contains("fn main") {
        return format!("{fence}\n{code}```");
    }
    format!(
        "{fence}\n# fn main() -> Result<(), Box<dyn std::error::Error>> {{\n{code}# Ok(())\n# }}\n```"
    )
}

fn module(page: &str, line: usize) -> String {
    let name: String = page
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect();
    format!("{name}_line_{line}")
}

/// FNV-1a: two checkouts on one machine do not meet either.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
