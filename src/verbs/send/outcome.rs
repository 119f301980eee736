//! What became of each recipient, told.

use serde::Serialize;

use super::deliver::{Times, Told};
use crate::open::Reached;
use crate::store::{Delivery, Fate};
use crate::ui::{Exit, Format, Output, output, report};

/// One recipient's fate as JSON Lines have it.
#[derive(Debug, Serialize)]
struct Line<'a> {
    recipient: &'a str,
    state: &'static str,
    stage: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enhanced: Option<&'a str>,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exchanger: Option<Exchanger<'a>>,
}

/// How the exchanger was reached.
#[derive(Debug, Serialize)]
struct Exchanger<'a> {
    host: &'a str,
    address: Option<String>,
    security: &'static str,
    verified: bool,
    tls: Option<&'a str>,
    note: Option<&'a str>,
}

impl<'a> From<&'a Reached> for Exchanger<'a> {
    fn from(reached: &'a Reached) -> Self {
        Self {
            host: &reached.host,
            address: reached.address.map(|address| address.to_string()),
            security: reached.security,
            verified: reached.is_verified,
            tls: reached.tls.as_deref(),
            note: reached.note.as_deref(),
        }
    }
}

/// How long the parts of a delivery took.
#[derive(Debug, Serialize)]
struct Seconds {
    session: f64,
    envelope: f64,
    body: f64,
    reply: f64,
}

impl From<Times> for Seconds {
    fn from(times: Times) -> Self {
        Self {
            session: times.session.as_secs_f64(),
            envelope: times.phases.envelope.as_secs_f64(),
            body: times.phases.body.as_secs_f64(),
            reply: times.phases.reply.as_secs_f64(),
        }
    }
}

/// The word for a fate.
pub fn state(fate: Fate) -> &'static str {
    fate.word()
}

/// Prints one line per recipient.
pub fn print(all: &[Told], out: &mut Output) -> Result<(), output::Error> {
    for Told { delivery, queue_id, times, reached } in all {
        let line = Line {
            recipient: &delivery.recipient,
            state: state(delivery.state),
            stage: delivery.stage,
            code: delivery.code,
            enhanced: delivery.enhanced.as_deref(),
            text: &delivery.text,
            queue_id: queue_id.as_deref(),
            seconds: times.map(Seconds::from),
            exchanger: reached.as_deref().map(Exchanger::from),
        };
        match out.format() {
            Format::Json => out.json(&line)?,
            Format::Human => {
                let code = line.code.map(|code| format!(" {code}")).unwrap_or_default();
                let text = one_line(line.text);
                out.line(&format!("{:9} {}{code} {text}", line.state, line.recipient))?;
            }
            Format::Lines => {
                let code = line.code.map(|code| code.to_string()).unwrap_or_default();
                out.line(&format!(
                    "{}\t{}\t{}\t{code}\t{}\t{}",
                    line.state,
                    line.recipient,
                    line.stage,
                    line.enhanced.unwrap_or_default(),
                    one_line(line.text)
                ))?;
            }
        }
    }
    Ok(())
}

/// Tells of each recipient that did not get the message, on stderr.
pub fn tell_failures(all: &[Told]) {
    for Told { delivery, .. } in all.iter().filter(|it| it.delivery.state != Fate::Delivered) {
        let code = delivery.code.map(|code| format!("{code} ")).unwrap_or_default();
        let what = state(delivery.state);
        let text = one_line(&delivery.text);
        report::error(&[format!("{}: {what}: {code}{text}", delivery.recipient)], None);
    }
}

/// One recipient's fate as a line of the logfile.
pub fn log_line(date: &str, sender: &str, delivery: &Delivery) -> String {
    let code = delivery.code.map(|code| format!(" {code}")).unwrap_or_default();
    let line = format!(
        "{date} from=<{sender}> to=<{}> {} at {}{code} {}",
        delivery.recipient,
        state(delivery.state),
        delivery.stage,
        one_line(&delivery.text)
    );
    format!("{}\n", crate::ui::sanitize::line(&line))
}

/// The words of a reply in one line.
pub fn one_line(text: &str) -> String {
    text.split(['\r', '\n', '\t']).collect::<Vec<_>>().join(" ")
}

/// The exit code that follows from all fates together.
pub fn exit<'a>(deliveries: impl Iterator<Item = &'a Delivery>) -> Exit {
    let deliveries: Vec<&Delivery> = deliveries.collect();
    let any = |fate: Fate| deliveries.iter().any(|delivery| delivery.state == fate);
    if any(Fate::Unknown) {
        return Exit::Unknown;
    }
    match (any(Fate::Delivered), any(Fate::Permanent), any(Fate::Temporary)) {
        (true, false, false) => Exit::Ok,
        (true, _, _) => Exit::Mixed,
        (false, true, _) => match deliveries[..] {
            [only] if only.enhanced.as_deref().is_some_and(|code| code.ends_with(".1.1")) => {
                Exit::NoUser
            }
            _ => Exit::Unavailable,
        },
        (false, false, _) => Exit::TempFail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(state: Fate, enhanced: Option<&str>) -> Delivery {
        Delivery {
            recipient: "a@x".into(),
            state,
            stage: "rcpt",
            code: None,
            enhanced: enhanced.map(str::to_owned),
            text: String::new(),
        }
    }

    #[test]
    fn exit_codes_follow_the_table() {
        use Fate::{Delivered, Permanent, Temporary, Unknown};
        let of = |fates: &[Fate]| {
            exit(fates.iter().map(|&fate| delivery(fate, None)).collect::<Vec<_>>().iter())
        };
        assert_eq!(of(&[Delivered, Delivered]), Exit::Ok);
        assert_eq!(of(&[Delivered, Permanent]), Exit::Mixed);
        assert_eq!(of(&[Delivered, Temporary]), Exit::Mixed);
        assert_eq!(of(&[Delivered, Unknown, Permanent]), Exit::Unknown);
        assert_eq!(of(&[Permanent, Temporary]), Exit::Unavailable);
        assert_eq!(of(&[Temporary]), Exit::TempFail);
        assert_eq!(exit([delivery(Permanent, Some("5.1.1"))].iter()), Exit::NoUser);
        let two = [delivery(Permanent, Some("5.1.1")), delivery(Permanent, Some("5.1.1"))];
        assert_eq!(exit(two.iter()), Exit::Unavailable);
    }
}
