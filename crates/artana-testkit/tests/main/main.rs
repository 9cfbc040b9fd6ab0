//! Tests of the testkit through its public face.

mod conformance;
