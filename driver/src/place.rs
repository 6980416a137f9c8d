//! Places in a document, and the errors that name them.

use std::fmt;

/// Why a document is no driver, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverError {
    /// The dotted place in the document, or its line.
    pub place: String,
    /// What is wrong there.
    pub problem: String,
}

impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl std::error::Error for DriverError {}

/// A dotted place in a document, for errors that say where.
#[derive(Clone, Debug)]
pub(crate) struct Place(String);

impl Place {
    pub(crate) fn new(root: &str) -> Self {
        Self(root.to_owned())
    }

    pub(crate) fn field(&self, name: &str) -> Self {
        Self(format!("{}.{name}", self.0))
    }

    pub(crate) fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    pub(crate) fn error(&self, problem: impl Into<String>) -> DriverError {
        DriverError { place: self.0.clone(), problem: problem.into() }
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
}
