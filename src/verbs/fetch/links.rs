//! `--follow`: content that a message only links to (`message/external-body` with
//! `access-type=url`, RFC 2017), fetched from the web. Nothing is fetched unless that is asked
//! for: a link tells its owner who reads.

use anyhow::Result;

use crate::net::http::{Error, Request, Url};
use crate::open::{Context, EndpointOptions, tls_settings};
use crate::ui::{Exit, Failure};

/// Octets of one document that are taken at the most; it is held in memory.
const OCTETS: usize = 32 * 1024 * 1024;

/// Redirects that are followed, never from TLS to none.
const REDIRECTS: usize = 3;

/// How links are followed.
#[derive(Clone, Copy)]
pub struct Follow<'a> {
    /// The options that say whom TLS trusts.
    pub options: &'a EndpointOptions,
    /// The run's.
    pub context: &'a Context,
}

/// Gets what a link leads to.
///
/// # Errors
/// [`Failure`]: 65 for what is no link to the web or larger than is taken, 69 for a refusal, 84
/// without TLS that can be trusted, 75 where trying later may help.
pub async fn get(link: &str, follow: Follow<'_>) -> Result<Vec<u8>> {
    let failed = |exit, what: &dyn std::fmt::Display| Failure::new(exit, format!("{link}: {what}"));
    let url: Url = link.parse().map_err(|error: Error| failed(Exit::Data, &error))?;
    let request = Request::get(url).at_most(OCTETS).following(REDIRECTS);
    let settings = tls_settings(follow.options)?;
    let answer = request.send(&settings, &follow.context.net).await.map_err(|error| {
        let exit = match &error {
            Error::Url { .. } | Error::TooLarge { .. } => Exit::Data,
            Error::Protocol(_) => Exit::Protocol,
            error if error.is_tls() => Exit::Tls,
            error if error.is_transient() => Exit::TempFail,
            _ => Exit::Unavailable,
        };
        let failure = failed(exit, &error);
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })?;
    if !answer.is_success() {
        let exit = if answer.status >= 500 { Exit::TempFail } else { Exit::Unavailable };
        return Err(failed(exit, &format!("the server answers {}", answer.status)).into());
    }
    Ok(answer.body)
}

/// What the content is called by its link: the last piece of the path; `None` where it has none.
pub fn file_name(link: &str) -> Option<String> {
    let url: Url = link.parse().ok()?;
    let path = url.target.split(['?', '#']).next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    let name = percent_encoding::percent_decode_str(last).decode_utf8_lossy().into_owned();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_names_its_content() {
        assert_eq!(file_name("https://x.org/a/b%20c.iso?d=/e").as_deref(), Some("b c.iso"));
        assert_eq!(file_name("https://x.org/"), None);
        assert_eq!(file_name("ftp://x.org/a"), None);
    }
}
