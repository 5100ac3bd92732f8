//! Whether the processes of this node's APIs are well.

use flock_core::limits;

use super::{finding, ok};
use crate::pb;

const LOG: &str = "see hosts.log in data_dir";

/// `None` where there is none.
pub(in crate::agent::report) fn apis(host: &pb::HostState) -> Option<pb::Finding> {
    let check = match host.kind.as_str() {
        "files" => "apis (files)",
        _ => "apis (cookbooks)",
    };
    let found = match host.state.as_str() {
        "off" => return None,
        "serving" if !host.problems.is_empty() => finding(
            "error",
            check,
            format!("not all could be loaded: {}", host.problems.join("; ")),
            "mend that code; it is loaded again when it has changed",
        ),
        "given_up" => finding(
            "error",
            check,
            format!(
                "given up after {} deaths in a row, last: {}",
                host.failures, host.message
            ),
            &format!("{LOG}; it is started again when its code changes, or with the agent"),
        ),
        state if host.failures > 0 => finding(
            if host.failures >= limits::HOST_FAILURES {
                "error"
            } else {
                "warning"
            },
            check,
            format!(
                "{state}; its process died {} times in a row, last: {}",
                host.failures, host.message
            ),
            LOG,
        ),
        "serving" => ok(check, format!("serving {}", host.apis.join(", "))),
        state => ok(check, state),
    };
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(state: &str, failures: u64, problems: &[&str]) -> Option<String> {
        apis(&pb::HostState {
            kind: "files".into(),
            state: state.into(),
            failures,
            problems: problems.iter().map(|&problem| problem.to_owned()).collect(),
            ..Default::default()
        })
        .map(|finding| finding.level)
    }

    #[test]
    fn a_host_is_well_when_it_serves_all_of_its_code() {
        let cases = [
            (("off", 0, &[][..]), None),
            (("serving", 0, &[]), Some("ok")),
            (("starting", 0, &[]), Some("ok")),
            (("serving", 1, &[]), Some("warning")),
            (("backing_off", limits::HOST_FAILURES, &[]), Some("error")),
            (("given_up", 12, &[]), Some("error")),
            (("serving", 0, &["a.rb: syntax error"]), Some("error")),
        ];
        for ((state, failures, problems), wanted) in cases {
            assert_eq!(
                level(state, failures, problems).as_deref(),
                wanted,
                "{state} {failures}"
            );
        }
    }
}
