use super::*;

fn parse(text: &str) -> Result<Config> {
    Config::parse(Path::new("/etc/flock/agent.toml"), text)
}

fn refused(text: &str) -> (String, String) {
    let error = parse(text).unwrap_err();
    (error.code().to_owned(), error.message().to_owned())
}

const FULL: &str = r#"
name = "bender1"
data_dir = "/srv/flock"
socket = "/run/f.sock"
listen = "127.0.0.1:0"
advertise = "[fe80::1]:22222"
tags = ["customer-42"]
cloud = "dc1"
[registry]
url = "embedded"
lease_ms = 5000
[join]
hubs = ["10.0.0.4:22222", "hub.example:1"]
[worker]
warm = false
timeout_ms = 1000
[chef]
config = "/etc/chef/client.rb"
run_command = ["chef-client", "-z"]
[log]
format = "json"
level = "debug"
[[allow]]
from = "bender*"
resource = "service[*]"
actions = ["restart", "reload"]
"#;

#[test]
fn every_key_is_taken_in() {
    let config = parse(FULL).unwrap();
    assert_eq!(config.name.as_str(), "bender1");
    assert_eq!(
        config.registry,
        Some(RegistryConfig {
            url: "embedded".into(),
            lease_ms: 5000
        })
    );
    assert_eq!(
        config.worker,
        WorkerConfig {
            warm: false,
            timeout_ms: 1000
        }
    );
    assert_eq!(config.hubs, ["10.0.0.4:22222", "hub.example:1"]);
    assert_eq!(
        config.log,
        LogConfig {
            format: LogFormat::Json,
            level: "debug".into()
        }
    );
    assert_eq!(config.policy.rules()[0].actions, ["restart", "reload"]);
    let json: serde_json::Value = serde_json::from_str(&config.to_json()).unwrap();
    assert_eq!(json["listen"], "127.0.0.1:0");
    assert_eq!(json["chef"]["run_command"][1], "-z");
    assert_eq!(json["log"]["format"], "json");
}

#[test]
fn a_name_is_enough() {
    let config = parse("name = 'a'").unwrap();
    assert_eq!(config.data_dir, Path::new("/var/lib/flock"));
    assert_eq!(config.listen, "0.0.0.0:22222".parse().ok());
    assert_eq!(config.public_address().as_deref(), Some("a:22222"));
    assert!(config.registry.is_none() && config.worker.warm);
    assert_eq!(parse("name = 'a'\nlisten = ''").unwrap().public_address(), None);
    assert_eq!(
        parse("name='a'\n[registry]").unwrap().registry.unwrap().lease_ms,
        30_000
    );
}

#[test]
fn an_unknown_key_names_the_nearest_and_its_line() {
    let (code, message) = refused("name = 'a'\n[worker]\ntimeout = 5\n");
    assert_eq!(code, "unknown_key");
    assert_eq!(
        message,
        "/etc/flock/agent.toml:3: unknown key `timeout`; did you mean `timeout_ms`?"
    );
    let (_, message) = refused("name = 'a'\n\nqwzx = 5\n");
    assert!(
        message.starts_with("/etc/flock/agent.toml:3: unknown key `qwzx`; known here: name, data_dir"),
        "{message}"
    );
    let (code, message) = refused("name = \n");
    assert_eq!(code, "bad_toml");
    assert!(message.starts_with("/etc/flock/agent.toml:1: "), "{message}");
}

#[test]
fn a_value_that_cannot_be_used_is_refused_with_the_remedy() {
    for (text, key) in [
        ("name = 'a b'", "name: "),
        ("name = 'a'\ndata_dir = 'var'", "data_dir: "),
        ("name = 'a'\nsocket = 'agent.sock'", "socket: "),
        ("name = 'a'\nlisten = 'localhost:1'", "listen: "),
        ("name = 'a'\nadvertise = '10.0.0.1'", "advertise: "),
        ("name = 'a'\ntags = ['']", "tags: "),
        ("name = 'a'\n[registry]\nurl = 'etcd://'", "registry.url: "),
        ("name = 'a'\n[registry]\nlease_ms = 1", "registry.lease_ms: "),
        ("name = 'a'\n[join]\nhubs = ['::1:5']", "join.hubs: "),
        ("name = 'a'\n[worker]\ntimeout_ms = 0", "worker.timeout_ms: "),
        ("name = 'a'\n[chef]\nrun_command = []", "chef.run_command: "),
        ("name = 'a'\n[log]\nformat = 'xml'", "log.format: "),
        ("name = 'a'\n[log]\nlevel = 'loud'", "log.level: "),
    ] {
        let (code, message) = refused(text);
        assert_eq!(code, "bad_value", "{message}");
        assert!(
            message.starts_with("/etc/flock/agent.toml:") && message.contains(&format!(": {key}")),
            "{message}"
        );
    }
}

#[test]
fn a_rule_that_admits_nothing_is_refused() {
    let (code, message) = refused("name = 'a'\n[[allow]]\nfrom='*'\nresource='service[*]'\nactions=[]");
    assert_eq!(code, "bad_rule");
    assert!(message.starts_with("/etc/flock/agent.toml:2: [[allow]]"), "{message}");
    let (_, message) = refused("name = 'a'\n[[allow]]\nfrom='*'\nresources='x'\nactions=['a']");
    assert!(
        message.ends_with("unknown key `resources`; did you mean `resource`?"),
        "{message}"
    );
}

#[test]
fn the_name_comes_from_the_identity_then_from_chef() {
    let dir = tempfile::tempdir().unwrap();
    let client_rb = dir.path().join("client.rb");
    let text = format!(
        "data_dir = '{0}'\n[chef]\nconfig = '{1}'",
        dir.path().display(),
        client_rb.display()
    );
    assert!(refused(&text).1.contains("write `name = "));
    std::fs::write(
        &client_rb,
        "log_level :info\nnode_name \"x#{1}\"\n  node_name 'from.chef' # here\nnode_names 'no'\n",
    )
    .unwrap();
    assert_eq!(parse(&text).unwrap().name.as_str(), "from.chef");
    std::fs::create_dir(dir.path().join("identity")).unwrap();
    std::fs::write(dir.path().join("identity/identity.json"), r#"{"name":"enrolled"}"#).unwrap();
    assert_eq!(parse(&text).unwrap().name.as_str(), "enrolled");
}

#[test]
fn the_default_file_says_what_it_was_given_and_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("flock/agent.toml");
    let defaults = Defaults {
        name: NodeName::parse("bender\"1").ok(),
        listen: Some(String::new()),
        chef_config: Some("/opt/client.rb".into()),
        hub: true,
        ..Defaults::default()
    };
    assert!(write_default(&path, &defaults).unwrap());
    assert!(!write_default(&path, &Defaults::default()).unwrap());
    let config = Config::load(Some(&path)).unwrap();
    assert_eq!((config.name.as_str(), config.listen), ("bender\"1", None));
    assert_eq!(config.chef.config, Path::new("/opt/client.rb"));
    assert!(config.registry.is_some());
}

#[test]
fn what_is_commented_out_in_the_default_file_is_valid_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agent.toml");
    write_default(&path, &Defaults::default()).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let setting = |line: &&str| line.starts_with("# [") || line.starts_with("# ") && line.contains(" = ");
    let all: String = text
        .lines()
        .filter(setting)
        .map(|line| format!("{}\n", &line[2..]))
        .collect();
    let config = parse(&all).unwrap_or_else(|e| panic!("{e}\n{all}"));
    assert_eq!(config.hubs.len(), 1);
    assert_eq!(config.policy.rules().len(), 3);
    assert_eq!(config.policy.rules()[2].call.len(), 3);
    assert_eq!(config.attributes, ["*"]);
}

#[test]
fn a_missing_file_says_what_to_run() {
    let error = Config::load(Some(Path::new("/nonexistent/agent.toml"))).unwrap_err();
    assert_eq!(error.code(), "no_config");
    assert!(error.message().contains("flockctl init"));
}

#[test]
fn a_value_that_cannot_be_used_is_found_in_the_file() {
    for (text, place) in [
        ("name = \"a\"\nlisten = \"here\"\n", "agent.toml:2: listen: "),
        (
            "name = \"a\"\n\n[worker]\nwarm = true\ntimeout_ms = 1\n",
            "agent.toml:5: worker.timeout_ms: ",
        ),
        ("name = \"a\"\n[join]\nhubs = [\"x\"]\n", "agent.toml:3: join.hubs: "),
        (
            "name = \"a\"\n[[allow]]\nfrom = \"*\"\ncall = [\"a.b\"]\n[[allow]]\nfrom = \"\"\n",
            "agent.toml:5: [[allow]]: `from` is empty",
        ),
        (
            "name = \"a\"\nlog = { level = \"loud\" }\n",
            "agent.toml:2: log.level: ",
        ),
        (
            "name = \"a\"\n[metrics]\nlisten = \"0.0.0.0:9464\"\n",
            "agent.toml:3: metrics.listen: ",
        ),
    ] {
        let message = refused(text).1;
        assert!(message.contains(place), "{message}");
    }
}

#[test]
fn metrics_are_for_this_machine_alone() {
    let listen = |address: &str| parse(&format!("name = \"a\"\n[metrics]\nlisten = \"{address}\"\n"));
    assert_eq!(listen("127.0.0.1:9464").unwrap().metrics, "127.0.0.1:9464".parse().ok());
    assert_eq!(listen("[::1]:9464").unwrap().metrics, "[::1]:9464".parse().ok());
    assert_eq!(listen("").unwrap().metrics, None);
    for open in ["0.0.0.0:9464", "10.0.0.4:9464", "localhost:9464"] {
        assert!(listen(open).unwrap_err().message().contains("127.0.0.1:9464"));
    }
}

#[test]
fn what_no_agent_starts_with_is_told_beforehand() {
    let hub = |more: &str| parse(&format!("name = \"a\"\n{more}")).unwrap().check();
    assert_eq!(hub("listen = \"\"\n[registry]\n").unwrap_err().code(), "hub_listens");
    assert_eq!(
        hub("[registry]\nurl = \"zookeeper://a:1/b\"\n").unwrap_err().code(),
        "registry_url"
    );
    hub("[registry]\n").unwrap();
    hub("listen = \"\"\n").unwrap();
}
