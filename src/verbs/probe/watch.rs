//! The same probe again and again: a line each time, with the time that the conversations took
//! as a sparkline, until somebody interrupts it.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use super::args::Args;
use super::checks;
use super::facts::Facts;
use super::findings::{Counts, Verdict, worst};
use super::render::stamp;
use super::run::examine;
use crate::open::Context;
use crate::ui::{Exit, Output};

/// Runs that a sparkline shows.
const SHOWN: usize = 30;

/// One run.
#[derive(Debug, Serialize)]
struct Round<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    subject: &'a str,
    time: i64,
    result: Verdict,
    counts: Counts,
    /// Milliseconds of all phases of all conversations; `null` where none came through.
    ms: Option<f64>,
}

/// Examines until interrupted.
///
/// # Errors
/// As [`examine`], and output that cannot be written.
pub async fn watch(
    what: &str,
    args: &Args,
    every: Duration,
    context: &Context,
    out: &mut Output,
) -> Result<Exit> {
    let mut times: Vec<Option<Duration>> = Vec::new();
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let facts = examine(what, args, context).await?;
        let findings = checks::all(&facts);
        let took = took(&facts);
        times.push(took);
        if times.len() > SHOWN {
            times.remove(0);
        }
        let (result, counts) = (worst(&findings), Counts::of(&findings));
        if args.common.json {
            out.json(&Round {
                kind: "round",
                subject: what,
                time: facts.time,
                result,
                counts,
                ms: took.map(|time| time.as_secs_f64() * 1e3),
            })?;
        } else {
            let time = took.map_or_else(
                || "-".to_owned(),
                |time| format!("{:.1} ms", time.as_secs_f64() * 1e3),
            );
            out.line(&format!(
                "{} {:<8}{:>3} fail{:>4} unknown{:>4} warn {:>11} {}",
                stamp(facts.time),
                result.name(),
                counts.fail,
                counts.unknown,
                counts.warn,
                time,
                sparkline(&times)
            ))?;
        }
        out.flush()?;
    }
}

/// What the conversations took together; `None` where one of them did not come through.
fn took(facts: &Facts) -> Option<Duration> {
    if facts.endpoints.is_empty() || facts.endpoints.iter().any(|it| it.session.stop.is_some()) {
        return None;
    }
    let phases = facts.endpoints.iter().flat_map(|endpoint| &endpoint.session.phases);
    Some(phases.map(|timing| timing.took).sum())
}

/// Eight heights from the shortest to the longest; a cross for a run that did not come through.
fn sparkline(times: &[Option<Duration>]) -> String {
    const HEIGHTS: [char; 8] = [
        '\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}',
        '\u{2588}',
    ];
    let known = || times.iter().flatten();
    let (Some(least), Some(most)) = (known().min(), known().max()) else {
        return "x".repeat(times.len());
    };
    let span = (*most - *least).as_secs_f64();
    times
        .iter()
        .map(|time| match time {
            None => 'x',
            Some(_) if span == 0.0 => HEIGHTS[3],
            Some(time) => {
                let part = (*time - *least).as_secs_f64() / span;
                HEIGHTS[(part * 7.0).round() as usize]
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_goes_from_the_shortest_to_the_longest() {
        let ms = |times: &[u64]| -> Vec<Option<Duration>> {
            times.iter().map(|ms| Some(Duration::from_millis(*ms))).collect()
        };
        assert_eq!(sparkline(&ms(&[10, 20, 80])), "\u{2581}\u{2582}\u{2588}");
        assert_eq!(sparkline(&ms(&[5, 5])), "\u{2584}\u{2584}");
        assert_eq!(sparkline(&[None, Some(Duration::from_millis(1))]), "x\u{2584}");
        assert_eq!(sparkline(&[]), "");
    }
}
