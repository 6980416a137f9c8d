//! A face's routes, with the state that its handlers may touch, and the table of all faces.
//!
//! A face lists its routes with [`Routes`]; each is stated as in [`super::spec`]. The caller
//! is looked up before the handler runs and handed to it. A query, or a body's fields, are
//! refused on a route whose description has none.

use std::future::Future;
use std::sync::Arc;

use hyper::Method;

use super::auth::{Admitted, Auth, Role};
use super::description::operation::Operation;
use super::spec::{KeyPlace, RouteSpec, Runs, Who};
use crate::http::body::BODY_LEN_MAX;
use crate::http::route::{Next, Notice, Outcome, Target};
use crate::http::{Call, Problem, Router};

/// A route before it has its handler.
#[derive(Clone, Debug)]
pub struct Stated<C> {
    role: Role<C>,
    method: Method,
    path: &'static str,
    body_len_max: usize,
    idempotent: bool,
    is_lenient: bool,
    takes_reason: bool,
    notice: Option<Notice>,
    operation: Option<Operation>,
}

/// A `GET` on a path.
pub const fn get<C>(path: &'static str, role: Role<C>) -> Stated<C> {
    Stated::new(Method::GET, path, role)
}

/// A `POST` on a path.
pub const fn post<C>(path: &'static str, role: Role<C>) -> Stated<C> {
    Stated::new(Method::POST, path, role)
}

/// A `DELETE` on a path.
pub const fn delete<C>(path: &'static str, role: Role<C>) -> Stated<C> {
    Stated::new(Method::DELETE, path, role)
}

impl<C> Stated<C> {
    const fn new(method: Method, path: &'static str, role: Role<C>) -> Self {
        Self {
            role,
            method,
            path,
            body_len_max: BODY_LEN_MAX,
            idempotent: false,
            is_lenient: false,
            takes_reason: false,
            notice: None,
            operation: None,
        }
    }

    /// States what the API's description says of it.
    #[must_use]
    pub const fn describe(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Bounds the body; the default is [`BODY_LEN_MAX`].
    #[must_use]
    pub const fn body_max(mut self, bytes: usize) -> Self {
        self.body_len_max = bytes;
        self
    }

    /// Takes an `Idempotency-Key`.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Keeps why an operator has it done.
    #[must_use]
    pub const fn reasoned(mut self) -> Self {
        self.takes_reason = true;
        self
    }

    /// Passes over what it does not know: a query, or further fields of its body.
    #[must_use]
    pub const fn lenient(mut self) -> Self {
        self.is_lenient = true;
        self
    }

    /// Tells of the requests that are refused before the handler has seen them.
    #[must_use]
    pub fn notice(mut self, notice: Notice) -> Self {
        self.notice = Some(notice);
        self
    }

    fn spec(&self, runs: Runs) -> RouteSpec {
        RouteSpec {
            method: self.method.clone(),
            path: self.path,
            who: self.role.who,
            runs,
            body_len_max: self.body_len_max,
            idempotent: self.idempotent,
            is_lenient: self.is_lenient,
            takes_reason: self.takes_reason,
            quota: self.role.quota,
            key: self.role.key,
            render: Problem::into_response,
            operation: self.operation,
        }
    }
}

type Start = Box<dyn Fn(&Call) -> Next + Send + Sync>;

/// The routes of one face, with the state that its handlers may touch.
pub struct Routes<S> {
    state: Arc<S>,
    auth: Arc<Auth>,
    routes: Vec<Listed>,
}

/// A route with its handler.
struct Listed {
    spec: RouteSpec,
    notice: Option<Notice>,
    start: Start,
}

impl<S: Send + Sync + 'static> Routes<S> {
    /// A face's routes, none yet.
    #[must_use]
    pub fn of(state: S, auth: &Arc<Auth>) -> Self {
        Self { state: Arc::new(state), auth: Arc::clone(auth), routes: Vec::new() }
    }

    /// Adds a route that answers without waiting.
    #[must_use]
    pub fn at_once<C: 'static>(self, stated: Stated<C>, run: fn(&S, C, &Call) -> Outcome) -> Self {
        let state = Arc::clone(&self.state);
        self.with(stated, Runs::AtOnce, move |guard, call| {
            Next::Done(guard.admit_by_head(call).and_then(|caller| run(&state, caller, call)))
        })
    }

    /// Adds a route that is given up when the client hangs up.
    #[must_use]
    pub fn plain<C, F, A>(self, stated: Stated<C>, run: F) -> Self
    where
        C: Send + 'static,
        F: Fn(Arc<S>, C, Call) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Outcome> + Send + 'static,
    {
        let state = Arc::clone(&self.state);
        self.with(stated, Runs::Plain, move |guard, call| match guard.admit_by_head(call) {
            Ok(caller) => {
                let (state, run) = (Arc::clone(&state), run.clone());
                Next::plain(move |call| run(state, caller, call))
            }
            Err(problem) => Next::Done(Err(problem)),
        })
    }

    /// Adds a route whose handler looks at the head, then answers or says how the call goes on.
    #[must_use]
    pub fn chosen<C: 'static>(
        self,
        stated: Stated<C>,
        choose: fn(&Arc<S>, C, &Call) -> Result<Next, Problem>,
    ) -> Self {
        let state = Arc::clone(&self.state);
        self.with(stated, Runs::Chosen, move |guard, call| {
            let next = guard.admit_by_head(call).and_then(|caller| choose(&state, caller, call));
            next.unwrap_or_else(|problem| Next::Done(Err(problem)))
        })
    }

    /// Adds a route that runs to its end; its body is read before it starts, and the caller
    /// is looked up before that, so that strangers cannot make the server hold bodies.
    #[must_use]
    pub fn detached<C, F, A>(self, stated: Stated<C>, run: F) -> Self
    where
        C: Send + 'static,
        F: Fn(Arc<S>, C, Call) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Outcome> + Send + 'static,
    {
        let state = Arc::clone(&self.state);
        self.with(stated, Runs::Detached, move |guard, call| match guard.look_up(call) {
            Ok(admitted) => {
                let (state, guard, run) = (Arc::clone(&state), Arc::clone(guard), run.clone());
                Next::detached(async move |mut call: Call| {
                    // Charged once the body is there: a refusal need not end the connection.
                    guard.check(admitted, &call)?;
                    // A command's head names where it came from.
                    let caller = guard.caller(guard.auth.with_address(admitted, &call).await);
                    if !guard.takes_fields {
                        call.no_fields().await?;
                    }
                    run(state, caller, call).await
                })
            }
            Err(problem) => Next::Done(Err(problem)),
        })
    }

    /// Adds a route that `start` begins, behind the guard that its statement makes.
    fn with<C: 'static>(
        mut self,
        stated: Stated<C>,
        runs: Runs,
        start: impl Fn(&Arc<Guard<C>>, &Call) -> Next + Send + Sync + 'static,
    ) -> Self {
        let (spec, auth) = (stated.spec(runs), Arc::clone(&self.auth));
        let (takes_query, takes_fields) = (spec.takes_query(), spec.takes_fields());
        let takes_query = takes_query || spec.is_lenient;
        let (role, takes_reason) = (stated.role, spec.takes_reason);
        let guard = Arc::new(Guard { auth, role, takes_query, takes_fields, takes_reason });
        let start: Start = Box::new(move |call| start(&guard, call));
        self.routes.push(Listed { spec, notice: stated.notice, start });
        self
    }

    /// Puts the routes into a server's table.
    pub fn add_to(self, table: &mut RouteTable) {
        for Listed { spec, notice, start } in self.routes {
            let target = Target {
                method: spec.method.clone(),
                template: spec.path,
                body_len_max: spec.body_len_max,
                render: spec.render,
                hides_path: spec.key == KeyPlace::Path,
                notice,
            };
            let router = Arc::get_mut(&mut table.router).expect("the table is not served yet");
            router.add(target, start);
            table.specs.push(spec);
        }
    }
}

/// What stands before a route's handler.
struct Guard<C> {
    auth: Arc<Auth>,
    role: Role<C>,
    takes_query: bool,
    takes_fields: bool,
    takes_reason: bool,
}

impl<C> Guard<C> {
    /// The caller of a route that reads no body, once all that its head says was checked.
    fn admit_by_head(&self, call: &Call) -> Result<C, Problem> {
        call.check_declared()?;
        let admitted = self.look_up(call)?;
        self.check(admitted, call)?;
        Ok(self.caller(admitted))
    }

    fn look_up(&self, call: &Call) -> Result<Admitted, Problem> {
        self.auth.admit(self.role.who, self.role.key, call)
    }

    /// Charges the caller, and refuses what the route does not take: a query, a reason.
    fn check(&self, admitted: Admitted, call: &Call) -> Result<(), Problem> {
        self.auth.charge(self.role.quota, admitted, call)?;
        if !self.takes_query {
            call.query(&[])?;
        }
        if self.role.who == Who::Operator && !self.takes_reason && call.reason()?.is_some() {
            let detail = "is kept with what a command changes: leave it out of this request";
            return Err(Problem::invalid_header("X-Reason", detail));
        }
        Ok(())
    }

    /// The caller as the handler is given it.
    fn caller(&self, admitted: Admitted) -> C {
        (self.role.caller)(admitted)
    }
}

/// All routes of a server: as data, and as the kit runs them.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    /// The routes, in the order they were added.
    pub specs: Vec<RouteSpec>,
    /// The same, ready to run.
    pub router: Arc<Router>,
}
