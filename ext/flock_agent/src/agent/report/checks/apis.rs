//! Whether the processes of this node's APIs are well.

use flock_core::{glob, limits, policy::Policy};

use super::{finding, ok};
use crate::{calls::FLOCK_API, pb};

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
            format!("not all of it is served: {}", host.problems.join("; ")),
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

/// What this node offers now.
pub(in crate::agent::report) struct Offered {
    /// `/api` and `/api/method`.
    pub services: Vec<String>,
    /// Whether that is all that there should be.
    whole: bool,
}

impl Offered {
    pub(in crate::agent::report) fn new(services: &[String], hosts: &[pb::HostState]) -> Self {
        let serving = hosts.iter().filter(|host| host.state == "serving").count();
        Self {
            services: services.to_vec(),
            // Without any process nothing can be said: perhaps no run has succeeded yet.
            whole: serving > 0
                && hosts
                    .iter()
                    .all(|host| matches!(host.state.as_str(), "serving" | "off")),
        }
    }

    fn has(&self, call: &str) -> bool {
        let (api, method) = call.split_once('.').unwrap_or((call, "*"));
        if glob::matches(api, FLOCK_API) {
            return true;
        }
        self.services.iter().any(|service| {
            let offered = service.trim_start_matches('/').split_once('/');
            offered.is_some_and(|(name, word)| glob::matches(api, name) && glob::matches(method, word))
        })
    }
}

/// `None` where none is hidden.
pub(in crate::agent::report) fn hidden(apis: &[String]) -> Option<pb::Finding> {
    (!apis.is_empty()).then(|| {
        finding(
            "warning",
            "apis (hidden)",
            format!(
                "a cookbook's API has the same name as that of a file in data_dir/apis, and is called in its place: {}",
                apis.join(", ")
            ),
            "rename one of them, or delete the file",
        )
    })
}

/// Rules of `[[allow]]` about calls that admit nothing here; `None` while not everything is served that should be.
pub(in crate::agent::report) fn call_rules(policy: &Policy, offered: &Offered) -> Option<pb::Finding> {
    let idle: Vec<&str> = policy
        .rules()
        .iter()
        .flat_map(|rule| &rule.call)
        .map(String::as_str)
        .filter(|call| !offered.has(call))
        .collect();
    (offered.whole && !idle.is_empty()).then(|| {
        finding(
            "warning",
            "calls",
            format!(
                "[[allow]] call names what no API of this node offers: {}",
                idle.join(", ")
            ),
            "correct agent.toml; `flockctl nodes NAME --format json` lists what is offered as services",
        )
    })
}

/// `None` where all services are announced.
pub(in crate::agent::report) fn services(offered: &Offered, said: &pb::NodeInfo) -> Option<pb::Finding> {
    let (all, announced) = (offered.services.len(), said.services.len());
    (announced < all).then(|| {
        finding(
            "warning",
            "services",
            format!(
                "{announced} of {all} services are announced; the others are not found by selectors, but can be called"
            ),
            "expose fewer methods, or give them shorter names",
        )
    })
}

#[cfg(test)]
mod tests {
    use flock_core::policy::Rule;

    use super::*;

    fn serving(states: [&str; 2]) -> Vec<pb::HostState> {
        let host = |state: &str| pb::HostState {
            state: state.into(),
            ..Default::default()
        };
        states.map(host).into()
    }

    #[test]
    fn a_rule_about_calls_that_admits_nothing_is_noticed_once_all_is_served() {
        let rule = |call: &[&str]| Rule {
            from: "*".into(),
            resource: String::new(),
            actions: Vec::new(),
            call: call.iter().map(|&call| call.to_owned()).collect(),
        };
        let policy = Policy::new(vec![
            rule(&["human_api.k*", "flock_api.state", "*"]),
            rule(&["humans.kill", "human_api.feed"]),
        ]);
        let services: Vec<String> = ["/human_api", "/human_api/kill"].map(Into::into).into();
        let found = call_rules(&policy, &Offered::new(&services, &serving(["serving", "off"]))).unwrap();
        assert_eq!(found.level, "warning");
        assert!(
            found.message.ends_with(": humans.kill, human_api.feed"),
            "{}",
            found.message
        );
        for states in [["serving", "starting"], ["off", "off"]] {
            assert_eq!(
                call_rules(&policy, &Offered::new(&services, &serving(states))),
                None,
                "{states:?}"
            );
        }
    }

    #[test]
    fn what_is_hidden_or_not_announced_is_told() {
        assert_eq!(hidden(&[]), None);
        let found = hidden(&["a".to_owned(), "b".to_owned()]).unwrap();
        assert!(found.message.ends_with(": a, b"), "{}", found.message);
        let offered = Offered::new(&["/a".to_owned(), "/a/m".to_owned()], &[]);
        let said = |count: usize| pb::NodeInfo {
            services: offered.services[..count].to_vec(),
            ..Default::default()
        };
        assert_eq!(services(&offered, &said(2)), None);
        assert!(services(&offered, &said(1)).unwrap().message.starts_with("1 of 2"));
    }

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
