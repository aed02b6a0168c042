//! What is wrong with a configuration, in words: the setting as it was written, where, and what was meant.

use super::ENV_PREFIX;
use figment::{
    Error, Metadata, Source,
    error::{Kind, OneOf},
};
use std::fmt::Write;

/// Share of letters in common from which on a known name is taken for the one that was meant.
const SIMILAR_MIN: f64 = 0.7;

/// All that is wrong, in one sentence each.
pub(super) fn sentence(error: Error) -> String {
    error.into_iter().map(one).collect::<Vec<_>>().join("; ")
}

fn one(error: Error) -> String {
    let metadata = error.metadata.as_ref();
    let name = |path: &[String]| written(metadata, path);
    let parents = error
        .path
        .split_last()
        .map_or(&[][..], |(_, parents)| parents);
    let mut text = match &error.kind {
        Kind::UnknownField(field, known) => {
            let at = |key: &str| name(&[parents, &[key.to_owned()]].concat());
            let mut text = format!("unknown setting {}", at(field));
            match similar(field, known) {
                Some(meant) => {
                    let _ = write!(text, ", did you mean {}?", at(meant));
                }
                None => {
                    let _ = write!(text, ", known are {}", OneOf(known));
                }
            }
            text
        }
        kind if error.path.is_empty() => kind.to_string(),
        kind => format!("{}: {kind}", name(&error.path)),
    };
    if let Some(Source::File(file)) = metadata.and_then(|metadata| metadata.source.as_ref()) {
        let _ = write!(text, " (in {})", file.display());
    }
    text
}

/// A setting as the user has written it: as a variable or as a key.
fn written(metadata: Option<&Metadata>, path: &[String]) -> String {
    if metadata.is_some_and(|metadata| metadata.name.contains("environment")) {
        let upper: Vec<_> = path
            .iter()
            .map(|key| key.to_uppercase().replace('-', "_"))
            .collect();
        return format!("{ENV_PREFIX}{}", upper.join("__"));
    }
    path.join(".")
}

/// The known name that looks most like this one, if any does.
fn similar(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let likeness = |known: &&str| strsim::jaro_winkler(&name.replace('_', "-"), known);
    known
        .iter()
        .map(|known| (likeness(known), *known))
        .filter(|(likeness, _)| *likeness >= SIMILAR_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}
