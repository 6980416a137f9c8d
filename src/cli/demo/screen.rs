//! How much is shown: a bounded number of lines a second, then what was left out.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use nexnum_engine::time::Time;

use super::figures::LeftOut;
use super::happening::{Happening, OrderStep, Step, What};

/// Lines of orders a second: about as many as can be followed with the eyes.
const ORDER_LINES_MAX: u32 = 20;
/// Lines of all else a second.
const OTHER_LINES_MAX: u32 = 10;
const SECOND: Duration = Duration::from_secs(1);

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// For people.
    Text,
    /// For people, in colour.
    Coloured,
    /// For programs: an object a line.
    Json,
}

impl Form {
    /// As standard output is read: text on a terminal, in colour unless `NO_COLOR` is set; else
    /// JSON.
    pub(super) fn of_stdout() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        if !std::io::stdout().is_terminal() {
            Self::Json
        } else if set("NO_COLOR").is_some() || set("TERM").is_some_and(|term| term == "dumb") {
            Self::Text
        } else {
            Self::Coloured
        }
    }
}

/// What is shown, second by second.
#[derive(Debug)]
pub(super) struct Screen {
    form: Form,
    /// When the second began.
    began: Instant,
    order_lines: u32,
    other_lines: u32,
    left_out: LeftOut,
}

impl Screen {
    pub(super) fn new(form: Form, now: Instant) -> Self {
        let left_out = LeftOut::default();
        Self { form, began: now, order_lines: 0, other_lines: 0, left_out }
    }

    /// The line of what happened, if there is room for it in this second.
    pub(super) fn line(&mut self, happening: &Happening) -> Option<String> {
        let (lines, most) = match happening.what {
            What::Order(_) => (&mut self.order_lines, ORDER_LINES_MAX),
            What::Breaker { .. }
            | What::AttentionNeeded(_)
            | What::AttentionOver(_)
            | What::Status { .. }
            | What::LeftOut(_) => (&mut self.other_lines, OTHER_LINES_MAX),
        };
        if *lines >= most {
            *kind(&mut self.left_out, &happening.what) += 1;
            return None;
        }
        *lines += 1;
        Some(self.render(happening))
    }

    /// Begins the next second where one is over; then the line of what was left out of it.
    pub(super) fn tick(&mut self, now: Instant, at: Time) -> Option<String> {
        if now.duration_since(self.began) < SECOND {
            return None;
        }
        (self.began, self.order_lines, self.other_lines) = (now, 0, 0);
        let left_out = std::mem::take(&mut self.left_out);
        let what = What::LeftOut(left_out);
        (left_out != LeftOut::default()).then(|| self.render(&Happening { at, what }))
    }

    fn render(&self, happening: &Happening) -> String {
        match self.form {
            Form::Text => happening.text(false),
            Form::Coloured => happening.text(true),
            Form::Json => happening.json().to_string(),
        }
    }
}

/// As what a line that is not shown is counted.
fn kind<'a>(left_out: &'a mut LeftOut, what: &What) -> &'a mut u64 {
    match what {
        What::Order(OrderStep { step, .. }) => match step {
            Step::Placed => &mut left_out.orders,
            Step::Number => &mut left_out.numbers,
            Step::Message { .. } | Step::AnotherMessage { .. } => &mut left_out.messages,
            Step::Refunded { .. } | Step::Cancelled => &mut left_out.refunds,
            Step::NextTry | Step::Doubted => &mut left_out.other,
        },
        What::Breaker { .. }
        | What::AttentionNeeded(_)
        | What::AttentionOver(_)
        | What::Status { .. }
        | What::LeftOut(_) => &mut left_out.other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::public_id::PublicIds;
    use nexnum_engine::ids::OrderId;
    use nexnum_engine::money::Micros;

    fn order(step: Step) -> Happening {
        let what = What::Order(OrderStep {
            order: PublicIds::new([7; 16]).order(OrderId(1)),
            account: "demo".into(),
            country: "ID",
            service: "telegram",
            provider: "hero".into(),
            number: String::new(),
            price: Micros(1),
            step,
        });
        Happening { at: Time(0), what }
    }

    #[test]
    fn a_second_shows_so_many_lines_and_then_what_it_left_out() {
        let start = Instant::now();
        let mut screen = Screen::new(Form::Text, start);
        let shown = (0..140).filter_map(|_| screen.line(&order(Step::Placed))).count();
        assert_eq!(shown, ORDER_LINES_MAX as usize);
        assert_eq!(screen.line(&order(Step::Number)), None);
        let breaker = What::Breaker { provider: "hero".into(), is_open: true };
        let breaker = Happening { at: Time(0), what: breaker };
        assert!(screen.line(&breaker).is_some(), "it has room of its own");
        assert_eq!(screen.tick(start + SECOND / 2, Time(0)), None);
        assert_eq!(
            screen.tick(start + SECOND, Time(0)).unwrap(),
            "00:00:00  … and 120 more orders, 1 number in the last second"
        );
        assert!(screen.line(&order(Step::Placed)).is_some());
        assert_eq!(screen.tick(start + 2 * SECOND, Time(0)), None, "nothing was left out");
    }

    #[test]
    fn each_line_of_json_is_an_object() {
        let mut screen = Screen::new(Form::Json, Instant::now());
        let line = screen.line(&order(Step::Cancelled)).unwrap();
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["event"], "order_cancelled");
    }
}
