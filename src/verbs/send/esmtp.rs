//! What the command line asks of a server beyond taking the message: the parameters of MAIL and
//! RCPT (RFC 3461, 8689, 4865, 6710, 2852, PRDR), and who is asked in which form.
//!
//! An IDN domain is sent as A-labels (RFC 5890); a local part is never changed. Whether the server
//! offers what is asked for is `smtp::client`'s to check, before the message leaves.

use anyhow::Result;

use super::args::{EnvelopeOptions, Extensions, Returned};
use super::signing::Signers;
use crate::message::dkim::Signer;
use crate::smtp::client::Submission;
use crate::smtp::syntax::ehlo::Capabilities;
use crate::smtp::syntax::parameter::{
    BodyType, DeliverBy, Hold, MailParameters, Notify, OriginalRecipient, Ret,
};
use crate::smtp::syntax::path;
use crate::store::Envelope;
use crate::ui::{Exit, Failure};

/// What is wished for, the same for every message of a run.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    mail: MailParameters,
    notify: Option<Notify>,
    /// The recipient (`None`: the only one), and what it was.
    orcpt: Vec<(Option<String>, OriginalRecipient)>,
    all_or_none: bool,
    signers: Signers,
}

impl Wishes {
    /// Reads the options.
    ///
    /// # Errors
    /// [`Failure`] (64) for a value outside its grammar.
    pub fn new(envelope: &EnvelopeOptions, extensions: &Extensions) -> Result<Self, Failure> {
        let hold = match (extensions.hold_for, extensions.hold_until) {
            // RFC 4865 section 4: future-release-integer.
            (Some(seconds), _) if !(1..=999_999_999).contains(&seconds) => {
                return Err(Failure::usage("--hold-for: want 1 to 999999999 seconds"));
            }
            (Some(seconds), _) => Some(Hold::For(seconds)),
            (None, until) => until.map(|until| Hold::Until(whole_seconds(until))),
        };
        let by = extensions.deliver_by.as_deref().map(deliver_by).transpose()?;
        let held = hold.map_or(i64::MIN, held_seconds);
        // RFC 4865 section 5.2.1: it has to be released before its time has run out.
        if by.is_some_and(|by| i64::from(by.seconds) <= held) {
            return Err(Failure::usage(
                "--deliver-by: the message would be held back for longer than that",
            ));
        }
        if let Some(envid) = &envelope.envid {
            let fits = (1..=100).contains(&envid.len())
                && envid.bytes().all(|octet| (b' '..=b'~').contains(&octet));
            if !fits {
                return Err(Failure::usage("--envid: want 1 to 100 characters of printable ASCII"));
            }
        }
        Ok(Self {
            mail: MailParameters {
                ret: envelope.returned.map(|what| match what {
                    Returned::Full => Ret::Full,
                    Returned::Headers => Ret::Headers,
                }),
                envid: envelope.envid.clone(),
                require_tls: extensions.require_tls,
                hold,
                priority: extensions.priority,
                by,
                prdr: extensions.prdr,
                ..MailParameters::default()
            },
            notify: envelope.notify.as_deref().map(notify).transpose()?,
            orcpt: envelope.orcpt.iter().map(|text| original(text)).collect::<Result<_, _>>()?,
            all_or_none: envelope.all_or_none,
            signers: Signers::default(),
        })
    }

    /// The same for a message that was given so many seconds ago: of its times, what remains
    /// (RFC 2852 section 4.1.4). `None`: it was to be given back by now.
    #[must_use]
    pub fn later(mut self, seconds: i64) -> Option<Self> {
        let passed = i32::try_from(seconds.max(0)).unwrap_or(i32::MAX);
        if let Some(by) = &mut self.mail.by {
            by.seconds = by.seconds.saturating_sub(passed).max(-999_999_999);
            if by.is_return && by.seconds <= 0 {
                return None;
            }
        }
        self.mail.hold = match self.mail.hold {
            Some(Hold::For(held)) => {
                let left = held.saturating_sub(passed.unsigned_abs());
                (left > 0).then_some(Hold::For(left))
            }
            Some(hold) if held_seconds(hold) <= 0 => None,
            hold => hold,
        };
        Some(self)
    }

    /// The same, signed by these.
    #[must_use]
    pub fn signed_by(self, signers: Signers) -> Self {
        Self { signers, ..self }
    }

    /// Who signs.
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }

    /// Whether the message goes to all recipients or to none.
    pub fn all_or_none(&self) -> bool {
        self.all_or_none
    }

    /// Whether the connection has to have TLS.
    pub fn needs_tls(&self) -> bool {
        self.mail.require_tls
    }

    /// The recipient that the sender meant, where that was said of this one.
    pub fn original(&self, recipient: &str) -> Option<&OriginalRecipient> {
        let is_it = |whose: &Option<String>| whose.as_ref().is_none_or(|whose| whose == recipient);
        self.orcpt.iter().find(|(whose, _)| is_it(whose)).map(|(_, original)| original)
    }

    /// Checks that each `--orcpt` has its recipient.
    ///
    /// # Errors
    /// [`Failure`] (64).
    pub fn check(&self, recipients: &[String]) -> Result<(), Failure> {
        for (whose, original) in &self.orcpt {
            match whose {
                None if recipients.len() != 1 => {
                    return Err(Failure::usage(format!(
                        "--orcpt {}: there are {} recipients",
                        original.address,
                        recipients.len()
                    ))
                    .hint("say whose it is: --orcpt RCPT=ADDRESS"));
                }
                Some(whose) if !recipients.contains(whose) => {
                    let message = format!("--orcpt: {whose} is no recipient");
                    return Err(Failure::usage(message));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What a server is asked for: these recipients of an envelope, the body as it is.
    ///
    /// # Errors
    /// [`Failure`] for what the server's own numbers rule out (69), and an address outside the
    /// grammar.
    pub fn submission(
        &self,
        sender: &str,
        recipients: &[String],
        body: Option<BodyType>,
        has_utf8_header: bool,
        server: &Capabilities,
    ) -> Result<Submission> {
        let envelope = Envelope {
            sender: with_a_labels(sender)?,
            recipients: recipients
                .iter()
                .map(|it| with_a_labels(it))
                .collect::<Result<_, Failure>>()?,
        };
        let mut submission = Submission::plain(&envelope)
            .map_err(|error| Failure::new(Exit::Data, error.to_string()))?;
        let smtputf8 = submission.parameters.smtputf8 || has_utf8_header;
        submission.parameters = MailParameters { body, smtputf8, ..self.mail.clone() };
        submission.all_or_none = self.all_or_none;
        for (recipient, given) in submission.recipients.iter_mut().zip(recipients) {
            recipient.parameters.notify = self.notify;
            recipient.parameters.orcpt = self.original(given).cloned();
        }
        self.within(server)?;
        Ok(submission)
    }

    /// Whether the server's limits allow what is asked for.
    fn within(&self, server: &Capabilities) -> Result<(), Failure> {
        let refuse = |message: String| Err(Failure::new(Exit::Unavailable, message));
        match (self.mail.hold, &server.future_release) {
            (Some(Hold::For(seconds)), Some(most)) if seconds > most.max_seconds => {
                refuse(format!(
                    "--hold-for {seconds}: the server holds mail back for {} seconds at most",
                    most.max_seconds
                ))
            }
            (Some(Hold::Until(time)), Some(most)) if time > most.max_time => refuse(format!(
                "--hold-until {time}: the server holds mail back until {} at most",
                most.max_time
            )),
            _ => match (self.mail.by, server.deliver_by) {
                // RFC 2852 section 4.1: with N the server has to take less, too.
                (Some(by), Some(least))
                    if by.is_return && i64::from(by.seconds) < i64::from(least) =>
                {
                    refuse(format!(
                        "--deliver-by {}: the server wants {least} seconds at least",
                        by.seconds
                    ))
                }
                _ => Ok(()),
            },
        }
    }
}

/// The address with its domain in A-labels where the local part is ASCII: no SMTPUTF8 is needed
/// then. With another local part it stays as it is (RFC 6531 section 3.2).
fn with_a_labels(address: &str) -> Result<String, Failure> {
    let Some((local, domain)) = address.rsplit_once('@') else { return Ok(address.to_owned()) };
    if domain.is_ascii() || !local.is_ascii() {
        return Ok(address.to_owned());
    }
    let domain = idna::domain_to_ascii(domain).map_err(|_| {
        Failure::new(Exit::Data, format!("{address:?}: {domain:?} is no domain name"))
    })?;
    Ok(format!("{local}@{domain}"))
}

/// For how many seconds from now a message is held back.
fn held_seconds(hold: Hold) -> i64 {
    match hold {
        Hold::For(seconds) => i64::from(seconds),
        Hold::Until(time) => time.as_second().saturating_sub(jiff::Timestamp::now().as_second()),
    }
}

/// The time without a fraction, which servers do not expect there; never an earlier one.
fn whole_seconds(time: jiff::Timestamp) -> jiff::Timestamp {
    time.round(jiff::TimestampRound::new().smallest(jiff::Unit::Second).mode(jiff::RoundMode::Ceil))
        .unwrap_or(time)
}

fn notify(text: &str) -> Result<Notify, Failure> {
    let mut notify = Notify::default();
    let words: Vec<&str> = text.split(',').map(str::trim).collect();
    for word in &words {
        match word.to_ascii_lowercase().as_str() {
            "success" => notify.success = true,
            "failure" => notify.failure = true,
            "delay" => notify.delay = true,
            "never" if words.len() == 1 => {}
            _ => {
                return Err(Failure::usage(format!("--notify {text:?}: {word:?} is not expected"))
                    .hint("want never alone, or success, failure and delay with commas between"));
            }
        }
    }
    Ok(notify)
}

/// `[RCPT=][TYPE;]ADDRESS`
fn original(text: &str) -> Result<(Option<String>, OriginalRecipient), Failure> {
    let wrong = |what: &str| Failure::usage(format!("--orcpt {text:?}: {what}"));
    if text.chars().any(char::is_control) {
        return Err(wrong("a control character"));
    }
    let (whose, address) = match text.rsplit_once('=') {
        Some((whose, address)) if whose.contains('@') => (Some(whose.to_owned()), address),
        _ => (None, text),
    };
    let (address_type, address) = match address.split_once(';') {
        Some((kind, address)) => (kind.to_owned(), address),
        None if address.is_ascii() => ("rfc822".to_owned(), address),
        None => ("utf-8".to_owned(), address),
    };
    let is_atom = address_type.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
    if address.is_empty() || address_type.is_empty() || !is_atom {
        return Err(wrong("want ADDRESS, TYPE;ADDRESS, or RCPT=ADDRESS"));
    }
    Ok((whose, OriginalRecipient { address_type, address: address.to_owned() }))
}

/// `TIME[;N|R[T]]`
fn deliver_by(text: &str) -> Result<DeliverBy, Failure> {
    let wrong = || {
        Failure::usage(format!("--deliver-by {text:?}: want TIME;MODE"))
            .hint("MODE is N (tell, and go on) or R (give back), with T to have relays tell")
    };
    let (seconds, mode) = text.split_once(';').unwrap_or((text, "N"));
    let seconds: i32 = match seconds.parse() {
        Ok(seconds) => seconds,
        Err(_) => {
            let span = crate::open::span(seconds).map_err(|_| wrong())?;
            i32::try_from(span.as_secs()).map_err(|_| wrong())?
        }
    };
    let (is_return, trace) = match mode.to_ascii_uppercase().as_str() {
        "N" => (false, false),
        "NT" => (false, true),
        "R" => (true, false),
        "RT" => (true, true),
        _ => return Err(wrong()),
    };
    // RFC 2852 section 4: at most nine digits, and a time to give back by lies ahead.
    if seconds.unsigned_abs() > 999_999_999 || is_return && seconds <= 0 {
        return Err(wrong());
    }
    Ok(DeliverBy { seconds, is_return, trace })
}

/// Whether the reverse-path or a forward-path needs SMTPUTF8 though its domain is in A-labels.
pub fn needs_smtputf8(sender: &str, recipients: &[String]) -> bool {
    recipients.iter().map(String::as_str).chain([sender]).any(|address| {
        let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
        !local.is_ascii()
    })
}

/// The domain of a recipient, in lower case, for limits that count domains.
pub fn domain(recipient: &str) -> String {
    match path::Mailbox::parse(recipient.as_bytes()) {
        Ok(path::Mailbox { domain: path::Domain::Name(name), .. }) => name.to_lowercase(),
        _ => recipient.rsplit_once('@').map_or("", |(_, domain)| domain).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(envelope: EnvelopeOptions) -> Wishes {
        Wishes::new(&envelope, &Extensions::default()).expect("wishes")
    }

    #[test]
    fn domains_become_a_labels_and_local_parts_stay() {
        for (address, wire) in [
            ("ann@b\u{fc}cher.example", "ann@xn--bcher-kva.example"),
            ("j\u{f6}rg@b\u{fc}cher.example", "j\u{f6}rg@b\u{fc}cher.example"),
            ("j\u{f6}rg@example.org", "j\u{f6}rg@example.org"),
            ("postmaster", "postmaster"),
            ("", ""),
        ] {
            assert_eq!(with_a_labels(address).expect(address), wire);
        }
        let server = Capabilities::default();
        let plain = Wishes::default();
        let of = |to: &str| {
            let recipients = [to.to_owned()];
            plain.submission("a@x", &recipients, None, false, &server).expect("a submission")
        };
        assert!(!of("ann@b\u{fc}cher.example").parameters.smtputf8);
        assert!(of("j\u{f6}rg@example.org").parameters.smtputf8);
        assert!(needs_smtputf8("a@x", &["j\u{f6}rg@x".to_owned()]));
        assert!(!needs_smtputf8("a@x", &["ann@b\u{fc}cher.example".to_owned()]));
    }

    #[test]
    fn reports_are_asked_for_per_recipient() {
        let wishes = wishes(EnvelopeOptions {
            notify: Some("Success,delay".into()),
            orcpt: vec!["b@y=boss@z".into()],
            ..EnvelopeOptions::default()
        });
        let recipients = ["a@x".to_owned(), "b@y".to_owned()];
        wishes.check(&recipients).expect("both are there");
        let server = Capabilities::default();
        let submission = wishes.submission("", &recipients, None, false, &server).expect("one");
        let [a, b] = &submission.recipients[..] else { panic!("two") };
        let notify = Some(Notify { success: true, failure: false, delay: true });
        assert_eq!((a.parameters.notify, b.parameters.notify), (notify, notify));
        assert_eq!(a.parameters.orcpt, None);
        let orcpt = b.parameters.orcpt.clone().expect("it has one");
        assert_eq!((orcpt.address_type.as_str(), orcpt.address.as_str()), ("rfc822", "boss@z"));
        assert!(wishes.check(&recipients[..1]).is_err());
    }

    #[test]
    fn values_outside_their_grammar_are_refused() {
        assert!(notify("never,success").is_err());
        assert!(notify("sometimes").is_err());
        assert_eq!(notify("never").expect("alone"), Notify::default());
        for text in ["", ";N", "10;X", "0;R", "-5;R", "9999999999;N"] {
            assert!(deliver_by(text).is_err(), "{text}");
        }
        let by = deliver_by("-5;nt").expect("a time that is over");
        assert_eq!(by, DeliverBy { seconds: -5, is_return: false, trace: true });
        let hold = |seconds| {
            let extensions = Extensions { hold_for: Some(seconds), ..Extensions::default() };
            Wishes::new(&EnvelopeOptions::default(), &extensions)
        };
        assert!(hold(0).is_err() && hold(1).is_ok() && hold(1_000_000_000).is_err());
        let time = |text: &str| text.parse::<jiff::Timestamp>().expect("a time");
        assert_eq!(
            whole_seconds(time("2035-10-19T16:00:00.2+02:00")).to_string(),
            "2035-10-19T14:00:01Z"
        );
        assert!(original("a;\u{1}").is_err());
        assert!(original(";a").is_err());
        assert_eq!(original("j\u{f6}rg@x").expect("utf-8").1.address_type, "utf-8");
    }

    /// RFC 2852 sections 4.1.3 and 4.1.4.
    #[test]
    fn times_run_on_while_a_message_waits() {
        let of = |hold_for, by: Option<&str>| {
            let deliver_by = by.map(str::to_owned);
            let extensions = Extensions { hold_for, deliver_by, ..Extensions::default() };
            Wishes::new(&EnvelopeOptions::default(), &extensions)
        };
        let later = |hold_for, by: Option<&str>, seconds| {
            let left = of(hold_for, by).expect("wishes").later(seconds)?;
            Some((left.mail.hold, left.mail.by.map(|by| by.seconds)))
        };
        assert_eq!(later(Some(30), Some("60;R"), 3), Some((Some(Hold::For(27)), Some(57))));
        assert_eq!(later(Some(30), Some("60;R"), 30), Some((None, Some(30))));
        assert_eq!(later(None, Some("60;R"), 60), None);
        assert_eq!(later(None, Some("60;N"), 90), Some((None, Some(-30))));
        assert_eq!(later(None, None, 90), Some((None, None)));
        // A clock that was set back gives no time.
        assert_eq!(later(None, Some("60;R"), -90), Some((None, Some(60))));
        assert_eq!(later(None, Some("1;N"), i64::MAX), Some((None, Some(-999_999_999))));
        // RFC 4865 section 5.2.1.
        assert!(of(Some(100), Some("60;R")).is_err() && of(Some(60), Some("60;N")).is_err());
        assert!(of(Some(59), Some("60;R")).is_ok());
    }

    #[test]
    fn the_servers_numbers_are_obeyed() {
        use crate::smtp::syntax::ehlo::FutureRelease;
        let max_time = "2026-12-31T00:00:00Z".parse().expect("a time");
        let server = Capabilities {
            future_release: Some(FutureRelease { max_seconds: 100, max_time }),
            deliver_by: Some(240),
            ..Capabilities::default()
        };
        for (extensions, fits) in [
            (Extensions { hold_for: Some(100), ..Extensions::default() }, true),
            (Extensions { hold_for: Some(101), ..Extensions::default() }, false),
            (
                Extensions {
                    hold_until: Some("2027-01-01T00:00:00Z".parse().expect("a time")),
                    ..Extensions::default()
                },
                false,
            ),
            (Extensions { deliver_by: Some("239;R".into()), ..Extensions::default() }, false),
            (Extensions { deliver_by: Some("239;N".into()), ..Extensions::default() }, true),
        ] {
            let wishes = Wishes::new(&EnvelopeOptions::default(), &extensions).expect("wishes");
            assert_eq!(wishes.within(&server).is_ok(), fits, "{extensions:?}");
        }
    }
}
