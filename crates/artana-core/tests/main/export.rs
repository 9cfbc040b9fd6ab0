//! Exports: lines are spelt as the format has them, read strictly, and every damage to a file is named.

mod forks;

use artana_core::{
    Digest, RunId, RunKey, Seq,
    export::{
        ContentCheck, ContentLine, Erasure, Kept, KeyLine, Level, Line, LineError, MAX_LINE_BYTES, Report, RunLine,
        Unchecked, Verifier, verify,
    },
    verify::BreakKind::{self, *},
};

use proptest::prelude::*;

use crate::support::{
    History,
    bodies::*,
    random::{Dice, history},
    step,
};
use artana_core::event::Effect;

/// The lines of a run: all of it with its head, or an ancestor up to its cut.
fn run_lines(history: &History, cut: Option<usize>) -> Vec<Line> {
    let head = cut.is_none().then(|| history.head());
    let events = history.events.iter().take(cut.unwrap_or(usize::MAX));
    let run = Line::Run(RunLine { run: history.run.clone(), head });
    std::iter::once(run).chain(events.map(|event| Line::Event(event.record().clone()))).collect()
}

fn key_line(root: &History, key: Kept<RunKey>) -> Line {
    Line::Key(KeyLine { tenant: root.run.tenant.clone(), root: root.run.run.clone(), key })
}

fn content_line(root: &History, text: &str, bytes: Kept<Vec<u8>>) -> Line {
    let (tenant, root) = (root.run.tenant.clone(), root.run.run.clone());
    Line::Content(ContentLine { tenant, root, digest: content(text).digest, len: text.len() as u64, bytes })
}

fn vault_lines(root: &History) -> Vec<Line> {
    let key = key_line(root, Kept::There(root.key.clone()));
    let rows = TEXTS.map(|text| content_line(root, text, Kept::There(text.into())));
    std::iter::once(key).chain(rows).collect()
}

/// A run that charged once, and refers to each of the three texts.
fn charged() -> History {
    let mut history = History::start("tenant", "run/1");
    let first = history.push(Some("charge"), requested(1, Effect::SideEffect));
    history.push(Some("charge"), attempt_failed(first));
    let second = history.push(Some("charge"), requested(2, Effect::SideEffect));
    history.push(Some("charge"), completed(second, succeeded()));
    history
}

fn file() -> Vec<Line> {
    let history = charged();
    [run_lines(&history, None), vault_lines(&history)].concat()
}

fn report(lines: &[Line]) -> Report {
    verify(lines.iter().map(Line::to_json)).expect("an export")
}

fn broken(lines: &[Line]) -> Option<(String, BreakKind, u64)> {
    report(lines).first_break().map(|(run, found)| (run.run.to_string(), found.kind, found.seq.get()))
}

fn check(change: impl FnOnce(&mut Vec<Line>), kind: BreakKind, seq: u64) {
    let mut lines = file();
    change(&mut lines);
    assert_eq!(broken(&lines), Some(("run/1".into(), kind, seq)));
}

fn refused(lines: &[Line]) -> (u64, LineError) {
    let error = verify(lines.iter().map(Line::to_json)).expect_err("no export");
    (error.line, error.source)
}

#[test]
fn lines_are_spelt_as_the_format_has_them() {
    let lines = file();
    let head = charged().head();
    let run = r#"{"line":"run","format":"artana/1","tenant":"tenant","run":"run/1","head""#;
    assert_eq!(lines[0].to_json(), format!(r#"{run}:{{"seq":5,"hash":"{}"}}}}"#, head.hash));
    let event = lines[2].to_json();
    let keys = ["line", "tenant", "run", "seq", "event_id", "kind", "step", "at", "payload", "prev_hash", "hash"];
    assert!(keys.iter().map(|key| event.find(&format!("\"{key}\":"))).is_sorted());
    let object = artana_core::json::parse(event.as_bytes()).expect("JSON");
    assert_eq!(object.as_object().map(|object| object.len()), Some(keys.len()));
    assert!(lines[1].to_json().contains(r#""step":null,"#));
    let root = charged();
    let erased = Kept::Erased(Erasure { run: root.run.run.clone(), seq: Seq::new(9) });
    let digest = content(ARGS).digest;
    assert_eq!(
        content_line(&root, ARGS, erased).to_json(),
        format!(
            r#"{{"line":"content","tenant":"tenant","root":"run/1","digest":"{digest}","len":12,"erased":{{"run":"run/1","seq":9}}}}"#
        )
    );
    assert_eq!(
        content_line(&root, ARGS, Kept::There(b"a?>".to_vec())).to_json(),
        format!(r#"{{"line":"content","tenant":"tenant","root":"run/1","digest":"{digest}","len":12,"bytes":"YT8+"}}"#)
    );
    assert_eq!(
        key_line(&root, Kept::There(RunKey::from_bytes([0xab; 32]))).to_json(),
        format!(r#"{{"line":"key","tenant":"tenant","root":"run/1","run_key":"{}"}}"#, "ab".repeat(32))
    );
}

#[test]
fn lines_are_read_back() {
    let root = charged();
    let by = || Erasure { run: root.run.run.clone(), seq: Seq::new(9) };
    let mut lines = file();
    lines.push(key_line(&root, Kept::Erased(by())));
    lines.push(content_line(&root, ARGS, Kept::Erased(by())));
    lines.extend(run_lines(&root, Some(2)));
    for line in lines {
        assert_eq!(Line::parse(line.to_json().as_bytes()), Ok(line));
    }
}

#[test]
fn lines_are_read_strictly() {
    let good = r#"{"line":"run","format":"artana/1","tenant":"t","run":"r"}"#;
    assert!(Line::parse(good.as_bytes()).is_ok());
    let event = file()[1].to_json();
    let content = file().pop().expect("a line").to_json();
    let bad = [
        good.replace("artana/1", "artana/2"),
        good.replace(r#""run":"r""#, r#""run":"r","run":"r""#),
        good.replace(r#""run":"r""#, r#""run":"r","more":1"#),
        good.replace(r#""run":"r""#, r#""run":"r","head":null"#),
        good.replace(r#""run":"r""#, r#""run":"""#),
        good.replace(r#""line":"run","#, ""),
        good.replace(r#""line":"run""#, r#""line":"run","line":"run""#),
        good.replace(r#""line":"run""#, r#""line":"anchor""#),
        good.replace('}', ""),
        format!("{good}{good}"),
        event.replace(r#""step":null,"#, ""),
        event.replace(r#""seq":1"#, r#""seq":1.0"#),
        event.replace(r#""seq":1"#, r#""seq":"1""#),
        event.replace(r#""seq":1"#, r#""seq":-1"#),
        event.replace(r#""payload":""#, r#""payload":"*"#),
        event.replace(r#""hash":""#, r#""hash":"F"#),
        content.replace(r#","bytes":""#, r#","erased":{"run":"r","seq":1},"bytes":""#),
        content.replace(r#""bytes""#, r#""bites""#),
        "[]".into(),
        "null".into(),
    ];
    for line in bad {
        Line::parse(line.as_bytes()).expect_err(&line);
    }
    assert_eq!(Line::parse(b"\xff"), Err(LineError::Malformed { column: 1 }));
    let long = vec![b' '; MAX_LINE_BYTES + 1];
    assert_eq!(Line::parse(&long), Err(LineError::TooLong { len: MAX_LINE_BYTES + 1 }));
}

#[test]
fn content_of_the_largest_size_fits_a_line() {
    let root = charged();
    let bytes = vec![0xff; artana_core::limits::MAX_CONTENT_BYTES];
    let line = content_line(&root, ARGS, Kept::There(bytes));
    let json = line.to_json();
    assert!(json.len() < MAX_LINE_BYTES);
    assert_eq!(Line::parse(json.as_bytes()), Ok(line));
}

#[test]
fn a_whole_export_is_reported_whole_and_not_as_more() {
    let lines = file();
    let found = report(&lines);
    assert_eq!(
        (found.level(), found.level().to_string().as_str()),
        (Level::Consistent, "internally consistent, not anchored")
    );
    let run = &found.runs[0];
    assert_eq!((run.events, run.head, run.ancestor), (5, Some(charged().head()), false));
    assert_eq!(run.content, ContentCheck::Checked { pieces: 3, erased: 0 });
    let without = |drop: fn(&Line) -> bool| {
        let kept: Vec<Line> = file().into_iter().filter(|line| !drop(line)).collect();
        report(&kept).runs[0].content
    };
    assert_eq!(without(|l| matches!(l, Line::Key(_))), ContentCheck::NotChecked(Unchecked::NoKey));
    assert_eq!(without(|l| matches!(l, Line::Content(_))), ContentCheck::NotChecked(Unchecked::NotIncluded));
}

#[test]
fn a_damaged_event_is_found() {
    let event = |lines: &mut Vec<Line>, at: usize, change: fn(&mut artana_core::Record)| match &mut lines[at] {
        Line::Event(record) => change(record),
        _ => panic!("line {at} is an event"),
    };
    check(|l| event(l, 1, |r| r.tenant = "x".into()), TenantChanged, 1);
    check(|l| event(l, 2, |r| r.run = "x".into()), ForeignRun, 2);
    check(|l| event(l, 3, |r| r.seq = Seq::new(7)), Gap, 3);
    check(|l| event(l, 1, |r| r.prev_hash = r.hash), GenesisMismatch, 1);
    check(|l| event(l, 4, |r| r.prev_hash = r.hash), PrevMismatch, 4);
    check(|l| event(l, 5, |r| r.payload[2] ^= 1), HashMismatch, 5);
    check(|l| drop(l.remove(5)), HeadMismatch, 5);
    check(|l| drop(l.remove(2)), Gap, 2);
    check(|l| l.swap(3, 4), Gap, 3);
    check(|l| l.truncate(1), HeadMismatch, 1);
}

#[test]
fn a_damaged_head_is_found() {
    check(
        |lines| match &mut lines[0] {
            Line::Run(RunLine { head: Some(head), .. }) => head.seq = Seq::new(4),
            _ => panic!("a run line with its head"),
        },
        HeadMismatch,
        5,
    );
    check(
        |lines| match &mut lines[0] {
            Line::Run(run) => run.head = None,
            _ => panic!("a run line"),
        },
        HeadMismatch,
        5,
    );
}

#[test]
fn damaged_keys_and_content_are_found() {
    let root = charged();
    let other = RunKey::from_bytes([1; 32]);
    check(|l| l[6] = key_line(&root, Kept::There(other)), KeyMismatch, 1);
    let erased = || Erasure { run: root.run.run.clone(), seq: Seq::new(3) };
    check(|l| l[6] = key_line(&root, Kept::Erased(erased())), KeyMismatch, 1);
    check(|l| l[7] = content_line(&root, ARGS, Kept::There(b"{\"amount\":2}".to_vec())), ContentMismatch, 2);
    check(|l| l[7] = content_line(&root, ARGS, Kept::Erased(erased())), ContentMissing, 2);
    check(|l| drop(l.remove(7)), ContentMissing, 2);
    check(|l| drop(l.remove(8)), ContentMissing, 5);
    check(|l| drop(l.remove(9)), ContentMissing, 3);
    let row = |lines: &mut Vec<Line>, change: fn(&mut ContentLine)| match &mut lines[8] {
        Line::Content(content) => change(content),
        _ => panic!("a content line"),
    };
    check(|l| row(l, |c| c.len += 1), ContentMismatch, 0);
    check(|l| row(l, |c| c.digest = Digest::from_bytes([3; 32])), ContentMismatch, 0);
    check(|l| row(l, |c| c.tenant = artana_core::TenantId::parse("x").expect("fit")), TenantChanged, 0);
    check(|l| row(l, |c| c.root = RunId::parse("x").expect("fit")), ForeignRun, 0);
}

#[test]
fn an_erasure_counts_with_the_event_that_lists_it() {
    let mut history = charged();
    let (args, result) = (content(ARGS).digest, content(RESULT).digest);
    history.push_raw("content_erased", &format!(r#"{{"digests":["{args}"],"key":true}}"#));
    let by = || Erasure { run: history.run.run.clone(), seq: Seq::new(6) };
    let with = |key: Line, rows: [Line; 3]| [run_lines(&history, None), vec![key], rows.into()].concat();
    let there = |text: &str| content_line(&history, text, Kept::There(text.into()));
    let gone = |text: &str| content_line(&history, text, Kept::Erased(by()));
    let key = || key_line(&history, Kept::There(history.key.clone()));
    let whole = report(&with(key(), [gone(ARGS), there(RESULT), there(ERROR)]));
    assert_eq!(whole.runs[0].content, ContentCheck::Checked { pieces: 3, erased: 1 });
    let keyless = report(&with(key_line(&history, Kept::Erased(by())), [gone(ARGS), there(RESULT), there(ERROR)]));
    assert_eq!(
        (keyless.level(), keyless.runs[0].content),
        (Level::Consistent, ContentCheck::NotChecked(Unchecked::NoKey))
    );
    let unlisted = with(key(), [there(ARGS), gone(RESULT), there(ERROR)]);
    assert_eq!(broken(&unlisted).map(|b| (b.1, b.2)), Some((ContentMissing, 5)), "{result} is not listed");
}

/// A fork with its ancestors: the root up to 3, a fork of it up to 2, a fork of that one.
fn forked() -> (History, History, History) {
    let root = charged();
    let mut fork = root.fork("fork", 3);
    fork.push(Some("mail"), requested(1, Effect::Read));
    fork.push(Some("mail"), completed(fork.events[1].id(), succeeded()));
    let leaf = fork.fork("leaf", 2);
    (root, fork, leaf)
}

fn forked_file() -> Vec<Line> {
    let (root, fork, leaf) = forked();
    [run_lines(&root, Some(3)), run_lines(&fork, Some(2)), run_lines(&leaf, None), vault_lines(&root)].concat()
}

#[test]
fn a_fork_is_verified_with_its_ancestors() {
    let found = report(&forked_file());
    assert_eq!(found.first_break(), None);
    let shown: Vec<_> = found.runs.iter().map(|run| (run.run.run.as_str(), run.events, run.ancestor)).collect();
    assert_eq!(shown, [("run/1", 3, true), ("fork", 2, true), ("leaf", 1, false)]);
    assert_eq!(found.runs[0].content, ContentCheck::Checked { pieces: 2, erased: 0 });
    assert_eq!(found.runs[2].content, ContentCheck::Checked { pieces: 0, erased: 0 });
}

#[test]
fn a_fork_hangs_from_the_last_event_of_its_parent() {
    let (root, fork, leaf) = forked();
    let check = |lines: &[Vec<Line>], run: &str, kind, seq| {
        assert_eq!(broken(&lines.concat()), Some((run.into(), kind, seq)));
    };
    let (a, b, c) = (run_lines(&root, Some(3)), run_lines(&fork, Some(2)), run_lines(&leaf, None));
    check(&[run_lines(&root, Some(2)), b.clone(), c.clone()], "fork", GenesisMismatch, 1);
    check(&[run_lines(&root, Some(4)), b.clone(), c.clone()], "fork", GenesisMismatch, 1);
    check(&[b.clone(), c.clone()], "fork", GenesisMismatch, 1);
    check(std::slice::from_ref(&c), "leaf", GenesisMismatch, 1);
    check(&[a.clone(), c.clone()], "leaf", GenesisMismatch, 1);
    check(&[a.clone(), b.clone()], "fork", HeadMismatch, 2);
    check(&[a.clone(), run_lines(&root, None)], "run/1", GenesisMismatch, 1);
    let (mut other, _) = history("tenant", "run/1", 3, &mut Dice(1));
    other.events.truncate(3);
    check(&[run_lines(&other, Some(3)), b, c.clone()], "fork", GenesisMismatch, 1);
    let stranger = History::start("stranger", "x");
    check(&[a, run_lines(&stranger, None)], "x", TenantChanged, 1);
    let parent = fork.upto(2).state_after(Some(&root.upto(3).state()));
    assert!(leaf.state_after(Some(&parent)).tool_step(&step("mail")).is_none());
}

#[test]
fn a_break_in_an_ancestor_comes_first() {
    let mut lines = forked_file();
    let Line::Event(record) = &mut lines[2] else { panic!("an event") };
    record.payload[1] ^= 1;
    let found = report(&lines);
    assert_eq!(found.first_break().map(|(run, found)| (run.run.as_str(), found.kind)), Some(("run/1", HashMismatch)));
    assert_eq!(found.level(), Level::Broken);
    assert!(found.runs.iter().all(|run| run.content == ContentCheck::NotChecked(Unchecked::Broken)));
}

#[test]
fn files_put_one_after_another_are_verified_one_by_one() {
    let found = report(&[file(), forked_file()].concat());
    assert_eq!((found.runs.len(), found.first_break()), (4, None));
}

#[test]
fn lines_out_of_place_are_refused() {
    let lines = file();
    let misplaced = |lines: &[Line]| {
        let (line, error) = refused(lines);
        assert_eq!(error.code(), "artana::export_misplaced_line");
        line
    };
    assert_eq!(misplaced(&lines[1..]), 1);
    assert_eq!(misplaced(&[&lines[..7], &lines[5..6]].concat()), 8);
    assert_eq!(misplaced(&[&lines[..8], &lines[6..7]].concat()), 9);
    assert_eq!(refused(&[]), (0, LineError::Empty));
    let mut verifier = Verifier::new();
    verifier.line(lines[0].to_json().as_bytes()).expect("a run line");
    let error = verifier.line(b"{}").expect_err("no line");
    assert_eq!((error.line, error.code()), (2, "artana::export_malformed_line"));
    assert!(error.to_string().starts_with("line 2: "));
}

/// Text that is not UTF-8 cannot stand in JSON; what stands instead does not hash to the same.
#[test]
fn a_row_damaged_beyond_text_is_found_in_its_export() {
    check(
        |lines| match &mut lines[3] {
            Line::Event(record) => record.kind = artana_core::RawText::new(*b"tool\xff"),
            _ => panic!("an event"),
        },
        HashMismatch,
        3,
    );
}

proptest! {
    #[test]
    fn no_line_makes_the_reader_panic(bytes in any::<Vec<u8>>(), at in 0..600_usize) {
        let _ = Line::parse(&bytes);
        let good = file()[2].to_json().into_bytes();
        let mut damaged = good.clone();
        damaged.splice(at.min(good.len()).., bytes);
        if let Ok(line) = Line::parse(&damaged) {
            prop_assert_eq!(Line::parse(line.to_json().as_bytes()), Ok(line));
        }
    }

    /// Whatever lines are left out, repeated or moved: the rest is judged, and is whole only where it is.
    #[test]
    fn lines_in_any_order_are_judged(picks in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
        let lines = forked_file();
        let picked: Vec<Line> = picks.iter().map(|pick| lines[pick.index(lines.len())].clone()).collect();
        if let Ok(report) = verify(picked.iter().map(Line::to_json)) {
            prop_assert_eq!(report.level(), Level::Broken);
        }
    }

    #[test]
    fn names_of_any_kind_are_read_back(run in "\\PC{1,60}", kind in "\\PC{0,40}", step in ".{0,40}") {
        let Line::Event(mut record) = file()[1].clone() else { panic!("an event") };
        record.run = run.into();
        record.kind = kind.as_str().into();
        record.step = Some(step.as_str().into());
        let line = Line::Event(record);
        prop_assert_eq!(Line::parse(line.to_json().as_bytes()), Ok(line));
    }
}
