//! `crosstie password`: a password to its salted form.

use std::io::{self, BufRead, IsTerminal};

use crosstie_amqp::sasl::{ITERATIONS_MAX, ITERATIONS_MIN, PART_MAX_BYTES, SALT_BYTES, Salted};

/// Reads how often a password is hashed.
///
/// # Errors
///
/// When it may not be.
pub(crate) fn iterations(text: &str) -> Result<u32, String> {
    let count = text.parse().ok().filter(|count| (ITERATIONS_MIN..=ITERATIONS_MAX).contains(count));
    count.ok_or_else(|| format!("a whole number from {ITERATIONS_MIN} to {ITERATIONS_MAX} is wanted"))
}

/// Reads a password, from the terminal without showing it or from standard input, and salts it.
///
/// # Errors
///
/// When there is no password, it is too long, or the two that were typed differ.
pub(crate) fn salt(iterations: u32) -> io::Result<Salted> {
    let password = if io::stdin().is_terminal() { ask()? } else { first_line(io::stdin().lock())? };
    if password.is_empty() {
        return Err(io::Error::other("the password is empty"));
    }
    if password.len() > PART_MAX_BYTES {
        return Err(io::Error::other(format!("the password is longer than {PART_MAX_BYTES} bytes")));
    }
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(Salted::derive(&password, &salt, iterations))
}

fn ask() -> io::Result<String> {
    let password = rpassword::prompt_password("password: ")?;
    if rpassword::prompt_password("once more: ")? != password {
        return Err(io::Error::other("the passwords differ"));
    }
    Ok(password)
}

fn first_line(input: impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    // one byte more than fits, and the line's end
    let limit = u64::try_from(PART_MAX_BYTES).unwrap_or(u64::MAX).saturating_add(3);
    input.take(limit).read_line(&mut line)?;
    let line = line.strip_suffix('\n').map_or(line.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    Ok(line.to_owned())
}
