//! Faults at every port: named points that a test records, and at which it lets things go wrong.
//! Without an order a point only counts itself; the wrapped port never notices.

mod model;
mod store;
mod tool;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use artana_ports::Clock;
use tokio::sync::watch;

pub use model::FaultModel;
pub use store::FaultStore;
pub use tool::FaultTool;

/// A point that was passed: the how-manieth in all, and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Point {
    /// 1 for the first point passed.
    pub n: usize,
    /// What is about to happen or just happened, such as `append.before`.
    pub name: &'static str,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.n, self.name)
    }
}

/// Which point an order is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a point has a number and a name")]
pub enum Spot {
    /// The point of this number.
    Number(usize),
    /// The first point of this name from now on.
    Name(&'static str),
    /// Every point of this name.
    Every(&'static str),
}

impl From<usize> for Spot {
    fn from(n: usize) -> Self {
        Self::Number(n)
    }
}

impl From<&'static str> for Spot {
    fn from(name: &'static str) -> Self {
        Self::Name(name)
    }
}

/// What goes wrong at a point.
#[derive(Clone)]
#[non_exhaustive]
pub enum Action {
    /// The process dies: [`Faults::crashed`] answers, and the call never returns.
    Crash,
    /// The call fails: before, without having happened; after, with its reply lost. Before is
    /// `Unavailable` for a store and transient for a tool; after is `Ambiguous` for an append,
    /// `Unavailable` for other calls of a store, and unknown for a tool. A model loses its network.
    Fail,
    /// An append conflicts without having been tried; elsewhere nothing happens.
    Conflict,
    /// The call takes longer, on this clock.
    Delay(Arc<dyn Clock>, Duration),
    /// The hook runs on the thread of the call, and may block it for ever.
    Hook(Arc<dyn Fn(&Point) + Send + Sync>),
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crash => f.write_str("Crash"),
            Self::Fail => f.write_str("Fail"),
            Self::Conflict => f.write_str("Conflict"),
            Self::Delay(_, by) => f.debug_tuple("Delay").field(by).finish(),
            Self::Hook(_) => f.write_str("Hook"),
        }
    }
}

/// What a wrapper has to do after a point was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    GoOn,
    Fail,
    Conflict,
}

/// Plans faults and records points. Clones share both, so that one plan covers all ports of a process.
#[derive(Debug, Clone)]
pub struct Faults(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    plan: Mutex<Plan>,
    crashed: watch::Sender<Option<Point>>,
}

#[derive(Debug, Default)]
struct Plan {
    points: Vec<Point>,
    orders: Vec<(Spot, Action)>,
}

impl Faults {
    /// Plans nothing: a dry run that records the points passed.
    #[must_use]
    pub fn record() -> Self {
        Self(Arc::new(Shared { plan: Mutex::default(), crashed: watch::Sender::new(None) }))
    }

    /// Plans a crash at the point of this number.
    #[must_use]
    pub fn crash_at(n: usize) -> Self {
        Self::record().at(n, Action::Crash)
    }

    /// Plans what goes wrong at a point: by number, by name, or every time.
    #[must_use]
    pub fn at(self, spot: impl Into<Spot>, action: Action) -> Self {
        self.plan(spot, action);
        self
    }

    /// Like [`Faults::at`], while the wrapped ports are in use.
    pub fn plan(&self, spot: impl Into<Spot>, action: Action) {
        self.lock().orders.push((spot.into(), action));
    }

    /// Returns the points passed so far, in order.
    #[must_use]
    pub fn points(&self) -> Vec<Point> {
        self.lock().points.clone()
    }

    /// Waits for the crash, and returns where it was.
    ///
    /// Whoever waits drops what the process held: its tasks never go on.
    pub async fn crashed(&self) -> Point {
        let mut crashed = self.0.crashed.subscribe();
        let point = crashed.wait_for(Option::is_some).await.expect("the sender is in self");
        point.clone().expect("it was waited for")
    }

    /// Returns whether the crash has come.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        self.0.crashed.borrow().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Plan> {
        self.0.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes a point: records it and does what was planned. A dead process passes no more points.
    pub(crate) async fn pass(&self, name: &'static str) -> Order {
        if self.has_crashed() {
            return std::future::pending().await;
        }
        let (point, action) = self.lock().pass(name);
        match action {
            None => Order::GoOn,
            Some(Action::Fail) => Order::Fail,
            Some(Action::Conflict) => Order::Conflict,
            Some(Action::Crash) => {
                self.0.crashed.send_replace(Some(point));
                std::future::pending().await
            }
            Some(Action::Delay(clock, by)) => {
                clock.sleep(by).await;
                Order::GoOn
            }
            Some(Action::Hook(hook)) => {
                hook(&point);
                Order::GoOn
            }
        }
    }
}

impl Plan {
    fn pass(&mut self, name: &'static str) -> (Point, Option<Action>) {
        let point = Point { n: self.points.len() + 1, name };
        self.points.push(point.clone());
        let planned = self.orders.iter().position(|(spot, _)| match spot {
            Spot::Number(n) => *n == point.n,
            Spot::Name(wanted) | Spot::Every(wanted) => *wanted == name,
        });
        let action = planned.map(|at| match self.orders[at].0 {
            Spot::Every(_) => self.orders[at].1.clone(),
            Spot::Number(_) | Spot::Name(_) => self.orders.remove(at).1,
        });
        (point, action)
    }
}
