//! The pages as they stand in this workspace.

mod holes;
mod planted;
mod reading;
mod wording;

use super::markdown::lost_anchors;
use super::{pages, stale};
use crate::workspace::planted::this_one;

#[test]
fn the_pages_are_what_the_code_says() {
    let workspace = this_one();
    let pages = pages(&workspace).expect("the pages can be told");
    let stale = stale(&workspace, &pages);
    assert!(stale.is_empty(), "{}", stale.join("\n"));
    for page in &pages {
        assert_eq!(lost_anchors(&page.text), Vec::<&str>::new(), "{}", page.path);
    }
}

#[test]
fn a_stale_page_is_named_with_its_line_and_what_to_do() {
    let workspace = this_one();
    let mut pages = pages(&workspace).expect("the pages can be told");
    pages[1].text = pages[1].text.replacen("\n\n", "\n\nmore\n", 1);
    let expect = "docs/transitions.md:3: is not what the code says: `cargo xtask docs` writes it";
    assert_eq!(stale(&workspace, &pages), [expect]);
    pages[0].path = "docs/none.md";
    assert!(stale(&workspace, &pages)[0].starts_with("docs/none.md:1: is not"));
}
