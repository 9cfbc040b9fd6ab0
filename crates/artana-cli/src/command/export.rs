//! `run export`: a run as JSON Lines, byte for byte as it is stored, whether it is sound or not.

use std::{
    io::{BufWriter, Write},
    path::Path,
};

use artana_kernel::{Export, ExportOptions};
use tempfile::NamedTempFile;

use super::Context;
use crate::{
    args::ExportArgs,
    failure::{Exit, Failure},
    out::note,
};

pub(super) async fn perform(cx: &mut Context, args: &ExportArgs) -> Result<Exit, Failure> {
    let options = ExportOptions { content: args.content, key: args.keys };
    let export = cx.kernel.export(&cx.tenant, &args.run, options).await;
    let mut export = export.map_err(|error| cx.explain(&args.run, error))?;
    if args.keys {
        note("the export holds a key; whoever has it can test guesses of erased content");
    }
    match &args.output {
        Some(path) => to_file(&mut export, path).await?,
        None => {
            while cx.out.is_open()
                && let Some(line) = export.next_line().await?
            {
                cx.out.line(line);
            }
        }
    }
    Ok(Exit::Fine)
}

/// The file appears under its name when it is whole; one that is there already is replaced then.
async fn to_file(export: &mut Export, path: &Path) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unwritten = |error: std::io::Error| {
        Failure::invalid("artana::output", format!("{} cannot be written: {error}", path.display()))
    };
    let mut file = BufWriter::new(NamedTempFile::new_in(folder).map_err(unwritten)?);
    while let Some(line) = export.next_line().await? {
        file.write_all(line.as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(unwritten)?;
    }
    let file = file.into_inner().map_err(|error| unwritten(error.into_error()))?;
    file.as_file().sync_all().map_err(unwritten)?;
    file.persist(path).map(drop).map_err(|error| unwritten(error.error))
}
