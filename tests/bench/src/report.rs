//! Figures and how they are printed. It measures nothing.

use std::time::Duration;

use serde_json::json;

/// One workload's figures.
pub(crate) struct Line<'a> {
    pub(crate) bench: &'a str,
    pub(crate) durability: &'a str,
    pub(crate) unit: &'a str,
    pub(crate) ours: Vec<f64>,
    /// The raw driver's figures of the same run; empty where there is no raw counterpart.
    pub(crate) raw: Vec<f64>,
    pub(crate) target: &'a str,
    pub(crate) met: bool,
}

impl Line<'_> {
    /// Prints the line.
    pub(crate) fn print(&self) {
        let raw = (!self.raw.is_empty()).then(|| median(&self.raw));
        let ours = median(&self.ours);
        let line = json!({
            "bench": self.bench,
            "store": match self.durability {
                "none" => "memory",
                "fdatasync" => "none",
                durability if durability.starts_with("postgres") => "postgres",
                _ => "sqlite",
            },
            "durability": self.durability,
            "n": self.ours.len(),
            "median": rounded(ours),
            "p99": rounded(quantile(&self.ours, 0.99)),
            "unit": self.unit,
            "raw_median": raw.map(rounded),
            "ratio_to_raw": raw.map(|raw| rounded(ours / raw)),
            "target": self.target,
            "met": self.met,
        });
        println!("{line}");
    }
}

/// Returns the middle of some figures.
pub(crate) fn median(figures: &[f64]) -> f64 {
    quantile(figures, 0.5)
}

fn quantile(figures: &[f64], q: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = ((sorted.len() as f64 - 1.0) * q).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

fn rounded(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}

/// Returns a time in microseconds.
pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
