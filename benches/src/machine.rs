//! What a figure is worthless without: machine, kernel, commit, date and command.

use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// The processor's own name and how many of them this process may use.
pub fn processor() -> String {
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |wanted: &str| {
        information.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.trim() == wanted).then(|| value.trim().to_string())
        })
    };
    let name = field("model name").unwrap_or_else(|| std::env::consts::ARCH.to_string());
    let flags = field("flags").unwrap_or_default();
    let guest = flags.split(' ').any(|flag| flag == "hypervisor");
    let count = crate::pair::processors();
    format!("{name}, {count} processors{}", if guest { ", virtual machine" } else { "" })
}

/// The memory of the machine in GiB, as far as the kernel tells.
pub fn memory() -> Option<f64> {
    let information = fs::read_to_string("/proc/meminfo").ok()?;
    let line = information.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib / 1024.0 / 1024.0)
}

/// System, release and architecture.
pub fn kernel() -> String {
    let names = rustix::system::uname();
    [names.sysname(), names.release(), names.machine()]
        .map(|name| name.to_string_lossy().into_owned())
        .join(" ")
}

/// The C library, as `ldd` names it.
pub fn c_library() -> Option<String> {
    first_line("ldd", &["--version"]).map(|line| line.trim_start_matches("ldd ").to_string())
}

/// The compiler.
pub fn compiler() -> Option<String> {
    first_line("rustc", &["--version"])
}

/// The commit of the sources, marked where they differ from it.
pub fn commit() -> Option<String> {
    let commit = first_line("git", &["rev-parse", "--short=12", "HEAD"])?;
    let clean = first_line("git", &["status", "--porcelain", "--untracked-files=no"]).is_none();
    Some(if clean { commit } else { format!("{commit} with changes") })
}

/// Seconds since 1970.
pub fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The command that runs this benchmark again.
pub fn command() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    command_of(&stem, std::env::args().skip(1))
}

fn command_of(stem: &str, arguments: impl Iterator<Item = String>) -> String {
    // Cargo puts a hash after the name.
    let name = stem.rsplit_once('-').map_or(stem, |(name, _)| name);
    let quoted = |argument: String| {
        if argument.contains(' ') { format!("'{argument}'") } else { argument }
    };
    let filters: Vec<_> = arguments.filter(|argument| argument != "--bench").map(quoted).collect();
    let mut command = format!("cargo bench --bench {name}");
    if !filters.is_empty() {
        command.push_str(" -- ");
        command.push_str(&filters.join(" "));
    }
    command
}

fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().next().map(|line| line.trim().to_string()).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_leaves_out_what_cargo_adds() {
        let arguments = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let all = command_of("sem-0123456789abcdef", arguments(&["--bench"]).into_iter());
        assert_eq!(all, "cargo bench --bench sem");
        let one =
            command_of("sem-0123456789abcdef", arguments(&["handover", "--bench"]).into_iter());
        assert_eq!(one, "cargo bench --bench sem -- handover");
    }

    #[test]
    fn the_machine_is_described() {
        assert!(processor().contains("processors"));
        assert!(kernel().split(' ').count() >= 3, "{}", kernel());
    }
}
