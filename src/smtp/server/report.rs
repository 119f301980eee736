//! Reports to the sender of what became of a message.
//!
//! RFC 3461 sections 5 and 6 (who wants which), RFC 3464 (delivery status), RFC 6522
//! (multipart/report), RFC 6533 (addresses in UTF-8), with the fields of RFC 2852 section 5 and
//! RFC 4865 section 5.1.2. A report is one message for all recipients that share an end.

use super::Envelope;
use crate::base::date::Zoned;
use crate::smtp::syntax::parameter::{BodyType, Hold, RcptParameters, Ret};
use crate::smtp::syntax::path::{ForwardPath, ReversePath};
use crate::smtp::syntax::reply::Reply;

/// What became of a recipient (RFC 3464 section 2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It will not be delivered.
    Failed,
    /// It was not delivered yet, and still may be.
    Delayed,
    /// It is in its mailbox.
    Delivered,
}

/// One recipient's end.
#[derive(Debug, Clone)]
pub struct Fate {
    /// Its place among the recipients of the envelope.
    pub recipient: usize,
    /// What became of it.
    pub action: Action,
    /// What a server would have replied: its enhanced code is the status.
    pub reply: Reply,
}

/// What a report is about.
pub struct Report<'a> {
    /// The message's envelope.
    pub envelope: &'a Envelope,
    /// The message as it was taken, Received field in front.
    pub message: &'a [u8],
    /// The name of this server.
    pub by: &'a str,
    /// Names the report, and keeps its boundary from standing in the message.
    pub id: &'a str,
    /// When the message came.
    pub arrival: Zoned,
    /// When the report is written.
    pub now: Zoned,
    /// Until when a delayed recipient is tried.
    pub retry_until: Option<Zoned>,
}

/// Whether the sender wants to hear that (RFC 3461 section 4.1): of failures unless told
/// otherwise, of the rest only when told so; never without a reverse-path.
pub fn is_wanted(from: &ReversePath, parameters: &RcptParameters, action: Action) -> bool {
    if *from == ReversePath::Null {
        return false;
    }
    match (&parameters.notify, action) {
        (Some(notify), Action::Failed) => notify.failure,
        (Some(notify), Action::Delayed) => notify.delay,
        (Some(notify), Action::Delivered) => notify.success,
        (None, Action::Failed) => true,
        (None, Action::Delayed | Action::Delivered) => false,
    }
}

/// Whether the time of `BY=...;N` is over, which is told unless NOTIFY leaves delays out (RFC
/// 2852 section 4.1.4.2).
fn is_overdue(from: &ReversePath, parameters: &RcptParameters, fate: &Fate) -> bool {
    let is_expired = fate.reply.enhanced_code().is_some_and(|code| code.to_string() == "4.4.7");
    *from != ReversePath::Null
        && parameters.notify.is_none()
        && fate.action == Action::Delayed
        && is_expired
}

impl Report<'_> {
    /// The report as a message to the sender, with CRLF line ends; `None` when nobody wants it.
    pub fn write(&self, fates: &[Fate]) -> Option<Vec<u8>> {
        let all = &self.envelope.recipients;
        let fates: Vec<(&Fate, &(ForwardPath, RcptParameters))> = fates
            .iter()
            .filter_map(|fate| all.get(fate.recipient).map(|recipient| (fate, recipient)))
            .filter(|(fate, (_, parameters))| {
                is_wanted(&self.envelope.from, parameters, fate.action)
                    || is_overdue(&self.envelope.from, parameters, fate)
            })
            .collect();
        let has = |action| fates.iter().any(|(fate, _)| fate.action == action);
        let (subject, first) = match () {
            () if fates.is_empty() => return None,
            () if has(Action::Failed) => (
                "Undelivered mail returned to sender",
                "Your message could not be delivered to everyone.",
            ),
            () if has(Action::Delayed) => (
                "Delayed mail",
                "Your message has not been delivered yet. You need not send it again.",
            ),
            () => (
                "Successful mail delivery",
                "Your message was delivered, and you asked to be told.",
            ),
        };
        let is_global = !self.envelope.from.to_string().is_ascii()
            || fates.iter().any(|(_, (to, parameters))| {
                let original = parameters.orcpt.as_ref();
                !to.to_string().is_ascii() || original.is_some_and(|it| !it.address.is_ascii())
            })
            || !self.header().is_ascii();
        // RFC 3461 section 4.3: RET is about failures; else the header does.
        // RFC 8689 section 5: with REQUIRETLS always the header.
        let parameters = &self.envelope.parameters;
        let wants_whole = parameters.ret != Some(Ret::Headers) && !parameters.require_tls;
        let is_whole = has(Action::Failed) && wants_whole;
        let content = if is_whole { self.message } else { self.header() };
        let encoding = match () {
            () if is_whole && self.envelope.parameters.body == Some(BodyType::BinaryMime) => {
                "binary"
            }
            () if is_global || !content.is_ascii() => "8bit",
            () => "7bit",
        };
        let (status_type, content_type) = match (is_global, is_whole) {
            (false, true) => ("message/delivery-status", "message/rfc822"),
            (false, false) => ("message/delivery-status", "text/rfc822-headers"),
            (true, true) => ("message/global-delivery-status", "message/global"),
            (true, false) => ("message/global-delivery-status", "message/global-headers"),
        };
        let Self { by, id, .. } = self;
        let boundary = format!("=_{id}_report");
        let from = &self.envelope.from;
        let mut text = format!(
            "From: Mail Delivery System <MAILER-DAEMON@{by}>\r\nTo: <{from}>\r\n\
             Subject: {subject}\r\nDate: {}\r\nMessage-ID: <{id}.report@{by}>\r\n\
             Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type={};\r\n\tboundary=\"{boundary}\"\r\n\
             Content-Transfer-Encoding: {encoding}\r\n\r\n\
             --{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: {}\r\n\r\n{first}\r\n\r\n",
            self.now.message(),
            &status_type["message/".len()..],
            if is_global { "8bit" } else { "7bit" },
        );
        for (fate, (to, _)) in &fates {
            let action = fate.action.word();
            text.push_str(&format!("<{to}>: {action}\r\n    {}\r\n", one_line(&fate.reply)));
        }
        text.push_str(&format!(
            "\r\n--{boundary}\r\nContent-Type: {status_type}\r\n\
             Content-Transfer-Encoding: {}\r\n\r\n",
            if is_global { "8bit" } else { "7bit" },
        ));
        self.message_fields(&mut text);
        for (fate, (to, parameters)) in &fates {
            text.push_str("\r\n");
            self.recipient_fields(fate, to, parameters, &mut text);
        }
        text.push_str(&format!(
            "\r\n--{boundary}\r\nContent-Type: {content_type}\r\n\
             Content-Transfer-Encoding: {encoding}\r\n\r\n"
        ));
        let mut octets = text.into_bytes();
        octets.extend_from_slice(content);
        if !content.ends_with(b"\r\n") {
            octets.extend_from_slice(b"\r\n");
        }
        octets.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        Some(octets)
    }

    /// The message's header block, without the empty line.
    fn header(&self) -> &[u8] {
        let end = memchr::memmem::find(self.message, b"\r\n\r\n");
        end.map_or(self.message, |end| &self.message[..end + 2])
    }

    /// RFC 3464 section 2.2.
    fn message_fields(&self, out: &mut String) {
        let Envelope { peer, parameters, .. } = self.envelope;
        if let Some(envid) = &parameters.envid {
            out.push_str(&format!("Original-Envelope-Id: {envid}\r\n"));
        }
        out.push_str(&format!("Reporting-MTA: dns; {}\r\n", self.by));
        if !peer.name.is_empty() {
            out.push_str(&format!("Received-From-MTA: dns; {}\r\n", peer.name));
        }
        out.push_str(&format!("Arrival-Date: {}\r\n", self.arrival.message()));
        if let Some(by) = &parameters.by {
            let seconds = self.arrival.seconds + i64::from(by.seconds);
            let date = Zoned { seconds, ..self.arrival };
            out.push_str(&format!("Deliver-By-Date: {}\r\n", date.message()));
        }
        match &parameters.hold {
            Some(Hold::For(seconds)) => {
                out.push_str(&format!("Future-Release-Request: for;{seconds}\r\n"));
            }
            Some(Hold::Until(time)) => {
                out.push_str(&format!("Future-Release-Request: until;{time}\r\n"));
            }
            None => {}
        }
    }

    /// RFC 3464 section 2.3.
    fn recipient_fields(
        &self,
        fate: &Fate,
        to: &ForwardPath,
        parameters: &RcptParameters,
        out: &mut String,
    ) {
        if let Some(original) = &parameters.orcpt {
            let field = format!("{};{}", original.address_type, original.address);
            out.push_str(&format!("Original-Recipient: {field}\r\n"));
        }
        let to = to.to_string();
        let kind = if to.is_ascii() { "rfc822" } else { "utf-8" };
        let status = match (fate.reply.enhanced_code(), fate.action) {
            (Some(code), _) => code.to_string(),
            (None, Action::Failed) => "5.0.0".to_owned(),
            (None, Action::Delayed) => "4.0.0".to_owned(),
            (None, Action::Delivered) => "2.0.0".to_owned(),
        };
        out.push_str(&format!(
            "Final-Recipient: {kind};{to}\r\nAction: {}\r\nStatus: {status}\r\n",
            fate.action.word()
        ));
        if fate.action != Action::Delivered {
            out.push_str(&format!("Diagnostic-Code: smtp;{}\r\n", one_line(&fate.reply)));
            out.push_str(&format!("Last-Attempt-Date: {}\r\n", self.now.message()));
        }
        if let (Action::Delayed, Some(until)) = (fate.action, self.retry_until) {
            out.push_str(&format!("Will-Retry-Until: {}\r\n", until.message()));
        }
    }
}

impl Action {
    /// As the Action field has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
        }
    }
}

/// A reply on one line, fit for a header field.
fn one_line(reply: &Reply) -> String {
    let lines: Vec<String> =
        reply.lines().map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    let text = format!("{} {}", reply.code(), lines.join(" "));
    text.chars().map(|c| if c.is_control() || !c.is_ascii() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::decode::Decoded;
    use crate::smtp::server::Peer;
    use crate::smtp::syntax::command::Command;

    fn envelope(mail: &str, recipients: &[&str]) -> Envelope {
        let command = |line: &str| match Command::decode(format!("{line}\r\n").as_bytes()) {
            Ok(Decoded::Done { value, .. }) => value,
            other => panic!("{line}: {other:?}"),
        };
        let Command::Mail(from, parameters) = command(mail) else { panic!("{mail}") };
        let recipients = recipients
            .iter()
            .map(|line| match command(line) {
                Command::Rcpt(to, parameters) => (to, parameters),
                other => panic!("{line}: {other:?}"),
            })
            .collect();
        let peer = Peer { name: "client.test".into(), ..Peer::default() };
        Envelope { peer, is_lmtp: false, from, parameters, recipients }
    }

    fn report(
        envelope: &Envelope,
        message: &[u8],
        fates: &[(usize, Action, &str)],
    ) -> Option<String> {
        let fates: Vec<Fate> = fates
            .iter()
            .map(|(recipient, action, text)| Fate {
                recipient: *recipient,
                action: *action,
                reply: Reply::new(text[..3].parse().expect("a code"), &text[4..]),
            })
            .collect();
        let report = Report {
            envelope,
            message,
            by: "mx.test",
            id: "1-2",
            arrival: Zoned::utc(1_763_000_000),
            now: Zoned::utc(1_763_000_001),
            retry_until: Some(Zoned::utc(1_763_000_004)),
        };
        report.write(&fates).map(|octets| String::from_utf8(octets).expect("text"))
    }

    const MESSAGE: &[u8] = b"Subject: hello\r\nX-A: b\r\n\r\nthe body\r\n";

    /// RFC 8689 section 5: as if RET=HDRS had been said, whatever was.
    #[test]
    fn with_requiretls_only_the_header_goes_back() {
        for (asked, is_whole) in [("RET=FULL", true), ("RET=FULL REQUIRETLS", false)] {
            let from = format!("MAIL FROM:<a@x.test> {asked}");
            let envelope = envelope(&from, &["RCPT TO:<b@y.test>"]);
            let text = report(&envelope, MESSAGE, &[(0, Action::Failed, "550 5.1.1 no")]);
            let text = text.expect("a report");
            let (_, body) = std::str::from_utf8(MESSAGE)
                .expect("UTF-8")
                .split_once("\r\n\r\n")
                .expect("a body");
            assert_eq!(text.contains(body), is_whole, "{asked}: {text}");
            assert_eq!(text.contains("text/rfc822-headers"), !is_whole, "{asked}: {text}");
        }
    }

    /// The dialogue of RFC 3461 section 10, as far as one server has it.
    #[test]
    fn a_failure_returns_the_message() {
        let envelope = envelope(
            "MAIL FROM:<Alice@Example.ORG> RET=FULL ENVID=QQ31+3D4",
            &[
                "RCPT TO:<Bob@Example.COM> NOTIFY=SUCCESS ORCPT=rfc822;Bob@Example.COM",
                "RCPT TO:<Carol@Ivory.EDU> NOTIFY=FAILURE ORCPT=rfc822;Carol+2Bx@Ivory.EDU",
                "RCPT TO:<Dana@Ivory.EDU> NOTIFY=SUCCESS,FAILURE",
                "RCPT TO:<Eric@Bombs.AF.MIL> NOTIFY=FAILURE",
                "RCPT TO:<Fred@Bombs.AF.MIL> NOTIFY=NEVER",
            ],
        );
        let fates = [
            (0, Action::Failed, "550 5.1.1 no"),
            (1, Action::Failed, "550 5.2.2 full\n5.2.2 very"),
            (2, Action::Delivered, "250 2.0.0 ok"),
            (3, Action::Delivered, "250 2.0.0 ok"),
            (4, Action::Failed, "550 5.1.1 no"),
        ];
        let text = report(&envelope, MESSAGE, &fates).expect("a report");
        assert!(text.contains("To: <Alice@Example.ORG>\r\n"), "{text}");
        assert!(text.contains("report-type=delivery-status"), "{text}");
        let fields =
            text.split("Content-Type: message/delivery-status\r\n").nth(1).expect("status");
        let fields = fields.split("\r\n\r\n--").next().expect("an end");
        assert_eq!(
            fields,
            "Content-Transfer-Encoding: 7bit\r\n\r\n\
             Original-Envelope-Id: QQ31=4\r\nReporting-MTA: dns; mx.test\r\n\
             Received-From-MTA: dns; client.test\r\n\
             Arrival-Date: Thu, 13 Nov 2025 02:13:20 +0000\r\n\r\n\
             Original-Recipient: rfc822;Carol+x@Ivory.EDU\r\n\
             Final-Recipient: rfc822;Carol@Ivory.EDU\r\nAction: failed\r\nStatus: 5.2.2\r\n\
             Diagnostic-Code: smtp;550 5.2.2 full 5.2.2 very\r\n\
             Last-Attempt-Date: Thu, 13 Nov 2025 02:13:21 +0000\r\n\r\n\
             Final-Recipient: rfc822;Dana@Ivory.EDU\r\nAction: delivered\r\nStatus: 2.0.0"
        );
        assert!(text.contains("Content-Type: message/rfc822\r\n"), "{text}");
        assert!(text.contains("the body\r\n\r\n--=_1-2_report--\r\n"), "{text}");
    }

    #[test]
    fn nobody_is_told_what_nobody_wants_to_hear() {
        let to = ["RCPT TO:<a@b>", "RCPT TO:<c@d> NOTIFY=DELAY"];
        let delivered =
            [(0, Action::Delivered, "250 2.0.0 ok"), (1, Action::Delivered, "250 2.0.0 ok")];
        assert_eq!(report(&envelope("MAIL FROM:<x@y>", &to), MESSAGE, &delivered), None);
        let failed = [(0, Action::Failed, "550 5.1.1 no")];
        assert_eq!(report(&envelope("MAIL FROM:<>", &to), MESSAGE, &failed), None);
        let text = report(&envelope("MAIL FROM:<x@y> RET=HDRS", &to), MESSAGE, &failed);
        let text = text.expect("a report");
        assert!(text.contains("text/rfc822-headers") && !text.contains("the body"), "{text}");
        let delayed = [(1, Action::Delayed, "451 4.2.0 later")];
        let text = report(&envelope("MAIL FROM:<x@y> BY=60;N", &to), MESSAGE, &delayed);
        let text = text.expect("a report");
        assert!(text.contains("Will-Retry-Until: Thu, 13 Nov 2025 02:13:24"), "{text}");
        assert!(text.contains("Deliver-By-Date: Thu, 13 Nov 2025 02:14:20"), "{text}");
        assert!(!text.contains("the body"), "RET is about failures");
    }

    #[test]
    fn addresses_in_utf8_make_it_global() {
        let mail = "MAIL FROM:<j\u{f6}rg@y> SMTPUTF8 HOLDFOR=60";
        let to = ["RCPT TO:<\u{fc}@b> ORCPT=utf-8;\\x{FC}@b"];
        let failed = [(0, Action::Failed, "550 5.1.1 no")];
        let text = report(&envelope(mail, &to), MESSAGE, &failed).expect("a report");
        assert!(text.contains("report-type=global-delivery-status"), "{text}");
        assert!(text.contains("Original-Recipient: utf-8;\u{fc}@b\r\n"), "{text}");
        assert!(text.contains("Final-Recipient: utf-8;\u{fc}@b\r\n"), "{text}");
        assert!(text.contains("Content-Type: message/global\r\n"), "{text}");
        assert!(text.contains("Future-Release-Request: for;60\r\n"), "{text}");
    }
}
