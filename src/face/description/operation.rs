//! What a route states of itself for the API's description, in types where there are types.
//!
//! Path, caller, idempotency and body bound stand in the route table and are not repeated.

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::code::ProblemCode;

/// Gives the schema of a type.
pub type Shape = fn(&mut SchemaGenerator) -> Schema;

/// What a route does, takes and answers.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// Its name in generated clients.
    pub(super) id: &'static str,
    /// Its chapter.
    pub(super) tag: Tag,
    /// What it does, in a line.
    pub(super) summary: &'static str,
    /// The rest that a caller must know.
    pub(super) details: &'static str,
    /// The parameters of its path.
    pub(super) path: &'static [PathParam],
    /// A type whose fields are the parameters of its query.
    pub(super) query: Option<Shape>,
    /// Its body.
    pub(super) body: Option<BodySpec>,
    /// Its replies that are no problems.
    pub(super) replies: &'static [Reply],
    /// Problems of its own, beside those that every route of its kind has.
    pub(super) problems: &'static [ProblemCode],
}

/// A chapter of the description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// What can be sold.
    Catalogue,
    /// What is on sale now.
    Market,
    /// Buying.
    Orders,
    /// Numbers and messages.
    Activations,
    /// Money.
    Wallet,
    /// For operators.
    Admin,
    /// Messages coming in.
    Callbacks,
    /// For those who run the server.
    Operations,
}

/// A parameter of a path.
#[derive(Clone, Copy, Debug)]
pub struct PathParam {
    /// The name between the braces.
    pub name: &'static str,
    /// What it is.
    pub description: &'static str,
    /// Its type.
    pub shape: Shape,
    /// A value.
    pub example: &'static str,
}

/// A body of JSON, or of a form with the same fields.
#[derive(Clone, Copy, Debug)]
pub struct BodySpec {
    /// Its type.
    pub(super) shape: Shape,
    /// One that is taken, as JSON.
    pub(super) example: &'static str,
    /// Whether it may be a form.
    pub(super) may_be_form: bool,
}

/// A reply that is no problem.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    /// Its status.
    pub(super) status: u16,
    /// What it says.
    pub(super) description: &'static str,
    /// Its body.
    pub(super) content: Content,
    /// Headers of its own.
    pub(super) headers: &'static [ReplyHeader],
}

/// What a reply's body is.
#[derive(Clone, Copy, Debug)]
pub enum Content {
    /// There is none.
    None,
    /// JSON of a type, with an example of it.
    Json(Shape, &'static str),
    /// JSON that is described elsewhere.
    AnyObject,
    /// Text of a media type.
    Text(&'static str),
}

/// A header that only some replies have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyHeader {
    /// `ETag`.
    ETag,
    /// `Content-Security-Policy`.
    ContentSecurityPolicy,
}

impl Operation {
    /// An operation that takes nothing and has no problems of its own.
    #[must_use]
    pub const fn new(
        id: &'static str,
        tag: Tag,
        summary: &'static str,
        replies: &'static [Reply],
    ) -> Self {
        Self {
            id,
            tag,
            summary,
            details: "",
            path: &[],
            query: None,
            body: None,
            replies,
            problems: &[],
        }
    }

    /// Whether it has query parameters.
    #[must_use]
    pub const fn takes_query(&self) -> bool {
        self.query.is_some()
    }

    /// Whether its body has fields.
    #[must_use]
    pub const fn takes_fields(&self) -> bool {
        self.body.is_some()
    }

    /// What a caller must know beyond the summary.
    #[must_use]
    pub const fn details(mut self, text: &'static str) -> Self {
        self.details = text;
        self
    }

    /// The parameters of the path.
    #[must_use]
    pub const fn path(mut self, params: &'static [PathParam]) -> Self {
        self.path = params;
        self
    }

    /// The parameters of the query: the fields of a type.
    #[must_use]
    pub const fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(T::json_schema);
        self
    }

    /// The type of the body, and one that is taken.
    #[must_use]
    pub const fn body<T: JsonSchema>(mut self, example: &'static str) -> Self {
        let shape = SchemaGenerator::subschema_for::<T>;
        self.body = Some(BodySpec { shape, example, may_be_form: false });
        self
    }

    /// The type of the body, and one that is taken: as JSON, or as a form with the same fields.
    #[must_use]
    pub const fn body_or_form<T: JsonSchema>(mut self, example: &'static str) -> Self {
        let shape = SchemaGenerator::subschema_for::<T>;
        self.body = Some(BodySpec { shape, example, may_be_form: true });
        self
    }

    /// Problems beside those that every route of its kind has.
    #[must_use]
    pub const fn problems(mut self, codes: &'static [ProblemCode]) -> Self {
        self.problems = codes;
        self
    }
}

impl PathParam {
    /// A parameter of a type.
    #[must_use]
    pub const fn new<T: JsonSchema>(
        name: &'static str,
        description: &'static str,
        example: &'static str,
    ) -> Self {
        Self { name, description, shape: SchemaGenerator::subschema_for::<T>, example }
    }
}

impl Reply {
    /// JSON of a type, with an example.
    #[must_use]
    pub const fn json<T: JsonSchema>(
        status: u16,
        description: &'static str,
        example: &'static str,
    ) -> Self {
        let content = Content::Json(SchemaGenerator::subschema_for::<T>, example);
        Self { status, description, content, headers: &[] }
    }

    /// A reply with other content, or without any.
    #[must_use]
    pub const fn of(status: u16, description: &'static str, content: Content) -> Self {
        Self { status, description, content, headers: &[] }
    }

    /// With headers of its own.
    #[must_use]
    pub const fn with(mut self, headers: &'static [ReplyHeader]) -> Self {
        self.headers = headers;
        self
    }
}
