//! The simulation itself: it can be replayed, and it finds what it is for.

use std::process::{Command, Output};

fn simulation(arguments: &[&str]) -> Output {
    let ran = Command::new(env!("CARGO_BIN_EXE_flock_simulation"))
        .args(arguments)
        .output();
    ran.expect("the simulation can be started")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_same_seed_is_the_same_story() {
    for seed in ["1", "2", "3"] {
        let (first, again) = (
            text(&simulation(&["--seed", seed])),
            text(&simulation(&["--seed", seed])),
        );
        assert!(first.lines().count() > 50, "{first}");
        assert!(
            first == again,
            "seed {seed} was told in two ways:\n{first}\n\nand\n\n{again}"
        );
    }
}

#[test]
fn another_seed_is_another_story() {
    assert_ne!(text(&simulation(&["--seed", "1"])), text(&simulation(&["--seed", "2"])));
}

/// Within 100 seeds; says how many it took.
fn is_found(fault: &str) {
    let hunt = simulation(&["--seeds", "1..100", "--planted", fault]);
    let told = text(&hunt);
    assert!(hunt.status.success(), "{told}");
    print!("{told}");
}

#[test]
fn an_acknowledgement_before_the_commit_is_found() {
    is_found("early-ack");
}

#[test]
fn a_missing_de_duplication_is_found() {
    is_found("no-deduplication");
}

#[test]
fn a_lost_resync_is_found() {
    is_found("lost-resync");
}

#[test]
fn a_lost_wake_up_is_found() {
    is_found("lost-wake-up");
}

#[test]
fn a_failure_tells_its_seed() {
    let failed = simulation(&["--quiet", "--seed", "1", "--planted", "lost-resync"]);
    assert!(!failed.status.success());
    assert!(
        text(&failed)
            .lines()
            .last()
            .is_some_and(|line| line.starts_with("seed 1: ")),
        "{}",
        text(&failed)
    );
}
