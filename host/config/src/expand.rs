//! Expansion: `${NAME}` and `${NAME:-default}` in texts.

/// Why a text cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExpandFault {
    /// The variable is not set and has no default.
    Unset(String),
    /// `${` without `}`.
    Unclosed,
    /// Not a name of a variable.
    BadName(String),
}

/// Replaces variables; `$$` is a dollar, and so is a dollar before anything but `{`.
pub(crate) fn expand(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<String, ExpandFault> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(rest.get(..at).unwrap_or(""));
        let tail = rest.get(at + 1..).unwrap_or("");
        if let Some(tail) = tail.strip_prefix('{') {
            let end = tail.find('}').ok_or(ExpandFault::Unclosed)?;
            out.push_str(&variable(tail.get(..end).unwrap_or(""), environment)?);
            rest = tail.get(end + 1..).unwrap_or("");
        } else {
            out.push('$');
            rest = tail.strip_prefix('$').unwrap_or(tail);
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// The text that is expanded to this one.
pub(crate) fn escape(text: &str) -> String {
    if text.contains("${") || text.contains("$$") { text.replace('$', "$$") } else { text.to_owned() }
}

fn variable(inner: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<String, ExpandFault> {
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    if !is_variable_name(name) {
        return Err(ExpandFault::BadName(name.to_owned()));
    }
    environment(name).or_else(|| default.map(str::to_owned)).ok_or_else(|| ExpandFault::Unset(name.to_owned()))
}

/// Letters, digits and `_`, not a digit first.
pub(crate) fn is_variable_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_defaults_and_dollars() {
        let environment = |name: &str| (name == "SITE").then(|| "berlin".to_owned());
        let expand = |text: &str| expand(text, &environment);
        assert_eq!(expand("a-${SITE}-b"), Ok("a-berlin-b".to_owned()));
        assert_eq!(expand("${NONE:-x}${NONE:-}"), Ok("x".to_owned()));
        assert_eq!(expand("$$5 $management $"), Ok("$5 $management $".to_owned()));
        assert_eq!(expand("$${SITE}"), Ok("${SITE}".to_owned()));
        assert_eq!(expand("${NONE}"), Err(ExpandFault::Unset("NONE".to_owned())));
        assert_eq!(expand("${SITE"), Err(ExpandFault::Unclosed));
        assert_eq!(expand("${}"), Err(ExpandFault::BadName(String::new())));
    }
}
