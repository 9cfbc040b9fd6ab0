//! The provider at the other end of the wire: it does what the script says.

use artana_conformance::model::{Incoming, Reply, Scripted};
use artana_ports::{ModelAnswer, Part};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Exchange, Frame, Head, form};

/// Answers requests side by side until the adapter is gone.
pub(crate) async fn serve(script: Scripted, mut requests: mpsc::UnboundedReceiver<Exchange>) {
    while let Some(exchange) = requests.recv().await {
        let body: Value = serde_json::from_slice(&exchange.body).expect("the adapter writes JSON");
        assert_eq!(body["credential"], script.credential());
        let incoming = script.receive(form::read_request(&body["request"]));
        let stream = body["stream"] == true;
        tokio::spawn(async move { reply(&incoming, stream, &exchange.reply).await });
    }
}

async fn reply(incoming: &Incoming, stream: bool, to: &mpsc::UnboundedSender<Frame>) {
    let fine = |length| send(to, Frame::Head(Head { status: 200, length, ..Head::default() }));
    match incoming.reply() {
        Reply::Answer { answer, pieces } if stream => {
            fine(None);
            for piece in pieces {
                line(to, &form::piece(piece));
                tokio::task::yield_now().await;
            }
            let texts = |part: &Part| matches!(part, Part::Text(_) | Part::Reasoning(_));
            let parts = answer.parts.iter().filter(|part| !texts(part)).cloned().collect();
            line(to, &json!({ "last": form::answer(&ModelAnswer { parts, ..(**answer).clone() }) }));
        }
        Reply::Answer { answer, .. } => {
            let bytes = form::answer(answer).to_string().into_bytes();
            fine(Some(bytes.len()));
            send(to, Frame::Bytes(bytes));
        }
        Reply::Stall { pieces } => {
            fine(Some(1000));
            pieces.iter().filter(|_| stream).for_each(|piece| line(to, &form::piece(piece)));
            to.closed().await;
        }
        Reply::Cut { pieces } => {
            fine(Some(1000));
            pieces.iter().filter(|_| stream).for_each(|piece| line(to, &form::piece(piece)));
            send(to, Frame::Bytes(b"{\"par".to_vec()));
        }
        Reply::Fail(failure) => {
            let (request_id, wait) = (failure.request_id.clone(), failure.retry_after.map(|wait| wait.as_secs()));
            send(to, Frame::Head(Head { status: failure.status, length: None, request_id, retry_after: wait }));
            send(to, Frame::Bytes(json!({ "error": failure.message }).to_string().into_bytes()));
        }
        Reply::HangUp => {}
        Reply::Nonsense(bytes) => {
            fine(Some(bytes.len()));
            send(to, Frame::Bytes(bytes.clone()));
        }
    }
}

fn send(to: &mpsc::UnboundedSender<Frame>, frame: Frame) {
    // Whoever asked may have gone.
    let _ = to.send(frame);
}

fn line(to: &mpsc::UnboundedSender<Frame>, value: &Value) {
    send(to, Frame::Bytes(format!("{value}\n").into_bytes()));
}
