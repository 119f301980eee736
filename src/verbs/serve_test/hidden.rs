//! Capabilities that the servers have and do not tell (`--hide`).

use crate::imap::server::capability;
use crate::nntp;
use crate::nntp::syntax::capability::AuthInfo;
use crate::pop;
use crate::pop::syntax::capability::LoginDelay;
use crate::sasl::{Channel, Mechanism};
use crate::smtp;

/// Takes keywords out of what EHLO and LHLO tell, in any case. `AUTH=PLAIN` is one mechanism.
pub fn smtp(settings: &mut smtp::server::Settings, hidden: &[String]) {
    let offer = &mut settings.offer;
    for name in hidden {
        match name.to_ascii_uppercase().as_str() {
            "PIPELINING" => offer.pipelining = false,
            "SIZE" => offer.size = None,
            "STARTTLS" => offer.starttls = false,
            "AUTH" => offer.auth.clear(),
            "ENHANCEDSTATUSCODES" => offer.enhanced_status_codes = false,
            "8BITMIME" => offer.eight_bit_mime = false,
            "DSN" => offer.dsn = false,
            "SMTPUTF8" => offer.smtputf8 = false,
            "CHUNKING" => offer.chunking = false,
            "BINARYMIME" => offer.binary_mime = false,
            "REQUIRETLS" => offer.require_tls = false,
            "FUTURERELEASE" => offer.future_release = None,
            "DELIVERBY" => offer.deliver_by = None,
            "MT-PRIORITY" => offer.mt_priority = None,
            "LIMITS" => offer.limits = None,
            "PRDR" => offer.prdr = false,
            "XCLIENT" => offer.xclient.clear(),
            other => hide_mechanism(&mut offer.auth, other.strip_prefix("AUTH=")),
        }
    }
}

/// Takes tags out of what CAPA tells, and with APOP the timestamp out of the greeting.
/// `SASL=PLAIN` and `AUTH=PLAIN` are one mechanism.
pub fn pop(settings: &mut pop::server::Settings, hidden: &[String]) {
    let offer = &mut settings.offer;
    for name in hidden {
        match name.to_ascii_uppercase().as_str() {
            "APOP" => settings.apop = false,
            "TOP" => offer.top = false,
            "USER" => offer.user = false,
            "SASL" | "AUTH" => offer.sasl.clear(),
            "RESP-CODES" => offer.resp_codes = false,
            "AUTH-RESP-CODE" => offer.auth_resp_code = false,
            "PIPELINING" => offer.pipelining = false,
            "EXPIRE" => offer.expire = None,
            "LOGIN-DELAY" => offer.login_delay = None,
            "UIDL" => offer.uidl = false,
            "STLS" => offer.stls = false,
            "UTF8" => offer.utf8 = None,
            "LANG" => offer.lang = false,
            "IMPLEMENTATION" => offer.implementation = None,
            other => {
                let name = other.strip_prefix("AUTH=").or_else(|| other.strip_prefix("SASL="));
                hide_mechanism(&mut offer.sasl, name);
            }
        }
    }
}

/// Takes labels out of what CAPABILITIES tells; `LIST=COUNTS` is one list, `SASL=PLAIN` and
/// `AUTH=PLAIN` are one mechanism.
pub fn nntp(settings: &mut nntp::server::Settings, hidden: &[String]) {
    let offer = &mut settings.offer;
    for name in hidden {
        match name.to_ascii_uppercase().as_str() {
            "POST" => offer.post = false,
            "NEWNEWS" => offer.newnews = false,
            "HDR" => offer.hdr = false,
            "OVER" => offer.over = None,
            "STARTTLS" => offer.starttls = false,
            "AUTHINFO" => offer.authinfo = None,
            "USER" => {
                offer.authinfo = offer.authinfo.map(|offered| AuthInfo { user: false, ..offered });
            }
            "SASL" | "AUTH" => offer.sasl.clear(),
            other => match other.strip_prefix("LIST=") {
                Some(list) => offer.list.retain(|offered| offered != list),
                None => {
                    let name = other.strip_prefix("AUTH=").or_else(|| other.strip_prefix("SASL="));
                    hide_mechanism(&mut offer.sasl, name);
                }
            },
        }
    }
}

fn hide_mechanism(offered: &mut Vec<String>, hidden: Option<&str>) {
    if let Some(hidden) = hidden {
        offered.retain(|name| !name.eq_ignore_ascii_case(hidden));
    }
}

/// The first name that stands for nothing in any protocol, so that hiding it would do nothing.
pub fn unknown<'a>(hidden: &'a [String], mechanisms: &[Mechanism]) -> Option<&'a str> {
    let mechanisms: Vec<&str> = mechanisms.iter().map(|it| it.name()).collect();
    let mechanisms = mechanisms.as_slice();
    hidden.iter().find(|name| !is_known(name, mechanisms)).map(String::as_str)
}

fn is_known(name: &str, mechanisms: &[&str]) -> bool {
    let hidden = [name.to_owned()];
    let all = smtp::server::Settings::new("", smtp::server::Mode::Smtp, mechanisms);
    let mut left = all.clone();
    smtp(&mut left, &hidden);
    if left.offer != all.offer {
        return true;
    }
    let mut all = pop::server::Settings::new("", mechanisms);
    all.offer.login_delay = Some(LoginDelay { seconds: 1, by_user: false });
    let mut left = all.clone();
    pop(&mut left, &hidden);
    if left.offer != all.offer || left.apop != all.apop {
        return true;
    }
    let all = nntp::server::Settings::new("", mechanisms);
    let mut left = all.clone();
    nntp(&mut left, &hidden);
    if left.offer != all.offer {
        return true;
    }
    imap_names(&[]) != imap_names(&hidden)
}

/// The capabilities that IMAP tells, before and after login.
pub fn imap_names(hidden: &[String]) -> Vec<String> {
    let settings = crate::imap::server::Settings {
        hidden: hidden.to_vec(),
        ..crate::imap::server::Settings::default()
    };
    let channel = Channel {
        encrypted: false,
        bindings: Vec::new(),
        host: String::new(),
        port: 0,
        service: "imap",
    };
    let before = capability::list(&settings, &channel, true, false, Some(&Mechanism::ALL));
    let after = capability::list(&settings, &channel, true, false, None);
    let text = |name: &std::borrow::Cow<'_, [u8]>| String::from_utf8_lossy(name).into_owned();
    before.iter().chain(&after).map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &[&str]) -> Vec<String> {
        text.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_is_hidden_is_not_told() {
        let mut settings =
            smtp::server::Settings::new("x", smtp::server::Mode::Smtp, &["PLAIN", "LOGIN"]);
        smtp(&mut settings, &names(&["chunking", "AUTH=plain", "IDLE", "Size"]));
        let told = settings.offer.to_reply().text();
        assert!(!told.contains("CHUNKING") && !told.contains("SIZE"), "{told}");
        assert!(told.contains("AUTH LOGIN") && told.contains("PIPELINING"), "{told}");
        smtp(&mut settings, &names(&["AUTH"]));
        assert!(!settings.offer.to_reply().text().contains("AUTH"));

        let mut settings = pop::server::Settings::new("x", &["PLAIN", "LOGIN"]);
        pop(&mut settings, &names(&["uidl", "SASL=LOGIN", "apop"]));
        let told = settings.offer.lines();
        assert!(!told.iter().any(|line| line == "UIDL"), "{told:?}");
        assert!(told.iter().any(|line| line == "SASL PLAIN"), "{told:?}");
        assert!(!settings.apop);
    }

    #[test]
    fn a_name_of_nothing_is_noticed() {
        let known =
            names(&["condstore", "IDLE", "AUTH=PLAIN", "THREAD", "8BITMIME", "UIDL", "APOP"]);
        assert_eq!(unknown(&known, &[Mechanism::Plain]), None);
        let wrong = names(&["IDLE", "CONDSTOR", "UIDL"]);
        assert_eq!(unknown(&wrong, &[Mechanism::Plain]), Some("CONDSTOR"));
    }
}
