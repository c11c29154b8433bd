//! Names the groups of platforms once, as cfgs of this crate.
//!
//! | cfg | meaning |
//! |---|---|
//! | `backend_linux` | semaphores over futexes, shared memory over `/dev/shm`; no C library needed for either |
//! | `apple`, `bsd` | families that share a behaviour |
//! | `has_mqueue` | the system has POSIX message queues |
//! | `mqd_is_fd` | `mqd_t` is a file descriptor (elsewhere a pointer) |
//! | `raw_mqueue` | message queues through system calls of our own (Cargo.toml has the same list of targets) |
//! | `lp64_sem` | the C library of this target keeps a semaphore in one 64-bit word |

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let var = |name: &str| env::var(name).unwrap_or_default();
    let os = var("CARGO_CFG_TARGET_OS");
    let vendor = var("CARGO_CFG_TARGET_VENDOR");
    let libc = var("CARGO_CFG_TARGET_ENV");
    let arch = var("CARGO_CFG_TARGET_ARCH");
    let width = var("CARGO_CFG_TARGET_POINTER_WIDTH");
    let use_libc = env::var_os("CARGO_CFG_POSIX_IPC_USE_LIBC").is_some();

    let apple = vendor == "apple";
    let bsd = matches!(os.as_str(), "freebsd" | "dragonfly" | "netbsd" | "openbsd");
    let linux = os == "linux";
    // glibc's layout on x32 changed between its versions: only the linked C library knows it.
    let x32 = arch == "x86_64" && width == "32";
    let backend_linux = linux && libc == "gnu" && !x32 && !use_libc;
    let has_mqueue =
        linux || matches!(os.as_str(), "freebsd" | "dragonfly" | "netbsd" | "illumos" | "solaris");
    let mqd_is_fd = linux || matches!(os.as_str(), "netbsd" | "dragonfly");
    let raw_mqueue =
        backend_linux && width == "64" && matches!(arch.as_str(), "x86_64" | "aarch64" | "riscv64");

    for (name, on) in [
        ("backend_linux", backend_linux),
        ("apple", apple),
        ("bsd", bsd),
        ("has_mqueue", has_mqueue),
        ("raw_mqueue", raw_mqueue),
        ("mqd_is_fd", has_mqueue && mqd_is_fd),
        ("lp64_sem", width == "64"),
    ] {
        println!("cargo:rustc-check-cfg=cfg({name})");
        if on {
            println!("cargo:rustc-cfg={name}");
        }
    }
}
