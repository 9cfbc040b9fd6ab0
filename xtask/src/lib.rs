//! The workspace's own tasks: ci, tidy, conformance, bench.
