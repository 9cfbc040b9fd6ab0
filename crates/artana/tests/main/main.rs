//! Tests of the facade: that the examples prove what they print, and that the README shows real code.
//! The examples are compiled into this binary, so what a reader runs is what is tested.

mod evidence;
mod examples;
mod macros;
mod outcomes;
mod postgres;
mod readme;
