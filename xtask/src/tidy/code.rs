//! A view of Rust source in which comments and literals are blank, so that a rule sees code alone.
//!
//! It keeps every line where it was. It is no parser: it knows just enough to tell code from text.

/// `source` with the inside of comments, strings and characters replaced by spaces.
pub(crate) fn blank(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while !rest.is_empty() {
        let length = skipped(rest, out.chars().next_back());
        if length == 0 {
            let c = rest.chars().next().expect("the rest is not empty");
            out.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            out.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    out
}

/// The length of the comment or literal `rest` starts with; 0 when it starts with code.
fn skipped(rest: &str, before: Option<char>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if rest.starts_with('"') {
        return quoted(rest, '"');
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    let in_a_name = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if in_a_name { 0 } else { raw_string(rest) }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest[at..];
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of a literal between two `quote`s, in which a backslash escapes.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a character literal; 0 when the apostrophe begins a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), _) => quoted(rest, '\''),
        (Some(_), Some((end, '\''))) => end + 1,
        _ => 0,
    }
}

/// The length of `r"…"`, `r#"…"#`, `br"…"` and their kin; 0 when it is something else.
fn raw_string(rest: &str) -> usize {
    let bare = rest.strip_prefix(['b', 'c']).unwrap_or(rest);
    let Some(after) = bare.strip_prefix('r') else { return 0 };
    let hashes = after.len() - after.trim_start_matches('#').len();
    if !after[hashes..].starts_with('"') {
        return 0;
    }
    let start = rest.len() - after.len() + hashes + 1;
    let end = format!("\"{}", "#".repeat(hashes));
    rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len())
}

/// For each line of blanked code, whether it stands in an item marked `#[cfg(test)]`.
pub(crate) fn in_tests(code: &str) -> Vec<bool> {
    let (mut depth, mut marked, mut opened_at) = (0_usize, false, None);
    let mut lines = Vec::new();
    for line in code.lines() {
        marked |= opened_at.is_none() && line.trim_start().starts_with("#[cfg(test)]");
        lines.push(marked || opened_at.is_some());
        for c in line.chars() {
            match c {
                '{' => {
                    if std::mem::take(&mut marked) {
                        opened_at = Some(depth);
                    }
                    depth += 1;
                }
                '}' => {
                    depth = depth.saturating_sub(1);
                    if opened_at == Some(depth) {
                        opened_at = None;
                    }
                }
                ';' => marked = false,
                _ => {}
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expect: &str) {
        assert_eq!(blank(source), expect);
    }

    #[test]
    fn comments_are_blank() {
        check("a // b\nc", "a     \nc");
        check("a /* b /* c */ d */ e", "a                   e");
    }

    #[test]
    fn strings_are_blank() {
        check(r#"f("a\"b", c)"#, "f(      , c)");
        check("r#\"a\"b\"#+br\"x\"+for\"x\"", "        +     +for   ");
    }

    #[test]
    fn characters_are_blank_and_lifetimes_are_code() {
        check("('a', '\\'', '{', &'a str)", "(   ,     ,    , &'a str)");
    }

    #[test]
    fn lines_of_test_modules_are_known() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() {}\n}\nfn c() {}\n#[cfg(test)]\nmod t;\nfn d() {}";
        let expect = [false, true, true, true, true, false, true, true, false];
        assert_eq!(in_tests(code), expect);
    }
}
