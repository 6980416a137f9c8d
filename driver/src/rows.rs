//! Walking to the rows of a reply: nested maps and lists, their keys captured on the way.
//!
//! A path such as `*.*` or `data.*.list.*` descends; every `*` goes through all members
//! of a map or elements of a list and may bind the map's key. PHP's `[]` and null are
//! empty maps.

use crate::document::{ReplyKind, RowsDoc};
use crate::json::Node;
use crate::place::{DriverError, Place};
use crate::reply::Misfit;
use crate::source::{Scope, compile_path};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Country,
    Service,
    Operator,
    Cost,
    Ignored,
}

#[derive(Debug)]
enum Step {
    Name(String),
    Each(Key),
}

/// A walk to the rows of a reply.
#[derive(Debug)]
pub(crate) struct Rows {
    steps: Vec<Step>,
    skip_keys: Vec<String>,
    /// A single value at the last star counts as a list of one.
    lone: bool,
    filters: Vec<(Vec<String>, Vec<String>)>,
}

/// The keys bound on the way to a row.
#[derive(Clone, Default)]
pub(crate) struct Bound<'k> {
    pub country: Option<&'k str>,
    pub service: Option<&'k str>,
    pub operator: Option<&'k str>,
    pub cost: Option<&'k str>,
}

impl Rows {
    pub(crate) fn compile(
        doc: &RowsDoc,
        scope: Scope<'_>,
        place: &Place,
    ) -> Result<Self, DriverError> {
        let place = place.field("rows");
        if scope.reply != ReplyKind::Json {
            return Err(place.error("needs a json reply"));
        }
        let stars = doc.path.split('.').filter(|step| *step == "*").count();
        if stars == 0 || doc.path.split('.').any(str::is_empty) {
            return Err(place.field("path").error("is names and at least one `*`, joined by dots"));
        }
        if !doc.bind.is_empty() && doc.bind.len() != stars {
            let problem = format!("binds {} keys, the path has {stars} stars", doc.bind.len());
            return Err(place.field("bind").error(problem));
        }
        let mut keys = Vec::new();
        for word in &doc.bind {
            let key = parse_key(word, &place.field("bind"))?;
            if key != Key::Ignored && keys.contains(&key) {
                return Err(place.field("bind").error(format!("binds {word} twice")));
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let steps = doc.path.split('.').map(|step| match step {
            "*" => Step::Each(keys.next().unwrap_or(Key::Ignored)),
            name => Step::Name(name.to_owned()),
        });
        let steps = steps.collect();
        let filters = doc.filters.iter();
        let filters = filters.map(|f| (compile_path(&f.at), f.equals.items().to_vec())).collect();
        Ok(Self { steps, skip_keys: doc.skip_keys.clone(), lone: doc.lone, filters })
    }

    pub(crate) fn binds(&self, key: Key) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Each(bound) if *bound == key))
    }

    /// Calls `visit` with each row that the filters keep and the keys that led to it.
    pub(crate) fn walk(
        &self,
        root: &Node<'_>,
        visit: &mut impl FnMut(&Node<'_>, &Bound<'_>) -> Result<(), Misfit>,
    ) -> Result<(), Misfit> {
        self.walk_all(root, &mut |row, bound| {
            if self.keeps(row) { visit(row, bound) } else { Ok(()) }
        })
    }

    /// As [`Self::walk`], with the rows that the filters leave out.
    pub(crate) fn walk_all(
        &self,
        root: &Node<'_>,
        visit: &mut impl FnMut(&Node<'_>, &Bound<'_>) -> Result<(), Misfit>,
    ) -> Result<(), Misfit> {
        self.descend(&self.steps, root, &Bound::default(), visit)
    }

    fn descend(
        &self,
        steps: &[Step],
        node: &Node<'_>,
        bound: &Bound<'_>,
        visit: &mut impl FnMut(&Node<'_>, &Bound<'_>) -> Result<(), Misfit>,
    ) -> Result<(), Misfit> {
        let Some((step, rest)) = steps.split_first() else {
            return visit(node, bound);
        };
        // PHP writes an empty map as [], and some providers an absent one as null.
        let empty = node.is_null() || (node.is_list() && node.elements().is_empty());
        match step {
            _ if empty => Ok(()),
            Step::Name(name) => {
                let child = node.child(name).ok_or(Misfit)?;
                self.descend(rest, &child, bound, visit)
            }
            Step::Each(key) if node.is_map() => {
                for (name, child) in node.children() {
                    if !self.skip_keys.iter().any(|skipped| skipped == name) {
                        self.descend(rest, &child, &bound.with(*key, name), visit)?;
                    }
                }
                Ok(())
            }
            Step::Each(Key::Ignored) if node.is_list() => {
                let mut elements = node.elements().into_iter();
                elements.try_for_each(|child| self.descend(rest, &child, bound, visit))
            }
            Step::Each(Key::Ignored) if self.lone && rest.is_empty() && !node.is_map() => {
                visit(node, bound)
            }
            Step::Each(_) => Err(Misfit),
        }
    }

    /// True if the filters keep the row.
    fn keeps(&self, row: &Node<'_>) -> bool {
        self.judge(row) == Some(true)
    }

    /// Whether the filters keep the row; `None` if a place that they look at is absent.
    pub(crate) fn judge(&self, row: &Node<'_>) -> Option<bool> {
        let mut kept = true;
        for (path, tokens) in &self.filters {
            let value = row.at(path).and_then(|node| node.scalar())?;
            kept &= tokens.iter().any(|token| *token == value);
        }
        Some(kept)
    }
}

fn parse_key(word: &str, place: &Place) -> Result<Key, DriverError> {
    match word {
        "country" => Ok(Key::Country),
        "service" => Ok(Key::Service),
        "operator" => Ok(Key::Operator),
        "cost" => Ok(Key::Cost),
        "_" => Ok(Key::Ignored),
        other => {
            Err(place.error(format!("`{other}` is none of country, service, operator, cost, _")))
        }
    }
}

impl<'k> Bound<'k> {
    fn with<'n>(&self, key: Key, name: &'n str) -> Bound<'n>
    where
        'k: 'n,
    {
        let mut bound: Bound<'n> = self.clone();
        match key {
            Key::Country => bound.country = Some(name),
            Key::Service => bound.service = Some(name),
            Key::Operator => bound.operator = Some(name),
            Key::Cost => bound.cost = Some(name),
            Key::Ignored => {}
        }
        bound
    }
}
