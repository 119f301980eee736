//! The response to EHLO and LHLO: what a server can do.
//!
//! RFC 5321 section 4.1.1.1. Extensions read: SIZE (RFC 1870), PIPELINING (RFC 2920), 8BITMIME
//! (RFC 6152), SMTPUTF8 (RFC 6531), CHUNKING and BINARYMIME (RFC 3030), DSN (RFC 3461), AUTH
//! (RFC 4954), STARTTLS (RFC 3207), REQUIRETLS (RFC 8689), FUTURERELEASE (RFC 4865), MT-PRIORITY
//! (RFC 6710), DELIVERBY (RFC 2852), LIMITS (RFC 9422), ENHANCEDSTATUSCODES (RFC 2034), PRDR,
//! XCLIENT (Postfix); any other is kept as it came.

use super::reply::Reply;

/// What a server offers. The default is a server that answered HELO only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// The first line's text: the server's name and perhaps a greeting.
    pub greeting: String,
    /// `SIZE`; `Some(0)`: the keyword without a fixed limit. Octets.
    pub size: Option<u64>,
    /// `PIPELINING`
    pub pipelining: bool,
    /// `8BITMIME`
    pub eight_bit_mime: bool,
    /// `SMTPUTF8`
    pub smtputf8: bool,
    /// `CHUNKING`: BDAT is understood.
    pub chunking: bool,
    /// `BINARYMIME`
    pub binary_mime: bool,
    /// `DSN`
    pub dsn: bool,
    /// `AUTH`: mechanisms, upper case, in the server's order; empty: the keyword did not come.
    pub auth: Vec<String>,
    /// `STARTTLS`
    pub starttls: bool,
    /// `REQUIRETLS`
    pub require_tls: bool,
    /// `FUTURERELEASE`
    pub future_release: Option<FutureRelease>,
    /// `MT-PRIORITY`; the name of the profile, empty where none was given.
    pub mt_priority: Option<String>,
    /// `DELIVERBY`; least seconds that are accepted, 0 where none were given.
    pub deliver_by: Option<u32>,
    /// `LIMITS`
    pub limits: Option<Limits>,
    /// `PRDR`
    pub prdr: bool,
    /// `ENHANCEDSTATUSCODES`
    pub enhanced_status_codes: bool,
    /// `XCLIENT`: attributes, upper case; empty: the keyword did not come.
    pub xclient: Vec<String>,
    /// All other lines, in their order.
    pub other: Vec<Extension>,
}

/// A line of the response without a field of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// The keyword, upper case.
    pub keyword: String,
    /// Everything behind it, without the space between; empty where there is nothing.
    pub parameters: String,
}

/// `FUTURERELEASE max-interval max-date-time`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FutureRelease {
    /// Most seconds for HOLDFOR.
    pub max_seconds: u32,
    /// Latest time for HOLDUNTIL.
    pub max_time: jiff::Timestamp,
}

/// `LIMITS name=value ...`; `None`: no such limit was told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// `MAILMAX`: transactions in one session.
    pub mail_max: Option<u32>,
    /// `RCPTMAX`: recipients of one transaction.
    pub rcpt_max: Option<u32>,
    /// `RCPTDOMAINMAX`: different domains among them.
    pub rcpt_domain_max: Option<u32>,
}

impl Capabilities {
    /// Reads the lines of a 250 reply to EHLO or LHLO. A known keyword whose parameters are
    /// outside its grammar counts as offered without them; `AUTH=PLAIN`, as servers before
    /// RFC 2554 wrote it, counts as `AUTH PLAIN`.
    pub fn from_reply(reply: &Reply) -> Self {
        let mut lines = reply.lines().map(String::from_utf8_lossy);
        let greeting = lines.next().unwrap_or_default().into_owned();
        let mut all = Self { greeting, ..Self::default() };
        for line in lines {
            let line = line.trim_matches([' ', '\t']);
            let (keyword, parameters) = line.split_once([' ', '\t']).unwrap_or((line, ""));
            let (keyword, parameters) = match keyword.get(..5) {
                Some(auth) if auth.eq_ignore_ascii_case("AUTH=") => ("AUTH", &line[5..]),
                _ => (keyword, parameters.trim_start_matches([' ', '\t'])),
            };
            if !keyword.is_empty() {
                all.add(keyword.to_ascii_uppercase(), parameters);
            }
        }
        all
    }

    fn add(&mut self, keyword: String, parameters: &str) {
        let mut words = parameters.split_ascii_whitespace();
        match keyword.as_str() {
            "SIZE" => self.size = Some(number(words.next()).unwrap_or(0)),
            "PIPELINING" => self.pipelining = true,
            "8BITMIME" => self.eight_bit_mime = true,
            "SMTPUTF8" => self.smtputf8 = true,
            "CHUNKING" => self.chunking = true,
            "BINARYMIME" => self.binary_mime = true,
            "DSN" => self.dsn = true,
            "AUTH" => add_words(&mut self.auth, words),
            "STARTTLS" => self.starttls = true,
            "REQUIRETLS" => self.require_tls = true,
            "FUTURERELEASE" => {
                // RFC 4865 section 4 demands both, and without them nothing can be checked.
                let seconds = number(words.next()).and_then(|seconds| seconds.try_into().ok());
                let time = words.next().and_then(|time| time.parse().ok());
                match seconds.zip(time) {
                    Some((max_seconds, max_time)) => {
                        self.future_release = Some(FutureRelease { max_seconds, max_time });
                    }
                    None => self.keep(keyword, parameters),
                }
            }
            "MT-PRIORITY" => self.mt_priority = Some(words.next().unwrap_or_default().to_owned()),
            "DELIVERBY" => {
                // RFC 2852 section 2: min-by-time *( ',' extension-token )
                let least = words.next().and_then(|word| word.split(',').next());
                let least = number(least).and_then(|seconds| seconds.try_into().ok());
                self.deliver_by = Some(least.unwrap_or(0));
            }
            "LIMITS" => {
                let limits = self.limits.get_or_insert_default();
                for word in words {
                    let (name, value) = word.split_once('=').unwrap_or((word, ""));
                    let value = number(Some(value)).and_then(|value| value.try_into().ok());
                    match name.to_ascii_uppercase().as_str() {
                        "MAILMAX" => limits.mail_max = value,
                        "RCPTMAX" => limits.rcpt_max = value,
                        "RCPTDOMAINMAX" => limits.rcpt_domain_max = value,
                        _ => {}
                    }
                }
            }
            "PRDR" => self.prdr = true,
            "ENHANCEDSTATUSCODES" => self.enhanced_status_codes = true,
            "XCLIENT" => add_words(&mut self.xclient, words),
            _ => self.keep(keyword, parameters),
        }
    }

    fn keep(&mut self, keyword: String, parameters: &str) {
        self.other.push(Extension { keyword, parameters: parameters.to_owned() });
    }

    /// The 250 reply that offers all this.
    pub fn to_reply(&self) -> Reply {
        let mut lines = vec![self.greeting.clone()];
        let mut flag = |offered: bool, keyword: &str| {
            if offered {
                lines.push(keyword.to_owned());
            }
        };
        flag(self.pipelining, "PIPELINING");
        flag(self.size == Some(0), "SIZE");
        if let Some(size) = self.size.filter(|size| *size > 0) {
            flag(true, &format!("SIZE {size}"));
        }
        flag(self.starttls, "STARTTLS");
        flag(!self.auth.is_empty(), &format!("AUTH {}", self.auth.join(" ")));
        flag(self.enhanced_status_codes, "ENHANCEDSTATUSCODES");
        flag(self.eight_bit_mime, "8BITMIME");
        flag(self.dsn, "DSN");
        flag(self.smtputf8, "SMTPUTF8");
        flag(self.chunking, "CHUNKING");
        flag(self.binary_mime, "BINARYMIME");
        flag(self.require_tls, "REQUIRETLS");
        if let Some(FutureRelease { max_seconds, max_time }) = &self.future_release {
            flag(true, &format!("FUTURERELEASE {max_seconds} {max_time}"));
        }
        if let Some(profile) = &self.mt_priority {
            flag(true, format!("MT-PRIORITY {profile}").trim_end_matches([' ', '\t']));
        }
        match self.deliver_by {
            None => {}
            Some(0) => flag(true, "DELIVERBY"),
            Some(least) => flag(true, &format!("DELIVERBY {least}")),
        }
        if let Some(limits) = &self.limits {
            let mut line = "LIMITS".to_owned();
            for (name, value) in [
                ("MAILMAX", limits.mail_max),
                ("RCPTMAX", limits.rcpt_max),
                ("RCPTDOMAINMAX", limits.rcpt_domain_max),
            ] {
                if let Some(value) = value {
                    line.push_str(&format!(" {name}={value}"));
                }
            }
            flag(true, &line);
        }
        flag(self.prdr, "PRDR");
        flag(!self.xclient.is_empty(), &format!("XCLIENT {}", self.xclient.join(" ")));
        for Extension { keyword, parameters } in &self.other {
            flag(true, format!("{keyword} {parameters}").trim_end_matches([' ', '\t']));
        }
        Reply::new(250, &lines.join("\n"))
    }
}

fn number(word: Option<&str>) -> Option<u64> {
    word.filter(|word| word.bytes().all(|octet| octet.is_ascii_digit()))?.parse().ok()
}

fn add_words<'a>(all: &mut Vec<String>, words: impl Iterator<Item = &'a str>) {
    for word in words.map(str::to_ascii_uppercase) {
        if !all.contains(&word) {
            all.push(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Capabilities {
        Capabilities::from_reply(&Reply::new(250, text))
    }

    #[test]
    fn a_submission_server_is_understood() {
        let all = read(
            "mx.example.org Hello\nPIPELINING\nSIZE 35882577\nstarttls\nAUTH PLAIN login\n\
             AUTH=LOGIN XOAUTH2\nENHANCEDSTATUSCODES\n8BITMIME\nDSN\nSMTPUTF8\nCHUNKING\n\
             LIMITS RCPTMAX=20 MAILMAX=5 X=1\nDELIVERBY 240\nXFORWARD NAME ADDR\n\
             FUTURERELEASE 36000 2004-12-31T16:00:00Z\nMT-PRIORITY MIXER\nXCLIENT NAME ADDR",
        );
        assert_eq!(all.greeting, "mx.example.org Hello");
        assert_eq!(all.size, Some(35_882_577));
        assert_eq!(all.auth, ["PLAIN", "LOGIN", "XOAUTH2"]);
        assert!(all.starttls && all.pipelining && all.chunking && all.smtputf8 && all.dsn);
        assert!(!all.binary_mime && !all.require_tls && !all.prdr);
        let limits = all.limits.clone().unwrap();
        assert_eq!((limits.rcpt_max, limits.mail_max), (Some(20), Some(5)));
        assert_eq!((all.deliver_by, all.mt_priority.as_deref()), (Some(240), Some("MIXER")));
        assert_eq!(all.future_release.as_ref().map(|it| it.max_seconds), Some(36000));
        assert_eq!(
            all.other,
            [Extension { keyword: "XFORWARD".into(), parameters: "NAME ADDR".into() }]
        );
        assert_eq!(Capabilities::from_reply(&all.to_reply()), all);
    }

    #[test]
    fn odd_parameters_do_not_hide_the_keyword() {
        let all = read("h\nSIZE\nDELIVERBY x\nMT-PRIORITY\nFUTURERELEASE\n\nAUTH");
        assert_eq!((all.size, all.deliver_by), (Some(0), Some(0)));
        assert_eq!(all.mt_priority.as_deref(), Some(""));
        assert_eq!(all.future_release, None);
        assert!(all.auth.is_empty());
        assert_eq!(read("h\nSIZE 1e9").size, Some(0));
        assert_eq!(read("").greeting, "");
    }

    proptest! {
        #[test]
        fn what_is_offered_is_read_again(
            greeting in "[a-z.]{1,20}( [ -~]{0,9})?",
            flags in any::<[bool; 11]>(),
            size in proptest::option::of(any::<u64>()),
            words in proptest::collection::hash_set("[A-Z0-9-]{1,9}", 0..4),
            numbers in proptest::option::of(any::<[Option<u32>; 3]>()),
            deliver_by in proptest::option::of(any::<u32>()),
            profile in proptest::option::of("[A-Z]{0,5}"),
            parameters in "([!-~]{1,5}( [!-~]{1,5})?)?",
        ) {
            let words: Vec<String> = words.into_iter().collect();
            let [pipelining, eight_bit_mime, smtputf8, chunking, binary_mime, dsn, starttls,
                require_tls, prdr, enhanced_status_codes, has_other] = flags;
            let all = Capabilities {
                greeting, size, pipelining, eight_bit_mime, smtputf8, chunking, binary_mime, dsn,
                auth: words.clone(), starttls, require_tls,
                future_release: deliver_by.map(|max_seconds| FutureRelease {
                    max_seconds,
                    max_time: jiff::Timestamp::from_second(1_700_000_000).unwrap(),
                }),
                mt_priority: profile, deliver_by,
                limits: numbers.map(|[mail_max, rcpt_max, rcpt_domain_max]| {
                    Limits { mail_max, rcpt_max, rcpt_domain_max }
                }),
                prdr, enhanced_status_codes, xclient: words,
                other: has_other.then(|| Extension { keyword: "ETRN".into(), parameters })
                    .into_iter().collect(),
            };
            prop_assert_eq!(Capabilities::from_reply(&all.to_reply()), all);
        }
    }
}
