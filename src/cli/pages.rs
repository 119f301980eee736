//! Manual pages that are no command's: formats, languages, and what all verbs share.
//!
//! Their text stands beside this file in a small markup: a line `# TITLE` begins a section,
//! an indented line is shown as it is, `TERM:: TEXT` is an entry of a list, and an empty
//! line ends a paragraph.

use clap_mangen::roff::{Roff, bold, roman};

use crate::ui::exit;

/// One page.
pub struct Page {
    name: &'static str,
    section: &'static str,
    title: &'static str,
    text: &'static str,
}

/// Every page that is no command's.
pub const ALL: &[Page] = &[
    Page {
        name: "pillarbox-location",
        section: "7",
        title: "how pillarbox names mailboxes, servers and messages",
        text: include_str!("pages/location.txt"),
    },
    Page {
        name: "pillarbox-query",
        section: "7",
        title: "the search language of pillarbox",
        text: include_str!("pages/query.txt"),
    },
    Page {
        name: "pillarbox-cookbook",
        section: "7",
        title: "what other mail tools do, done with pillarbox",
        text: include_str!("pages/cookbook.txt"),
    },
    Page {
        name: "pillarbox-config",
        section: "5",
        title: "the configuration of pillarbox",
        text: include_str!("pages/config.txt"),
    },
];

impl Page {
    /// `pillarbox-query.7`.
    pub fn file_name(&self) -> String {
        format!("{}.{}", self.name, self.section)
    }

    /// The page in roff.
    pub fn roff(&self) -> Vec<u8> {
        let mut roff = Roff::default();
        roff.control(
            "TH",
            [
                self.name,
                self.section,
                "",
                concat!("pillarbox ", env!("CARGO_PKG_VERSION")),
                "Pillarbox Manual",
            ],
        );
        roff.control("SH", ["NAME"]);
        roff.text([roman(format!("{} - {}", self.name, self.title))]);
        render(self.text, &mut roff);
        roff.render().into_bytes()
    }
}

/// What the program's own page says after its verbs.
pub fn common() -> Vec<u8> {
    let mut roff = Roff::default();
    render(include_str!("pages/common.txt"), &mut roff);
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in exit::TABLE {
        roff.control("TP", []);
        roff.text([bold(*code)]);
        roff.text([roman(*meaning)]);
    }
    render(include_str!("pages/see_also.txt"), &mut roff);
    roff.render().into_bytes()
}

fn render(text: &str, roff: &mut Roff) {
    let mut literal = false;
    for line in text.lines() {
        let is_literal = line.starts_with("    ") || (literal && line.is_empty());
        if literal && !is_literal {
            roff.control("fi", []);
            roff.control("RE", []);
            literal = false;
        }
        if let Some(title) = line.strip_prefix("# ") {
            roff.control("SH", [title]);
        } else if let Some(shown) = line.strip_prefix("    ") {
            if !literal {
                roff.control("PP", []);
                roff.control("RS", ["4"]);
                roff.control("nf", []);
                literal = true;
            }
            roff.text([roman(shown)]);
        } else if let Some((term, text)) = line.split_once(":: ") {
            roff.control("TP", []);
            roff.text([bold(term)]);
            roff.text([roman(text)]);
        } else if line.is_empty() {
            if !literal {
                roff.control("PP", []);
            }
        } else {
            roff.text([roman(line)]);
        }
    }
    if literal {
        roff.control("fi", []);
        roff.control("RE", []);
    }
}
