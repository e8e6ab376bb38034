//! Names of the schema, which have hyphens, as languages write them.

/// `max-frame-size` as `max_frame_size`.
pub(crate) fn snake(name: &str) -> String {
    name.replace('-', "_")
}

/// As `MAX_FRAME_SIZE`.
pub(crate) fn upper(name: &str) -> String {
    snake(name).to_uppercase()
}

/// As `MaxFrameSize`.
pub(crate) fn pascal(name: &str) -> String {
    let word = |word: &str| word.get(..1).unwrap_or_default().to_uppercase() + word.get(1..).unwrap_or_default();
    name.split('-').map(word).collect()
}

/// As `maxFrameSize`.
pub(crate) fn camel(name: &str) -> String {
    match name.split_once('-') {
        Some((first, rest)) => format!("{first}{}", pascal(rest)),
        None => name.to_owned(),
    }
}
