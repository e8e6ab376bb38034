//! What a script finds beside the language: `host`, and `Math.random` of the request's seed.

use crosstie_plugin::host::{self, Level};
use rquickjs::function::{Func, Opt};
use rquickjs::{Ctx, Exception, Function, Object, Result, TypedArray, Value};

use crate::wasi;

/// Puts everything in its place. What is not granted throws.
pub(crate) fn install<'js>(ctx: &Ctx<'js>, granted: &[String]) -> Result<()> {
    let globals = ctx.globals();
    let math: Object<'js> = globals.get("Math")?;
    math.set("random", Func::from(wasi::random))?;
    let host = Object::new(ctx.clone())?;
    let offer = |name: &'static str, grant: &'static str, function: Function<'js>| {
        if granted.iter().any(|word| word == grant) {
            return host.set(name, function.with_name(name)?);
        }
        let refuse = move |ctx: Ctx<'js>| -> Result<()> {
            let add = format!("`host.{name}` needs `grant \"{grant}\"` in the plugin's node");
            Err(Exception::throw_type(&ctx, &add))
        };
        host.set(name, Function::new(ctx.clone(), refuse)?)
    };
    offer("log", "log", Function::new(ctx.clone(), log)?)?;
    offer("counterAdd", "counter", Function::new(ctx.clone(), counter_add)?)?;
    offer("kvGet", "kv", Function::new(ctx.clone(), kv_get)?)?;
    offer("kvGetText", "kv", Function::new(ctx.clone(), kv_get_text)?)?;
    offer("kvPut", "kv", Function::new(ctx.clone(), kv_put)?)?;
    offer("kvAdd", "kv", Function::new(ctx.clone(), kv_add)?)?;
    offer("kvDelete", "kv", Function::new(ctx.clone(), kv_delete)?)?;
    globals.prop("host", host)
}

fn log(ctx: Ctx<'_>, level: String, text: String) -> Result<()> {
    let level = match level.as_str() {
        "error" => Level::Error,
        "warn" => Level::Warn,
        "info" => Level::Info,
        "debug" => Level::Debug,
        "trace" => Level::Trace,
        _ => return Err(Exception::throw_type(&ctx, "a level is error, warn, info, debug or trace")),
    };
    host::log(level, &text);
    Ok(())
}

fn counter_add(ctx: Ctx<'_>, name: String, by: Opt<f64>) -> Result<()> {
    let by = integer(&ctx, "by", by.0.unwrap_or(1.0))?;
    let by = u64::try_from(by).map_err(|_| Exception::throw_range(&ctx, "`by` is below 0"))?;
    host::counter_add(&name, by);
    Ok(())
}

fn kv_get<'js>(ctx: Ctx<'js>, key: Value<'js>) -> Result<Option<TypedArray<'js, u8>>> {
    let value = host::kv_get(&bytes(&ctx, "key", &key)?);
    value.map(|value| TypedArray::new(ctx, value)).transpose()
}

fn kv_get_text<'js>(ctx: Ctx<'js>, key: Value<'js>) -> Result<Option<String>> {
    let value = host::kv_get(&bytes(&ctx, "key", &key)?);
    Ok(value.map(|value| String::from_utf8_lossy(&value).into_owned()))
}

fn kv_put<'js>(ctx: Ctx<'js>, key: Value<'js>, value: Value<'js>, ttl_ms: Opt<f64>) -> Result<bool> {
    let (key, value) = (bytes(&ctx, "key", &key)?, bytes(&ctx, "value", &value)?);
    Ok(host::kv_put(&key, &value, ttl(&ctx, ttl_ms)?))
}

fn kv_add<'js>(ctx: Ctx<'js>, key: Value<'js>, by: Opt<f64>, ttl_ms: Opt<f64>) -> Result<Option<f64>> {
    let by = integer(&ctx, "by", by.0.unwrap_or(1.0))?;
    let value = host::kv_add(&bytes(&ctx, "key", &key)?, by, ttl(&ctx, ttl_ms)?);
    Ok(value.map(|value| value as f64))
}

fn kv_delete<'js>(ctx: Ctx<'js>, key: Value<'js>) -> Result<()> {
    host::kv_delete(&bytes(&ctx, "key", &key)?);
    Ok(())
}

/// A text as UTF-8, or bytes.
fn bytes<'js>(ctx: &Ctx<'js>, what: &str, value: &Value<'js>) -> Result<Vec<u8>> {
    if let Some(text) = value.as_string() {
        return Ok(text.to_string()?.into_bytes());
    }
    if let Some(bytes) = value.as_object().and_then(|object| object.as_typed_array::<u8>()) {
        // SAFETY: no script runs until they are copied.
        #[expect(unsafe_code, reason = "bytes of the engine, copied at once")]
        let bytes = unsafe { bytes.as_bytes() };
        return Ok(bytes.unwrap_or_default().to_vec());
    }
    Err(Exception::throw_type(ctx, &format!("`{what}` is no text and no Uint8Array")))
}

fn ttl(ctx: &Ctx<'_>, ttl_ms: Opt<f64>) -> Result<u32> {
    let ttl = integer(ctx, "ttlMs", ttl_ms.0.unwrap_or(0.0))?;
    u32::try_from(ttl).map_err(|_| Exception::throw_range(ctx, "`ttlMs` is not from 0 to 2^32 - 1"))
}

fn integer(ctx: &Ctx<'_>, what: &str, number: f64) -> Result<i64> {
    if number.fract() == 0.0 && number.abs() < (1_u64 << 53) as f64 {
        Ok(number as i64)
    } else {
        Err(Exception::throw_range(ctx, &format!("`{what}` is no whole number below 2^53")))
    }
}
