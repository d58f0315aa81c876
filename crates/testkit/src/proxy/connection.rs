use std::future;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::message::{self, Message};
use super::{Fault, Shared, When};

/// Serves clients until it is aborted; their connections end with it.
pub(super) async fn accept(listener: TcpListener, port: u16, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else { return };
        shared.lock().counts.connections += 1;
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // Where the server does not answer, the client finds a connection that is closed.
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
            serve(client, server, shared).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut client: TcpStream, mut server: TcpStream, shared: Arc<Shared>) {
    // Small messages that wait for each other must not wait for a timer too.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let replies = Replies::default();
    let Some(mut first) = message::read_first(&mut client).await else { return };
    let opening = shared.number(None, first);
    if opening.asks_for_tls() {
        if hand_on(&opening, &mut server, &shared, &replies).await.is_break() {
            return;
        }
        let Ok(answer) = server.read_u8().await else { return };
        shared.lock().counts.backend += 1;
        if client.write_u8(answer).await.is_err() {
            return;
        }
        if answer == b'S' {
            // Either side may end it; there is nothing to report.
            let _ = copy_bidirectional(&mut client, &mut server).await;
            return;
        }
        match message::read_first(&mut client).await {
            Some(next) => first = next,
            None => return,
        }
        let startup = shared.number(None, first);
        if hand_on(&startup, &mut server, &shared, &replies).await.is_break() {
            return;
        }
    } else if hand_on(&opening, &mut server, &shared, &replies).await.is_break() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // Whichever side ends first ends both.
    tokio::select! {
        () = to_the_server(from_client, to_server, &shared, &replies) => {}
        () = to_the_client(from_server, to_client, &shared, &replies) => {}
    }
}

async fn to_the_server(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared, replies: &Replies) {
    while let Some(bytes) = message::read(&mut from).await {
        let message = shared.number(Some(bytes[0]), bytes);
        if hand_on(&message, &mut to, shared, replies).await.is_break() {
            return;
        }
    }
    if replies.swallowed() {
        // The client gave up before the server was done: let the server finish all the same.
        future::pending::<()>().await;
    }
}

async fn to_the_client(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared, replies: &Replies) {
    while let Some(bytes) = message::read(&mut from).await {
        {
            let counts = &mut shared.lock().counts;
            counts.backend += 1;
            counts.refused += usize::from(bytes[0] == b'E' && bytes.windows(7).any(|field| field == b"C28P01\0"));
        }
        if replies.hang.load(Ordering::SeqCst) {
            future::pending::<()>().await;
        }
        if replies.swallowed() {
            // Ready for the next query: the message was acted on.
            if bytes[0] == b'Z' {
                return;
            }
        } else if to.write_all(&bytes).await.is_err() {
            return;
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

impl Shared {
    fn number(&self, kind: Option<u8>, bytes: Vec<u8>) -> Message {
        let counts = &mut self.lock().counts;
        counts.frontend += 1;
        Message { number: counts.frontend, kind, bytes }
    }
}
