//! The demonstration from beginning to end: who is started, what is waited for, who is killed, and
//! what the book and the ledger say afterwards.

use std::{ffi::OsString, fs, io, path::PathBuf};

use artana_core::{RunRef, StepKey, Tenant, ToolName};
use serde::Serialize;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{
    book::{self, Charge},
    helper::{Ear, Helper, Role},
    ledger::{self, Found},
    payment::{RUN, STEP, TOOL, tenant},
    tamper::tamper,
    trouble,
    wire::Says,
};
use crate::{
    args::DemoArgs,
    command::verify,
    entry::runtime,
    failure::{Exit, Failure},
    look::Reader,
    out::{Out, note},
    speller::Speller,
    text::{json_line, shown},
};

/// The last line of `--json`.
#[derive(Debug, Serialize)]
struct Verdict {
    kills: u32,
    charges: usize,
    outcome: &'static str,
    ledger_ok: bool,
    tamper_seq: Option<u64>,
}

/// The demonstration as it goes on.
struct Story<'a> {
    args: &'a DemoArgs,
    out: Out,
    folder: PathBuf,
    tenant_name: &'a str,
    tenant: Tenant,
    runtime: Runtime,
    chapter: u32,
    kills: u32,
    ear: Ear,
}

/// Tells the whole story.
pub(crate) fn run(args: &DemoArgs, tenant_name: &str, out: Out) -> Result<Exit, Failure> {
    let (tenant, runtime) = (tenant(tenant_name), runtime()?);
    tenant.id().map_err(artana_kernel::Error::from)?;
    let (folder, temporary) = folder(args)?;
    let mut story = Story { args, out, folder, tenant_name, tenant, runtime, chapter: 0, kills: 0, ear: Ear::new() };
    let told = story.tell();
    if let (Some(temporary), Ok(Exit::NeedsHuman)) = (temporary, &told) {
        // Somebody has to go on from there, so the folder stays.
        let kept = temporary.keep();
        if story.out.is_json() {
            note(&format!("the provider's book and the ledger are in {}", shown(&kept.display().to_string())));
        }
    }
    let written = story.out.finish();
    let exit = told?;
    written?;
    Ok(exit)
}

fn folder(args: &DemoArgs) -> Result<(PathBuf, Option<TempDir>), Failure> {
    let unusable = |error: io::Error| trouble("the demonstration has no folder", error);
    let Some(keep) = &args.keep else {
        let temporary = TempDir::with_prefix("artana-demo-").map_err(unusable)?;
        return Ok((temporary.path().to_owned(), Some(temporary)));
    };
    fs::create_dir_all(keep).map_err(unusable)?;
    if fs::read_dir(keep).map_err(unusable)?.next().is_some() {
        return Err(Failure::usage("the folder to keep the demonstration in is not empty"));
    }
    Ok((keep.clone(), None))
}

impl Story<'_> {
    fn tell(&mut self) -> Result<Exit, Failure> {
        let (provider, port) = self.begin()?;
        let key = self.kill_the_first(port)?;
        let reconciled = self.resume(port)?;
        drop(provider);
        let charges = self.read_book(&key)?;
        let found = self.read_ledger()?;
        let charges = charges.len();
        let verdict = Verdict {
            kills: self.kills,
            charges,
            outcome: found.outcome,
            ledger_ok: found.report.is_ok(),
            tamper_seq: if reconciled { Some(self.tamper(&found)?) } else { None },
        };
        self.end(&verdict, &found)
    }

    fn begin(&mut self) -> Result<(Helper, u16), Failure> {
        let args = ["demo-provider".into(), "--book".into(), self.book().into()];
        let provider = Helper::start(Role::Provider, args.into(), &self.ear)?;
        let Says::Listening { port } = self.ear.hear(&[Role::Provider])? else {
            return Err(unexpected(Role::Provider));
        };
        self.chapter("A payment provider, a process of its own, opens its own book");
        self.note(&format!("process {}, port {port}, {}", provider.id(), shown(&self.book().display().to_string())));
        Ok((provider, port))
    }

    /// The provider says when the card is charged; its answer is still on the way then.
    fn kill_the_first(&mut self, port: u16) -> Result<String, Failure> {
        let worker = self.worker(Role::FirstWorker, port)?;
        self.chapter("A worker records its request in the ledger, then asks the provider to charge a card");
        self.note(&format!("process {}, run {RUN}, step {STEP}, tool {TOOL}", worker.id()));
        let Says::Charged { key } = self.ear.hear(&[Role::Provider, Role::FirstWorker])? else {
            return Err(unexpected(Role::Provider));
        };
        let expected = self.expected_key()?;
        if key != expected {
            return Err(trouble("the provider was given another idempotency key", key));
        }
        self.note(&format!("idempotency key {key}"));
        self.note("which is what the ledger format's formula gives for tenant, run, step and tool");
        self.chapter("The provider has charged. Before its answer arrives, the worker is killed with SIGKILL");
        let id = worker.id();
        worker.kill()?;
        self.kills += 1;
        self.note(&format!("process {id} is dead; no outcome was recorded"));
        Ok(key)
    }

    fn resume(&mut self, port: u16) -> Result<bool, Failure> {
        let worker = self.worker(Role::SecondWorker, port)?;
        self.chapter("A second worker opens the run, calls the same step, and finds it under way");
        self.note(&format!("process {}", worker.id()));
        let mut reconciled = false;
        loop {
            match self.ear.hear(&[Role::SecondWorker, Role::Provider])? {
                Says::InFlight => self.note("it waits until the first worker's heartbeat is dead"),
                Says::Unknown { why } => {
                    self.chapter("Nobody can say whether the card was charged, and nothing is guessed");
                    self.note(&shown(&why));
                    if self.args.no_reconcile {
                        break;
                    }
                }
                Says::Reconciled { charge_id } => {
                    self.chapter("The tool's probe asks the provider by the idempotency key");
                    self.note(&format!(
                        "it was charged: {}; that is recorded, nothing is called again",
                        shown(&charge_id)
                    ));
                    reconciled = true;
                }
                Says::Finished => break,
                _ => return Err(unexpected(Role::SecondWorker)),
            }
        }
        worker.end(&self.ear)?;
        Ok(reconciled)
    }

    fn read_book(&mut self, key: &str) -> Result<Vec<Charge>, Failure> {
        let charges = book::read(&self.book()).map_err(|error| trouble("the book cannot be read", error))?;
        let under_key = charges.iter().filter(|charge| charge.key == key).count();
        self.chapter(&format!("The provider's book: {} charge(s), {under_key} under the key", charges.len()));
        charges.iter().for_each(|charge| self.note(&json_line(charge)));
        Ok(charges)
    }

    fn read_ledger(&mut self) -> Result<Found, Failure> {
        let (ledger, speller) = (self.ledger(), self.speller());
        let found = self.runtime.block_on(ledger::read(&ledger, &self.tenant, &speller))?;
        self.chapter(&format!("The ledger: {} events", found.events.len()));
        for event in &found.events {
            let step = event.step().map_or("", |step| step.as_str());
            self.note(&format!("{:>3}  {:24} {step}", event.seq(), shown(event.kind())));
        }
        self.chapter("Verification");
        self.report(&found.report);
        Ok(found)
    }

    fn tamper(&mut self, found: &Found) -> Result<u64, Failure> {
        let asked = found.events.iter().find(|event| event.kind() == "tool_requested");
        let asked = asked.ok_or_else(|| trouble("the ledger", "there is no request in it"))?;
        tamper(&self.ledger(), &self.tampered(), asked)
            .map_err(|error| trouble("no copy can be tampered with", error))?;
        self.chapter(&format!("A copy of the ledger with one byte of event {} changed", asked.seq()));
        let report = self.runtime.block_on(ledger::verify(&self.tampered(), &self.tenant))?;
        self.report(&report);
        match report.first_break {
            Some(found) => Ok(found.seq.get()),
            None => Err(trouble("the verifier", "it found nothing in the copy that was tampered with")),
        }
    }

    fn end(&mut self, verdict: &Verdict, found: &Found) -> Result<Exit, Failure> {
        self.chapter(&format!(
            "{} kill, {} charge in the provider's own book, outcome {}, ledger {}",
            verdict.kills,
            verdict.charges,
            verdict.outcome,
            if verdict.ledger_ok { "whole" } else { "broken" },
        ));
        if verdict.tamper_seq.is_none() || self.args.keep.is_some() {
            self.note(&format!("book: {}", shown(&self.book().display().to_string())));
            self.note(&self.speller().command(&["run", "status", RUN]));
        }
        if let (Some(doubt), false) = (&found.doubt, self.out.is_json()) {
            doubt.lines(self.out.look()).iter().for_each(|line| self.out.line(line));
        }
        if self.out.is_json() {
            self.out.json(verdict);
        }
        let expected = if self.args.no_reconcile { "unknown" } else { "reconciled" };
        Ok(match verdict {
            Verdict { charges: 1, ledger_ok: true, outcome, .. } if *outcome == expected => match verdict.tamper_seq {
                Some(_) => Exit::Fine,
                None => Exit::NeedsHuman,
            },
            _ => Exit::Invalid,
        })
    }

    fn worker(&self, role: Role, port: u16) -> Result<Helper, Failure> {
        let mut args: Vec<OsString> = vec!["demo-worker".into(), "--ledger".into(), self.ledger().into()];
        args.extend(["--provider".into(), port.to_string().into(), format!("--tenant={}", self.tenant_name).into()]);
        if !self.args.no_reconcile {
            args.push("--reconcile".into());
        }
        Helper::start(role, args, &self.ear)
    }

    fn expected_key(&self) -> Result<String, Failure> {
        let names = || -> Result<String, artana_kernel::Error> {
            let run = RunRef::new(self.tenant.id()?.clone(), artana_core::RunId::parse(RUN)?);
            Ok(run.effect_key(&StepKey::parse(STEP)?, &ToolName::parse(TOOL)?).to_string())
        };
        Ok(names()?)
    }

    fn chapter(&mut self, title: &str) {
        self.chapter += 1;
        if !self.out.is_json() {
            self.out.heading(&format!("{:>2}. {title}", self.chapter));
            self.out.flush();
        }
    }

    fn note(&mut self, text: &str) {
        if !self.out.is_json() {
            self.out.line(format!("    {text}"));
            self.out.flush();
        }
    }

    fn report(&mut self, report: &artana_kernel::VerifyReport) {
        for (name, value) in verify::row(report).pairs(Reader::Pipe).filter(|(_, value)| !value.is_empty()) {
            self.note(&format!("{name:10} {value}"));
        }
    }

    fn speller(&self) -> Speller {
        Speller::stock(&format!("sqlite://{}", self.ledger().display()), self.tenant_name)
    }

    fn book(&self) -> PathBuf {
        self.folder.join("book.jsonl")
    }

    fn ledger(&self) -> PathBuf {
        self.folder.join("ledger.db")
    }

    fn tampered(&self) -> PathBuf {
        self.folder.join("tampered.db")
    }
}

fn unexpected(who: Role) -> Failure {
    trouble(&format!("the {who}"), "it said something unexpected")
}
