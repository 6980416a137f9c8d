//! Queries as types: the fields of a struct are the parameters that a route knows, so that
//! what is read and what is described are the same.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::parse;
use super::wire::Amount;
use crate::http::Problem;
use crate::http::query::Query;

/// A type that one parameter is read into.
pub(super) trait Parameter<'a>: Sized {
    fn read(query: &mut Query<'a>, name: &'static str) -> Result<Self, Problem>;
}

/// Defines a struct whose fields are a route's query parameters, read in their order.
macro_rules! parameters {
    ($(#[$about:meta])* $vis:vis struct $name:ident $(<$life:lifetime>)? {
        $($(#[$doc:meta])* $field:ident: $type:ty,)*
    }) => {
        $(#[$about])*
        #[derive(Debug, schemars::JsonSchema)]
        $vis struct $name $(<$life>)? {
            $($(#[$doc])* pub $field: $type,)*
        }

        impl $(<$life>)? $name $(<$life>)? {
            /// Reads them.
            ///
            /// # Errors
            /// 400 for what is unknown, given twice, or not in its form.
            $vis fn read(call: &$($life)? $crate::http::Call) -> Result<Self, $crate::http::Problem> {
                let query = &mut call.query(&[$(stringify!($field)),*])?;
                $(let $field = $crate::face::query::Parameter::read(query, stringify!($field))?;)*
                Ok(Self { $($field),* })
            }
        }
    };
}
pub(super) use parameters;

/// A text that must be there.
impl<'a> Parameter<'a> for Cow<'a, str> {
    fn read(query: &mut Query<'a>, name: &'static str) -> Result<Self, Problem> {
        query.required(name)?;
        Ok(query.take(name).expect("it was there a line above"))
    }
}

impl<'a> Parameter<'a> for Option<Cow<'a, str>> {
    fn read(query: &mut Query<'a>, name: &'static str) -> Result<Self, Problem> {
        Ok(query.take(name))
    }
}

impl<'a> Parameter<'a> for Option<Amount<'a>> {
    fn read(query: &mut Query<'a>, name: &'static str) -> Result<Self, Problem> {
        Ok(query.take(name).map(Amount))
    }
}

/// An integer within bounds; `DEFAULT` where it is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounded<const MIN: u64, const MAX: u64, const DEFAULT: u64>(pub u64);

impl<const MIN: u64, const MAX: u64, const DEFAULT: u64> Parameter<'_>
    for Bounded<MIN, MAX, DEFAULT>
{
    fn read(query: &mut Query<'_>, name: &'static str) -> Result<Self, Problem> {
        query.number(name, MIN..=MAX, DEFAULT).map(Self)
    }
}

impl<const MIN: u64, const MAX: u64, const DEFAULT: u64> JsonSchema for Bounded<MIN, MAX, DEFAULT> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("IntegerFrom{MIN}To{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": MIN, "maximum": MAX, "default": DEFAULT})
    }
}

/// Where a page begins: the id that a list gave as `next_cursor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor(pub u64);

impl Parameter<'_> for Option<Cursor> {
    fn read(query: &mut Query<'_>, name: &'static str) -> Result<Self, Problem> {
        Ok(parse::cursor(query.get(name))?.map(Cursor))
    }
}

/// Where a page of a customer's list begins: the text that the list gave as `next_cursor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListCursor<'a>(pub Cow<'a, str>);

impl<'a> Parameter<'a> for Option<ListCursor<'a>> {
    fn read(query: &mut Query<'a>, name: &'static str) -> Result<Self, Problem> {
        Ok(query.take(name).map(ListCursor))
    }
}

impl JsonSchema for ListCursor<'_> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ListCursor".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^cur_[0-9a-hjkmnp-tv-z]{13}$"})
    }
}

impl JsonSchema for Cursor {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Cursor".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[0-9]{1,20}$"})
    }
}
