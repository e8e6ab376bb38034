//! What a run has done so far: outcomes, times, and a bar while it takes long.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use fe2o3_amqp_types::definitions::Error;
use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressStyle};

use super::fault::Said;

/// A run that takes longer shows a bar.
const BAR_AFTER: Duration = Duration::from_secs(1);

/// Longer times are counted as this: an hour.
const TIME_US_MAX: u64 = 3_600_000_000;

/// Quantiles that a report names.
/// Of the longest bar of a histogram.
const BAR_CHARS: u64 = 40;

const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

/// How a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    Accepted,
    Rejected,
    Released,
    Modified,
    /// Sent settled: nobody says what became of it.
    Presettled,
}

impl Ending {
    const fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Released => "released",
            Self::Modified => "modified",
            Self::Presettled => "presettled",
        }
    }
}

/// Which way messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Sent,
    Received,
}

/// Where a tally goes while it grows, and at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// Nowhere.
    Nothing,
    /// A report at the end.
    Report,
    /// A bar on long runs as well, where standard error is a terminal.
    Bar,
}

/// Counts of a run.
pub(crate) struct Tally {
    way: Way,
    total: Option<u64>,
    show: Show,
    began: Cell<Option<Instant>>,
    started: Cell<u64>,
    endings: RefCell<BTreeMap<Ending, u64>>,
    /// In microseconds; absent when there was no memory for it.
    times: RefCell<Option<Histogram<u64>>>,
    first_error: RefCell<Option<String>>,
    bar: RefCell<Option<ProgressBar>>,
}

impl Tally {
    /// `total`: messages that are to come.
    pub(crate) fn new(way: Way, total: Option<u64>, show: Show) -> Self {
        Self {
            way,
            total,
            show,
            began: Cell::default(),
            started: Cell::default(),
            endings: RefCell::default(),
            times: RefCell::new(Histogram::new_with_bounds(1, TIME_US_MAX, 3).ok()),
            first_error: RefCell::default(),
            bar: RefCell::default(),
        }
    }

    /// A message is on its way.
    pub(crate) fn start(&self) {
        self.began.set(self.began.get().or_else(|| Some(Instant::now())));
        self.started.set(self.started.get().saturating_add(1));
    }

    /// A message has ended; `time` is how long it took, `error` what a rejection said.
    pub(crate) fn end(&self, ending: Ending, time: Option<Duration>, error: Option<&Error>) {
        let mut endings = self.endings.borrow_mut();
        let count = endings.entry(ending).or_default();
        *count = count.saturating_add(1);
        if let (Some(time), Some(times)) = (time, self.times.borrow_mut().as_mut()) {
            times.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        }
        if let Some(error) = error.filter(|_| self.first_error.borrow().is_none()) {
            self.first_error.replace(Some(Said(error).to_string()));
        }
        drop(endings);
        self.move_bar();
    }

    /// Messages so far.
    pub(crate) fn started(&self) -> u64 {
        self.started.get()
    }

    /// Whether every message ended as it was meant to.
    pub(crate) fn is_clean(&self) -> bool {
        let endings = self.endings.borrow();
        let well = [Ending::Accepted, Ending::Presettled].iter().filter_map(|ending| endings.get(ending)).sum::<u64>();
        self.way == Way::Received || well == self.started.get()
    }

    /// For the end of an error: how far it came.
    pub(crate) fn so_far(&self) -> String {
        let (started, ended) = (self.started.get(), self.ended());
        let of = self.total.map(|total| format!(" of {total}")).unwrap_or_default();
        match self.way {
            _ if self.began.get().is_none() => String::new(),
            Way::Sent => format!("; {started}{of} sent, {ended} settled"),
            Way::Received => format!("; {started}{of} received"),
        }
    }

    /// Writes the end of the story to standard error.
    pub(crate) fn report(&self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        let elapsed = self.began.get().map(|began| began.elapsed());
        if let Some(elapsed) = elapsed.filter(|_| self.show != Show::Nothing) {
            crate::configuration::say(&self.text(elapsed));
        }
    }

    fn ended(&self) -> u64 {
        self.endings.borrow().values().sum()
    }

    fn text(&self, elapsed: Duration) -> String {
        let seconds = elapsed.as_secs_f64().max(0.000_001);
        let started = self.started.get();
        let (way, of) = match self.way {
            Way::Sent => ("sent", "time to outcome"),
            Way::Received => ("received", "time from sending"),
        };
        let rate = f64::from(u32::try_from(started).unwrap_or(u32::MAX)) / seconds;
        let mut text = format!("{way} {started} in {seconds:.3} s, {rate:.0} per second\n");
        let mut endings: Vec<String> =
            self.endings.borrow().iter().map(|(ending, count)| format!("{} {count}", ending.word())).collect();
        let lost = started.saturating_sub(self.ended());
        if lost > 0 {
            endings.push(format!("without outcome {lost}"));
        }
        // writing to a string does not fail
        let _ = writeln!(text, "{}", endings.join(", "));
        if let Some(error) = &*self.first_error.borrow() {
            let _ = writeln!(text, "first error: {error}");
        }
        if let Some(times) = self.times.borrow().as_ref().filter(|times| !times.is_empty()) {
            let _ = writeln!(text, "{of}: {}", quantiles(times));
            text.push_str(&bars(times));
        }
        text
    }

    fn move_bar(&self) {
        let long = self.began.get().is_some_and(|began| began.elapsed() > BAR_AFTER);
        if self.show != Show::Bar || !long {
            return;
        }
        let mut bar = self.bar.borrow_mut();
        // hidden by itself where standard error is no terminal
        bar.get_or_insert_with(|| bar_of(self.total, self.ended())).set_position(self.ended());
    }
}

fn bar_of(total: Option<u64>, ended: u64) -> ProgressBar {
    let Some(total) = total else {
        return ProgressBar::new_spinner();
    };
    let bar = ProgressBar::new(total).with_position(ended);
    // the rate does not take what came before the bar for the work of a moment
    bar.reset_eta();
    match ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} {per_sec} {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn quantiles(times: &Histogram<u64>) -> String {
    let mut text = format!("min {}", milliseconds(times.min()));
    for (name, quantile) in QUANTILES {
        let _ = write!(text, ", {name} {}", milliseconds(times.value_at_quantile(quantile)));
    }
    let _ = write!(text, ", max {} ms", milliseconds(times.max()));
    text
}

/// How many took how long: a line for each power of two of microseconds from the first to the last.
fn bars(times: &Histogram<u64>) -> String {
    let counts: Vec<(u64, u64)> =
        times.iter_log(1, 2.0).map(|step| (step.value_iterated_to(), step.count_since_last_iteration())).collect();
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let first = counts.iter().position(|(_, count)| *count > 0).unwrap_or(0);
    let mut text = String::new();
    for (until, count) in counts.iter().skip(first) {
        let share = usize::try_from(count.saturating_mul(BAR_CHARS) / most).unwrap_or(0);
        let bar = "#".repeat(share.max(usize::from(*count > 0)));
        // writing to a string does not fail
        let _ = writeln!(text, "  up to {:>10} ms {count:>9} {bar}", milliseconds(*until));
    }
    text
}

fn milliseconds(us: u64) -> String {
    format!("{}.{:03}", us / 1000, us % 1000)
}

#[cfg(test)]
mod tests {
    use fe2o3_amqp_types::definitions::AmqpError;

    use super::*;

    #[test]
    fn a_report_counts_outcomes_and_says_what_went_missing() {
        let tally = Tally::new(Way::Sent, Some(5), Show::Report);
        for _ in 0..4 {
            tally.start();
        }
        let error = Error::new(AmqpError::NotAllowed, "no".to_owned(), None);
        for time in [500, 1500] {
            tally.end(Ending::Accepted, Some(Duration::from_micros(time)), None);
        }
        tally.end(Ending::Rejected, Some(Duration::from_micros(1900)), Some(&error));
        assert!(!tally.is_clean());
        assert_eq!(tally.so_far(), "; 4 of 5 sent, 3 settled");
        assert_eq!(
            tally.text(Duration::from_secs(2)),
            "sent 4 in 2.000 s, 2 per second\n\
             accepted 2, rejected 1, without outcome 1\n\
             first error: amqp:not-allowed: no\n\
             time to outcome: min 0.500, p50 1.500, p90 1.900, p99 1.900, p99.9 1.900, max 1.900 ms\n\
             \x20 up to      0.511 ms         1 ####################\n\
             \x20 up to      1.023 ms         0 \n\
             \x20 up to      2.047 ms         2 ########################################\n"
        );
    }

    #[test]
    fn accepted_and_presettled_are_as_meant() {
        let tally = Tally::new(Way::Sent, None, Show::Nothing);
        assert_eq!((tally.is_clean(), tally.so_far().as_str()), (true, ""));
        tally.start();
        assert!(!tally.is_clean());
        tally.end(Ending::Presettled, None, None);
        assert!(tally.is_clean());
    }
}
