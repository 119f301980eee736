//! The report to a sender whose message was not delivered.
//!
//! RFC 3464 (message/delivery-status), RFC 6522 (multipart/report), RFC 3834 section 3.1.7
//! (Auto-Submitted). Of the message its header comes back.

use crate::base::date::Zoned;
use crate::message::compose::{base32, message_id};
use crate::message::headers;
use crate::open;
use crate::sasl::system_random;
use crate::store::{Delivery, Fate};

/// Octets of a header that come back.
const HEADER_OCTETS: usize = 64 * 1024;

/// Writes the report, in LF lines. `header` is the message's, `arrived` in seconds since 1970.
pub fn compose(
    sender: &str,
    arrived: i64,
    envid: Option<&str>,
    header: &[u8],
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
    let mut text = format!(
        "From: Mail Delivery <MAILER-DAEMON@{host}>\n\
         To: <{sender}>\n\
         Subject: Your message was not delivered\n\
         Date: {date}\n\
         Message-ID: <{id}>\n\
         Auto-Submitted: auto-replied\n\
         MIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status;\n\tboundary=\"{boundary}\"\n\
         \n\
         --{boundary}\n\
         Content-Type: text/plain; charset=utf-8\n\
         Content-Transfer-Encoding: 8bit\n\
         \n\
         Your message of {arrival}\n\
         was not delivered to:\n\n",
        date = now.message(),
    );
    for delivery in failed {
        let what = match delivery.state {
            Fate::Unknown => "it may have been delivered; nobody knows",
            Fate::Temporary => "tried for five days",
            Fate::Permanent | Fate::Delivered => "refused",
        };
        text.push_str(&format!("  {} ({what})\n", line(&delivery.recipient)));
        text.push_str(&format!("    {}\n", line(&delivery.text)));
    }
    text.push_str(&format!(
        "\n--{boundary}\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; {host}\n"
    ));
    if let Some(envid) = envid {
        text.push_str(&format!("Original-Envelope-Id: {}\n", line(envid)));
    }
    text.push_str(&format!("Arrival-Date: {arrival}\n"));
    for delivery in failed {
        let kind = if delivery.recipient.is_ascii() { "rfc822" } else { "utf-8" };
        let status = match (&delivery.enhanced, delivery.state) {
            (Some(enhanced), Fate::Permanent) => enhanced.as_str(),
            (_, Fate::Permanent | Fate::Delivered) => "5.0.0",
            // RFC 3463 section 3.5: delivery time expired.
            (_, Fate::Temporary) => "4.4.7",
            (_, Fate::Unknown) => "4.4.2",
        };
        text.push_str(&format!(
            "\nFinal-Recipient: {kind}; {}\nAction: failed\nStatus: {status}\n",
            line(&delivery.recipient)
        ));
        if let Some(code) = delivery.code {
            let said: String = line(&delivery.text).chars().take(800).collect();
            text.push_str(&format!("Diagnostic-Code: smtp; {code} {said}\n"));
        }
    }
    text.push_str(&format!("\n--{boundary}\nContent-Type: text/rfc822-headers\n\n"));
    let mut octets = text.into_bytes();
    let end = headers::fields_end(header).min(HEADER_OCTETS);
    let returned = header[..end].iter().filter(|octet| **octet != b'\r');
    octets.extend(returned);
    octets.extend_from_slice(format!("\n--{boundary}--\n").as_bytes());
    octets
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
        let octets = compose("a@x", 0, Some("id"), header, &[failed]);
        let text = String::from_utf8(octets.clone()).expect("text");
        assert!(text.contains("\nFinal-Recipient: rfc822; b@y\nAction: failed\nStatus: 5.1.1\n"));
        assert!(text.contains("Diagnostic-Code: smtp; 550 no such  Injected: yes"), "{text}");
        assert!(text.contains("Original-Envelope-Id: id\n"));
        assert!(text.contains("\nSubject: lost\n"));
        assert!(!text.contains("\nInjected"));
        let parsed = structure::parse(&octets);
        // The message itself, and its three parts.
        assert!(parsed.parts().len() >= 4, "{text}");
    }
}
