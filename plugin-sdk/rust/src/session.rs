//! The hook `session`: may this peer begin one more session? It has begun when this is asked: a denial ends it.

pub use crate::connection::{Answer, Grant, Quota};
pub use crate::records::session::*;
