//! Problems: what is wrong, where, and what to do about it.

use std::fmt;
use std::sync::Arc;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents,
};

use crate::source::Source;

/// Problems that are kept; what comes after them is counted.
pub(crate) const PROBLEMS_MAX: usize = 100;

/// Characters shown on each side of the underlined text of a long line.
const EXCERPT_SIDE_CHARS: usize = 100;

/// What stands before a secret that is written plainly.
const LITERAL: &str = "literal:";

/// What the reference calls passwords.
const PASSWORDS: [&str; 4] = ["saslPassword", "sasl-password", "sasl_password", "password"];

/// One problem of a configuration, with its place and a hint.
#[derive(Debug, Clone)]
pub struct Problem {
    message: String,
    hint: Option<String>,
    spots: Vec<Spot>,
    /// `Error`, or `Warning` where the configuration is good nevertheless.
    severity: miette::Severity,
}

/// A place that a problem points to.
#[derive(Debug, Clone)]
struct Spot {
    source: Arc<Source>,
    start: usize,
    len: usize,
    label: String,
    /// The underlined text is a secret and not to be shown.
    secret: bool,
}

impl Problem {
    /// A problem without a place: a file that cannot be read at all.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, spots: Vec::new(), severity: miette::Severity::Error }
    }

    /// The configuration is good nevertheless.
    pub(crate) fn into_warning(mut self) -> Self {
        self.severity = miette::Severity::Warning;
        self
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_spot(mut self, source: &Arc<Source>, range: (usize, usize), label: &str, secret: bool) -> Self {
        let (start, len) = range;
        self.spots.push(Spot { source: Arc::clone(source), start, len, label: label.to_owned(), secret });
        self
    }

    /// What is wrong: lower case, without a full stop.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What may help, where it does not stand in the label.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// What stands below the underlined text.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.spots.first().map(|spot| spot.label.as_str())
    }

    /// The file as a person names it; absent when the file could not be read at all.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.spots.first().map(|spot| spot.source.name.as_str())
    }

    /// Line and column (in characters), both from 1.
    #[must_use]
    pub fn position(&self) -> Option<(usize, usize)> {
        self.spots.first().map(|spot| {
            let (line, column) = spot.source.position(spot.start);
            (line + 1, column + 1)
        })
    }

    fn line(&self) -> String {
        let place = self.file().zip(self.position());
        let place = place.map(|(file, (line, column))| format!("{file}:{line}:{column}: ")).unwrap_or_default();
        format!("{place}{}", self.sentence())
    }

    /// What is wrong and what may help, without its place.
    pub(crate) fn sentence(&self) -> String {
        let more = self.label().filter(|label| *label != "here").or(self.hint());
        format!("{}{}", self.message, more.map(|more| format!(": {more}")).unwrap_or_default())
    }

    fn render(&self, colour: bool) -> Result<String, fmt::Error> {
        let mut theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        theme.characters.error = "error:".into();
        theme.characters.warning = "warning:".into();
        theme.characters.advice = "note:".into();
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_links(false)
            .with_context_lines(0)
            .with_width(usize::from(u16::MAX))
            .with_wrap_lines(false);
        let mut out = String::new();
        let (first, rest) = match self.spots.split_first() {
            Some((first, rest)) => (Some(first), rest),
            None => (None, self.spots.as_slice()),
        };
        let mut head = Shown::new(&self.message, first, self.severity);
        if rest.is_empty() {
            head.hint.clone_from(&self.hint);
        }
        render_one(&handler, &head, &mut out)?;
        for (index, spot) in rest.iter().enumerate() {
            let mut note = Shown::new(&spot.label, Some(spot), miette::Severity::Advice);
            if index + 1 == rest.len() {
                note.hint.clone_from(&self.hint);
            }
            render_one(&handler, &note, &mut out)?;
        }
        Ok(out)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false)?)
    }
}

impl std::error::Error for Problem {}

/// Everything that is wrong with a configuration, in the order of its files and lines.
#[derive(Clone, Default)]
pub struct Problems {
    list: Vec<Problem>,
    omitted: usize,
}

impl Problems {
    /// One without a place.
    #[must_use]
    pub fn of(message: &str) -> Self {
        Problem::new(message).into()
    }

    /// Adds one more, found by a plugin or by the loader of plugins.
    pub fn push(&mut self, problem: Problem) {
        if self.list.len() < PROBLEMS_MAX {
            self.list.push(problem);
        } else {
            self.omitted += 1;
        }
    }

    /// In the order in which they are shown.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }

    /// How many there are; at most 100 of them are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len() + self.omitted
    }

    /// Nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them as text, with terminal colours where asked.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let shown: Vec<String> = self
            .list
            .iter()
            .map(|problem| problem.render(colour).unwrap_or_else(|_| format!("error: {}\n", problem.message)))
            .collect();
        let mut text = shown.join("\n");
        if self.omitted > 0 {
            text.push_str(&format!("\nand {} more problems\n", self.omitted));
        }
        text
    }

    /// Each in a line of its own: its place, what is wrong, and what may help.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.list.iter().map(Problem::line).collect();
        if self.omitted > 0 {
            lines.push(format!("and {} more problems", self.omitted));
        }
        lines
    }

    pub(crate) fn omit(&mut self, count: usize) {
        self.omitted += count;
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Problems {}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self { list: vec![problem], omitted: 0 }
    }
}

fn render_one(handler: &GraphicalReportHandler, shown: &Shown, out: &mut String) -> fmt::Result {
    let mut text = String::new();
    handler.render_report(&mut text, shown)?;
    let lines: Vec<&str> = text.lines().collect();
    for line in lines {
        // The renderer indents its first line to make room for a symbol; a word stands there instead.
        let is_head = |head: &&str| ["error:", "warning:", "note:"].iter().any(|word| head.starts_with(word));
        let line = line.strip_prefix("  ").filter(is_head).unwrap_or(line);
        out.push_str(line.trim_end());
        out.push('\n');
    }
    Ok(())
}

/// What the renderer is given: one message, one excerpt, one underlined range.
#[derive(Debug)]
struct Shown {
    message: String,
    hint: Option<String>,
    severity: miette::Severity,
    excerpt: Option<Excerpt>,
}

/// The line around a place, cut where it is long.
#[derive(Debug)]
struct Excerpt {
    name: String,
    text: String,
    /// From 0.
    line: usize,
    /// Of the underlined range, from 0.
    column: usize,
    span: SourceSpan,
    label: String,
}

impl Shown {
    fn new(message: &str, spot: Option<&Spot>, severity: miette::Severity) -> Self {
        Self { message: message.to_owned(), hint: None, severity, excerpt: spot.map(Excerpt::of) }
    }
}

impl Excerpt {
    fn of(spot: &Spot) -> Self {
        let (line, column) = spot.source.position(spot.start);
        let (line_start, text) = spot.source.line_at(spot.start);
        let from = spot.start.saturating_sub(line_start);
        let rest = text.get(from..).unwrap_or("");
        let to = from + rest.get(..spot.len.min(rest.len())).unwrap_or(rest).len();
        let (first, last) = (start_of_last(text, from, EXCERPT_SIDE_CHARS), end_of_first(text, to, EXCERPT_SIDE_CHARS));
        let mut secrets = secrets_in(text);
        secrets.retain(|(start, end)| *start < last && first < *end);
        let part = |start: usize, end: usize| visible(text, start, end, &secrets);
        let before = part(first, from);
        let marked = part(from, end_of_first(text, from, 2 * EXCERPT_SIDE_CHARS).min(to));
        let marked = if spot.secret { hidden(&marked) } else { marked };
        let after = part(to, last);
        let span = (before.len(), marked.len()).into();
        let text = format!("{before}{marked}{after}");
        Self { name: spot.source.name.clone(), text, line, column, span, label: spot.label.clone() }
    }
}

/// Where the last characters before a place start.
fn start_of_last(text: &str, end: usize, chars: usize) -> usize {
    let before = text.get(..end).unwrap_or("");
    before.char_indices().rev().take(chars).last().map_or(before.len(), |(at, _)| at)
}

/// Where the first characters behind a place end.
fn end_of_first(text: &str, start: usize, chars: usize) -> usize {
    let rest = text.get(start..).unwrap_or("");
    start + rest.char_indices().nth(chars).map_or(rest.len(), |(at, _)| at)
}

/// A part of a line with secrets and control characters blanked out, character for character.
fn visible(line: &str, start: usize, end: usize, secrets: &[(usize, usize)]) -> String {
    let chars = line.get(start..end).unwrap_or("").char_indices();
    let is_secret = |at: usize| secrets.iter().any(|(from, to)| (*from..*to).contains(&at));
    let shown = chars.map(|(at, c)| match c {
        '"' | '\t' => c,
        _ if is_secret(start + at) => '*',
        _ if c.is_control() => '\u{fffd}',
        _ => c,
    });
    shown.collect()
}

/// The secrets in a line: behind `literal:` and behind the name of a password up to the next quote, all behind the
/// reference's `saslPassword:`, and what stands before the `@` of a URL.
fn secrets_in(line: &str) -> Vec<(usize, usize)> {
    let mut secrets = Vec::new();
    let mut at = 0;
    while let Some(found) = line.get(at..).and_then(|rest| rest.find(LITERAL)) {
        let start = at + found + LITERAL.len();
        let len = line.get(start..).and_then(|rest| rest.find('"'));
        at = len.map_or(line.len(), |len| start + len);
        secrets.push((start, at));
    }
    let password = PASSWORDS.iter().flat_map(|word| line.match_indices(word)).filter_map(|(at, word)| {
        let rest = line.get(at + word.len()..)?.trim_start_matches(['"', ' ', '\t']).strip_prefix(':')?;
        Some(line.len() - rest.trim_start_matches(['"', ' ', '\t']).len())
    });
    secrets.extend(password.min().map(|start| (start, line.len())));
    secrets.extend(line.match_indices("password").filter_map(|(at, word)| plain_password(line, at + word.len())));
    secrets.extend(line.match_indices('@').filter_map(|(at, _)| user_information(line, at)));
    secrets
}

/// A password in quotes behind its name, unless it only says where the password is.
fn plain_password(line: &str, behind_name: usize) -> Option<(usize, usize)> {
    let rest = line.get(behind_name..)?;
    let text = rest.trim_start_matches([' ', '\t', '=', '#', '"']);
    let between = rest.get(..rest.len() - text.len())?;
    let is_reference = ["env:", "file:", LITERAL].iter().any(|form| text.starts_with(form));
    let len = text.find('"').unwrap_or(text.len());
    let start = line.len() - text.len();
    (between.contains('"') && !between.starts_with('"') && !is_reference).then_some((start, start + len))
}

/// What stands before an `@`: behind `://` in the same quotes, else of the word that has a `:` in it.
fn user_information(line: &str, at: usize) -> Option<(usize, usize)> {
    let before = line.get(..at)?;
    let quoted = before.rfind('"').map_or(0, |quote| quote + 1);
    let text = before.get(quoted..)?;
    if let Some(found) = text.find("://") {
        return Some((quoted + found + 3, at));
    }
    let word = text.rfind([' ', '\t', ',']).map_or(0, |blank| blank + 1);
    text.get(word..)?.contains(':').then_some((quoted + word, at))
}

fn hidden(text: &str) -> String {
    text.chars().map(|c| if c == '"' { c } else { '*' }).collect()
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown {}

impl Diagnostic for Shown {
    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.excerpt.as_ref().map(|excerpt| excerpt as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let excerpt = self.excerpt.as_ref()?;
        let label = LabeledSpan::new_primary_with_span(Some(excerpt.label.clone()), excerpt.span);
        Some(Box::new(std::iter::once(label)))
    }
}

impl SourceCode for Excerpt {
    /// The excerpt is one line, so it is the contents of every span in it.
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        _context_lines_before: usize,
        _context_lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        if span.offset() + span.len() > self.text.len() {
            return Err(MietteError::OutOfBounds);
        }
        let whole = (0, self.text.len()).into();
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            self.text.as_bytes(),
            whole,
            self.line,
            self.column,
            1,
        )))
    }
}
