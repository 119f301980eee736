//! What a BODYSTRUCTURE says of each part, in the words of [`crate::message::facts`] (RFC 9051
//! section 7.5.2), so that a query about parts is answered without fetching one.

use super::syntax::body::{Body, Extension, Multipart, Parameters, Part};
use crate::message::facts::{PartFacts, charset_of};
use crate::message::listing::{self as message_listing, Listed};
use crate::message::structure::content::{self, Parameter};
use crate::message::transfer::Encoding;

/// The parts in the order of their numbers, the message itself first, and the parts of a
/// message inside behind the part that holds it.
pub fn part_facts(body: &Body<'_>) -> Vec<PartFacts> {
    let mut found = Vec::new();
    collect(body, &mut found);
    found
}

fn collect(body: &Body<'_>, found: &mut Vec<PartFacts>) {
    match body {
        Body::Single(part) => {
            found.push(of_part(part));
            if let Some(message) = &part.message {
                collect(&message.1, found);
            }
        }
        Body::Multi(multipart) => {
            found.push(of_multipart(multipart));
            for part in &multipart.parts {
                collect(part, found);
            }
        }
    }
}

fn of_part(part: &Part<'_>) -> PartFacts {
    let extension = part.extension.as_ref().map(|extension| &extension.common);
    let facts = of_parameters(&part.parameters, extension);
    let container = part.message.is_some();
    let content_type = essence(&part.media_type, &part.subtype);
    let charset = charset_of(&content_type, facts.charset);
    PartFacts { content_type, charset, container, ..facts }
}

fn of_multipart(multipart: &Multipart<'_>) -> PartFacts {
    let nothing = Parameters::new();
    let (parameters, extension) = match &multipart.extension {
        Some((parameters, extension)) => (parameters, Some(extension)),
        None => (&nothing, None),
    };
    let facts = of_parameters(parameters, extension);
    PartFacts { content_type: essence(b"multipart", &multipart.subtype), container: true, ..facts }
}

/// The parts that hold octets of their own, as [`crate::message::listing`] lists those of a
/// message at hand.
pub fn listing(body: &Body<'_>) -> Vec<Listed> {
    let mut found = Vec::new();
    match body {
        Body::Multi(multipart) if !multipart.parts.is_empty() => {
            list(multipart, &mut Vec::new(), &mut found);
        }
        // RFC 9051 section 6.4.5.1: a message that is no multipart has a part 1.
        Body::Single(part) => found.push(listed(part, "1".to_owned())),
        Body::Multi(_) => {}
    }
    found
}

fn list(multipart: &Multipart<'_>, path: &mut Vec<String>, found: &mut Vec<Listed>) {
    for (number, part) in multipart.parts.iter().enumerate() {
        path.push((number + 1).to_string());
        match part {
            Body::Multi(inner) => list(inner, path, found),
            Body::Single(part) => found.push(listed(part, path.join("."))),
        }
        path.pop();
    }
}

fn listed(part: &Part<'_>, section: String) -> Listed {
    let facts = of_part(part);
    Listed {
        section,
        link: message_listing::link(&facts.content_type, &owned(&part.parameters)),
        content_type: facts.content_type,
        file_name: facts.file_name,
        attachment: facts.attachment,
        encoding: Encoding::from_value(&part.encoding),
        octets: part.size,
    }
}

pub(super) fn essence(kind: &[u8], subtype: &[u8]) -> String {
    let text = |octets| String::from_utf8_lossy(octets).to_lowercase();
    format!("{}/{}", text(kind), text(subtype))
}

/// The file name that a part gives itself; `None` when it has none.
pub(super) fn file_name(part: &Part<'_>) -> Option<String> {
    let extension = part.extension.as_ref().map(|extension| &extension.common);
    of_parameters(&part.parameters, extension).file_name
}

fn of_parameters(parameters: &Parameters<'_>, extension: Option<&Extension<'_>>) -> PartFacts {
    let of_type = owned(parameters);
    let disposition = extension.and_then(|extension| extension.disposition.as_ref());
    let file_name = disposition
        .and_then(|(_, parameters)| content::parameter(&owned(parameters), "filename"))
        .or_else(|| content::parameter(&of_type, "name"))
        .filter(|name| !name.is_empty());
    PartFacts {
        content_type: String::new(),
        charset: content::parameter(&of_type, "charset").filter(|name| !name.is_empty()),
        file_name,
        attachment: disposition.is_some_and(|(kind, _)| kind.eq_ignore_ascii_case(b"attachment")),
        smime_type: content::parameter(&of_type, "smime-type").map(|kind| kind.to_lowercase()),
        container: false,
    }
}

pub(super) fn owned(parameters: &Parameters<'_>) -> Vec<Parameter> {
    parameters.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::decode::Decoded;
    use crate::imap::syntax::response::{Data, Response, decode};
    use crate::message::facts::Facts;

    /// The facts that a server's line gives.
    fn told(structure: &str) -> Vec<PartFacts> {
        let line = format!("* 1 FETCH (BODYSTRUCTURE {structure})\r\n");
        match decode(line.as_bytes()) {
            Ok(Decoded::Done { value: Response::Untagged(Data::Fetch(fetch)), .. }) => {
                part_facts(fetch.body_structure.as_ref().expect("a structure"))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_server_tells_what_the_message_tells() {
        let message = b"Content-Type: multipart/mixed; boundary=b\r\n\
\r\n\
--b\r\n\
Content-Type: Text/Plain; charset=UTF-8\r\n\
\r\n\
hello\r\n\
--b\r\n\
Content-Type: application/pdf; name=\"=?utf-8?Q?=C3=BC.pdf?=\"\r\n\
Content-Disposition: attachment\r\n\
\r\n\
AAAA\r\n\
--b\r\n\
Content-Type: message/rfc822\r\n\
\r\n\
Subject: inside\r\n\
Content-Type: application/pkcs7-mime; smime-type=Signed-Data\r\n\
\r\n\
x\r\n\
--b--\r\n";
        let structure = "((\"Text\" \"Plain\" (\"charset\" \"UTF-8\") NIL NIL \"7BIT\" 5 1)\
(\"APPLICATION\" \"PDF\" (\"name\" \"=?utf-8?Q?=C3=BC.pdf?=\") NIL NIL \"7BIT\" 4 NIL (\"ATTACHMENT\" NIL) NIL NIL)\
(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 80 (NIL \"inside\" NIL NIL NIL NIL NIL NIL NIL NIL) \
(\"APPLICATION\" \"PKCS7-MIME\" (\"SMIME-TYPE\" \"Signed-Data\") NIL NIL \"7BIT\" 1) 4) \
\"MIXED\" (\"boundary\" \"b\") NIL NIL NIL)";
        assert_eq!(told(structure), Facts::new(message).parts());
        let sections: Vec<(String, String, bool)> = listed_by(structure)
            .into_iter()
            .map(|part| (part.section.clone(), part.content_type.clone(), part.is_file()))
            .collect();
        let part = |section: &str, kind: &str, is_file| (section.into(), kind.into(), is_file);
        let wanted = [
            part("1", "text/plain", false),
            part("2", "application/pdf", true),
            part("3", "message/rfc822", true),
        ];
        assert_eq!(sections, wanted);
        let ours = crate::message::listing::parts(&crate::message::structure::parse(message));
        let without_sizes = |parts: Vec<Listed>| -> Vec<Listed> {
            parts.into_iter().map(|part| Listed { octets: 0, ..part }).collect()
        };
        assert_eq!(without_sizes(ours), without_sizes(listed_by(structure)));
    }

    /// The listing that a server's line gives.
    fn listed_by(structure: &str) -> Vec<Listed> {
        let line = format!("* 1 FETCH (BODYSTRUCTURE {structure})\r\n");
        match decode(line.as_bytes()) {
            Ok(Decoded::Done { value: Response::Untagged(Data::Fetch(fetch)), .. }) => {
                listing(fetch.body_structure.as_ref().expect("a structure"))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_single_part() {
        let facts = told("(\"TEXT\" \"HTML\" NIL NIL NIL \"BASE64\" 10 1)");
        assert_eq!(facts.len(), 1);
        assert_eq!(facts[0].content_type, "text/html");
        assert!(!facts[0].container);
        // Dovecot tells of the default, others do not.
        assert_eq!(facts[0].charset.as_deref(), Some("us-ascii"));
    }
}
