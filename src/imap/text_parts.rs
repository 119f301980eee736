//! Which parts of a message have text in them, by its BODYSTRUCTURE (RFC 9051 section 7.5.2), and
//! the sections by which each is asked for (section 6.4.5.1): so that text is looked for without
//! what has none.

use super::part_facts::{essence, file_name, owned};
use super::syntax::body::{Body, Part};
use super::syntax::fetch::{Section, SectionText};
use crate::message::apart::Held;
use crate::message::documents;
use crate::message::structure::content;
use crate::message::transfer::Encoding;

/// One part with text in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextPart {
    /// What to ask for.
    pub section: Section<'static>,
    /// What that is.
    pub held: Held,
    /// Its octets as they come; a hint, and 0 where the server does not tell.
    pub octets: u64,
}

/// The parts with text in them, in the order in which they stand, and the header of each message
/// inside the message. Documents, whose text is in a format of their own, are among them.
///
/// `None`: what is said of the message may not be what is there, and only the whole of it tells:
/// a multipart without parts, of which a BODYSTRUCTURE has to say that it has one, a text, or a
/// message whose type could not be read (Dovecot 2.3 says application/octet-stream of it).
pub fn text_parts(body: &Body<'_>) -> Option<Vec<TextPart>> {
    let mut found = Vec::new();
    (!is_odd(body) && collect(body, &mut Vec::new(), true, &mut found)).then_some(found)
}

/// Whether the type of a message may be one that could not be read.
fn is_odd(body: &Body<'_>) -> bool {
    match body {
        Body::Single(part) => {
            essence(&part.media_type, &part.subtype) == "application/octet-stream"
                && part.parameters.is_empty()
        }
        Body::Multi(_) => false,
    }
}

/// Whether a multipart may have no parts at all.
fn is_empty(parts: &[Body<'_>]) -> bool {
    match parts {
        [] => true,
        [Body::Single(part)] => essence(&part.media_type, &part.subtype) == "text/plain",
        _ => false,
    }
}

/// `is_message`: the body is that of the message `path`, which has no number of its own. Whether
/// all of it is what it is said to be.
fn collect(
    body: &Body<'_>,
    path: &mut Vec<u32>,
    is_message: bool,
    found: &mut Vec<TextPart>,
) -> bool {
    match body {
        Body::Multi(multipart) => {
            !is_empty(&multipart.parts)
                && (1..).zip(&multipart.parts).all(|(number, part)| {
                    path.push(number);
                    let is_sound = collect(part, path, false, found);
                    path.pop();
                    is_sound
                })
        }
        Body::Single(part) => single(part, path, is_message, found),
    }
}

fn single(
    part: &Part<'_>,
    path: &mut Vec<u32>,
    is_message: bool,
    found: &mut Vec<TextPart>,
) -> bool {
    let content_type = essence(&part.media_type, &part.subtype);
    let encoding = Encoding::from_value(&part.encoding);
    let text = if is_message { SectionText::Text } else { SectionText::All };
    let whole = Section { part: path.clone(), text };
    let mut add = |section, held, octets| found.push(TextPart { section, held, octets });
    let is_inner = matches!(content_type.as_str(), "message/rfc822" | "message/global");
    match &part.message {
        Some(inner) if is_inner && encoding == Encoding::Identity => {
            // The body of a message that is no multipart has the number 1.
            if is_message {
                path.push(1);
            }
            let section = Section { part: path.clone(), text: SectionText::Header };
            add(section, Held::Header, 0);
            let is_sound = !is_odd(&inner.1) && collect(&inner.1, path, true, found);
            if is_message {
                path.pop();
            }
            return is_sound;
        }
        _ if is_inner => add(whole, Held::Message { encoding }, part.size),
        _ if content_type.starts_with("text/") => {
            let charset = content::parameter(&owned(&part.parameters), "charset");
            let charset = charset.unwrap_or_default();
            let html = content_type == "text/html";
            add(whole, Held::Text { encoding, charset, html }, part.size);
        }
        _ => {
            if let Some(kind) = documents::kind(&content_type, || file_name(part)) {
                add(whole, Held::Document { encoding, kind }, part.size);
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::decode::Decoded;
    use crate::imap::syntax::response::{Data, Response, decode};

    fn sections(structure: &str) -> Vec<String> {
        told(structure).expect("sound")
    }

    fn told(structure: &str) -> Option<Vec<String>> {
        let line = format!("* 1 FETCH (BODYSTRUCTURE {structure})\r\n");
        let body = match decode(line.as_bytes()) {
            Ok(Decoded::Done { value: Response::Untagged(Data::Fetch(fetch)), .. }) => {
                text_parts(fetch.body_structure.as_ref().expect("a structure"))
            }
            other => panic!("{other:?}"),
        };
        let section = |part: TextPart| {
            let numbers: Vec<String> = part.section.part.iter().map(u32::to_string).collect();
            format!("{} {:?} {}", numbers.join("."), part.section.text, part.octets)
        };
        body.map(|parts| parts.into_iter().map(section).collect())
    }

    const PLAIN: &str = "(\"TEXT\" \"PLAIN\" (\"charset\" \"utf-8\") NIL NIL \"7BIT\" 5 1)";
    const IMAGE: &str = "(\"IMAGE\" \"PNG\" NIL NIL NIL \"BASE64\" 5000000)";

    #[test]
    fn parts_are_asked_for_by_their_numbers() {
        assert_eq!(sections(PLAIN), [" Text 5"]);
        let mixed = format!("({PLAIN}{IMAGE}({PLAIN}{PLAIN} \"ALTERNATIVE\") \"MIXED\")");
        assert_eq!(sections(&mixed), ["1 All 5", "3.1 All 5", "3.2 All 5"]);
        assert!(sections(IMAGE).is_empty());
    }

    #[test]
    fn messages_inside_are_looked_into() {
        let envelope = "(NIL \"x\" NIL NIL NIL NIL NIL NIL NIL NIL)";
        let holding = |body: &str| {
            format!("(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 80 {envelope} {body} 4)")
        };
        // RFC 9051 section 6.4.5.1, the example: parts 3 and 4.2 are messages.
        let inner = format!("({PLAIN}{IMAGE} \"MIXED\")");
        let mixed = format!("({PLAIN}{}{} \"MIXED\")", holding(&inner), holding(PLAIN));
        assert_eq!(
            sections(&mixed),
            ["1 All 5", "2 Header 0", "2.1 All 5", "3 Header 0", "3 Text 5"]
        );
        assert_eq!(sections(&holding(PLAIN)), ["1 Header 0", "1 Text 5"]);
        assert_eq!(
            sections(&holding(&holding(PLAIN))),
            ["1 Header 0", "1.1 Header 0", "1.1 Text 5"]
        );
        // Nobody looks into what is encoded but us.
        let encoded = holding(PLAIN).replacen("7BIT", "BASE64", 1);
        assert_eq!(sections(&format!("({encoded} \"MIXED\")")), ["1 All 80"]);
    }

    #[test]
    fn what_may_be_otherwise_is_not_taken_apart() {
        assert_eq!(told(&format!("({PLAIN} \"MIXED\")")), None);
        assert_eq!(told(&format!("({PLAIN}({PLAIN} \"MIXED\") \"MIXED\")")), None);
        assert_eq!(told("(\"APPLICATION\" \"OCTET-STREAM\" NIL NIL NIL \"7BIT\" 9)"), None);
        assert!(sections(&format!("({IMAGE} \"MIXED\")")).is_empty());
    }

    #[test]
    fn documents_are_known_by_type_or_name() {
        let document =
            "(\"APPLICATION\" \"OCTET-STREAM\" (\"name\" \"a.PDF\") NIL NIL \"BASE64\" 9)";
        assert_eq!(sections(&format!("({PLAIN}{document} \"MIXED\")")), ["1 All 5", "2 All 9"]);
    }
}
