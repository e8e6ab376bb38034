//! What `crosstie plugin new` begins builds, decides its cases and is asked by a router, by the commands that its own README shows.

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crosstie_tests::place::{TestDir, cache_dir, router_binary};
use crosstie_tests::router::{DEADLINE, Router};

/// As its files are called, too.
const NAME: &str = "no-guests";

#[test]
fn assemblyscript() {
    let begun = Begun::new("assemblyscript");
    // `npm install` finds the compiler there, and fetches nothing
    let modules = cache_dir().join("assemblyscript/node_modules");
    let copied = Command::new("cp").arg("-a").arg(modules).arg(&begun.place).status();
    assert!(copied.expect("cp runs").success());
    begun.check("setup.reads = [ConnectionReads.peerUser]", "setup.reads = [ConnectionReads.peerUsr]");
}

#[test]
fn c() {
    Begun::new("c").check("peer.user));", "peer.usr));");
}

#[test]
fn go() {
    let begun = Begun::new("go");
    begun.succeed("test -z \"$(gofmt -l .)\" && go vet .");
    begun.check("request.Peer.User", "request.Peer.Usr");
}

#[test]
fn js() {
    Begun::new("js").check("function onConnection", "function onConection");
}

#[test]
fn rust() {
    let begun = Begun::new("rust");
    begun.succeed("rustfmt --edition 2024 --check src/lib.rs");
    begun.check("request.peer.user", "request.peer.usr");
}

#[test]
fn wat() {
    Begun::new("wat").check("(export \"policy_alloc\")", "(export \"policy_aloc\")");
}

#[test]
fn zig() {
    let begun = Begun::new("zig");
    begun.succeed("zig fmt --check no-guests.zig");
    begun.check("{\"peer.user\"}", "{\"peer.usr\"}");
}

#[test]
fn an_unknown_language_is_refused_with_those_that_there_are() {
    let dir = TestDir::new("new");
    let refused = crosstie(dir.path(), &["plugin", "new", "cobol", "x"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said.contains("`cobol`") && said.contains("rust, c, zig, go, assemblyscript, js, wat"), "{said}");
    assert_eq!(crosstie(dir.path(), &["plugin", "new", "rust", "../x"]).status.code(), Some(2));
}

fn crosstie(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(router_binary()).current_dir(dir).args(arguments).output().expect("crosstie runs")
}

/// A plugin that was begun.
struct Begun {
    dir: TestDir,
    /// Its directory.
    place: PathBuf,
    /// Where commands are found.
    path: OsString,
}

impl Begun {
    fn new(language: &str) -> Self {
        let dir = TestDir::new(&format!("new-{language}"));
        let made = crosstie(dir.path(), &["plugin", "new", language, NAME]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        // nothing is written over
        assert_eq!(crosstie(dir.path(), &["plugin", "new", language, NAME]).status.code(), Some(1));
        let commands = dir.path().join("commands");
        std::fs::create_dir(&commands).unwrap();
        symlink(router_binary(), commands.join("crosstie")).unwrap();
        let before = std::env::var_os("PATH").unwrap_or_default();
        let after = std::env::split_paths(&before);
        let path = std::env::join_paths([commands, cache_dir().join("zig/ziglang")].into_iter().chain(after)).unwrap();
        let place = dir.path().join(NAME);
        Self { dir, place, path }
    }

    /// It passes its cases, and a router asks it; a mistake in its source, or in its configuration, is told and changes nothing; a rule that
    /// is changed is the router's.
    fn check(self, good: &str, mistaken: &str) {
        let (built, said) = self.run(&self.commands());
        assert!(built && said.contains("3 of 3 cases are decided as they say"), "{said}");
        self.expect_config_problem();
        let mut router = self.router();
        let told = self.refused(&router, "guest");
        let why = "amqp:unauthorized-access: no guests (plugin no-guests, note guests, sequence ";
        assert!(told.contains(why), "{told}");
        self.expect_explained(&router);
        let (source, right) = self.source();
        let wrong = right.replacen(good, mistaken, 1);
        assert_ne!(right, wrong, "`{good}` is not in it");
        std::fs::write(&source, wrong).unwrap();
        let (built, said) = self.run(&self.commands());
        assert!(!built && !said.contains("cases are decided"), "{said}");
        assert!(self.refused(&router, "guest").contains("no guests"));
        // the rule, and its case
        let cases = self.place.join(format!("{NAME}.cases.jsonl"));
        let text = std::fs::read_to_string(&cases).unwrap();
        std::fs::write(cases, text.replace("guest\"", "other\"")).unwrap();
        std::fs::write(&source, right.replace("guest\"", "other\"")).unwrap();
        let (built, said) = self.run(&self.commands());
        assert!(built && said.contains("3 of 3 cases are decided as they say"), "{said}");
        let begun = Instant::now();
        while self.refused(&router, "other").is_empty() {
            assert!(begun.elapsed() < DEADLINE, "the changed rule is not live");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(self.refused(&router, "guest"), "");
        router.assert_healthy();
    }

    /// What decides: its path, and what stands there.
    fn source(&self) -> (PathBuf, String) {
        let readme = self.read("README.md");
        let row = readme.lines().find(|line| line.ends_with("| decides |")).expect("a row of the source");
        let file = row.split('`').nth(1).expect("a path");
        (self.place.join(file), self.read(file))
    }

    /// The block of its README that builds it.
    fn commands(&self) -> String {
        let readme = self.read("README.md");
        let block = readme.split("```\n").nth(1).expect("a block of commands").to_owned();
        assert!(block.contains("crosstie plugin check") && block.contains("crosstie plugin test"), "{block}");
        block
    }

    /// A word in its `config` that it does not know stands there. One in text has no configuration.
    fn expect_config_problem(&self) {
        let text = self.read(&format!("{NAME}.kdl"));
        let changed = text.replace("description ", "descripton ");
        if changed == text {
            return;
        }
        std::fs::write(self.place.join("wrong.kdl"), changed).unwrap();
        let block = self.commands().replace(&format!("{NAME}.kdl"), "wrong.kdl");
        let check = block.lines().find(|line| line.contains("plugin check")).expect("a command");
        let (checked, said) = self.run(check);
        assert!(!checked && said.contains("unknown node `descripton`") && said.contains("wrong.kdl:"), "{said}");
    }

    /// The router that its README begins, on other ports, with a user more.
    fn router(&self) -> Router {
        let text = self.read(&format!("{NAME}.kdl")).replace("567", "0 //");
        let place = format!("plugins \"{}\"", self.place.display());
        let kdl = text.replace("plugins \".\"", &place) + "user \"other\" password=\"literal:other\"\n";
        assert!(kdl.contains(&place), "{kdl}");
        Router::start_changed(TestDir::new("new-router"), &kdl, |command| {
            command.env("XDG_CACHE_HOME", self.cache());
        })
    }

    /// Why this user may not connect, which is also that user's password; empty: he may.
    fn refused(&self, router: &Router, user: &str) -> String {
        let bus = format!("amqp://{user}:{user}@{}", router.clients());
        let begun = Instant::now();
        loop {
            let (let_in, said) = self.run(&format!("crosstie receive q --timeout 1s --bus {bus}"));
            if let_in || said.contains("the peer closed the connection") {
                return if let_in { String::new() } else { said };
            }
            // a loaded machine may take longer
            assert!(begun.elapsed() < DEADLINE, "{said}");
        }
    }

    /// Who was refused last, and by which rule.
    fn expect_explained(&self, router: &Router) {
        let (line, _) =
            router.wait_log(0, DEADLINE, &["connection refused", "plugin=\"no-guests\"", "note=\"guests\""]);
        let number = line.split(" connection=").nth(1).and_then(|rest| rest.split(' ').next()).expect("a number");
        let bus = router.addr("management");
        let (_, said) = self.run(&format!("crosstie explain connection {number} --bus amqp://{bus}"));
        assert!(said.contains("plugin \"no-guests\" (hook connection): deny; note \"guests\""), "{said}");
    }

    fn cache(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.place.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    fn succeed(&self, commands: &str) {
        let (done, said) = self.run(commands);
        assert!(done, "{commands}: {said}");
    }

    /// What a shell makes of commands, until one fails.
    fn run(&self, commands: &str) -> (bool, String) {
        let mut shell = Command::new("sh");
        shell.arg("-ec").arg(commands).current_dir(&self.place).env("PATH", &self.path).env("NO_COLOR", "1");
        // what the workspace depends on is there: nothing is fetched
        shell.env("CARGO_NET_OFFLINE", "true").env("npm_config_offline", "true");
        shell.env("CARGO_TARGET_DIR", self.place.join("target")).env_remove("RUSTFLAGS");
        shell.env("ZIG_GLOBAL_CACHE_DIR", self.dir.path().join("zig")).env("XDG_CACHE_HOME", self.cache());
        let output = shell.output().expect("sh runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }
}
