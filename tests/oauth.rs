//! OAuth against a provider of another maker, with Dovecot (and Postfix before it) asking that
//! provider whether our tokens are good; and where secrets rest.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use support::{
    Authority, Dovecot, Home, Leaf, Postfix, Provider, Run, Scratch, Scripted, ServeTest, Step,
    needs,
};

/// `[account.work]` at this Dovecot, with these lines in its `oauth` table.
fn account(dovecot: &Dovecot, provider: &Provider, oauth: &str) -> String {
    format!(
        "[account.work]\nemail = \"alice@example.test\"\nuser = \"alice\"\n\
         imap = \"imaps://localhost:{}\"\npop = \"pop3s://localhost:{}\"\nca-file = \"{}\"\n\
         [account.work.oauth]\nprovider = \"{}\"\n{oauth}\n",
        dovecot.imaps,
        dovecot.pop3s,
        dovecot.ca().display(),
        provider.issuer()
    )
}

const PERSON: &str = "client-id = \"pillarbox-tests\"\nscope = \"mail offline\"";

/// A provider, a Dovecot that believes it, and a home that is logged in by the device flow.
fn logged_in(test: &str) -> Option<(Provider, Dovecot, Home)> {
    let provider = Provider::start(test)?;
    let dovecot = Dovecot::with(test, &provider.dovecot())?;
    let home = Home::new();
    home.configure(&account(&dovecot, &provider, &format!("{PERSON}\nflow = \"device\"")));
    by_device(&home, &provider, &["approve"]).success();
    Some((provider, dovecot, home))
}

/// `account login work`, while somebody at a browser does these things.
fn by_device(home: &Home, provider: &Provider, words: &[&str]) -> Run {
    let login = home.pillarbox(&["account", "login", "work", "-vvv"]).spawn();
    for word in words {
        provider.device(word);
    }
    login.wait(support::PATIENCE)
}

fn token(home: &Home) -> String {
    let run = home.run(&["account", "token", "work"]).success();
    let token = run.text().trim().to_owned();
    assert!(token.len() > 20, "{run}");
    token
}

/// No file below a folder holds the text.
fn nowhere(folder: &Path, text: &str) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            nowhere(&path, text);
        } else if let Ok(octets) = std::fs::read(&path) {
            let found = octets.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!found, "a secret stands in {}", path.display());
        }
    }
}

fn refreshes(provider: &Provider) -> usize {
    provider.log().iter().filter(|grant| *grant == "refresh_token").count()
}

#[test]
fn a_device_is_let_in_and_its_tokens_rest_encrypted() {
    let test = "a_device_is_let_in_and_its_tokens_rest_encrypted";
    let Some(provider) = Provider::start(test) else { return };
    let Some(dovecot) = Dovecot::with(test, &provider.dovecot()) else { return };
    let home = Home::new();
    home.configure(&account(&dovecot, &provider, &format!("{PERSON}\nflow = \"device\"")));
    home.run(&["folder", "list", "work"]).expect(77).says(&["account login work", "no tokens"]);
    by_device(&home, &provider, &["deny"]).expect(77).says(&["declined"]);
    provider.set("{\"device_lifetime\": 1}");
    home.run(&["account", "login", "work"]).expect(77).says(&["ran out"]);
}

#[test]
fn a_login_lasts_for_every_protocol() {
    let Some((provider, dovecot, home)) = logged_in("a_login_lasts_for_every_protocol") else {
        return;
    };
    let secret = token(&home);
    for (auth, words) in
        [("OAUTHBEARER", ["folder", "list", "work"]), ("XOAUTH2", ["folder", "list", "work"])]
    {
        let run = home.pillarbox(&words).args(["--auth", auth, "-vvv"]).run().success();
        assert!(!run.errors().contains(&secret), "{run}");
    }
    let pop = format!("pop3s://alice@localhost:{}/", dovecot.pop3s);
    home.run(&["fetch", &pop]).success();
    let tested = home.run(&["account", "test", "work", "--json"]).success();
    for line in tested.json_lines() {
        assert!(line["login"].as_str().is_some_and(|login| login.contains("OAUTH")), "{line}");
    }
    assert_eq!(refreshes(&provider), 0, "{:?}", provider.log());
    let everything = home.path();
    nowhere(everything.parent().expect("the whole home"), &secret);

    // An option for a password comes before the table.
    home.pillarbox(&["folder", "list", "work"])
        .args(["--password-command", "echo secret"])
        .run()
        .success();
    home.pillarbox(&["folder", "list", "work"])
        .args(["--token-command", "echo wrong"])
        .run()
        .expect(77)
        .says(&["oauthbearer"]);

    home.run(&["account", "logout", "work"]).success().says(&["logged out"]);
    home.run(&["folder", "list", "work"]).expect(77).says(&["account login work"]);
    // The provider was told.
    let token = format!("echo {secret}");
    home.pillarbox(&["folder", "list", "work"]).args(["--token-command", &token]).run().expect(77);
    home.run(&["account", "logout", "work"]).success().says(&["was not logged in"]);
}

#[test]
fn a_token_is_renewed_when_it_ran_out_and_when_it_is_refused() {
    let test = "a_token_is_renewed_when_it_ran_out_and_when_it_is_refused";
    let Some((provider, _dovecot, home)) = logged_in(test) else { return };
    let first = token(&home);
    // The server refuses it before its time: one refresh, and one more connection.
    provider.forget("access");
    let run = home.run(&["folder", "list", "work", "-v"]).success();
    assert_eq!(run.errors().matches("NO [AUTHENTICATIONFAILED]").count(), 1, "{run}");
    assert_eq!(refreshes(&provider), 1);
    let second = token(&home);
    assert_ne!(first, second);
    // Whatever is given out from here on has run out when the next command comes.
    provider.set("{\"lifetime\": 30}");
    provider.forget("access");
    home.run(&["folder", "list", "work"]).success();
    for _ in 0..3 {
        home.run(&["folder", "list", "work"]).success();
    }
    assert_eq!(refreshes(&provider), 5, "{:?}", provider.log());
}

#[test]
fn a_provider_in_trouble_is_another_thing_than_a_refusal() {
    let test = "a_provider_in_trouble_is_another_thing_than_a_refusal";
    let Some((provider, _dovecot, home)) = logged_in(test) else { return };
    provider.forget("access");
    provider.set("{\"fail\": 1}");
    home.run(&["folder", "list", "work"]).expect(75).says(&["status 503"]);
    home.run(&["folder", "list", "work"]).success();
    provider.forget("all");
    home.run(&["folder", "list", "work"]).expect(77).says(&["pillarbox account login work"]);
    home.run(&["account", "token", "work"]).success();
    by_device(&home, &provider, &["approve"]).success();
    home.run(&["folder", "list", "work"]).success();
}

#[test]
fn of_many_processes_one_renews() {
    let Some((provider, _dovecot, home)) = logged_in("of_many_processes_one_renews") else {
        return;
    };
    provider.set("{\"lifetime\": 30}");
    provider.forget("access");
    home.run(&["folder", "list", "work"]).success();
    let before = refreshes(&provider);
    provider.set("{\"lifetime\": 3600, \"delay\": 0.4}");
    let running: Vec<_> =
        (0..6).map(|_| home.pillarbox(&["account", "token", "work"]).spawn()).collect();
    let tokens: Vec<String> = running
        .into_iter()
        .map(|process| process.wait(support::PATIENCE).success().text().to_owned())
        .collect();
    assert!(tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
    assert_eq!(refreshes(&provider), before + 1, "{:?}", provider.log());
}

#[test]
fn a_process_killed_in_a_refresh_leaves_no_lock() {
    let test = "a_process_killed_in_a_refresh_leaves_no_lock";
    let Some((provider, _dovecot, home)) = logged_in(test) else { return };
    provider.set("{\"lifetime\": 30}");
    provider.forget("access");
    home.run(&["folder", "list", "work"]).success();
    let before = provider.log().len();
    provider.set("{\"delay\": 30}");
    let stuck = home.pillarbox(&["account", "token", "work"]).spawn();
    support::wait_for("its question", support::PATIENCE, || {
        (provider.log().len() > before).then_some(())
    });
    stuck.kill();
    provider.set("{\"delay\": 0}");
    let ended = home.run(&["account", "token", "work"]).success();
    assert!(ended.elapsed.as_secs() < 20, "{ended}");
}

/// A browser: the desktop's opener goes where it is told and follows the way back.
fn browser(home: &Home) -> String {
    let path = home.write(
        "bin/xdg-open",
        "#!/bin/sh\n# An icon is asked for first, and a connection opened that says nothing.\n\
         exec curl -s -o \"$HOME/page\" -L \"$1\"\n",
    );
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("ours");
    let folder = path.parent().expect("a folder").display().to_string();
    format!("{folder}:{}", std::env::var("PATH").unwrap_or_default())
}

#[test]
fn a_browser_comes_back_with_a_code() {
    let test = "a_browser_comes_back_with_a_code";
    if !needs(test, &["curl"]) {
        return;
    }
    let Some(provider) = Provider::start(test) else { return };
    let Some(dovecot) = Dovecot::with(test, &provider.dovecot()) else { return };
    let home = Home::new();
    home.configure(&account(&dovecot, &provider, "scope = \"mail\""));
    let path = browser(&home);
    let login = || {
        home.pillarbox(&["account", "login", "work", "-vvv"])
            .env("PILLARBOX_OAUTH_CLIENT_ID", "pillarbox-tests")
            .env("DISPLAY", ":99")
            .env("PATH", &path)
            .run()
    };
    home.run(&["account", "login", "work"]).expect(78).says(&["client id"]);
    provider.set("{\"deny\": true}");
    login().expect(77).says(&["not logged in"]);
    provider.set("{\"deny\": false}");
    login().success().says(&["work is logged in"]);
    let page = std::fs::read_to_string(home.home().join("page")).expect("the browser's page");
    assert!(page.contains("can be closed"), "{page}");
    home.pillarbox(&["folder", "list", "work"])
        .env("PILLARBOX_OAUTH_CLIENT_ID", "pillarbox-tests")
        .run()
        .success();
    // Tokens of another client are not this one's.
    home.pillarbox(&["folder", "list", "work"])
        .env("PILLARBOX_OAUTH_CLIENT_ID", "another")
        .run()
        .expect(77)
        .says(&["no tokens"]);
}

#[test]
fn programmes_log_in_for_themselves_and_service_accounts_for_users() {
    let test = "programmes_log_in_for_themselves_and_service_accounts_for_users";
    if !needs(test, &["openssl"]) {
        return;
    }
    let Some(provider) = Provider::start(test) else { return };
    let Some(dovecot) = Dovecot::with(test, &provider.dovecot()) else { return };
    let home = Home::new();
    let robot = "client-id = \"robot\"\nflow = \"client-credentials\"\n\
                 client-secret-command = \"echo r0bot-secret\"";
    home.configure(&account(&dovecot, &provider, robot));
    let run = home.run(&["folder", "list", "work", "-vvv"]).success();
    assert!(!run.errors().contains("r0bot"), "{run}");
    home.configure(&account(&dovecot, &provider, &robot.replace("echo r0bot-secret", "echo no")));
    home.run(&["folder", "list", "work"]).success();
    home.run(&["account", "logout", "work"]).success();
    home.run(&["folder", "list", "work"]).expect(77).says(&["invalid_client"]);

    let key = provider.folder().join("service.key");
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out"])
        .arg(&key)
        .output()
        .expect("openssl runs");
    assert!(made.status.success());
    let public = Command::new("openssl")
        .args(["pkey", "-pubout", "-in"])
        .arg(&key)
        .arg("-out")
        .arg(provider.folder().join("service.pub"))
        .output()
        .expect("openssl runs");
    assert!(public.status.success());
    let json = serde_json::json!({
        "type": "service_account",
        "client_email": "robot@service.test",
        "private_key_id": "k1",
        "private_key": std::fs::read_to_string(&key).expect("a key"),
        "token_uri": format!("http://127.0.0.1:{}/token", provider.port),
    });
    let file = home.write("service.json", json.to_string());
    let service =
        format!("flow = \"service-account\"\nscope = \"mail\"\nkey-file = \"{}\"", file.display());
    home.configure(&account(&dovecot, &provider, &service));
    home.run(&["folder", "list", "work"]).success();
    assert_eq!(provider.log().last().map(String::as_str), Some("jwt-bearer"));
    home.write("service.json", "{}");
    home.run(&["account", "logout", "work"]).success();
    home.run(&["folder", "list", "work"]).expect(78).says(&["service.json", "no private_key"]);
}

#[test]
fn mail_goes_out_by_a_token_that_had_run_out() {
    let test = "mail_goes_out_by_a_token_that_had_run_out";
    let Some((provider, dovecot, home)) = logged_in(test) else { return };
    let Some(postfix) = Postfix::before(test, &dovecot) else { return };
    let toml = account(&dovecot, &provider, PERSON).replace(
        "pop = ",
        &format!("smtp = \"submission://localhost:{}\"\npop = ", postfix.submission),
    );
    home.configure(&toml);
    provider.forget("access");
    home.pillarbox(&["send", "--via", "work", "--to", "bob@example.test", "--subject", "tokens"])
        .args(["--body", "x", "--ca-file"])
        .arg(postfix.authority.certificate())
        .run()
        .success();
    assert_eq!(refreshes(&provider), 1, "{:?}", provider.log());
}

#[test]
fn what_a_server_says_of_a_token_is_shown() {
    let server = ServeTest::start();
    let home = Home::new();
    let message = "From: alice@example.test\nTo: bob@example.test\n\nx\n";
    for (auth, status) in [("OAUTHBEARER", "invalid_token"), ("XOAUTH2", "401")] {
        for scheme in ["imaps", "pop3s", "nntps", "submissions"] {
            let url = server.url(scheme, Some("alice"));
            let words = match scheme {
                "submissions" => vec!["send", "--via", &url, "bob@example.test"],
                "nntps" => vec!["folder", "list", &url],
                _ => vec!["fetch", &url],
            };
            let ask = |token: &str, code: i32| {
                home.pillarbox(&words)
                    .arg("--ca-file")
                    .arg(server.ca())
                    .args(["--token-command", &format!("echo {token}"), "--auth", auth, "-vv"])
                    .stdin(message)
                    .run()
                    .expect(code)
            };
            ask("secret", 0).says(&["logged in by", auth]);
            ask("w0rn-out-token", 77).says(&[status, "scope wanted: mail"]);
        }
    }
}

/// Google's own refusal of XOAUTH2, to which the answer is an empty line.
#[test]
fn the_refusal_of_a_real_provider_is_shown() {
    const BLOB: &str = "eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21ha\
                        WwuZ29vZ2xlLmNvbS8ifQ==";
    let imap = Scripted::serve(vec![
        Step::line("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] Gimap ready"),
        Step::Expect("AUTHENTICATE XOAUTH2 dXNlcj1h"),
        Step::line(&format!("+ {BLOB}")),
        Step::ReadTo(""),
        Step::Tagged("NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)"),
    ]);
    let smtp = Scripted::serve(vec![
        Step::line("220 smtp.gmail.test ESMTP"),
        Step::Expect("EHLO"),
        Step::line("250-smtp.gmail.test\r\n250 AUTH XOAUTH2"),
        Step::Expect("AUTH XOAUTH2 dXNlcj1h"),
        Step::line(&format!("334 {BLOB}")),
        Step::ReadTo(""),
        Step::line(
            "535-5.7.8 Username and Password not accepted. Learn more at\r\n535 5.7.8  https://support.google.com/mail/?p=BadCredentials",
        ),
    ]);
    let home = Home::new();
    let options =
        ["--tls", "none", "--allow-cleartext-password", "--token-command", "echo ya29.token"];
    let words = ["XOAUTH2 token: 400", "scope wanted: https://mail.google.com/"];
    let url = format!("imap://alice@localhost:{}/", imap.port());
    let run = home.pillarbox(&["folder", "list", &url]).args(options).run().expect(77);
    run.says(&words).says(&["Invalid credentials"]);
    let url = format!("submission://alice@localhost:{}/", smtp.port());
    let run = home
        .pillarbox(&["send", "--via", &url, "b@example.test", "--from", "alice@example.test"])
        .args(options)
        .args(["--subject", "x", "--body", "x"])
        .run()
        .expect(77);
    run.says(&words).says(&["535"]);
    imap.finish();
    smtp.finish();
}

/// A token command is asked once more when its token is refused, and not when it says the same.
#[test]
fn a_token_command_is_asked_once_more() {
    let server = ServeTest::start();
    let home = Home::new();
    // An old token from a cache first, as oama and mutt_oauth2.py may give it.
    let command = "echo x >>asked; test $(wc -l <asked) = 1 && echo old-token || echo secret";
    let table = |command: &str| {
        home.configure(&format!(
            "[account.work]\nuser = \"alice\"\nimap = \"imaps://localhost:{}\"\n\
             pop = \"pop3s://localhost:{}\"\nsmtp = \"submissions://localhost:{}\"\n\
             nntp = \"nntps://localhost:{}\"\nca-file = \"{}\"\ntoken-command = \"{command}\"\n",
            server.port("imaps"),
            server.port("pop3s"),
            server.port("submissions"),
            server.port("nntps"),
            server.ca().display()
        ));
    };
    let asked = || {
        let path = home.path().join("asked");
        let count = std::fs::read_to_string(&path).unwrap_or_default().lines().count();
        let _ = std::fs::remove_file(path);
        count
    };
    let pop = format!("pop3s://alice@localhost:{}/", server.port("pop3s"));
    let news = format!("nntps://alice@localhost:{}/", server.port("nntps"));
    let ways = [
        vec!["folder", "list", "work"],
        vec!["fetch", &pop],
        vec!["folder", "list", &news],
        vec!["send", "--via", "work", "bob@example.test", "--from", "alice@example.test"],
    ];
    for words in &ways {
        let run = |code: i32| {
            let message = "Subject: x\n\nx\n";
            home.pillarbox(words).stdin(message).run().expect(code)
        };
        table(command);
        run(0);
        assert_eq!(asked(), 2, "{words:?}");
        table("echo x >>asked; echo old-token");
        run(77).says(&["invalid_token"]);
        assert_eq!(asked(), 2, "{words:?}");
        // Another one that is no better is the last.
        table("echo x >>asked; echo token-$(wc -l <asked)");
        run(77).says(&["invalid_token"]);
        assert_eq!(asked(), 2, "{words:?}");
    }
    table("echo secret");
    let tested = home.run(&["account", "test", "work", "--json"]).success().json_lines();
    assert_eq!(tested.len(), 4, "{tested:?}");
    assert!(
        tested.iter().all(|it| it["login"].as_str().is_some_and(|it| it.contains("OAUTHBEARER")))
    );
    let token = home.run(&["account", "token", "work"]).success();
    assert_eq!(token.text(), "secret\n");
}

/// A provider of one's own is trusted by what the account trusts, and nobody by less.
#[test]
fn a_provider_is_asked_by_https() {
    let test = "a_provider_is_asked_by_https";
    if !needs(test, &["openssl"]) {
        return;
    }
    let folder = Scratch::new();
    let authority = Authority::new(&folder.path().join("tls"));
    let Some(provider) = Provider::with(test, Some(&authority.issue(Leaf::Good))) else { return };
    let home = Home::new();
    let robot = "client-id = \"robot\"\nflow = \"client-credentials\"\n\
                 client-secret-command = \"echo r0bot-secret\"";
    let configure = |ca: &str| {
        home.configure(&format!(
            "[account.work]\nuser = \"alice\"\nimap = \"imaps://localhost:1\"\n{ca}\n\
             [account.work.oauth]\nprovider = \"{}\"\n{robot}\n",
            provider.issuer()
        ));
    };
    configure("");
    home.run(&["account", "token", "work"]).expect(84).says(&["localhost", "certificate"]);
    configure(&format!("ca-file = \"{}\"", authority.certificate().display()));
    token(&home);
    configure(&format!(
        "ca-file = \"{}\"\ntls-backend = \"native\"",
        authority.certificate().display()
    ));
    home.run(&["account", "logout", "work"]).success();
    token(&home);
    configure("ca-file = \"nowhere.pem\"");
    home.run(&["account", "logout", "work"]).expect(66).says(&["nowhere.pem"]);
}

#[test]
fn a_password_can_be_kept() {
    let server = ServeTest::start();
    let home = Home::new();
    let toml = format!(
        "[account.home]\nemail = \"alice@example.test\"\nuser = \"alice\"\n\
         imap = \"imaps://localhost:{}\"\nsmtp = \"submissions://localhost:{}\"\nca-file = \"{}\"\n",
        server.port("imaps"),
        server.port("submissions"),
        server.ca().display()
    );
    home.configure(&toml);
    let test = || home.pillarbox(&["account", "test", "home"]);
    home.pillarbox(&["account", "login", "home"]).password("secret").run().success();
    test().run().success();
    home.pillarbox(&["account", "login", "home"])
        .password("secret")
        .env("PILLARBOX_KEYRING_PASSPHRASE", "correct horse")
        .run()
        .success();
    test().run().expect(77);
    test().env("PILLARBOX_KEYRING_PASSPHRASE", "correct horse").run().success();
    test().env("PILLARBOX_KEYRING_PASSPHRASE", "wrong").run().expect(77);
    home.pillarbox(&["account", "logout", "home"])
        .env("PILLARBOX_KEYRING_PASSPHRASE", "correct horse")
        .run()
        .success();
    test().run().expect(77);
}

/// GNOME's keyring on a session bus of its own.
#[test]
fn secrets_rest_in_the_secret_service() {
    let test = "secrets_rest_in_the_secret_service";
    if !needs(test, &["dbus-run-session", "gnome-keyring-daemon", "secret-tool"]) {
        return;
    }
    let server = ServeTest::start();
    let home = Home::new();
    let toml = format!(
        "[account.home]\nemail = \"alice@example.test\"\nuser = \"alice\"\n\
         imap = \"imaps://localhost:{}\"\nca-file = \"{}\"\n",
        server.port("imaps"),
        server.ca().display()
    );
    home.configure(&toml);
    let script = "
        set -e
        printf 'login' | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1
        PILLARBOX_PASSWORD=secret pillarbox account login home
        test \"$(secret-tool lookup host localhost user alice)\" = secret
        test ! -e \"$XDG_STATE_HOME/pillarbox/secrets\"
        pillarbox folder list home
        pillarbox account logout home
        test -z \"$(secret-tool lookup host localhost user alice)\"
        # One that msmtp's manual had somebody store is found too.
        printf secret | secret-tool store --label=msmtp host localhost service smtp user alice
        pillarbox folder list home";
    home.command("dbus-run-session", &["--", "sh", "-c", script])
        .env("PATH", support::binary::path_with_binary())
        .run()
        .success()
        .says(&["kept in the keyring"]);
}
