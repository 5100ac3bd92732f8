//! What the system says of this process, under the names that every Prometheus client uses.

use std::fs;

use super::text::{Family, Kind::Counter, Kind::Gauge, Text};

/// Clock ticks in a second, as Linux reports processor time on every platform that we build for.
const TICKS_PER_SECOND: f64 = 100.0;

/// Adds them; what the system does not say has no sample.
pub(super) fn tell(text: &mut Text) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    text.add(
        Family::new(
            "process_cpu_seconds_total",
            Counter,
            "Processor time of the agent, without its workers.",
        )
        .value_if(cpu_seconds(&stat)),
    );
    text.add(
        Family::new("process_resident_memory_bytes", Gauge, "Resident memory of the agent.")
            .value_if(resident_bytes(&status)),
    );
    let open = fs::read_dir("/proc/self/fd").map(|entries| entries.count() as f64);
    text.add(Family::new("process_open_fds", Gauge, "Open file descriptors of the agent.").value_if(open.ok()));
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    text.add(Family::new("process_max_fds", Gauge, "How many it may have.").value_if(max_fds(&limits)));
}

/// Field `n` of `/proc/PID/stat`, counted from 1. The command name may hold any character, so the fields count from its end.
fn field(stat: &str, n: usize) -> Option<f64> {
    let after = stat.rsplit_once(')')?.1;
    after.split_ascii_whitespace().nth(n.checked_sub(3)?)?.parse().ok()
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    Some((field(stat, 14)? + field(stat, 15)?) / TICKS_PER_SECOND)
}

/// Of `/proc/PID/status`, which counts in KiB, whatever a page holds.
fn resident_bytes(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kib * 1024.0)
}

fn max_fds(limits: &str) -> Option<f64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_count_from_the_end_of_the_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 4 0 999 1000000 25 1844";
        assert_eq!((cpu_seconds(stat), field(stat, 24)), (Some(2.0), Some(25.0)));
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t    1844 kB\n"), Some(1_888_256.0));
        assert_eq!(resident_bytes("Name:\tx\n"), None);
        assert_eq!(cpu_seconds("7 (a"), None);
    }

    #[test]
    fn the_limit_of_descriptors_is_the_soft_one() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max open files            1024                 4096                 files\n";
        assert_eq!((max_fds(limits), max_fds("")), (Some(1024.0), None));
    }
}
