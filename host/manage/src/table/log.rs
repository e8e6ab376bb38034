//! What is logged of each module.

use crosstie_model::facts::{LogFacts, Part};

use crate::entity::{Base, Head, Shape, Table, attribute, changing, formerly, required};
use crate::log::MODULES;
use crate::value::{maybe, or_null, text};

/// `log`.
pub(super) static LOG: Table<LogFacts> = Table {
    head: Head {
        name: "log",
        base: Base::Configuration,
        operations: &["READ", "UPDATE"],
        description: "What a part of the router writes to the log",
        singleton: false,
        local_identity: false,
        part: Some(Part::Log),
    },
    name: |log| text(format!("log/{}", log.module)),
    identity: |log| text(format!("log/{}", log.module)),
    attributes: &[
        required(attribute("module", Shape::Word(MODULES), |log| text(log.module))),
        changing("enable", Shape::Text, |log| maybe(&log.enable)),
        formerly("timestamp", changing("includeTimestamp", Shape::Flag, |log| or_null(log.include_timestamp))),
        formerly("source", changing("includeSource", Shape::Flag, |log| or_null(log.include_source))),
        attribute("fault", Shape::Text, |log| maybe(&log.fault)),
        formerly("output", changing("outputFile", Shape::Text, |log| maybe(&log.output))),
    ],
    rows: |facts| &facts.log,
};
