//! What a run of the program shares: configuration, network options, how much to say.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::Result;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::args::Common;
use crate::config::Config;
use crate::config::credentials::Found;
use crate::net;
use crate::net::transcript::{Redactor, Transcript};
use crate::ui::progress::Show;
use crate::ui::{Exit, Failure, report, trace};

/// Shared by all that a run does.
pub struct Context {
    /// What the configuration files say.
    pub config: Config,
    /// How connections are made.
    pub net: net::Options,
    /// How progress is shown.
    pub progress: Show,
    /// Say nothing but errors.
    pub quiet: bool,
    /// How often `-v` was given.
    pub verbose: u8,
    /// Secrets that can be had only once, by server and user: from a descriptor, or asked for.
    pub had: Rc<Had>,
}

/// Secrets by server and user.
#[derive(Debug, Default)]
pub struct Had(RefCell<HashMap<(String, String), Found>>);

impl Had {
    pub(super) fn of(&self, key: &(String, String)) -> Option<Found> {
        self.0.borrow().get(key).cloned()
    }

    pub(super) fn keep(&self, key: (String, String), found: &Found) {
        self.0.borrow_mut().insert(key, found.clone());
    }
}

impl Context {
    /// Reads the configuration and sets up what the common options ask for.
    ///
    /// # Errors
    /// A configuration or an `ALL_PROXY` with mistakes (78), a `--proxy` that is none (64), a trace file that cannot be made (73).
    pub fn new(common: &Common) -> Result<Self> {
        let config = Config::load(common.config.as_deref())?;
        let redactor = Rc::new(Redactor::default());
        let mut proxies = net::proxy::Rules::of_environment()
            .map_err(|error| Failure::new(Exit::Config, error.to_string()))?;
        if let Some(proxy) = &common.proxy {
            let choice =
                proxy.parse().map_err(|error| Failure::usage(format!("--proxy is {error}")))?;
            proxies.chosen = Some(choice);
        }
        let mut listeners: Vec<Rc<dyn Transcript>> = Vec::new();
        if common.verbose > 0 {
            listeners.push(Rc::new(trace::Printed::client()));
        }
        if let Some(path) = &common.trace {
            let file = crate::ui::trace::private_file(path).map_err(|error| {
                let message = format!("cannot make {}: {error}", path.display());
                Failure::new(Exit::CantCreate, message)
            })?;
            listeners.push(Rc::new(trace::Traced::new(Box::new(file))));
        }
        let transcript: Option<Rc<dyn Transcript>> = match listeners.len() {
            0 => None,
            1 => listeners.pop(),
            _ => Some(Rc::new(trace::All(listeners))),
        };
        Ok(Self {
            config,
            net: net::Options {
                timeout: common.timeout,
                connect_to: common.connect_to.clone(),
                resolver: common.resolver,
                trust_anchor: common.trust_anchor.clone(),
                bind: common.bind,
                proxies,
                transcript,
                redactor,
                connections: Rc::new(Cell::new(0)),
                start: Instant::now(),
                stop: net::Stop::default(),
            },
            progress: if common.quiet { Show::None } else { common.progress },
            quiet: common.quiet,
            verbose: common.verbose,
            had: Rc::default(),
        })
    }

    /// A run that needs neither configuration nor servers of others.
    pub fn alone() -> Self {
        Self {
            config: Config::default(),
            net: net::Options::default(),
            progress: Show::None,
            quiet: false,
            verbose: 0,
            had: Rc::default(),
        }
    }

    /// A text without the secrets of this run.
    pub fn redacted(&self, text: &str) -> String {
        match self.net.redactor.blot(text.as_bytes()) {
            Some(clean) => String::from_utf8_lossy(&clean).into_owned(),
            None => text.to_owned(),
        }
    }

    /// Tells what goes on inside, under `-vv`.
    pub fn debug(&self, text: impl FnOnce() -> String) {
        if self.verbose > 1 {
            report::note(&format!("debug: {}", text()));
        }
    }
}

/// The time zone of this machine; what is kept of it is read anew when a second has passed, so
/// that a server goes with a machine that changes it.
pub fn zone() -> TimeZone {
    static KEPT: Mutex<Option<(i64, TimeZone)>> = Mutex::new(None);
    let second = Timestamp::now().as_second();
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    match &*kept {
        Some((of, zone)) if *of == second => zone.clone(),
        _ => kept.insert((second, read_zone())).1.clone(),
    }
}

fn read_zone() -> TimeZone {
    // Its name is of no use here, and to find that, all zones that there are would be listed.
    let of_machine = match std::env::var_os("TZ") {
        Some(_) => None,
        None => std::fs::read("/etc/localtime").ok(),
    };
    let zone = of_machine.and_then(|octets| TimeZone::tzif("local", &octets).ok());
    zone.unwrap_or_else(TimeZone::system)
}

/// The time on this machine's clock, in its own zone.
pub fn now() -> crate::base::date::Zoned {
    let now = Timestamp::now().to_zoned(zone());
    crate::base::date::Zoned {
        seconds: now.timestamp().as_second(),
        offset_seconds: now.offset().seconds(),
    }
}
