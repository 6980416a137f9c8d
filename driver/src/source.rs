//! Where a value comes from in a reply.
//!
//! A source is a short word: `/a/b` a place in the JSON, `.` the value itself, `$name`
//! a group of the rule's regex, `@Name` a reply header, `=text` a constant. A list of
//! sources is tried in order; null, empty and placeholder values count as absent.

use std::borrow::Cow;

use crate::document::{OneOrMany, ReplyKind};
use crate::json::Node;
use crate::place::{DriverError, Place};
use crate::reply::{Captures, View};

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Path(Vec<String>),
    Itself,
    Capture(String),
    Header(String),
    Constant(String),
}

/// What sources may name at a place in the document.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub reply: ReplyKind,
    pub groups: &'a [String],
}

/// Alternatives, first present one wins.
#[derive(Clone, Debug)]
pub(crate) struct Sources(Vec<Source>);

impl Sources {
    pub(crate) fn compile(
        doc: &OneOrMany,
        scope: Scope<'_>,
        place: &Place,
    ) -> Result<Self, DriverError> {
        let sources: Result<Vec<_>, _> =
            doc.items().iter().map(|text| compile_source(text, scope, place)).collect();
        let sources = sources?;
        let constant = sources.iter().position(|s| matches!(s, Source::Constant(_)));
        if sources.is_empty() {
            return Err(place.error("names no source"));
        }
        if constant.is_some_and(|at| at + 1 < sources.len()) {
            return Err(place.error("what follows a constant is never reached"));
        }
        Ok(Self(sources))
    }

    pub(crate) fn compile_optional(
        doc: Option<&OneOrMany>,
        scope: Scope<'_>,
        place: &Place,
    ) -> Result<Option<Self>, DriverError> {
        doc.map(|doc| Self::compile(doc, scope, place)).transpose()
    }

    /// The constants among the alternatives, for checks when a driver is loaded.
    pub(crate) fn constant(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Source::Constant(text)] => Some(text),
            _ => None,
        }
    }

    /// True if one of them is a member of this name.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.0.iter().any(|source| match source {
            Source::Path(path) => path.last().is_some_and(|last| last == name),
            Source::Itself | Source::Capture(_) | Source::Header(_) | Source::Constant(_) => false,
        })
    }

    /// How far the places that they name lead in `node`.
    pub(crate) fn ends<'s, 'n>(
        &'s self,
        node: &'s Node<'n>,
    ) -> impl Iterator<Item = PathEnd<'n>> + use<'s, 'n> {
        self.0.iter().filter_map(|source| match source {
            Source::Path(path) => Some(PathEnd::of(path, node)),
            Source::Itself => Some(PathEnd { node: node.same(), depth: 0, is_whole: true }),
            Source::Capture(_) | Source::Header(_) | Source::Constant(_) => None,
        })
    }

    /// The first present value, read from `node` (a row, or the whole reply).
    pub(crate) fn read<'v, 'n: 'v>(
        &'v self,
        view: &'v View<'_>,
        node: Option<&Node<'n>>,
        captures: &'v Captures,
    ) -> Option<Cow<'v, str>> {
        let mut values = self.0.iter().filter_map(|source| source.read(view, node, captures));
        values.find(|value| {
            let value = value.trim();
            !value.is_empty() && !view.placeholders.iter().any(|p| p == value)
        })
    }
}

/// The last value on the way to a place.
pub(crate) struct PathEnd<'n> {
    pub node: Node<'n>,
    /// How many of the path's segments lead to it.
    pub depth: usize,
    /// It is the place itself.
    pub is_whole: bool,
}

impl<'n> PathEnd<'n> {
    fn of(path: &[String], from: &Node<'n>) -> Self {
        let (mut last, mut depth) = (from.same(), 0);
        while let Some(next) = path.get(depth).and_then(|segment| last.child(segment)) {
            (last, depth) = (next, depth + 1);
        }
        Self { node: last, depth, is_whole: depth == path.len() }
    }
}

impl Source {
    fn read<'v, 'n: 'v>(
        &'v self,
        view: &'v View<'_>,
        node: Option<&Node<'n>>,
        captures: &'v Captures,
    ) -> Option<Cow<'v, str>> {
        match self {
            Self::Path(path) => node?.at(path)?.scalar(),
            Self::Itself => match node {
                Some(node) => node.scalar(),
                None => Some(Cow::Borrowed(view.text.as_ref())),
            },
            Self::Capture(name) => {
                let found = captures.iter().find(|(key, _)| key == name);
                found.map(|(_, value)| Cow::Borrowed(value.as_str()))
            }
            Self::Header(name) => view.reply.header(name).map(Cow::Borrowed),
            Self::Constant(text) => Some(Cow::Borrowed(text)),
        }
    }
}

fn compile_source(text: &str, scope: Scope<'_>, place: &Place) -> Result<Source, DriverError> {
    let json = scope.reply == ReplyKind::Json;
    if text == "." {
        if scope.reply == ReplyKind::Text {
            return Err(place.error("`.` needs a json or scalar reply"));
        }
        return Ok(Source::Itself);
    }
    let rest = text.get(1..).unwrap_or_default();
    match text.as_bytes().first() {
        Some(b'/') if !json => Err(place.error(format!("`{text}` needs a json reply"))),
        Some(b'/') if rest.is_empty() => Err(place.error("an empty path; `.` is the value itself")),
        Some(b'/') => Ok(Source::Path(compile_path(text))),
        Some(b'$') if scope.groups.iter().any(|group| group == rest) => {
            Ok(Source::Capture(rest.to_owned()))
        }
        Some(b'$') => Err(place.error(format!("the rule's regex has no group `{rest}`"))),
        Some(b'@') if !rest.is_empty() => Ok(Source::Header(rest.to_owned())),
        Some(b'=') if !rest.is_empty() => Ok(Source::Constant(rest.to_owned())),
        _ => Err(place.error(format!("`{text}` is none of /path . $group @header =constant"))),
    }
}

/// The segments of `/a/b`, with JSON pointer's `~1` and `~0` for `/` and `~`.
pub(crate) fn compile_path(text: &str) -> Vec<String> {
    let segments = text.strip_prefix('/').unwrap_or(text).split('/');
    segments.map(|segment| segment.replace("~1", "/").replace("~0", "~")).collect()
}
