//! The parts of a message by the numbers that IMAP has for them: what can be fetched by itself,
//! and how each is decoded.

use super::structure::content::{self, Parameter};
use super::structure::{Kind, Structure};
use super::transfer::Encoding;

/// One part that holds octets of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its number, such as `1.2`.
    pub section: String,
    /// Its media type in lower case.
    pub content_type: String,
    /// The file name that it gives itself, decoded, as it stands: not safe as a path.
    pub file_name: Option<String>,
    /// Whether its disposition is `attachment`.
    pub attachment: bool,
    /// How it is encoded.
    pub encoding: Encoding,
    /// Its size in octets, encoded; a hint where a server told it.
    pub octets: u64,
    /// Where the content is that the message does not hold: `message/external-body` with
    /// `access-type=url` (RFC 2017), as it stands there; `None` for every other part.
    pub link: Option<String>,
}

/// The URL of an external body by the parameters of its type; blanks in it are folding
/// (RFC 2017 section 3).
pub fn link(content_type: &str, parameters: &[Parameter]) -> Option<String> {
    if !content_type.eq_ignore_ascii_case("message/external-body") {
        return None;
    }
    let kind = content::parameter(parameters, "access-type")?;
    let url = content::parameter(parameters, "url").filter(|_| kind.eq_ignore_ascii_case("url"))?;
    let url: String = url.chars().filter(|c| !c.is_whitespace()).collect();
    (!url.is_empty()).then_some(url)
}

impl Listed {
    /// Whether a reader of mail would show it as a file: it is an attachment, or has a name, or
    /// is a message.
    pub fn is_file(&self) -> bool {
        self.attachment || self.file_name.is_some() || self.content_type.starts_with("message/")
    }
}

/// The parts of a message in the order of their numbers; those inside an attached message are
/// not taken apart.
pub fn parts(structure: &Structure) -> Vec<Listed> {
    let mut inside = vec![false; structure.parts().len()];
    let mut found = Vec::new();
    for (id, part) in structure.parts().iter().enumerate() {
        if let Some(parent) = part.parent {
            let holds_message = matches!(structure.part(parent).kind, Kind::Message(_));
            inside[id] = inside[parent] || holds_message;
        }
        if inside[id] || matches!(&part.kind, Kind::Multipart(parts) if !parts.is_empty()) {
            continue;
        }
        let numbers: Vec<String> = structure.path(id).iter().map(u32::to_string).collect();
        let encoding = part.encoding.as_deref().map_or(Encoding::Identity, Encoding::from_value);
        found.push(Listed {
            section: numbers.join("."),
            content_type: part.content_type.essence().to_lowercase(),
            file_name: part.file_name(),
            attachment: part.is_attachment(),
            encoding,
            octets: part.octets() as u64,
            link: link(&part.content_type.essence(), &part.content_type.parameters),
        });
    }
    found
}
