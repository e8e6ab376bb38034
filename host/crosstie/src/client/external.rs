//! SASL EXTERNAL, before the AMQP connection proper: fe2o3-amqp has it only where it makes the TLS itself.

use fe2o3_amqp_types::primitives::Symbol;
use fe2o3_amqp_types::sasl::{SaslCode, SaslInit, SaslMechanisms, SaslOutcome};
use serde_amqp::serde::Serialize;
use serde_amqp::serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Source: AMQP 1.0 part 5, 5.3.1.
const HEADER: [u8; 8] = *b"AMQP\x03\x01\x00\x00";

/// No SASL frame is longer. Source: AMQP 1.0 part 5, 5.3.1.
const FRAME_BYTES_MAX: usize = 512;

const MECHANISM: &str = "EXTERNAL";

/// Authenticates by the certificate that was shown.
///
/// # Errors
///
/// Why the peer does not let us in, in words.
pub(super) async fn authenticate(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<(), String> {
    stream.write_all(&HEADER).await.map_err(said)?;
    stream.flush().await.map_err(said)?;
    let mut header = [0; 8];
    stream.read_exact(&mut header).await.map_err(said)?;
    if header != HEADER {
        return Err("the router does not speak SASL".to_owned());
    }
    let offered: SaslMechanisms = read(stream).await?;
    let offered: Vec<&str> = offered.sasl_server_mechanisms.iter().map(Symbol::as_str).collect();
    if !offered.contains(&MECHANISM) {
        return Err(format!("SASL {MECHANISM} is not offered, but {}; --sasl names another one", offered.join(", ")));
    }
    let init = SaslInit { mechanism: Symbol::from(MECHANISM), initial_response: None, hostname: None };
    write(stream, &init).await?;
    match read::<SaslOutcome>(stream).await?.code {
        SaslCode::Ok => Ok(()),
        code => Err(format!("the router refuses SASL {MECHANISM}: {code:?}")),
    }
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), body: &impl Serialize) -> Result<(), String> {
    let body = serde_amqp::to_vec(body).map_err(|error| error.to_string())?;
    let length = u32::try_from(body.len().saturating_add(8)).map_err(|error| error.to_string())?;
    let frame = [&length.to_be_bytes()[..], &[2, 1, 0, 0], &body].concat();
    stream.write_all(&frame).await.map_err(said)?;
    stream.flush().await.map_err(said)
}

async fn read<T: DeserializeOwned>(stream: &mut (impl AsyncRead + Unpin)) -> Result<T, String> {
    let bad = || "the router does not keep to SASL".to_owned();
    let length = stream.read_u32().await.map_err(said)?;
    let rest = usize::try_from(length).ok().filter(|length| *length <= FRAME_BYTES_MAX);
    let mut frame = vec![0; rest.and_then(|length| length.checked_sub(4)).ok_or_else(bad)?];
    stream.read_exact(&mut frame).await.map_err(said)?;
    let begin = frame.first().and_then(|words| usize::from(*words).checked_mul(4)?.checked_sub(4)).ok_or_else(bad)?;
    serde_amqp::from_slice(frame.get(begin..).ok_or_else(bad)?).map_err(|_| bad())
}

/// An alert of TLS comes with the first bytes that are read.
fn said(error: std::io::Error) -> String {
    super::bus::explain(&error)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends by panicking")]
mod tests {
    use super::*;

    /// The frames of a peer that offers ANONYMOUS, and of one that offers EXTERNAL. Source: AMQP 1.0 part 5, 5.3.3.
    const ANONYMOUS: &[u8] = b"\x00\x00\x00\x19\x02\x01\x00\x00\x00\x53\x40\xc0\x0c\x01\xa3\x09ANONYMOUS";
    const EXTERNAL: &[u8] = b"\x00\x00\x00\x18\x02\x01\x00\x00\x00\x53\x40\xc0\x0b\x01\xa3\x08EXTERNAL";
    const OUTCOME_AUTH: &[u8] = b"\x00\x00\x00\x10\x02\x01\x00\x00\x00\x53\x44\xc0\x03\x01\x50\x01";

    fn refused(said: &[&[u8]]) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let said = said.concat();
        runtime.block_on(async {
            let (mut ours, mut theirs) = tokio::io::duplex(4096);
            theirs.write_all(&said).await.unwrap();
            theirs.shutdown().await.unwrap();
            authenticate(&mut ours).await.unwrap_err()
        })
    }

    #[test]
    fn a_router_that_refuses_or_speaks_otherwise_is_told_in_words() {
        for (frames, part) in [
            (&[&b"AMQP\x00\x01\x00\x00"[..]][..], "does not speak SASL"),
            (&[&HEADER[..], ANONYMOUS], "is not offered, but ANONYMOUS"),
            (&[&HEADER[..], EXTERNAL, OUTCOME_AUTH], "refuses SASL EXTERNAL: Auth"),
            (&[&HEADER[..], b"\x00\x01\x00\x00"], "does not keep to SASL"),
            (&[&HEADER[..], b"\x00\x00\x00\x08\x03\x01\x00\x00"], "does not keep to SASL"),
            (&[&HEADER[..], b"\x00\x00\x00\x03"], "does not keep to SASL"),
            (&[&HEADER[..], EXTERNAL, EXTERNAL], "does not keep to SASL"),
        ] {
            let text = refused(frames);
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
