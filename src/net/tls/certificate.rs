//! What is wrong with a certificate, in words that both backends use, and what a certificate
//! says of itself.

use std::net::IpAddr;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::X509Version;

pub(super) const PURPOSE: &str = "it is not meant for servers";
pub(super) const PATH_LENGTH: &str =
    "an authority in its chain may not vouch through so many others";
pub(super) const NAME_CONSTRAINT: &str = "an authority in its chain may not vouch for this name";
pub(super) const AUTHORITY: &str = "it is an authority's, not a server's";
pub(super) const NO_AUTHORITY: &str = "a certificate in its chain is no authority's";
pub(super) const WEAK: &str = "a key or a signature in its chain is too weak";
pub(super) const OLD: &str = "it is of an old version of X.509";
pub(super) const CRITICAL: &str = "it has a critical extension that is not understood";

/// The fewest bits of an RSA key: what BSI, NIST and webpki want.
const RSA_BITS: usize = 2048;

fn parsed(certificate: &[u8]) -> Option<X509Certificate<'_>> {
    x509_parser::parse_x509_certificate(certificate).ok().map(|(_, parsed)| parsed)
}

/// The host names and addresses that a certificate is for; its common name is none
/// (RFC 9525 section 2).
pub(super) fn names_of(certificate: &[u8]) -> Vec<String> {
    let Some(parsed) = parsed(certificate) else { return Vec::new() };
    let Ok(Some(names)) = parsed.subject_alternative_name() else { return Vec::new() };
    names
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(octets) => address(octets).map(|it| it.to_string()),
            _ => None,
        })
        .collect()
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
    }
}

/// Whether it is of a version before 3, which has no names for hosts.
pub(super) fn is_old(certificate: &[u8]) -> bool {
    parsed(certificate).is_some_and(|it| it.version() != X509Version::V3)
}

/// Whether its RSA key is too short.
pub(super) fn is_weak(certificate: &[u8]) -> bool {
    let Some(parsed) = parsed(certificate) else { return false };
    match parsed.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => key.key_size() < RSA_BITS,
        _ => false,
    }
}

/// Whether now is in its time; not for one that cannot be read.
pub(super) fn is_in_time(certificate: &[u8]) -> bool {
    parsed(certificate).is_some_and(|it| it.validity().is_valid())
}

/// Whether it is an authority's (CA in its basic constraints).
#[cfg(feature = "native")]
pub(super) fn is_authority(certificate: &[u8]) -> bool {
    parsed(certificate).is_some_and(|it| it.is_ca())
}

/// Whether it names itself as its issuer.
pub(super) fn is_self_issued(certificate: &[u8]) -> bool {
    parsed(certificate).is_some_and(|it| it.subject() == it.issuer())
}

/// Whether one of the certificates that lead on from `leaf`, among those that a server sent, may
/// not sign others (keyUsage, RFC 5280 section 4.2.1.3), which webpki does not look at.
pub(super) fn has_mute_authority<C: AsRef<[u8]>>(leaf: &[u8], others: &[C]) -> bool {
    let mut others: Vec<X509Certificate<'_>> =
        others.iter().filter_map(|it| parsed(it.as_ref())).collect();
    let Some(mut last) = parsed(leaf) else { return false };
    while let Some(at) = others.iter().position(|it| it.subject() == last.issuer()) {
        last = others.swap_remove(at);
        if let Ok(Some(usage)) = last.key_usage()
            && !usage.value.key_cert_sign()
        {
            return true;
        }
    }
    false
}
