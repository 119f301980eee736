//! The time of each phase, and percentiles over several runs.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// A phase of a conversation, in the order in which they can come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// From the name to addresses.
    Dns,
    /// Until the connection stands.
    Tcp,
    /// Until the server's first words.
    Banner,
    /// EHLO, CAPABILITY or CAPA in the clear.
    Hello,
    /// STARTTLS or STLS, until the go-ahead.
    Starttls,
    /// The TLS handshake.
    Tls,
    /// EHLO, CAPABILITY or CAPA under TLS.
    Capabilities,
    /// The login, where somebody logs in.
    Auth,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Dns => "DNS",
            Self::Tcp => "TCP",
            Self::Banner => "banner",
            Self::Hello => "hello",
            Self::Starttls => "STARTTLS",
            Self::Tls => "TLS",
            Self::Capabilities => "capabilities",
            Self::Auth => "AUTH",
        })
    }
}

/// A phase and how long it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Timing {
    /// Which.
    pub phase: Phase,
    /// How long.
    #[serde(rename = "ms", serialize_with = "milliseconds")]
    pub took: Duration,
}

/// A phase over several runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    /// Which.
    pub phase: Phase,
    /// How many runs came through it.
    pub runs: usize,
    /// Half of the runs took no longer.
    #[serde(rename = "p50_ms", serialize_with = "milliseconds")]
    pub p50: Duration,
    /// Nine in ten took no longer.
    #[serde(rename = "p90_ms", serialize_with = "milliseconds")]
    pub p90: Duration,
    /// All but one in a hundred took no longer.
    #[serde(rename = "p99_ms", serialize_with = "milliseconds")]
    pub p99: Duration,
    /// The longest.
    #[serde(rename = "max_ms", serialize_with = "milliseconds")]
    pub max: Duration,
}

/// A duration as JSON has it: milliseconds, to the microsecond.
pub fn milliseconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_micros() as f64 / 1e3)
}

/// Percentiles of each phase that any run came through, in the order of the phases.
pub fn percentiles(runs: &[Vec<Timing>]) -> Vec<Percentiles> {
    let mut phases: Vec<Phase> = runs.iter().flatten().map(|timing| timing.phase).collect();
    phases.sort_unstable();
    phases.dedup();
    phases
        .into_iter()
        .filter_map(|phase| {
            let mut times: Vec<Duration> = runs
                .iter()
                .flatten()
                .filter(|timing| timing.phase == phase)
                .map(|timing| timing.took)
                .collect();
            times.sort_unstable();
            Some(Percentiles {
                phase,
                runs: times.len(),
                p50: nearest_rank(&times, 50)?,
                p90: nearest_rank(&times, 90)?,
                p99: nearest_rank(&times, 99)?,
                max: *times.last()?,
            })
        })
        .collect()
}

/// The smallest of the sorted `times` that `percent` of them do not exceed; `None` of none.
pub fn nearest_rank(times: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let runs: Vec<Vec<Timing>> = (1..=20u64)
            .rev()
            .map(|ms| {
                let took = Duration::from_millis(ms);
                let mut run = vec![Timing { phase: Phase::Tcp, took }];
                if ms <= 3 {
                    run.push(Timing { phase: Phase::Dns, took });
                }
                run
            })
            .collect();
        let all = percentiles(&runs);
        let ms = Duration::from_millis;
        assert_eq!(
            all,
            [
                Percentiles {
                    phase: Phase::Dns,
                    runs: 3,
                    p50: ms(2),
                    p90: ms(3),
                    p99: ms(3),
                    max: ms(3)
                },
                Percentiles {
                    phase: Phase::Tcp,
                    runs: 20,
                    p50: ms(10),
                    p90: ms(18),
                    p99: ms(20),
                    max: ms(20)
                },
            ]
        );
        assert_eq!(percentiles(&[]), []);
        assert_eq!(nearest_rank(&[ms(7)], 50), Some(ms(7)));
    }

    #[test]
    fn times_are_milliseconds_in_json() {
        let timing = Timing { phase: Phase::Starttls, took: Duration::from_micros(1500) };
        let json = serde_json::to_string(&timing).expect("serializes");
        assert_eq!(json, r#"{"phase":"starttls","ms":1.5}"#);
    }
}
