use std::future;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::fault::{Fault, When};
use super::message::{self, Message};
use super::mysql;
use super::passed::Shared;

/// What client and server speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Postgres,
    MySql,
}

/// Serves clients until it is aborted; their connections end with it.
pub(super) async fn accept(listener: TcpListener, protocol: Protocol, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else { return };
        shared.lock().counts.connections += 1;
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // Where the server does not answer, the client finds a connection that is closed.
            let port = shared.server.load(Ordering::Relaxed);
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
            serve(client, server, protocol, shared).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut client: TcpStream, mut server: TcpStream, protocol: Protocol, shared: Arc<Shared>) {
    // Small messages that wait for each other must not wait for a timer too.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let replies = Replies::default();
    // A server of MySQL speaks first, and each message of a login is like the later ones.
    if protocol == Protocol::Postgres && open(&mut client, &mut server, &shared, &replies).await.is_break() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // Whichever side ends first ends both.
    tokio::select! {
        () = to_the_server(from_client, to_server, protocol, &shared, &replies) => {}
        () = to_the_client(from_server, to_client, protocol, &shared, &replies) => {}
    }
}

/// Hands on what opens a connection to PostgreSQL. `Break`: nothing is left to serve.
async fn open(client: &mut TcpStream, server: &mut TcpStream, shared: &Shared, replies: &Replies) -> ControlFlow<()> {
    let Some(mut first) = message::read_first(client).await else { return ControlFlow::Break(()) };
    let opening = shared.number(None, first);
    hand_on(&opening, server, shared, replies).await?;
    if !opening.asks_for_tls() {
        return ControlFlow::Continue(());
    }
    let Ok(answer) = server.read_u8().await else { return ControlFlow::Break(()) };
    shared.lock().counts.backend += 1;
    if client.write_u8(answer).await.is_err() {
        return ControlFlow::Break(());
    }
    if answer == b'S' {
        // Either side may end it; there is nothing to report.
        let _ = copy_bidirectional(client, server).await;
        return ControlFlow::Break(());
    }
    match message::read_first(client).await {
        Some(next) => first = next,
        None => return ControlFlow::Break(()),
    }
    hand_on(&shared.number(None, first), server, shared, replies).await
}

async fn to_the_server(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    protocol: Protocol,
    shared: &Shared,
    replies: &Replies,
) {
    while let Some((kind, bytes)) = protocol.read(&mut from).await {
        let message = shared.number(kind, bytes);
        if hand_on(&message, &mut to, shared, replies).await.is_break() {
            return;
        }
    }
    if replies.swallowed() {
        // The client gave up before the server was done: let the server finish all the same.
        future::pending::<()>().await;
    }
}

async fn to_the_client(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    protocol: Protocol,
    shared: &Shared,
    replies: &Replies,
) {
    let mut answer = mysql::Answer::default();
    while let Some((_, bytes)) = protocol.read(&mut from).await {
        let (refused, ended) = match protocol {
            // Ready for the next query: the message was acted on.
            Protocol::Postgres => {
                (bytes[0] == b'E' && bytes.windows(7).any(|field| field == b"C28P01\0"), bytes[0] == b'Z')
            }
            Protocol::MySql => (mysql::is_refusal(&bytes), answer.is_ended_by(&bytes)),
        };
        {
            let counts = &mut shared.lock().counts;
            counts.backend += 1;
            counts.refused += usize::from(refused);
        }
        if replies.hang.load(Ordering::SeqCst) {
            future::pending::<()>().await;
        }
        if replies.swallowed() {
            if ended {
                return;
            }
        } else if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

impl Protocol {
    /// Reads a message, of either side, and the byte that names its kind. `None`: that side is gone.
    async fn read(self, from: &mut OwnedReadHalf) -> Option<(Option<u8>, Vec<u8>)> {
        match self {
            Self::Postgres => message::read(from).await.map(|bytes| (Some(bytes[0]), bytes)),
            Self::MySql => mysql::read(from).await.map(|bytes| (mysql::command(&bytes), bytes)),
        }
    }
}

/// Hands a message on to the server, and lets happen what is to happen at it. `Break`: both connections end.
async fn hand_on<W: AsyncWriteExt + Unpin>(
    message: &Message,
    to: &mut W,
    shared: &Shared,
    replies: &Replies,
) -> ControlFlow<()> {
    while let Some(fault) = shared.fault(message, When::Before) {
        happen(fault, replies).await?;
    }
    let after = shared.fault(message, When::After);
    if let Some(Fault::SwallowReplies) = after {
        // Before the server can have answered.
        replies.swallow.store(true, Ordering::SeqCst);
    }
    if to.write_all(&message.bytes).await.is_err() {
        return ControlFlow::Break(());
    }
    match after {
        Some(fault) => happen(fault, replies).await,
        None => ControlFlow::Continue(()),
    }
}

async fn happen(fault: Fault, replies: &Replies) -> ControlFlow<()> {
    match fault {
        Fault::Call(call) => call(),
        Fault::Drop => return ControlFlow::Break(()),
        Fault::SwallowReplies => replies.swallow.store(true, Ordering::SeqCst),
        Fault::Delay(delay) => tokio::time::sleep(delay).await,
        Fault::Hang => {
            replies.hang.store(true, Ordering::SeqCst);
            future::pending::<()>().await;
        }
    }
    ControlFlow::Continue(())
}

/// What becomes of a connection's replies.
#[derive(Default)]
struct Replies {
    swallow: AtomicBool,
    hang: AtomicBool,
}

impl Replies {
    fn swallowed(&self) -> bool {
        self.swallow.load(Ordering::SeqCst)
    }
}
