//! A configuration that is only bytes: KDL, or the reference's own form.

use crosstie_config::reference::{self, Form};
use crosstie_config::{Problems, load_text};

/// Reads KDL; what it shows of itself is read again, and shows the same.
///
/// # Panics
///
/// When a configuration without problems does not come back from its own text, or a problem cannot be shown.
pub fn read(bytes: &[u8]) {
    match load_text("fuzz.kdl", &String::from_utf8_lossy(bytes)) {
        Ok(loaded) => {
            let shown = loaded.show();
            let again = load_text("shown.kdl", &shown)
                .unwrap_or_else(|problems| panic!("what was shown is refused: {}\n{shown}", problems.render(false)));
            assert_eq!(again.show(), shown, "what was shown means something else");
        }
        Err(problems) => check(&problems),
    }
}

/// Reads the reference's own form, and imports it: the first byte says whether the rest is text (even) or JSON.
///
/// # Panics
///
/// When what has no problem has no KDL that means the same, or a problem cannot be shown.
pub fn import(bytes: &[u8]) {
    let Some((form, text)) = bytes.split_first() else {
        return;
    };
    let form = if form % 2 == 0 { Form::Text } else { Form::Json };
    let text = String::from_utf8_lossy(text);
    match reference::load_text("qdrouterd.conf", &text, form) {
        Ok(loaded) => drop(loaded.show()),
        Err(problems) => check(&problems),
    }
    // it finds out itself whether the KDL means the same; all other problems have a place
    if let Err(problems) = reference::import_text("qdrouterd.conf", &text, form) {
        check(&problems);
        assert!(problems.iter().all(|problem| problem.position().is_some()), "{problems}");
    }
}

fn check(problems: &Problems) {
    assert!(!problems.is_empty(), "refused without a problem");
    assert!(!problems.render(false).is_empty(), "a problem without a text");
}
