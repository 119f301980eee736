//! `--envelope`: who wrote to whom, when and about what, from a server's ENVELOPE (RFC 9051
//! section 7.5.2) or from the header itself, decoded.

use serde::Serialize;

use crate::imap::syntax::body;
use crate::message::address::{Element, Mailbox};
use crate::message::structure::Envelope;
use crate::message::words;

/// One address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    address: String,
}

/// An envelope, decoded. What is not there is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Letterhead {
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    from: Vec<Person>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sender: Vec<Person>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reply_to: Vec<Person>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    to: Vec<Person>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cc: Vec<Person>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bcc: Vec<Person>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_reply_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
}

fn plain(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

impl Letterhead {
    /// What a server told.
    pub fn of_server(envelope: &body::Envelope<'_>) -> Self {
        let people = |list: &[body::Address<'_>]| -> Vec<Person> {
            // Without a host it is the beginning or the end of a group.
            let found = list.iter().filter_map(|address| {
                let (mailbox, host) = (address.mailbox.as_ref()?, address.host.as_ref()?);
                let name = address.name.as_deref().map(words::decode);
                let address = match host.is_empty() {
                    true => plain(mailbox),
                    false => format!("{}@{}", plain(mailbox), plain(host)),
                };
                Some(Person { name: name.filter(|name| !name.is_empty()), address })
            });
            found.collect()
        };
        Self {
            date: envelope.date.as_deref().map(plain),
            subject: envelope.subject.as_deref().map(words::decode),
            from: people(&envelope.from),
            sender: people(&envelope.sender),
            reply_to: people(&envelope.reply_to),
            to: people(&envelope.to),
            cc: people(&envelope.cc),
            bcc: people(&envelope.bcc),
            in_reply_to: envelope.in_reply_to.as_deref().map(plain),
            message_id: envelope.message_id.as_deref().map(plain),
        }
    }

    /// What a message's header says.
    pub fn of_message(envelope: &Envelope) -> Self {
        let people = |list: &[Element]| -> Vec<Person> {
            let found = list.iter().filter_map(|element| match element {
                Element::Mailbox(parts) => {
                    let Mailbox { name, addr } = parts.to_mailbox();
                    Some(Person { name, address: addr })
                }
                Element::GroupStart(_) | Element::GroupEnd => None,
            });
            found.collect()
        };
        Self {
            date: envelope.date.as_deref().map(plain),
            subject: envelope.subject.as_deref().map(words::decode),
            from: people(&envelope.from),
            sender: people(&envelope.sender),
            reply_to: people(&envelope.reply_to),
            to: people(&envelope.to),
            cc: people(&envelope.cc),
            bcc: people(&envelope.bcc),
            in_reply_to: envelope.in_reply_to.as_deref().map(plain),
            message_id: envelope.message_id.as_deref().map(plain),
        }
    }

    /// As lines for people, one a field.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut text = |name: &str, value: &Option<String>| {
            if let Some(value) = value {
                lines.push(format!("{name}: {value}"));
            }
        };
        text("Date", &self.date);
        text("Subject", &self.subject);
        text("Message-ID", &self.message_id);
        text("In-Reply-To", &self.in_reply_to);
        for (name, people) in [
            ("From", &self.from),
            ("Sender", &self.sender),
            ("Reply-To", &self.reply_to),
            ("To", &self.to),
            ("Cc", &self.cc),
            ("Bcc", &self.bcc),
        ] {
            // Servers repeat From where the message has neither of the two.
            let is_default = name != "From" && *people == self.from;
            if people.is_empty() || (is_default && matches!(name, "Sender" | "Reply-To")) {
                continue;
            }
            let people: Vec<String> = people
                .iter()
                .map(|Person { name, address }| {
                    Mailbox { name: name.clone(), addr: address.clone() }.to_string()
                })
                .collect();
            lines.push(format!("{name}: {}", people.join(", ")));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::decode::Decoded;
    use crate::imap::syntax::response::{Data, Response, decode};

    #[test]
    fn the_server_s_envelope_is_the_message_s() {
        let header = b"Date: Tue, 3 Mar 2026 10:00:00 +0000\r\n\
            Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\
            From: =?utf-8?Q?J=C3=B8rn?= <j@x.org>\r\nTo: group: a@x.org, b@x.org;, c@x.org\r\n\
            Message-ID: <one@x.org>\r\n\r\n";
        let line = "* 1 FETCH (ENVELOPE (\"Tue, 3 Mar 2026 10:00:00 +0000\" \
            \"=?utf-8?Q?Gr=C3=BC=C3=9Fe?=\" ((\"=?utf-8?Q?J=C3=B8rn?=\" NIL \"j\" \"x.org\")) \
            ((\"=?utf-8?Q?J=C3=B8rn?=\" NIL \"j\" \"x.org\")) \
            ((\"=?utf-8?Q?J=C3=B8rn?=\" NIL \"j\" \"x.org\")) \
            ((NIL NIL \"group\" NIL)(NIL NIL \"a\" \"x.org\")(NIL NIL \"b\" \"x.org\")\
            (NIL NIL NIL NIL)(NIL NIL \"c\" \"x.org\")) NIL NIL NIL \"<one@x.org>\"))\r\n";
        let Ok(Decoded::Done { value: Response::Untagged(Data::Fetch(fetch)), .. }) =
            decode(line.as_bytes())
        else {
            panic!("no envelope");
        };
        let told = Letterhead::of_server(fetch.envelope.as_ref().expect("one"));
        assert_eq!(told, Letterhead::of_message(&Envelope::from_header(header)));
        let wanted = [
            "Date: Tue, 3 Mar 2026 10:00:00 +0000",
            "Subject: Grüße",
            "Message-ID: <one@x.org>",
            "From: Jørn <j@x.org>",
            "To: a@x.org, b@x.org, c@x.org",
        ];
        // The quotation of a name that is not ASCII is the address room's.
        let lines: Vec<String> = told.lines().iter().map(|line| line.replace('"', "")).collect();
        assert_eq!(lines, wanted);
    }
}
