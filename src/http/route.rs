//! The route table: path templates with a handler a method.
//!
//! Three kinds of handler, by what they may do. *At once*: answers without waiting, from a
//! borrowed call; nothing is allocated for it, so hot reads are of this kind. *Plain*: runs in
//! the connection's own task and is dropped where the client hangs up. *Detached*: runs in a
//! task of its own to its end, whatever the client does; everything that sends a command is of
//! this kind.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::header::HeaderValue;
use hyper::{Method, StatusCode};

use super::Response;
use super::body::BODY_LEN_MAX;
use super::error::Problem;
use super::request::{self, Call, PATH_PARAMS_MAX, PathParams};

pub(super) type Outcome = Result<Response, Problem>;
pub(super) type Answering = Pin<Box<dyn Future<Output = Outcome> + Send>>;
type AtOnce<S> = Box<dyn Fn(&Call<S>) -> Outcome + Send + Sync>;
type Handler<S> = Box<dyn Fn(Call<S>) -> Answering + Send + Sync>;

/// Looks at a request before its body is read.
pub(super) type Guard<S> = fn(&Call<S>) -> Result<(), Problem>;

/// How a route's handler runs.
pub(super) enum Run<S> {
    AtOnce(AtOnce<S>),
    Plain(Handler<S>),
    Detached(Handler<S>),
}

/// One method on one path.
pub struct Route<S> {
    method: Method,
    pub(super) template: &'static str,
    pub(super) body_len_max: usize,
    pub(super) guard: Option<Guard<S>>,
    pub(super) run: Run<S>,
    // Counted for the metrics page, read by nobody else: relaxed.
    replies: [AtomicU64; 4],
}

/// The routes of one path.
struct Path<S> {
    routes: Vec<Route<S>>,
    allow: HeaderValue,
}

/// All routes of a server.
pub struct Router<S> {
    // Positions in `paths`, so that templates can be listed in the order they were added.
    tree: matchit::Router<usize>,
    paths: Vec<Path<S>>,
}

/// How often a route answered, by class of status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replies {
    /// The route's method.
    pub method: &'static str,
    /// The route's path template.
    pub template: &'static str,
    /// 2, 3, 4 or 5, for statuses from 200, 300, 400 or 500 on.
    pub class: u16,
    /// Replies so far.
    pub count: u64,
}

impl<S> Default for Router<S> {
    fn default() -> Self {
        Self { tree: matchit::Router::new(), paths: Vec::new() }
    }
}

impl<S> std::fmt::Debug for Router<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.routes()).finish()
    }
}

impl<S> Route<S> {
    /// Bounds the body; the default is [`BODY_LEN_MAX`].
    pub const fn body_max(&mut self, bytes: usize) -> &mut Self {
        self.body_len_max = bytes;
        self
    }

    /// Refuses by head alone, so that strangers cannot make the server hold bodies. For
    /// detached routes, whose bodies are read before they run.
    pub const fn guarded(&mut self, guard: fn(&Call<S>) -> Result<(), Problem>) -> &mut Self {
        self.guard = Some(guard);
        self
    }

    pub(super) fn count(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(2, 5) - 2;
        self.replies[class].fetch_add(1, Ordering::Relaxed);
    }
}

impl<S: Send + Sync + 'static> Router<S> {
    /// A table without routes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route that answers without waiting. `GET` answers `HEAD` too, in all three kinds.
    ///
    /// # Panics
    /// In all three kinds: if the template is malformed, has more than [`PATH_PARAMS_MAX`]
    /// parameters, conflicts with another, or has the method already.
    pub fn at_once<F>(&mut self, method: Method, template: &'static str, run: F) -> &mut Route<S>
    where
        F: Fn(&Call<S>) -> Outcome + Send + Sync + 'static,
    {
        self.add(method, template, Run::AtOnce(Box::new(run)))
    }

    /// Adds a route that is given up where the client hangs up.
    pub fn plain<F, A>(&mut self, method: Method, template: &'static str, run: F) -> &mut Route<S>
    where
        F: Fn(Call<S>) -> A + Send + Sync + 'static,
        A: Future<Output = Outcome> + Send + 'static,
    {
        self.add(method, template, Run::Plain(Box::new(move |call| Box::pin(run(call)))))
    }

    /// Adds a route that runs to its end; its body is read before it starts.
    pub fn detached<F, A>(
        &mut self,
        method: Method,
        template: &'static str,
        run: F,
    ) -> &mut Route<S>
    where
        F: Fn(Call<S>) -> A + Send + Sync + 'static,
        A: Future<Output = Outcome> + Send + 'static,
    {
        self.add(method, template, Run::Detached(Box::new(move |call| Box::pin(run(call)))))
    }

    fn add(&mut self, method: Method, template: &'static str, run: Run<S>) -> &mut Route<S> {
        assert!(
            request::template_names(template).count() <= PATH_PARAMS_MAX,
            "{template}: too many parameters"
        );
        let known = self.paths.iter().position(|path| path.routes[0].template == template);
        let at = known.unwrap_or_else(|| {
            if let Err(error) = self.tree.insert(template, self.paths.len()) {
                panic!("{template}: {error}");
            }
            self.paths.push(Path { routes: Vec::new(), allow: HeaderValue::from_static("") });
            self.paths.len() - 1
        });
        let path = &mut self.paths[at];
        let taken = path.routes.iter().any(|route| route.method == method);
        assert!(!taken, "{method} {template} is there already");
        let replies = [const { AtomicU64::new(0) }; 4];
        let (body_len_max, guard) = (BODY_LEN_MAX, None);
        path.routes.push(Route { method, template, body_len_max, guard, run, replies });
        path.allow = allow(&path.routes);
        path.routes.last_mut().expect("it was just pushed")
    }
}

impl<S> Router<S> {
    /// Every route as method and path template, in the order they were added by path.
    pub fn routes(&self) -> impl Iterator<Item = (&Method, &'static str)> {
        self.each().map(|route| (&route.method, route.template))
    }

    /// How often each route answered so far; pairs that never did are left out.
    #[must_use]
    pub fn replies(&self) -> Vec<Replies> {
        let mut all = Vec::new();
        for route in self.each() {
            for (class, count) in (2..).zip(&route.replies) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let method = method_name(&route.method);
                    all.push(Replies { method, template: route.template, class, count });
                }
            }
        }
        all
    }

    fn each(&self) -> impl Iterator<Item = &Route<S>> {
        self.paths.iter().flat_map(|path| &path.routes)
    }

    /// The route of a request, with its path's parameters.
    pub(super) fn find(
        &self,
        method: &Method,
        path: &str,
    ) -> Result<(&Route<S>, PathParams), Problem> {
        let found = self.tree.at(path).map_err(|_| Problem::not_found("no such path"))?;
        let mut params = PathParams::default();
        for (range, (_, value)) in params.ranges.iter_mut().zip(found.params.iter()) {
            // The value is a slice of the path, which hyper keeps below 64 KiB.
            let start = value.as_ptr() as usize - path.as_ptr() as usize;
            *range = (narrow(start), narrow(start + value.len()));
        }
        let at = &self.paths[*found.value];
        let wanted = if method == Method::HEAD { &Method::GET } else { method };
        let route = at
            .routes
            .iter()
            .find(|route| route.method == *method)
            .or_else(|| at.routes.iter().find(|route| route.method == *wanted));
        match route {
            Some(route) => Ok((route, params)),
            None => Err(Problem::method_not_allowed(&at.allow, method)),
        }
    }
}

fn narrow(position: usize) -> u16 {
    u16::try_from(position).expect("hyper refuses a target of 64 KiB")
}

fn allow<S>(routes: &[Route<S>]) -> HeaderValue {
    let mut names: Vec<&str> = routes.iter().map(|route| route.method.as_str()).collect();
    if names.contains(&"GET") && !names.contains(&"HEAD") {
        names.push("HEAD");
    }
    HeaderValue::from_str(&names.join(", ")).expect("method names are tokens")
}

/// Metrics want names that live on; routes only use the standard ones.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::reply;

    fn router() -> Router<()> {
        let mut router = Router::new();
        router.at_once(Method::GET, "/orders", |_| Ok(reply::no_content()));
        router.detached(Method::POST, "/orders", |_| async { Ok(reply::no_content()) });
        router.plain(Method::GET, "/orders/{id}", |_| async { Ok(reply::no_content()) });
        router.plain(Method::POST, "/orders/{id}/lines/{line}", |_| async {
            Ok(reply::no_content())
        });
        router
    }

    fn found(method: &Method, path: &str) -> String {
        let router = router();
        match router.find(method, path) {
            Ok((route, params)) => {
                let values: Vec<&str> = request::template_names(route.template)
                    .zip(params.ranges)
                    .map(|(_, (start, end))| &path[usize::from(start)..usize::from(end)])
                    .collect();
                format!("{} {} {values:?}", route.method, route.template)
            }
            Err(problem) => {
                let response = problem.into_response(path, "r");
                let allow = response.headers().get("allow").map(|v| v.to_str().unwrap());
                format!("{} {}", response.status().as_u16(), allow.unwrap_or("-"))
            }
        }
    }

    #[test]
    fn a_request_finds_its_route_or_the_reason_why_not() {
        for (method, path, expected) in [
            (Method::GET, "/orders", "GET /orders []"),
            (Method::HEAD, "/orders", "GET /orders []"),
            (Method::POST, "/orders", "POST /orders []"),
            (Method::DELETE, "/orders", "405 GET, POST, HEAD"),
            (Method::GET, "/orders/17", "GET /orders/{id} [\"17\"]"),
            (
                Method::POST,
                "/orders/1/lines/x%20",
                "POST /orders/{id}/lines/{line} [\"1\", \"x%20\"]",
            ),
            (Method::GET, "/orders/1/lines/2", "405 POST"),
            (Method::GET, "/orders/", "404 -"),
            (Method::GET, "/", "404 -"),
            (Method::OPTIONS, "*", "404 -"),
        ] {
            assert_eq!(found(&method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn the_table_lists_its_routes() {
        assert_eq!(
            format!("{:?}", router()),
            r#"{(GET, "/orders"), (POST, "/orders"), (GET, "/orders/{id}"), (POST, "/orders/{id}/lines/{line}")}"#
        );
    }

    #[test]
    #[should_panic(expected = "GET /orders is there already")]
    fn a_route_cannot_be_added_twice() {
        router().at_once(Method::GET, "/orders", |_| Ok(reply::no_content()));
    }
}
