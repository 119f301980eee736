//! How far it is: bars on a terminal, a line each ten seconds on request, else nothing.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What `--progress` and `-q` ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Show {
    /// Bars when stderr is a terminal, else nothing.
    #[default]
    Auto,
    /// One line each ten seconds.
    Plain,
    /// Nothing.
    None,
}

/// Messages and octets that have passed.
pub struct Progress {
    shown: Shown,
    what: String,
    total: Option<u64>,
    messages: u64,
    octets: u64,
    begun: Instant,
    told: Instant,
}

enum Shown {
    Bar(ProgressBar),
    Plain,
    Nothing,
}

const PLAIN_EVERY: Duration = Duration::from_secs(10);

impl Progress {
    /// Something begins: `what` in a word or two; `total` messages where known.
    pub fn new(show: Show, what: &str, total: Option<u64>) -> Self {
        let shown = match show {
            Show::Auto if std::io::stderr().is_terminal() => Shown::Bar(bar(what, total)),
            Show::Plain => Shown::Plain,
            Show::Auto | Show::None => Shown::Nothing,
        };
        let now = Instant::now();
        Self { shown, what: what.to_owned(), total, messages: 0, octets: 0, begun: now, told: now }
    }

    /// More has passed.
    pub fn advance(&mut self, messages: u64, octets: u64) {
        self.messages += messages;
        self.octets += octets;
        match &self.shown {
            Shown::Nothing => {}
            Shown::Bar(bar) => {
                bar.set_position(self.messages);
                bar.set_message(self.rate());
            }
            Shown::Plain if self.told.elapsed() >= PLAIN_EVERY => {
                self.told = Instant::now();
                super::report::note(&self.line());
            }
            Shown::Plain => {}
        }
    }

    /// It is over; the bar goes.
    pub fn finish(self) {
        match &self.shown {
            Shown::Bar(bar) => bar.finish_and_clear(),
            Shown::Plain => super::report::note(&self.line()),
            Shown::Nothing => {}
        }
    }

    fn rate(&self) -> String {
        let seconds = self.begun.elapsed().as_secs_f64().max(0.001);
        let per_second = (self.octets as f64 / seconds) as u64;
        format!("{}, {}/s", HumanBytes(self.octets), HumanBytes(per_second))
    }

    fn line(&self) -> String {
        let of = self.total.map(|total| format!("/{total}")).unwrap_or_default();
        format!("{}: {}{of} messages, {}", self.what, self.messages, self.rate())
    }
}

fn bar(what: &str, total: Option<u64>) -> ProgressBar {
    let template = match total {
        Some(_) => "{prefix} [{wide_bar}] {pos}/{len} {msg} {eta}",
        None => "{prefix} {spinner} {pos} {msg}",
    };
    let bar = match total {
        Some(total) => ProgressBar::new(total),
        None => ProgressBar::new_spinner(),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(what.to_owned());
    bar
}
