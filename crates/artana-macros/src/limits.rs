//! The bounds a declaration is held to while it is compiled. They are those of `artana-core`, repeated
//! here because a macro is built for the compiler's machine, and building the core for it as well would
//! cost more than these four numbers. A test compares them.

/// Longest name, version or capability, in bytes.
pub(crate) const MAX_ID_BYTES: usize = 256;
/// Most attempts of one step.
pub(crate) const MAX_ATTEMPTS: u32 = 100;
/// Longest result a tool may return, in bytes.
pub(crate) const MAX_CONTENT_BYTES: u64 = 16 * 1024 * 1024;
/// Longest timeout, settling time, retention or wait, in days.
pub(crate) const MAX_TOOL_DAYS: u64 = 3650;

#[cfg(test)]
mod tests {
    use artana_core::limits;

    #[test]
    fn the_bounds_are_those_of_the_core() {
        assert_eq!(super::MAX_ID_BYTES, limits::MAX_ID_BYTES);
        assert_eq!(super::MAX_ATTEMPTS, limits::MAX_ATTEMPTS);
        assert_eq!(super::MAX_CONTENT_BYTES, limits::MAX_CONTENT_BYTES as u64);
        assert_eq!(super::MAX_TOOL_DAYS, limits::MAX_TOOL_DAYS);
    }
}
