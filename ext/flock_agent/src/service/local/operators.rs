//! The hub's door for operators, on its peer port: what the local socket offers, as far as it is no node's own business.
//!
//! Reading is open. Whatever acts goes to its target in the operator's name, and the target's `[[allow]]` decides; here it is only seen to
//! that nobody speaks for another one, and that nobody has more open than a share. That the certificate is an operator's and in force was
//! seen to before, for every call.

use flock_core::{
    Error, Result,
    holder::{Holder, OperatorName},
    limits,
};
use tonic::{Request, Response, Status, Streaming, service::interceptor::InterceptedService};

use super::{
    LocalService,
    rpc::{Answer, answer, within},
};
use crate::{
    pb::{
        self,
        local_server::{Local, LocalServer},
    },
    places::{Place, Places},
    transport::OperatorIdentity,
    wire,
};

/// The door; cheap to clone.
#[derive(Clone)]
pub struct Operators {
    local: LocalService,
    /// Of calls that are held until something happens.
    waits: Places,
    /// Of all others, so that who waits much can still look.
    calls: Places,
}

/// Whose call it is, as long as it lasts.
struct Caller {
    /// Without the prefix, as its certificate has it.
    name: String,
    _place: Place,
}

type Intercept = fn(Request<()>) -> std::result::Result<Request<()>, Status>;

impl Operators {
    /// The door that is answered as `local` is.
    pub fn new(local: LocalService) -> Self {
        Self {
            local,
            waits: Places::new(limits::OPERATORS_WAITS, limits::OPERATOR_WAITS),
            calls: Places::new(limits::OPERATORS_CALLS, limits::OPERATOR_CALLS),
        }
    }

    /// The service with its limits, ready to be added to the routes of the peer port.
    pub fn server(self) -> InterceptedService<LocalServer<Self>, Intercept> {
        let server = LocalServer::new(self)
            .max_decoding_message_size(flock_core::limits::CALL_MESSAGE_BYTES)
            .max_encoding_message_size(flock_core::limits::LOCAL_ANSWER_BYTES);
        InterceptedService::new(server, wire::check_protocol as Intercept)
    }

    #[allow(clippy::result_large_err, reason = "tonic's services answer with Status")]
    fn caller<T>(&self, request: &Request<T>) -> std::result::Result<Caller, Status> {
        let share = (limits::OPERATOR_CALLS, limits::OPERATORS_CALLS);
        caller(&self.calls, operator(request)?, share).map_err(wire::status)
    }

    /// The same of a call that may take as long as the caller likes.
    #[allow(clippy::result_large_err, reason = "tonic's services answer with Status")]
    fn waiter<T>(&self, request: &Request<T>) -> std::result::Result<Caller, Status> {
        let share = (limits::OPERATOR_WAITS, limits::OPERATORS_WAITS);
        caller(&self.waits, operator(request)?, share).map_err(wire::status)
    }

    /// A draft as an operator may write it: what led to it is nobody's run.
    async fn keep(&self, operator: String, draft: pb::Draft) -> Result<pb::Stored> {
        let own = pb::Draft {
            sources: Vec::new(),
            chain: Vec::new(),
            cause_root: String::new(),
            subscription: String::new(),
            late: false,
            operator,
            ..draft
        };
        self.local.keep(own).await
    }

    async fn steer_own(&self, operator: &str, asked: pb::SteerRequest) -> Result<pb::Records> {
        let one = pb::ListRequest {
            id: asked.id.clone(),
            direction: "out".into(),
            ..Default::default()
        };
        let found = self.local.find(one).await?.records;
        let is_own = !found.is_empty() && found.iter().all(|record| record.operator == operator);
        if !is_own {
            return Err(Error::denied(format!(
                "notification {} is not of operator/{operator}; steer it with flockctl on the hub",
                asked.id
            ))
            .with_code("not_yours"));
        }
        self.local.steer_one(asked).await
    }
}

#[tonic::async_trait]
impl Local for Operators {
    async fn hello(&self, request: Request<pb::HelloRequest>) -> Answer<pb::AgentInfo> {
        let _caller = self.caller(&request)?;
        self.local.hello(request).await
    }

    async fn append(&self, request: Request<pb::Draft>) -> Answer<pb::Stored> {
        let caller = self.caller(&request)?;
        within(self.keep(caller.name.clone(), request.into_inner())).await
    }

    async fn resolve(&self, request: Request<pb::Targets>) -> Answer<pb::Nodes> {
        let _caller = self.caller(&request)?;
        self.local.resolve(request).await
    }

    async fn nodes(&self, request: Request<pb::NodesRequest>) -> Answer<pb::Nodes> {
        let _caller = self.caller(&request)?;
        self.local.nodes(request).await
    }

    async fn resources(&self, request: Request<pb::ResourcesRequest>) -> Answer<pb::Resources> {
        let caller = self.caller(&request)?;
        let asked = pb::ResourcesRequest {
            operator: caller.name.clone(),
            ..request.into_inner()
        };
        within(self.local.inquiries.resources(asked)).await
    }

    async fn list(&self, request: Request<pb::ListRequest>) -> Answer<pb::Records> {
        let _caller = self.caller(&request)?;
        self.local.list(request).await
    }

    async fn steer(&self, request: Request<pb::SteerRequest>) -> Answer<pb::Records> {
        let caller = self.caller(&request)?;
        within(self.steer_own(&caller.name, request.into_inner())).await
    }

    async fn r#await(&self, request: Request<pb::AwaitRequest>) -> Answer<pb::Records> {
        let _caller = self.waiter(&request)?;
        let asked = pb::AwaitRequest {
            waiter: None,
            ..request.into_inner()
        };
        answer(self.local.await_end(asked).await)
    }

    async fn status(&self, request: Request<pb::StatusRequest>) -> Answer<pb::StatusReport> {
        let _caller = self.caller(&request)?;
        self.local.status(request).await
    }

    async fn subscriptions(&self, request: Request<pb::SubscriptionsRequest>) -> Answer<pb::SubscriptionRecords> {
        let _caller = self.caller(&request)?;
        within(self.local.inquiries.subscriptions_of_flock(request.into_inner())).await
    }

    async fn call(&self, request: Request<pb::CallRequest>) -> Answer<pb::CallReply> {
        let caller = self.waiter(&request)?;
        let call = pb::CallRequest {
            operator: caller.name.clone(),
            ..request.into_inner()
        };
        // Bounded by its own deadline, as the next one.
        answer(self.local.inquiries.call(call).await)
    }

    async fn observe(&self, request: Request<pb::ObserveRequest>) -> Answer<pb::Observed> {
        let caller = self.waiter(&request)?;
        let asked = pb::ObserveRequest {
            operator: caller.name.clone(),
            waiter: None,
            ..request.into_inner()
        };
        answer(self.local.watch(asked).await)
    }

    async fn why(&self, request: Request<pb::WhyRequest>) -> Answer<pb::WhyReport> {
        let _caller = self.caller(&request)?;
        self.local.why(request).await
    }

    async fn operators(&self, request: Request<pb::OperatorsRequest>) -> Answer<pb::OperatorRecords> {
        let _caller = self.caller(&request)?;
        self.local.operators(request).await
    }

    async fn metrics(&self, _: Request<pb::MetricsRequest>) -> Answer<pb::MetricsReport> {
        not_here("metrics")
    }

    async fn log_level(&self, _: Request<pb::LogLevelRequest>) -> Answer<pb::LogLevelReport> {
        not_here("log-level")
    }

    async fn run_changed(&self, _: Request<pb::RunChange>) -> Answer<pb::Ack> {
        not_here("what a Chef run tells its agent")
    }

    async fn doctor(&self, _: Request<pb::DoctorRequest>) -> Answer<pb::DoctorReport> {
        not_here("doctor")
    }

    async fn token_create(&self, _: Request<pb::TokenRequest>) -> Answer<pb::Token> {
        not_here("token create")
    }

    async fn node_remove(&self, _: Request<pb::NodeRemoveRequest>) -> Answer<pb::Ack> {
        not_here("removing nodes and operators")
    }

    async fn leave(&self, _: Request<pb::LeaveRequest>) -> Answer<pb::LeaveReport> {
        not_here("leave")
    }

    async fn backup(&self, _: Request<pb::BackupRequest>) -> Answer<pb::BackupReport> {
        not_here("backup")
    }

    type HostStream = <LocalService as Local>::HostStream;

    async fn host(&self, _: Request<Streaming<pb::HostUp>>) -> Answer<Self::HostStream> {
        not_here("serving APIs")
    }

    async fn api_changed(&self, _: Request<pb::ApiChange>) -> Answer<pb::Ack> {
        not_here("what a host of APIs tells its agent")
    }
}

/// The operator of a call.
#[allow(clippy::result_large_err, reason = "tonic's services answer with Status")]
fn operator<T>(request: &Request<T>) -> std::result::Result<&OperatorName, Status> {
    let identity = request.extensions().get::<OperatorIdentity>();
    identity
        .map(|identity| &identity.0)
        .ok_or_else(|| wire::status(Error::denied("this is for operators").with_code("not_an_operator")))
}

fn caller(places: &Places, operator: &OperatorName, (own, all): (usize, usize)) -> Result<Caller> {
    let place = places.take(&Holder::Operator(operator.clone())).ok_or_else(|| {
        Error::rejected(format!(
            "{operator} has too much open on this hub, or all operators together have: {own} waits or calls at a time, and {all} of all; \
             let some end, or ask again later"
        ))
        .with_code("operator_busy")
    })?;
    Ok(Caller {
        name: operator.name().to_owned(),
        _place: place,
    })
}

fn not_here<T>(what: &str) -> Answer<T> {
    let message = format!("{what} is not for operators: run flockctl on the node itself, or on the hub");
    Err::<Response<T>, _>(wire::status(Error::denied(message).with_code("node_only")))
}
