//! A script: evaluated once, its functions kept.

use rquickjs::context::EvalOptions;
use rquickjs::{Context, Ctx, Error, Exception, Function, Object, Persistent, Result, Runtime, Value};

use crate::{answer, fault, host, request};

/// Bytes of stack that a script has; beyond, it gets a RangeError. The host's stack of a guest is larger: the
/// same calls take more of it.
const STACK_MAX_BYTES: usize = 256 << 10;

/// What the host asks.
#[derive(Clone, Copy)]
pub(crate) enum Entry {
    Configure,
    Failover,
    Connection,
    Session,
    Link,
    Address,
}

/// Entries in the order of their numbers: the function, and the word of the hook.
const ENTRIES: [(&str, Option<&str>); 6] = [
    ("configure", None),
    ("onFailover", Some("failover")),
    ("onConnection", Some("connection")),
    ("onSession", Some("session")),
    ("onLink", Some("link")),
    ("onAddress", Some("address")),
];

/// A script that was evaluated.
pub(crate) struct Script {
    runtime: Runtime,
    context: Context,
    functions: [Option<Persistent<Function<'static>>>; ENTRIES.len()],
    /// What plain objects inherit from, and what records of requests do.
    prototypes: [Persistent<Object<'static>>; 2],
}

impl Script {
    /// Evaluates the script of a request; see `policy_script`.
    pub(crate) fn new(request: &[u8]) -> std::result::Result<(Self, Vec<u8>), String> {
        let runtime = Runtime::new().map_err(|error| error.to_string())?;
        runtime.set_max_stack_size(STACK_MAX_BYTES);
        let context = Context::full(&runtime).map_err(|error| error.to_string())?;
        let started = context.with(|ctx| start(&ctx, request).map_err(|error| fault::report(&ctx, error)))?;
        let (functions, prototypes, answer) = started;
        let script = Self { runtime, context, functions, prototypes };
        script.finish()?;
        Ok((script, answer))
    }

    /// Calls a function: its answer, none where it has no opinion.
    pub(crate) fn call(&self, entry: Entry, bytes: &[u8]) -> std::result::Result<Option<Vec<u8>>, String> {
        let Some(function) = &self.functions[entry as usize] else {
            return match entry {
                Entry::Configure => Ok(None),
                other => Err(format!("it has no function `{}`", ENTRIES[other as usize].0)),
            };
        };
        let called = self.context.with(|ctx| {
            let called = || {
                let [plain, record] = self.prototypes.clone().map(|prototype| prototype.restore(&ctx));
                let (plain, record) = (plain?, record?);
                let request = request::read(&ctx, &record, bytes)?;
                let answer: Value<'_> = function.clone().restore(&ctx)?.call((request,))?;
                if answer.is_undefined() || answer.is_null() {
                    return Ok(None);
                }
                answer::write(&ctx, [&plain, &record], &answer).map(Some)
            };
            called().map_err(|error| fault::report(&ctx, error))
        })?;
        self.finish()?;
        Ok(called)
    }

    /// Runs what promises have left to do.
    fn finish(&self) -> std::result::Result<(), String> {
        while self.runtime.is_job_pending() {
            if let Err(job) = self.runtime.execute_pending_job() {
                return Err(job.0.with(|ctx| fault::report(&ctx, Error::Exception)));
            }
        }
        Ok(())
    }
}

type Started = ([Option<Persistent<Function<'static>>>; ENTRIES.len()], [Persistent<Object<'static>>; 2], Vec<u8>);

fn start(ctx: &Ctx<'_>, request: &[u8]) -> Result<Started> {
    let plain = Object::new(ctx.clone())?;
    let plain = plain.get_prototype().unwrap_or(plain);
    let record: Object<'_> = ctx.eval(include_str!("record.js"))?;
    let request = request::read(ctx, &record, request)?;
    let request = request.as_object().ok_or(Error::Unknown)?;
    host::install(ctx, &request.get::<_, Vec<String>>("granted")?)?;
    let mut options = EvalOptions::default();
    options.filename = Some(request.get("file")?);
    ctx.eval_with_options::<(), _>(request.get::<_, String>("script")?, options)?;

    let answer = Object::new(ctx.clone())?;
    let (mut functions, mut hooks) = ([const { None }; ENTRIES.len()], Vec::new());
    for (slot, (name, hook)) in functions.iter_mut().zip(ENTRIES) {
        let value = global(ctx, name)?;
        match value.clone().into_function() {
            Some(function) => {
                *slot = Some(Persistent::save(ctx, function));
                hooks.extend(hook);
            }
            None if value.is_undefined() => {}
            None => return Err(Exception::throw_type(ctx, &format!("`{name}` is no function"))),
        }
    }
    answer.set("hooks", hooks)?;
    answer.set("reads", global(ctx, "reads")?)?;
    let answer = answer::write(ctx, [&plain, &record], answer.as_value())?;
    Ok((functions, [plain, record].map(|object| Persistent::save(ctx, object)), answer))
}

/// What a script calls so, by `function`, `var`, `let`, `const` or `class`.
fn global<'js>(ctx: &Ctx<'js>, name: &str) -> Result<Value<'js>> {
    ctx.eval(format!("typeof {name} === \"undefined\" ? undefined : {name}"))
}
