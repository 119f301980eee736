//! What a server can do: the lines of the response to CAPA.
//!
//! RFC 2449 sections 5 and 6; STLS (RFC 2595), AUTH-RESP-CODE (RFC 3206), UTF8 and LANG
//! (RFC 6856).

/// What a server offers. The default is a server without CAPA.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// `TOP`
    pub top: bool,
    /// `USER`: USER and PASS are understood.
    pub user: bool,
    /// `SASL`: mechanisms, upper case, in the server's order; empty: the tag did not come.
    pub sasl: Vec<String>,
    /// `RESP-CODES`
    pub resp_codes: bool,
    /// `AUTH-RESP-CODE`
    pub auth_resp_code: bool,
    /// `LOGIN-DELAY`
    pub login_delay: Option<LoginDelay>,
    /// `PIPELINING`
    pub pipelining: bool,
    /// `EXPIRE`
    pub expire: Option<Expire>,
    /// `UIDL`
    pub uidl: bool,
    /// `STLS`
    pub stls: bool,
    /// `UTF8`
    pub utf8: Option<Utf8>,
    /// `LANG`
    pub lang: bool,
    /// `IMPLEMENTATION`
    pub implementation: Option<String>,
    /// All other lines, in their order: the tag in upper case, and its parameters.
    pub other: Vec<(String, String)>,
}

/// `LOGIN-DELAY seconds [USER]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginDelay {
    /// Least seconds between two logins.
    pub seconds: u32,
    /// It may differ for the user once logged in.
    pub by_user: bool,
}

/// `EXPIRE (days / NEVER) [USER]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expire {
    /// Least days that messages stay on the server; `None`: `NEVER` removed. 0: a message that
    /// was fetched may be gone.
    pub days: Option<u32>,
    /// It may differ for the user once logged in.
    pub by_user: bool,
}

/// `UTF8 [USER]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Utf8 {
    /// USER, PASS and APOP take UTF-8 too.
    pub in_user: bool,
}

impl Capabilities {
    /// Takes in one line of the response. Parameters outside their grammar are passed over.
    pub fn add(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_matches(' ');
        let (tag, parameters) = line.split_once(' ').unwrap_or((line, ""));
        let parameters = parameters.trim_start_matches(' ');
        let mut words = parameters.split(' ').filter(|word| !word.is_empty());
        let is_user =
            |word: Option<&str>| word.is_some_and(|word| word.eq_ignore_ascii_case("USER"));
        let tag = tag.to_ascii_uppercase();
        match tag.as_str() {
            "" => {}
            "TOP" => self.top = true,
            "USER" => self.user = true,
            "SASL" => {
                for word in words.map(str::to_ascii_uppercase) {
                    if !self.sasl.contains(&word) {
                        self.sasl.push(word);
                    }
                }
            }
            "RESP-CODES" => self.resp_codes = true,
            "AUTH-RESP-CODE" => self.auth_resp_code = true,
            "LOGIN-DELAY" => {
                if let Some(seconds) = words.next().and_then(|word| word.parse().ok()) {
                    self.login_delay = Some(LoginDelay { seconds, by_user: is_user(words.next()) });
                }
            }
            "PIPELINING" => self.pipelining = true,
            "EXPIRE" => {
                let days = match words.next() {
                    Some(word) if word.eq_ignore_ascii_case("NEVER") => Some(None),
                    Some(word) => word.parse().ok().map(Some),
                    None => None,
                };
                if let Some(days) = days {
                    self.expire = Some(Expire { days, by_user: is_user(words.next()) });
                }
            }
            "UIDL" => self.uidl = true,
            "STLS" => self.stls = true,
            "UTF8" => self.utf8 = Some(Utf8 { in_user: words.any(|word| is_user(Some(word))) }),
            "LANG" => self.lang = true,
            "IMPLEMENTATION" => self.implementation = Some(parameters.to_owned()),
            _ => self.other.push((tag, parameters.to_owned())),
        }
    }

    /// The lines that offer all this, without line ends and the dot.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut flag = |offered: bool, line: &str| {
            if offered {
                lines.push(line.trim_end_matches(' ').to_owned());
            }
        };
        let user = |by_user| if by_user { " USER" } else { "" };
        flag(self.top, "TOP");
        flag(self.user, "USER");
        flag(!self.sasl.is_empty(), &format!("SASL {}", self.sasl.join(" ")));
        flag(self.resp_codes, "RESP-CODES");
        flag(self.auth_resp_code, "AUTH-RESP-CODE");
        if let Some(LoginDelay { seconds, by_user }) = self.login_delay {
            flag(true, &format!("LOGIN-DELAY {seconds}{}", user(by_user)));
        }
        flag(self.pipelining, "PIPELINING");
        if let Some(Expire { days, by_user }) = self.expire {
            let days = days.map_or("NEVER".to_owned(), |days| days.to_string());
            flag(true, &format!("EXPIRE {days}{}", user(by_user)));
        }
        flag(self.uidl, "UIDL");
        flag(self.stls, "STLS");
        if let Some(Utf8 { in_user }) = self.utf8 {
            flag(true, &format!("UTF8{}", user(in_user)));
        }
        flag(self.lang, "LANG");
        for (tag, parameters) in &self.other {
            flag(true, &format!("{tag} {parameters}"));
        }
        if let Some(implementation) = &self.implementation {
            flag(true, &format!("IMPLEMENTATION {implementation}"));
        }
        lines
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
    fn the_example_of_the_rfc_is_read() {
        let all = read(&[
            "TOP",
            "USER",
            "SASL CRAM-MD5 KERBEROS_V4",
            "RESP-CODES",
            "LOGIN-DELAY 900",
            "PIPELINING",
            "EXPIRE 60",
            "UIDL",
            "IMPLEMENTATION Shlemazle-Plotz-v302",
            "XODD a b",
        ]);
        assert!(all.top && all.user && all.pipelining && all.uidl && all.resp_codes);
        assert_eq!(all.sasl, ["CRAM-MD5", "KERBEROS_V4"]);
        assert_eq!(all.login_delay, Some(LoginDelay { seconds: 900, by_user: false }));
        assert_eq!(all.expire, Some(Expire { days: Some(60), by_user: false }));
        assert_eq!(all.implementation.as_deref(), Some("Shlemazle-Plotz-v302"));
        assert_eq!(all.other, [("XODD".to_owned(), "a b".to_owned())]);
        assert_eq!(read(&all.lines()), all);
    }

    #[test]
    fn odd_parameters_are_passed_over() {
        let all = read(&[
            "",
            "EXPIRE",
            "EXPIRE x",
            "LOGIN-DELAY",
            "SASL",
            "utf8 user",
            "expire never user",
        ]);
        assert_eq!(all.login_delay, None);
        assert_eq!(all.utf8, Some(Utf8 { in_user: true }));
        assert_eq!(all.expire, Some(Expire { days: None, by_user: true }));
    }

    proptest! {
        #[test]
        fn what_is_offered_is_read_again(
            flags in any::<[bool; 8]>(),
            sasl in proptest::collection::hash_set("[A-Z0-9-]{1,9}", 0..4),
            delay in proptest::option::of(any::<(u32, bool)>()),
            expire in proptest::option::of(any::<(Option<u32>, bool)>()),
            utf8 in proptest::option::of(any::<bool>()),
            implementation in proptest::option::of("[!-~]{1,9}( [!-~]{1,9})?"),
        ) {
            let [top, user, resp_codes, auth_resp_code, pipelining, uidl, stls, lang] = flags;
            let all = Capabilities {
                top, user, resp_codes, auth_resp_code, pipelining, uidl, stls, lang,
                sasl: sasl.into_iter().collect(),
                login_delay: delay.map(|(seconds, by_user)| LoginDelay { seconds, by_user }),
                expire: expire.map(|(days, by_user)| Expire { days, by_user }),
                utf8: utf8.map(|in_user| Utf8 { in_user }),
                implementation,
                other: Vec::new(),
            };
            prop_assert_eq!(read(&all.lines()), all);
        }
    }
}
