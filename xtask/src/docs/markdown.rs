//! Pieces of Markdown. Nothing here knows what a page is about.

/// A table; a `|` in a cell does not end it.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let head: Vec<String> = head.iter().map(ToString::to_string).collect();
    let rule = format!("|{}\n", "---|".repeat(head.len()));
    line(&head) + &rule + &rows.iter().map(|row| line(row)).collect::<String>()
}

/// Text as code.
pub(super) fn code(text: &str) -> String {
    format!("`{text}`")
}

/// Words in a row: `a`, `a or b`, `a, b or c`.
pub(super) fn either(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The anchor that a heading gets where Markdown is shown.
pub(super) fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' '));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Every anchor that a link of a page names and no heading of it has. Equal headings are numbered.
#[cfg(test)]
pub(super) fn lost_anchors(page: &str) -> Vec<&str> {
    let mut headings: Vec<String> = Vec::new();
    for line in page.lines().filter(|line| line.starts_with('#')) {
        let plain = anchor(line.trim_start_matches('#').trim());
        let again = headings.iter().filter(|heading| **heading == plain).count();
        headings.push(if again == 0 { plain } else { format!("{plain}-{again}") });
    }
    let targets = page.split("](#").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !headings.iter().any(|heading| heading == target)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_in_a_cell_stays_in_it() {
        let rows = [vec!["a|b".to_owned(), "`c`".to_owned()]];
        assert_eq!(table(&["x", "y"], &rows), "| x | y |\n|---|---|\n| a\\|b | `c` |\n");
    }

    #[test]
    fn words_in_a_row() {
        let words = |text: &str| either(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!([words(""), words("a"), words("a b"), words("a b c")], ["", "a", "a or b", "a, b or c"]);
    }

    #[test]
    fn an_anchor_is_lost_without_its_heading() {
        let page = "# One `run_started`\n[a](#one-run_started) [b](#two) [c](#three-1)\n## Three\n### Three\n";
        assert_eq!(lost_anchors(page), ["two"]);
    }
}
