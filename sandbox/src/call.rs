//! A request as the wire formats see it, freed from HTTP.

/// A request as the wire formats see it.
#[derive(Debug, Default)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names and values of query and form body, trimmed; empty values are left out.
    pub(crate) params: Vec<(String, String)>,
    /// The value of `Authorization`, without `Bearer`.
    pub(crate) bearer: Option<String>,
}

impl Call {
    /// The first of the parameters with one of these names.
    pub(crate) fn param(&self, names: &[&str]) -> Option<&str> {
        let found = self.params.iter().find(|(name, _)| names.contains(&name.as_str()));
        found.map(|(_, value)| value.as_str())
    }

    /// The path's parts between slashes, empty ones left out.
    pub(crate) fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|part| !part.is_empty()).collect()
    }
}
