//! Ten thousand runs that sleep in one file, and a worker that has nothing to do but look after them.

use std::{path::Path, process::Command, sync::Arc, time::Duration};

use artana_core::{Tenant, TenantId};
use artana_kernel::{Kernel, Worker, WorkflowContext};
use artana_ports::{Clock, RunQuery, SystemClock};
use artana_store_sqlite::{SqliteStore, Synchronous};
use artana_testkit::SimClock;

const SLEEPERS: usize = 10_000;
/// Names the file for the process that idles, and says that it is that process.
const FILE: &str = "ARTANA_TEST_SLEEPERS";

async fn kernel(path: &Path, clock: Arc<dyn Clock>) -> Kernel {
    // Nothing here is about power cuts.
    let store = SqliteStore::options().synchronous(Synchronous::Off).open(path).await.expect("a store");
    let kernel = Kernel::builder(store).clock(clock).build().expect("a kernel");
    let sleeps = |cx: WorkflowContext, (): ()| async move { Ok(cx.sleep("long", Duration::from_secs(1 << 30)).await?) };
    kernel.register("sleeps", sleeps).expect("a name");
    kernel
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("the line");
    line.split_whitespace().nth(1).expect("a number").parse::<f64>().expect("a number") / 1024.0
}

/// A process of its own, so that nothing else is in the figure. Alone it has nothing to do.
#[tokio::test]
async fn idles_if_it_is_told_to() {
    let Ok(path) = std::env::var(FILE) else { return };
    let clock = SimClock::new();
    let kernel = kernel(path.as_ref(), Arc::new(clock.clone())).await;
    let worker = Worker::new(&kernel);
    let before = resident_mib();
    let hour = async {
        for _ in 0..3600 {
            clock.advance(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    };
    worker.run_until(hour).await.expect("it idles");
    assert_eq!(worker.stats().taken, 0, "nobody wakes before its time");
    kernel.close().await.expect("it closes");
    println!("grew by {} MiB", resident_mib() - before);
}

#[tokio::test]
async fn an_idle_worker_of_ten_thousand_sleepers_stays_small() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sleepers.db");
    let busy = kernel(&path, Arc::new(SystemClock)).await;
    let tenant = Tenant::new("acme");
    for _ in 0..SLEEPERS {
        busy.enqueue(&tenant, "sleeps", &()).await.expect("a run");
    }
    let worker = Worker::new(&busy).concurrency(64);
    let asleep = async {
        while worker.stats().left < SLEEPERS as u64 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    worker.run_until(asleep).await.expect("it works");
    let query = RunQuery { statuses: vec![artana_core::Status::Sleeping], ..RunQuery::all(tenant_id()) };
    assert!(busy.runs(&query).await.expect("a page").next.is_some(), "a page of sleepers, and more of them");
    busy.close().await.expect("it closes");

    let exe = std::env::current_exe().expect("this binary");
    let mut idle = Command::new(exe);
    idle.args(["--exact", "sleepers::idles_if_it_is_told_to", "--nocapture"]).env(FILE, &path);
    let idle = idle.output().expect("a process");
    let told = String::from_utf8_lossy(&idle.stdout);
    assert!(idle.status.success(), "{told}{}", String::from_utf8_lossy(&idle.stderr));
    let grown = told.split("grew by ").nth(1).and_then(|rest| rest.split(" MiB").next()).expect("the figure");
    assert!(grown.parse::<f64>().expect("a number") <= 64.0, "{told}");
}

fn tenant_id() -> TenantId {
    TenantId::parse("acme").expect("a name")
}
