//! Loading: what one run over a configuration carries along: its files, its problems, its environment.

use std::cell::RefCell;

use crate::problem::{PROBLEMS_MAX, Problem, Problems};
use crate::source::{Place, Source, Sources};

/// Problems that are collected before the first are chosen.
const COLLECTED_MAX: usize = 10 * PROBLEMS_MAX;

/// Attributes that problems speak of: our names, and those of the reference.
const WORDS: [(&str, &str); 8] = [
    ("auth-service", "authServicePlugin"),
    ("sasl-username", "saslUsername"),
    ("sasl-password", "saslPassword"),
    ("tls", "sslProfile"),
    ("certificate", "certFile"),
    ("private-key", "privateKeyFile"),
    ("cipher-suites", "ciphers"),
    ("role", "role"),
];

/// What is known while a configuration is read.
pub(crate) struct Loading<'e> {
    pub(crate) environment: &'e dyn Fn(&str) -> Option<String>,
    /// What the reference takes though it may never do anything is taken too, with a warning.
    pub(crate) lenient: bool,
    /// Attributes have the names that the reference gives them.
    pub(crate) is_of_reference: bool,
    /// It is for another machine: what this one lacks, secrets and files, is no problem.
    pub(crate) is_for_elsewhere: bool,
    sources: RefCell<Sources>,
    faults: RefCell<Vec<(Place, Problem)>>,
    warnings: RefCell<Vec<(Place, Problem)>>,
    omitted: RefCell<usize>,
}

/// A problem in the making: what is wrong at a place.
#[must_use]
pub(crate) struct Fault {
    message: String,
    hint: Option<String>,
    spots: Vec<(Place, String)>,
    secret: bool,
}

impl Fault {
    pub(crate) fn at(place: Place, message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, spots: vec![(place, "here".to_owned())], secret: false }
    }

    /// What stands twice where it may stand once.
    pub(crate) fn again(first: Place, again: Place, message: impl Into<String>) -> Self {
        Self::at(again, message).label("again here").also(first, "it stands first here").hint("keep one of them")
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        if let Some((_, text)) = self.spots.first_mut() {
            *text = label.into();
        }
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A second place that the problem is about.
    pub(crate) fn also(mut self, place: Place, label: impl Into<String>) -> Self {
        self.spots.push((place, label.into()));
        self
    }

    /// The underlined text is not to be shown.
    pub(crate) fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// The problem, with the text around its places.
    pub(crate) fn into_problem(self, sources: &Sources) -> Problem {
        let mut problem = Problem::new(self.message);
        if let Some(hint) = self.hint {
            problem = problem.with_hint(hint);
        }
        for (place, label) in self.spots {
            if let Some(source) = sources.get(place.file) {
                problem = problem.with_spot(source, (place.start, place.len), &label, self.secret);
            }
        }
        problem
    }
}

impl<'e> Loading<'e> {
    pub(crate) fn new(environment: &'e dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            environment,
            lenient: false,
            is_of_reference: false,
            is_for_elsewhere: false,
            sources: RefCell::default(),
            faults: RefCell::default(),
            warnings: RefCell::default(),
            omitted: RefCell::default(),
        }
    }

    /// The name of an attribute in what is read.
    pub(crate) fn word(&self, ours: &'static str) -> &'static str {
        let theirs = WORDS.iter().find(|(word, _)| self.is_of_reference && *word == ours);
        theirs.map_or(ours, |(_, theirs)| theirs)
    }

    /// An attribute with a value, as it stands in what is read.
    pub(crate) fn example(&self, ours: &'static str, value: &str) -> String {
        let word = self.word(ours);
        if self.is_of_reference { format!("`{word}: {value}`") } else { format!("`{word} \"{value}\"`") }
    }

    pub(crate) fn add_source(&self, source: Source) -> usize {
        self.sources.borrow_mut().add(source)
    }

    pub(crate) fn source(&self, file: usize) -> Option<std::sync::Arc<Source>> {
        self.sources.borrow().get(file).cloned()
    }

    pub(crate) fn sources(&self) -> Sources {
        self.sources.borrow().clone()
    }

    /// A path as written at a place: relative to the file that it stands in.
    pub(crate) fn resolve(&self, at: Place, path: &str) -> std::path::PathBuf {
        self.source(at.file).map_or_else(|| path.into(), |source| source.resolve(path))
    }

    pub(crate) fn report(&self, fault: Fault) {
        if self.omits() {
            return;
        }
        let mut faults = self.faults.borrow_mut();
        let Some((place, _)) = fault.spots.first() else {
            return;
        };
        let place = *place;
        let problem = fault.into_problem(&self.sources.borrow());
        faults.push((place, problem));
    }

    /// Whether there are so many problems that one more is only counted, which this has done.
    pub(crate) fn omits(&self) -> bool {
        let is_full = self.faults.borrow().len() >= COLLECTED_MAX;
        *self.omitted.borrow_mut() += usize::from(is_full);
        is_full
    }

    /// Reports what stands twice where it may stand once.
    pub(crate) fn report_again(&self, first: Place, again: Place, message: impl Into<String>) {
        self.report(Fault::again(first, again, message));
    }

    /// A problem, but to the reference it is none.
    pub(crate) fn doubt(&self, fault: Fault) {
        if self.lenient { self.warn(fault) } else { self.report(fault) }
    }

    /// What a person should know, though the configuration is good.
    pub(crate) fn warn(&self, fault: Fault) {
        let mut warnings = self.warnings.borrow_mut();
        if let Some((place, _)) = fault.spots.first()
            && warnings.len() < COLLECTED_MAX
        {
            let place = *place;
            let problem = fault.into_problem(&self.sources.borrow()).into_warning();
            warnings.push((place, problem));
        }
    }

    /// All warnings in the order of files and places.
    pub(crate) fn warnings(&self) -> Problems {
        let mut problems = Problems::default();
        for (_, problem) in self.placed_warnings() {
            problems.push(problem);
        }
        problems
    }

    /// As [`Self::warnings`], each with its place.
    pub(crate) fn placed_warnings(&self) -> Vec<(Place, Problem)> {
        let mut warnings = self.warnings.borrow().clone();
        warnings.sort_by_key(|(place, _)| (place.file, place.start));
        warnings
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.count() == 0
    }

    /// How many problems there are so far.
    pub(crate) fn count(&self) -> usize {
        self.faults.borrow().len() + *self.omitted.borrow()
    }

    /// All problems in the order of files and places.
    pub(crate) fn into_problems(self) -> Problems {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|(place, _)| (place.file, place.start));
        let mut problems = Problems::default();
        for (_, problem) in faults {
            problems.push(problem);
        }
        problems.omit(self.omitted.into_inner());
        problems
    }
}
