//! What the engine does, told as tables: one command a line, what it answers behind
//! the arrow, assertions between them. Every line is followed by an audit, every
//! table by a replay of its events and a rebuild from its rows.
//!
//! `wait` lets time pass, `tick` lets it pass and pulses. Ids are the engine's own,
//! printed as `A1` (account), `K1` (key), `P1` (provider), `O1` (offer), `R1` (order).

mod common;

use common::script::run;

#[track_caller]
fn check(text: &str) {
    if let Err(complaint) = run(text) {
        panic!("{complaint}");
    }
}

macro_rules! scenarios {
    ($($name:ident)*) => {
        /// Every table, for what is said about all of them.
        const TABLES: &[&str] =
            &[$(include_str!(concat!("scenarios/", stringify!($name), ".txt"))),*];
        $(
            #[test]
            fn $name() {
                check(include_str!(concat!("scenarios/", stringify!($name), ".txt")));
            }
        )*
    };
}

scenarios! {
    own_stock_is_sold_delivered_and_paid
    a_cancel_waits_for_the_minimum_age_and_then_refunds
    an_order_without_a_message_times_out_and_refunds
    a_refused_order_falls_through_to_the_next_ask
    a_price_above_the_limit_is_refused
    a_wallet_pays_only_what_it_has
    an_idempotency_key_has_one_effect
    an_order_in_doubt_is_adopted_or_written_off
    a_message_counts_once_and_late_ones_are_kept
    a_message_that_came_in_part_is_completed
    of_message_and_cancel_the_first_wins
    another_message_and_the_finish
    a_number_of_own_stock_returns_only_unused
    a_number_that_rests_is_not_sold_for_another_service
    a_number_that_is_loaded_again_rests_after_its_last_buyer
    a_repeated_message_does_not_reach_the_next_buyer_of_a_number
    a_message_is_known_as_long_as_its_number_is_sold
    a_callback_is_kept_until_it_is_processed
    a_refused_callback_is_kept_apart
    a_deposit_is_credited_once
    a_provider_is_paid_what_it_is_owed_and_more
    accounts_keys_and_providers
    a_last_look_comes_before_a_time_out
    a_provider_that_charges_for_a_refunded_order_is_owed
    a_purchase_without_a_number_is_known_by_its_id
    a_purchase_without_an_order_is_remembered_until_it_is_settled
    an_end_here_is_an_end_at_the_provider
    a_refusal_after_the_deadline_takes_the_write_off_back
    offers_and_stock_are_checked
    old_orders_and_replies_are_forgotten
    an_order_leaves_memory_when_history_holds_it
}

/// Every refusal's code.
const CODES: [&str; 28] = [
    "unknown_account",
    "unknown_key",
    "unknown_provider",
    "unknown_offer",
    "not_found",
    "unknown_callback",
    "name_taken",
    "invalid_field",
    "amount_out_of_range",
    "idempotency_mismatch",
    "price_above_max",
    "no_number_yet",
    "already_assigned",
    "no_message_yet",
    "already_received",
    "activation_closed",
    "too_early_to_cancel",
    "stale_attempt",
    "in_doubt",
    "duplicate_purchase",
    "duplicate_message",
    "duplicate_number",
    "duplicate_key",
    "duplicate_offer",
    "wrong_provider_kind",
    "no_numbers",
    "insufficient_funds",
    "exhausted",
];

#[test]
fn every_refusal_is_in_a_scenario() {
    let answers: Vec<&str> = TABLES
        .iter()
        .flat_map(|table| table.lines())
        .filter_map(|line| line.split('#').next()?.split_once("->"))
        .map(|(_, answer)| answer.trim())
        .collect();
    let missing: Vec<&str> = CODES.into_iter().filter(|code| !answers.contains(code)).collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn a_wrong_expectation_fails_and_names_its_line() {
    let complaint = run("account ann -> A1\naccount ann -> A2\n").unwrap_err();
    assert_eq!(complaint, "line 2: account ann\n  expected A2\n  got      name_taken");
}
