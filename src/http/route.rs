//! The route table: path templates with a start function a method.
//!
//! A route's start function looks at the head of a request and says how the call runs. *Done*:
//! the answer is there, from a borrowed call; nothing is allocated for it, so hot reads are of
//! this kind. *Plain*: the rest runs in the connection's own task and is dropped when the
//! client hangs up. *Detached*: the body is read first, then the rest runs to its end,
//! whatever the client does; everything that sends a command is of this kind. One path may
//! answer one request at once and run the next one detached.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::header::HeaderValue;
use hyper::{Method, StatusCode};

use super::Response;
use super::body::BODY_LEN_MAX;
use super::error::Problem;
use super::request::{self, Call, PATH_PARAMS_MAX, PathParams};

/// What a handler gives: a reply, or the problem that is rendered instead.
pub type Outcome = Result<Response, Problem>;
/// A call that is being answered.
pub type Answering = Pin<Box<dyn Future<Output = Outcome> + Send>>;
/// What remains of a call after its head was looked at.
pub type Rest = Box<dyn FnOnce(Call) -> Answering + Send>;
type Start = Box<dyn Fn(&Call) -> Next + Send + Sync>;
/// Renders a problem in the words of the route's protocol: problem, path, request id.
pub type Render = fn(Problem, &str, &str) -> Response;

/// Is told of the requests for a route that are refused before its handler has seen them: by
/// their head, their method, or while their body is read.
#[derive(Clone)]
pub struct Notice(Arc<Told>);

type Told = dyn Fn(&str, &Problem) + Send + Sync;

impl Notice {
    /// A function of the path and the problem that is answered.
    pub fn new(told: impl Fn(&str, &Problem) + Send + Sync + 'static) -> Self {
        Self(Arc::new(told))
    }
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notice")
    }
}

/// How a call goes on after its start function.
pub enum Next {
    /// It is answered.
    Done(Outcome),
    /// It runs in the connection's task, and ends when the client hangs up.
    Plain(Rest),
    /// It runs to its end, after its body was read.
    Detached(Rest),
}

impl Next {
    /// Goes on in the connection's task.
    pub fn plain<A>(rest: impl FnOnce(Call) -> A + Send + 'static) -> Self
    where
        A: Future<Output = Outcome> + Send + 'static,
    {
        Self::Plain(Box::new(move |call| Box::pin(rest(call))))
    }

    /// Goes on to the end, whatever the client does.
    pub fn detached<A>(rest: impl FnOnce(Call) -> A + Send + 'static) -> Self
    where
        A: Future<Output = Outcome> + Send + 'static,
    {
        Self::Detached(Box::new(move |call| Box::pin(rest(call))))
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done(_) => "Done",
            Self::Plain(_) => "Plain",
            Self::Detached(_) => "Detached",
        })
    }
}

/// What the kit needs to know of a route beside its start function.
#[derive(Clone, Debug)]
pub struct Target {
    /// The method.
    pub method: Method,
    /// The path, with `{name}` for a parameter.
    pub template: &'static str,
    /// Longest body, in bytes.
    pub body_len_max: usize,
    /// How problems are rendered.
    pub render: Render,
    /// The path holds a secret: problems name the template in its place.
    pub hides_path: bool,
    /// Who is told of early refusals.
    pub notice: Option<Notice>,
}

impl Target {
    /// A target with the default bound of its body and problem documents.
    #[must_use]
    pub fn new(method: Method, template: &'static str) -> Self {
        let (body_len_max, render) = (BODY_LEN_MAX, Problem::into_response);
        Self { method, template, body_len_max, render, hides_path: false, notice: None }
    }

    /// Tells that a request for it is refused before its handler has seen it.
    pub(super) fn tell(&self, path: &str, problem: &Problem) {
        if let Some(Notice(told)) = &self.notice {
            told(path, problem);
        }
    }

    /// What a problem says it happened on.
    pub(super) const fn instance<'a>(&self, path: &'a str) -> &'a str {
        if self.hides_path { self.template } else { path }
    }
}

/// Why no route takes a request.
pub(super) enum Unfound<'a> {
    /// There is no such path.
    Path,
    /// The path has routes, none of them for the method.
    Method(&'a Path),
}

impl Unfound<'_> {
    /// The reply.
    pub(super) fn into_response(self, method: &Method, path: &str, request_id: &str) -> Response {
        let (problem, instance) = match self {
            Self::Path => (Problem::not_found("there is no such path"), path),
            Self::Method(known) => {
                let target = &known.routes[0].target;
                let problem = Problem::method_not_allowed(&known.allow, method);
                target.tell(path, &problem);
                (problem, target.instance(path))
            }
        };
        problem.into_response(instance, request_id)
    }
}

/// One method on one path.
pub(super) struct Route {
    pub(super) target: Target,
    start: Start,
    // Counted for the metrics page, read by the page alone: relaxed.
    replies: [AtomicU64; 4],
}

/// The routes of one path.
pub(super) struct Path {
    routes: Vec<Arc<Route>>,
    allow: HeaderValue,
}

/// All routes of a server.
#[derive(Default)]
pub struct Router {
    // Positions in `paths`, so that templates can be listed in the order they were added.
    tree: matchit::Router<usize>,
    paths: Vec<Path>,
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

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.routes()).finish()
    }
}

impl Route {
    /// Looks at a request's head.
    pub(super) fn start(&self, call: &Call) -> Next {
        (self.start)(call)
    }

    pub(super) fn count(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(2, 5) - 2;
        self.replies[class].fetch_add(1, Ordering::Relaxed);
    }
}

impl Router {
    /// A table without routes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route. `GET` answers `HEAD` too.
    ///
    /// # Panics
    /// If the template is malformed, has more than [`PATH_PARAMS_MAX`] parameters, conflicts
    /// with another, or has the method already.
    pub fn add(&mut self, target: Target, start: impl Fn(&Call) -> Next + Send + Sync + 'static) {
        let (method, template) = (&target.method, target.template);
        assert!(
            request::template_names(template).count() <= PATH_PARAMS_MAX,
            "{template}: too many parameters"
        );
        let known = self.paths.iter().position(|path| path.routes[0].target.template == template);
        let at = known.unwrap_or_else(|| {
            if let Err(error) = self.tree.insert(template, self.paths.len()) {
                panic!("{template}: {error}");
            }
            self.paths.push(Path { routes: Vec::new(), allow: HeaderValue::from_static("") });
            self.paths.len() - 1
        });
        let path = &mut self.paths[at];
        let taken = path.routes.iter().any(|route| route.target.method == *method);
        assert!(!taken, "{method} {template} is there already");
        let replies = [const { AtomicU64::new(0) }; 4];
        path.routes.push(Arc::new(Route { target, start: Box::new(start), replies }));
        path.allow = allow(&path.routes);
    }

    /// Every route as method and path template, in the order they were added by path.
    pub fn routes(&self) -> impl Iterator<Item = (&Method, &'static str)> {
        self.each().map(|route| (&route.target.method, route.target.template))
    }

    /// How often each route answered so far; pairs that never did are left out.
    #[must_use]
    pub fn replies(&self) -> Vec<Replies> {
        let mut all = Vec::new();
        for route in self.each() {
            for (class, count) in (2..).zip(&route.replies) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let method = method_name(&route.target.method);
                    all.push(Replies { method, template: route.target.template, class, count });
                }
            }
        }
        all
    }

    fn each(&self) -> impl Iterator<Item = &Route> {
        self.paths.iter().flat_map(|path| &path.routes).map(Arc::as_ref)
    }

    /// The route of a request, with its path's parameters.
    pub(super) fn find(
        &self,
        method: &Method,
        path: &str,
    ) -> Result<(&Arc<Route>, PathParams), Unfound<'_>> {
        let found = self.tree.at(path).map_err(|_| Unfound::Path)?;
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
            .find(|route| route.target.method == *method)
            .or_else(|| at.routes.iter().find(|route| route.target.method == *wanted));
        match route {
            Some(route) => Ok((route, params)),
            None => Err(Unfound::Method(at)),
        }
    }
}

fn narrow(position: usize) -> u16 {
    u16::try_from(position).expect("hyper refuses a target of 64 KiB")
}

fn allow(routes: &[Arc<Route>]) -> HeaderValue {
    let mut names: Vec<&str> = routes.iter().map(|route| route.target.method.as_str()).collect();
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

    fn router() -> Router {
        let mut router = Router::new();
        let done = |_: &Call| Next::Done(Ok(reply::no_content()));
        let detached = |_: &Call| Next::detached(async |_| Ok(reply::no_content()));
        router.add(Target::new(Method::GET, "/orders"), done);
        router.add(Target::new(Method::POST, "/orders"), detached);
        router.add(Target::new(Method::GET, "/orders/{id}"), done);
        router.add(Target::new(Method::POST, "/orders/{id}/lines/{line}"), detached);
        router
    }

    fn found(method: &Method, path: &str) -> String {
        let router = router();
        match router.find(method, path) {
            Ok((route, params)) => {
                let values: Vec<&str> = request::template_names(route.target.template)
                    .zip(params.ranges)
                    .map(|(_, (start, end))| &path[usize::from(start)..usize::from(end)])
                    .collect();
                format!("{} {} {values:?}", route.target.method, route.target.template)
            }
            Err(unfound) => {
                let response = unfound.into_response(method, path, "r");
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
        let done = |_: &Call| Next::Done(Ok(reply::no_content()));
        router().add(Target::new(Method::GET, "/orders"), done);
    }
}
