//! A provider of payments that keeps its own book: the truth about which effects happened, how often and
//! under which key. It can be told to behave as badly as real ones do. It knows nothing of runs or stores.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};

/// An effect that really happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The idempotency key it was asked under.
    pub key: String,
    /// What was asked.
    pub request: Value,
    /// The provider's own id of the effect.
    pub effect_id: String,
}

/// What the provider answers about an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The provider's own id of the effect.
    pub effect_id: String,
    /// The reply's bytes; JSON, unless the provider talks garbage.
    pub reply: Vec<u8>,
}

/// Why a call was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "the effect is known not to have happened, or nothing is known")]
pub enum ProviderFault {
    /// The provider refused before it did anything.
    #[error("the provider refused the call")]
    Refused,
    /// The connection went away; the effect may have happened.
    #[error("the connection to the provider was lost")]
    ReplyLost,
}

/// What the provider does with keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "a key is honoured, forgotten after a while, or ignored")]
pub enum Keys {
    /// A key has one effect; asking again answers the first receipt.
    #[default]
    Honoured,
    /// Like honoured, but only the latest so many keys are remembered.
    Pruned(usize),
    /// Keys mean nothing: every call is an effect, and lookups find nothing.
    Ignored,
}

/// What the provider does with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "a test picks among all of them")]
pub enum Manner {
    /// As it should.
    #[default]
    Well,
    /// It fails before the effect.
    Refuse,
    /// The effect happens and the reply is lost.
    LoseReply,
    /// The effect happens twice.
    Duplicate,
    /// The effect happens and the reply is no JSON.
    Garbage,
}

/// The provider. Clones share the book.
#[derive(Debug, Clone, Default)]
pub struct Provider(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    book: Vec<Entry>,
    receipts: BTreeMap<String, Receipt>,
    remembered: VecDeque<String>,
    keys: Keys,
    usual: Manner,
    next: VecDeque<Manner>,
    calls: u64,
}

impl Provider {
    /// Opens a provider with an empty book that honours keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what it does with keys from now on.
    #[must_use]
    pub fn keys(self, keys: Keys) -> Self {
        self.state().keys = keys;
        self
    }

    /// Sets what it does with calls for which nothing else was planned.
    #[must_use]
    pub fn usually(self, manner: Manner) -> Self {
        self.state().usual = manner;
        self
    }

    /// Plans what it does with the next calls, one by one.
    pub fn next_calls(&self, manners: impl IntoIterator<Item = Manner>) {
        self.state().next.extend(manners);
    }

    /// Forgets all keys now; the book stays.
    pub fn forget_keys(&self) {
        let mut state = self.state();
        state.receipts.clear();
        state.remembered.clear();
    }

    /// Performs the effect, in the manner that was planned.
    ///
    /// # Errors
    ///
    /// [`ProviderFault`], which alone never says whether the effect happened: the book does.
    pub fn charge(&self, key: &str, request: &Value) -> Result<Receipt, ProviderFault> {
        let mut state = self.state();
        state.calls += 1;
        let usual = state.usual;
        let manner = state.next.pop_front().unwrap_or(usual);
        if manner == Manner::Refuse {
            return Err(ProviderFault::Refused);
        }
        let receipt = match state.receipts.get(key) {
            Some(receipt) => receipt.clone(),
            None => state.perform(key, request),
        };
        match manner {
            Manner::LoseReply => return Err(ProviderFault::ReplyLost),
            Manner::Duplicate => drop(state.perform(key, request)),
            Manner::Garbage => return Ok(Receipt { reply: b"\xff<html>502".to_vec(), ..receipt }),
            Manner::Well | Manner::Refuse => {}
        }
        Ok(receipt)
    }

    /// Answers what became of a key, as far as the provider remembers.
    #[must_use]
    pub fn lookup(&self, key: &str) -> Option<Receipt> {
        self.state().receipts.get(key).cloned()
    }

    /// Returns every effect that really happened, in order.
    #[must_use]
    pub fn book(&self) -> Vec<Entry> {
        self.state().book.clone()
    }

    /// Returns how many effects happened under a key.
    #[must_use]
    pub fn effects(&self, key: &str) -> usize {
        self.state().book.iter().filter(|entry| entry.key == key).count()
    }

    /// Returns how often it was called.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Does it, enters it in the book and remembers the key as long as keys are remembered.
    fn perform(&mut self, key: &str, request: &Value) -> Receipt {
        let effect_id = format!("ch_{}", self.book.len() + 1);
        let reply = json!({ "charge": effect_id }).to_string().into_bytes();
        self.book.push(Entry { key: key.to_owned(), request: request.clone(), effect_id: effect_id.clone() });
        let receipt = Receipt { effect_id, reply };
        let most = match self.keys {
            Keys::Honoured => usize::MAX,
            Keys::Pruned(most) => most,
            Keys::Ignored => 0,
        };
        if !self.receipts.contains_key(key) {
            self.receipts.insert(key.to_owned(), receipt.clone());
            self.remembered.push_back(key.to_owned());
        }
        while self.remembered.len() > most {
            let oldest = self.remembered.pop_front().expect("more than none are remembered");
            self.receipts.remove(&oldest);
        }
        receipt
    }
}
