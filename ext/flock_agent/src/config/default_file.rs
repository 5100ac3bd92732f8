//! The commented file that `init` and `join` write where there is none.

use std::{io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use flock_core::{Error, Result, id::NodeName};

/// What `init` and `join` know when they write the file; everything else is written as a comment that shows the default.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    /// The node's name; `None` = found at each start, see [`super::Config::name`].
    pub name: Option<NodeName>,
    /// As in the file.
    pub data_dir: Option<String>,
    /// As in the file.
    pub socket: Option<String>,
    /// As in the file; `Some("")` = dial out only.
    pub listen: Option<String>,
    /// As in the file.
    pub advertise: Option<String>,
    /// As in the file.
    pub chef_config: Option<String>,
    /// Whether this agent is a hub with the embedded registry.
    pub hub: bool,
}

/// Writes the file with mode 0600; `false` = there was one already, and it is left alone.
///
/// # Errors
/// `configuration` when it cannot be written.
pub fn write_default(path: &Path, defaults: &Defaults) -> Result<bool> {
    let failed = |e: std::io::Error| {
        Error::configuration(format!(
            "cannot write {}: {e}; run as root, or name another file with --config",
            path.display()
        ))
    };
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(failed)?;
    }
    match std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(failed(e)),
        Ok(mut file) => {
            let written = file
                .write_all(render(defaults).as_bytes())
                .and_then(|()| file.sync_all());
            written.map_err(failed).map(|()| true)
        }
    }
}

fn render(defaults: &Defaults) -> String {
    let name = defaults.name.as_ref().map(|name| name.as_str().to_owned());
    let line = |key: &str, value: &Option<String>, default: &str, comment: &str| {
        let (mark, value) = value.as_deref().map_or(("# ", default), |value| ("", value));
        format!("{:<44}# {comment}\n", format!("{mark}{key} = {}", quoted(value)))
    };
    let mut text = String::from(
        "# The agent of flock_of_chefs on this node. A line that starts with \"# \" shows the default.\n\n",
    );
    text += &line("name", &name, "bender1", "default: node_name of the Chef config below");
    text += &line(
        "data_dir",
        &defaults.data_dir,
        "/var/lib/flock",
        "store, keys, snapshots, spool; 0700",
    );
    text += &line(
        "socket",
        &defaults.socket,
        "/run/flock/agent.sock",
        "for chef-client, flockctl and knife on this node",
    );
    text += &line(
        "listen",
        &defaults.listen,
        "0.0.0.0:22222",
        "\"\" = dial out only; others come through the hub",
    );
    text += &line(
        "advertise",
        &defaults.advertise,
        "10.0.0.5:22222",
        "how other nodes reach this one",
    );
    text += "# tags = [\"customer-42\"]\n# cloud = \"dc1\"\n\n";
    text += registry(defaults.hub);
    text += JOIN_AND_WORKER;
    text += if defaults.chef_config.is_some() {
        "[chef]\n"
    } else {
        "# [chef]\n"
    };
    text += &line(
        "config",
        &defaults.chef_config,
        "/etc/chef/client.rb",
        "whose node this is",
    );
    text + REST
}

/// A TOML basic string: JSON's escapes are a subset of TOML's.
fn quoted(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

fn registry(hub: bool) -> &'static str {
    match hub {
        true => {
            "[registry]                                  # present = this agent is a hub\nurl = \"embedded\"\n# lease_ms = 30000                          # silent for one lease = suspect, for two = gone\n\n"
        }
        false => {
            "# [registry]                                # present = this agent is a hub\n# url = \"embedded\"\n\n"
        }
    }
}

const JOIN_AND_WORKER: &str = r#"# [join]                                    # overrides the hubs learned by `flockctl join`
# hubs = ["10.0.0.4:22222"]

# [worker]
# warm = true                               # keep Chef loaded between actions
# timeout_ms = 600000                       # time limit of one action

"#;

const REST: &str = r#"# run_command = ["chef-client"]             # what `flockctl run-chef` executes

# [log]
# format = "text"                           # or "json"
# level = "info"

# [metrics]
# listen = "127.0.0.1:9464"                 # for Prometheus on this machine; none unless given

# Who may run what on this node. Without any [[allow]]: members of the flock may run the actions that a resource declares,
# its default actions, reload and restart.
# [[allow]]
# from = "bender*"
# resource = "service[*]"
# actions = ["restart", "reload"]
# Operators, who ask from a workstation, may read; for anything else a rule has to name them, and such a rule is about no node.
# [[allow]]
# from = "operator/*"
# resource = "service[*]"
# actions = ["restart"]

# Who may call which methods of which APIs of this node, its own flock_api among them. Without any such rule: all members, all methods.
# [[allow]]
# from = "bender*"
# call = ["human_api.*", "flock_api.active", "flock_api.state"]

# Which attributes of this node others may read, by their first names. Those whose names look secret are hidden in any case.
# [api]
# attributes = ["*"]                        # as in ["nginx", "app*"]
"#;
