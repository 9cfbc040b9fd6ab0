//! Runs the examples and checks what they prove.

#![expect(clippy::duplicate_mod, reason = "each example brings the module with which it leaves its ledger")]

#[expect(dead_code, reason = "an example's main is what `cargo run --example` starts")]
#[path = "../../examples/chapter3_step1.rs"]
pub(crate) mod chapter3_step1;
#[expect(dead_code, reason = "an example's main is what `cargo run --example` starts")]
#[path = "../../examples/chapter3_step2.rs"]
pub(crate) mod chapter3_step2;
#[expect(dead_code, reason = "an example's main is what `cargo run --example` starts")]
#[path = "../../examples/chapter3_step3.rs"]
pub(crate) mod chapter3_step3;
#[expect(dead_code, reason = "an example's main is what `cargo run --example` starts")]
#[path = "../../examples/chapter3_step4.rs"]
mod chapter3_step4;
#[expect(dead_code, reason = "an example's main is what `cargo run --example` starts")]
#[path = "../../examples/chapter3_step7.rs"]
pub(crate) mod chapter3_step7;
#[expect(dead_code, reason = "an example's main is what `cargo run --example` starts")]
#[path = "../../examples/chapter3_step8.rs"]
pub(crate) mod chapter3_step8;
#[expect(dead_code, reason = "an example's main is what `cargo run --example` starts")]
#[path = "../../examples/custom_model.rs"]
pub(crate) mod custom_model;
#[expect(dead_code, reason = "an example's main is what `cargo run --example` starts")]
#[path = "../../examples/fork_and_compare.rs"]
pub(crate) mod fork_and_compare;
#[expect(dead_code, reason = "an example's main is what `cargo run --example` starts")]
#[path = "../../examples/hello.rs"]
mod hello;
#[expect(dead_code, reason = "an example's main is what `cargo run --example` starts")]
#[path = "../../examples/supervisor.rs"]
mod supervisor;
#[expect(dead_code, reason = "an example's main is what `cargo run --example` starts")]
#[path = "../../examples/three_workers.rs"]
mod three_workers;
#[expect(dead_code, reason = "an example's main is what `cargo run --example` starts")]
#[path = "../../examples/workflow_human_approval.rs"]
mod workflow_human_approval;
#[expect(dead_code, reason = "an example's main is what `cargo run --example` starts")]
#[path = "../../examples/workflow_saga.rs"]
mod workflow_saga;

use std::path::Path;

use artana::{Level, Status, Usd, core::export, prelude::*};
use artana_testkit::postgres::OwnServer;

/// A file and a server: what an example proves, it proves on both.
struct Stores {
    folder: tempfile::TempDir,
    server: Option<OwnServer>,
}

impl Stores {
    fn new() -> Self {
        // A server that waits for its disk, as programs ask of one.
        let server = OwnServer::start(&[("fsync", "on"), ("full_page_writes", "on")], &[]);
        Self { folder: tempfile::tempdir().expect("a folder"), server }
    }

    fn addresses(&self) -> Vec<String> {
        let file = format!("sqlite://{}", self.folder.path().join("a.db").display());
        [file].into_iter().chain(self.server.as_ref().map(OwnServer::url)).collect()
    }
}

#[tokio::test]
async fn a_lost_reply_is_reconciled_to_one_charge() {
    let stores = Stores::new();
    for ledger in stores.addresses() {
        let proof = chapter3_step1::run(&ledger).await.unwrap();
        assert_eq!(proof.first, Some("artana::reconciliation_required"));
        assert_eq!((proof.charges, proof.calls), (1, 1), "the probe found the charge; nothing charged again");
        assert!(proof.one_key, "the provider was asked under the step's key");
        assert!(proof.replayed && proof.verified, "{proof:?}");
    }
}

#[tokio::test]
async fn an_audit_sees_every_event_and_names_a_change() {
    let stores = Stores::new();
    for ledger in stores.addresses() {
        let proof = chapter3_step7::run(&ledger).await.unwrap();
        let pair = ["tool_requested", "tool_completed"];
        let expected = [&["run_started"], &pair[..], &pair[..], &["run_finished"]].concat();
        assert_eq!(proof.kinds, expected);
        assert_eq!(proof.level, Level::InternallyConsistent);
        assert_eq!(proof.exported, export::Level::Consistent);
        assert_eq!(proof.tampered.as_deref(), Some("HashMismatch at sequence 4"));
    }
}

#[tokio::test]
async fn hello_is_answered_from_the_ledger_the_second_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    assert_eq!(hello::hello(&path).await.unwrap(), "Hello from Artana (the model was asked 1 time(s))");
    assert_eq!(hello::hello(&path).await.unwrap(), "Hello from Artana (the model was asked 0 time(s))");
}

#[tokio::test]
async fn drift_is_named_to_the_character_and_goes_by_the_policy() {
    let stores = Stores::new();
    for ledger in stores.addresses() {
        let proof = chapter3_step2::run(&ledger).await.unwrap();
        let changes: Vec<&str> = proof.drifts.iter().map(|drift| drift.changes.join("; ").leak() as &str).collect();
        assert_eq!(
            changes,
            [
                r#"messages /0/parts/0/text at character 22: "3" -> "5""#,
                r#"api_mode: "responses" -> "chat""#,
                r#"verbosity: "high" -> "low""#,
                r#"previous_response_id: "resp_1" -> "resp_2""#,
            ]
        );
        for drift in &proof.drifts {
            assert_eq!(drift.strict, ("artana::drift", 0), "a refusal writes nothing");
            assert_eq!(drift.allowed, (true, vec!["drift_replayed".to_owned()]), "two equal drifts are recorded once");
            assert_eq!((drift.forked, drift.before), ((1, true), true), "one fork, asked once, on the parent's steps");
        }
        assert_eq!(proof.asked, 2 + proof.drifts.len(), "the two recorded asks, and one in each fork");
        assert!(proof.verified);
    }
}

#[tokio::test]
async fn a_fork_repeats_no_effect_and_is_compared_with_its_parent() {
    let stores = Stores::new();
    for ledger in stores.addresses() {
        let proof = fork_and_compare::run(&ledger).await.unwrap();
        let steps: Vec<_> = proof.steps.iter().map(|step| (step.step, step.asked.as_str(), step.shared)).collect();
        let letter = ("letter", "messages at /0/parts/0/text", false);
        assert_eq!(steps, [("classify", "", true), ("refund", "", true), letter]);
        let told = |step: usize| proof.steps[step].told.each_ref().map(String::as_str);
        assert_eq!(told(1), [r#""ch_1""#, r#""ch_1""#]);
        assert_eq!(told(2), [r#""a formal letter""#, r#""a friendly letter""#]);
        assert!(proof.replayed, "the program in the fork asks nobody");
        assert_eq!(proof.refused, Some("artana::effect_belongs_to_ancestor"));
        assert_eq!(proof.refunds, (1, 1));
        assert_eq!(proof.asked, (4, 4), "classify and letter, the fork's letter, the second fork's classify");
        assert!(proof.verified);
    }
}

#[tokio::test]
async fn a_model_of_ones_own_streams_fails_by_category_and_is_charged() {
    let stores = Stores::new();
    for ledger in stores.addresses() {
        let proof = custom_model::run(&ledger).await.unwrap();
        let answer = "A refund takes three working days.";
        assert_eq!(proof.streamed.0.concat(), answer);
        assert_eq!((proof.streamed.0.len(), proof.streamed.1, proof.streamed.2.as_str()), (6, 2, answer));
        assert_eq!(proof.replayed, (vec![answer.to_owned()], 2, answer.to_owned()), "a replay gives its text at once");
        assert_eq!(proof.refused, ("provider_4xx", Some(422)));
        // Six tokens in at 50 cents a million and six out at two dollars: 3 and 12 millionths of a dollar.
        assert_eq!(proof.costs, (3, 2, 6, 6, Usd::nanos(15_000)));
        assert!(proof.verified);
    }
}

#[tokio::test]
async fn a_hybrid_workflow_goes_on_where_its_first_life_ended() {
    let stores = Stores::new();
    for ledger in stores.addresses() {
        let proof = chapter3_step4::run(&ledger).await.unwrap();
        // The first life asked both questions and got one answer; the second one asks the one that was cut again.
        assert_eq!(proof.done, [(2, 1), (1, 0), (0, 0)]);
        assert_eq!(proof.returned, ["Dear board, last year's revenue was 7800."; 2]);
        assert!(proof.verified);
    }
}

#[tokio::test]
async fn a_saga_gives_back_what_it_booked_once_and_in_reverse() {
    let stores = Stores::new();
    for ledger in stores.addresses() {
        let proof = workflow_saga::run(&ledger).await.unwrap();
        assert_eq!(proof.failed, ["artana::workflow_failed"; 3]);
        assert_eq!(proof.book, ["book the flight", "book the hotel", "cancel the hotel", "cancel the flight"]);
        assert_eq!((proof.status, proof.verified), (Status::Failed, true));
    }
}

#[tokio::test]
async fn an_approval_is_waited_for_across_kernels_and_not_for_ever() {
    let stores = Stores::new();
    for ledger in stores.addresses() {
        let proof = workflow_human_approval::run(&ledger).await.unwrap();
        assert_eq!(proof.waited, [Status::Paused; 2]);
        assert_eq!(proof.told, ["refunded 4200 cents", "refused: nobody approved it"]);
        assert!(proof.verified);
    }
}

#[tokio::test]
async fn the_same_business_runs_on_a_file_and_on_a_server() {
    let stores = Stores::new();
    let mut proofs = Vec::new();
    for ledger in stores.addresses() {
        let store = chapter3_step8::kept::open(&ledger).await.unwrap();
        proofs.push(chapter3_step8::run(store).await.unwrap());
    }
    for (proof, store) in proofs.iter().zip(["sqlite", "postgres"]) {
        assert_eq!((proof.store, proof.cents, proof.sent), (store, [4600; 2], [2; 2]), "the ledger answers");
        assert!(proof.verified);
        assert_eq!(proof.kinds, proofs[0].kinds, "event for event");
    }
}

/// The worker processes are this test, started thrice more.
async fn three_workers_on(address: &str, this: &str) {
    if std::env::var_os(three_workers::STORE).is_some() {
        return three_workers::work().await.expect("it works");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let exe = std::env::current_exe().expect("this binary");
    let process = || {
        let mut process = std::process::Command::new(&exe);
        process.args([this, "--exact", "--nocapture"]);
        process
    };
    let proof = three_workers::run(address, &folder.path().join("printed"), process).await.expect("it runs");
    assert_eq!(proof.pages, (12, 12));
    assert_eq!(proof.printed, (0..12).collect::<Vec<_>>(), "each page once");
    assert!(proof.taken_over > 0 && proof.verified, "{proof:?}");
}

#[tokio::test]
async fn three_workers_share_a_store_and_outlive_one_of_them() {
    let this = "examples::three_workers_share_a_store_and_outlive_one_of_them";
    if std::env::var_os(three_workers::STORE).is_some() {
        return three_workers_on("", this).await;
    }
    let stores = Stores::new();
    for ledger in stores.addresses() {
        three_workers_on(&ledger, this).await;
        looked_at(&ledger, three_workers::LOOK.tenant, three_workers::LOOK.verbs).await;
    }
}

/// The session that is killed lives in a process of its own: this test, started once more.
#[tokio::test]
async fn a_session_killed_inside_a_task_is_finished_by_the_next_process() {
    if let Some((ledger, copies)) = chapter3_step3::told() {
        return chapter3_step3::be_killed(&ledger, &copies).await.unwrap();
    }
    let stores = Stores::new();
    for (n, ledger) in stores.addresses().iter().enumerate() {
        let mut process = std::process::Command::new(std::env::current_exe().unwrap());
        let this = "examples::a_session_killed_inside_a_task_is_finished_by_the_next_process";
        process.args([this, "--exact", "--nocapture"]);
        let copies = stores.folder.path().join(format!("copies {n}"));
        let proof = chapter3_step3::run(ledger, &copies, process).await.unwrap();
        assert_eq!(proof.percent, [Some(33), None, Some(66), Some(100)]);
        assert_eq!(proof.done, ["backup", "migrate", "verify"]);
        assert_eq!((proof.copies, proof.sessions), (1, 4), "the killed session's copy was answered from the ledger");
        assert!(proof.verified);
        looked_at(ledger, chapter3_step3::LOOK.tenant, chapter3_step3::LOOK.verbs).await;
    }
}

#[tokio::test]
async fn a_note_is_drafted_by_children_until_it_is_approved() {
    let stores = Stores::new();
    for ledger in stores.addresses() {
        let proof = supervisor::run(&ledger).await.unwrap();
        assert_eq!(proof.note, ("Version 1.0 is out.".to_owned(), 2, true));
        let round = |n| ["draft", "review", "verify"].map(|part| format!("session-1/round-{n}/{part}"));
        assert_eq!(proof.children, [round(1), round(2)].concat());
        let stage = |n| ["draft", "review", "verify"].map(|part| (part.to_owned(), n));
        assert_eq!(proof.stages, [stage(1), stage(2)].concat());
        assert_eq!(proof.asked, (4, 4), "asked again, the ledger answers");
        assert!(proof.verified);
    }
}

/// Runs an example in a folder that is kept, and looks for what it says can be looked at.
macro_rules! kept {
    ($example:ident, $file:literal) => {{
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("it's new");
        let ledger = $example::kept::Ledger::inside(Some(inside.clone()), stringify!($example), $file).unwrap();
        $example::run(ledger.address()).await.unwrap();
        said(ledger.address(), $example::LOOK.tenant, $example::LOOK.verbs, &ledger.next(&$example::LOOK));
        looked_at(ledger.address(), $example::LOOK.tenant, $example::LOOK.verbs).await;
        let again = $example::kept::Ledger::inside(Some(inside), stringify!($example), $file);
        assert!(again.is_err(), "what was kept is not written over");
    }};
}

fn said(ledger: &str, tenant: &str, verbs: &[&str], lines: &[String]) {
    let store = ledger.replace('\'', r"'\''");
    assert_eq!(lines.len(), 1 + verbs.len(), "{lines:?}");
    for (verb, line) in verbs.iter().zip(&lines[1..]) {
        let spelled = format!("  cargo run -p artana-cli -- --store '{store}' --tenant {tenant} run {verb}");
        assert_eq!(*line, spelled);
    }
}

/// Looks for the runs which the verbs of the command line are told to be about.
async fn looked_at(ledger: &str, tenant: &str, verbs: &[&str]) {
    let store = chapter3_step8::kept::open(ledger).await.expect("a store");
    let kernel = Kernel::builder_shared(store).build().expect("a kernel");
    for verb in verbs {
        for run in verb.split(' ').skip(1).take_while(|word| !word.starts_with("--")) {
            kernel.open_run(&Tenant::new(tenant), run).await.expect("the run");
        }
    }
    kernel.close().await.expect("it closes");
}

#[tokio::test]
async fn a_ledger_that_is_kept_is_found_by_the_commands_that_are_named() {
    kept!(chapter3_step1, "payments.db");
    kept!(chapter3_step2, "reports.db");
    kept!(chapter3_step4, "hybrid.db");
    kept!(chapter3_step7, "invoices.db");
    kept!(custom_model, "rules.db");
    kept!(fork_and_compare, "tickets.db");
    kept!(supervisor, "notes.db");
    kept!(workflow_human_approval, "refunds.db");
    kept!(workflow_saga, "trips.db");
}

#[test]
fn a_ledger_that_is_not_kept_says_how_to_keep_it() {
    let ledger = chapter3_step3::kept::Ledger::inside(None, "chapter3_step3", "migration.db").unwrap();
    let said = ledger.next(&chapter3_step3::LOOK).concat();
    assert!(said.ends_with("cargo run -p artana --example chapter3_step3 -- FOLDER"), "{said}");
    let file = ledger.address().strip_prefix("sqlite://").unwrap().to_owned();
    drop(ledger);
    assert!(!Path::new(&file).parent().unwrap().exists());
}
