//! How much of a large store is looked at for what is due.

use artana_core::{RunId, Seq};
use artana_ports::{DueQuery, EventStore};

use crate::support::{LIFE, batch, born, database, head, opened, run, stranger};

/// 20,000 runs of another queue that are due, 20,000 of this queue that are not yet, 10,000 that the living drive, and
/// three that are to be had, with priorities: one of them was left by somebody who died.
const MANY: &str = "
INSERT INTO artana.runs (tenant, run, root, status, head_seq, head_hash, started_at, updated_at, steps, pending,
    unknown, drifts, labels, queue, priority, due_at, lease_owner, lease_epoch)
SELECT 't', name, name, 'queued', 1, decode(repeat('00', 32), 'hex'), 0, 0, 0, 0, 0, 0, '{}', queue, priority, due,
    decode(repeat(owner, 16), 'hex'), 0
FROM (
    SELECT 'other ' || n AS name, 'other' AS queue, n % 3 AS priority, 1 AS due, NULL AS owner
        FROM generate_series(1, 20000) AS n
    UNION ALL SELECT 'later ' || n, 'mine', n % 3, 9e15, NULL FROM generate_series(1, 20000) AS n
    UNION ALL SELECT 'driven ' || n, 'mine', n % 3, 1, '0' || (n % 2) + 1 FROM generate_series(1, 10000) AS n
    UNION ALL VALUES ('low', 'mine', 1, 5, NULL), ('left', 'mine', 1, 6, '03'), ('high', 'mine', 2, 9, NULL)
) AS many (name, queue, priority, due, owner);
INSERT INTO artana.heartbeats SELECT decode(repeat(owner, 16), 'hex'), 9e15, 1 FROM unnest(ARRAY['01', '02']) AS owner";

/// How many rows of runs were read in this transaction, by whatever way.
const READ: &str = "SELECT (coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_xact_all_tables \
                    WHERE relid = 'artana.runs'::regclass";

#[tokio::test]
async fn what_is_not_asked_for_and_what_is_not_due_is_not_looked_at() {
    let database = database!();
    let store = opened(&database).await;
    born(&store).await;
    database.run(MANY);
    let client = stranger(&database).await;
    for analysed in [false, true] {
        if analysed {
            client.batch_execute("ANALYZE artana.runs").await.expect("statistics");
        }
        for (queues, busy) in [("{mine,none}", "{}"), ("{}", "{other}")] {
            let take = format!(
                "SELECT run FROM artana.take_due(3, '\\x{}', NULL, '{queues}', '{busy}', '{{}}', NULL, NULL, 9)",
                "07".repeat(16)
            );
            client.batch_execute("BEGIN").await.expect("a transaction");
            let taken = client.query(&take, &[]).await.expect("what is due");
            let names: Vec<&str> = taken.iter().map(|row| row.get(0)).collect();
            assert_eq!(names, ["high", "low", "left"]);
            let read: i64 = client.query_one(READ, &[]).await.expect("a count").get(0);
            assert!((1..100).contains(&read), "{read} rows were read; queues {queues}, analysed {analysed}");
            client.batch_execute("ROLLBACK").await.expect("undone");
        }
    }
}

#[tokio::test]
async fn a_damaged_row_keeps_no_healthy_one_waiting() {
    let database = database!();
    let store = opened(&database).await;
    born(&store).await;
    for (name, spoilt) in
        [("a", "priority = NULL"), ("b", "due_at = NULL"), ("c", "head_hash = '\\x00'"), ("d", "run = run")]
    {
        let mut queued = batch(&run(name), None);
        queued.view.queued = Some(artana_core::Queued {
            queue: "q".into(),
            priority: 1,
            due_at: artana_core::Timestamp::from_micros(1),
        });
        store.append(queued).await.expect("an append");
        database.run(&format!("UPDATE artana.runs SET {spoilt} WHERE run = '{name}'"));
    }
    let taken = store.take_due(&DueQuery::all(LIFE, 9)).await.expect("what is due");
    let names: Vec<&RunId> = taken.iter().map(|leased| &leased.run.run).collect();
    assert_eq!(names, [&run("d").run]);
    assert_eq!((taken[0].head, taken[0].head.seq), (head(1), Seq::new(1)));
}
