//! `--limit`: how much a client may ask for.

use std::str::FromStr;
use std::time::Duration;

use super::faults::{Rate, span};
use crate::imap;
use crate::nntp;
use crate::pop;
use crate::pop::syntax::capability::LoginDelay;
use crate::smtp;

/// One limit of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Octets of a message.
    Message(u64),
    /// Recipients of one transaction.
    Recipients(u32),
    /// Connections at a time.
    Connections(u32),
    /// Octets of a command line.
    Line(usize),
    /// Commands of one connection.
    Commands(Rate),
    /// How long a client may be silent.
    Idle(Duration),
    /// How long a user of POP3 has to wait between two logins.
    LoginDelay(Duration),
}

/// Connections at a time where nothing else is said.
const CONNECTIONS: u32 = 20_000;

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let time = || match span(value) {
            Some(span) if !span.is_zero() => Ok(span),
            _ => Err(format!("{name} wants a time, as in {name}=30s")),
        };
        Ok(match name {
            "message" => Self::Message(octets(value).ok_or("message wants octets, as in 10M")?),
            "recipients" => Self::Recipients(number(name, value)?),
            "connections" => Self::Connections(number(name, value)?),
            "line" => {
                let octets = octets(value).and_then(|octets| usize::try_from(octets).ok());
                // Below this, no command of any protocol fits.
                let octets = octets.filter(|octets| (64..=1 << 20).contains(octets));
                Self::Line(octets.ok_or("line wants 64 to 1M octets, as in line=1000")?)
            }
            "commands" => {
                let rate = value.parse();
                Self::Commands(rate.map_err(|()| "commands wants a rate, as in 100/min")?)
            }
            "idle" => Self::Idle(time()?),
            "login-delay" => {
                let span = time()?;
                if span.subsec_millis() > 0 {
                    return Err("login-delay wants whole seconds (RFC 2449 section 6.5)".into());
                }
                Self::LoginDelay(span)
            }
            _ => {
                return Err(
                    "want message, recipients, connections, line, commands, idle or login-delay"
                        .into(),
                );
            }
        })
    }
}

fn number(name: &str, value: &str) -> Result<u32, String> {
    match value.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{name} wants a number from 1 on, as in {name}=10")),
    }
}

/// `10M`: octets, with K, M or G for powers of 1024.
fn octets(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let unit: u64 = match &text[digits..] {
        "" => 1,
        "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        "g" | "G" => 1 << 30,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(unit).filter(|octets| *octets > 0)
}

/// All limits of one run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits<'a>(pub &'a [Limit]);

impl Limits<'_> {
    /// Connections at a time.
    pub fn connections(self) -> u32 {
        let told = self.0.iter().rev().find_map(|limit| match limit {
            Limit::Connections(count) => Some(*count),
            _ => None,
        });
        told.unwrap_or(CONNECTIONS)
    }

    /// Commands of one connection; `None`: any number.
    pub fn commands(self) -> Option<Rate> {
        self.0.iter().rev().find_map(|limit| match limit {
            Limit::Commands(rate) => Some(*rate),
            _ => None,
        })
    }

    /// How long a user of POP3 has to wait between two logins.
    pub fn login_delay(self) -> Duration {
        let told = self.0.iter().rev().find_map(|limit| match limit {
            Limit::LoginDelay(span) => Some(*span),
            _ => None,
        });
        told.unwrap_or_default()
    }

    /// Has SMTP, submission or LMTP keep them, and tell them.
    pub fn smtp(self, settings: &mut smtp::server::Settings) {
        for limit in self.0 {
            match *limit {
                Limit::Message(octets) => {
                    settings.message_octets = octets;
                    settings.offer.size = settings.offer.size.map(|_| octets);
                }
                Limit::Recipients(count) => {
                    settings.recipients = count;
                    if let Some(limits) = &mut settings.offer.limits {
                        limits.rcpt_max = Some(count);
                    }
                }
                Limit::Line(octets) => settings.line_octets = octets,
                Limit::Idle(span) => settings.idle = span,
                Limit::Connections(_) | Limit::Commands(_) | Limit::LoginDelay(_) => {}
            }
        }
    }

    /// Has POP3 keep them, and tell them.
    pub fn pop(self, settings: &mut pop::server::Settings) {
        for limit in self.0 {
            match *limit {
                Limit::Line(octets) => settings.line_octets = octets,
                Limit::Idle(span) => settings.idle = span,
                Limit::LoginDelay(span) => {
                    let seconds = u32::try_from(span.as_secs()).unwrap_or(u32::MAX);
                    settings.offer.login_delay = Some(LoginDelay { seconds, by_user: false });
                }
                Limit::Message(_)
                | Limit::Recipients(_)
                | Limit::Connections(_)
                | Limit::Commands(_) => {}
            }
        }
    }

    /// Has NNTP keep them.
    pub fn nntp(self, settings: &mut nntp::server::Settings) {
        for limit in self.0 {
            match *limit {
                Limit::Message(octets) => {
                    settings.article_octets = usize::try_from(octets).unwrap_or(usize::MAX);
                }
                Limit::Line(octets) => settings.line_octets = octets,
                Limit::Idle(span) => settings.idle = span,
                Limit::Recipients(_)
                | Limit::Connections(_)
                | Limit::Commands(_)
                | Limit::LoginDelay(_) => {}
            }
        }
    }

    /// Has IMAP keep them.
    pub fn imap(self, settings: &mut imap::server::Settings) {
        for limit in self.0 {
            match *limit {
                Limit::Message(octets) => settings.append_limit = octets,
                Limit::Line(octets) => settings.line_octets = octets,
                Limit::Idle(span) => {
                    settings.idle_timeout = span;
                    settings.login_timeout = span;
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read() {
        let limit = |text: &str| text.parse::<Limit>();
        assert_eq!(limit("message=10M"), Ok(Limit::Message(10 << 20)));
        assert_eq!(limit("line=1000"), Ok(Limit::Line(1000)));
        assert_eq!(limit("idle=200ms"), Ok(Limit::Idle(Duration::from_millis(200))));
        let rate = Rate { count: 20, span: Duration::from_secs(60) };
        assert_eq!(limit("commands=20/min"), Ok(Limit::Commands(rate)));
        for wrong in [
            "message",
            "message=0",
            "message=1X",
            "recipients=0",
            "line=10",
            "commands=20",
            "commands=0/s",
            "idle=soon",
            "login-delay=500ms",
            "memory=1",
        ] {
            assert!(limit(wrong).is_err(), "{wrong}");
        }
        let all = [Limit::Connections(1), Limit::Connections(2)];
        assert_eq!(Limits(&all).connections(), 2);
    }
}
