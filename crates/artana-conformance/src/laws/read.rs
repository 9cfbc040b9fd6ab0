//! Laws of the chain and of reading it: what was appended comes back, to the byte, in order.

use artana_core::{Seq, Timestamp, limits::MAX_PAGE_EVENTS, verify};

use crate::{
    Law, Trial,
    law::{Kept, ensure, ensure_eq, laws},
    writer::{Entry, Writer, run_ref},
};

pub(super) const LAWS: &[Law] = laws! {
    "chain/verifies_after_reading": "What is read back verifies from its genesis to its head." => verifies;
    "chain/head_is_the_last_row": "The head kept in the run's row is the last event's after every batch." => head;
    "read/payloads_are_exact": "Payloads come back byte for byte, whatever they hold." => payloads;
    "read/texts_are_exact": "Kinds and steps come back byte for byte: no trimming, folding or normalising." => texts;
    "read/no_step_is_no_step": "An event without a step comes back without one." => no_step;
    "read/times_are_exact": "Times come back to the microsecond, before 1970 too." => times;
    "read/pages_make_the_whole": "Pages read one after another give every row once, in order." => pages;
    "read/limit_is_kept": "No more rows come back than were asked for; none for none." => limit;
    "read/page_is_bounded": "No more rows come back than the format's largest page." => bounded;
    "read/after_the_end_is_nothing": "Nothing comes after the last event, however far after." => after_end;
    "read/missing_run_has_no_rows": "A run that does not exist reads as empty." => missing;
    "read/missing_run_has_no_head": "A run that does not exist has no head, row or key." => nothing;
};

async fn verifies(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    for events in [1, 199, 100] {
        writer.write(&*t.store, events).await?;
    }
    let rows = t.store.read(&writer.run, Seq::ZERO, 1000).await?;
    let verified = verify::verify(&writer.genesis, &rows)?;
    ensure_eq!(Some(verified), writer.head, "the verified head");
    Ok(())
}

async fn head(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    for events in [1, 3, 1] {
        writer.write(&*t.store, events).await?;
        ensure_eq!(t.store.head(&writer.run).await?, writer.head, "the head after {events} more");
    }
    Ok(())
}

/// Appends entries and checks that they are read back as they were sent.
async fn come_back(t: &Trial, entries: &[Entry]) -> Kept {
    let mut writer = Writer::new("t", "r");
    let batch = writer.batch_of(entries);
    let sent = batch.events.clone();
    writer.send(&*t.store, batch).await?;
    let rows = t.store.read(&writer.run, Seq::ZERO, 1000).await?;
    ensure_eq!(rows.len(), sent.len(), "how many rows came back");
    for (row, sent) in rows.iter().zip(&sent) {
        ensure_eq!(row, sent, "row {}", sent.seq);
    }
    Ok(())
}

async fn payloads(t: &Trial) -> Kept {
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let payloads: [&[u8]; 9] = [
        b"",
        b"\0",
        b"{\"a\":\"\0\"}",
        b" { \"b\" : 1.0e2 }\r\n",
        "{\"name\":\"na\u{ef}ve 😀\"}".as_bytes(),
        "{\"name\":\"nai\u{308}ve\"}".as_bytes(),
        "\u{feff}{}".as_bytes(),
        b"'); DROP TABLE events; --",
        &every_byte,
    ];
    let entries = payloads.map(|payload| Entry { payload: payload.to_vec(), ..Entry::default() });
    come_back(t, &entries).await
}

async fn texts(t: &Trial) -> Kept {
    let texts = [
        "plain",
        " spaces around ",
        "CASE",
        "case",
        "caf\u{e9}",
        "cafe\u{301}",
        "😀/步骤/ß",
        "'; DROP TABLE events; --",
        "%_\\\"`$1?",
        "1e3",
        "null",
    ];
    come_back(t, &texts.map(|text| Entry { kind: text, step: Some(text), ..Entry::default() })).await
}

async fn no_step(t: &Trial) -> Kept {
    let without = Entry { step: None, ..Entry::default() };
    come_back(t, &[without.clone(), Entry::default(), without]).await
}

async fn times(t: &Trial) -> Kept {
    let micros = [0, 1, -1, 1_700_000_000_123_457, -62_135_596_800_000_001, i64::MAX, i64::MIN];
    come_back(t, &micros.map(|at| Entry { at: Timestamp::from_micros(at), ..Entry::default() })).await
}

async fn pages(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    writer.write(&*t.store, 30).await?;
    let mut seen = Vec::new();
    loop {
        let after = seen.last().copied().unwrap_or(Seq::ZERO);
        let page = t.store.read(&writer.run, after, 7).await?;
        if page.is_empty() {
            break;
        }
        seen.extend(page.iter().map(|row| row.seq));
        ensure!(seen.len() <= 30, "more rows than there are: {seen:?}");
    }
    let all: Vec<Seq> = (1..=30).map(Seq::new).collect();
    ensure_eq!(seen, all, "the rows of all pages");
    Ok(())
}

async fn limit(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    writer.write(&*t.store, 5).await?;
    for limit in [0, 1, 2] {
        let rows = t.store.read(&writer.run, Seq::new(1), limit).await?;
        ensure_eq!(rows.len(), limit as usize, "rows under a limit of {limit}");
    }
    Ok(())
}

async fn bounded(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    for _ in 0..5 {
        writer.write(&*t.store, 220).await?;
    }
    let rows = t.store.read(&writer.run, Seq::ZERO, u32::MAX).await?;
    ensure_eq!(rows.len(), MAX_PAGE_EVENTS as usize, "rows without a limit");
    Ok(())
}

async fn after_end(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    writer.write(&*t.store, 3).await?;
    for after in [3, 4, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
        let rows = t.store.read(&writer.run, Seq::new(after), 10).await?;
        ensure_eq!(rows.len(), 0, "rows after {after} of 3");
    }
    Ok(())
}

async fn missing(t: &Trial) -> Kept {
    Writer::new("t", "other").write(&*t.store, 1).await?;
    for after in [0, 5] {
        let rows = t.store.read(&run_ref("t", "r"), Seq::new(after), 10).await?;
        ensure_eq!(rows.len(), 0, "rows after {after} of a run that does not exist");
    }
    Ok(())
}

async fn nothing(t: &Trial) -> Kept {
    Writer::new("t", "other").write(&*t.store, 1).await?;
    let run = run_ref("t", "r");
    ensure_eq!(t.store.head(&run).await?, None, "the head of a run that does not exist");
    ensure_eq!(t.store.view(&run).await?, None, "the row of a run that does not exist");
    ensure_eq!(t.store.run_key(&run).await?, None, "the key of a run that does not exist");
    Ok(())
}
