//! Syntax: what must hold before a text is parsed as KDL, with a place for what does not.
//!
//! The parser of crate `kdl` recurses on depth, on nested comments and on each top-level error, and takes exponential
//! time on nested `/-`; a text of some hundred bytes can end the process. This scanner uses no recursion, finds the
//! extent of every top-level node, and lets through only nodes whose structure is whole and not too deep.

/// Blocks in blocks.
pub(crate) const DEPTH_MAX: usize = 32;
/// `/-` inside what another `/-` removes.
const SLASHDASH_MAX: usize = 4;
/// Comments in comments.
const COMMENT_DEPTH_MAX: usize = 32;
/// What a `}` is that closes nothing; behind another fault, that one's consequence.
const UNOPENED: &str = "`}` without `{`";
/// What a block is that stands in too many others.
const TOO_DEEP: &str = "blocks are nested too deep";
/// What a block is that is open at the end.
const UNCLOSED: &str = "this block is never closed";
/// Faults after which scanning ends: each may look at the whole text.
const FAULTS_MAX: usize = 20;

/// What is wrong with a text, at a range of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxFault {
    pub(crate) start: usize,
    pub(crate) len: usize,
    pub(crate) message: &'static str,
    pub(crate) hint: &'static str,
}

/// The extents of whole top-level nodes, and what is wrong with the others.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) nodes: Vec<(usize, usize)>,
    pub(crate) faults: Vec<SyntaxFault>,
}

/// Scans a text; time is linear in its length for each fault. Of the cascade that one mistake brings, the first is kept.
pub(crate) fn scan(text: &str) -> Scan {
    let mut scanner = Scanner { text, at: if text.starts_with('\u{feff}') { 3 } else { 0 }, too_deep: None };
    let mut scan = Scan::default();
    while scan.faults.len() < FAULTS_MAX {
        match scanner.top_level_node() {
            Ok(Some(extent)) => scan.nodes.push(extent),
            Ok(None) => break,
            Err((node_start, fault)) => {
                scanner.resume_after(node_start, &fault);
                if scan.faults.is_empty() || fault.message != UNOPENED {
                    scan.faults.push(fault);
                }
            }
        }
    }
    scan
}

type Step<T> = Result<T, SyntaxFault>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a node, a `}` or the end.
    Node,
    /// After a name or an entry.
    Entries,
    /// After a block: others may follow only behind `/-`.
    Blocks { closed: bool },
}

/// An open block.
struct Level {
    open: usize,
    /// How many `/-` remove the node that it belongs to.
    slashdashes: usize,
    removed: bool,
}

/// The blocks around the scanner's place.
#[derive(Default)]
struct Nest {
    levels: Vec<Level>,
    /// How many `/-` remove the current node.
    slashdashes: usize,
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// The first block of the current node that is nested too deep: the node is scanned to its end all the same.
    too_deep: Option<SyntaxFault>,
}

fn fault(start: usize, len: usize, message: &'static str, hint: &'static str) -> SyntaxFault {
    SyntaxFault { start, len, message, hint }
}

impl Scanner<'_> {
    /// The extent of the next node, or nothing at the end; a fault comes with where its node starts.
    fn top_level_node(&mut self) -> Result<Option<(usize, usize)>, (usize, SyntaxFault)> {
        let before = self.at;
        self.line_space().map_err(|fault| (before, fault))?;
        let start = self.at;
        if self.rest().is_empty() {
            return Ok(None);
        }
        let ended = self.whole_node();
        if let Some(fault) = self.too_deep.take() {
            if ended.is_err() {
                self.at = self.text.len();
            }
            return Err((start, fault));
        }
        ended.map_err(|fault| (start, fault))?;
        Ok(Some((start, self.at)))
    }

    fn whole_node(&mut self) -> Step<()> {
        let mut nest = Nest::default();
        let mut state = State::Node;
        loop {
            state = match state {
                State::Node => self.node_start(&mut nest)?,
                State::Entries => self.entries(&mut nest)?,
                State::Blocks { closed } => self.blocks(&mut nest, closed)?,
            };
            if state == State::Node && nest.levels.is_empty() {
                return Ok(());
            }
        }
    }

    fn node_start(&mut self, nest: &mut Nest) -> Step<State> {
        self.line_space()?;
        let outer = nest.levels.last().map_or(0, |level| level.slashdashes + usize::from(level.removed));
        nest.slashdashes = outer;
        match self.peek() {
            None => {
                let open = nest.levels.last().map_or(self.at, |level| level.open);
                Err(fault(open, 1, UNCLOSED, "add the missing `}`"))
            }
            Some('}') => self.close(nest),
            _ => {
                if self.eat("/-") {
                    nest.slashdashes += 1;
                    self.check_slashdashes(nest.slashdashes)?;
                    self.line_space()?;
                }
                self.annotation()?;
                self.name()?;
                Ok(State::Entries)
            }
        }
    }

    fn close(&mut self, nest: &mut Nest) -> Step<State> {
        let Some(level) = nest.levels.pop() else {
            return Err(fault(self.at, 1, UNOPENED, "remove it, or open the block that it closes"));
        };
        self.at += 1;
        nest.slashdashes = level.slashdashes;
        Ok(State::Blocks { closed: !level.removed })
    }

    fn open(&mut self, nest: &mut Nest, removed: bool) -> Step<State> {
        if nest.levels.len() >= DEPTH_MAX {
            let hint = "at most 32 blocks stand in each other";
            self.too_deep.get_or_insert(fault(self.at, 1, TOO_DEEP, hint));
        }
        self.check_slashdashes(nest.slashdashes + usize::from(removed))?;
        nest.levels.push(Level { open: self.at, slashdashes: nest.slashdashes, removed });
        self.at += 1;
        Ok(State::Node)
    }

    fn check_slashdashes(&self, count: usize) -> Step<()> {
        if count <= SLASHDASH_MAX {
            return Ok(());
        }
        let at = self.at.saturating_sub(2);
        Err(fault(at, 2, "`/-` is nested too deep", "at most 4 stand in each other; remove the text instead"))
    }

    fn entries(&mut self, nest: &mut Nest) -> Step<State> {
        let spaced = self.node_space()?;
        if self.end_of_node() {
            return Ok(State::Node);
        }
        match self.peek() {
            Some('}') => Ok(State::Node).and_then(|state| self.end_inside(nest, state)),
            Some('{') => self.open(nest, false),
            Some('=') => {
                let hint = "an attribute is written `key \"value\"`, without `=`";
                Err(fault(self.at, 1, "`=` behind the name of a node", hint))
            }
            _ if self.eat("/-") => {
                self.line_space()?;
                if self.peek() == Some('{') {
                    return self.open(nest, true);
                }
                self.entry()?;
                Ok(State::Entries)
            }
            _ if !spaced => {
                Err(fault(self.at, self.char_len(), "a space is missing here", "values are separated by spaces"))
            }
            _ => {
                self.entry()?;
                Ok(State::Entries)
            }
        }
    }

    fn blocks(&mut self, nest: &mut Nest, closed: bool) -> Step<State> {
        self.node_space()?;
        if self.end_of_node() {
            return Ok(State::Node);
        }
        if self.peek() == Some('}') {
            return self.end_inside(nest, State::Node);
        }
        if self.peek() == Some('{') && !closed {
            return self.open(nest, false);
        }
        let start = self.at;
        if self.eat("/-") {
            self.line_space()?;
            if self.peek() == Some('{') {
                return self.open(nest, true);
            }
        }
        let hint = "a node ends with its block: put the next one on a line of its own";
        Err(fault(start, self.char_len(), "something stands behind a block", hint))
    }

    /// A `}` that also ends the last node of its block.
    fn end_inside(&mut self, nest: &mut Nest, inside: State) -> Step<State> {
        if nest.levels.is_empty() { self.close(nest) } else { Ok(inside) }
    }

    /// Takes the line end, `;` or end of text that ends a node; a comment is left for the space before the next.
    fn end_of_node(&mut self) -> bool {
        if self.rest().is_empty() || self.rest().starts_with("//") || self.eat(";") {
            return true;
        }
        self.newline()
    }

    fn entry(&mut self) -> Step<()> {
        self.annotation()?;
        self.value()?;
        let after = self.at;
        self.node_space()?;
        if self.eat("=") {
            self.node_space()?;
            self.annotation()?;
            return self.value();
        }
        self.at = after;
        Ok(())
    }

    fn annotation(&mut self) -> Step<()> {
        let start = self.at;
        if !self.eat("(") {
            return Ok(());
        }
        self.node_space()?;
        self.name()?;
        self.node_space()?;
        if !self.eat(")") {
            return Err(fault(start, 1, "`(` without `)`", "an annotation is one word, as in `(secret)`"));
        }
        self.node_space()?;
        Ok(())
    }

    fn name(&mut self) -> Step<()> {
        match self.peek() {
            Some('"' | '#') => self.value(),
            Some(c) if is_word(c) => self.word(),
            _ => {
                let len = self.char_len();
                Err(fault(self.at, len, "a name is expected here", "a node starts with a word, as in `listener`"))
            }
        }
    }

    fn value(&mut self) -> Step<()> {
        match self.peek() {
            Some('"') => self.quoted(),
            Some('#') => self.raw_or_keyword(),
            Some(c) if is_word(c) => self.word(),
            _ => {
                let hint = "a value is a text in quotes, a number, `#true`, `#false` or `#null`";
                Err(fault(self.at, self.char_len(), "a value is expected here", hint))
            }
        }
    }

    fn word(&mut self) -> Step<()> {
        let start = self.at;
        let len = self.rest().find(|c| !is_word(c)).unwrap_or(self.rest().len());
        self.at += len;
        let hint = match self.text.get(start..self.at) {
            Some("true") => "write `#true`",
            Some("false") => "write `#false`",
            Some("null") => "write `#null`",
            Some("inf" | "-inf" | "nan") => "write `#inf`, `#-inf` or `#nan`",
            _ => return Ok(()),
        };
        Err(fault(start, len, "this word needs a `#`, or quotes to be a text", hint))
    }

    fn quoted(&mut self) -> Step<()> {
        let start = self.at;
        let long = self.rest().starts_with("\"\"\"");
        self.at += if long { 3 } else { 1 };
        loop {
            if self.eat(if long { "\"\"\"" } else { "\"" }) {
                return Ok(());
            }
            let Some(c) = self.peek() else {
                return Err(unclosed(start, if long { 3 } else { 1 }));
            };
            if c == '\\' {
                self.at += 1;
                self.escaped()?;
            } else if !long && is_newline(c) {
                return Err(unclosed(start, self.at - start));
            } else {
                self.allowed()?;
            }
        }
    }

    /// What a backslash in a text escapes: one character, or all white space.
    fn escaped(&mut self) -> Step<()> {
        if !self.peek().is_some_and(|c| is_space(c) || is_newline(c)) {
            return if self.peek().is_some() { self.allowed() } else { Ok(()) };
        }
        while self.peek().is_some_and(|c| is_space(c) || is_newline(c)) {
            self.at += self.char_len();
        }
        Ok(())
    }

    fn raw_or_keyword(&mut self) -> Step<()> {
        let start = self.at;
        let hashes = self.rest().len() - self.rest().trim_start_matches('#').len();
        self.at += hashes;
        if !self.rest().starts_with('"') {
            let len = self.rest().find(|c| !is_word(c)).unwrap_or(self.rest().len());
            self.at += len;
            let known = ["#true", "#false", "#null", "#inf", "#-inf", "#nan"];
            if self.text.get(start..self.at).is_some_and(|word| known.contains(&word)) {
                return Ok(());
            }
            return Err(fault(start, hashes + len, "unknown keyword", "it is `#true`, `#false` or `#null`"));
        }
        let quotes = if self.rest().starts_with("\"\"\"") { "\"\"\"" } else { "\"" };
        self.at += quotes.len();
        let end = format!("{quotes}{}", "#".repeat(hashes));
        let Some(len) = self.rest().find(&end) else {
            return Err(unclosed(start, hashes + quotes.len()));
        };
        let stop = self.at + len;
        while self.at < stop {
            if quotes.len() == 1 && self.peek().is_some_and(is_newline) {
                return Err(unclosed(start, self.at - start));
            }
            self.allowed()?;
        }
        self.at = stop + end.len();
        Ok(())
    }

    /// White space, line ends and comments.
    fn line_space(&mut self) -> Step<()> {
        loop {
            self.node_space()?;
            if self.rest().starts_with("//") {
                self.line_comment()?;
            } else if !self.newline() {
                return Ok(());
            }
        }
    }

    /// White space, comments and escaped line ends within a node; whether there was any.
    fn node_space(&mut self) -> Step<bool> {
        let start = self.at;
        loop {
            match self.peek() {
                Some(c) if is_space(c) => self.at += c.len_utf8(),
                Some('/') if self.rest().starts_with("/*") => self.block_comment()?,
                Some('\\') => self.escaped_line_end()?,
                Some(c) if is_forbidden(c) => self.allowed()?,
                _ => return Ok(self.at > start),
            }
        }
    }

    fn escaped_line_end(&mut self) -> Step<()> {
        let start = self.at;
        self.at += 1;
        while let Some(c) = self.peek().filter(|c| is_space(*c)) {
            self.at += c.len_utf8();
        }
        if self.rest().starts_with("//") {
            self.line_comment()?;
        }
        if self.rest().is_empty() || self.newline() {
            return Ok(());
        }
        Err(fault(start, 1, "a backslash stands within a line", "outside a text it continues a line at its end"))
    }

    fn line_comment(&mut self) -> Step<()> {
        while self.peek().is_some_and(|c| !is_newline(c)) {
            self.allowed()?;
        }
        Ok(())
    }

    fn block_comment(&mut self) -> Step<()> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            if self.eat("/*") {
                depth += 1;
                if depth > COMMENT_DEPTH_MAX {
                    let hint = "at most 32 comments stand in each other";
                    return Err(fault(self.at - 2, 2, "comments are nested too deep", hint));
                }
            } else if self.eat("*/") {
                depth -= 1;
                if depth == 0 {
                    return Ok(());
                }
            } else if self.peek().is_some() {
                self.allowed()?;
            } else {
                return Err(fault(start, 2, "this comment is never closed", "add the missing `*/`"));
            }
        }
    }

    /// Takes one character that may stand anywhere in a text.
    fn allowed(&mut self) -> Step<()> {
        match self.peek() {
            Some(c) if is_forbidden(c) => {
                let hint = "control characters and marks that turn the direction of text are written `\\u{…}`";
                Err(fault(self.at, c.len_utf8(), "a character that KDL forbids", hint))
            }
            Some(c) => {
                self.at += c.len_utf8();
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn newline(&mut self) -> bool {
        if self.eat("\r\n") {
            return true;
        }
        let found = self.peek().filter(|c| is_newline(*c));
        self.at += found.map_or(0, char::len_utf8);
        found.is_some()
    }

    /// Goes on at the next line after a fault that looks like the start of a node; a block that is never closed may have
    /// swallowed such lines.
    fn resume_after(&mut self, node_start: usize, fault: &SyntaxFault) {
        let from = match fault.message {
            UNCLOSED => node_start,
            TOO_DEEP => self.at.saturating_sub(1),
            _ => fault.start.max(node_start),
        };
        let rest = self.text.get(from..).unwrap_or("");
        let next = rest.match_indices('\n').map(|(at, _)| from + at + 1).find(|at| {
            let line = self.text.get(*at..).unwrap_or("");
            line.starts_with(|c: char| c.is_alphabetic() || c == '"')
        });
        self.at = next.unwrap_or(self.text.len());
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn char_len(&self) -> usize {
        self.peek().map_or(0, char::len_utf8)
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }
}

fn unclosed(start: usize, len: usize) -> SyntaxFault {
    fault(start, len, "this text is never closed", "add the closing quote")
}

fn is_newline(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{b}' | '\u{c}' | '\u{2028}' | '\u{2029}')
}

fn is_space(c: char) -> bool {
    matches!(c, '\t' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

fn is_forbidden(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}' | '\u{200e}' | '\u{200f}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn is_word(c: char) -> bool {
    let mark = matches!(c, '\\' | '/' | '(' | ')' | '{' | '}' | ';' | '[' | ']' | '"' | '#' | '=');
    !(mark || is_space(c) || is_newline(c) || is_forbidden(c))
}
