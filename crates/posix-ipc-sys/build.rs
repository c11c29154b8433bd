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
//! | `has_glibc_sem` | this crate's own semaphores in glibc's layout are there, as a choice or as the back end |

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("CARGO_CFG_UNIX").is_none() {
        println!(
            "cargo::error=posix-ipc-sys supports Unix systems only: Linux, FreeBSD, DragonFly, \
             NetBSD, OpenBSD, illumos and macOS. Windows has no POSIX IPC."
        );
        return;
    }
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
    // glibc's layout on x32 and its like changed between versions: only the linked C library
    // knows it. On these, every version that is in use has the same one.
    let split = ["x86", "arm", "riscv32", "mips", "mips32r6", "powerpc", "sparc"];
    let has_glibc_sem = linux && (width == "64" || split.contains(&arch.as_str()));
    let backend_linux = has_glibc_sem && libc == "gnu" && !use_libc;
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
        ("has_glibc_sem", has_glibc_sem),
    ] {
        println!("cargo:rustc-check-cfg=cfg({name})");
        if on {
            println!("cargo:rustc-cfg={name}");
        }
    }
}
