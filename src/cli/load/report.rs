//! What a run found, as text or as one JSON object.

use std::fmt;

use serde::Serialize;

use super::Load;

/// The figures of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The load's name.
    #[serde(serialize_with = "as_text")]
    pub load: Load,
    /// Connections, each with one request in flight.
    pub connections: u32,
    /// Seconds from the first request to the last reply.
    pub seconds: f64,
    /// Requests sent, errors among them.
    pub requests: u64,
    /// Requests without a reply, or with one that the load does not expect.
    pub errors: u64,
    /// Requests without error, a second.
    pub rate: f64,
    /// Half of the replies came within so many microseconds; errors are left out.
    pub p50_us: f64,
    /// Nine of ten.
    pub p90_us: f64,
    /// Ninety-nine of a hundred.
    pub p99_us: f64,
    /// All but one of a thousand.
    pub p999_us: f64,
    /// The machine's load over the minute before the run; 0 where it cannot be read.
    pub load_average: f64,
    /// Of a race: refusals that count as replies.
    #[serde(skip)]
    pub refused: u64,
    /// The first error, in words.
    #[serde(skip)]
    pub first_error: Option<String>,
}

fn as_text<S: serde::Serializer>(load: &Load, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(load)
}

impl Report {
    /// One line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers and a word have a JSON form")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { load, connections, seconds, requests, errors, rate, refused, .. } = self;
        writeln!(f, "{load}: {rate:.0}/s over {connections} connections in {seconds:.1} s")?;
        writeln!(f, "  requests {requests}, errors {errors}, refused {refused}")?;
        write!(
            f,
            "  p50 {:.0} us, p90 {:.0} us, p99 {:.0} us, p99.9 {:.0} us; load average {:.2}",
            self.p50_us, self.p90_us, self.p99_us, self.p999_us, self.load_average
        )?;
        match &self.first_error {
            Some(error) => write!(f, "\n  first error: {error}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_one_object_or_a_few_lines() {
        let mut report = Report {
            load: Load::OrderHot,
            connections: 64,
            seconds: 5.0,
            requests: 10,
            errors: 1,
            rate: 1.8,
            p50_us: 1.5,
            p90_us: 2.0,
            p99_us: 3.0,
            p999_us: 4.0,
            load_average: 0.25,
            refused: 0,
            first_error: None,
        };
        assert_eq!(
            report.to_json(),
            concat!(
                r#"{"load":"order-hot","connections":64,"seconds":5.0,"requests":10,"errors":1,"#,
                r#""rate":1.8,"p50_us":1.5,"p90_us":2.0,"p99_us":3.0,"p999_us":4.0,"load_average":0.25}"#
            )
        );
        report.first_error = Some("answered 500".to_owned());
        assert_eq!(
            report.to_string(),
            "order-hot: 2/s over 64 connections in 5.0 s\n  requests 10, errors 1, refused 0\n  \
             p50 2 us, p90 2 us, p99 3 us, p99.9 4 us; load average 0.25\n  \
             first error: answered 500"
        );
    }
}
