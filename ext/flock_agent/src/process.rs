//! Processes by (pid, start time): a pid alone may by now be someone else's.

use std::sync::OnceLock;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// Whether the process that had this pid and start time (field 22 of `/proc/PID/stat`, clock ticks) still runs; a zombie does not.
pub fn alive(pid: u32, pid_start: u64) -> bool {
    #[cfg(feature = "simulation")]
    if let Some(world) = crate::simulation::world() {
        return world.alive(pid, pid_start);
    }
    stat(pid).is_some_and(|(state, start)| start == pid_start && !matches!(state, b'Z' | b'X' | b'x'))
}

/// The start time of a process that runs now, in clock ticks.
pub fn start_of(pid: u32) -> Option<u64> {
    stat(pid).map(|(_, start)| start)
}

/// What Linux calls this boot of the machine; empty = it does not say.
pub fn boot_id() -> &'static str {
    static BOOT_ID: OnceLock<String> = OnceLock::new();
    BOOT_ID.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        text.map(|text| text.trim().to_owned()).unwrap_or_default()
    })
}

/// Ends the process and the group that it leads, if it is still the same process. Nothing is said when it is gone already.
pub fn kill(pid: u32, pid_start: u64) {
    #[cfg(feature = "simulation")]
    if let Some(world) = crate::simulation::world() {
        return world.kill(pid, pid_start);
    }
    let Some(id) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return;
    };
    if alive(pid, pid_start) && kill_process_group(id, Signal::KILL).is_err() {
        let _ = kill_process(id, Signal::KILL);
    }
}

/// State and start time. The command name stands in parentheses and may hold any character, so the fields count from the last one.
fn stat(pid: u32) -> Option<(u8, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    // The state is field 3, the start time field 22.
    let start = fields.nth(18)?.parse().ok()?;
    Some((state, start))
}

#[cfg(test)]
mod tests {
    use std::{
        process::{Child, Command},
        time::{Duration, Instant},
    };

    use super::*;

    fn sleeper() -> Child {
        Command::new("sleep").arg("600").spawn().unwrap()
    }

    #[test]
    fn a_process_is_known_by_pid_and_start() {
        let mut child = sleeper();
        let start = start_of(child.id()).unwrap();
        assert!(alive(child.id(), start));
        assert!(!alive(child.id(), start + 1), "another process with the same pid");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!alive(child.id(), start));
    }

    #[test]
    fn a_zombie_is_dead() {
        let mut child = sleeper();
        let start = start_of(child.id()).unwrap();
        child.kill().unwrap();
        let patience = Instant::now() + Duration::from_secs(20);
        while alive(child.id(), start) && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(start_of(child.id()), Some(start), "not yet reaped");
        assert!(!alive(child.id(), start));
        child.wait().unwrap();
    }

    #[test]
    fn only_the_same_process_is_killed() {
        let mut child = sleeper();
        let start = start_of(child.id()).unwrap();
        kill(child.id(), start + 1);
        assert!(child.try_wait().unwrap().is_none());
        kill(child.id(), start);
        assert!(!child.wait().unwrap().success());
    }
}
