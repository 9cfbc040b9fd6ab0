//! A model that says what a test tells it to, and remembers what it was asked.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use artana_core::event::{FinishReason, ModelCategory, Usage};
use artana_ports::{
    Clock, Delta, ModelAnswer, ModelContext, ModelError, ModelPort, ModelRequest, Part, SystemClock, ToolUse,
};
use async_trait::async_trait;
use serde_json::Value;

use super::sample::sample;

type Answer = Result<ModelAnswer, ModelError>;
type Function = dyn Fn(&ModelRequest, &ModelContext) -> Answer + Send + Sync;
type Choice = dyn Fn(&ModelRequest, &ModelContext) -> ScriptedModel + Send + Sync;

/// A model that follows a script. Cloning shares the script and what was asked.
///
/// # Example
///
/// ```
/// use std::{sync::Arc, time::Duration};
///
/// use artana_ports::{ModelAnswer, ModelError};
/// use artana_testkit::{ScriptedModel, SimClock};
/// use serde_json::json;
///
/// let fixed = ScriptedModel::json(json!({"message": "hello"})).usage(12, 5);
/// let from_the_ask = ScriptedModel::function(|request, _| {
///     Ok(ModelAnswer::text(format!("{} messages", request.messages.len())))
/// });
/// let whatever_fits = ScriptedModel::schema();
/// let clock = SimClock::new();
/// let a_bad_day = ScriptedModel::sequence([
///     ScriptedModel::failing(ModelError::http(429, "slow down").retry_after(Duration::from_secs(2))),
///     ScriptedModel::text("half of it").streaming(3).cut_after(2),
///     ScriptedModel::tool_call("look_up", json!({"city": "Bern"})),
///     ScriptedModel::text("at last").slow_by(Arc::new(clock.clone()), Duration::from_secs(40)),
/// ]);
/// assert_eq!(a_bad_day.calls(), 0);
/// ```
#[derive(Clone)]
pub struct ScriptedModel {
    script: Script,
    manner: Manner,
    asked: Arc<Mutex<Vec<ModelRequest>>>,
}

#[derive(Clone)]
enum Script {
    Function(Arc<Function>),
    Choice(Arc<Choice>),
    Sequence(Arc<Mutex<VecDeque<ScriptedModel>>>),
}

/// How a script's answers are given.
#[derive(Debug, Clone, Default)]
struct Manner {
    usage: Option<Usage>,
    delay: Option<(Arc<dyn Clock>, Duration)>,
    chunk: Option<usize>,
    end: Option<(usize, End)>,
}

/// How a stream ends before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Cut,
    Hang,
}

impl fmt::Debug for ScriptedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedModel").field("calls", &self.calls()).finish_non_exhaustive()
    }
}

impl ScriptedModel {
    /// Answers with what a function makes of the request.
    pub fn function<F>(script: F) -> Self
    where
        F: Fn(&ModelRequest, &ModelContext) -> Result<ModelAnswer, ModelError> + Send + Sync + 'static,
    {
        Self::new(Script::Function(Arc::new(script)))
    }

    fn new(script: Script) -> Self {
        Self { script, manner: Manner::default(), asked: Arc::default() }
    }

    /// Answers always with the same text.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::function(move |_, _| Ok(ModelAnswer::text(text.clone())))
    }

    /// Answers always with the same JSON.
    #[must_use]
    pub fn json(value: Value) -> Self {
        Self::text(value.to_string())
    }

    /// Asks always for one tool with these arguments.
    #[must_use]
    pub fn tool_call(name: &str, args: Value) -> Self {
        Self::tool_calls([(name, args)])
    }

    /// Asks always for these tools, in this order. The ids of the calls name the step; from the second on they count.
    pub fn tool_calls<N: Into<String>>(calls: impl IntoIterator<Item = (N, Value)>) -> Self {
        let calls: Vec<(String, String)> =
            calls.into_iter().map(|(name, args)| (name.into(), args.to_string())).collect();
        Self::function(move |_, cx| {
            let call = |(n, (name, args)): (usize, &(String, String))| {
                let count = if n == 0 { String::new() } else { format!("_{}", n + 1) };
                let call_id = format!("call_{}{count}", cx.step);
                Part::ToolCall(ToolUse { call_id, name: name.clone(), args: args.clone() })
            };
            Ok(ModelAnswer {
                parts: calls.iter().enumerate().map(call).collect(),
                finish: FinishReason::ToolCalls,
                ..ModelAnswer::default()
            })
        })
    }

    /// Answers with the smallest value that fits the schema that is asked for, or a short text where none is.
    ///
    /// It knows what schemas of Rust types hold. It cannot make up a text for a pattern, and takes an example that
    /// stands beside it. Where no value is found it fails.
    #[must_use]
    pub fn schema() -> Self {
        Self::function(|request, _| match &request.output_schema {
            None => Ok(ModelAnswer::text("text")),
            Some(schema) => match sample(schema) {
                Some(value) => Ok(ModelAnswer::text(value.to_string())),
                None => Err(ModelError::new(ModelCategory::Internal, "no value of this schema was found")),
            },
        })
    }

    /// Fails always in the same way.
    #[must_use]
    pub fn failing(error: ModelError) -> Self {
        Self::function(move |_, _| Err(error.clone()))
    }

    /// Follows one script after another, a call each, and fails when there is none left. Each keeps its own delay,
    /// streaming and usage; what is set on the sequence holds for those that have none.
    #[must_use]
    pub fn sequence(scripts: impl IntoIterator<Item = Self>) -> Self {
        Self::new(Script::Sequence(Arc::new(Mutex::new(scripts.into_iter().collect()))))
    }

    /// Follows the script that a function chooses by the request, such as one for each cycle of a step.
    pub fn choosing<F>(choose: F) -> Self
    where
        F: Fn(&ModelRequest, &ModelContext) -> Self + Send + Sync + 'static,
    {
        Self::new(Script::Choice(Arc::new(choose)))
    }

    /// Reports these tokens with each answer.
    #[must_use]
    pub fn usage(mut self, input: u64, output: u64) -> Self {
        self.manner.usage = Some(Usage { input, output, ..Usage::default() });
        self
    }

    /// Waits before each answer and each failure.
    #[must_use]
    pub fn slow(self, delay: Duration) -> Self {
        self.slow_by(Arc::new(SystemClock), delay)
    }

    /// Waits before each answer and each failure, by a clock of the test's.
    #[must_use]
    pub fn slow_by(mut self, clock: Arc<dyn Clock>, delay: Duration) -> Self {
        self.manner.delay = Some((clock, delay));
        self
    }

    /// Streams texts in pieces of so many characters, if somebody listens.
    #[must_use]
    pub fn streaming(mut self, characters: usize) -> Self {
        self.manner.chunk = Some(characters.max(1));
        self
    }

    /// Breaks each answer off after so many pieces of the stream, or at its end where it has fewer: the connection
    /// is lost, and with it the answer.
    #[must_use]
    pub fn cut_after(mut self, pieces: usize) -> Self {
        self.manner.end = Some((pieces, End::Cut));
        self
    }

    /// Falls silent after so many pieces of the stream, or at its end where it has fewer, and never answers.
    #[must_use]
    pub fn hang_after(mut self, pieces: usize) -> Self {
        self.manner.end = Some((pieces, End::Hang));
        self
    }

    /// Returns how often the model was asked.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.noted().len()
    }

    /// Returns what the model was asked, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<ModelRequest> {
        self.noted().clone()
    }

    fn noted(&self) -> MutexGuard<'_, Vec<ModelRequest>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes down to the function that answers, noting the question on the way.
    fn next(&self, request: &ModelRequest, cx: &ModelContext, outer: &Manner) -> Option<(Arc<Function>, Manner)> {
        self.noted().push(request.clone());
        let manner = self.manner.clone().or(outer);
        match &self.script {
            Script::Function(function) => Some((Arc::clone(function), manner)),
            Script::Choice(choose) => choose(request, cx).next(request, cx, &manner),
            Script::Sequence(scripts) => {
                let next = scripts.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                next?.next(request, cx, &manner)
            }
        }
    }
}

impl Manner {
    fn or(self, outer: &Self) -> Self {
        Self {
            usage: self.usage.or(outer.usage),
            delay: self.delay.or_else(|| outer.delay.clone()),
            chunk: self.chunk.or(outer.chunk),
            end: self.end.or(outer.end),
        }
    }

    /// Passes on the pieces of an answer, up to where it ends.
    async fn stream(&self, answer: &ModelAnswer, cx: &ModelContext) -> Result<(), ModelError> {
        let pieces = self.chunk.map_or_else(Vec::new, |chunk| pieces(answer, chunk));
        for piece in pieces.into_iter().take(self.end.map_or(usize::MAX, |(pieces, _)| pieces)) {
            cx.deltas.send(piece);
            tokio::task::yield_now().await;
        }
        match self.end {
            None => Ok(()),
            Some((_, End::Cut)) => Err(ModelError::new(ModelCategory::Network, "the stream broke off")),
            Some((_, End::Hang)) => std::future::pending().await,
        }
    }
}

fn pieces(answer: &ModelAnswer, chunk: usize) -> Vec<Delta> {
    let cut = |text: &str, wrap: fn(String) -> Delta| -> Vec<Delta> {
        let characters: Vec<char> = text.chars().collect();
        characters.chunks(chunk).map(|piece| wrap(piece.iter().collect())).collect()
    };
    let part = |part: &Part| match part {
        Part::Text(text) => cut(text, Delta::Text),
        Part::Reasoning(text) => cut(text, Delta::Reasoning),
        _ => Vec::new(),
    };
    answer.parts.iter().flat_map(part).collect()
}

#[async_trait]
impl ModelPort for ScriptedModel {
    async fn ask(&self, request: &ModelRequest, cx: &ModelContext) -> Result<ModelAnswer, ModelError> {
        let Some((function, manner)) = self.next(request, cx, &Manner::default()) else {
            return Err(ModelError::new(ModelCategory::Internal, "the script has ended"));
        };
        if let Some((clock, delay)) = &manner.delay {
            clock.sleep(*delay).await;
        }
        let mut answer = function(request, cx)?;
        answer.usage = manner.usage.unwrap_or(answer.usage);
        manner.stream(&answer, cx).await?;
        Ok(answer)
    }
}
