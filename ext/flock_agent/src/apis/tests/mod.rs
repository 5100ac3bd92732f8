//! Hosts and their callers, each host an in-memory stream.

mod lifetimes;
mod streams;

use std::time::Duration;

use flock_core::{ErrorKind, limits};
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{hosts::Want, serve::Downs, *};
use crate::pb::{host_down, host_up};

const PATIENCE: Duration = Duration::from_secs(20);

/// The process of one host.
pub(crate) struct Process {
    ups: mpsc::Sender<Result<pb::HostUp, Status>>,
    downs: Downs,
}

pub(crate) fn info(name: &str, methods: &[&str], concurrency: u32, queue: u32) -> pb::ApiInfo {
    let method = |name: &&str| pb::ApiMethod {
        name: (*name).to_owned(),
        ..Default::default()
    };
    pb::ApiInfo {
        name: name.to_owned(),
        methods: methods.iter().map(method).collect(),
        concurrency,
        queue,
        ..Default::default()
    }
}

fn want(kind: Kind, digest: &str, apis: &[&str]) -> Want {
    Want {
        kind,
        digest: digest.to_owned(),
        apis: apis.iter().map(|&api| api.to_owned()).collect(),
        start: json!({"files": ["a.rb"]}),
    }
}

async fn event(hosts: &Hosts) -> Value {
    tokio::time::timeout(PATIENCE, hosts.next_event()).await.unwrap()
}

/// The token for the first host of the event that comes now.
async fn token(hosts: &Hosts) -> String {
    event(hosts).await["hosts"][0]["token"].as_str().unwrap().to_owned()
}

async fn connect(hosts: &Hosts, token: &str, apis: Vec<pb::ApiInfo>) -> Result<Process> {
    let (ups, queue) = mpsc::channel(16);
    let hello = pb::HostHello {
        token: token.to_owned(),
        pid: 7,
        apis,
        problems: Vec::new(),
    };
    let body = Some(host_up::Body::Hello(hello));
    ups.send(Ok(pb::HostUp { body })).await.unwrap();
    let downs = hosts
        .serve(ReceiverStream::new(queue), CancellationToken::new())
        .await?;
    Ok(Process { ups, downs })
}

/// One host of files that offers `apis`.
pub(crate) async fn serving(apis: Vec<pb::ApiInfo>) -> (Hosts, Process) {
    let hosts = Hosts::default();
    hosts.want(&[want(Kind::Files, "1", &[])], &Value::Null);
    let token = token(&hosts).await;
    let process = connect(&hosts, &token, apis).await.unwrap();
    (hosts, process)
}

impl Process {
    pub(crate) async fn down(&mut self) -> Option<host_down::Body> {
        let next = tokio::time::timeout(PATIENCE, self.downs.next()).await;
        next.unwrap().map(|down| down.body.unwrap())
    }

    pub(crate) async fn next_call(&mut self) -> pb::HostCall {
        match self.down().await {
            Some(host_down::Body::Call(call)) => call,
            other => panic!("not a call: {other:?}"),
        }
    }

    async fn reply(&self, reply: pb::HostReply) {
        let body = Some(host_up::Body::Reply(reply));
        self.ups.send(Ok(pb::HostUp { body })).await.unwrap();
    }

    pub(crate) async fn answer(&self, rpc_id: u64, result: &str) {
        let result = result.as_bytes().to_vec();
        let reply = pb::HostReply {
            rpc_id,
            result,
            ..Default::default()
        };
        self.reply(reply).await;
    }
}

impl Process {
    pub(crate) async fn yields(&self, rpc_id: u64, values: &str) {
        let result = values.as_bytes().to_vec();
        let reply = pb::HostReply {
            rpc_id,
            result,
            yielded: true,
            ..Default::default()
        };
        self.reply(reply).await;
    }
}

fn request(api: &str, method: &str) -> pb::CallRequest {
    pb::CallRequest {
        api: api.to_owned(),
        method: method.to_owned(),
        arguments: b"[1]".to_vec(),
        timeout_ms: 5_000,
        ..Default::default()
    }
}

/// What the method of the API `a` yields.
fn open(hosts: &Hosts) -> Yielding {
    let call = pb::CallRequest {
        streams: true,
        ..request("a", "m")
    };
    hosts.open(&Holder::parse("bender2").unwrap(), call).unwrap()
}

async fn call(hosts: &Hosts, call: pb::CallRequest) -> Result<pb::CallReply> {
    let from = Holder::parse("bender2").unwrap();
    tokio::time::timeout(PATIENCE, hosts.call(&from, call)).await.unwrap()
}

fn calling(hosts: &Hosts, request: pb::CallRequest) -> JoinHandle<Result<pb::CallReply>> {
    let hosts = hosts.clone();
    tokio::spawn(async move { call(&hosts, request).await })
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let seen = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, seen)
        .await
        .unwrap_or_else(|_| panic!("{what}"));
}

fn kind_and_code<T: std::fmt::Debug>(result: Result<T>) -> (ErrorKind, String) {
    let error = result.unwrap_err();
    (error.kind(), error.code().to_owned())
}

#[tokio::test]
async fn a_call_reaches_the_method_with_its_caller_and_deadline_and_is_answered() {
    let (hosts, mut host) = serving(vec![info("human_api", &["greet"], 1, 0)]).await;
    let waiting = calling(&hosts, request("human_api", "greet"));
    let heard = host.next_call().await;
    assert_eq!(
        (
            heard.from.as_str(),
            heard.method.as_str(),
            heard.arguments.as_slice(),
            heard.timeout_ms
        ),
        ("bender2", "greet", &b"[1]"[..], 5_000)
    );
    host.answer(heard.rpc_id, "\"hi\"").await;
    assert_eq!(waiting.await.unwrap().unwrap().result, b"\"hi\"");
}

#[tokio::test]
async fn what_the_method_raised_is_data_and_what_the_host_refuses_is_an_error() {
    let (hosts, mut host) = serving(vec![info("a", &["m"], 2, 0)]).await;
    let (first, second) = (calling(&hosts, request("a", "m")), calling(&hosts, request("a", "m")));
    let rpc_ids = [host.next_call().await.rpc_id, host.next_call().await.rpc_id];
    let fault = pb::Fault {
        class_name: "Humans::Gone".into(),
        message: "none left".into(),
        backtrace: vec!["humans.rb:3".into()],
    };
    let raised = pb::HostReply {
        rpc_id: rpc_ids[0],
        fault: Some(fault.clone()),
        ..Default::default()
    };
    host.reply(raised).await;
    let refused = pb::HostReply {
        rpc_id: rpc_ids[1],
        kind: "protocol".into(),
        code: "not_data".into(),
        message: "the result".into(),
        ..Default::default()
    };
    host.reply(refused).await;
    let answers = [first.await.unwrap(), second.await.unwrap()];
    let (faults, errors): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(faults[0].as_ref().unwrap().fault, Some(fault));
    assert_eq!(errors[0].as_ref().unwrap_err().code(), "not_data");
}

#[tokio::test]
async fn beyond_its_concurrency_and_queue_an_api_refuses_at_once_until_a_call_has_ended() {
    let (hosts, mut host) = serving(vec![info("a", &["m"], 1, 1), info("b", &["m"], 1, 1)]).await;
    let waiting = [calling(&hosts, request("a", "m")), calling(&hosts, request("a", "m"))];
    let first = host.next_call().await.rpc_id;
    host.next_call().await;
    let full = (ErrorKind::Rejected, "queue_full".to_owned());
    assert_eq!(kind_and_code(call(&hosts, request("a", "m")).await), full);
    let other = calling(&hosts, request("b", "m"));
    assert_eq!(host.next_call().await.api, "b");
    host.answer(first, "1").await;
    until("the place is free", || hosts.status()[1].calls == 2).await;
    let next = calling(&hosts, request("a", "m"));
    host.next_call().await;
    for task in waiting.into_iter().chain([other, next]) {
        task.abort();
    }
}

#[tokio::test]
async fn who_gives_up_is_told_to_the_host_and_keeps_its_place_until_the_host_is_done() {
    let (hosts, mut host) = serving(vec![info("a", &["m"], 1, 1)]).await;
    let waiting = calling(&hosts, request("a", "m"));
    let rpc_id = host.next_call().await.rpc_id;
    waiting.abort();
    let cancelled = Some(host_down::Body::Cancel(pb::HostCancel { rpc_id }));
    assert_eq!(host.down().await, cancelled);
    assert_eq!(hosts.status()[1].calls, 1);
    host.answer(rpc_id, "1").await;
    until("it is over", || hosts.status()[1].calls == 0).await;
}

#[tokio::test]
async fn a_receipt_is_answered_when_the_host_has_the_call() {
    let (hosts, mut host) = serving(vec![info("a", &["m"], 1, 1)]).await;
    let receipt = pb::CallRequest {
        receipt: true,
        ..request("a", "m")
    };
    let waiting = calling(&hosts, receipt);
    let heard = host.next_call().await;
    assert!(heard.receipt);
    let accepted = pb::HostReply {
        rpc_id: heard.rpc_id,
        accepted: true,
        ..Default::default()
    };
    host.reply(accepted).await;
    assert_eq!(waiting.await.unwrap().unwrap().result, b"null");
    assert_eq!(hosts.status()[1].calls, 1);
    host.answer(heard.rpc_id, "1").await;
    until("it is over", || hosts.status()[1].calls == 0).await;
}

#[tokio::test]
async fn callers_of_a_host_that_dies_hear_it_and_so_do_those_who_come_before_the_next() {
    let (hosts, mut host) = serving(vec![info("a", &["m"], 1, 1)]).await;
    let down = (ErrorKind::Connection, "api_down".to_owned());
    let waiting = calling(&hosts, request("a", "m"));
    host.next_call().await;
    drop(host);
    let perhaps = (ErrorKind::OutcomeUnknown, "api_down".to_owned());
    assert_eq!(kind_and_code(waiting.await.unwrap()), perhaps);
    until("it is gone", || hosts.names().is_empty()).await;
    let told = json!({"kind": "files", "state": "backing_off", "failures": 1, "message": "it ended (signal 9)"});
    hosts.note(told).unwrap();
    let error = call(&hosts, request("a", "m")).await.unwrap_err();
    assert!(
        error.code() == "api_down" && error.message().contains("it ended (signal 9)"),
        "{error}"
    );
    assert_eq!(kind_and_code(hosts.owner("m")), down);
    assert_eq!(hosts.status()[1].state, "backing_off");
}

#[tokio::test]
async fn only_what_is_offered_and_exposed_can_be_called() {
    let (hosts, _host) = serving(vec![info("a", &["m", "x"], 1, 1), info("b", &["m"], 1, 1)]).await;
    let code = |api: &'static str, method: &'static str| {
        let hosts = hosts.clone();
        async move { kind_and_code(call(&hosts, request(api, method)).await) }
    };
    assert_eq!(code("c", "m").await, (ErrorKind::ResourceNotFound, "no_api".to_owned()));
    assert_eq!(
        code("a", "instance_eval").await,
        (ErrorKind::ResourceNotFound, "no_method".to_owned())
    );
    assert_eq!(hosts.owner("x").unwrap(), "a");
    assert_eq!(kind_and_code(hosts.owner("m")).1, "ambiguous");
    assert_eq!(kind_and_code(hosts.owner("y")).1, "no_method");
    assert_eq!(hosts.names(), ["a", "b"]);
    assert_eq!(hosts.services(), ["/a", "/a/m", "/a/x", "/b", "/b/m"]);
}

#[tokio::test]
async fn without_hosts_there_are_no_apis_and_ruby_hears_nothing() {
    let hosts = Hosts::default();
    hosts.want(&[], &json!({"socket": "s"}));
    assert_eq!(kind_and_code(call(&hosts, request("a", "m")).await).1, "no_api");
    let silent = tokio::time::timeout(Duration::from_millis(50), hosts.next_event()).await;
    assert!(silent.is_err());
    assert!(hosts.status().iter().all(|host| host.state == "off"));
}
