//! What a server can do: the lines of the response to CAPABILITIES.
//!
//! RFC 3977 section 3.3, STARTTLS (RFC 4642), AUTHINFO and SASL (RFC 4643), COMPRESS (RFC 8054).

/// What a server offers. The default is a server without CAPABILITIES.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// `VERSION`: versions of NNTP; empty: the line did not come.
    pub versions: Vec<u32>,
    /// `READER`
    pub reader: bool,
    /// `MODE-READER`: MODE READER makes a reader's server of it.
    pub mode_reader: bool,
    /// `POST`
    pub post: bool,
    /// `NEWNEWS`
    pub newnews: bool,
    /// `HDR`
    pub hdr: bool,
    /// `OVER`
    pub over: Option<Over>,
    /// `LIST`: its keywords, upper case, in the server's order.
    pub list: Vec<String>,
    /// `STARTTLS`
    pub starttls: bool,
    /// `AUTHINFO`
    pub authinfo: Option<AuthInfo>,
    /// `SASL`: mechanisms, upper case, in the server's order.
    pub sasl: Vec<String>,
    /// `COMPRESS`: algorithms, upper case.
    pub compress: Vec<String>,
    /// `IMPLEMENTATION`
    pub implementation: Option<String>,
    /// All other lines, in their order: the label in upper case, and its arguments.
    pub other: Vec<(String, String)>,
}

/// `OVER [MSGID]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    /// A message-id is understood too.
    pub by_id: bool,
}

/// `AUTHINFO [USER] [SASL]`; neither: only after TLS has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthInfo {
    /// AUTHINFO USER and PASS may be sent now.
    pub user: bool,
    /// AUTHINFO SASL may be sent now.
    pub sasl: bool,
}

impl Capabilities {
    /// Takes in one line of the response. Arguments outside their grammar are passed over.
    pub fn add(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_matches([' ', '\t']);
        let (label, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let rest = rest.trim_start_matches([' ', '\t']);
        let words: Vec<String> = rest
            .split([' ', '\t'])
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_uppercase)
            .collect();
        let has = |wanted: &str| words.iter().any(|word| word == wanted);
        let label = label.to_ascii_uppercase();
        match label.as_str() {
            "" => {}
            "VERSION" => {
                self.versions = words.iter().filter_map(|word| word.parse().ok()).collect()
            }
            "READER" => self.reader = true,
            "MODE-READER" => self.mode_reader = true,
            "POST" => self.post = true,
            "NEWNEWS" => self.newnews = true,
            "HDR" => self.hdr = true,
            "OVER" => self.over = Some(Over { by_id: has("MSGID") }),
            "LIST" => add_new(&mut self.list, words),
            "STARTTLS" => self.starttls = true,
            "AUTHINFO" => {
                self.authinfo = Some(AuthInfo { user: has("USER"), sasl: has("SASL") });
            }
            "SASL" => add_new(&mut self.sasl, words),
            "COMPRESS" => add_new(&mut self.compress, words),
            "IMPLEMENTATION" => self.implementation = Some(rest.to_owned()),
            _ => self.other.push((label, rest.to_owned())),
        }
    }

    /// Whether LIST has this keyword.
    pub fn lists(&self, keyword: &str) -> bool {
        self.list.iter().any(|offered| offered.eq_ignore_ascii_case(keyword))
    }

    /// The lines that offer all this, without line ends and the dot.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut tell = |offered: bool, line: String| {
            if offered {
                lines.push(line.trim_end_matches(' ').to_owned());
            }
        };
        let versions: Vec<String> = self.versions.iter().map(u32::to_string).collect();
        // RFC 3977 section 3.3.2: it comes first.
        tell(!versions.is_empty(), format!("VERSION {}", versions.join(" ")));
        if let Some(implementation) = &self.implementation {
            tell(true, format!("IMPLEMENTATION {implementation}"));
        }
        tell(self.mode_reader, "MODE-READER".to_owned());
        tell(self.reader, "READER".to_owned());
        tell(self.post, "POST".to_owned());
        tell(self.newnews, "NEWNEWS".to_owned());
        tell(self.hdr, "HDR".to_owned());
        if let Some(Over { by_id }) = self.over {
            tell(true, format!("OVER{}", if by_id { " MSGID" } else { "" }));
        }
        tell(!self.list.is_empty(), format!("LIST {}", self.list.join(" ")));
        tell(self.starttls, "STARTTLS".to_owned());
        if let Some(AuthInfo { user, sasl }) = self.authinfo {
            let word = |is: bool, word: &'static str| if is { word } else { "" };
            tell(true, format!("AUTHINFO{}{}", word(user, " USER"), word(sasl, " SASL")));
        }
        tell(!self.sasl.is_empty(), format!("SASL {}", self.sasl.join(" ")));
        tell(!self.compress.is_empty(), format!("COMPRESS {}", self.compress.join(" ")));
        for (label, arguments) in &self.other {
            tell(true, format!("{label} {arguments}"));
        }
        lines
    }
}

fn add_new(list: &mut Vec<String>, words: Vec<String>) {
    for word in words {
        if !list.contains(&word) {
            list.push(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read<T: AsRef<str>>(lines: &[T]) -> Capabilities {
        let mut all = Capabilities::default();
        for line in lines {
            all.add(line.as_ref().as_bytes());
        }
        all
    }

    #[test]
    fn the_examples_of_the_rfcs_are_read() {
        let all = read(&[
            "VERSION 2",
            "READER",
            "IHAVE",
            "LIST ACTIVE NEWSGROUPS ACTIVE.TIMES OVERVIEW.FMT",
            "OVER MSGID",
            "STARTTLS",
            "AUTHINFO USER SASL",
            "SASL CRAM-MD5 DIGEST-MD5",
            "COMPRESS DEFLATE SHRINK",
            "IMPLEMENTATION INN 4.2 2006-02-01",
        ]);
        assert_eq!(all.versions, [2]);
        assert!(all.reader && !all.mode_reader && !all.post && all.starttls);
        assert_eq!(all.over, Some(Over { by_id: true }));
        assert!(all.lists("overview.fmt") && !all.lists("COUNTS"));
        assert_eq!(all.authinfo, Some(AuthInfo { user: true, sasl: true }));
        assert_eq!(all.sasl, ["CRAM-MD5", "DIGEST-MD5"]);
        assert_eq!(all.compress, ["DEFLATE", "SHRINK"]);
        assert_eq!(all.implementation.as_deref(), Some("INN 4.2 2006-02-01"));
        assert_eq!(all.other, [("IHAVE".to_owned(), String::new())]);
        assert_eq!(read(&all.lines()), all);
        assert_eq!(read(&["authinfo"]).authinfo, Some(AuthInfo { user: false, sasl: false }));
    }

    proptest! {
        #[test]
        fn what_is_offered_is_read_again(
            flags in any::<[bool; 6]>(),
            versions in proptest::collection::vec(any::<u32>(), 0..3),
            over in proptest::option::of(any::<bool>()),
            authinfo in proptest::option::of(any::<(bool, bool)>()),
            words in proptest::collection::hash_set("[A-Z0-9.-]{1,9}", 0..4),
            implementation in proptest::option::of("[!-~]{1,9}( [!-~]{1,9})?"),
        ) {
            let [reader, mode_reader, post, newnews, hdr, starttls] = flags;
            let words: Vec<String> = words.into_iter().collect();
            let all = Capabilities {
                versions, reader, mode_reader, post, newnews, hdr, starttls, implementation,
                over: over.map(|by_id| Over { by_id }),
                authinfo: authinfo.map(|(user, sasl)| AuthInfo { user, sasl }),
                list: words.clone(), sasl: words.clone(), compress: words,
                other: Vec::new(),
            };
            prop_assert_eq!(read(&all.lines()), all);
        }
    }
}
