//! Answers: values of JavaScript to CBOR. Only what a script cannot mean otherwise is written; the rest is an error that says where.

use std::convert::Infallible;

use minicbor::{Encoder, encode};
use rquickjs::object::Filter;
use rquickjs::{Ctx, Exception, Object, Type, Value};

/// Values in values.
const DEPTH_MAX: usize = 16;

/// What is longer has no end.
const LENGTH_MAX_BYTES: usize = 4 << 20;

/// The largest number that stands for one integer.
const INTEGER_MAX: f64 = 9_007_199_254_740_991.0;

/// What is wrong, and where: keys from the inside out.
enum Wrong {
    Thrown(rquickjs::Error),
    Shape(String, Vec<String>),
}

impl From<rquickjs::Error> for Wrong {
    fn from(error: rquickjs::Error) -> Self {
        match error {
            rquickjs::Error::Utf8(_) => wrong("has half of a surrogate pair, which is no character"),
            other => Self::Thrown(other),
        }
    }
}

impl From<encode::Error<Infallible>> for Wrong {
    fn from(error: encode::Error<Infallible>) -> Self {
        wrong(error)
    }
}

fn wrong(what: impl std::fmt::Display) -> Wrong {
    Wrong::Shape(what.to_string(), Vec::new())
}

impl Wrong {
    fn at(self, key: impl FnOnce() -> String) -> Self {
        match self {
            Self::Shape(what, mut path) => {
                path.push(key());
                Self::Shape(what, path)
            }
            thrown => thrown,
        }
    }
}

/// Writes an answer. Objects are plain ones: those that inherit from `plain` or `record`, or from nothing.
///
/// # Errors
///
/// What a getter threw, and a TypeError that names the place of what is no answer.
pub(crate) fn write<'js>(
    ctx: &Ctx<'js>,
    [plain, record]: [&Object<'js>; 2],
    value: &Value<'js>,
) -> rquickjs::Result<Vec<u8>> {
    let mut writer = Writer { plain, record, out: Encoder::new(Vec::new()) };
    match writer.value(value, 0) {
        Ok(()) => Ok(writer.out.into_writer()),
        Err(Wrong::Thrown(error)) => Err(error),
        Err(Wrong::Shape(what, path)) => {
            let path: Vec<_> = path.into_iter().rev().collect();
            let place = if path.is_empty() { String::new() } else { format!("'s `{}`", path.join(".")) };
            Err(Exception::throw_type(ctx, &format!("the answer{place} {what}")))
        }
    }
}

struct Writer<'w, 'js> {
    plain: &'w Object<'js>,
    record: &'w Object<'js>,
    out: Encoder<Vec<u8>>,
}

impl<'js> Writer<'_, 'js> {
    fn value(&mut self, value: &Value<'js>, depth: usize) -> Result<(), Wrong> {
        if depth > DEPTH_MAX {
            return Err(wrong(format!("is nested deeper than {DEPTH_MAX}")));
        }
        if self.out.writer().len() > LENGTH_MAX_BYTES {
            return Err(wrong("has no end"));
        }
        match value.type_of() {
            Type::Undefined | Type::Null => drop(self.out.null()?),
            Type::Bool => drop(self.out.bool(value.as_bool().unwrap_or_default())?),
            Type::Int | Type::Float => self.number(value.as_number().unwrap_or(f64::NAN))?,
            Type::String => {
                let text = value.as_string().map(rquickjs::String::to_string).transpose()?;
                self.out.str(&text.unwrap_or_default())?;
            }
            Type::Array => self.array(value, depth)?,
            Type::Object => self.object(value, depth)?,
            Type::Promise => return Err(wrong("is a promise, and a hook answers at once")),
            other => return Err(wrong(format!("is a {other}"))),
        }
        Ok(())
    }

    fn number(&mut self, number: f64) -> Result<(), Wrong> {
        if !number.is_finite() {
            return Err(wrong(format!("is {number}")));
        }
        if number.fract() == 0.0 && number.abs() <= INTEGER_MAX {
            self.out.i64(number as i64)?;
        } else {
            self.out.f64(number)?;
        }
        Ok(())
    }

    fn array(&mut self, value: &Value<'js>, depth: usize) -> Result<(), Wrong> {
        let Some(array) = value.as_object() else { return Ok(()) };
        let length: f64 = array.get("length")?;
        // an array's length is below 2^32
        let length = length as u32;
        self.out.array(length.into())?;
        for index in 0..length {
            let item: Value<'js> = array.get(index)?;
            self.value(&item, depth + 1).map_err(|wrong| wrong.at(|| index.to_string()))?;
        }
        Ok(())
    }

    fn object(&mut self, value: &Value<'js>, depth: usize) -> Result<(), Wrong> {
        let Some(object) = value.as_object() else { return Ok(()) };
        if let Some(bytes) = object.as_typed_array::<u8>() {
            // SAFETY: no script runs until they are copied.
            #[expect(unsafe_code, reason = "bytes of the engine, copied at once")]
            let bytes = unsafe { bytes.as_bytes() };
            self.out.bytes(bytes.unwrap_or_default())?;
            return Ok(());
        }
        if object.get_prototype().is_some_and(|proto| proto != *self.plain && proto != *self.record) {
            return Err(wrong("is no plain object"));
        }
        let mut fields: Vec<(String, Value<'js>)> = Vec::new();
        for field in object.own_props::<String, Value<'js>>(Filter::default()) {
            let (key, value) = field?;
            if !value.is_undefined() {
                fields.push((key, value));
            }
        }
        self.out.map(fields.len() as u64)?;
        for (key, value) in fields {
            self.out.str(&key)?;
            self.value(&value, depth + 1).map_err(|wrong| wrong.at(|| key))?;
        }
        Ok(())
    }
}
