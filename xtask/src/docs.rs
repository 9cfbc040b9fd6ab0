//! Pages that are written from the code: `docs/events.md` and `docs/transitions.md`.
//!
//! A page is a function of the sources, the pinned samples and the machines themselves. What cannot be told
//! for certain is an error, never a guess.

mod attributes;
mod case;
mod events;
mod fits;
mod flatten;
mod markdown;
mod model;
mod reader;
mod samples;
mod source;
mod transitions;
mod words;

use std::fs;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{count, root};
use samples::Sample;
use source::Sources;

/// The sources that say what is written.
const CORE: &str = "crates/artana-core/src/";

/// A page as it should be.
struct Page {
    /// From the root.
    path: &'static str,
    text: String,
}

/// Writes the pages, or compares them with `--check`; whether they are right in the end.
///
/// # Errors
/// When a page cannot be told for certain, or not be written to its file.
pub(crate) fn docs(arguments: &[String]) -> Result<bool> {
    match arguments {
        [] => write().map(|()| true),
        [only] if only == "--check" => check(),
        _ => bail!("cargo xtask docs takes --check or nothing"),
    }
}

/// Says which pages are not what would be written; whether there are none.
///
/// # Errors
/// When a page cannot be told for certain.
pub(crate) fn check() -> Result<bool> {
    let workspace = Workspace::load(root())?;
    let pages = pages(&workspace)?;
    let stale = stale(&workspace, &pages);
    stale.iter().for_each(|problem| println!("{problem}"));
    eprintln!("docs: {} of {} to be written", stale.len(), count(pages.len(), "page"));
    Ok(stale.is_empty())
}

fn write() -> Result<()> {
    let workspace = Workspace::load(root())?;
    for page in pages(&workspace)? {
        let state = if workspace.text(page.path) == Some(&page.text) { "unchanged" } else { "written" };
        fs::write(root().join(page.path), &page.text).with_context(|| format!("writing {}", page.path))?;
        println!("{}: {state}", page.path);
    }
    Ok(())
}

/// Every page, from the code as it stands.
fn pages(workspace: &Workspace) -> Result<Vec<Page>> {
    let (sources, samples) = (sources(workspace)?, samples(workspace)?);
    Ok(vec![
        Page { path: "docs/events.md", text: events::page(&sources, &samples)? },
        Page { path: "docs/transitions.md", text: transitions::page(&samples)? },
    ])
}

/// The sources of the core, without its tests.
fn sources(workspace: &Workspace) -> Result<Sources> {
    let files = workspace.ending(".rs").filter_map(|(path, text)| Some((path.strip_prefix(CORE)?, text)));
    Sources::parse(files.filter(|(path, _)| !path.split(['/', '.']).any(|part| part == "tests")))
}

fn samples(workspace: &Workspace) -> Result<Vec<Sample>> {
    samples::read(workspace.text(samples::PATH).with_context(|| format!("there is no {}", samples::PATH))?)
}

/// Each page that is not what would be written: where it first differs, and what to do.
fn stale(workspace: &Workspace, pages: &[Page]) -> Vec<String> {
    let mut stale = Vec::new();
    for Page { path, text } in pages {
        let found = workspace.text(path).unwrap_or_default();
        if found != text {
            let same = found.lines().zip(text.lines()).take_while(|(found, due)| found == due).count();
            stale.push(format!("{path}:{}: is not what the code says: `cargo xtask docs` writes it", same + 1));
        }
    }
    stale
}

#[cfg(test)]
mod tests;
