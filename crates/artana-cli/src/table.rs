//! Tables for people. A function of rows and of how they should look; writes nothing.

use comfy_table::{Cell, Color, ContentArrangement, Table, presets::UTF8_HORIZONTAL_ONLY};
use owo_colors::OwoColorize;

use crate::{
    look::{Look, Reader},
    row::Row,
};

/// A page of fewer columns is too narrow for a table to be fitted into it.
const NARROW: u16 = 60;

/// Draws rows. Columns without a value are left out; on a page too narrow for a table the lines wrap.
pub(crate) fn table(rows: &[Row], look: Look) -> Option<String> {
    let names: Vec<_> = rows.first()?.names().collect();
    let cells: Vec<Vec<String>> = rows.iter().map(|row| row.cells(Reader::Person).collect()).collect();
    let filled = |at: &usize| cells.iter().any(|row| row.get(*at).is_some_and(|text| !text.is_empty()));
    let shown: Vec<usize> = (0..names.len()).filter(filled).collect();
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY);
    if look.width >= NARROW {
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(look.width);
    }
    if look.colour {
        // It is known already that colours are wanted, wherever this goes.
        table.enforce_styling();
    }
    table.set_header(shown.iter().map(|at| names[*at]));
    for row in &cells {
        table.add_row(shown.iter().map(|at| cell(&row[*at], look)));
    }
    Some(table.trim_fmt())
}

fn cell(text: &str, look: Look) -> Cell {
    let cell = Cell::new(text);
    match hue(text).filter(|_| look.colour) {
        Some(colour) => cell.fg(colour),
        None => cell,
    }
}

/// Colours a word by what it says.
pub(crate) fn hued(text: &str, look: Look) -> String {
    match hue(text).filter(|_| look.colour) {
        Some(Color::DarkGreen) => text.green().to_string(),
        Some(Color::DarkRed) => text.red().to_string(),
        Some(_) => text.yellow().to_string(),
        None => text.into(),
    }
}

fn hue(text: &str) -> Option<Color> {
    match text {
        "completed" | "succeeded" | "fine" | "internally consistent, not anchored" => Some(Color::DarkGreen),
        "failed" | "broken" => Some(Color::DarkRed),
        "needs_reconciliation" | "unknown" | "reconciling" | "cancelling" | "notice" | "abandoned" | "announced" => {
            Some(Color::DarkYellow)
        }
        _ => None,
    }
}
