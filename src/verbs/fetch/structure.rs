//! The parts of a message as they are shown, from a server's BODYSTRUCTURE (RFC 9051 section
//! 7.5.2) or from the message itself, with the numbers by which IMAP fetches them.

use std::borrow::Cow;

use serde::Serialize;

use crate::imap::syntax::body::{Body, Extension, Parameters, Part};
use crate::message::listing;
use crate::message::structure::content::{self, Parameter};
use crate::message::structure::{self, Kind, Structure};
use crate::message::transfer::Encoding;

/// One part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its number; empty for a message that is a multipart.
    pub section: String,
    /// How many parts it is in.
    pub depth: usize,
    /// Its media type in lower case.
    pub content_type: String,
    /// The charset that it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charset: Option<String>,
    /// The file name that it gives itself, decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// Its disposition in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disposition: Option<String>,
    /// Its transfer encoding in lower case; `None` for a multipart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Its size in octets, encoded; `None` for a multipart. A server's word is a hint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub octets: Option<u64>,
    /// Where its content is that the message does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Node {
    /// Whether it holds octets of its own.
    pub fn is_leaf(&self) -> bool {
        self.octets.is_some() && !self.content_type.starts_with("message/")
    }

    /// Whether its disposition is `attachment`.
    pub fn is_attachment(&self) -> bool {
        self.disposition.as_deref() == Some("attachment")
    }

    /// How it is encoded.
    pub fn transfer(&self) -> Encoding {
        self.encoding
            .as_deref()
            .map_or(Encoding::Identity, |name| Encoding::from_value(name.as_bytes()))
    }

    /// As one line for people.
    pub fn line(&self) -> String {
        let section = if self.section.is_empty() { "-" } else { &self.section };
        let mut words = vec![self.content_type.clone()];
        words.extend(self.charset.clone());
        words.extend(self.encoding.clone());
        words.extend(self.octets.map(|octets| format!("{octets} octets")));
        words.extend(self.disposition.clone());
        words.extend(self.file_name.as_ref().map(|name| format!("{name:?}")));
        words.extend(self.url.as_ref().map(|url| format!("<{url}>")));
        format!("{}{section}  {}", "  ".repeat(self.depth), words.join(", "))
    }
}

/// The parts that a server told, the message itself first.
pub fn of_server(body: &Body<'_>) -> Vec<Node> {
    let mut found = Vec::new();
    collect(body, &[], 0, true, &mut found);
    found
}

fn collect(body: &Body<'_>, path: &[u32], depth: usize, is_message: bool, found: &mut Vec<Node>) {
    match body {
        Body::Multi(multipart) => {
            let nothing = Parameters::new();
            let (parameters, extension) = match &multipart.extension {
                Some((parameters, extension)) => (parameters, Some(extension)),
                None => (&nothing, None),
            };
            let kind = (Cow::Borrowed(&b"multipart"[..]), &*multipart.subtype);
            found.push(node(path, depth, (&kind.0, kind.1), parameters, extension));
            for (number, part) in (1..).zip(&multipart.parts) {
                let path = [path, &[number]].concat();
                collect(part, &path, depth + 1, false, found);
            }
        }
        Body::Single(part) => {
            let path = if is_message { [path, &[1]].concat() } else { path.to_vec() };
            found.push(of_part(part, &path, depth));
            if let Some(message) = &part.message {
                collect(&message.1, &path, depth + 1, true, found);
            }
        }
    }
}

fn of_part(part: &Part<'_>, path: &[u32], depth: usize) -> Node {
    let extension = part.extension.as_ref().map(|extension| &extension.common);
    let kind = (&*part.media_type, &*part.subtype);
    Node {
        encoding: Some(text(&part.encoding).to_lowercase()),
        octets: Some(part.size),
        ..node(path, depth, kind, &part.parameters, extension)
    }
}

fn node(
    path: &[u32],
    depth: usize,
    (kind, subtype): (&[u8], &[u8]),
    parameters: &Parameters<'_>,
    extension: Option<&Extension<'_>>,
) -> Node {
    let parameters = owned(parameters);
    let disposition = extension.and_then(|extension| extension.disposition.as_ref());
    let of_disposition = disposition.map(|(_, parameters)| owned(parameters)).unwrap_or_default();
    let content_type = format!("{}/{}", text(kind), text(subtype)).to_lowercase();
    Node {
        section: numbers(path),
        depth,
        charset: content::parameter(&parameters, "charset").filter(|name| !name.is_empty()),
        file_name: content::parameter(&of_disposition, "filename")
            .or_else(|| content::parameter(&parameters, "name"))
            .filter(|name| !name.is_empty()),
        disposition: disposition.map(|(kind, _)| text(kind).to_lowercase()),
        encoding: None,
        octets: None,
        url: listing::link(&content_type, &parameters),
        content_type,
    }
}

fn owned(parameters: &Parameters<'_>) -> Vec<Parameter> {
    parameters.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

fn numbers(path: &[u32]) -> String {
    path.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
}

/// The parts of a message at hand.
pub fn of_message(structure: &Structure) -> Vec<Node> {
    let mut depths = vec![0; structure.parts().len()];
    let mut found = Vec::with_capacity(structure.parts().len());
    for (id, part) in structure.parts().iter().enumerate() {
        if let Some(parent) = part.parent {
            depths[id] = depths[parent] + 1;
        }
        found.push(of_own(structure, id, part, depths[id]));
    }
    found
}

fn of_own(structure: &Structure, id: usize, part: &structure::Part, depth: usize) -> Node {
    let is_multipart = matches!(&part.kind, Kind::Multipart(parts) if !parts.is_empty());
    let content_type = part.content_type.essence();
    let encoding = part.encoding.as_deref().map_or("7bit".to_owned(), text);
    Node {
        section: numbers(&structure.path(id)),
        depth,
        charset: part.content_type.parameter("charset").filter(|name| !name.is_empty()),
        file_name: part.file_name(),
        disposition: part.disposition.as_ref().map(|(kind, _)| text(kind).to_lowercase()),
        encoding: (!is_multipart).then(|| encoding.to_lowercase()),
        octets: (!is_multipart).then(|| part.octets() as u64),
        url: listing::link(&content_type, &part.content_type.parameters),
        content_type,
    }
}

/// The part whose text a reader sees first: plain text before any other, no attachment.
pub fn readable(nodes: &[Node]) -> Option<&Node> {
    let shown = || nodes.iter().filter(|node| node.is_leaf() && !node.is_attachment());
    shown()
        .find(|node| node.content_type == "text/plain")
        .or_else(|| shown().find(|node| node.content_type.starts_with("text/")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::decode::Decoded;
    use crate::imap::syntax::response::{Data, Response, decode};

    const MESSAGE: &[u8] = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n\
--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>hi\r\n\
--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inside\r\n\
Content-Type: multipart/alternative; boundary=c\r\n\r\n\
--c\r\nContent-Type: text/plain\r\n\r\nhello\r\n--c--\r\n\r\n\
--b\r\nContent-Type: message/external-body; access-type=URL;\r\n url=\"https://example.org/\r\n \
big.iso\"\r\n\r\nContent-Type: application/octet-stream\r\n\r\n\r\n\
--b\r\nContent-Type: application/pdf; name=\"a b.pdf\"\r\n\
Content-Disposition: Attachment\r\nContent-Transfer-Encoding: BASE64\r\n\r\nAAAA\r\n--b--\r\n";

    /// What a server makes of [`MESSAGE`].
    const TOLD: &str = "((\"text\" \"html\" (\"charset\" \"utf-8\") NIL NIL \"7bit\" 5 0)\
(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 122 (NIL \"inside\" NIL NIL NIL NIL NIL NIL NIL NIL) \
((\"text\" \"plain\" NIL NIL NIL \"7bit\" 5 0) \"alternative\" (\"boundary\" \"c\") NIL NIL NIL) 7)\
(\"message\" \"external-body\" (\"access-type\" \"URL\" \"url\" \"https://example.org/ big.iso\") \
NIL NIL \"7bit\" 44)\
(\"application\" \"pdf\" (\"name\" \"a b.pdf\") NIL NIL \"BASE64\" 4 NIL (\"Attachment\" NIL) NIL)\
 \"mixed\" (\"boundary\" \"b\") NIL NIL NIL)";

    fn told() -> Vec<Node> {
        let line = format!("* 1 FETCH (BODYSTRUCTURE {TOLD})\r\n");
        match decode(line.as_bytes()) {
            Ok(Decoded::Done { value: Response::Untagged(Data::Fetch(fetch)), .. }) => {
                of_server(fetch.body_structure.as_ref().expect("a structure"))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_server_and_the_message_tell_the_same() {
        let lines = |nodes: Vec<Node>| -> Vec<String> {
            let nodes = nodes.into_iter().map(|node| Node { octets: None, ..node });
            nodes.map(|node| node.line()).collect()
        };
        let ours = lines(of_message(&structure::parse(MESSAGE)));
        assert_eq!(ours, lines(told()));
        let wanted = [
            "-  multipart/mixed",
            "  1  text/html, utf-8, 7bit",
            "  2  message/rfc822, 7bit",
            "    2  multipart/alternative",
            "      2.1  text/plain, 7bit",
            "  3  message/external-body, 7bit, <https://example.org/big.iso>",
            "  4  application/pdf, base64, attachment, \"a b.pdf\"",
        ];
        assert_eq!(ours, wanted);
    }

    #[test]
    fn plain_text_is_read_first() {
        assert_eq!(readable(&told()).map(|node| node.section.as_str()), Some("2.1"));
        let html = told().into_iter().filter(|node| node.content_type != "text/plain");
        let html: Vec<Node> = html.collect();
        assert_eq!(readable(&html).map(|node| node.section.as_str()), Some("1"));
        assert_eq!(readable(&[]), None);
    }
}
