//! What must not compile, and the words for it.

#[test]
fn the_derive_says_what_is_wrong_and_what_to_do() {
    // The compiler's own words change with its version: compared on the one that the gate uses.
    let version = std::process::Command::new("rustc").arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let known = version.is_ok_and(|version| version.starts_with("rustc 1.95."));
    testutil::require!(known, "the messages are those of rustc 1.95");
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
