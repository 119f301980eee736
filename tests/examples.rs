//! Every example in the help, in the manual pages and in README.md works.
//!
//! Each one is run by `sh -eu` inside `pillarbox serve-test`, in a folder of its own that has
//! `examples/` beside it and some mail in alice's INBOX ([`SEED`]), and has to end with 0
//! without `pillarbox: error` on stderr.
//!
//! How examples are written:
//!
//! - In the help of a verb, below a line `Examples:`: a title indented by two columns, and
//!   below it the command, indented by four. A line that ends in `\` goes on in the next.
//! - In README.md, fenced blocks of the language `sh`, each as a whole. Blocks of any other
//!   language (`console`, `toml`, `text`) are not run.
//! - In `src/cli/pages/*.txt`, indented lines that begin with `pillarbox `; in `cookbook.txt`
//!   each run of indented lines, as a whole.
//! - An example that is meant to fail says so: `! pillarbox ...` as the last command, or
//!   `pillarbox ... || test $? = 79`. Only such a one may print errors.

mod support;

use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use support::{Home, find_program, skip};

/// What alice has. Bob's INBOX is empty.
const SEED: &str = "\
From ann@example.test Tue Mar  3 09:00:00 2026
From: Ann Archer <ann@example.test>
To: alice@example.test
Subject: Quarterly report
Date: Tue, 3 Mar 2026 10:00:00 +0100
Message-ID: <report.1@example.test>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=\"=_b\"

--=_b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

The figures are attached, with grüße.

--=_b
Content-Type: text/csv; name=\"figures.csv\"
Content-Disposition: attachment; filename=\"figures.csv\"
Content-Transfer-Encoding: base64

cXVhcnRlcixzdW0KMSw0Nwo=
--=_b--

From bob@example.test Tue Mar  3 10:00:00 2026
From: Bob Baker <bob@example.test>
To: alice@example.test
Subject: Re: Quarterly report
Date: Tue, 3 Mar 2026 11:00:00 +0100
Message-ID: <report.2@example.test>
In-Reply-To: <report.1@example.test>
References: <report.1@example.test>

Thank you!

From news@lists.example.test Tue Mar  3 11:00:00 2026
From: News <news@lists.example.test>
To: alice@example.test
Subject: =?utf-8?B?TGV1Y2h0dHVybSAvIOeBr+WPsA==?=
Date: Tue, 3 Mar 2026 12:00:00 +0100
Message-ID: <news.1@lists.example.test>
List-Id: <news.lists.example.test>

A lighthouse, and an invoice over 47.11.
";

/// Verbs and nouns that do mail's work: their help shows at least three examples.
const WORKERS: [&str; 9] =
    ["send", "fetch", "search", "sync", "probe", "serve-test", "folder", "message", "account"];

/// One thing to run.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Example {
    /// Where it stands, for messages.
    place: String,
    script: String,
}

impl Example {
    fn is_meant_to_fail(&self) -> bool {
        self.script.contains("! pillarbox") || self.script.contains("|| test $?")
    }

    /// A pipe into `fetch -` ends well even when nothing was found; then it prints nothing.
    fn has_to_print(&self) -> bool {
        self.script.contains("| pillarbox fetch -") && !self.script.contains("--to")
    }
}

#[test]
fn the_help_of_send() {
    run_all("the_help_of_send", &of_verb("send"));
}

#[test]
fn the_help_of_fetch() {
    run_all("the_help_of_fetch", &of_verb("fetch"));
}

#[test]
fn the_help_of_search() {
    run_all("the_help_of_search", &of_verb("search"));
}

#[test]
fn the_help_of_sync() {
    run_all("the_help_of_sync", &of_verb("sync"));
}

#[test]
fn the_help_of_probe() {
    run_all("the_help_of_probe", &of_verb("probe"));
}

#[test]
fn the_help_of_the_parts_of_probe() {
    let command = pillarbox::cli::Cli::command();
    let probe = command.find_subcommand("probe").expect("there is probe");
    let mut all = Vec::new();
    for part in probe.get_subcommands() {
        let name = format!("probe {}", part.get_name());
        let examples = of_help(&name, &after_help(part));
        assert!(!examples.is_empty(), "the help of {name} shows no example");
        all.extend(examples);
    }
    run_all("the_help_of_the_parts_of_probe", &all);
}

#[test]
fn the_help_of_serve_test() {
    run_all("the_help_of_serve_test", &of_verb("serve-test"));
}

#[test]
fn the_help_of_folder() {
    run_all("the_help_of_folder", &of_verb("folder"));
}

#[test]
fn the_help_of_message() {
    run_all("the_help_of_message", &of_verb("message"));
}

#[test]
fn the_help_of_account() {
    run_all("the_help_of_account", &of_verb("account"));
}

#[test]
fn the_help_of_everything_else() {
    let command = pillarbox::cli::Cli::command();
    let others: Vec<Example> = command
        .get_subcommands()
        .filter(|verb| !WORKERS.contains(&verb.get_name()))
        .flat_map(|verb| of_help(verb.get_name(), &after_help(verb)))
        .collect();
    run_all("the_help_of_everything_else", &others);
}

#[test]
fn the_manual_pages_of_formats() {
    let folder = root().join("src/cli/pages");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(&folder).expect("the pages can be read") {
        let path = entry.expect("the pages can be read").path();
        let text = std::fs::read_to_string(&path).expect("a page is UTF-8");
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == "cookbook.txt" {
            continue;
        }
        let lines = text.lines().filter_map(|line| line.strip_prefix("    "));
        for line in lines.filter(|line| line.starts_with("pillarbox ")) {
            all.push(Example { place: name.clone(), script: line.to_owned() });
        }
    }
    run_all("the_manual_pages_of_formats", &all);
}

/// The peers' own examples, each with the line that does the same. Their waits overlap.
#[test]
fn the_cookbook() {
    let path = root().join("src/cli/pages/cookbook.txt");
    let text = std::fs::read_to_string(path).expect("the page can be read");
    let recipes = recipes(&text);
    assert!(recipes.len() >= 100, "only {} recipes", recipes.len());
    std::thread::scope(|threads| {
        for share in recipes.chunks(recipes.len().div_ceil(4)) {
            threads.spawn(|| run_all("the_cookbook", share));
        }
    });
}

/// The cookbook speaks of every program that it is a cookbook for.
#[test]
fn the_cookbook_has_a_section_for_each_peer() {
    let text = include_str!("../src/cli/pages/cookbook.txt");
    let sections: Vec<&str> = text.lines().filter(|line| line.starts_with("# FROM ")).collect();
    for peer in [
        "SWAKS",
        "MSMTP",
        "CURL",
        "MBSYNC",
        "OFFLINEIMAP",
        "IMAPSYNC",
        "GETMAIL",
        "FETCHMAIL",
        "NOTMUCH",
        "TESTSSL",
        "MAILPIT",
        "GREENMAIL",
        "SMTP-SINK",
    ] {
        assert!(sections.iter().any(|section| section.contains(peer)), "no section for {peer}");
    }
}

#[test]
fn the_readme() {
    let text = std::fs::read_to_string(root().join("README.md")).expect("README.md is here");
    let blocks = fenced(&text, "sh");
    assert!(blocks.len() >= WORKERS.len(), "README.md shows {} blocks only", blocks.len());
    for verb in WORKERS {
        let shown = blocks.iter().any(|block| block.script.contains(&format!("pillarbox {verb}")));
        assert!(shown, "README.md shows no example of {verb}");
    }
    run_all("the_readme", &blocks);
}

/// What `--help` prints can be copied: no example is broken where it is not meant to be.
#[test]
fn the_help_shows_examples_whole() {
    let home = Home::new();
    let command = pillarbox::cli::Cli::command();
    let mut broken = Vec::new();
    let parts = command.get_subcommands().flat_map(|verb| {
        verb.get_subcommands().map(|part| (vec![verb.get_name(), part.get_name()], part))
    });
    let verbs = command.get_subcommands().map(|verb| (vec![verb.get_name()], verb));
    for (words, verb) in verbs.chain(parts) {
        let help = home.run(&[&words[..], &["--help"]].concat()).success();
        let printed = help.lines();
        for line in after_help(verb).lines().filter(|line| line.starts_with("    ")) {
            if !printed.iter().any(|shown| shown.trim_end() == line.trim_end()) {
                broken.push(format!("{}: {}", words.join(" "), line.trim()));
            }
        }
    }
    assert!(
        broken.is_empty(),
        "--help wraps these examples, so that they cannot be copied (end a line with \\ and go \
         on in the next):\n  {}",
        broken.join("\n  ")
    );
}

/// The first command of the README is what CI runs, and the second is `tests/run`.
#[test]
fn the_readme_begins_with_the_first_minute() {
    let text = std::fs::read_to_string(root().join("README.md")).expect("README.md is here");
    let blocks = fenced(&text, "console");
    let commands: Vec<&str> =
        blocks.iter().flat_map(|block| block.script.lines()).map(str::trim).collect();
    assert_eq!(commands.first(), Some(&"cargo run --release -- serve-test -- sh examples/tour.sh"));
    assert_eq!(commands.get(1), Some(&"tests/run"));
}

fn of_verb(name: &str) -> Vec<Example> {
    let command = pillarbox::cli::Cli::command();
    let verb = command.find_subcommand(name).unwrap_or_else(|| panic!("there is no verb {name}"));
    let examples = of_help(name, &after_help(verb));
    assert!(examples.len() >= 3, "the help of {name} shows {} examples only", examples.len());
    examples
}

fn after_help(verb: &clap::Command) -> String {
    verb.get_after_long_help()
        .or_else(|| verb.get_after_help())
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// The commands below `Examples:`.
fn of_help(verb: &str, text: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut goes_on = false;
    let below = text.lines().skip_while(|line| *line != "Examples:").skip(1);
    for line in below.take_while(|line| line.is_empty() || line.starts_with("  ")) {
        let Some(code) = line.strip_prefix("    ") else { continue };
        match examples.last_mut() {
            Some(last) if goes_on => {
                last.script.push('\n');
                last.script.push_str(code);
            }
            _ => examples.push(Example {
                place: format!("pillarbox {verb} --help"),
                script: code.to_owned(),
            }),
        }
        goes_on = code.ends_with('\\');
    }
    examples
}

/// The indented blocks of the cookbook. Each stands below what it answers: an entry `WHAT:: TEXT`.
fn recipes(text: &str) -> Vec<Example> {
    let mut recipes: Vec<Example> = Vec::new();
    let mut asked = None;
    let mut is_open = false;
    for (index, line) in text.lines().enumerate() {
        if let Some(code) = line.strip_prefix("    ") {
            let at = index + 1;
            if !is_open {
                assert!(
                    asked.take().is_some(),
                    "cookbook.txt, line {at}: a recipe without a title"
                );
                let place = format!("cookbook.txt, line {at}");
                recipes.push(Example { place, script: String::new() });
            }
            let recipe = recipes.last_mut().expect("one was begun");
            recipe.script.push_str(code);
            recipe.script.push('\n');
            is_open = true;
        } else {
            is_open = false;
            if line.contains(":: ") {
                assert!(asked.is_none(), "cookbook.txt: no recipe for {asked:?}");
                asked = Some(line);
            }
        }
    }
    assert!(asked.is_none(), "cookbook.txt: no recipe for {asked:?}");
    recipes
}

/// The fenced blocks of one language.
fn fenced(text: &str, language: &str) -> Vec<Example> {
    let mut blocks = Vec::new();
    let mut block: Option<(usize, String, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        match (&mut block, fence) {
            (None, Some(info)) => block = Some((index + 1, info.trim().to_owned(), String::new())),
            (Some((start, info, script)), Some(_)) => {
                if info == language {
                    blocks.push(Example {
                        place: format!("README.md, line {start}"),
                        script: script.clone(),
                    });
                }
                block = None;
            }
            (Some((.., script)), None) => {
                script.push_str(line);
                script.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(block.is_none(), "a fence is not closed");
    blocks
}

fn run_all(test: &str, examples: &[Example]) {
    let mut failures = Vec::new();
    for example in examples {
        if let Err(failure) = run(test, example) {
            failures.push(failure);
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} examples do not work:\n\n{}",
        failures.len(),
        examples.len(),
        failures.join("\n")
    );
}

fn run(test: &str, example: &Example) -> Result<(), String> {
    for program in ["jq", "curl", "swaks", "openssl", "python3"] {
        let is_used = example.script.split(|c: char| !c.is_alphanumeric()).any(|w| w == program);
        if is_used && find_program(program).is_none() {
            skip(test, format!("not installed: {program} ({})", example.place));
            return Ok(());
        }
    }
    let home = Home::new();
    let seed = home.write("seed.mbox", SEED);
    for path in files(&root().join("examples")) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        home.write(&format!("examples/{name}"), std::fs::read(&path).expect("an example"));
    }
    // The seed is old; this one came today.
    let fresh = "pillarbox send -q --via bob --to alice@example.test --subject today --body new\n";
    let script = home.write("example.sh", format!("{fresh}{}", example.script));
    let arguments = support::args!["serve-test", "--seed-mail", seed, "--", "sh", "-eu", script];
    let run = home.pillarbox(arguments).within(support::PATIENCE * 2).run();
    let complaint = if run.code != Some(0) {
        "ends badly"
    } else if prints_errors(&run.errors()) && !example.is_meant_to_fail() {
        "prints an error"
    } else if example.has_to_print() && run.stdout.is_empty() {
        "prints nothing"
    } else {
        return Ok(());
    };
    Err(format!("{} {complaint}:\n{}\n{run}", example.place, example.script.trim_end()))
}

/// Ours, those of the command line, and curl's: a pipe or a list can end well all the same.
fn prints_errors(text: &str) -> bool {
    let starts = ["pillarbox: error", "error:", "curl: ("];
    text.lines().any(|line| starts.iter().any(|start| line.starts_with(start)))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder)
        .expect("a folder of the repository can be read")
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.is_file())
        .collect()
}

#[test]
fn examples_are_found_in_help_and_in_fences() {
    let help =
        "Words.\n\nExamples:\n  One:\n    pillarbox a \\\n      --b\n  Two:\n    pillarbox c\n";
    let scripts: Vec<String> = of_help("x", help).into_iter().map(|e| e.script).collect();
    assert_eq!(scripts, ["pillarbox a \\\n  --b", "pillarbox c"]);
    let text = "a\n```sh\nb\nc\n```\n```text\nd\n```\n";
    assert_eq!(
        fenced(text, "sh"),
        [Example { place: "README.md, line 2".into(), script: "b\nc\n".into() }]
    );
}
