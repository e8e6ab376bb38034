//! What the host has of the schema: which fields there are.

use crate::lines::line;
use crate::schema::Schema;

/// Fields in a line.
const IN_LINE: usize = 6;

pub(crate) fn paths(schema: &Schema) -> String {
    let mut out = String::new();
    line(
        &mut out,
        format_args!(
            "//! Fields of requests; `[]` stands for an item of a list. Made from policy.wit by `cargo run -p crosstie-generate`.\n"
        ),
    );
    line(&mut out, format_args!("/// Hooks, and the fields of what they are asked."));
    line(&mut out, format_args!("#[rustfmt::skip]\npub(crate) const PATHS: &[(&str, &[&str])] = &["));
    for hook in &schema.hooks {
        // `configure` is asked everything
        let Some(word) = hook.name.strip_prefix("on-") else { continue };
        line(&mut out, format_args!("    (\"{word}\", &["));
        for paths in schema.all_paths(&hook.request).chunks(IN_LINE) {
            line(&mut out, format_args!("        \"{}\",", paths.join("\", \"")));
        }
        line(&mut out, format_args!("    ]),"));
    }
    line(&mut out, format_args!("];"));
    out
}
