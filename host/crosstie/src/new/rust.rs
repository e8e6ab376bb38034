//! A plugin in Rust. The SDK goes along, so that nothing else has to be there.

use std::path::PathBuf;

use include_dir::{Dir, include_dir};

use super::{Names, Template};

static SDK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../plugin-sdk/rust/src");

pub(super) const TEMPLATE: Template = Template { language: "rust", files, next };

/// As the workspace builds its own plugins.
const PROFILE: &str =
    "[profile.release]\nopt-level = \"s\"\nlto = true\ncodegen-units = 1\npanic = \"abort\"\nstrip = true\n";

fn files(names: &Names<'_>) -> Vec<(PathBuf, String)> {
    let name = names.plugin;
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n\n\
         [dependencies]\ncrosstie-plugin = {{ path = \"crosstie-plugin\" }}\n\n{PROFILE}\n# no part of a workspace around it\n[workspace]\n"
    );
    let sdk = format!(
        "[package]\nname = \"crosstie-plugin\"\nversion = \"{}\"\nedition = \"2024\"\nlicense = \"Apache-2.0\"\n\n[features]\n\
         default = [\"std\"]\nstd = []\nruntime = [\"dep:dlmalloc\"]\nkdl = []\n\n\
         [dependencies]\nminicbor = {{ version = \"2.3\", features = [\"alloc\"] }}\n\n\
         [target.'cfg(target_family = \"wasm\")'.dependencies]\n\
         dlmalloc = {{ version = \"0.2\", features = [\"global\"], optional = true }}\n",
        env!("CARGO_PKG_VERSION")
    );
    let mut files: Vec<(PathBuf, String)> = vec![
        ("Cargo.toml".into(), manifest),
        ("src/lib.rs".into(), LIB.to_owned()),
        (format!("{name}.cases.jsonl").into(), CASES.to_owned()),
        (".gitignore".into(), "/target\n".to_owned()),
        ("README.md".into(), format!("# {name}\n\nA Crosstie policy plugin.\n\n```\n{}```\n", next(names))),
        ("crosstie-plugin/Cargo.toml".into(), sdk),
    ];
    let text = |file: &include_dir::File<'_>| file.contents_utf8().map(str::to_owned);
    files.extend(
        SDK.files().filter_map(|file| Some((PathBuf::from("crosstie-plugin/src").join(file.path()), text(file)?))),
    );
    files
}

fn next(names: &Names<'_>) -> String {
    let (name, file) = (names.plugin, names.plugin.replace('-', "_"));
    format!(
        "cd {name}\n\
         cargo build --release --target wasm32-unknown-unknown\n\
         cp target/wasm32-unknown-unknown/release/{file}.wasm {name}.wasm\n\
         crosstie plugin check {name}.wasm\n\
         crosstie plugin test {name}.wasm {name}.cases.jsonl\n\
         cp {name}.cases.jsonl {name}.wasm PLUGINS    # the directory of `plugins` in the configuration\n"
    )
}

const LIB: &str = r#"//! Says who may connect. Change the rule in `on_connection`, and the cases with it.

use crosstie_plugin::{Node, Plugin, Problems, Refusal, connection, plugin};

struct Rules {
    denial: Refusal,
}

impl Plugin for Rules {
    // only this is sent: the fewer fields, the cheaper the call
    const READS: &'static [&'static str] = &["peer.user"];

    /// Reads the `config` block of the plugin's node: `config { description "no guests" }`.
    fn configure(config: &Node) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        config.expect_children(&["description"], &mut problems);
        let description = problems.optional(config.child_argument::<String>("description"));
        let description = description.unwrap_or_else(|| "no guests".to_owned());
        problems.or(Self { denial: Refusal::new("amqp:unauthorized-access", description).with_note("guests") })
    }

    /// `None`: no opinion, others decide.
    fn on_connection(&mut self, request: &connection::Request<'_>) -> Option<connection::Answer> {
        (request.peer.user == Some("guest")).then(|| connection::Answer::Deny(self.denial.clone()))
    }
}

plugin!(Rules: connection);
"#;

/// The second is one without an opinion.
const CASES: &str = r#"{"hook":"connection","request":{"peer":{"user":"guest"}},"answer":{"deny":{"condition":"amqp:unauthorized-access","description":"no guests","note":"guests"}}}
{"hook":"connection","request":{"peer":{"user":"alice"}}}
"#;
