//! A message made from its parts: header fields, a text, an HTML alternative, inline parts
//! and attachments (RFC 5322, RFC 2045 to 2047, RFC 2183, RFC 2231), over mail-builder.
//!
//! The same draft gives the same octets: date, Message-ID and the seed of the boundaries
//! come from the caller. Lines end with CRLF, text is UTF-8 and encoded so that it passes
//! any server. Bcc is written when it is given: remove it before the message leaves.

use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::mime::{BodyPart, MimePart};

use super::address::Mailbox;
use super::headers;
use crate::base::date::Zoned;

/// A message to be made.
#[derive(Debug, Clone)]
pub struct Draft {
    /// From; at least one.
    pub from: Vec<Mailbox>,
    /// Sender; wanted where From has more than one mailbox (RFC 5322 section 3.6.2).
    pub sender: Option<Mailbox>,
    /// To; no field is written for an empty list, here as below.
    pub to: Vec<Mailbox>,
    /// Cc.
    pub cc: Vec<Mailbox>,
    /// Bcc.
    pub bcc: Vec<Mailbox>,
    /// Reply-To.
    pub reply_to: Vec<Mailbox>,
    /// Subject; `None` writes no field.
    pub subject: Option<String>,
    /// The plain text, lines ended by LF or CRLF.
    pub text: Option<String>,
    /// The HTML.
    pub html: Option<String>,
    /// What the HTML refers to by `cid:`.
    pub inline: Vec<Inline>,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// More fields: name and value.
    pub headers: Vec<(String, String)>,
    /// Date, with the offset that it is shown in.
    pub date: Zoned,
    /// Message-ID without angle brackets, see [`message_id`].
    pub message_id: String,
    /// In-Reply-To, ids without angle brackets.
    pub in_reply_to: Vec<String>,
    /// References, oldest first, ids without angle brackets.
    pub references: Vec<String>,
    /// What makes the boundaries of this message unlike any text in it: some 16 or more
    /// random letters and digits.
    pub boundary_seed: String,
}

impl Draft {
    /// An empty draft: who, when, and what must be unique.
    pub fn new(from: Mailbox, date: Zoned, message_id: String, boundary_seed: String) -> Draft {
        Draft {
            from: vec![from],
            sender: None,
            to: Vec::new(),
            cc: Vec::new(),
            bcc: Vec::new(),
            reply_to: Vec::new(),
            subject: None,
            text: None,
            html: None,
            inline: Vec::new(),
            attachments: Vec::new(),
            headers: Vec::new(),
            date,
            message_id,
            in_reply_to: Vec::new(),
            references: Vec::new(),
            boundary_seed,
        }
    }
}

/// A file that goes along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The name that the receiver sees, without a path.
    pub file_name: String,
    /// The media type, `type/subtype`, perhaps with parameters.
    pub content_type: String,
    /// The file's octets. Those of a message/rfc822 must be a message with CRLF line ends.
    pub octets: Vec<u8>,
}

/// A part that is shown inside the HTML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inline {
    /// Content-ID without angle brackets: what stands behind `cid:`.
    pub content_id: String,
    /// The part itself; an empty file name writes none.
    pub file: Attachment,
}

/// Why no message can be made: each is a mistake of the caller or of its input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no From.
    #[error("a message needs a From address")]
    NoFrom,
    /// A field cannot be written.
    #[error(transparent)]
    Field(#[from] headers::Error),
    /// An address is empty or has a blank, a control character or an angle bracket in it.
    #[error("{addr:?} in {field} is no address that can be written")]
    Address {
        /// The field that it is for.
        field: &'static str,
        /// The address.
        addr: String,
    },
    /// A message id or content id is empty, or has a blank, a control character or an
    /// angle bracket in it.
    #[error("{id:?} is no message id")]
    Id {
        /// The id.
        id: String,
    },
    /// A file name has a control character in it.
    #[error("the file name {name:?} has a control character in it")]
    FileName {
        /// The name.
        name: String,
    },
    /// A media type is not `type/subtype`.
    #[error("{content_type:?} is no media type")]
    ContentType {
        /// The type as given.
        content_type: String,
    },
    /// The seed of the boundaries is empty or has something else than letters and digits.
    #[error("the boundary seed must be letters and digits")]
    Seed,
}

/// A Message-ID without angle brackets: 20 octets of randomness in base 32, at the domain
/// of the From address. `None` for the domain, or one that is not ASCII, gives
/// `localhost.invalid`: the name of this machine is nobody's business.
pub fn message_id(random: &[u8; 20], domain: Option<&str>) -> String {
    let fits = |domain: &&str| {
        !domain.is_empty()
            && domain.bytes().all(|octet| octet.is_ascii_alphanumeric() || b".-_".contains(&octet))
    };
    let domain = domain.filter(fits).unwrap_or("localhost.invalid");
    format!("{}@{domain}", base32(random))
}

/// Lower-case letters and digits, five bits each; 20 octets give 32 of them.
pub fn base32(octets: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut out = String::new();
    let mut bits: u32 = 0;
    let mut count = 0;
    for &octet in octets {
        bits = (bits << 8) | u32::from(octet);
        count += 8;
        while count >= 5 {
            count -= 5;
            let digit = (bits >> count) & 31;
            out.push(char::from(DIGITS[digit as usize]));
        }
        bits &= (1 << count) - 1;
    }
    if count > 0 {
        let digit = (bits << (5 - count)) & 31;
        out.push(char::from(DIGITS[digit as usize]));
    }
    out
}

/// Makes the message.
///
/// # Errors
/// Something in the draft cannot be written; nothing of it is written then.
pub fn compose(draft: &Draft) -> Result<Vec<u8>, Error> {
    check(draft)?;
    let mut builder = MessageBuilder::new().header("Date", Raw::new(draft.date.message()));
    for (name, list) in [
        ("From", &draft.from),
        ("Reply-To", &draft.reply_to),
        ("To", &draft.to),
        ("Cc", &draft.cc),
        ("Bcc", &draft.bcc),
    ] {
        if !list.is_empty() {
            builder = builder.header(name, addresses(list));
        }
        if name == "From"
            && let Some(sender) = &draft.sender
        {
            builder = builder.header("Sender", addresses(std::slice::from_ref(sender)));
        }
    }
    if let Some(subject) = &draft.subject {
        builder = builder.header("Subject", Text::new(subject.as_str()));
    }
    builder = builder.header("Message-ID", MessageId::new(draft.message_id.as_str()));
    for (name, ids) in [("In-Reply-To", &draft.in_reply_to), ("References", &draft.references)] {
        if !ids.is_empty() {
            let ids = ids.iter().map(String::as_str);
            builder = builder.header(name, MessageId::new_list(ids));
        }
    }
    for (name, value) in &draft.headers {
        builder = builder.header(name.as_str(), Text::new(value.as_str()));
    }
    builder = builder.header("MIME-Version", Raw::new("1.0"));
    let mut out = Vec::new();
    builder.body(body(draft)).serialize(&mut out);
    Ok(out)
}

fn addresses(list: &[Mailbox]) -> HeaderType<'_> {
    let all = list
        .iter()
        .map(|mailbox| Address::new_address(mailbox.name.as_deref(), mailbox.addr.as_str()));
    Address::new_list(all.collect()).into()
}

/// `mixed(alternative(text, related(html, inline…)), attachment…)`, each level only where
/// there is something in it.
fn body(draft: &Draft) -> MimePart<'_> {
    let mut boundaries = Boundaries { seed: &draft.boundary_seed, used: 0 };
    let text = draft.text.as_deref().map(|text| text_part("text/plain", text));
    let html = draft.html.as_deref().map(|html| text_part("text/html", html));
    let inline = || {
        draft.inline.iter().map(|inline| {
            let part = file(&inline.file, "inline");
            part.header("Content-ID", MessageId::new(inline.content_id.as_str()))
        })
    };
    let shown = match html {
        Some(html) if !draft.inline.is_empty() => {
            let parts = std::iter::once(html).chain(inline()).collect();
            Some(boundaries.multipart("multipart/related", parts))
        }
        other => other,
    };
    let readable = match (text, shown) {
        (Some(text), Some(shown)) => {
            boundaries.multipart("multipart/alternative", vec![text, shown])
        }
        (Some(text), None) => text,
        (None, Some(shown)) => shown,
        (None, None) => text_part("text/plain", ""),
    };
    let mut files: Vec<MimePart<'_>> = Vec::new();
    if draft.html.is_none() {
        // Without HTML to refer to them, inline parts go where attachments go.
        files.extend(inline());
    }
    files.extend(draft.attachments.iter().map(|one| file(one, "attachment")));
    if files.is_empty() {
        return readable;
    }
    let parts = std::iter::once(readable).chain(files).collect();
    boundaries.multipart("multipart/mixed", parts)
}

struct Boundaries<'a> {
    seed: &'a str,
    used: usize,
}

impl Boundaries<'_> {
    /// A multipart with a boundary of its own. `=_` cannot stand in quoted-printable or
    /// base64 (RFC 2045 section 6.7, note 5).
    fn multipart<'x>(&mut self, kind: &'x str, parts: Vec<MimePart<'x>>) -> MimePart<'x> {
        let boundary = format!("=_{}_{}", self.seed, self.used);
        self.used += 1;
        MimePart::new(ContentType::new(kind).attribute("boundary", boundary), parts)
    }
}

fn file<'x>(file: &'x Attachment, disposition: &'x str) -> MimePart<'x> {
    let (kind, parameters) = split_type(&file.content_type);
    let mut content_type = ContentType::new(kind);
    for (name, value) in parameters {
        content_type = content_type.attribute(name, value);
    }
    let mut shown = ContentType::new(disposition);
    if !file.file_name.is_empty() {
        shown = shown.attribute("filename", file.file_name.as_str());
    }
    if has_controls(&file.octets) && content_type.is_text() {
        return MimePart::new(content_type, base64_lines(&file.octets))
            .header("Content-Disposition", shown)
            .transfer_encoding("base64");
    }
    let part = MimePart::new(content_type, BodyPart::from(file.octets.as_slice()))
        .header("Content-Disposition", shown);
    if file.content_type.to_ascii_lowercase().starts_with("message/") {
        // RFC 2046 section 5.2.1: a message goes in 7bit, 8bit or binary only.
        let plain = if file.octets.is_ascii() { "7bit" } else { "8bit" };
        part.transfer_encoding(plain)
    } else {
        part
    }
}

/// A text with its line ends made CRLF.
fn text_part<'x>(kind: &'x str, text: &str) -> MimePart<'x> {
    let text = crlf(text);
    if has_controls(text.as_bytes()) {
        let content_type = ContentType::new(kind).attribute("charset", "utf-8");
        let octets = base64_lines(text.as_bytes());
        return MimePart::new(content_type, octets).transfer_encoding("base64");
    }
    MimePart::new(kind, text)
}

/// Whether there is NUL or a bare CR in it: neither passes as 7bit, and mail-builder
/// encodes neither in what it takes for text.
fn has_controls(octets: &[u8]) -> bool {
    memchr::memchr2_iter(0, b'\r', octets)
        .any(|at| octets[at] == 0 || octets.get(at + 1) != Some(&b'\n'))
}

/// Base64 in lines of 76 (RFC 2045 section 6.8), as octets that go out as they are.
fn base64_lines(octets: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(octets);
    let mut out = Vec::with_capacity(text.len() + text.len() / 38 + 2);
    for line in text.as_bytes().chunks(76) {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// The type in lower case, and its parameters decoded.
fn split_type(content_type: &str) -> (String, Vec<(String, String)>) {
    match super::structure::content::content_type(content_type.as_bytes()) {
        Some(parsed) => {
            let names = parsed.parameters.iter().map(|(name, _)| {
                String::from_utf8_lossy(name).split('*').next().unwrap_or_default().to_owned()
            });
            let mut parameters: Vec<(String, String)> = Vec::new();
            for name in names {
                if !parameters.iter().any(|(other, _)| other.eq_ignore_ascii_case(&name))
                    && let Some(value) = parsed.parameter(&name)
                {
                    parameters.push((name, value));
                }
            }
            (parsed.essence(), parameters)
        }
        None => ("application/octet-stream".to_owned(), Vec::new()),
    }
}

/// Line ends made CRLF; a bare CR is one too, and the last line gets one.
fn crlf(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 32 + 2);
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    for line in unified.split_inclusive('\n') {
        out.push_str(line.strip_suffix('\n').unwrap_or(line));
        out.push_str("\r\n");
    }
    out
}

fn check(draft: &Draft) -> Result<(), Error> {
    if draft.from.is_empty() {
        return Err(Error::NoFrom);
    }
    let sender: Vec<Mailbox> = draft.sender.iter().cloned().collect();
    for (field, list) in [
        ("From", &draft.from),
        ("Sender", &sender),
        ("To", &draft.to),
        ("Cc", &draft.cc),
        ("Bcc", &draft.bcc),
        ("Reply-To", &draft.reply_to),
    ] {
        for mailbox in list {
            if !is_writable_addr(&mailbox.addr) {
                return Err(Error::Address { field, addr: mailbox.addr.clone() });
            }
            headers::check(field, mailbox.name.as_deref().unwrap_or_default())?;
        }
    }
    headers::check("Subject", draft.subject.as_deref().unwrap_or_default())?;
    for (name, value) in &draft.headers {
        headers::check(name, value)?;
    }
    let ids = std::iter::once(&draft.message_id).chain(&draft.in_reply_to).chain(&draft.references);
    for id in ids.chain(draft.inline.iter().map(|inline| &inline.content_id)) {
        let bad = |c: char| c.is_whitespace() || c.is_control() || c == '<' || c == '>';
        if id.is_empty() || id.contains(bad) {
            return Err(Error::Id { id: id.clone() });
        }
    }
    for file in draft.attachments.iter().chain(draft.inline.iter().map(|inline| &inline.file)) {
        if file.file_name.chars().any(char::is_control) {
            return Err(Error::FileName { name: file.file_name.clone() });
        }
        let parsed = super::structure::content::content_type(file.content_type.as_bytes());
        let written =
            file.content_type.contains('/') && !file.content_type.contains(char::is_control);
        // A boundary would be ours to choose, and the parts inside ours to know.
        if parsed.is_none_or(|parsed| parsed.is_kind("multipart")) || !written {
            return Err(Error::ContentType { content_type: file.content_type.clone() });
        }
    }
    let seed = &draft.boundary_seed;
    if seed.is_empty()
        || seed.len() > 48
        || !seed.bytes().all(|octet| octet.is_ascii_alphanumeric())
    {
        return Err(Error::Seed);
    }
    Ok(())
}

/// Whether the address can stand between angle brackets. Blanks and specials may stand in
/// a quoted local part only.
fn is_writable_addr(addr: &str) -> bool {
    let (local, domain) = addr.rsplit_once('@').unwrap_or((addr, ""));
    let quoted = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let bad = |c: char| c.is_whitespace() || "<>()[]:;,\\\"".contains(c);
    let literal = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let local_fine = match quoted {
        Some(inner) => {
            let mut escaped = false;
            let open = inner.chars().any(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            !open && !escaped
        }
        None => !local.contains(bad),
    };
    let domain_fine = match literal {
        Some(inner) => !inner.contains(|c: char| c.is_whitespace() || "[]<>\\".contains(c)),
        None => !domain.contains(bad),
    };
    !addr.is_empty() && !addr.contains(char::is_control) && local_fine && domain_fine
}

#[cfg(test)]
mod tests;
