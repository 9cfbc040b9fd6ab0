//! `artana init`: writes a small project that builds and runs. It overwrites nothing, and starts nothing.

mod manifest;

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use crate::{
    args::InitArgs,
    failure::{Exit, Failure},
    out::{Out, note},
    row::Row,
    text::{quoted, shown},
};
use manifest::Source;

const MAIN: &str = include_str!("../../templates/dev/main.rs.txt");
const README: &str = include_str!("../../templates/dev/README.md");
const IGNORED: &str = include_str!("../../templates/dev/gitignore");

/// Writes a project.
pub(crate) fn run(args: &InitArgs, mut out: Out) -> Result<Exit, Failure> {
    profile(&args.profile)?;
    let (source, why) = Source::chosen(args.source.as_deref())?;
    let folder = folder(&args.path)?;
    let name = manifest::name_of(&folder);
    let files = [
        ("Cargo.toml", manifest::of(&name, &source)?),
        ("src/main.rs", MAIN.to_owned()),
        ("README.md", README.replace("{name}", &name)),
        (".gitignore", IGNORED.to_owned()),
    ];
    for (file, text) in &files {
        write(&folder, file, text)?;
        note(&format!("wrote {}", shown(&args.path.join(file).display().to_string())));
    }
    why.iter().for_each(|why| note(why));
    let next = if args.path == Path::new(".") {
        "cargo run".to_owned()
    } else {
        format!("cd {} && cargo run", quoted(&args.path.display().to_string()))
    };
    let row = Row::default()
        .with("path", folder.display().to_string())
        .with("name", name)
        .with("profile", args.profile.as_str())
        .with("source", source.name())
        .with("next", next);
    out.record(&row);
    out.finish()?;
    Ok(Exit::Fine)
}

/// A profile that is known and not there yet is not the same as one nobody knows.
fn profile(name: &str) -> Result<(), Failure> {
    match name {
        "dev" => Ok(()),
        "enforced" => Err(Failure::new(
            Exit::Usage,
            "artana::profile_unavailable",
            "the profile enforced needs the kernel's policies, which this version does not have yet",
        )
        .next("leave --profile out, or name dev")),
        _ => Err(Failure::usage("there is no such profile; there is dev")),
    }
}

/// Returns the folder, which is new or empty.
fn folder(path: &Path) -> Result<PathBuf, Failure> {
    fs::create_dir_all(path).map_err(|error| unwritten(path, &error))?;
    if fs::read_dir(path).map_err(|error| unwritten(path, &error))?.next().is_some() {
        return Err(Failure::usage("the folder is not empty, and nothing in it is overwritten")
            .next("name a folder that is new or empty"));
    }
    path.canonicalize().map_err(|error| unwritten(path, &error))
}

fn write(folder: &Path, file: &str, text: &str) -> Result<(), Failure> {
    let path = folder.join(file);
    let write = || -> io::Result<()> {
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::File::create_new(&path)?.write_all(text.as_bytes())
    };
    write().map_err(|error| unwritten(&path, &error))
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::invalid("artana::output", format!("{} cannot be written: {error}", path.display()))
}
