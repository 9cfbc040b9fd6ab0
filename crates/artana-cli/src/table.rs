//! Tables for people: columns that line up, and no lines between them. A function of rows and of how they should
//! look; writes nothing.

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets::NOTHING};
use owo_colors::OwoColorize;

use crate::{
    look::{Look, Reader},
    row::{Column, Row},
};

/// What stands between two columns.
const GAP: u16 = 2;

/// Draws rows. Columns without a value are left out, and on a page that is too narrow those that can be done
/// without; nothing is ever broken in two.
pub(crate) fn table(rows: &[Row], look: Look) -> Vec<String> {
    let Some(first) = rows.first() else { return Vec::new() };
    let columns: Vec<Column> = first.columns().collect();
    let cells: Vec<Vec<String>> = rows.iter().map(|row| row.cells(Reader::Person).collect()).collect();
    let filled = |at: &usize| cells.iter().any(|row| row.get(*at).is_some_and(|text| !text.is_empty()));
    let shown: Vec<usize> = (0..columns.len()).filter(filled).collect();
    let (shown, left_out) = fitting(shown, &columns, &cells, look);
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if look.colour {
        // It is known already that colours are wanted, wherever this goes.
        table.enforce_styling();
    }
    table.set_header(shown.iter().map(|at| header(&columns[*at], look)));
    for row in &cells {
        table.add_row(shown.iter().map(|at| cell(columns[*at].name, &row[*at], look)));
    }
    for (column, at) in table.column_iter_mut().zip(&shown) {
        column.set_padding((0, GAP));
        if rows.iter().any(|row| row.columns().nth(*at).is_some_and(|column| column.is_number)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    if !left_out.is_empty() {
        let names: Vec<_> = left_out.iter().map(|at| heading(columns[*at].name)).collect();
        lines.push(format!("({} left out: the page is too narrow)", names.join(", ")));
    }
    lines
}

/// Leaves out what can be done without, the least important first, until the rest fits.
fn fitting(mut shown: Vec<usize>, columns: &[Column], cells: &[Vec<String>], look: Look) -> (Vec<usize>, Vec<usize>) {
    let width = |at: usize| {
        let widest = cells.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
        widest.max(heading(columns[at].name).chars().count()) + usize::from(GAP)
    };
    let mut left_out = Vec::new();
    while shown.iter().map(|at| width(*at)).sum::<usize>() > usize::from(look.width + GAP) {
        let Some(least) = shown.iter().copied().max_by_key(|at| columns[*at].weight) else { break };
        if columns[least].weight == 0 {
            break;
        }
        shown.retain(|at| *at != least);
        left_out.push(least);
    }
    left_out.sort_unstable();
    (shown, left_out)
}

/// A name is read by people as words, and a duration is shown with its unit.
fn heading(name: &str) -> String {
    name.trim_end_matches("_us").replace('_', " ")
}

fn header(column: &Column, look: Look) -> Cell {
    let cell = Cell::new(heading(column.name).to_uppercase());
    if look.colour { cell.add_attribute(Attribute::Dim) } else { cell }
}

fn cell(name: &str, text: &str, look: Look) -> Cell {
    let cell = Cell::new(text);
    match hue(name, text).filter(|_| look.colour) {
        Some(colour) => cell.fg(colour),
        None => cell,
    }
}

/// Colours a value by what it says.
pub(crate) fn hued(name: &str, text: &str, look: Look) -> String {
    match hue(name, text).filter(|_| look.colour) {
        Some(Color::DarkGreen) => text.green().to_string(),
        Some(Color::DarkRed) => text.red().to_string(),
        Some(_) => text.yellow().to_string(),
        None => text.into(),
    }
}

/// Only what says how something stands has a colour: a run may have any name.
fn hue(name: &str, text: &str) -> Option<Color> {
    if !matches!(name, "status" | "state" | "level" | "severity" | "kind" | "outcome") {
        return None;
    }
    match text {
        "completed" | "succeeded" | "fine" | "internally consistent, not anchored" => Some(Color::DarkGreen),
        "failed" | "broken" => Some(Color::DarkRed),
        "needs_reconciliation"
        | "unknown"
        | "reconciling"
        | "cancelling"
        | "notice"
        | "abandoned"
        | "announced"
        | "paused" => Some(Color::DarkYellow),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn drawn(width: u16, colour: bool) -> Vec<String> {
        let row = |run: &str, status: &str, events: u64, step: Option<&str>| {
            let row = Row::default().with("run", run).with("status", status).with("events", events).weight(2);
            row.with("last_step", step).weight(1).with("problem", Value::Null)
        };
        let rows = [row("r-1", "failed", 12, Some("summary")), row("longer", "running", 7, None)];
        table(&rows, Look { reader: Reader::Person, width, colour })
    }

    #[test]
    fn columns_line_up_numbers_aligned_right_and_empty_ones_are_left_out() {
        let expected = [
            "RUN     STATUS   EVENTS  LAST STEP", //
            "r-1     failed       12  summary",
            "longer  running       7",
        ];
        assert_eq!(drawn(80, false), expected);
        assert_eq!(drawn(34, false), expected);
    }

    #[test]
    fn a_narrow_page_does_without_the_least_important_columns() {
        let narrow = drawn(33, false);
        assert_eq!(narrow[1], "r-1     failed   summary");
        assert_eq!(narrow[3], "(events left out: the page is too narrow)");
        let narrowest = drawn(5, false);
        assert_eq!(narrowest[1], "r-1     failed");
        assert_eq!(narrowest[3], "(events, last step left out: the page is too narrow)");
    }

    #[test]
    fn colours_say_how_it_ended() {
        let page = drawn(80, true).join("\n");
        assert!(page.contains("\u{1b}[38;5;1mfailed"), "{page:?}");
        assert_eq!(hued("run", "failed", Look { reader: Reader::Person, width: 80, colour: true }), "failed");
        assert!(!drawn(80, false).join("\n").contains('\u{1b}'));
    }

    #[test]
    fn no_rows_are_no_lines() {
        assert!(table(&[], Look { reader: Reader::Person, width: 80, colour: false }).is_empty());
    }
}
