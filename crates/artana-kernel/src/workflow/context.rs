//! What a workflow's code acts through: steps, waits, values, children, and what to undo. Everything it asks has a
//! place, and the ledger answers it in the order of the places and of the answers.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use artana_core::{AskKind, IdError, Name, Ordinal, StepKey, Timestamp, event::Value};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Failure,
    child::{Child, drive_child},
    join::{Either, Join, Race},
    machine::{Asking, Drawn, Machine, Unasked, Want},
    rollback::{self, Rollback},
};
use crate::{Error, Run, StepHandle, code::from_json};

/// What a workflow's code acts through. Cloning is cheap.
///
/// Code between steps is ordinary Rust, run again from the beginning whenever the workflow goes on: it has to ask the
/// same things in the same order for the same answers. Time, randomness and everything else that would differ is
/// asked for here, or happens inside a step's closure.
#[derive(Clone)]
pub struct WorkflowContext {
    machine: Arc<Machine>,
    scope: Option<Result<StepKey, IdError>>,
}

/// Names the run. What it holds has no place in a log.
impl std::fmt::Debug for WorkflowContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkflowContext").field("run", self.machine.run().name()).finish_non_exhaustive()
    }
}

type Asked<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

impl WorkflowContext {
    pub(crate) fn new(machine: Arc<Machine>) -> Self {
        Self { machine, scope: None }
    }

    /// Returns a handle of the run for what a step's closure does with it: artifacts, summaries, notes, labels.
    #[must_use]
    pub fn run(&self) -> Run {
        self.machine.run()
    }

    /// Names a step.
    pub fn step(&self, key: impl AsRef<str>) -> StepHandle {
        StepHandle::new(self.machine.run().asking(&self.machine), self.key(key.as_ref()))
    }

    /// Returns a context whose keys lie inside a scope: `scope("collect").step("page-3")` is the step
    /// `collect/page-3`.
    #[must_use]
    pub fn scope(&self, key: impl AsRef<str>) -> Self {
        Self { machine: Arc::clone(&self.machine), scope: Some(self.key(key.as_ref())) }
    }

    fn key(&self, name: &str) -> Result<StepKey, IdError> {
        match &self.scope {
            Some(scope) => scope.as_ref().map_err(Clone::clone)?.join(name),
            None => StepKey::parse(name),
        }
    }

    fn ask(&self, unasked: Result<Unasked, Error>) -> Asking {
        Asking::new(Arc::clone(&self.machine), unasked)
    }

    fn keyed(&self, kind: AskKind, key: &str, want: impl FnOnce(StepKey) -> Want) -> Asking {
        let key = self.key(key);
        self.ask(key.map_err(Error::from).map(|key| Unasked { kind, name: Some(key.shared()), want: want(key) }))
    }

    /// Waits, also across restarts.
    pub fn sleep(&self, key: impl AsRef<str>, duration: Duration) -> Asked<()> {
        let asking = self.keyed(AskKind::Sleep, key.as_ref(), |key| Want::Sleep { key, duration });
        Box::pin(async move { asking.await.map(drop) })
    }

    /// Waits for a signal of this name: each of them is received once, in the order in which they came.
    pub fn signal<T: DeserializeOwned + Send + 'static>(&self, name: impl AsRef<str>) -> Asked<T> {
        let unasked = Name::parse(name).map_err(Error::from).map(|name| Unasked {
            kind: AskKind::Signal,
            name: Some(name.shared()),
            want: Want::Signal { name },
        });
        let (asking, machine) = (self.ask(unasked), Arc::clone(&self.machine));
        Box::pin(async move {
            let bytes: Vec<u8> = took(asking.await?)?;
            said(&machine, &bytes).await
        })
    }

    /// Stops the run until a person lifts the pause, and returns what they said. Whoever says what is no `T` is asked
    /// once more, with another ticket.
    pub fn pause<T: DeserializeOwned + Send + 'static>(
        &self,
        key: impl AsRef<str>,
        reason: impl Into<String>,
    ) -> Asked<T> {
        let reason = reason.into();
        let asking = self.keyed(AskKind::Pause, key.as_ref(), |key| Want::Pause { key, reason, fits: fits::<T> });
        let machine = Arc::clone(&self.machine);
        Box::pin(async move {
            let bytes: Option<Vec<u8>> = took(asking.await?)?;
            said(&machine, bytes.as_deref().unwrap_or(b"null")).await
        })
    }

    /// Returns the time, as it was when this was first asked.
    pub fn now(&self) -> Asked<Timestamp> {
        self.drawn(AskKind::Now, Drawn::Now, |value| if let Value::Now(at) = value { Some(at) } else { None })
    }

    /// Returns a random number, the same one ever after.
    pub fn random(&self) -> Asked<u64> {
        self.drawn(AskKind::Random, Drawn::Random, |value| if let Value::Random(n) = value { Some(n) } else { None })
    }

    /// Returns a random id in its usual form, the same one ever after.
    pub fn uuid(&self) -> Asked<String> {
        self.drawn(
            AskKind::Uuid,
            Drawn::Uuid,
            |value| if let Value::Uuid(id) = value { Some(id.to_string()) } else { None },
        )
    }

    fn drawn<T: Send + 'static>(&self, kind: AskKind, drawn: Drawn, read: fn(Value) -> Option<T>) -> Asked<T> {
        let name = if let Drawn::Patched(id) = &drawn { Some(id.shared()) } else { None };
        let asking = self.ask(Ok(Unasked { kind, name, want: Want::Value(drawn) }));
        Box::pin(async move {
            read(took(asking.await?)?).ok_or_else(|| Error::Internal("a value of another kind was recorded".into()))
        })
    }

    /// Returns whether to take the code of a change: runs that came past this place before the change finish on the
    /// old path, all others take the new one.
    pub fn patched(&self, id: impl AsRef<str>) -> Asked<bool> {
        let (cx, id) = (self.clone(), Name::parse(id));
        Box::pin(async move {
            let id = match id {
                Ok(id) => id,
                Err(unfit) => return cx.ask(Err(unfit.into())).await.map(|_| false),
            };
            if let Some(taken) = cx.machine.change(&id) {
                return Ok(taken);
            }
            let taken = cx.machine.takes(&id);
            if taken {
                let drawn = Drawn::Patched(id.clone());
                cx.drawn(AskKind::Patched, drawn, |value| matches!(value, Value::Patched(_)).then_some(())).await?;
            }
            cx.machine.changed(id, taken);
            Ok(taken)
        })
    }

    /// Registers what undoes something if the workflow fails or is cancelled. What was registered last is undone
    /// first.
    pub fn on_rollback<F, Fut>(&self, key: impl AsRef<str>, f: F) -> Asked<()>
    where
        F: FnOnce(Rollback) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let machine = Arc::clone(&self.machine);
        let undo = rollback::boxed(f);
        let asking = self.keyed(AskKind::OnRollback, key.as_ref(), |key| Want::OnRollback { key });
        let key = self.key(key.as_ref());
        Box::pin(async move {
            let ordinal: Ordinal = took(asking.await?)?;
            machine.on_rollback(key?, ordinal, undo);
            Ok(())
        })
    }

    /// Has another run do part of the work. Its id is this run's and the step's key; whoever asks this run again is
    /// told what the other one returned.
    pub fn child<T, F, Fut>(&self, key: impl AsRef<str>, f: F) -> Asked<T>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: FnOnce(Self) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let child = Child::new(f);
        let asking = self.keyed(AskKind::Child, key.as_ref(), |key| {
            let step = key.clone();
            let perform = Box::new(move |run: Run| drive_child(run, step.clone(), child.clone()));
            Want::Child { key, perform }
        });
        let machine = Arc::clone(&self.machine);
        Box::pin(async move {
            let bytes: Vec<u8> = took(asking.await?)?;
            said(&machine, &bytes).await
        })
    }

    /// Waits for two things at once, and returns both answers.
    pub fn join<'a, A, B>(&self, a: A, b: B) -> Boxed<'a, (A::Output, B::Output)>
    where
        A: IntoFuture<IntoFuture: Send + 'a, Output: Send + 'a>,
        B: IntoFuture<IntoFuture: Send + 'a, Output: Send + 'a>,
    {
        let both = Join::new([either(a, Either::Left), either(b, Either::Right)]);
        Box::pin(async move {
            let mut answers = both.await.into_iter();
            match (answers.next(), answers.next()) {
                (Some(Either::Left(a)), Some(Either::Right(b))) => (a, b),
                _ => unreachable!("answers come in the order of what was asked"),
            }
        })
    }

    /// Waits for many things at once, and returns their answers in the order of the asks.
    pub fn join_all<'a, I>(&self, all: I) -> Join<'a, <I::Item as IntoFuture>::Output>
    where
        I: IntoIterator,
        I::Item: IntoFuture,
        <I::Item as IntoFuture>::IntoFuture: Send + 'a,
    {
        Join::new(all)
    }

    /// Waits for the first of two things, and gives the other one up. A step that was begun goes on to its end, and
    /// is recorded; a pause is lifted.
    pub fn race<'a, A, B>(&self, a: A, b: B) -> Boxed<'a, Either<A::Output, B::Output>>
    where
        A: IntoFuture<IntoFuture: Send + 'a, Output: Send + 'a>,
        B: IntoFuture<IntoFuture: Send + 'a, Output: Send + 'a>,
    {
        let machine = Arc::clone(&self.machine);
        let first = Race::new(machine, [either(a, Either::Left), either(b, Either::Right)]);
        Box::pin(async move { first.await.1 })
    }

    /// Waits for the first of many things, gives the others up, and returns its place among them and its answer.
    ///
    /// # Panics
    ///
    /// When there is nothing to wait for.
    pub fn race_all<'a, I>(&self, all: I) -> Race<'a, <I::Item as IntoFuture>::Output>
    where
        I: IntoIterator,
        I::Item: IntoFuture,
        <I::Item as IntoFuture>::IntoFuture: Send + 'a,
    {
        Race::new(Arc::clone(&self.machine), all)
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

fn either<'a, F, A, B>(future: F, side: fn(F::Output) -> Either<A, B>) -> Boxed<'a, Either<A, B>>
where
    F: IntoFuture<IntoFuture: Send + 'a, Output: 'a>,
    A: Send + 'a,
    B: Send + 'a,
{
    let future = future.into_future();
    Box::pin(async move { side(future.await) })
}

fn took<T: 'static>(answer: super::machine::Answer) -> Result<T, Error> {
    answer.downcast().map(|answer| *answer).map_err(|_| Error::Internal("an answer is of another type".into()))
}

fn fits<T: DeserializeOwned>(bytes: &[u8]) -> Result<(), &'static str> {
    from_json::<T>(bytes).map(drop).map_err(|_| std::any::type_name::<T>())
}

/// Reads what somebody said. What does not fit the type is no answer, and the code does not get to see it: the code or
/// the words have to change.
async fn said<T: DeserializeOwned>(machine: &Machine, bytes: &[u8]) -> Result<T, Error> {
    match from_json(bytes) {
        Ok(said) => Ok(said),
        Err(problem) => {
            machine.refuse(Error::Said { run: machine.run().name().clone(), problem });
            std::future::pending().await
        }
    }
}
