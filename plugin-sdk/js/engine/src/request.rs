//! Requests: CBOR to values of JavaScript.

use minicbor::Decoder;
use minicbor::data::Type;
use rquickjs::object::Property;
use rquickjs::{Array, Ctx, Exception, Object, Result, String, TypedArray, Value};

/// The only map whose keys are not those of the schema: properties of a configuration node.
const PROPERTIES: &str = "props";

/// Reads a request whole. Records inherit from `record`.
pub(crate) fn read<'js>(ctx: &Ctx<'js>, record: &Object<'js>, bytes: &[u8]) -> Result<Value<'js>> {
    let mut reader = Reader { ctx, record, decoder: Decoder::new(bytes) };
    let value = reader.value(false)?;
    if reader.decoder.position() < bytes.len() { Err(reader.unreadable("more than one value")) } else { Ok(value) }
}

struct Reader<'r, 'js> {
    ctx: &'r Ctx<'js>,
    record: &'r Object<'js>,
    decoder: Decoder<'r>,
}

impl<'js> Reader<'_, 'js> {
    fn unreadable(&self, why: impl std::fmt::Display) -> rquickjs::Error {
        Exception::throw_type(self.ctx, &format!("unreadable request: {why}"))
    }

    fn value(&mut self, has_own_keys: bool) -> Result<Value<'js>> {
        let ctx = self.ctx.clone();
        let kind = self.decoder.datatype().map_err(|error| self.unreadable(error))?;
        macro_rules! read {
            ($what:ident) => {
                self.decoder.$what().map_err(|error| self.unreadable(error))?
            };
        }
        Ok(match kind {
            Type::Null => {
                read!(null);
                Value::new_null(ctx)
            }
            Type::Bool => Value::new_bool(ctx, read!(bool)),
            // none is above 2^53 - 1
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => Value::new_number(ctx, read!(u64) as f64),
            Type::I8 | Type::I16 | Type::I32 | Type::I64 => Value::new_number(ctx, read!(i64) as f64),
            Type::F16 | Type::F32 | Type::F64 => Value::new_number(ctx, read!(f64)),
            Type::String => String::from_str(ctx, read!(str))?.into_value(),
            Type::Bytes => TypedArray::new_copy(ctx, read!(bytes))?.into_value(),
            Type::Array => self.array()?.into_value(),
            Type::Map => self.map(has_own_keys)?.into_value(),
            other => return Err(self.unreadable(other)),
        })
    }

    fn array(&mut self) -> Result<Array<'js>> {
        let length = self.decoder.array().map_err(|error| self.unreadable(error))?;
        let array = Array::new(self.ctx.clone())?;
        for index in 0..length.ok_or_else(|| self.unreadable("an indefinite length"))? {
            let value = self.value(false)?;
            array.set(usize::try_from(index).unwrap_or(usize::MAX), value)?;
        }
        Ok(array)
    }

    fn map(&mut self, has_own_keys: bool) -> Result<Object<'js>> {
        let length = self.decoder.map().map_err(|error| self.unreadable(error))?;
        let map = Object::new_proto(self.ctx.clone(), (!has_own_keys).then_some(self.record))?;
        for _ in 0..length.ok_or_else(|| self.unreadable("an indefinite length"))? {
            let key = self.decoder.str().map_err(|error| self.unreadable(error))?;
            let value = self.value(key == PROPERTIES)?;
            // defined, not set: what it inherits may not be written
            map.prop(key, Property::from(value).writable().configurable().enumerable())?;
        }
        Ok(map)
    }
}
