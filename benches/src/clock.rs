//! Clocks that count CPU time, and the peak of memory.

use std::io::Write;
use std::time::Duration;

use criterion::Throughput;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::time::{ClockId, clock_gettime};

/// CPU time of the calling thread so far, user and system. Zero where the system does not tell, which no supported one
/// does.
pub fn thread_cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// CPU time of the whole process so far, user and system, every thread.
pub fn process_cpu() -> Duration {
    let time = |value: TimeVal| {
        Duration::from_secs(value.tv_sec().unsigned_abs()) + Duration::from_micros(value.tv_usec().unsigned_abs())
    };
    usage().map_or(Duration::ZERO, |usage| time(usage.user_time()) + time(usage.system_time()))
}

fn usage() -> Option<Usage> {
    getrusage(UsageWho::RUSAGE_SELF).ok()
}

/// The largest amount of memory, in MiB, that was resident at once since [`forget_peak`] was last called, or since the
/// start of the process where that is not supported.
pub fn peak_rss_mib() -> f64 {
    // The proper file knows of a reset peak; getrusage does not.
    let reset = std::fs::read_to_string("/proc/self/status").ok().and_then(|status| {
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        line.split_whitespace().nth(1)?.parse::<f64>().ok()
    });
    // Both are in units of 1024 bytes.
    let kib = reset.or_else(|| usage().map(|usage| usage.max_rss() as f64)).unwrap_or(0.0);
    kib / 1024.0
}

/// Lets the peak of memory begin anew at what is resident now. Linux only; elsewhere the peak is that of the process.
pub fn forget_peak() {
    // Only the precision of a figure depends on it.
    let _ =
        std::fs::OpenOptions::new().write(true).open("/proc/self/clear_refs").and_then(|mut file| file.write_all(b"5"));
}

/// A criterion measurement: CPU time of the measuring thread. Everything here runs in one thread, so this is what
/// wall time would be on a machine of one's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThreadCpu;

impl Measurement for ThreadCpu {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        thread_cpu()
    }

    fn end(&self, start: Duration) -> Duration {
        thread_cpu().saturating_sub(start)
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        &CpuFormatter
    }
}

/// Prints as wall time is printed.
struct CpuFormatter;

impl ValueFormatter for CpuFormatter {
    fn scale_values(&self, typical: f64, values: &mut [f64]) -> &'static str {
        WallTime.formatter().scale_values(typical, values)
    }

    fn scale_throughputs(&self, typical: f64, throughput: &Throughput, values: &mut [f64]) -> &'static str {
        WallTime.formatter().scale_throughputs(typical, throughput, values)
    }

    fn scale_for_machines(&self, values: &mut [f64]) -> &'static str {
        WallTime.formatter().scale_for_machines(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_cpu_time_and_sleep_does_not() {
        let (thread, process) = (thread_cpu(), process_cpu());
        std::thread::sleep(Duration::from_millis(30));
        let asleep = thread_cpu() - thread;
        assert!(asleep < Duration::from_millis(20), "{asleep:?}");
        let mut digest = [0; 32];
        while thread_cpu() - thread < Duration::from_millis(30) {
            digest = *blake3::hash(&digest).as_bytes();
        }
        // The clocks differ in precision.
        assert!(process_cpu() - process > Duration::from_millis(15));
    }

    #[test]
    fn the_peak_grows_with_what_is_written() {
        forget_peak();
        let before = peak_rss_mib();
        let block = vec![1u8; 64 << 20];
        assert!(peak_rss_mib() > before + 32.0, "{} after {before}", peak_rss_mib());
        assert_eq!(block.iter().step_by(4096).map(|&byte| u64::from(byte)).sum::<u64>(), 16384);
    }
}
