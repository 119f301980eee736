//! The options that every verb has, and those of a network side.
//!
//! A verb with two network sides takes the second kind per side, with a prefix
//! (`--far-user`); [`Endpoint`] builds them from one table, so that they cannot drift apart.

use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command, ValueEnum, value_parser};

use crate::net::connect::ConnectTo;
use crate::net::tls;
use crate::ui::progress::Show;

/// Options that every verb has.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Common options")]
pub struct Common {
    /// Read this configuration file instead of the usual ones
    #[arg(long, value_name = "FILE", env = "PILLARBOX_CONFIG")]
    pub config: Option<PathBuf>,

    /// Print JSON Lines, one object a line
    #[arg(long)]
    pub json: bool,

    /// End each line of output with NUL instead of a line feed
    #[arg(short = '0', long = "null")]
    pub nul: bool,

    /// Print nothing on stderr but errors
    #[arg(short, long)]
    pub quiet: bool,

    /// Show the dialogue with the server, secrets left out; twice: also what goes on inside
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,

    /// Write the dialogue to FILE as JSON Lines with microsecond times
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,

    /// How to show progress
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub progress: Show,

    /// Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub timeout: Option<Duration>,

    /// Give up on the whole run after that long: seconds, or 30s, 5m, 2h
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub deadline: Option<Duration>,

    /// Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable
    #[arg(long, value_name = "NAME:PORT:ADDRESS:PORT")]
    pub connect_to: Vec<ConnectTo>,

    /// Ask this DNS server instead of the system's
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = resolver)]
    pub resolver: Option<SocketAddr>,

    /// Validate DNSSEC from the trust anchors in FILE (DNSKEY records)
    #[arg(long, value_name = "FILE")]
    pub trust_anchor: Option<PathBuf>,

    /// Speak from this local address
    #[arg(long, value_name = "ADDRESS")]
    pub bind: Option<IpAddr>,

    /// The proxy to connect through, or `none`.
    // Not read by clap, whose error would print the password in it. The help stands apart from
    // the comment, where its brackets would be links.
    #[arg(
        long,
        value_name = "URL",
        help = "Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none"
    )]
    pub proxy: Option<String>,
}

/// A span of time of the command line: seconds, or `10s`, `2m`, `1h`, `3d`, `2w`.
///
/// # Errors
/// What is wanted, in words.
pub fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "want a time above 0 such as 90, 30s, 5m, 2h or 1d".to_owned();
    let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let unit = match unit {
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        "w" => 604_800.0,
        _ => return Err(wrong()),
    };
    match number.parse::<f64>() {
        Ok(number) if number > 0.0 && number * unit < 1e9 => {
            Ok(Duration::from_secs_f64(number * unit))
        }
        _ => Err(wrong()),
    }
}

fn resolver(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, 53));
    }
    text.parse().map_err(|_| "want an address, with or without :PORT".into())
}

/// Which network side a set of endpoint options is for.
pub trait Side {
    /// What stands before each option's name: empty, or `far-`.
    const PREFIX: &'static str;
    /// The heading in the help.
    const HEADING: &'static str;
}

/// The only side.
#[derive(Debug, Clone, Copy)]
pub struct Own;
impl Side for Own {
    const PREFIX: &'static str = "";
    const HEADING: &'static str = "Server options";
}

/// The first location of `sync`.
#[derive(Debug, Clone, Copy)]
pub struct Far;
impl Side for Far {
    const PREFIX: &'static str = "far-";
    const HEADING: &'static str = "Options of the far side";
}

/// The second location of `sync`.
#[derive(Debug, Clone, Copy)]
pub struct Near;
impl Side for Near {
    const PREFIX: &'static str = "near-";
    const HEADING: &'static str = "Options of the near side";
}

/// A server among the targets of `fetch`.
#[derive(Debug, Clone, Copy)]
pub struct To;
impl Side for To {
    const PREFIX: &'static str = "to-";
    const HEADING: &'static str = "Options of the target's server";
}

/// Where `probe roundtrip` hands its message in.
#[derive(Debug, Clone, Copy)]
pub struct Sending;
impl Side for Sending {
    const PREFIX: &'static str = "send-";
    const HEADING: &'static str = "Options of the server that takes the message";
}

/// Where `probe roundtrip` waits for its message.
#[derive(Debug, Clone, Copy)]
pub struct Receiving;
impl Side for Receiving {
    const PREFIX: &'static str = "receive-";
    const HEADING: &'static str = "Options of the server where it comes";
}

/// The values of one side's options; `None` and empty mean "not given".
#[derive(Debug, Clone, Default)]
pub struct EndpointOptions {
    /// Login name.
    pub user: Option<String>,
    /// SASL mechanism to use and no other.
    pub auth: Option<String>,
    /// Authorization identity, to act for another user.
    pub authorize_as: Option<String>,
    /// The user or the account that logs in for the user who is meant.
    pub admin: Option<String>,
    /// Command whose first line of output is an access token.
    pub token_command: Option<String>,
    /// Command whose first line of output is the secret.
    pub password_command: Option<String>,
    /// Descriptor to read the secret from.
    pub password_fd: Option<i32>,
    /// When TLS begins.
    pub tls: Option<tls::Mode>,
    /// Oldest version.
    pub tls_min: Option<tls::Version>,
    /// Library.
    pub tls_backend: Option<tls::Backend>,
    /// Roots in PEM.
    pub ca_file: Option<PathBuf>,
    /// PEM chain or PKCS#12.
    pub client_cert: Option<PathBuf>,
    /// PEM key.
    pub client_key: Option<PathBuf>,
    /// `sha256:…` of keys.
    pub pins: Vec<String>,
    /// No verification.
    pub insecure: bool,
    /// Passwords may cross in the clear.
    pub allow_cleartext_password: bool,
}

impl EndpointOptions {
    /// The name of the first option that was given, without prefix; `None` when none was.
    pub fn first_given(&self) -> Option<&'static str> {
        let given = [
            (self.user.is_some(), "user"),
            (self.auth.is_some(), "auth"),
            (self.authorize_as.is_some(), "authorize-as"),
            (self.admin.is_some(), "admin"),
            (self.token_command.is_some(), "token-command"),
            (self.password_command.is_some(), "password-command"),
            (self.password_fd.is_some(), "password-fd"),
            (self.tls.is_some(), "tls"),
            (self.tls_min.is_some(), "tls-min"),
            (self.tls_backend.is_some(), "tls-backend"),
            (self.ca_file.is_some(), "ca-file"),
            (self.client_cert.is_some(), "client-cert"),
            (self.client_key.is_some(), "client-key"),
            (!self.pins.is_empty(), "pin"),
            (self.insecure, "insecure"),
            (self.allow_cleartext_password, "allow-cleartext-password"),
        ];
        given.into_iter().find(|(given, _)| *given).map(|(_, name)| name)
    }
}

/// One side's options as clap sees them.
#[derive(Debug, Clone)]
pub struct Endpoint<S: Side> {
    /// What was given.
    pub options: EndpointOptions,
    side: PhantomData<S>,
}

impl<S: Side> Default for Endpoint<S> {
    fn default() -> Self {
        Self { options: EndpointOptions::default(), side: PhantomData }
    }
}

enum Kind {
    Text(&'static str),
    File,
    Number,
    Many(&'static str),
    Switch,
    Mode,
    Version,
    Backend,
}

/// Name, kind, help.
const TABLE: &[(&str, Kind, &str)] = &[
    ("user", Kind::Text("NAME"), "Log in as NAME"),
    (
        "auth",
        Kind::Text("MECHANISM"),
        "Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)",
    ),
    ("authorize-as", Kind::Text("NAME"), "Act for this user after logging in as --user"),
    (
        "admin",
        Kind::Text("NAME"),
        "Log in as the administrator NAME, a user or an account, for the user of --user or the URL",
    ),
    (
        "token-command",
        Kind::Text("COMMAND"),
        "Run COMMAND by the shell; the first line it prints is an OAuth access token",
    ),
    (
        "password-command",
        Kind::Text("COMMAND"),
        "Run COMMAND by the shell; the first line it prints is the password",
    ),
    ("password-fd", Kind::Number, "Read the password from this file descriptor"),
    ("tls", Kind::Mode, "When TLS begins (default: by the URL's scheme, and always)"),
    ("tls-min", Kind::Version, "Oldest TLS version to accept"),
    ("tls-backend", Kind::Backend, "Library that speaks TLS"),
    ("ca-file", Kind::File, "Trust the certificates in FILE (PEM) instead of the system's"),
    ("client-cert", Kind::File, "Show this certificate to the server (PEM or PKCS#12)"),
    ("client-key", Kind::File, "The key of --client-cert (PEM)"),
    (
        "pin",
        Kind::Many("sha256:HASH"),
        "Trust only a server with this public key (SHA-256 in hex or base64); repeatable",
    ),
    ("insecure", Kind::Switch, "Do not verify the server's certificate"),
    ("allow-cleartext-password", Kind::Switch, "Let a password cross a connection without TLS"),
];

fn id<S: Side>(name: &str) -> String {
    format!("{}{name}", S::PREFIX)
}

impl<S: Side> clap::FromArgMatches for Endpoint<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut endpoint = Self::default();
        endpoint.update_from_arg_matches(matches)?;
        Ok(endpoint)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let text = |name: &str| matches.get_one::<String>(&id::<S>(name)).cloned();
        let file = |name: &str| matches.get_one::<PathBuf>(&id::<S>(name)).cloned();
        let options = &mut self.options;
        options.user = text("user");
        options.auth = text("auth");
        options.authorize_as = text("authorize-as");
        options.admin = text("admin");
        options.token_command = text("token-command");
        options.password_command = text("password-command");
        options.password_fd = matches.get_one::<i32>(&id::<S>("password-fd")).copied();
        options.tls = matches.get_one::<tls::Mode>(&id::<S>("tls")).copied();
        options.tls_min = matches.get_one::<tls::Version>(&id::<S>("tls-min")).copied();
        options.tls_backend = matches.get_one::<tls::Backend>(&id::<S>("tls-backend")).copied();
        options.ca_file = file("ca-file");
        options.client_cert = file("client-cert");
        options.client_key = file("client-key");
        options.pins = matches
            .get_many::<String>(&id::<S>("pin"))
            .map(|pins| pins.cloned().collect())
            .unwrap_or_default();
        options.insecure = matches.get_flag(&id::<S>("insecure"));
        options.allow_cleartext_password = matches.get_flag(&id::<S>("allow-cleartext-password"));
        Ok(())
    }
}

impl<S: Side> clap::Args for Endpoint<S> {
    fn augment_args(command: Command) -> Command {
        TABLE.iter().fold(command, |command, (name, kind, help)| {
            let id = id::<S>(name);
            let arg = Arg::new(id.clone()).long(id).help(*help).help_heading(S::HEADING);
            command.arg(match kind {
                Kind::Text(value) => arg.value_name(*value),
                Kind::File => arg.value_name("FILE").value_parser(value_parser!(PathBuf)),
                Kind::Number => arg.value_name("FD").value_parser(value_parser!(i32).range(0..)),
                Kind::Many(value) => arg.value_name(*value).action(ArgAction::Append),
                Kind::Switch => arg.action(ArgAction::SetTrue),
                Kind::Mode => arg.value_name("WHEN").value_parser(choices::<tls::Mode>()),
                Kind::Version => arg.value_name("VERSION").value_parser(choices::<tls::Version>()),
                Kind::Backend => arg.value_name("LIBRARY").value_parser(choices::<tls::Backend>()),
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn choices<T: ValueEnum + Clone + Send + Sync + 'static>() -> impl TypedValueParser<Value = T> {
    let names = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    PossibleValuesParser::new(names).try_map(|name| T::from_str(&name, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time() {
        assert_eq!(span("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(span("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(span("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(span("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(span("2d"), Ok(Duration::from_secs(172_800)));
        assert_eq!(span("1w"), Ok(Duration::from_secs(604_800)));
        for text in ["", "s", "-1", "0", "1y", "1e9s", "nan", "inf", "1 s"] {
            assert!(span(text).is_err(), "{text}");
        }
    }
}
