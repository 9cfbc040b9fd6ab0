//! Counts tests from what the runners print: nextest's summary, and libtest's result of each binary.

use std::fmt;

/// How many tests ran, and how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
}

impl Counts {
    /// Takes a line of a runner's output; one that counts nothing is passed over.
    pub(super) fn hear(&mut self, line: &str) {
        // nextest indents what a failing test printed, libtest's own result included; it is counted already.
        let nextest = line.trim_start().strip_prefix("Summary [").and_then(|rest| rest.split_once("run: "));
        let libtest = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "));
        let Some((_, counted)) = nextest.or(libtest) else { return };
        for part in counted.split([',', ';']) {
            let Some((number, how)) = part.trim().split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match how.split([' ', '(']).next() {
                Some("passed") => self.passed += number,
                Some("failed" | "timed" | "exec") => self.failed += number,
                Some("skipped" | "ignored") => self.skipped += number,
                _ => {}
            }
        }
    }

    /// Whether no test was run.
    pub(super) fn is_empty(self) -> bool {
        self.passed + self.failed == 0
    }

    /// Both together.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], passed: u64, failed: u64, skipped: u64) {
        let mut counts = Counts::default();
        lines.iter().for_each(|line| counts.hear(line));
        assert_eq!(counts, Counts { passed, failed, skipped });
    }

    #[test]
    fn nextest_is_counted_once() {
        check(&["     Summary [   1.6s] 59 tests run: 59 passed (2 slow), 3 skipped", "Nextest run"], 59, 0, 3);
        check(
            &["    test result: FAILED. 0 passed; 1 failed; 0 ignored", " Summary [ 1s] 1 test run: 1 failed"],
            0,
            1,
            0,
        );
        check(&["Summary [ 1s] 5/9 tests run: 2 passed, 1 failed, 2 timed out, 4 skipped"], 2, 3, 4);
    }

    #[test]
    fn libtest_is_summed_over_its_binaries() {
        let ok = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 1s";
        let bad = "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        check(&[ok, "running 3 tests", bad], 4, 2, 1);
    }
}
