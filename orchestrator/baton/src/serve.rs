//! `baton serve`: what is started in which order, and ended in which.
//!
//! ```text
//! start: embedded broker, if no Kafka is named -> store -> HTTP (alive, not ready) -> engine (waits for Kafka) -> HTTP (everything)
//! end:   not ready -> HTTP answers what it has -> engine drains and stops -> store closes
//!        -> embedded broker
//! ```

use crate::bindings;
use crate::config::{Config, Error};
use crate::dev::Dev;
use crate::embedded::Running;
use crate::node::Node;
use crate::telemetry;
use crate::telemetry::recorder::Recorder;
use axum::serve::{Listener, ListenerExt};
use baton_api::{App, Parts, Watches};
use baton_engine::ViewWriter;
use baton_engine::registry::Registry;
use baton_kafka::map_io::MapIo;
use baton_kafka::{Ports, Runtime, RuntimeHandle, StartError};
use baton_objects::{Files, Storage, Stores};
use baton_schemas::Payload;
use baton_store::Store;
use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Most threads for what blocks: reading views, asking brokers.
const BLOCKING_THREADS_MAX: usize = 32;
/// How long answers of the starting node may take to get out.
const EARLY_HTTP_END: Duration = Duration::from_secs(1);
/// Part of the time for an orderly end that HTTP may take; the rest is the engine's.
const HTTP_SHARE: u32 = 3;
/// How long the last spans may take to get out.
const LAST_SPANS_END: Duration = Duration::from_secs(2);

/// Runs a node until SIGTERM or SIGINT.
///
/// # Errors
/// Why it could not start, or did not end in order.
pub fn run(mut config: Config, dev: Option<Dev>) -> Result<(), Error> {
    telemetry::log_panics();
    let broker = Running::start(&mut config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_name("baton-http")
        .enable_all()
        .build()
        .map_err(|e| Error(format!("the threads for HTTP can't be started: {e}")))?;
    let result = runtime.block_on(serve(config, dev));
    // What still blocks (a query, a broker that does not answer) must not hold up the end.
    runtime.shutdown_timeout(Duration::from_secs(1));
    if let Some(broker) = broker {
        broker.stop();
    }
    result
}

async fn serve(config: Config, dev: Option<Dev>) -> Result<(), Error> {
    let stop = stop_signal()?;
    if let Some(folder) = &config.bindings {
        bindings::check(folder)?;
    }
    let registry = Arc::<Registry>::default();
    let settings = baton_store::Settings {
        retention_ms: config.kafka.closed_kept_ms,
        declarations: Some(registry.clone()),
        ..baton_store::Settings::default()
    };
    let (store, views) =
        Store::open(&config.data, settings).map_err(|e| Error(format!("local store: {e}")))?;
    let listener = std::net::TcpListener::bind(config.http).map_err(|e| {
        Error(format!(
            "HTTP can't be served on {}: {e}; say --http HOST:PORT",
            config.http
        ))
    })?;
    let address = listener.local_addr().map_err(|e| Error(e.to_string()))?;
    tracing::info!(
        node.name = %config.kafka.node,
        http.address = %address,
        kafka.brokers = %config.kafka.brokers,
        version = env!("CARGO_PKG_VERSION"),
        "starting"
    );
    let recorder = recorder(&config, &store)?;
    let views = match &recorder {
        Some(recorder) => recorder.listen(views),
        None => views,
    };
    let watches = Arc::<Watches>::default();
    let views = match &dev {
        Some(dev) => dev.listen(watches.feed(views))?,
        None => watches.feed(views),
    };
    let started = start_engine(
        &config,
        registry.clone(),
        &store,
        views,
        &listener,
        stop.clone(),
    )
    .await?;
    let Some(engine) = started else {
        store.close();
        return Ok(());
    };
    let node = Arc::new(Node {
        engine: engine.clone(),
        store: store.clone(),
        recorder: recorder.clone(),
    });
    let parts = Parts {
        calls: Arc::new(engine.clone()),
        writer: Arc::new(engine.clone()),
        registry,
        views: store.clone(),
        queues: node.clone(),
        cluster: node,
        watches,
    };
    let settings = baton_api::Settings {
        region: config.region.as_str().into(),
        account: config.account.as_str().into(),
        url: config.kafka.url.clone(),
        requests_max: config.requests_max,
        access_keys: config.access_keys.clone(),
    };
    let app = App::new(parts, settings)
        .map_err(|e| Error(format!("the HTTP client for other nodes: {e}")))?;
    let app = Arc::new(app);
    tracing::info!(http.address = %address, "serving");
    tokio::spawn(app.clone().keep_surveying());
    tokio::spawn(app.clone().keep_jobs());
    let extras = Extras {
        config: config.clone(),
        app: app.clone(),
        engine: engine.clone(),
        stop: stop.clone(),
    };
    let extras = tokio::spawn(extras.run(dev));
    let begun = serve_until(&app, &listener, stop, config.shutdown_timeout / HTTP_SHARE).await?;
    if let Err(error) = extras.await {
        tracing::error!(%error, "bindings and demo did not end in order");
    }
    let left = config.shutdown_timeout.saturating_sub(begun.elapsed());
    end(engine, store, recorder, left).await
}

/// What a node does beside serving: bindings, and what `dev` adds.
struct Extras {
    config: Config,
    app: Arc<App>,
    engine: RuntimeHandle,
    stop: watch::Receiver<bool>,
}

impl Extras {
    /// Ends when everything of it has, after `stop` says so.
    async fn run(self, dev: Option<Dev>) {
        if let Some(dev) = &dev
            && let Err(error) = dev
                .begin(&self.config, &self.app, &self.engine, &self.stop)
                .await
        {
            tracing::error!("{error}");
        }
        let partitions = self.engine.partitions();
        let kept = bindings::keep(&self.config, self.app, partitions, self.stop.clone());
        if let Some(dev) = dev {
            dev.keep(self.config, self.stop).await;
        }
        match kept {
            Ok(None) => {}
            Ok(Some(keeper)) => {
                if let Err(error) = keeper.await {
                    tracing::error!(%error, "the bindings ended by a panic");
                }
            }
            Err(error) => tracing::error!("{error}"),
        }
    }
}

/// Starts what makes traces, if they are wanted.
fn recorder(config: &Config, store: &Arc<Store>) -> Result<Option<Arc<Recorder>>, Error> {
    let Some(target) = config.traces.clone() else {
        return Ok(None);
    };
    tracing::info!(
        otlp.endpoint = target.endpoint.as_deref(),
        "exporting traces"
    );
    let recorder = Recorder::start(target, store.clone())?;
    Ok(Some(Arc::new(recorder)))
}

/// The object store of distributed Maps.
#[cfg(feature = "s3")]
fn objects(config: &Config) -> Result<Option<Arc<dyn Storage>>, Error> {
    let s3 = baton_objects::S3Config {
        endpoint: config.s3_endpoint.clone(),
        region: Some(config.region.clone()),
    };
    let s3 = baton_objects::S3::new(s3);
    let s3 = s3.map_err(|e| Error(format!("a thread can't be started: {e}")))?;
    Ok(Some(Arc::new(s3)))
}

/// The object store of distributed Maps: this build has none.
#[cfg(not(feature = "s3"))]
fn objects(config: &Config) -> Result<Option<Arc<dyn Storage>>, Error> {
    match &config.s3_endpoint {
        None => Ok(None),
        Some(_) => Err(Error(
            "--s3-endpoint: this build has no object stores; build baton with --features s3"
                .to_owned(),
        )),
    }
}

/// Where distributed Maps read items and write results.
fn map_io(config: &Config) -> Result<Arc<MapIo>, Error> {
    let files = config.map_files.clone().map(Files::new);
    let stores = Stores {
        objects: objects(config)?,
        files: files.map(|files| Arc::new(files) as Arc<dyn Storage>),
    };
    Ok(Arc::new(move |request: &Payload| {
        baton_objects::serve(&stores, request)
    }))
}

/// Serves "alive, not ready" while the engine starts; `None` if the end was asked for meanwhile.
async fn start_engine(
    config: &Config,
    registry: Arc<Registry>,
    store: &Arc<Store>,
    views: Box<dyn ViewWriter>,
    listener: &std::net::TcpListener,
    stop: watch::Receiver<bool>,
) -> Result<Option<RuntimeHandle>, Error> {
    let given_up = Arc::new(AtomicBool::new(false));
    let (kafka, asked) = (config.kafka.clone(), given_up.clone());
    let ports = Ports {
        registry,
        views,
        checkpoints: store.clone(),
        queries: store.clone(),
        map_io: map_io(config)?,
    };
    let mut starting = tokio::task::spawn_blocking(move || {
        Runtime::start_unless(kafka, ports, &|| asked.load(Ordering::Relaxed))
    });
    let (ended, end) = watch::channel(false);
    let early =
        axum::serve(again(listener)?, baton_api::starting()).with_graceful_shutdown(told(end));
    let mut early = tokio::spawn(early.into_future());
    let result = tokio::select! {
        result = &mut starting => result,
        () = told(stop) => {
            given_up.store(true, Ordering::Relaxed);
            starting.await
        }
    };
    finish(&ended, &mut early, EARLY_HTTP_END).await;
    match result.map_err(|e| Error(format!("the engine's start did not end: {e}")))? {
        Ok(engine) => Ok(Some(engine)),
        Err(StartError::NoBroker(_)) if given_up.load(Ordering::Relaxed) => Ok(None),
        Err(error) => {
            store.close();
            Err(Error(error.to_string()))
        }
    }
}

/// Serves everything until the end is asked for and what was asked before is answered; returns when that was.
async fn serve_until(
    app: &Arc<App>,
    listener: &std::net::TcpListener,
    stop: watch::Receiver<bool>,
    patience: Duration,
) -> Result<Instant, Error> {
    let (ended, end) = watch::channel(false);
    let router = baton_api::router(app.clone());
    let serving = axum::serve(again(listener)?, router).with_graceful_shutdown(told(end));
    let mut serving = tokio::spawn(serving.into_future());
    tokio::select! {
        result = &mut serving => return Err(Error(format!("HTTP ended by itself: {result:?}"))),
        () = told(stop) => {}
    }
    let begun = Instant::now();
    tracing::info!("stopping: answering what has been asked");
    app.drain();
    finish(&ended, &mut serving, patience).await;
    Ok(begun)
}

/// Ends the engine, then what reads the store, then the store.
async fn end(
    engine: RuntimeHandle,
    store: Arc<Store>,
    recorder: Option<Arc<Recorder>>,
    patience: Duration,
) -> Result<(), Error> {
    let ending = tokio::task::spawn_blocking(move || {
        let drained = engine.drain(patience);
        engine.stop();
        if let Some(recorder) = recorder {
            recorder.stop(LAST_SPANS_END);
        }
        store.close();
        drained
    });
    match ending.await {
        Ok(true) => {
            tracing::info!("stopped");
            Ok(())
        }
        Ok(false) => {
            let message = "stopped before everything under way was acknowledged; the log decides what became of it";
            Err(Error(message.to_owned()))
        }
        Err(e) => Err(Error(format!("the engine did not end: {e}"))),
    }
}

/// Lets a server finish what it has, then ends it.
async fn finish<T>(ended: &watch::Sender<bool>, server: &mut JoinHandle<T>, patience: Duration) {
    // Nobody listens if the server has ended by itself.
    let _ = ended.send(true);
    if tokio::time::timeout(patience, &mut *server).await.is_err() {
        tracing::warn!("HTTP requests were still open and are dropped");
        server.abort();
    }
}

/// The same socket for another server.
fn again(
    listener: &std::net::TcpListener,
) -> Result<impl Listener<Addr = std::net::SocketAddr, Io = tokio::net::TcpStream>, Error> {
    let listener = listener.try_clone().and_then(|copy| {
        copy.set_nonblocking(true)?;
        TcpListener::from_std(copy)
    });
    let listener = listener.map_err(|e| Error(format!("the HTTP socket can't be used: {e}")))?;
    Ok(listener.tap_io(|connection| {
        // Answers are small and written whole; waiting for more to send would only add latency.
        if let Err(e) = connection.set_nodelay(true) {
            tracing::debug!(error = %e, "a connection without TCP_NODELAY");
        }
    }))
}

/// Becomes true on the first SIGTERM or SIGINT.
fn stop_signal() -> Result<watch::Receiver<bool>, Error> {
    let listen = |kind| signal(kind).map_err(|e| Error(format!("signals can't be received: {e}")));
    let (mut terminate, mut interrupt) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
    );
    let (tell, told) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // All receivers may be gone: then the end is under way already.
        let _ = tell.send(true);
        std::future::pending::<()>().await
    });
    Ok(told)
}

/// Waits until the value is true.
async fn told(mut end: watch::Receiver<bool>) {
    if end.wait_for(|end| *end).await.is_err() {
        std::future::pending::<()>().await;
    }
}
