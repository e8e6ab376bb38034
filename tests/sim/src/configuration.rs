//! A configuration that is only bytes: the first says in which form, the rest is its text.

use crosstie_config::reference::{self, Form};
use crosstie_config::{Problems, load_text};

/// Reads it; what it shows of itself is read again, and shows the same.
///
/// # Panics
///
/// When a configuration without problems does not come back from its own text, or a problem cannot be shown.
pub fn read(bytes: &[u8]) {
    let Some((form, text)) = bytes.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(text);
    match form % 3 {
        0 => match load_text("fuzz.kdl", &text) {
            Ok(loaded) => {
                let shown = loaded.show();
                let again = load_text("shown.kdl", &shown).unwrap_or_else(|problems| {
                    panic!("what was shown is refused: {}\n{shown}", problems.render(false))
                });
                assert_eq!(again.show(), shown, "what was shown means something else");
            }
            Err(problems) => check(&problems),
        },
        form => {
            let form = if form == 1 { Form::Text } else { Form::Json };
            match reference::load_text("qdrouterd.conf", &text, form) {
                Ok(loaded) => drop(loaded.show()),
                Err(problems) => check(&problems),
            }
        }
    }
}

fn check(problems: &Problems) {
    assert!(!problems.is_empty(), "refused without a problem");
    assert!(!problems.render(false).is_empty(), "a problem without a text");
}
