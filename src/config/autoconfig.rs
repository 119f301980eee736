//! Thunderbird's autoconfig documents (`config-v1.1.xml`,
//! <https://wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat>), Outlook's
//! autodiscover answers (Microsoft's MS-OXDSCLI section 2.2.4), and as much XML as both need: elements, attributes, text, comments, CDATA, the predefined entities. A DTD is
//! refused, and with it every way to make a small document large.

use crate::base::limits;

/// Elements of one document.
const ELEMENTS: usize = 5_000;

/// A server that a document names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// `imap`, `pop3` or `smtp`.
    pub kind: String,
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// TLS from the start; else STARTTLS.
    pub implicit_tls: bool,
    /// The login name.
    pub user: Option<String>,
    /// Whether it takes OAuth tokens.
    pub oauth: bool,
}

/// What is wrong with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such document: {0}")]
pub struct Error(&'static str);

/// The servers in a document, in its order, for the owner of an address. Servers without TLS
/// are left out, as are protocols that we do not speak.
///
/// # Errors
/// [`Error`] for what is no XML, or another document.
pub fn servers(text: &str, address: &str) -> Result<Vec<Server>, Error> {
    let root = parse(text)?;
    if root.name != "clientConfig" {
        return Err(Error("another root element"));
    }
    let (local, domain) = address.rsplit_once('@').ok_or(Error("no address to fill in"))?;
    let filled = |text: &str| {
        text.trim()
            .replace("%EMAILADDRESS%", address)
            .replace("%EMAILLOCALPART%", local)
            .replace("%EMAILDOMAIN%", domain)
    };
    let mut servers = Vec::new();
    for provider in root.children.iter().filter(|child| child.name == "emailProvider") {
        for element in &provider.children {
            let is_server = matches!(element.name.as_str(), "incomingServer" | "outgoingServer");
            let Some(kind) = element.attribute("type").filter(|_| is_server) else { continue };
            let text = |name: &str| element.child(name).map(|child| filled(&child.text));
            let implicit_tls = match text("socketType").as_deref() {
                Some("SSL") => true,
                Some("STARTTLS") => false,
                _ => continue,
            };
            let (Some(host), Some(Ok(port))) =
                (text("hostname"), text("port").map(|port| port.parse::<u16>()))
            else {
                continue;
            };
            if !is_host(&host) || port == 0 || !matches!(kind, "imap" | "pop3" | "smtp") {
                continue;
            }
            let user = text("username")
                .filter(|user| !user.is_empty() && !user.contains(|c: char| c.is_control()));
            let mut ways = element.children.iter().filter(|child| child.name == "authentication");
            let oauth = ways.any(|way| way.text.trim() == "OAuth2");
            servers.push(Server { kind: kind.to_owned(), host, port, implicit_tls, user, oauth });
        }
    }
    Ok(servers)
}

/// What an autodiscover answer says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Discovered {
    /// Servers, as in [`servers`].
    pub servers: Vec<Server>,
    /// The URL or address at which to ask again; `None`: it answers itself.
    pub elsewhere: Option<String>,
    /// An error that it tells in place of an answer, in its words.
    pub error: Option<String>,
}

/// Reads an autodiscover answer for the owner of an address. Exchange's own protocols are left
/// out, as are servers without TLS.
///
/// # Errors
/// [`Error`] for what is no XML, or another document.
pub fn discovered(text: &str, address: &str) -> Result<Discovered, Error> {
    let root = parse(text)?;
    let response = root.child("Response").filter(|_| root.name == "Autodiscover");
    let response = response.ok_or(Error("no Response of Autodiscover"))?;
    let mut found = Discovered::default();
    let said = |element: &Element, name: &str| {
        element.child(name).map(|child| child.text.trim().to_owned()).filter(|it| !it.is_empty())
    };
    if let Some(error) = response.child("Error") {
        let words = said(error, "Message").or_else(|| said(error, "ErrorCode"));
        found.error = Some(words.unwrap_or_else(|| "an error without words".into()));
        return Ok(found);
    }
    let account = response.child("Account").ok_or(Error("no Account"))?;
    found.elsewhere = said(account, "RedirectUrl").or_else(|| said(account, "RedirectAddr"));
    for element in account.children.iter().filter(|child| child.name == "Protocol") {
        let kind = match said(element, "Type").map(|kind| kind.to_ascii_uppercase()).as_deref() {
            Some("IMAP") => "imap",
            Some("POP3") => "pop3",
            Some("SMTP") => "smtp",
            _ => continue,
        };
        let is_off = said(element, "SSL").is_some_and(|it| it.eq_ignore_ascii_case("off"));
        let encryption = said(element, "Encryption").map(|it| it.to_ascii_uppercase());
        // SSL is on where it is not said; Encryption takes its place (section 2.2.4.1.1.2.6).
        let implicit_tls = match (encryption.as_deref(), is_off) {
            (Some("TLS"), _) => false,
            (Some("SSL"), _) | (None | Some("AUTO"), false) => true,
            _ => continue,
        };
        let (Some(host), Some(Ok(port))) =
            (said(element, "Server"), said(element, "Port").map(|port| port.parse::<u16>()))
        else {
            continue;
        };
        if !is_host(&host) || port == 0 {
            continue;
        }
        let user = said(element, "LoginName").or_else(|| Some(address.to_owned()));
        let user = user.filter(|user| !user.contains(|c: char| c.is_control()));
        let kind = kind.to_owned();
        found.servers.push(Server { kind, host, port, implicit_tls, user, oauth: false });
    }
    Ok(found)
}

/// Whether it is a name as DNS has them.
pub fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() < 64
            && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet))
    };
    text.len() < 254 && text.contains('.') && text.split('.').all(is_label)
        || text.eq_ignore_ascii_case("localhost")
}

#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }
}

fn parse(text: &str) -> Result<Element, Error> {
    let mut rest = text.trim_start_matches('\u{feff}');
    let mut open: Vec<Element> = Vec::new();
    let mut count = 0;
    loop {
        let Some(at) = rest.find('<') else { return Err(Error("it ends too early")) };
        let (before, tag) = rest.split_at(at);
        if let Some(parent) = open.last_mut() {
            parent.text.push_str(&unescaped(before)?);
        } else if !before.trim().is_empty() {
            return Err(Error("text outside its root element"));
        }
        if let Some(inner) = tag.strip_prefix("<!--") {
            rest = inner.split_once("-->").ok_or(Error("a comment without end"))?.1;
            continue;
        }
        if let Some(inner) = tag.strip_prefix("<![CDATA[") {
            let (data, after) = inner.split_once("]]>").ok_or(Error("CDATA without end"))?;
            open.last_mut().ok_or(Error("CDATA outside its root element"))?.text.push_str(data);
            rest = after;
            continue;
        }
        if let Some(inner) = tag.strip_prefix("<?") {
            rest = inner.split_once("?>").ok_or(Error("an instruction without end"))?.1;
            continue;
        }
        if tag.starts_with("<!") {
            return Err(Error("it has a DTD"));
        }
        if let Some(inner) = tag.strip_prefix("</") {
            let (name, after) = inner.split_once('>').ok_or(Error("a tag without end"))?;
            let element = open.pop().ok_or(Error("an end without a start"))?;
            if element.name != name.trim_end() {
                return Err(Error("elements that overlap"));
            }
            rest = after;
            match open.last_mut() {
                Some(parent) => parent.children.push(element),
                None => return Ok(element),
            }
            continue;
        }
        count += 1;
        if count > ELEMENTS || open.len() >= limits::NESTING {
            return Err(Error("too many elements"));
        }
        let (element, is_empty, after) = start_tag(&tag[1..])?;
        rest = after;
        match (is_empty, open.last_mut()) {
            (false, _) => open.push(element),
            (true, Some(parent)) => parent.children.push(element),
            (true, None) => return Ok(element),
        }
    }
}

/// What stands behind `<`, to behind `>`: the element, whether it ends at once, the rest.
fn start_tag(text: &str) -> Result<(Element, bool, &str), Error> {
    let is_name_end = |c: char| c.is_whitespace() || matches!(c, '>' | '/' | '=');
    let end = text.find(is_name_end).ok_or(Error("a tag without end"))?;
    let (name, mut rest) = text.split_at(end);
    if name.is_empty() {
        return Err(Error("a tag without a name"));
    }
    let mut element = Element { name: name.to_owned(), ..Element::default() };
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('>') {
            return Ok((element, false, after));
        }
        if let Some(after) = rest.strip_prefix("/>") {
            return Ok((element, true, after));
        }
        let end = rest.find(is_name_end).filter(|end| *end > 0).ok_or(Error("a broken tag"))?;
        let (name, after) = rest.split_at(end);
        let value = after.trim_start().strip_prefix('=').ok_or(Error("an attribute without ="))?;
        let value = value.trim_start();
        let quote = value
            .chars()
            .next()
            .filter(|c| matches!(c, '"' | '\''))
            .ok_or(Error("an attribute without quotes"))?;
        let (value, after) =
            value[1..].split_once(quote).ok_or(Error("an attribute without end"))?;
        element.attributes.push((name.to_owned(), unescaped(value)?));
        rest = after;
    }
}

fn unescaped(text: &str) -> Result<String, Error> {
    let mut found = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        found.push_str(before);
        let (name, after) = after.split_once(';').ok_or(Error("an & without ;"))?;
        found.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => {
                let number = name.strip_prefix('#').ok_or(Error("an unknown entity"))?;
                let code = match number.strip_prefix('x') {
                    Some(digits) => u32::from_str_radix(digits, 16),
                    None => number.parse(),
                };
                code.ok().and_then(char::from_u32).ok_or(Error("a character that is none"))?
            }
        });
        rest = after;
    }
    found.push_str(rest);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!-- <incomingServer type="imap"> -->
<clientConfig version="1.1">
  <emailProvider id="example.org">
    <domain>example.org</domain>
    <incomingServer type="imap">
      <hostname>imap.%EMAILDOMAIN%</hostname><port>993</port>
      <socketType>SSL</socketType><username>%EMAILLOCALPART%</username>
      <authentication>OAuth2</authentication><authentication>password-cleartext</authentication>
    </incomingServer>
    <incomingServer type="pop3">
      <hostname>pop.example.org</hostname><port>110</port><socketType>plain</socketType>
    </incomingServer>
    <incomingServer type='exchange'><hostname>x.example.org</hostname></incomingServer>
    <outgoingServer type="smtp">
      <hostname><![CDATA[smtp.example.org]]></hostname><port> 587 </port>
      <socketType>STARTTLS</socketType><username>%EMAILADDRESS%</username><empty/>
    </outgoingServer>
  </emailProvider>
</clientConfig>"#;

    #[test]
    fn servers_with_tls_are_read() {
        let found = servers(DOCUMENT, "ann@example.org").expect("a document");
        let [imap, smtp] = &found[..] else { panic!("{found:?}") };
        assert_eq!((imap.kind.as_str(), imap.host.as_str()), ("imap", "imap.example.org"));
        assert_eq!((imap.port, imap.implicit_tls, imap.oauth), (993, true, true));
        assert_eq!(imap.user.as_deref(), Some("ann"));
        assert_eq!((smtp.port, smtp.implicit_tls, smtp.oauth), (587, false, false));
        assert_eq!(smtp.user.as_deref(), Some("ann@example.org"));
    }

    #[test]
    fn nothing_short_of_the_whole_is_a_document() {
        for end in (0..DOCUMENT.len()).filter(|end| DOCUMENT.is_char_boundary(*end)) {
            assert!(servers(&DOCUMENT[..end], "a@b.c").is_err(), "{end}");
        }
    }

    #[test]
    fn what_would_grow_or_nest_without_end_is_refused() {
        let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><clientConfig>&a;</clientConfig>";
        assert_eq!(servers(bomb, "a@b"), Err(Error("it has a DTD")));
        let deep = "<clientConfig>".repeat(100_000);
        assert_eq!(servers(&deep, "a@b"), Err(Error("too many elements")));
        for wrong in [
            "<clientConfig a=b/>",
            "<clientConfig a=\"/>",
            "<a></b>",
            "</a>",
            "< />",
            "<a>&nope;</a>",
            "<a>&#xD800;</a>",
            "x<a/>",
            "<html></html>",
        ] {
            assert!(servers(wrong, "a@b").is_err(), "{wrong}");
        }
    }

    /// The answer of MS-OXDSCLI's section 4 for mail by IMAP and SMTP, shortened.
    const OUTLOOK: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
<Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a">
<Account><AccountType>email</AccountType><Action>settings</Action>
<Protocol><Type>EXCH</Type><Server>ex.example.org</Server></Protocol>
<Protocol><Type>IMAP</Type><Server>imap.example.org</Server><Port>993</Port><SSL>on</SSL>
<LoginName>ann</LoginName></Protocol>
<Protocol><Type>POP3</Type><Server>pop.example.org</Server><Port>110</Port><SSL>off</SSL></Protocol>
<Protocol><Type>SMTP</Type><Server>smtp.example.org</Server><Port>587</Port>
<Encryption>TLS</Encryption></Protocol></Account></Response></Autodiscover>"#;

    #[test]
    fn answers_of_autodiscover_are_read() {
        let found = discovered(OUTLOOK, "ann@example.org").expect("an answer");
        let shown: Vec<(&str, &str, u16, bool, Option<&str>)> = found
            .servers
            .iter()
            .map(|it| {
                (it.kind.as_str(), it.host.as_str(), it.port, it.implicit_tls, it.user.as_deref())
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("imap", "imap.example.org", 993, true, Some("ann")),
                ("smtp", "smtp.example.org", 587, false, Some("ann@example.org")),
            ]
        );
        let of = |inner: &str| {
            let text = format!("<Autodiscover><Response>{inner}</Response></Autodiscover>");
            discovered(&text, "ann@example.org")
        };
        let error = of("<Error><ErrorCode>500</ErrorCode><Message>not here</Message></Error>");
        assert_eq!(error.expect("read").error.as_deref(), Some("not here"));
        let moved = of("<Account><RedirectAddr>ann@example.net</RedirectAddr></Account>");
        assert_eq!(moved.expect("read").elsewhere.as_deref(), Some("ann@example.net"));
        assert!(of("").is_err());
        for text in ["", "<a/>", "<Autodiscover/>", &OUTLOOK[..OUTLOOK.len() - 1]] {
            assert!(discovered(text, "ann@example.org").is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_are_names() {
        for good in ["imap.example.org", "xn--bcher-kva.example", "localhost"] {
            assert!(is_host(good), "{good}");
        }
        for bad in ["", "a", "a..b", "a b.c", "a/b.c", "\"x.y", "a.b\n", "..", "ü.example"] {
            assert!(!is_host(bad), "{bad}");
        }
    }
}
