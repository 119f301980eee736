//! Which connection goes by which proxy: what somebody chose, and what `ALL_PROXY` and `NO_PROXY`
//! say.

use std::net::IpAddr;
use std::str::FromStr;

use super::{NoProxyUrl, Proxy};
use crate::net::Error;

/// A proxy that somebody chose, or the choice to have none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// No proxy, whatever the environment says: `none`.
    Direct,
    /// This one.
    By(Proxy),
}

impl FromStr for Choice {
    type Err = NoProxyUrl;

    fn from_str(text: &str) -> Result<Self, NoProxyUrl> {
        if text == "none" { Ok(Self::Direct) } else { Ok(Self::By(text.parse()?)) }
    }
}

/// Which connection goes by which proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Chosen on the command line, or by an account: for everything.
    pub chosen: Option<Choice>,
    /// `ALL_PROXY`: where nothing was chosen.
    environment: Option<Proxy>,
    /// `NO_PROXY`: what goes past `ALL_PROXY`.
    except: Vec<Exception>,
}

impl Rules {
    /// What `ALL_PROXY` and `NO_PROXY` say, in capitals or, before those, in small letters; an
    /// empty value counts as none.
    ///
    /// # Errors
    /// [`Error::Setting`] for an `ALL_PROXY` that names no proxy.
    pub fn of_environment() -> Result<Self, Error> {
        let variable = |names: [&'static str; 2]| {
            names.into_iter().find_map(|name| {
                let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
                Some((name, value))
            })
        };
        let environment = variable(["all_proxy", "ALL_PROXY"])
            .map(|(name, value)| {
                value.parse().map_err(|error| Error::Setting(format!("{name} is {error}")))
            })
            .transpose()?;
        let except = variable(["no_proxy", "NO_PROXY"]).map(|(_, value)| exceptions(&value));
        Ok(Self { chosen: None, environment, except: except.unwrap_or_default() })
    }

    /// The proxy for a connection to `host`; `None`: it goes straight there.
    pub fn proxy_for(&self, host: &str) -> Option<&Proxy> {
        match &self.chosen {
            Some(Choice::Direct) => None,
            Some(Choice::By(proxy)) => Some(proxy),
            None if self.except.iter().any(|exception| exception.holds(host)) => None,
            None => self.environment.as_ref(),
        }
    }
}

/// One entry of `NO_PROXY`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Exception {
    /// `*`.
    Everything,
    /// A domain and all below it.
    Domain(String),
    /// An address, or a network by the length of its prefix in bits.
    Network(IpAddr, u8),
}

/// Entries between commas or blanks; one that is neither address, network nor name matches
/// nothing.
fn exceptions(text: &str) -> Vec<Exception> {
    let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
    words.map(exception).collect()
}

fn exception(word: &str) -> Exception {
    if word == "*" {
        return Exception::Everything;
    }
    let bare = word.trim_start_matches('[').trim_end_matches(']');
    let (address, bits) = match bare.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (bare, None),
    };
    if let Ok(address) = address.parse::<IpAddr>() {
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => Some(all),
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= all),
        };
        if let Some(bits) = bits {
            return Exception::Network(address, bits);
        }
    }
    let name = word.strip_prefix('*').unwrap_or(word);
    Exception::Domain(name.trim_matches('.').to_ascii_lowercase())
}

impl Exception {
    fn holds(&self, host: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Domain(domain) => {
                let host = host.trim_end_matches('.').to_ascii_lowercase();
                host.strip_suffix(domain.as_str())
                    .is_some_and(|front| front.is_empty() || front.ends_with('.'))
            }
            Self::Network(network, bits) => match (network, host.parse::<IpAddr>()) {
                (IpAddr::V4(network), Ok(IpAddr::V4(host))) => {
                    let mask = u32::MAX.checked_shl(32 - u32::from(*bits)).unwrap_or(0);
                    network.to_bits() & mask == host.to_bits() & mask
                }
                (IpAddr::V6(network), Ok(IpAddr::V6(host))) => {
                    let mask = u128::MAX.checked_shl(128 - u32::from(*bits)).unwrap_or(0);
                    network.to_bits() & mask == host.to_bits() & mask
                }
                _ => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(text: &str) -> Proxy {
        text.parse().expect("a proxy")
    }

    #[test]
    fn exceptions_hold_for_domains_and_networks() {
        let list = exceptions(".example.org, 10.0.0.0/8 ::1,*.sub.test fd00::/8 host:x/99");
        let holds = |host: &str| list.iter().any(|exception| exception.holds(host));
        for host in ["example.org", "Mail.Example.ORG.", "10.1.2.3", "::1", "a.sub.test", "fd12::9"]
        {
            assert!(holds(host), "{host}");
        }
        for host in ["badexample.org", "example.org.evil", "11.0.0.1", "::2", "test", "localhost"] {
            assert!(!holds(host), "{host}");
        }
        assert!(exceptions("*")[0].holds("anything"));
        assert!(exceptions("0.0.0.0/0")[0].holds("1.2.3.4"));
    }

    #[test]
    fn a_choice_comes_before_the_environment() {
        let mut rules = Rules {
            chosen: None,
            environment: Some(proxy("socks5://env")),
            except: exceptions("near.test"),
        };
        assert_eq!(rules.proxy_for("far.test"), Some(&proxy("socks5://env")));
        assert_eq!(rules.proxy_for("near.test"), None);
        rules.chosen = Some(Choice::By(proxy("http://given")));
        assert_eq!(rules.proxy_for("near.test"), Some(&proxy("http://given")));
        rules.chosen = Some(Choice::Direct);
        assert_eq!(rules.proxy_for("far.test"), None);
    }
}
