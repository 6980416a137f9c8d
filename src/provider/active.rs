//! The list of open activations, fetched once for all who want it at the same time.
//!
//! The poller reads messages from it, the reconciler purchases. Who asks while a fetch is
//! under way shares the next one, which begins after it asked: what that does not show was
//! not there then.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nexnum_driver::{ActiveList, ProviderError};
use nexnum_engine::time::Time;
use parking_lot::Mutex;

/// Pages of a list that are asked for in a row: with pages of 100, three thousand open
/// activations; with pages of 200, the orders of three minutes at thirty a second.
const PAGES_MAX: u32 = 30;

/// A page is sparse if fewer than one of so many rows is an open activation.
const SPARSE: usize = 10;

/// How deep a list is that is asked for its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// To the activations that are young: it does not wait for a longer list.
    Near,
    /// As far as it shows open ones.
    Far,
}

/// How far back a list has to go where it is cut into pages: to what was bought since `since`,
/// but not behind a page with few open activations where it has a depth, since what is there can
/// be asked about singly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) since: Time,
    pub(super) depth: Option<Depth>,
}

impl Reach {
    fn covers(self, other: Self) -> bool {
        self.since <= other.since && (self.depth.is_none() || other.depth.is_some())
    }

    fn wider(self, other: Self) -> Self {
        Self { since: self.since.min(other.since), depth: self.depth.and(other.depth) }
    }
}

/// A list as it came.
#[derive(Clone, Debug)]
pub struct OpenList {
    /// What it shows.
    pub list: Arc<ActiveList>,
    /// In how many pages.
    pub pages: u32,
}

type Answer = Result<OpenList, ProviderError>;

struct Fetched {
    number: u64,
    reach: Reach,
    answer: Answer,
}

/// Shares the fetches of one provider's lists.
#[derive(Default)]
pub(super) struct SharedLists {
    near: SharedList,
    others: SharedList,
}

impl SharedLists {
    /// A list of which no part is older than this call, made by `fetch` or for another caller.
    pub(super) async fn get<F: Future<Output = Answer>>(
        &self,
        reach: Reach,
        fetch: impl FnOnce(Reach) -> F,
    ) -> Answer {
        match reach.depth {
            Some(Depth::Near) => self.near.get(reach, fetch).await,
            Some(Depth::Far) | None => self.others.get(reach, fetch).await,
        }
    }
}

#[derive(Default)]
struct SharedList {
    last: tokio::sync::Mutex<Option<Fetched>>,
    begun: AtomicU64,
    wanted: Mutex<Vec<Reach>>,
}

/// A wish that counts for the next fetch until this is dropped.
struct Wanted<'a>(&'a Mutex<Vec<Reach>>, Reach);

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        let mut all = self.0.lock();
        if let Some(at) = all.iter().position(|reach| *reach == self.1) {
            all.swap_remove(at);
        }
    }
}

impl SharedList {
    async fn get<F: Future<Output = Answer>>(
        &self,
        reach: Reach,
        fetch: impl FnOnce(Reach) -> F,
    ) -> Answer {
        let asked = self.begun.load(Ordering::Acquire);
        self.wanted.lock().push(reach);
        let _wanted = Wanted(&self.wanted, reach);
        let mut last = self.last.lock().await;
        let shared = last.as_ref().filter(|last| last.number > asked && last.reach.covers(reach));
        if let Some(shared) = shared {
            return shared.answer.clone();
        }
        let widest = self.wanted.lock().iter().copied().fold(reach, Reach::wider);
        // Pairs with the load above: who asks from now on does not share this one.
        let number = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        let answer = fetch(widest).await;
        *last = Some(Fetched { number, reach: widest, answer: answer.clone() });
        answer
    }
}

/// A list page by page, as far as it has to go; `goes_on` if there can be more than one page.
/// Without a later page the list is cut.
pub(super) async fn paged<F: Future<Output = Result<ActiveList, ProviderError>>>(
    reach: Reach,
    goes_on: bool,
    page: impl Fn(usize) -> F,
) -> Answer {
    let mut list = page(0).await?;
    let (mut pages, mut shown, mut listed) = (1, list.rows.len(), list.listed);
    while pages < PAGES_MAX && list.is_cut() && goes_on {
        let is_sparse = shown * SPARSE < listed;
        let reaches = list.oldest.is_some_and(|oldest| oldest <= reach.since);
        if reaches || reach.depth.is_some() && is_sparse {
            break;
        }
        pages += 1;
        let Ok(next) = page(list.next_offset()).await else { break };
        (shown, listed) = (next.rows.len(), next.listed);
        if !list.join(next) {
            break;
        }
    }
    Ok(OpenList { list: Arc::new(list), pages })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NEW: Reach = Reach { since: Time(5_000), depth: Some(Depth::Far) };
    const OLD: Reach = Reach { since: Time(1_000), depth: None };

    #[tokio::test(start_paused = true)]
    async fn who_asks_during_a_fetch_shares_the_next_one() {
        let (lists, fetches) = (SharedList::default(), Mutex::new(Vec::new()));
        let get = async |after_ms: u64, reach: Reach| {
            tokio::time::sleep(Duration::from_millis(after_ms)).await;
            let fetch = async |reach: Reach| {
                fetches.lock().push(reach);
                tokio::time::sleep(Duration::from_millis(100)).await;
                let pages = fetches.lock().len() as u32;
                Ok(OpenList { list: Arc::default(), pages })
            };
            lists.get(reach, fetch).await.unwrap().pages
        };
        let got =
            tokio::join!(get(0, NEW), get(10, NEW), get(20, OLD), get(30, NEW), get(300, NEW));
        assert_eq!(got, (1, 2, 2, 2, 3));
        assert_eq!(*fetches.lock(), [NEW, OLD, NEW], "the next one goes as far as any needs it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_goes_away_leaves_the_fetch_to_the_next() {
        let lists = SharedList::default();
        let never = lists.get(OLD, |_| std::future::pending());
        let gone = tokio::time::timeout(Duration::from_millis(10), never).await;
        assert!(gone.is_err());
        let fetch = async |reach| {
            assert_eq!(reach, NEW, "nothing is wanted for a caller that is gone");
            Ok(OpenList { list: Arc::default(), pages: 1 })
        };
        assert!(lists.get(NEW, fetch).await.is_ok());
        assert!(lists.wanted.lock().is_empty());
    }
}
