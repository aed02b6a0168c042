//! The programs that people copy run as they stand.

use std::{path::PathBuf, process::Command};

/// Cargo builds the examples beside the tests.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    profile.join("examples").join(name)
}

#[test]
fn embed_tells_the_life_of_a_transaction() {
    let source = include_str!("../examples/embed.rs");
    let code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    assert!(
        source.lines().filter(code).count() <= 40,
        "the example stays short"
    );

    let program = example("embed");
    assert!(
        program.is_file(),
        "cargo builds examples unless told to run single tests"
    );
    let output = Command::new(program).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{told}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for word in [
        "accepted",
        "preconfirmed",
        "\"level\": \"safe\"",
        "\"blockHash\"",
    ] {
        assert!(told.contains(word), "{word} is missing in\n{told}");
    }
}
