//! What the build script answers for targets that this machine cannot build for.

use std::path::Path;
use std::process::Command;

/// What the build script prints for a target with these `CARGO_CFG_` variables.
fn output(cfgs: &[(&str, &str)]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("build");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("build.rs");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let compiled = Command::new(rustc)
        .args(["--edition=2024", "-o"])
        .args([&program, &source])
        .status()
        .unwrap();
    assert!(compiled.success());
    let mut command = Command::new(program);
    command.env_clear();
    for (name, value) in cfgs {
        command.env(format!("CARGO_CFG_{name}"), value);
    }
    let output = command.output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

const LINUX: [(&str, &str); 3] =
    [("UNIX", ""), ("TARGET_OS", "linux"), ("TARGET_POINTER_WIDTH", "64")];

#[test]
fn windows_is_refused_with_a_list_of_what_is_supported() {
    let output = output(&[("WINDOWS", ""), ("TARGET_OS", "windows")]);
    let error = output.lines().find(|line| line.starts_with("cargo::error=")).unwrap();
    assert!(error.contains("Linux, FreeBSD") && error.contains("Windows"), "{error}");
    assert!(!output.contains("rustc-cfg="), "{output}");
}

#[test]
fn glibc_has_its_own_semaphores_and_musl_goes_through_the_c_library() {
    let gnu = [&LINUX[..], &[("TARGET_ENV", "gnu"), ("TARGET_ARCH", "x86_64")]].concat();
    assert!(output(&gnu).contains("rustc-cfg=backend_linux"));
    let musl = [&LINUX[..], &[("TARGET_ENV", "musl"), ("TARGET_ARCH", "x86_64")]].concat();
    let musl = output(&musl);
    assert!(!musl.contains("rustc-cfg=backend_linux"));
    assert!(musl.contains("rustc-cfg=has_glibc_sem"), "glibc's layout stays a choice there");
    let chosen = [&gnu[..], &[("POSIX_IPC_USE_LIBC", "")]].concat();
    assert!(!output(&chosen).contains("rustc-cfg=backend_linux"));
}

#[test]
fn systems_without_queues_and_with_pointers_for_them_are_told_apart() {
    let system = |os| output(&[("UNIX", ""), ("TARGET_OS", os), ("TARGET_POINTER_WIDTH", "64")]);
    for os in ["macos", "openbsd"] {
        assert!(!system(os).contains("rustc-cfg=has_mqueue"), "{os}");
    }
    for os in ["freebsd", "illumos"] {
        let output = system(os);
        assert!(output.contains("rustc-cfg=has_mqueue"), "{os}");
        assert!(!output.contains("rustc-cfg=mqd_is_fd"), "{os}");
    }
    for os in ["netbsd", "dragonfly"] {
        assert!(system(os).contains("rustc-cfg=mqd_is_fd"), "{os}");
    }
}
