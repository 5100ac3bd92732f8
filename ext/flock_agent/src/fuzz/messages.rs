//! Protobuf and its JSON: the messages of both sockets, and what they are converted to.

use flock_core::{
    chain::{Hop, verdict},
    id::NodeName,
    notification::State,
    target::{Candidate, choose},
};
use prost::Message;
use serde::{Serialize, de::DeserializeOwned};
use tonic::{Code, Status, metadata::MetadataMap};

use super::Target;
use crate::{delivery::receive, draft, fuzz::files, pb, wire};

/// Decodes one kind of message, and asserts that it survives being encoded.
type Codec = fn(&[u8]);

macro_rules! codecs {
    ($($message:ident),* $(,)?) => {
        [$((|input: &[u8]| {
            let _ = stable::<pb::$message>(input);
        }) as Codec),*]
    };
}

/// Every message that crosses a socket; the first byte of an input says which.
const CODECS: [Codec; 38] = codecs![
    Draft,
    Envelope,
    Outcome,
    Targets,
    NodeInfo,
    Nodes,
    Up,
    Down,
    ResolveRequest,
    Resolved,
    Receipt,
    ResourcesRequest,
    Resources,
    HelloRequest,
    AgentInfo,
    Stored,
    RunChange,
    NodesRequest,
    ListRequest,
    Record,
    Records,
    SteerRequest,
    AwaitRequest,
    StatusReport,
    Finding,
    DoctorReport,
    TokenRequest,
    Token,
    NodeRemoveRequest,
    HubTokenRequest,
    HubToken,
    HubNodeRemove,
    JoinRequest,
    Leaf,
    Nonce,
    RenewRequest,
    SessionHello,
    Card,
];

pub(super) fn targets() -> Vec<Target> {
    vec![
        Target::new("messages", seeds(), decode_any),
        Target::new("draft", vec![sample_draft().encode_to_vec()], convert_draft),
        Target::new("envelope", vec![sample_envelope().encode_to_vec()], convert_envelope),
        Target::new("outcome", vec![sample_outcome().encode_to_vec()], convert_outcome),
        Target::new(
            "status",
            vec![b"denied\0token_expired\0the token has expired".to_vec()],
            convert_status,
        ),
    ]
}

fn decode_any(input: &[u8]) {
    if let Some((which, message)) = input.split_first() {
        CODECS[usize::from(*which) % CODECS.len()](message);
    }
}

/// What decodes says the same after it was encoded.
pub(super) fn stable<M: Message + Default + PartialEq + std::fmt::Debug>(input: &[u8]) -> Option<M> {
    let message = M::decode(input).ok()?;
    let again = M::decode(message.encode_to_vec().as_slice()).unwrap();
    assert_eq!(message, again);
    Some(message)
}

/// [`stable`] for JSON.
pub(super) fn stable_json<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(input: &[u8]) -> Option<T> {
    let value: T = serde_json::from_slice(input).ok()?;
    let again: T = serde_json::from_slice(&serde_json::to_vec(&value).unwrap()).unwrap();
    assert_eq!(value, again);
    Some(value)
}

fn convert_draft(input: &[u8]) {
    let Some(draft) = stable::<pb::Draft>(input) else {
        return;
    };
    let checked = draft::check(&draft);
    let Some(asked) = &draft.targets else { return };
    let Ok(targets) = draft::targets(asked) else {
        assert!(checked.is_err(), "a draft whose targets mean nothing was accepted");
        return;
    };
    if checked.is_err() {
        return;
    }
    assert!(draft.encoded_len() <= flock_core::limits::DRAFT_BYTES && draft::ttl_ms(&draft) > 0);
    let named: Vec<_> = targets
        .nodes
        .iter()
        .map(|name| Candidate { name, live: true })
        .collect();
    assert!(choose(&named, targets.select, &draft.id).len() <= named.len());
    draft::named_targets(asked);
}

fn convert_envelope(input: &[u8]) {
    let Some(envelope) = stable::<pb::Envelope>(input) else {
        return;
    };
    let node = |name: &str| NodeName::parse(name);
    if let (Ok(from), Ok(own)) = (node(&envelope.sender), node(&envelope.target)) {
        let _ = receive::check_envelope(&from, &own, &envelope);
    }
    let hops: Vec<_> = envelope
        .chain
        .iter()
        .map(|hop| Hop::new(&hop.node, &hop.key, &hop.action))
        .collect();
    let _ = verdict(&hops, &Hop::new(&envelope.target, &envelope.key, &envelope.action));
}

fn convert_outcome(input: &[u8]) {
    let Some(outcome) = stable::<pb::Outcome>(input) else {
        return;
    };
    if let Ok(from) = NodeName::parse(&outcome.target)
        && receive::check_outcome(&from, &outcome).is_ok()
    {
        assert!(State::parse(&outcome.state).is_some_and(State::is_final));
    }
}

/// A failed call of any server: kind, code and message, separated by zeros.
fn convert_status(input: &[u8]) {
    let mut parts = input.splitn(3, |byte| *byte == 0);
    let mut metadata = MetadataMap::new();
    for key in [wire::KIND_HEADER, wire::CODE_HEADER] {
        if let Ok(value) = tonic::metadata::MetadataValue::try_from(parts.next().unwrap_or_default()) {
            metadata.insert(key, value);
        }
    }
    let message = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let error = wire::error(Status::with_metadata(Code::Unknown, message, metadata));
    let again = wire::error(wire::status(error.clone()));
    assert_eq!((error.kind(), error.code()), (again.kind(), again.code()));
}

/// One for each kind: samples of those that have parts, and a few fields of the small ones.
fn seeds() -> Vec<Vec<u8>> {
    let announce = files::sample_node();
    let resolve = pb::ResolveRequest {
        targets: sample_draft().targets,
        id: sample_draft().id,
        ..Default::default()
    };
    let hello = pb::SessionHello {
        announce: Some(announce.clone()),
        epoch: 3,
        ..Default::default()
    };
    let up = pb::Up {
        body: Some(pb::up::Body::Hello(hello)),
    };
    let presence = pb::Presence {
        node: Some(announce.clone()),
    };
    let down = pb::Down {
        body: Some(pb::down::Body::Presence(presence)),
    };
    let nodes = pb::Nodes {
        nodes: vec![announce.clone()],
        stale: true,
        revision: 9,
    };
    let samples = [
        sample_draft().encode_to_vec(),
        sample_envelope().encode_to_vec(),
        sample_outcome().encode_to_vec(),
        resolve.targets.clone().unwrap_or_default().encode_to_vec(),
        announce.encode_to_vec(),
        nodes.encode_to_vec(),
        up.encode_to_vec(),
        down.encode_to_vec(),
        resolve.encode_to_vec(),
        nodes.encode_to_vec(),
    ];
    let small = std::iter::repeat(b"\x0a\x03abc\x10\x07\x1a\x02xy\x20\x01".to_vec());
    let tagged = |(which, message): (usize, Vec<u8>)| [&[u8::try_from(which).unwrap()], message.as_slice()].concat();
    samples
        .into_iter()
        .chain(small)
        .take(CODECS.len())
        .enumerate()
        .map(tagged)
        .collect()
}

/// A draft with every field set.
pub(super) fn sample_draft() -> pb::Draft {
    pb::Draft {
        id: "01900000-0000-7000-8000-00000000000a".into(),
        key: "service[nginx]".into(),
        action: "reload".into(),
        timing: "delayed".into(),
        targets: Some(pb::Targets {
            nodes: vec!["web1".into(), "web2".into()],
            roles: vec!["web".into()],
            recipes: vec!["nginx::default".into()],
            environment: "prod".into(),
            tags: vec!["blue".into()],
            r#match: "50%".into(),
            when_none: "wait".into(),
            ..Default::default()
        }),
        sources: vec![sample_source()],
        chain: vec![pb::Hop {
            node: "a".into(),
            key: "file[/x]".into(),
            action: "create".into(),
        }],
        cause_root: "01900000-0000-7000-8000-00000000000b".into(),
        ttl_ms: 60_000,
        retry: 3,
        subscription: "0123456789abcdef0123456789abcdef".into(),
        late: true,
        operator: "alice".into(),
    }
}

fn sample_source() -> pb::Source {
    pb::Source {
        key: "file[/etc/x]".into(),
        action: "create".into(),
        recipe: "web::default".into(),
        line: 12,
        run_id: "r".into(),
    }
}

fn sample_envelope() -> pb::Envelope {
    let draft = sample_draft();
    pb::Envelope {
        id: draft.id,
        sender: "hub1".into(),
        incarnation: 1,
        seq: 7,
        target: "web1".into(),
        key: draft.key,
        action: draft.action,
        timing: draft.timing,
        sources: draft.sources,
        chain: draft.chain,
        cause_root: draft.cause_root,
        ttl_ms: draft.ttl_ms,
        retry: 1,
        attempt: 1,
        subscription: draft.subscription,
        late: draft.late,
        operator: draft.operator,
    }
}

fn sample_outcome() -> pb::Outcome {
    pb::Outcome {
        id: sample_draft().id,
        target: "web1".into(),
        state: "failed".into(),
        code: "timed_out".into(),
        message: "it took too long".into(),
        run_ms: 12,
        shared_with: 2,
        attempt: 1,
    }
}
