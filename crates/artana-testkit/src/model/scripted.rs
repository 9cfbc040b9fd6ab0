//! A model that says what a test tells it to, and remembers what it was asked.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use artana_core::event::{FinishReason, ModelCategory, Usage};
use artana_ports::{
    Clock, Delta, ModelAnswer, ModelContext, ModelError, ModelPort, ModelRequest, Part, SystemClock, ToolUse,
};
use async_trait::async_trait;
use serde_json::Value;

use super::sample::sample;

type Script = dyn Fn(&ModelRequest, &ModelContext) -> Result<ModelAnswer, ModelError> + Send + Sync;

/// A model that follows a script. Cloning shares the script and what was asked.
///
/// # Example
///
/// ```
/// use artana_testkit::ScriptedModel;
/// use serde_json::json;
///
/// let fixed = ScriptedModel::json(json!({"message": "hello"}));
/// let by_turns = ScriptedModel::sequence([ScriptedModel::text("first"), ScriptedModel::text("then")]);
/// ```
#[derive(Clone)]
pub struct ScriptedModel {
    script: Arc<Script>,
    usage: Option<Usage>,
    delay: Option<(Arc<dyn Clock>, Duration)>,
    chunk: Option<usize>,
    cut: Option<usize>,
    asked: Arc<Mutex<Vec<ModelRequest>>>,
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
        Self { script: Arc::new(script), usage: None, delay: None, chunk: None, cut: None, asked: Arc::default() }
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
        let (name, args) = (name.to_owned(), args.to_string());
        Self::function(move |_, cx| {
            let call = ToolUse { call_id: format!("call_{}", cx.step), name: name.clone(), args: args.clone() };
            Ok(ModelAnswer {
                parts: vec![Part::ToolCall(call)],
                finish: FinishReason::ToolCalls,
                ..ModelAnswer::default()
            })
        })
    }

    /// Answers with the smallest value that fits the schema that is asked for, or a short text where none is.
    #[must_use]
    pub fn schema() -> Self {
        Self::function(|request, _| {
            Ok(ModelAnswer::text(match &request.output_schema {
                Some(schema) => sample(schema).to_string(),
                None => "text".to_owned(),
            }))
        })
    }

    /// Fails always in the same way.
    #[must_use]
    pub fn failing(error: ModelError) -> Self {
        Self::function(move |_, _| Err(error.clone()))
    }

    /// Follows one script after another, a call each, and fails when there is none left.
    #[must_use]
    pub fn sequence(scripts: impl IntoIterator<Item = Self>) -> Self {
        let scripts: Mutex<VecDeque<Self>> = Mutex::new(scripts.into_iter().collect());
        Self::function(move |request, cx| {
            let next = scripts.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            match next {
                Some(next) => (next.script)(request, cx).map(|answer| next.with_usage(answer)),
                None => Err(ModelError::new(ModelCategory::Internal, "the script has ended")),
            }
        })
    }

    /// Reports these tokens with each answer.
    #[must_use]
    pub fn usage(mut self, input: u64, output: u64) -> Self {
        self.usage = Some(Usage { input, output, ..Usage::default() });
        self
    }

    /// Waits before each answer.
    #[must_use]
    pub fn slow(self, delay: Duration) -> Self {
        self.slow_by(Arc::new(SystemClock), delay)
    }

    /// Waits before each answer, by a clock of the test's.
    #[must_use]
    pub fn slow_by(mut self, clock: Arc<dyn Clock>, delay: Duration) -> Self {
        self.delay = Some((clock, delay));
        self
    }

    /// Streams texts in pieces of so many characters, if somebody listens.
    #[must_use]
    pub fn streaming(mut self, characters: usize) -> Self {
        self.chunk = Some(characters.max(1));
        self
    }

    /// Breaks the stream after so many pieces: the connection is lost, and with it the answer.
    #[must_use]
    pub fn cut_after(mut self, pieces: usize) -> Self {
        self.cut = Some(pieces);
        self
    }

    /// Returns how often the model was asked.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Returns what the model was asked, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<ModelRequest> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn with_usage(&self, mut answer: ModelAnswer) -> ModelAnswer {
        if let Some(usage) = self.usage {
            answer.usage = usage;
        }
        answer
    }

    async fn stream(&self, answer: &ModelAnswer, cx: &ModelContext) -> Result<(), ModelError> {
        let Some(chunk) = self.chunk else { return Ok(()) };
        let mut sent = 0;
        for part in &answer.parts {
            let (text, is_text) = match part {
                Part::Text(text) => (text, true),
                Part::Reasoning(text) => (text, false),
                _ => continue,
            };
            let characters: Vec<char> = text.chars().collect();
            for piece in characters.chunks(chunk) {
                if self.cut == Some(sent) {
                    return Err(ModelError::new(ModelCategory::Network, "the stream broke off"));
                }
                let piece = piece.iter().collect();
                cx.deltas.send(if is_text { Delta::Text(piece) } else { Delta::Reasoning(piece) });
                sent += 1;
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl ModelPort for ScriptedModel {
    async fn ask(&self, request: &ModelRequest, cx: &ModelContext) -> Result<ModelAnswer, ModelError> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        if let Some((clock, delay)) = &self.delay {
            clock.sleep(*delay).await;
        }
        let answer = self.with_usage((self.script)(request, cx)?);
        self.stream(&answer, cx).await?;
        Ok(answer)
    }
}
