//! An answer of a plugin that is only bytes: the first says which hook was asked, the rest is what the plugin wrote.

use crosstie_model::policy::Hook;
use crosstie_policy::read_answer;

/// Reads it. Absent: it was refused.
///
/// # Panics
///
/// When it is refused without a reason, or when its shortest form is not as good as itself.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Vec<u8>> {
    let (hook, answer) = bytes.split_first()?;
    // the last one stands for `policy_configure`
    let hook = Hook::ALL.get(usize::from(*hook) % (Hook::ALL.len() + 1)).copied();
    match read_answer(hook, answer) {
        Ok(short) => {
            assert!(short.len() <= answer.len().saturating_mul(3), "{} bytes of {}", short.len(), answer.len());
            assert_eq!(read_answer(hook, &short).as_ref(), Ok(&short), "its shortest form means something else");
            Some(short)
        }
        Err(why) => {
            assert!(!why.is_empty(), "refused without a reason");
            None
        }
    }
}
