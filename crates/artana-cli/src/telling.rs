//! A story with a heading, sentences in sections, and ways to go on, each with its command. A function of how it
//! should look; writes nothing.

use owo_colors::OwoColorize;
use serde::Serialize;

use crate::{
    look::{Look, Reader},
    table::hued,
    text::{shown, wrapped},
};

/// Something to do, when to do it, and the command, where there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Way {
    pub(crate) when: String,
    pub(crate) command: Option<String>,
}

impl Way {
    pub(crate) fn new(when: impl Into<String>, command: impl Into<String>) -> Self {
        Self { when: when.into(), command: Some(command.into()) }
    }

    /// Something that no command does.
    pub(crate) fn advice(when: impl Into<String>) -> Self {
        Self { when: when.into(), command: None }
    }
}

/// What is told of one thing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Telling {
    title: Vec<(&'static str, String)>,
    sections: Vec<Section>,
    ways: Vec<Way>,
}

#[derive(Debug, Clone)]
struct Section {
    /// The first column in a pipe.
    key: &'static str,
    heading: &'static str,
    sentences: Vec<String>,
}

impl Telling {
    /// Adds a name and its value to the first line.
    pub(crate) fn titled(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.title.push((name, value.into()));
        self
    }

    /// Adds sentences under a heading; without any there is no heading.
    pub(crate) fn section(mut self, key: &'static str, heading: &'static str, sentences: Vec<String>) -> Self {
        if !sentences.is_empty() {
            self.sections.push(Section { key, heading, sentences });
        }
        self
    }

    /// Adds what can be done.
    pub(crate) fn ways(mut self, ways: Vec<Way>) -> Self {
        self.ways = ways;
        self
    }

    /// Returns the lines, fit to be shown.
    pub(crate) fn lines(&self, look: Look) -> Vec<String> {
        match look.reader {
            Reader::Person => self.for_a_person(look),
            _ => self.for_a_pipe(),
        }
    }

    fn for_a_pipe(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.title.iter().map(|(name, value)| format!("{name}\t{}", shown(value))).collect();
        for section in &self.sections {
            lines.extend(section.sentences.iter().map(|sentence| format!("{}\t{}", section.key, shown(sentence))));
        }
        let way = |way: &Way| format!("next\t{}\t{}", shown(&way.when), way.command.as_deref().unwrap_or(""));
        lines.extend(self.ways.iter().map(way));
        lines
    }

    fn for_a_person(&self, look: Look) -> Vec<String> {
        let values = self.title.iter().map(|(name, value)| format!("{name} {}", hued(name, &shown(value), look)));
        let mut lines = vec![values.collect::<Vec<_>>().join(", ")];
        for section in &self.sections {
            lines.push(String::new());
            lines.push(bold(section.heading, look));
            for sentence in &section.sentences {
                lines.extend(indented(&shown(sentence), 2, look));
            }
        }
        if !self.ways.is_empty() {
            lines.push(String::new());
            lines.push(bold("What can be done", look));
            for way in &self.ways {
                lines.extend(way_lines(way, look));
            }
        }
        lines
    }
}

/// A command is never broken, so that it can be copied.
pub(crate) fn way_lines(way: &Way, look: Look) -> Vec<String> {
    let colon = if way.command.is_some() { ":" } else { "" };
    let mut lines = indented(&format!("{}{colon}", shown(&way.when)), 2, look);
    lines.extend(way.command.iter().map(|command| format!("    {command}")));
    lines
}

/// The lines of a sentence after the first one stand further in.
pub(crate) fn indented(text: &str, by: usize, look: Look) -> Vec<String> {
    let lines = wrapped(text, look.prose(by + 2));
    let indent =
        |(at, line): (usize, String)| format!("{:width$}{line}", "", width = if at == 0 { by } else { by + 2 });
    lines.into_iter().enumerate().map(indent).collect()
}

pub(crate) fn bold(text: &str, look: Look) -> String {
    if look.colour { text.bold().to_string() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> Telling {
        let long = "A sentence that goes on and on, so that no narrow page has room for all of it.";
        Telling::default()
            .titled("run", "r\u{1b}")
            .titled("status", "failed")
            .section("happened", "What happened", vec!["Short.".into(), long.into()])
            .section("waits", "What it waits for", Vec::new())
            .ways(vec![Way::new("to look", "artana run steps r"), Way::advice("or wait")])
    }

    fn look(reader: Reader, colour: bool) -> Look {
        Look { reader, width: 40, colour }
    }

    #[test]
    fn a_person_gets_a_page_as_wide_as_the_terminal() {
        let page = told().lines(look(Reader::Person, false)).join("\n");
        let expected = "run r\\u{1b}, status failed\n\nWhat happened\n  Short.\n  A sentence that goes on and on, so\n    \
                        that no narrow page has room for all\n    of it.\n\nWhat can be done\n  to look:\n    artana run \
                        steps r\n  or wait";
        assert_eq!(page, expected);
    }

    #[test]
    fn colours_are_only_where_they_are_wanted() {
        let page = told().lines(look(Reader::Person, true)).join("\n");
        assert!(page.contains("\u{1b}[31mfailed\u{1b}[39m") && page.contains("\u{1b}[1mWhat happened"), "{page:?}");
    }

    #[test]
    fn a_pipe_gets_fields() {
        let lines = told().lines(look(Reader::Pipe, false));
        assert_eq!(lines[..3], ["run\tr\\u{1b}", "status\tfailed", "happened\tShort."]);
        assert_eq!(lines[4..], ["next\tto look\tartana run steps r", "next\tor wait\t"]);
    }
}
