//! What recipes and people ask of the agent of their node.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use flock_agent::{
    pb::{self, local_server::Local},
    service::local::LocalService,
    spool, wire,
};
use flock_core::Error;
use tokio::{sync::oneshot, time::timeout};
use tonic::{Code, Request};

use super::{Answer, Node, Question};
use crate::{
    flock::{Flock, Promise, now_ms},
    oracle::directory::View,
};

/// How long a recipe waits for its agent.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long people wait for an end, in milliseconds, and what the answer may take beyond it.
pub const AWAIT_MS: u64 = 10_000;
const AWAIT_MORE_MS: u64 = 3_000;

/// As the native client of a recipe: the agent if it answers, else the spool.
pub async fn notify(node: Arc<Node>, flock: Arc<Flock>, local: LocalService, draft: pb::Draft, waits: bool) {
    pending(&node).push(draft.clone());
    let answer = timeout(PATIENCE, local.append(Request::new(draft.clone()))).await;
    pending(&node).retain(|waiting| waiting.id != draft.id);
    match answer {
        Ok(Ok(_)) => promise(&node, &flock, &draft, "outbox"),
        Ok(Err(status)) if status.code() == Code::InvalidArgument => {
            flock.violation(node.name, format!("a draft was refused: {status}"));
        }
        _ => keep(&node, &flock, &draft),
    }
    if waits {
        wait(node, flock, local, draft.id).await;
    }
}

/// The spool: it needs no agent.
pub fn keep(node: &Node, flock: &Flock, draft: &pb::Draft) {
    match spool::write(&node.data_dir, draft) {
        Ok(()) => promise(node, flock, draft, "spool"),
        Err(error) => flock.violation(node.name, format!("a draft could be kept nowhere: {error}")),
    }
}

fn promise(node: &Node, flock: &Flock, draft: &pb::Draft, place: &str) {
    flock.log(node.name, &format!("{} is kept in the {place}", short(&draft.id)));
    let promise = Promise { sender: node.name };
    flock.state().promises.insert(draft.id.clone(), promise);
    flock.tempt(node.name);
}

/// As `flockctl notify --wait`.
async fn wait(node: Arc<Node>, flock: Arc<Flock>, local: LocalService, id: String) {
    let key = format!("{} {id}", node.name);
    {
        let mut state = flock.state();
        let until = now_ms(&state) + AWAIT_MS + AWAIT_MORE_MS;
        state.waits.insert(key.clone(), until);
    }
    let asked = pb::AwaitRequest {
        id: id.clone(),
        timeout_ms: AWAIT_MS,
        waiter: None,
    };
    let answer = local.r#await(Request::new(asked)).await;
    flock.state().waits.remove(&key);
    let states = answer.map(|found| {
        found
            .into_inner()
            .records
            .into_iter()
            .map(|r| r.state)
            .collect::<Vec<_>>()
    });
    let told = states.map_or_else(|status| status.code().to_string(), |states| states.join(" "));
    flock.log(node.name, &format!("the wait for {} ended: {told}", short(&id)));
}

/// A question of a process, which is forgotten when that has ended.
pub async fn answer(local: LocalService, question: Question, mut answer: oneshot::Sender<Result<Answer, Error>>) {
    let answered = tokio::select! {
        answered = ask(local, question) => answered,
        () = answer.closed() => return,
    };
    let _ = answer.send(answered);
}

/// # Errors
/// Those that the process's Ruby would raise.
async fn ask(local: LocalService, question: Question) -> Result<Answer, Error> {
    let answer = match question {
        Question::Call(call) => local
            .call(Request::new(call))
            .await
            .map(|it| Answer::Reply(it.into_inner())),
        Question::Resolve(targets) => local
            .resolve(Request::new(targets))
            .await
            .map(|it| Answer::Nodes(it.into_inner())),
        Question::Observe(asked) => local.observe(Request::new(asked)).await.map(|_| Answer::Observed),
    };
    answer.map_err(wire::error)
}

/// As `flockctl status` and, on the hub, `flockctl nodes`.
pub async fn look(node: Arc<Node>, flock: Arc<Flock>, local: LocalService) {
    let Ok(status) = local.status(Request::new(pb::StatusRequest {})).await else {
        return;
    };
    let found = local.nodes(Request::new(pb::NodesRequest::default())).await;
    let found = found.map(tonic::Response::into_inner).unwrap_or_default();
    let status = status.into_inner();
    let view = View {
        epoch: status.epoch,
        connected: status.link == "connected",
        nodes: if found.stale { Vec::new() } else { found.nodes },
    };
    flock.state().views.insert(node.name, view);
}

fn pending(node: &Node) -> std::sync::MutexGuard<'_, Vec<pb::Draft>> {
    node.pending.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The end of an id, which is enough to tell them apart.
pub fn short(id: &str) -> String {
    format!("n{}", id.rsplit('-').next().unwrap_or_default().trim_start_matches('0'))
}
