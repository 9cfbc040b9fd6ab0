//! Automatic keys go on where the ledger stands: no session gets another one's answer to another question.

use std::sync::Mutex;

use artana_harness::{Failure, Harness, HarnessContext, HarnessRunner, Result, Worked};
use artana_ports::{ModelAnswer, ModelRequest};
use artana_testkit::ScriptedModel;

use crate::world::{life, tenant, world};

/// Asks its questions one after the other, under automatic keys.
struct Asks<'a> {
    questions: Vec<String>,
    answers: &'a Mutex<Vec<String>>,
    /// Fails after so many answers.
    fails_after: usize,
}

impl Harness for Asks<'_> {
    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        for (n, question) in self.questions.iter().enumerate() {
            if n == self.fails_after {
                return Err(Failure::new("out of patience"));
            }
            let answer = cx.next("ask").model("demo/one").prompt(question).await?.into_output();
            self.answers.lock().expect("nobody panicked").push(answer);
        }
        Ok(Worked::More)
    }
}

/// Answers each question with itself, in other words.
fn echo() -> ScriptedModel {
    ScriptedModel::function(|request: &ModelRequest, _| {
        let asked = format!("{:?}", request.messages);
        let number = asked.chars().filter(char::is_ascii_digit).collect::<String>();
        Ok(ModelAnswer::text(format!("answer {number}")))
    })
}

fn questions(numbers: &[u32]) -> Vec<String> {
    numbers.iter().map(|number| format!("What is {number}?")).collect()
}

async fn session(
    kernel: &artana_kernel::Kernel,
    numbers: &[u32],
    fails_after: usize,
) -> (Vec<String>, Result<(), artana_harness::Error>) {
    let answers = Mutex::default();
    let asks = Asks { questions: questions(numbers), answers: &answers, fails_after };
    let ended = HarnessRunner::new(kernel, asks).run(&tenant(), "r").await.map(drop);
    (answers.into_inner().expect("nobody panicked"), ended)
}

#[tokio::test]
async fn two_sessions_with_automatic_keys_get_answers_to_their_own_questions() {
    let (world, model) = (world(), echo());
    let kernel = world.builder().model(model.clone()).build().unwrap();
    assert_eq!(session(&kernel, &[1, 2], 9).await.0, ["answer 1", "answer 2"]);
    assert_eq!(session(&kernel, &[3, 4], 9).await.0, ["answer 3", "answer 4"]);
    assert_eq!(model.calls(), 4);
    let run = kernel.open_run(&tenant(), "r").await.unwrap();
    let keys = run.latest(|state| state.steps().map(|(key, _)| key.to_string()).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(keys, ["session-1/ask-1", "session-1/ask-2", "session-2/ask-1", "session-2/ask-2"]);
}

#[tokio::test]
async fn a_session_after_an_error_asks_only_what_has_no_answer() {
    let (world, model) = (world(), echo());
    let kernel = world.builder().model(model.clone()).build().unwrap();
    let (answers, failed) = session(&kernel, &[1, 2, 3], 2).await;
    assert_eq!((answers.len(), failed.is_err()), (2, true));
    assert_eq!(session(&kernel, &[1, 2, 3], 9).await.0, ["answer 1", "answer 2", "answer 3"]);
    assert_eq!(model.calls(), 3);
}

#[tokio::test]
async fn another_question_under_the_key_of_an_unfinished_session_is_refused_not_answered() {
    let (world, model) = (world(), echo());
    let kernel = world.builder().model(model).build().unwrap();
    assert!(session(&kernel, &[1, 2], 1).await.1.is_err());
    let (answers, refused) = session(&kernel, &[7], 9).await;
    assert_eq!((answers.len(), refused.unwrap_err().code()), (0, "artana::drift"));
}

#[test]
fn a_session_that_goes_on_after_a_crash_comes_to_the_same_keys() {
    let (world, model) = (world(), echo());
    life(async {
        let kernel = world.builder().model(model.clone()).build().unwrap();
        let acme = tenant();
        let answers = Mutex::default();
        let runner = HarnessRunner::new(&kernel, Crashes(&answers));
        tokio::select! {
            biased;
            _ = runner.run(&acme, "r") => panic!("it hangs"),
            () = async { for _ in 0..300 { tokio::task::yield_now().await } } => {}
        }
        assert_eq!(answers.lock().unwrap().len(), 1);
        std::mem::forget(kernel);
    });
    world.bury();
    life(async {
        let kernel = world.builder().model(model.clone()).build().unwrap();
        assert_eq!(session(&kernel, &[1, 2], 9).await.0, ["answer 1", "answer 2"]);
        assert_eq!(model.calls(), 2, "the first answer is the ledger's");
    });
}

/// Asks one question, and never comes back.
struct Crashes<'a>(&'a Mutex<Vec<String>>);

impl Harness for Crashes<'_> {
    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        let answer = cx.next("ask").model("demo/one").prompt("What is 1?").await?.into_output();
        self.0.lock().expect("nobody panicked").push(answer);
        std::future::pending().await
    }
}
