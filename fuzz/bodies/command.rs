//! What users and files say to `pipc` is understood or refused with a reason; what it writes, it
//! reads back.

use posix_ipc::Name;
use posix_ipc_cli::fuzz;

pub fn run(data: &[u8]) {
    let Some((&which, rest)) = data.split_first() else { return };
    if which % 8 == 7 {
        let (table, json) = fuzz::inspect(rest);
        assert!(table.lines().count() >= 2 && json.starts_with('['));
        return;
    }
    assert_eq!(fuzz::unhex(fuzz::hex(rest).as_bytes()).as_deref(), Ok(rest));
    if let Ok(bytes) = fuzz::unhex(rest) {
        assert!(bytes.len() * 2 <= rest.len());
    }
    let Ok(text) = std::str::from_utf8(rest) else {
        let line = fuzz::save(which.into(), rest);
        assert_eq!(fuzz::load(&line), Ok((which.into(), rest.to_vec())));
        return;
    };
    match which % 8 {
        0 => {
            let line = fuzz::save(which.into(), rest);
            assert_eq!(fuzz::load(&line), Ok((which.into(), rest.to_vec())));
            reason(fuzz::load(text).map(|(priority, _)| assert!(priority <= 32_767)));
        }
        1 => {
            let (template, message) = text.split_once('\n').unwrap_or((text, ""));
            reason(fuzz::render(template, u64::MAX, 7, message.as_bytes()).map(|printed| {
                assert!(printed.len() <= template.len() * (2 * message.len() + 32));
            }));
        }
        2 => reason(fuzz::size(text).map(drop)),
        3 => reason(fuzz::duration(text).map(drop)),
        4 => {
            reason(fuzz::mode(text).map(|mode| assert!(mode <= 0o777)));
            reason(fuzz::one_byte(text).map(drop));
        }
        5 => reason(fuzz::planned(text).map(|plan| assert!(plan.iter().all(|&part| part > 0)))),
        _ => {
            let (pattern, name) = text.split_once('\n').unwrap_or((text, text));
            let Ok(name) = Name::new(name) else { return };
            reason(fuzz::matches(pattern, &name).map(drop));
            let itself = std::str::from_utf8(name.as_bytes()).ok();
            if let Some(Ok(matches)) = itself.map(|itself| fuzz::matches(itself, &name)) {
                assert!(matches, "a name is a pattern for itself");
            }
        }
    }
}

/// A refusal says why.
fn reason(result: Result<(), String>) {
    if let Err(reason) = result {
        assert!(!reason.trim().is_empty());
    }
}
