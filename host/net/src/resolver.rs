//! Names of hosts to addresses. The system's look-up blocks, and nothing can end it: each has a thread of its own, and there is one
//! at most for each name.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// Names that are looked up at the same time.
const NAMES_MAX: usize = 256;

/// Of a thread: what the system's resolver and its plugins need, four times.
const STACK_BYTES: usize = 512 << 10;

/// The answer, once it is there.
type Answer = Option<Result<Arc<[IpAddr]>, (io::ErrorKind, String)>>;

/// The look-ups of this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resolver(Arc<Mutex<BTreeMap<String, watch::Receiver<Answer>>>>);

impl Resolver {
    /// The addresses of a host. Whoever asks for a name that is being looked up waits for the same answer.
    ///
    /// # Errors
    ///
    /// What the system says, or that too many names wait.
    pub(crate) async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.resolve_by(host, port, |host| {
            (host, 0).to_socket_addrs().map(|found| found.map(|addr| addr.ip()).collect())
        })
        .await
    }

    async fn resolve_by(
        &self,
        host: &str,
        port: u16,
        look_up: impl FnOnce(&str) -> io::Result<Vec<IpAddr>> + Send + 'static,
    ) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let mut answer = self.begin(host, look_up)?;
        let gone = |_| io::Error::other("the look-up has failed");
        match answer.wait_for(Option::is_some).await.map_err(gone)?.as_ref() {
            Some(Ok(found)) => Ok(found.iter().map(|address| SocketAddr::new(*address, port)).collect()),
            Some(Err((kind, error))) => Err(io::Error::new(*kind, error.clone())),
            None => Err(io::Error::other("the look-up has failed")),
        }
    }

    fn begin(
        &self,
        host: &str,
        look_up: impl FnOnce(&str) -> io::Result<Vec<IpAddr>> + Send + 'static,
    ) -> io::Result<watch::Receiver<Answer>> {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = under_way.get(host) {
            return Ok(answer.clone());
        }
        if under_way.len() >= NAMES_MAX {
            return Err(io::Error::other(format!("{NAMES_MAX} names are being looked up and have no answer yet")));
        }
        let (say, answer) = watch::channel(None);
        let (all, name) = (self.clone(), host.to_owned());
        let body = move || {
            let found = look_up(&name).map(Arc::from).map_err(|error| (error.kind(), error.to_string()));
            // nobody joins who would not hear of it
            all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
            say.send_replace(Some(found));
        };
        std::thread::Builder::new().name("resolver".to_owned()).stack_size(STACK_BYTES).spawn(body)?;
        under_way.insert(host.to_owned(), answer.clone());
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_name_has_one_look_up_however_many_ask() {
        let resolver = Resolver::default();
        let calls = Arc::new(AtomicUsize::new(0));
        let mut doors = Vec::new();
        let mut waiting = Vec::new();
        for _ in 0..3 {
            let (open, door) = mpsc::channel::<()>();
            doors.push(open);
            let (resolver, calls) = (resolver.clone(), calls.clone());
            waiting.push(tokio::spawn(async move {
                let look_up = move |_: &str| {
                    calls.fetch_add(1, Ordering::SeqCst);
                    let _ = door.recv();
                    Ok(vec![IpAddr::from([10, 0, 0, 1])])
                };
                resolver.resolve_by("broker", 5672, look_up).await
            }));
            tokio::task::yield_now().await;
        }
        drop(doors);
        for waiting in waiting {
            assert_eq!(waiting.await.unwrap().unwrap(), [SocketAddr::from(([10, 0, 0, 1], 5672))]);
        }
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        // an answer is not kept: whoever asks later has what holds by then
        let look_up = |_: &str| Ok(vec![IpAddr::from([10, 0, 0, 2])]);
        let again = resolver.resolve_by("broker", 5672, look_up).await.unwrap();
        assert_eq!(again, [SocketAddr::from(([10, 0, 0, 2], 5672))]);
    }

    #[tokio::test]
    async fn names_without_an_answer_are_bounded_and_addresses_need_none() {
        let resolver = Resolver::default();
        let doors: Vec<_> = (0..NAMES_MAX)
            .map(|number| {
                let (open, door) = mpsc::channel::<()>();
                let look_up = move |_: &str| {
                    let _ = door.recv();
                    Ok(Vec::new())
                };
                (open, resolver.begin(&format!("silent-{number}"), look_up).unwrap())
            })
            .collect();
        let error = resolver.resolve_by("one-more", 1, |_| Ok(Vec::new())).await.unwrap_err();
        assert!(error.to_string().contains("256 names"), "{error}");
        assert_eq!(resolver.resolve("::1", 7).await.unwrap(), ["[::1]:7".parse().unwrap()]);
        // one that is asked for again joins
        assert!(resolver.begin("silent-0", |_| Ok(Vec::new())).is_ok());
        for (open, mut answer) in doors {
            drop(open);
            let answered = tokio::time::timeout(Duration::from_secs(10), answer.wait_for(Option::is_some));
            answered.await.unwrap().unwrap();
        }
        assert!(resolver.resolve_by("one-more", 1, |_| Ok(Vec::new())).await.unwrap().is_empty());
    }
}
