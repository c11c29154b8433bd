//! The command `pipc`; all of it is in the library, where its fuzz target reaches it.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    posix_ipc_cli::main()
}
