//! SMTP smuggling (CVE-2023-51764 and kin; RFC 5321 section 2.3.8): whether the end of a
//! message is seen where its line ends are not CRLF. Only the intrusive tier asks: where it
//! is seen, a message of one line reaches the server's postmaster.

use std::time::Duration;

use super::untold;
use crate::net::tls::Connector;
use crate::verbs::probe::endpoint::Way;
use crate::verbs::probe::facts::{Stop, StopKind, Trial, Tried};
use crate::verbs::probe::timing::Phase;
use crate::verbs::probe::together::together;

/// Ends that are none.
const ENDS: [(&str, &[u8]); 6] = [
    ("LF . LF", b"\n.\n"),
    ("LF . CRLF", b"\n.\r\n"),
    ("CRLF . LF", b"\r\n.\n"),
    ("CR . CR", b"\r.\r"),
    ("CR . CRLF", b"\r.\r\n"),
    ("CRLF . CR", b"\r\n.\r"),
];

/// How long an answer is waited for that should not come, beside four times as long as the
/// answers before it took.
const WAIT: Duration = Duration::from_secs(1);

const PHASE: Phase = Phase::Capabilities;

/// Tries each end on a connection of its own, which is dropped with the message unfinished
/// where the server waits for its real end.
pub async fn smuggling(way: &Way<'_>, connector: Option<&Connector>) -> Tried {
    let trial = Trial::Smuggling;
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    let mut untried = None;
    let ends = ENDS.map(async |(name, end)| (name, try_end(way, connector, end).await));
    for (name, outcome) in together(ends).await {
        match outcome {
            Ok(Some(words)) => taken.push(format!("{name}: {words}")),
            Ok(None) => refused.push(name),
            Err(stop) => untried = Some(stop),
        }
    }
    match (taken.is_empty(), untried) {
        (false, _) => Tried::yes(trial, taken.join("; ")),
        (true, Some(stop)) => untold(trial, &stop),
        (true, None) => Tried::no(trial, format!("no end of a message: {}", refused.join(", "))),
    }
}

/// What the server says to a message that ends so; `None`: it waits for more, or refuses the
/// line end. A server that hangs up or puts us off has not told.
async fn try_end(
    way: &Way<'_>,
    connector: Option<&Connector>,
    end: &[u8],
) -> Result<Option<String>, Stop> {
    let (mut talk, _permit) = way.to_talk(connector).await?;
    let begun = std::time::Instant::now();
    for line in ["MAIL FROM:<>\r\n", "RCPT TO:<postmaster>\r\n", "DATA\r\n"] {
        let replies = talk.say(PHASE, line.as_bytes(), 1).await?;
        let is_good =
            replies.first().is_some_and(|reply| reply.is_positive() || reply.is_intermediate());
        if !is_good {
            let words: Vec<String> = replies.iter().map(ToString::to_string).collect();
            let detail = format!("{}: {}", line.trim_end(), words.join(" "));
            return Err(Stop { phase: PHASE, kind: StopKind::Ours, detail });
        }
    }
    let message = [
        &b"Subject: probe\r\nAuto-Submitted: auto-generated\r\n\r\nA line end was tried."[..],
        end,
    ]
    .concat();
    let wait = WAIT + 4 * begun.elapsed();
    let outcome = tokio::time::timeout(wait, talk.say(PHASE, &message, 1)).await;
    match outcome {
        Ok(replies) => match replies?.first() {
            Some(reply) if reply.is_positive() => Ok(Some(reply.to_string())),
            // Neither taken nor refused: it may be that it does not want to talk now.
            Some(reply) if reply.is_transient() => {
                Err(Stop { phase: PHASE, kind: StopKind::Later, detail: reply.to_string() })
            }
            _ => Ok(None),
        },
        // It waits for the end.
        Err(_) => Ok(None),
    }
}
