//! A template and a table of people: one message for each.
//!
//! The table is CSV (RFC 4180) with a line of names, or JSON Lines; the template is a whole
//! message in which `{{name}}` stands for what the person has under that name. Values are
//! encoded as the place wants them: in an address field a name is quoted, in HTML markup is
//! escaped, in any other field text becomes encoded words. The table is checked to its end
//! before the first message is made.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use anyhow::Result;

use super::plan::{Author, Given, Plan};
use super::spooled::Spooled;
use crate::message::charset;
use crate::message::headers;
use crate::message::structure;
use crate::message::transfer::{self, Encoding};
use crate::message::words;
use crate::ui::{Exit, Failure};

/// Octets of a table or a template.
const FILE_OCTETS: u64 = 1024 * 1024 * 1024;

/// A person: name to value.
type Row = BTreeMap<String, String>;

/// The messages of a merge, in the order of the table: what single sending and bulk draw from.
pub struct Merge<'a> {
    rows: std::vec::IntoIter<(usize, Row)>,
    template: Template,
    given: Given<'a>,
    author: &'a Author,
    table: String,
}

impl<'a> Merge<'a> {
    /// Reads both files, and looks at every row.
    ///
    /// # Errors
    /// [`Failure`]: 66 for a file that is not there, 65 for one that is no table or no message,
    /// and for a row without something that the template names.
    pub fn new(
        table: &Path,
        template: &Path,
        given: Given<'a>,
        author: &'a Author,
    ) -> Result<Self> {
        let name = table.display().to_string();
        let template_name = template.display().to_string();
        let template = Template::parse(&read(template)?)
            .map_err(|why| Failure::new(Exit::Data, format!("{template_name}: {why}")))?;
        let text = charset::unlabelled(&read(table)?);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let is_json = table.extension().is_some_and(|ending| ending == "jsonl" || ending == "json");
        let rows = if is_json { json_lines(text) } else { csv(text) };
        let rows = rows.map_err(|(line, why)| {
            Failure::new(Exit::Data, format!("{name}, line {line}: {why}"))
        })?;
        for (line, row) in &rows {
            template
                .fill(row)
                .map_err(|why| Failure::new(Exit::Data, format!("{name}, line {line}: {why}")))?;
        }
        Ok(Self { rows: rows.into_iter(), template, given, author, table: name })
    }
}

impl Iterator for Merge<'_> {
    type Item = Result<Plan>;

    fn next(&mut self) -> Option<Result<Plan>> {
        let (line, row) = self.rows.next()?;
        let plan = match self.template.fill(&row) {
            Ok(octets) => Plan::of(Spooled::of(octets), self.given.clone(), self.author),
            Err(why) => Err(Failure::new(Exit::Data, why).into()),
        };
        Some(
            plan.map(|mut plan| {
                // It was made here: nothing of it was changed.
                plan.changes.clear();
                plan
            })
            .map_err(|error| error.context(format!("{}, line {line}", self.table))),
        )
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rows.size_hint()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let fault = |error: std::io::Error| {
        let exit = match error.kind() {
            std::io::ErrorKind::NotFound => Exit::NoInput,
            std::io::ErrorKind::PermissionDenied => Exit::NoPermission,
            _ => Exit::Io,
        };
        Failure::new(exit, format!("cannot read {}: {error}", path.display()))
    };
    let mut octets = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_OCTETS + 1).read_to_end(&mut octets))
        .map_err(fault)?;
    if octets.len() as u64 > FILE_OCTETS {
        let message = format!("{} has more than {FILE_OCTETS} octets", path.display());
        return Err(Failure::new(Exit::Data, message));
    }
    Ok(octets)
}

/// A row's place in the file, or what is wrong there.
type Rows = std::result::Result<Vec<(usize, Row)>, (usize, String)>;

/// One object a line; values are text, numbers, or true and false.
fn json_lines(text: &str) -> Rows {
    let mut rows = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let at = index + 1;
        if line.trim().is_empty() {
            continue;
        }
        let fault = |error: serde_json::Error| (at, format!("no JSON object: {error}"));
        let object: BTreeMap<String, &serde_json::value::RawValue> =
            serde_json::from_str(line).map_err(fault)?;
        let mut row = Row::new();
        for (name, written) in object {
            let value = match serde_json::from_str(written.get()).map_err(fault)? {
                serde_json::Value::String(text) => text,
                serde_json::Value::Null => String::new(),
                serde_json::Value::Bool(value) => value.to_string(),
                serde_json::Value::Number(number) => {
                    let text = number.to_string();
                    if written.get() != text {
                        // 1.50 is 1.5 to JSON, and a long one loses its end.
                        let why = format!("{name:?} is a number that reads {text}: quote it");
                        return Err((at, why));
                    }
                    text
                }
                _ => return Err((at, format!("{name:?} is a list or an object"))),
            };
            row.insert(name, value);
        }
        rows.push((at, row));
    }
    Ok(rows)
}

/// ```text
/// record  = field *(COMMA field)
/// field   = escaped / non-escaped
/// escaped = DQUOTE *(TEXTDATA / COMMA / CR / LF / 2DQUOTE) DQUOTE
/// ```
fn csv(text: &str) -> Rows {
    let mut records: Vec<(usize, Vec<String>)> = Vec::new();
    let (mut line, mut begun) = (1, 1);
    let mut record: Vec<String> = Vec::new();
    let mut field = String::new();
    let (mut is_quoted, mut was_quoted) = (false, false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        line += usize::from(character == '\n');
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' if is_quoted => (is_quoted, was_quoted) = (false, true),
            _ if is_quoted => field.push(character),
            '"' if field.is_empty() && !was_quoted => is_quoted = true,
            ',' => {
                record.push(std::mem::take(&mut field));
                was_quoted = false;
            }
            '\r' if characters.peek() == Some(&'\n') => {}
            '\n' => {
                record.push(std::mem::take(&mut field));
                was_quoted = false;
                records.push((begun, std::mem::take(&mut record)));
                begun = line;
            }
            _ if was_quoted => return Err((line, "text behind a quoted field".to_owned())),
            _ => field.push(character),
        }
    }
    if is_quoted {
        return Err((begun, "a quoted field does not end".to_owned()));
    }
    if !field.is_empty() || !record.is_empty() || was_quoted {
        record.push(field);
        records.push((begun, record));
    }
    records
        .retain(|(_, record)| record.len() > 1 || record.first().is_some_and(|it| !it.is_empty()));
    let mut records = records.into_iter();
    let Some((_, names)) = records.next() else {
        return Err((1, "no line of names".to_owned()));
    };
    let names: Vec<String> = names.iter().map(|name| name.trim().to_owned()).collect();
    if let Some(twice) = (1..names.len()).find(|at| names[..*at].contains(&names[*at])) {
        return Err((1, format!("two columns are called {:?}", names[twice])));
    }
    let mut rows = Vec::new();
    for (at, record) in records {
        if record.len() != names.len() {
            let message =
                format!("{} fields, and the line of names has {}", record.len(), names.len());
            return Err((at, message));
        }
        rows.push((at, names.iter().cloned().zip(record).collect()));
    }
    Ok(rows)
}

/// A template, cut at its marks.
#[derive(Debug)]
struct Template {
    fields: Vec<Field>,
    body: Vec<Piece>,
}

#[derive(Debug)]
struct Field {
    name: String,
    value: Vec<Piece>,
    is_addresses: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// The name, and where it stands.
    Mark(String, Place),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Plain,
    /// Between `<` and `>`, or next to an `@`: part of an address.
    Address,
    /// A phrase of an address field.
    Phrase,
    /// Inside quotation marks of an address field.
    Quoted,
    Html,
}

impl Template {
    fn parse(octets: &[u8]) -> Result<Self, String> {
        let Some(end) =
            headers::body_offset(octets).filter(|_| headers::begins_with_header(octets))
        else {
            return Err("no message: a header, an empty line, and a text".to_owned());
        };
        let mut fields = Vec::new();
        for field in headers::fields(octets) {
            if field.name.is_empty() {
                return Err(format!("no header field at octet {}", field.start));
            }
            let name = String::from_utf8_lossy(field.name).into_owned();
            let is_addresses = ["From", "Sender", "Reply-To", "To", "Cc", "Bcc"]
                .iter()
                .any(|known| field.is(known));
            let value = words::decode(field.value);
            let raw = String::from_utf8_lossy(&field.unfolded()).into_owned();
            // A field without marks stays as it is written.
            let value = if value.contains("{{") { value } else { raw };
            let pieces = pieces(&value, |before, behind| match is_addresses {
                true => address_place(before, behind),
                false => Place::Plain,
            })?;
            fields.push(Field { name, value: pieces, is_addresses });
        }
        let body = body(octets, end, &mut fields)?;
        Ok(Self { fields, body })
    }

    /// The message of one person.
    fn fill(&self, row: &Row) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        for field in &self.fields {
            let has_marks = field.value.iter().any(|piece| matches!(piece, Piece::Mark(..)));
            let mut value = filled(&field.value, row)?;
            if has_marks {
                if let Some(bad) = value.chars().find(|c| c.is_control()) {
                    return Err(format!("{}: the control character {bad:?}", field.name));
                }
                value = match field.is_addresses {
                    true => crate::message::address::mailboxes(value.as_bytes())
                        .map_err(|error| format!("{}: {value:?}: {error}", field.name))?
                        .iter()
                        .map(super::plan::written)
                        .collect::<Vec<_>>()
                        .join(", "),
                    false => words::encode(&value),
                };
            }
            out.extend(headers::encode(&field.name, &value, "\r\n").map_err(|it| it.to_string())?);
        }
        out.extend_from_slice(b"\r\n");
        let body = filled(&self.body, row)?;
        let has_type =
            self.fields.iter().any(|field| field.name.eq_ignore_ascii_case("Content-Type"));
        if !body.is_ascii() && !has_type {
            let label = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n";
            let at = out.len() - 2;
            out.splice(at..at, label.iter().copied());
        }
        out.extend_from_slice(body.as_bytes());
        Ok(out)
    }
}

/// The body, its text parts readable: what is encoded and holds marks is decoded.
fn body(octets: &[u8], end: usize, fields: &mut Vec<Field>) -> Result<Vec<Piece>, String> {
    let tree = structure::parse(octets);
    let mut all = Vec::new();
    let mut at = end;
    for (number, part) in tree.parts().iter().enumerate() {
        if part.kind != structure::Kind::Leaf || !part.content_type.is_kind("text") {
            continue;
        }
        let encoding = part.encoding.as_deref().map_or(Encoding::Identity, Encoding::from_value);
        let content = transfer::decode(encoding, octets.get(part.body.clone()).unwrap_or_default());
        if memchr::memmem::find(&content, b"{{").is_none() || part.body.start < at {
            continue;
        }
        let text = std::str::from_utf8(&content)
            .map_err(|_| format!("part {number} holds marks and is not UTF-8"))?;
        let html = part.content_type.is("text", "html");
        let place = if html { Place::Html } else { Place::Plain };
        let before = if encoding == Encoding::Identity {
            octets[at..part.body.start].to_vec()
        } else if number == 0 {
            fields.retain(|field| !field.name.eq_ignore_ascii_case("Content-Transfer-Encoding"));
            fields.push(Field {
                name: "Content-Transfer-Encoding".to_owned(),
                value: vec![Piece::Text("8bit".to_owned())],
                is_addresses: false,
            });
            Vec::new()
        } else {
            let mut before = octets[at..part.header.start].to_vec();
            let header = &octets[part.header.clone()];
            let (header, _) = headers::remove(header, &["Content-Transfer-Encoding"]);
            before.extend(b"Content-Transfer-Encoding: 8bit\r\n");
            before.extend(header);
            before
        };
        push_text(&mut all, String::from_utf8_lossy(&before).into_owned());
        all.extend(pieces(text, |_, _| place)?);
        at = part.body.end;
    }
    let rest =
        std::str::from_utf8(&octets[at..]).map_err(|_| "the template is not UTF-8".to_owned())?;
    push_text(&mut all, rest.to_owned());
    Ok(all)
}

fn push_text(all: &mut Vec<Piece>, text: String) {
    if !text.is_empty() {
        all.push(Piece::Text(text));
    }
}

fn pieces(text: &str, place: impl Fn(&str, &str) -> Place) -> Result<Vec<Piece>, String> {
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find("{{") {
        let start = at + found;
        let end = text[start..]
            .find("}}")
            .map(|end| start + end)
            .ok_or_else(|| "a {{ without its }}".to_owned())?;
        push_text(&mut all, text[at..start].to_owned());
        let name = text[start + 2..end].trim().to_owned();
        if name.is_empty() || name.contains(['\n', '{']) {
            return Err(format!("{{{{{name}}}}} names nothing"));
        }
        all.push(Piece::Mark(name, place(&text[..start], &text[end + 2..])));
        at = end + 2;
    }
    push_text(&mut all, text[at..].to_owned());
    Ok(all)
}

fn address_place(before: &str, behind: &str) -> Place {
    let quotes = before.bytes().filter(|octet| *octet == b'"').count();
    let open = before.rfind('<').is_some_and(|at| !before[at..].contains('>'));
    if quotes % 2 == 1 {
        Place::Quoted
    } else if open || before.ends_with('@') || behind.starts_with('@') {
        Place::Address
    } else if !behind.trim_start().starts_with('<') {
        // Alone between commas: an address as it stands.
        Place::Address
    } else {
        Place::Phrase
    }
}

fn filled(pieces: &[Piece], row: &Row) -> Result<String, String> {
    let mut out = String::new();
    for piece in pieces {
        let (name, place) = match piece {
            Piece::Text(text) => {
                out.push_str(text);
                continue;
            }
            Piece::Mark(name, place) => (name, place),
        };
        let value = row.get(name).ok_or_else(|| format!("nothing for {{{{{name}}}}}"))?;
        match place {
            Place::Plain => out.push_str(value),
            Place::Address => {
                // One address takes the place of one mark: no list, no other header.
                if value.trim().is_empty() || value.contains([',', '<', '>', ';', '"', '\r', '\n'])
                {
                    return Err(format!("{name} is no address: {value:?}"));
                }
                out.push_str(value.trim());
            }
            Place::Phrase => out.push_str(&format!("\"{}\"", quoted(value))),
            Place::Quoted => out.push_str(&quoted(value)),
            Place::Html => {
                for character in value.chars() {
                    match character {
                        '&' => out.push_str("&amp;"),
                        '<' => out.push_str("&lt;"),
                        '>' => out.push_str("&gt;"),
                        '"' => out.push_str("&quot;"),
                        other => out.push(other),
                    }
                }
            }
        }
    }
    Ok(out)
}

fn quoted(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pairs: &[(&str, &str)]) -> Row {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn fill(template: &str, pairs: &[(&str, &str)]) -> Result<String, String> {
        let template = Template::parse(template.as_bytes())?;
        Ok(String::from_utf8(template.fill(&row(pairs))?).expect("UTF-8"))
    }

    #[test]
    fn tables_are_read() {
        let text = "email,name\r\na@x,\"Ann, \"\"the\"\" boss\"\n\nb@x,\"two\nlines\"\n";
        let rows = csv(text).expect("a table");
        assert_eq!(rows[0], (2, row(&[("email", "a@x"), ("name", "Ann, \"the\" boss")])));
        assert_eq!(rows[1], (4, row(&[("email", "b@x"), ("name", "two\nlines")])));
        assert_eq!(csv("a,b\n1\n").expect_err("short").0, 2);
        assert_eq!(csv("a\n\"x").expect_err("open").0, 2);
        assert!(csv("").is_err());
        let rows =
            json_lines("{\"n\": 7, \"t\": \"x\", \"e\": null}\n\n{\"t\": true}\n").expect("rows");
        assert_eq!(rows[0], (1, row(&[("n", "7"), ("t", "x"), ("e", "")])));
        assert_eq!(rows[1].0, 3);
        assert_eq!(json_lines("{}\n[]\n").expect_err("a list").0, 2);
    }

    const LETTER: &str =
        "From: a@x\nTo: {{name}} <{{email}}>\nSubject: Hello {{ name }}\n\nDear {{name}},\n{{x}}\n";

    #[test]
    fn nothing_of_a_table_is_guessed_or_dropped() {
        assert!(csv("a,b,a\n1,2,3\n").is_err(), "two columns of one name");
        let number = |text: &str| {
            json_lines(&format!("{{\"n\": {text}}}")).map(|rows| rows[0].1["n"].clone())
        };
        for text in ["1", "-7", "0.25", "18446744073709551615"] {
            assert_eq!(number(text).as_deref(), Ok(text));
        }
        for text in ["1.50", "1e3", "123456789012345678901234567890"] {
            assert!(number(text).is_err_and(|(_, why)| why.contains("quote it")), "{text}");
        }
    }

    #[test]
    fn values_are_encoded_as_their_place_wants_it() {
        let person = [("name", "M\u{fc}ller, J\u{f6}rg"), ("email", "j@x"), ("x", "a\nb")];
        let out = fill(LETTER, &person).expect("filled");
        assert!(out.contains("Subject: =?utf-8?B?"), "{out}");
        assert!(out.contains("charset=utf-8"), "{out}");
        assert!(out.ends_with("\r\n\r\nDear M\u{fc}ller, J\u{f6}rg,\na\nb\n"), "{out}");
        let to = headers::find(out.as_bytes(), "To").expect("a To");
        let to = crate::message::address::mailbox(to.value).expect("one mailbox");
        assert_eq!((to.name.as_deref(), to.addr.as_str()), (Some("M\u{fc}ller, J\u{f6}rg"), "j@x"));
    }

    #[test]
    fn no_value_forges_a_header_or_a_recipient() {
        let of =
            |name: &str, email: &str| fill(LETTER, &[("name", name), ("email", email), ("x", "")]);
        for (name, email) in [
            ("a\r\nBcc: evil@x", "j@x"),
            ("a", "j@x, evil@x"),
            ("a", "j@x> , <evil@x"),
            ("a", "j@x\r\nBcc: evil@x"),
            ("a", ""),
        ] {
            assert!(of(name, email).is_err(), "{name:?} {email:?}");
        }
        let out = of("x\" <evil@x>, \"y", "j@x").expect("quoted");
        let to = headers::find(out.as_bytes(), "To").expect("a To");
        let found = crate::message::address::mailboxes(to.value).expect("a list");
        assert_eq!(found.iter().map(|it| it.addr.as_str()).collect::<Vec<_>>(), ["j@x"]);
        assert_eq!(fill(LETTER, &[]).expect_err("missing"), "nothing for {{name}}");
        assert!(fill("A: {{b\n\n", &[]).is_err());
        assert!(fill("no header", &[]).is_err());
    }

    #[test]
    fn html_is_escaped_and_encoded_parts_are_opened() {
        let template = "To: {{to}}\nContent-Type: multipart/alternative; boundary=b\n\n\
            --b\nContent-Transfer-Encoding: quoted-printable\nContent-Type: text/plain; charset=utf-8\n\n\
            Gr=C3=BC=C3=9Fe {{name=\n}}\n--b\nContent-Type: text/html\n\n<p>{{name}}</p>\n--b--\n";
        let out = fill(template, &[("to", "a@x"), ("name", "<A&B>")]).expect("filled");
        assert!(
            out.contains(
                "8bit\r\nContent-Type: text/plain; charset=utf-8\n\nGr\u{fc}\u{df}e <A&B>\n"
            ),
            "{out}"
        );
        assert!(out.contains("<p>&lt;A&amp;B&gt;</p>\n--b--\n"), "{out}");
        assert!(!out.contains("quoted-printable"), "{out}");
    }
}
