//! Many accounts of a Dovecot in one process, in parts, and taken up again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::support::{Dovecot, Home, Invocation, Run, args, dovecot::Options, full};
use super::{letters, put, subjects};

/// Anybody may log in.
fn server(test: &str) -> Option<Dovecot> {
    let extra = "passdb {\n  driver = static\n  args = password=secret\n}\n\
                 service imap {\n  process_limit = 400\n}\n";
    Dovecot::with(test, &Options { extra: extra.to_owned(), ..Options::default() })
}

fn list(dovecot: &Dovecot, count: usize) -> String {
    let mut list = String::from("name,far,near,far-user\n");
    for number in 0..count {
        let url = dovecot.url("imaps", "").replace("//@", "//");
        let _ = writeln!(list, "user{number},{url},maildir:mail/user{number},user{number}");
    }
    list
}

fn fleet(home: &Home, dovecot: &Dovecot, list: &Path, options: &[&str]) -> Invocation {
    home.pillarbox(args!["sync", "--fleet", list, "--json", "--far-ca-file", dovecot.ca()])
        .args(options)
        .password("secret")
        .within(Duration::from_secs(300))
}

/// The results by account.
#[track_caller]
fn results(run: &Run) -> BTreeMap<String, Value> {
    let lines = run.json_lines().into_iter().filter(|line| line["type"] == "account");
    lines.map(|line| (line["name"].as_str().unwrap_or_default().to_owned(), line)).collect()
}

/// The most memory that a process has had, in MiB.
fn peak(id: i32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().split(' ').next()?.parse::<u64>().ok()? / 1024)
}

/// Two hundred with PILLARBOX_FULL, else fewer, in as much less memory.
#[test]
fn many_accounts_in_one_process() {
    let test = "many_accounts_in_one_process";
    let Some(dovecot) = server(test) else { return };
    let home = Home::new();
    let accounts = if full() { 200 } else { 50 };
    for number in 0..accounts {
        put(&dovecot, &format!("user{number}"), "INBOX", &letters(&format!("u{number}"), 2));
    }
    let path = home.write("accounts.csv", list(&dovecot, accounts));
    let running = fleet(&home, &dovecot, &path, &["--jobs", "200"]).spawn();
    let (id, mut most) = (running.id(), 0);
    let sampler = std::thread::spawn(move || {
        while let Some(now) = peak(id) {
            most = most.max(now);
            std::thread::sleep(Duration::from_millis(20));
        }
        most
    });
    let run = running.wait(Duration::from_secs(300)).success();
    let most = sampler.join().expect("it samples");
    let found = results(&run);
    assert_eq!(found.len(), accounts, "{run}");
    for (name, result) in &found {
        assert_eq!((&result["exit"], &result["near"]["copied"]), (&0.into(), &2.into()), "{name}");
        assert_eq!(subjects(&home.path().join("mail").join(name)).len(), 2, "{name}");
    }
    eprintln!("{accounts} accounts at once: {most} MiB, {:?}", run.elapsed);
    let limit = 500 * accounts as u64 / 200;
    assert!((1..limit).contains(&most), "{most} MiB");
}

#[test]
fn parts_of_a_fleet_join_to_the_same_result() {
    let test = "parts_of_a_fleet_join_to_the_same_result";
    let Some(dovecot) = server(test) else { return };
    let (home, whole) = (Home::new(), Home::new());
    let accounts = 12;
    for number in 0..accounts {
        put(&dovecot, &format!("user{number}"), "INBOX", &letters(&format!("u{number}"), 3));
    }
    let path = home.write("accounts.csv", list(&dovecot, accounts));
    let mut joined = BTreeMap::new();
    for shard in 0..3 {
        // As Kubernetes, Slurm and GNU parallel say it.
        let run = match shard {
            0 => fleet(&home, &dovecot, &path, &["--shard", "/3"]).env("JOB_COMPLETION_INDEX", "0"),
            1 => fleet(&home, &dovecot, &path, &["--shard", "/3"])
                .env("SLURM_ARRAY_TASK_ID", "6")
                .env("SLURM_ARRAY_TASK_MIN", "5"),
            _ => fleet(&home, &dovecot, &path, &["--shard", "2/3"]),
        };
        let found = results(&run.run().success());
        assert!((1..accounts).contains(&found.len()), "{found:?}");
        for (name, result) in found {
            assert!(joined.insert(name.clone(), result).is_none(), "{name} is in two parts");
        }
    }
    let list = whole.write("accounts.csv", list(&dovecot, accounts));
    let all = results(&fleet(&whole, &dovecot, &list, &[]).run().success());
    let brief = |all: &BTreeMap<String, Value>| -> Vec<(String, Value)> {
        all.iter().map(|(name, result)| (name.clone(), result["near"].clone())).collect()
    };
    assert_eq!(brief(&joined), brief(&all));
    for name in all.keys() {
        let mail = |home: &Home| subjects(&home.path().join("mail").join(name));
        assert_eq!(mail(&home), mail(&whole), "{name}");
    }
    fleet(&home, &dovecot, &path, &["--shard", "/3"]).run().expect(64).says(&["JOB_COMPLETION"]);
    fleet(&home, &dovecot, &path, &["--shard", "3/3"]).run().expect(64).says(&["the last 2"]);
}

/// The job file for Slurm, run as each task of an array would run it.
#[test]
fn the_job_file_for_slurm_does_all_parts() {
    let Some(dovecot) = server("the_job_file_for_slurm_does_all_parts") else { return };
    let home = Home::new();
    let mut list = String::from("name,far,near,far-user,far-ca-file,far-password-command\n");
    for number in 0..6 {
        put(&dovecot, &format!("user{number}"), "INBOX", &letters(&format!("u{number}"), 1));
        let url = dovecot.url("imaps", "").replace("//@", "//");
        let place = home.path().join(format!("mail/user{number}"));
        let (place, ca) = (place.display(), dovecot.ca().display().to_string());
        let _ = writeln!(list, "user{number},{url},maildir:{place},user{number},{ca},echo secret");
    }
    let list = home.write("accounts.csv", list);
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/fleet/slurm.sh");
    let mut names = Vec::new();
    for task in 101..117 {
        let run = home
            .command("sh", &[&script])
            .env("PATH", super::support::binary::path_with_binary().to_string_lossy().as_ref())
            .env("FLEET_LIST", list.to_string_lossy().as_ref())
            .env("SLURM_ARRAY_TASK_ID", task.to_string())
            .env("SLURM_ARRAY_TASK_MIN", "101")
            .run()
            .success();
        names.extend(results(&run).into_keys());
    }
    names.sort();
    assert_eq!(names, ["user0", "user1", "user2", "user3", "user4", "user5"]);
}

#[test]
fn a_fleet_is_taken_up_where_it_was() {
    let Some(dovecot) = server("a_fleet_is_taken_up_where_it_was") else { return };
    let home = Home::new();
    for number in 0..4 {
        put(&dovecot, &format!("user{number}"), "INBOX", &letters(&format!("u{number}"), 2));
    }
    let list = list(&dovecot, 4);
    let closed = super::support::closed_port();
    let broken = list.replace("user2,imaps://localhost:", "user2,imaps://127.0.0.1:1/x");
    let broken = broken
        .replace(&format!("127.0.0.1:1/x{}/", dovecot.imaps), &format!("localhost:{closed}/"));
    let path = home.write("accounts.csv", &broken);
    let words = ["--results", "results.jsonl", "--jobs", "1"];
    let run = fleet(&home, &dovecot, &path, &words).run().expect(75);
    let found = results(&run);
    assert_eq!(found.len(), 4, "{run}");
    assert_eq!(found["user2"]["exit"], 75, "{run}");
    assert!(found["user2"]["error"].as_str().is_some_and(|text| text.contains("localhost")));
    let path = home.write("accounts.csv", &list);
    let found = results(&fleet(&home, &dovecot, &path, &words).run().success());
    assert_eq!(found.keys().collect::<Vec<_>>(), ["user2"], "only what was not done");
    assert!(fleet(&home, &dovecot, &path, &words).run().success().text().is_empty());
    let lines = std::fs::read_to_string(home.path().join("results.jsonl")).expect("results");
    assert_eq!(lines.lines().count(), 5, "{lines}");

    let path = home.write("wrong.csv", "far,near\nimaps://x/");
    fleet(&home, &dovecot, &path, &[]).run().expect(65).says(&["wrong.csv: line 2"]);
}

/// The job file for Kubernetes: what its container runs, as each pod of the job would run it.
#[test]
fn the_job_file_for_kubernetes_does_all_parts() {
    let Some(dovecot) = server("the_job_file_for_kubernetes_does_all_parts") else { return };
    let home = Home::new();
    let mut list = String::from("name,far,near,far-user,far-ca-file,far-password-command\n");
    for number in 0..6 {
        put(&dovecot, &format!("user{number}"), "INBOX", &letters(&format!("u{number}"), 1));
        let url = dovecot.url("imaps", "").replace("//@", "//");
        let place = home.path().join(format!("mail/user{number}"));
        let (place, ca) = (place.display(), dovecot.ca().display().to_string());
        let _ = writeln!(list, "user{number},{url},maildir:{place},user{number},{ca},echo secret");
    }
    home.write("fleet/accounts.csv", list);
    home.write("state/empty", "");
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/fleet");
    let text = std::fs::read_to_string(file.join("kubernetes.yaml")).expect("the job file");
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(&format!("{key}: ")));
        line.unwrap_or_else(|| panic!("no {key}")).to_owned()
    };
    // Each index is one shard, and sets the variable that --shard reads.
    assert_eq!((value("kind"), value("apiVersion")), ("Job".to_owned(), "batch/v1".to_owned()));
    assert_eq!(value("completionMode"), "Indexed");
    assert_eq!(value("command"), r#"["sh", "-c"]"#);
    let pods: u32 = value("completions").parse().expect("a number");
    let block = text.split_once("- >-\n").and_then(|(_, rest)| rest.split_once("env:"));
    let (script, _) = block.expect("the container's argument");
    assert!(script.contains(&format!("--shard /{pods} ")), "{script}");
    // The volumes lie elsewhere here; a folded block is one line.
    let root = home.path().display().to_string();
    let script: Vec<&str> = script.split_whitespace().collect();
    let script = script
        .join(" ")
        .replace("/fleet/", &format!("{root}/fleet/"))
        .replace("/state/", &format!("{root}/state/"));
    let mut names = Vec::new();
    for index in 0..pods {
        let run = home
            .command("sh", &["-c", &script])
            .env("PATH", super::support::binary::path_with_binary().to_string_lossy().as_ref())
            .env("XDG_STATE_HOME", format!("{root}/state"))
            .env("JOB_COMPLETION_INDEX", index.to_string())
            .run()
            .success();
        names.extend(results(&run).into_keys());
    }
    names.sort();
    assert_eq!(names, ["user0", "user1", "user2", "user3", "user4", "user5"]);
}
