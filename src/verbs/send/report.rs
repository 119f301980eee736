//! The report to a sender whose message was not delivered.
//!
//! RFC 3464 (message/delivery-status), RFC 6522 (multipart/report), RFC 3834 section 3.1.7
//! (Auto-Submitted). Of the message its header comes back, or all of it where that was asked for
//! and every server takes it. All but the text for people is ASCII,
//! whatever addresses and servers say: a message/delivery-status may not be encoded (RFC 3464
//! section 2.1), and the sender's server need know neither 8BITMIME nor SMTPUTF8.

use super::plan::Plan;
use crate::base::date::Zoned;
use crate::message::compose::{base32, message_id};
use crate::message::{downgrade, headers};
use crate::open;
use crate::sasl::system_random;
use crate::smtp::syntax::parameter::{OriginalRecipient, encode_unicode_xtext};
use crate::store::{Body as _, Delivery, Fate};
use crate::ui::Failure;

/// Octets of a header that come back.
const HEADER_OCTETS: usize = 64 * 1024;

/// A message of more octets does not come back whole.
const WHOLE_OCTETS: u64 = 1024 * 1024;

/// What comes back of the message.
#[derive(Clone, Copy)]
pub enum Returned<'a> {
    /// Its header.
    Header(&'a [u8]),
    /// All of it, in ASCII.
    Whole(&'a [u8]),
}

/// The whole message, where it may come back so: short enough, and such that every server takes
/// it.
///
/// # Errors
/// [`Failure`] (74) when it cannot be read.
pub fn whole(plan: &mut Plan) -> Result<Option<Vec<u8>>, Failure> {
    if plan.message.len() > WHOLE_OCTETS {
        return Ok(None);
    }
    let mut octets = Vec::new();
    plan.message.each(|piece| {
        octets.extend_from_slice(piece);
        Ok(())
    })?;
    Ok((octets.is_ascii() && !octets.contains(&0)).then_some(octets))
}

/// Writes the report, in LF lines. `arrived` is in seconds since 1970; `original` tells whom the
/// sender meant by a recipient.
pub fn compose<'o>(
    sender: &str,
    arrived: i64,
    envid: Option<&str>,
    returned: Returned<'_>,
    original: &dyn Fn(&str) -> Option<&'o OriginalRecipient>,
    failed: &[Delivery],
) -> Vec<u8> {
    let host = open::own_name();
    let mut random = [0; 20];
    system_random(&mut random);
    let boundary = base32(&random);
    system_random(&mut random);
    let id = message_id(&random, Some(&host));
    let now = open::now();
    let arrival = Zoned { seconds: arrived, offset_seconds: now.offset_seconds }.message();
    let mut told = String::new();
    for delivery in failed {
        let what = match delivery.state {
            Fate::Unknown => "it may have been delivered; nobody knows",
            Fate::Temporary => "tried for five days",
            Fate::Permanent | Fate::Delivered => "refused",
        };
        told.push_str(&format!("  {} ({what})\n", line(&delivery.recipient)));
        told.push_str(&format!("    {}\n", line(&delivery.text)));
    }
    // RFC 2045 section 6.4: what encloses a part of 8 bits has to say so too.
    let encoding = if told.is_ascii() { "7bit" } else { "8bit" };
    let mut text = format!(
        "From: Mail Delivery <MAILER-DAEMON@{host}>\n\
         To: <{sender}>\n\
         Subject: Your message was not delivered\n\
         Date: {date}\n\
         Message-ID: <{id}>\n\
         Auto-Submitted: auto-replied\n\
         MIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status;\n\tboundary=\"{boundary}\"\n\
         Content-Transfer-Encoding: {encoding}\n\
         \n\
         --{boundary}\n\
         Content-Type: text/plain; charset=utf-8\n\
         Content-Transfer-Encoding: {encoding}\n\
         \n\
         Your message of {arrival}\n\
         was not delivered to:\n\n{told}",
        date = now.message(),
    );
    text.push_str(&format!(
        "\n--{boundary}\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; {host}\n"
    ));
    if let Some(envid) = envid {
        text.push_str(&format!("Original-Envelope-Id: {}\n", line(envid)));
    }
    text.push_str(&format!("Arrival-Date: {arrival}\n"));
    for delivery in failed {
        let status = match (&delivery.enhanced, delivery.state) {
            (Some(enhanced), Fate::Permanent) => enhanced.as_str(),
            (_, Fate::Permanent | Fate::Delivered) => "5.0.0",
            // RFC 3463 section 3.5: delivery time expired.
            (_, Fate::Temporary) => "4.4.7",
            (_, Fate::Unknown) => "4.4.2",
        };
        text.push('\n');
        if let Some(OriginalRecipient { address_type, address }) = original(&delivery.recipient) {
            let typed = typed(address_type, address);
            text.push_str(&format!("Original-Recipient: {typed}\n"));
        }
        text.push_str(&format!(
            "Final-Recipient: {}\nAction: failed\nStatus: {status}\n",
            typed("rfc822", &delivery.recipient)
        ));
        if let Some(code) = delivery.code {
            let enhanced = delivery.enhanced.as_ref().map(|it| format!("{it} "));
            let enhanced = ascii_line(&enhanced.unwrap_or_default());
            let said: String = ascii_line(&delivery.text).chars().take(800).collect();
            text.push_str(&format!("Diagnostic-Code: smtp; {code} {enhanced}{said}\n"));
        }
    }
    let (kind, all) = match returned {
        Returned::Whole(message) => ("message/rfc822", message),
        Returned::Header(header) => {
            let end = headers::fields_end(header).min(HEADER_OCTETS);
            ("text/rfc822-headers", &header[..end])
        }
    };
    text.push_str(&format!("\n--{boundary}\nContent-Type: {kind}\n\n"));
    let mut octets = text.into_bytes();
    octets.extend(in_ascii(all.iter().copied().filter(|octet| *octet != b'\r').collect()));
    octets.extend_from_slice(format!("\n--{boundary}--\n").as_bytes());
    octets
}

/// An address with its type: `kind`, or `utf-8` in the form of RFC 6533 section 3 that may stand
/// in a message/delivery-status.
fn typed(kind: &str, address: &str) -> String {
    if address.is_ascii() {
        return format!("{}; {}", ascii_line(kind), line(address));
    }
    let mut escaped = Vec::new();
    encode_unicode_xtext(address, &mut escaped);
    format!("utf-8; {}", String::from_utf8_lossy(&escaped))
}

/// A header in encoded words; what has no place for one loses its octets above 127.
fn in_ascii(header: Vec<u8>) -> Vec<u8> {
    if header.is_ascii() {
        return header;
    }
    let mut header = match downgrade::ascii(&header) {
        Ok((encoded, _)) => encoded,
        Err(_) => header,
    };
    for octet in header.iter_mut().filter(|octet| !octet.is_ascii()) {
        *octet = b'?';
    }
    header
}

/// Text that stays on its line, in ASCII.
fn ascii_line(text: &str) -> String {
    line(text).chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
}

/// Text that stays on its line.
fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::structure;

    #[test]
    fn a_report_is_one_whatever_the_server_said() {
        let failed = Delivery {
            recipient: "b@y".into(),
            state: Fate::Permanent,
            stage: "rcpt",
            code: Some(550),
            enhanced: Some("5.1.1".into()),
            text: "no such\r\nInjected: yes\r\n\r\n--".into(),
        };
        let header = b"From: a@x\r\nSubject: lost\r\n\r\n";
        let octets = compose("a@x", 0, Some("id"), Returned::Header(header), &|_| None, &[failed]);
        let text = String::from_utf8(octets.clone()).expect("text");
        assert!(text.contains("\nFinal-Recipient: rfc822; b@y\nAction: failed\nStatus: 5.1.1\n"));
        assert!(text.contains("Diagnostic-Code: smtp; 550 5.1.1 no such  Injected: yes"), "{text}");
        assert!(text.contains("Original-Envelope-Id: id\n"));
        assert!(text.contains("\nSubject: lost\n"));
        assert!(!text.contains("\nInjected"));
        let parsed = structure::parse(&octets);
        // The message itself, and its three parts.
        assert!(parsed.parts().len() >= 4, "{text}");
        assert!(octets.is_ascii() && text.contains("Content-Transfer-Encoding: 7bit"), "{text}");
    }

    /// RFC 3461 sections 6.2 and 6.3: RET=FULL, and the recipient that was meant.
    #[test]
    fn what_was_asked_for_comes_back() {
        let failed = Delivery {
            recipient: "b@y".into(),
            state: Fate::Permanent,
            stage: "rcpt",
            code: Some(550),
            enhanced: None,
            text: "no".into(),
        };
        let meant =
            OriginalRecipient { address_type: "rfc822".into(), address: "orig@y.test".into() };
        let mut plan = Plan::empty();
        plan.message = super::super::spooled::Spooled::of(b"Subject: a\r\n\r\ntext\r\n".to_vec());
        let message = whole(&mut plan).expect("memory").expect("ASCII");
        let octets = compose(
            "a@x",
            0,
            None,
            Returned::Whole(&message),
            &|whose| (whose == "b@y").then_some(&meant),
            std::slice::from_ref(&failed),
        );
        let text = String::from_utf8(octets).expect("ASCII");
        assert!(
            text.contains(
                "\n\nOriginal-Recipient: rfc822; orig@y.test\nFinal-Recipient: rfc822; b@y\n"
            ),
            "{text}"
        );
        assert!(text.contains("Content-Type: message/rfc822\n\nSubject: a\n\ntext\n"), "{text}");
        plan.message = super::super::spooled::Spooled::of("A: b\n\n\u{fc}\n".into());
        assert_eq!(whole(&mut plan).expect("memory"), None);
    }

    #[test]
    fn only_the_text_for_people_has_octets_above_127() {
        let failed = Delivery {
            recipient: "j\u{fc}rgen@y.test".into(),
            state: Fate::Permanent,
            stage: "rcpt",
            code: Some(550),
            enhanced: Some("5.1.1".into()),
            text: "no such us\u{e9}r".into(),
        };
        for header in ["Subject: t\u{f6}\r\n\r\n".as_bytes(), b"Subject: t\xf6\r\nX\xf6: y\r\n\r\n"]
        {
            let octets = {
                let header = Returned::Header(header);
                compose("a@x.test", 0, None, header, &|_| None, std::slice::from_ref(&failed))
            };
            let text = String::from_utf8(octets).expect("text");
            let (people, machine) =
                text.split_once("Content-Type: message/delivery-status").expect("the part");
            assert!(machine.is_ascii(), "{text}");
            assert!(machine.contains("\nFinal-Recipient: utf-8; j\\x{FC}rgen@y.test\n"), "{text}");
            assert!(
                machine.contains("\nDiagnostic-Code: smtp; 550 5.1.1 no such us?r\n"),
                "{text}"
            );
            assert!(people.contains("no such us\u{e9}r"), "{text}");
            // RFC 2045 section 6.4: on the multipart and on its part.
            assert_eq!(people.matches("Content-Transfer-Encoding: 8bit").count(), 2, "{text}");
        }
    }

    /// RFC 3464 section 2.1: a message/delivery-status is 7bit, and may not be encoded; a server
    /// without 8BITMIME takes the report all the same.
    #[test]
    fn a_report_passes_a_server_without_8bitmime() {
        use super::super::fit::{self, Route};
        use super::super::plan::Plan;
        use super::super::spooled::Spooled;
        let failed = Delivery {
            recipient: "b@y.test".into(),
            state: Fate::Permanent,
            stage: "rcpt",
            code: Some(550),
            enhanced: None,
            text: "no such us\u{e9}r".into(),
        };
        let mut plan = Plan::empty();
        plan.message = Spooled::of(compose(
            "a@x.test",
            0,
            None,
            Returned::Header(b"A: b\n\n"),
            &|_| None,
            &[failed],
        ));
        let narrow = Route { eight_bit: false, binary: false, utf8_header: false };
        fit::fit(&mut plan, narrow).expect("fits");
        assert!(!plan.message.scan.eight_bit);
    }
}
