//! An error of another type says nothing of the effect.

use artana::prelude::*;

#[tool]
async fn look(at: String) -> Result<String, std::io::Error> {
    Ok(at)
}

fn main() {}
