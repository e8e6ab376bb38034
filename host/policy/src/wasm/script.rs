//! Plugins in JavaScript: one module runs them all (`plugin-sdk/js/engine`), which gets its script before it is configured.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crosstie_model::policy::Hook;
use crosstie_model::settings::PluginLimits;
use wasmtime::{Engine as Wasm, Module};

use crate::answer;
use crate::directory::Code;
use crate::engine::Declared;
use crate::fields::{encode, list, record};
use crate::instance::{Failure, within};
use crate::reads::Reads;
use crate::request::Context;
use crate::wasm::cache;
use crate::wasm::entrance::Entrance;
use crate::wasm::guest::Guest;

/// The export that takes a script.
pub(crate) const ENTRY: &str = "policy_script";

/// The engine as it was built by `plugin-sdk/js/engine/build`.
const KEPT: &[u8] = include_bytes!("../../../../plugin-sdk/js/engine.wasm");

/// The engine, compiled when the first script needs it.
pub(crate) struct Engine {
    bytes: &'static [u8],
    compiled: Mutex<Option<Module>>,
}

impl Default for Engine {
    fn default() -> Self {
        Self { bytes: KEPT, compiled: Mutex::default() }
    }
}

impl Engine {
    /// The module, of which there is one.
    pub(crate) fn module(&self, wasm: &Wasm, directory: Option<&Path>) -> wasmtime::Result<Module> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = &*compiled {
            return Ok(module.clone());
        }
        let module = cache::compile(wasm, self.bytes, directory)?;
        Ok(compiled.insert(module).clone())
    }
}

/// A script, as the engine takes it.
pub(crate) struct Script {
    request: Vec<u8>,
}

impl Script {
    /// Absent where the code is a module.
    pub(crate) fn of(code: &Code, granted: &[&str]) -> Option<Self> {
        let Code::Script { file, text } = code else { return None };
        let request = record(|record| {
            record
                .with("file", file.as_str())
                .with("script", text.as_str())
                .with("granted", list(granted.iter().copied()));
        });
        Some(Self { request: encode(&Reads::All, request) })
    }

    /// Has it evaluated by a fresh guest: what it has functions for, and the `reads` that it declares. Its length is that of its file,
    /// which was checked.
    pub(crate) async fn evaluate(
        &self,
        guest: &mut Guest,
        entry: &Entrance,
        limits: &PluginLimits,
        context: Context,
    ) -> Result<Declared, Failure> {
        let said = within(guest.call(entry, &self.request, context).await?, limits)?;
        let said = said.ok_or_else(|| Failure::bad_answer("the engine says nothing of its script"))?;
        let said = answer::configured(said).map_err(Failure::bad_answer)?;
        let words = said.hooks.unwrap_or_default();
        let has = |hook: &Hook| words.iter().any(|word| word == hook.as_str());
        Ok(Declared { hooks: Hook::ALL.into_iter().filter(has).collect(), reads: said.reads })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Entry;
    use crate::golden::{bytes, lines};
    use crate::tree::Tree;
    use crate::{Loader, Setup};
    use crosstie_model::settings::Plugin as Settings;

    /// The one that is kept, and the one that `tests/run` built.
    fn engines() -> Vec<Engine> {
        let built = std::env::var_os("CROSSTIE_JS_ENGINE").map(|path| std::fs::read(path).unwrap().leak());
        let engine = |bytes: &'static [u8]| Engine { bytes, compiled: Mutex::default() };
        [KEPT].into_iter().chain(built.map(|bytes| &*bytes)).map(engine).collect()
    }

    /// What the script answers to all golden lines, in bytes: to the line itself, and shown as JSON.
    fn answers(engine: Engine) -> Vec<(String, Vec<u8>, Vec<u8>)> {
        let mut loader = Loader::new(Setup { router_id: "r".to_owned(), ..Setup::default() }).unwrap();
        loader.wasm.set_scripts(engine);
        let code = Code::Script { file: "golden.js".to_owned(), text: SCRIPT.to_owned() };
        let plugin = loader.load(Settings::unnamed("golden"), &code).unwrap();
        let limits = &plugin.settings.limits;
        let context = Context { now_ms: 0, seed: 0, sequence: 0 };
        loader.runtime.block_on(async {
            let mut instance = plugin.ready().await.unwrap();
            let [back, seen] = [Hook::Session, Hook::Link].map(Entry::Hook);
            let mut said = Vec::new();
            for (name, (hex, _)) in lines() {
                let request = bytes(&hex);
                let back = instance.enter(back, &request, limits, context).await.unwrap().unwrap().to_vec();
                let seen = instance.enter(seen, &request, limits, context).await.unwrap().unwrap().to_vec();
                said.push((name, back, seen));
            }
            said
        })
    }

    /// Takes back what it is given, or shows it as JSON.
    const SCRIPT: &str = "const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
        function base64(bytes) {
            let text = '';
            for (let at = 0; at < bytes.length; at += 3) {
                const three = (bytes[at] << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
                for (let six = 0; six < 4; six++) {
                    text += at + six > bytes.length ? '=' : digits[(three >> (18 - 6 * six)) & 63];
                }
            }
            return text;
        }
        const shown = (_, value) => value instanceof Uint8Array ? {$bytes: base64(value)} : value;
        const onSession = (request) => request;
        const onLink = (request) => JSON.stringify(request, shown);";

    #[test]
    fn golden_lines_are_read_and_written_back_as_they_are() {
        for engine in engines() {
            let said = answers(engine);
            assert!(said.len() > 12, "{}", said.len());
            for (name, back, seen) in said {
                let (hex, json) = &lines()[&name];
                assert_eq!(back, bytes(hex), "{name}");
                let Ok(Tree::Text(text)) = Tree::decode(&seen) else { panic!("{name}") };
                assert_eq!(&serde_json::from_str::<serde_json::Value>(&text).unwrap(), json, "{name}");
            }
        }
    }
}
