//! What must not compile, and what the compiler says about it. `TRYBUILD=overwrite` writes it anew.

#[test]
fn what_is_wrong_with_a_declaration_is_said_where_it_stands() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
