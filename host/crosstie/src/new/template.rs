//! What a plugin is begun with in each language. The SDK goes along, as it is in `plugin-sdk`, so that nothing else has to be there.

use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

/// A language.
pub(super) struct Template {
    /// As it is named on the command line.
    pub(super) language: &'static str,
    /// As it is written in a text.
    title: &'static str,
    /// What decides: its path in the new directory, and what stands there.
    source: (&'static str, &'static str),
    /// What else is written, beside what is written for each language.
    more: &'static [(&'static str, &'static str)],
    /// Parts of the SDK, in the directory `crosstie-plugin`.
    sdk: &'static [Part],
    /// What has to be there to build it, in Markdown.
    needs: &'static str,
    /// The commands that make the plugin's file. Empty: it is the source.
    build: &'static str,
    /// Whether it reads its `config`.
    is_configured: bool,
}

/// Of the SDK.
enum Part {
    File(&'static str, &'static str),
    /// Its path, and what lies in it.
    Folder(&'static str, &'static Dir<'static>),
}

/// The directory of the SDK in the new one.
const SDK: &str = "crosstie-plugin";

/// Stands for the plugin's name in what is written.
const NAME: &str = "{name}";

/// A file of `plugin-sdk` by its path there.
macro_rules! sdk_file {
    ($path:literal) => {
        include_str!(concat!("../../../../plugin-sdk/", $path))
    };
}

static RUST: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../plugin-sdk/rust/src");
static RUST_RECORDS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../plugin-sdk/rust/src/records");
static ASSEMBLYSCRIPT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../plugin-sdk/assemblyscript/assembly");
static GO_HOST: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../plugin-sdk/go/internal/host");
static GO_TEST: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../plugin-sdk/go/crosstietest");

/// A language more is an entry more.
pub(super) static TEMPLATES: &[Template] = &[
    Template {
        language: "rust",
        title: "Rust",
        source: ("src/lib.rs", include_str!("sources/lib.rs")),
        more: &[
            ("Cargo.toml", include_str!("sources/cargo.toml")),
            ("crosstie-plugin/Cargo.toml", include_str!("sources/sdk-cargo.toml")),
            (".gitignore", "/target\n*.wasm\n"),
        ],
        sdk: &[
            Part::File("README.md", sdk_file!("rust/README.md")),
            Part::Folder("src", &RUST),
            Part::Folder("src/records", &RUST_RECORDS),
        ],
        needs: "It needs Rust (stable) with its target `rustup target add wasm32-unknown-unknown`.",
        build: "cargo build --release --target wasm32-unknown-unknown\n\
                cp target/wasm32-unknown-unknown/release/{crate}.wasm {name}.wasm\n",
        is_configured: true,
    },
    Template {
        language: "c",
        title: "C",
        source: ("{name}.c", include_str!("sources/plugin.c")),
        more: &[(".gitignore", "*.wasm\n")],
        sdk: &[
            Part::File("README.md", sdk_file!("c/README.md")),
            Part::File("crosstie_plugin.h", sdk_file!("c/crosstie_plugin.h")),
        ],
        needs: "It needs clang and wasm-ld: on Debian `apt install clang-19 lld-19`.",
        build: "clang-19 --target=wasm32 -nostdlib -ffreestanding -Os -mbulk-memory -Wall -Wextra -Wl,--no-entry -Wl,--stack-first -I crosstie-plugin -o {name}.wasm {name}.c\n",
        is_configured: true,
    },
    Template {
        language: "zig",
        title: "Zig",
        source: ("{name}.zig", include_str!("sources/plugin.zig")),
        more: &[(".gitignore", "*.wasm\n*.wasm.o\n.zig-cache/\n")],
        sdk: &[
            Part::File("README.md", sdk_file!("zig/README.md")),
            Part::File("crosstie_plugin.zig", sdk_file!("zig/crosstie_plugin.zig")),
        ],
        needs: "It needs Zig 0.17: `pip install ziglang==0.17.0` brings one, whose command is `python -m ziglang`.",
        build: "zig build-exe {name}.zig -target wasm32-freestanding -O ReleaseSmall -fno-entry -rdynamic\n",
        is_configured: true,
    },
    Template {
        language: "go",
        title: "Go",
        source: ("main.go", include_str!("sources/main.go")),
        more: &[("go.mod", include_str!("sources/go.mod")), (".gitignore", "*.wasm\n")],
        sdk: &[
            Part::File("README.md", sdk_file!("go/README.md")),
            Part::File("go.mod", sdk_file!("go/go.mod")),
            Part::File("answer.go", sdk_file!("go/answer.go")),
            Part::File("calls.go", sdk_file!("go/calls.go")),
            Part::File("crosstie.go", sdk_file!("go/crosstie.go")),
            Part::File("guest_wasip1.go", sdk_file!("go/guest_wasip1.go")),
            Part::File("hook.go", sdk_file!("go/hook.go")),
            Part::File("hooks.go", sdk_file!("go/hooks.go")),
            Part::File("hooks_wasip1.go", sdk_file!("go/hooks_wasip1.go")),
            Part::File("node.go", sdk_file!("go/node.go")),
            Part::File("reader.go", sdk_file!("go/reader.go")),
            Part::File("records.go", sdk_file!("go/records.go")),
            Part::File("setup.go", sdk_file!("go/setup.go")),
            Part::File("writer.go", sdk_file!("go/writer.go")),
            Part::Folder("internal/host", &GO_HOST),
            Part::Folder("crosstietest", &GO_TEST),
        ],
        needs: "It needs Go 1.24 or later.",
        build: "GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -trimpath -ldflags=\"-s -w\" -o {name}.wasm .\n",
        is_configured: true,
    },
    Template {
        language: "assemblyscript",
        title: "AssemblyScript",
        source: ("{name}.ts", include_str!("sources/plugin.ts")),
        more: &[
            ("package.json", include_str!("sources/package.json")),
            ("tsconfig.json", include_str!("sources/tsconfig.json")),
            (".gitignore", "/node_modules\n*.wasm\n"),
        ],
        sdk: &[
            Part::File("README.md", sdk_file!("assemblyscript/README.md")),
            Part::File("package.json", sdk_file!("assemblyscript/package.json")),
            Part::File("asconfig.json", sdk_file!("assemblyscript/asconfig.json")),
            Part::Folder("assembly", &ASSEMBLYSCRIPT),
        ],
        needs: "It needs Node 20 or later, with npm.",
        build: "npm install\n\
                npx asc {name}.ts -o {name}.wasm --config crosstie-plugin/asconfig.json --use abort=\n",
        is_configured: true,
    },
    Template {
        language: "js",
        title: "JavaScript",
        source: ("{name}.js", include_str!("sources/plugin.js")),
        more: &[],
        sdk: &[
            Part::File("README.md", sdk_file!("js/README.md")),
            Part::File("policy.d.ts", sdk_file!("js/policy.d.ts")),
        ],
        needs: "It needs nothing: the router has the engine.",
        build: "",
        is_configured: true,
    },
    Template {
        language: "wat",
        title: "WebAssembly text",
        source: ("{name}.wat", include_str!("sources/plugin.wat")),
        more: &[(".gitignore", "*.wasm\n")],
        sdk: &[
            Part::File("README.md", sdk_file!("wat/README.md")),
            Part::File("members.wat", sdk_file!("wat/members.wat")),
        ],
        needs: "It needs `wat2wasm`: on Debian `apt install wabt`.",
        build: "wat2wasm {name}.wat -o {name}.wasm\n",
        is_configured: false,
    },
];

impl Template {
    /// Paths in the new directory, and what stands there.
    pub(super) fn files(&self, name: &str) -> Vec<(PathBuf, String)> {
        let own = [
            self.source,
            ("{name}.cases.jsonl", include_str!("sources/plugin.cases.jsonl")),
            ("{name}.kdl", include_str!("sources/plugin.kdl")),
            ("README.md", include_str!("sources/README.md")),
        ];
        let written = own.iter().chain(self.more);
        let mut files: Vec<(PathBuf, String)> =
            written.map(|(path, text)| (path.replace(NAME, name).into(), self.fill(text, name))).collect();
        let of_every = [("policy.wit", sdk_file!("spec/policy.wit")), ("ABI.md", sdk_file!("spec/ABI.md"))];
        files.extend(of_every.map(|(path, text)| (Path::new(SDK).join(path), text.to_owned())));
        files.extend(self.sdk.iter().flat_map(Part::files));
        files
    }

    /// What is done next.
    pub(super) fn next(&self, name: &str) -> String {
        self.fill(NEXT, name)
    }

    fn fill(&self, text: &str, name: &str) -> String {
        let is_built = !self.build.is_empty();
        let words = [
            ("{try}", TRY),
            ("{build}", self.build),
            ("{file}", if is_built { "{name}.wasm" } else { "{name}.js" }),
            ("{source}", self.source.0),
            ("{title}", self.title),
            ("{needs}", self.needs),
            ("{again}", if is_built { "What is built anew" } else { "What is changed" }),
            ("{config}", if self.is_configured { CONFIG } else { "" }),
            ("{version}", env!("CARGO_PKG_VERSION")),
            ("{crate}", &name.replace('-', "_")),
            (NAME, name),
        ];
        words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value))
    }
}

/// Builds it, and asks it its cases.
const TRY: &str = "{build}crosstie plugin check {file} --config {name}.kdl\n\
                   crosstie plugin test {file} {name}.cases.jsonl --config {name}.kdl\n";

const NEXT: &str = "{needs}\n\ncd {name}\n{try}\nREADME.md there says the same, and how a router is seen to ask it.\n";

/// What the plugin's node has beside.
const CONFIG: &str = "\n    config {\n        description \"no guests\" // what peers are told that are refused\n    }";

impl Part {
    fn files(&self) -> Vec<(PathBuf, String)> {
        let sdk = Path::new(SDK);
        match self {
            Self::File(path, text) => vec![(sdk.join(path), (*text).to_owned())],
            Self::Folder(path, dir) => {
                let text = |file: &include_dir::File<'_>| file.contents_utf8().map(str::to_owned);
                dir.files().filter_map(|file| Some((sdk.join(path).join(file.path()), text(file)?))).collect()
            }
        }
    }
}
