//! Whether a message stands where a driver looks for one, and its fields do not stand where it
//! looks for them: a provider has changed how it writes messages.

use super::value::is_nothing;
use crate::json::Node;
use crate::source::{PathEnd, Sources};

/// Characters that a value has at least that may be a message: what is shorter is a flag or a
/// count.
const SAYS_MIN: usize = 3;

/// Where a message is looked for.
pub(super) struct Places<'a> {
    /// Its text and its code.
    pub(super) said: [&'a Option<Sources>; 2],
    /// What else is read of it.
    pub(super) beside: [&'a Option<Sources>; 2],
    /// In each row of a list of messages, not in the whole reply.
    pub(super) in_rows: bool,
}

/// True if a reply, or a row of it, of which neither text nor code could be read has a message all
/// the same.
pub(super) fn is_misplaced(places: &Places<'_>, row: &Node<'_>) -> bool {
    let ends = || places.said.into_iter().flatten().flat_map(|sources| sources.ends(row));
    // 1. A field has its place, and something other than text is there.
    let is_other = |end: &PathEnd<'_>| end.is_whole && has_members(&end.node);
    if ends().any(|end| is_other(&end)) {
        return true;
    }
    // 2. In a list of messages each row is one; elsewhere what a path leads to is.
    let depth_min = usize::from(!places.in_rows);
    let stops = ends().filter(|end| !end.is_whole && end.depth >= depth_min);
    let has_place = ends().any(|end| end.is_whole);
    stops.map(|end| end.node).any(|node| match node.scalar() {
        Some(value) => says(&value),
        None if node.is_map() => !has_place && has_text(places, &node),
        None => has_members(&node),
    })
}

/// True if a reply has none of the places in which its text and code are looked for.
pub(super) fn is_absent(places: &Places<'_>, row: &Node<'_>) -> bool {
    let mut ends = places.said.into_iter().flatten().flat_map(|sources| sources.ends(row));
    let mut looked = false;
    let has_place = ends.any(|end| {
        looked = true;
        end.is_whole
    });
    looked && !has_place
}

fn has_members(node: &Node<'_>) -> bool {
    !node.members().is_empty() || node.is_list() && !node.elements().is_empty()
}

fn says(value: &str) -> bool {
    let value = value.trim();
    let is_flag = matches!(value, "true" | "false");
    value.chars().count() >= SAYS_MIN && !is_flag && !is_nothing(value)
}

/// True if a map has a text that is none of the fields that are read of a message.
fn has_text(places: &Places<'_>, node: &Node<'_>) -> bool {
    let is_read =
        |name: &str| places.beside.into_iter().flatten().any(|sources| sources.names(name));
    let mut children = node.children().filter(|(name, _)| !is_read(name));
    children.any(|(_, child)| has_members(&child) || child.scalar().is_some_and(|it| says(&it)))
}
