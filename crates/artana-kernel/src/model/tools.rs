//! Which tools a model is shown: those the ask names and the tenant may use. Pure, but for the registry it reads.

use std::{collections::BTreeMap, sync::Arc};

use artana_core::{ContentRef, RunState, ToolName, json};
use artana_ports::{ToolDefinition, ToolPort, ToolSpec};
use serde_json::{Map, Value, json};

use super::ask::Tools;
use crate::{Error, Run};

/// The visible tools of an ask, and the decision on each.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// Whether tools that the run had not seen make no difference to what is recorded.
    pub(crate) open: bool,
    pub(crate) tools: BTreeMap<ToolName, Arc<dyn ToolPort>>,
    /// Signatures by name, which the fingerprint covers.
    pub(crate) signatures: Map<String, Value>,
    /// Decisions by name, which are recorded with a request.
    pub(crate) decisions: Map<String, Value>,
    /// Names that no tool is registered under.
    pub(crate) unknown: Vec<String>,
}

impl Shown {
    /// Decides what a model may see; `None` where the ask shows no tools at all.
    pub(crate) fn decide(run: &Run, asked: &Tools) -> Result<Option<Self>, Error> {
        let registry = &run.journal.shared.tools;
        let mut shown = Self {
            open: *asked == Tools::All,
            tools: BTreeMap::new(),
            signatures: Map::new(),
            decisions: Map::new(),
            unknown: Vec::new(),
        };
        match asked {
            Tools::None => return Ok(None),
            Tools::All => registry.values().for_each(|tool| shown.judge(run, tool)),
            Tools::Named(names) => {
                for name in names {
                    match registry.get(&ToolName::parse(name)?) {
                        Some(tool) => shown.judge(run, tool),
                        None => shown.unknown.push(name.clone()),
                    }
                }
            }
        }
        Ok(Some(shown))
    }

    fn judge(&mut self, run: &Run, tool: &Arc<dyn ToolPort>) {
        let spec = tool.spec();
        let name = &spec.signature.name;
        let decision = match missing(run, spec) {
            None => {
                self.signatures.insert(name.to_string(), signature(spec));
                self.tools.insert(name.clone(), Arc::clone(tool));
                json!({ "visible": true })
            }
            Some(capability) => json!({ "missing_capability": capability, "visible": false }),
        };
        self.decisions.insert(name.to_string(), decision);
    }

    /// Leaves only what a recorded ask showed, so that a tool it had not seen makes no difference.
    pub(crate) fn as_seen(&self, recorded: &Value) -> Map<String, Value> {
        let seen = |name: &String| recorded.get(name).is_some();
        self.signatures.iter().filter(|(name, _)| seen(name)).map(|(k, v)| (k.clone(), v.clone())).collect()
    }
}

/// Returns a tool as a model sees it.
pub(crate) fn definition(spec: &ToolSpec) -> ToolDefinition {
    ToolDefinition {
        name: spec.signature.name.to_string(),
        description: spec.description.clone(),
        args_schema: spec.args_schema.clone(),
    }
}

/// Returns the capability that a tool needs and the tenant or the run lacks.
fn missing(run: &Run, spec: &ToolSpec) -> Option<String> {
    let needed = spec.capability.as_ref()?;
    let bound = run.journal.with_state(|state: &RunState| state.capabilities().contains(needed));
    (!bound || !run.tenant.capabilities().contains(needed)).then(|| needed.to_string())
}

fn signature(spec: &ToolSpec) -> Value {
    let signature = &spec.signature;
    json!({
        "schema_hash": signature.schema_hash.to_string(),
        "schema_version": signature.schema_version,
        "version": signature.version.as_str(),
    })
}

/// Writes names by tool as canonical JSON.
pub(crate) fn canonical(by_name: &Map<String, Value>) -> Vec<u8> {
    json::to_canonical(&Value::Object(by_name.clone())).expect("names, texts and integers are in the profile")
}

/// Reads recorded signatures; `None` where they were erased.
pub(crate) async fn recorded(run: &Run, tools: &ContentRef) -> Result<Option<Value>, Error> {
    let bytes = run.journal.read_content(tools, artana_core::Seq::ZERO).await?;
    Ok(bytes.and_then(|bytes| json::parse(&bytes).ok()))
}
