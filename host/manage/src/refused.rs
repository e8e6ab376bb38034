//! A refusal: why a request gets no 2xx.

use thiserror::Error;

/// Why a request is refused; the text is for the peer. Source: AMQP Management working draft 9, 3.2.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// 400: the peer's request is wrong.
    #[error("{0}")]
    BadRequest(String),
    /// 403: the peer may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// 404: there is no such entity.
    #[error("{0}")]
    NotFound(String),
    /// 500: the request is good, and it could not be done.
    #[error("{0}")]
    Failed(String),
    /// 501: this router cannot do it.
    #[error("{0}")]
    NotImplemented(String),
}

impl Refused {
    /// The `statusCode` of the reply.
    #[must_use]
    pub const fn code(&self) -> i32 {
        match self {
            Self::BadRequest(_) => 400,
            Self::Forbidden(_) => 403,
            Self::NotFound(_) => 404,
            Self::Failed(_) => 500,
            Self::NotImplemented(_) => 501,
        }
    }
}
