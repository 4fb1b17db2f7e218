use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The process that started this one. The number alone is used again by later processes; with the
/// time of its start it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// Its pid.
    pub pid: u32,
    /// When it started, in the clock ticks of Linux since the machine's start; `None` elsewhere.
    pub started: Option<u64>,
}

impl super::World {
    /// Who started this process; kubectl, for a credential plugin.
    pub fn parent(&self) -> Option<Parent> {
        #[cfg(unix)]
        {
            let pid = std::os::unix::process::parent_id();
            Some(Parent {
                pid,
                started: started(pid),
            })
        }
        #[cfg(not(unix))]
        {
            None
        }
    }
}

impl super::World {
    /// When a process began, to the hundredth of a second; `None` where that cannot be known.
    pub fn began(&self, process: Parent) -> Option<Timestamp> {
        let stat = std::fs::read_to_string("/proc/stat").ok()?;
        let boot = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
        let boot = Timestamp::from_second(boot.trim().parse().ok()?).ok()?;
        let ticks = i64::try_from(process.started?).ok()?;
        boot.checked_add(SignedDuration::from_millis(
            ticks * (1000 / TICKS_PER_SECOND),
        ))
        .ok()
    }
}

/// `USER_HZ`, which Linux shows to programs on every machine of the last twenty years.
const TICKS_PER_SECOND: i64 = 100;

/// Field 22 of `/proc/PID/stat`: `man 5 proc_pid_stat`. The second field, a name in parentheses,
/// may hold anything.
#[cfg(unix)]
fn started(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_a_beginning_that_stays() {
        let own = std::process::id();
        assert!(started(own).is_some());
        assert_eq!(started(own), started(own));
        assert_eq!(started(0), None);
    }
}
