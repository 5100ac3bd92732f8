//! `[metrics] listen`: the same page over HTTP, for this machine only.

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use flock_core::{Error, Result, limits};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::codegen::http::{Method, Request, Response, StatusCode};
use tower::Service;

use crate::service::local::Inquiries;

/// Takes the port, before anything else begins.
///
/// # Errors
/// `configuration` with code `cannot_listen`.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|e| {
        Error::configuration(format!(
            "cannot listen on {address}: {e}; change `listen` under [metrics] in agent.toml"
        ))
        .with_code("cannot_listen")
    })
}

/// Answers until `cancel`. A connection is for one request, and has [`limits::METRICS_MS`].
pub(crate) async fn serve(listener: TcpListener, inquiries: Arc<dyn Inquiries>, cancel: CancellationToken) {
    let (places, tasks) = (Arc::new(Semaphore::new(limits::METRICS_READERS)), TaskTracker::new());
    while let Some(accepted) = cancel.run_until_cancelled(listener.accept()).await {
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(limits::ACCEPT_PAUSE_MS)).await;
            continue;
        };
        // Who finds no place is turned away by the end of its connection.
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            let page = Page(Arc::clone(&inquiries));
            let cancel = cancel.clone();
            tasks.spawn(async move {
                let limit = Duration::from_millis(limits::METRICS_MS);
                let _ = cancel.run_until_cancelled(timeout(limit, answer(stream, page))).await;
                drop(place);
            });
        }
    }
    tasks.close();
    tasks.wait().await;
}

async fn answer(stream: TcpStream, page: Page) {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().keep_alive(false);
    let served = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(page));
    if let Err(error) = served.await {
        tracing::debug!(error, "a reader of metrics went");
    }
}

#[derive(Clone)]
struct Page(Arc<dyn Inquiries>);

impl<B: Send + 'static> Service<Request<B>> for Page {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let asked = (request.method().clone(), request.uri().path().to_owned());
        let inquiries = Arc::clone(&self.0);
        Box::pin(async move { Ok(respond(&*inquiries, asked).await) })
    }
}

async fn respond(inquiries: &dyn Inquiries, (method, path): (Method, String)) -> Response<String> {
    if path != "/metrics" {
        return plain(StatusCode::NOT_FOUND, "there is only /metrics\n".to_owned());
    }
    if method != Method::GET {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned());
    }
    match inquiries.metrics().await {
        Ok(text) => plain(StatusCode::OK, text),
        Err(error) => plain(StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}

fn plain(status: StatusCode, text: String) -> Response<String> {
    let mut response = Response::new(text);
    *response.status_mut() = status;
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    response
        .headers_mut()
        .insert("content-type", tonic::codegen::http::HeaderValue::from_static(kind));
    response
}
