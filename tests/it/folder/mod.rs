//! A data folder from `init` on: what is refused, what comes back, what is named.

mod attempts;
mod check_config;
mod clock;
mod damage;
mod init;
mod sealing_keys;
mod snapshots;
mod versions;

use std::path::Path;

use nexnum::market::folder::{self, Opened};
use nexnum_engine::command::{Caller, Cancel, Command, Finish, Placed, Reply};
use nexnum_engine::ids::OrderId;
use nexnum_storage::Folder;

use crate::rig::ledger::{self, ACCOUNT, Furniture};

fn opened(dir: &Path) -> Opened {
    folder::open(dir, |_| {}).unwrap()
}

/// Decides commands and appends what happened, a row each.
fn append(opened: &mut Opened, commands: impl IntoIterator<Item = Command>) -> Vec<Reply> {
    let row = |command| {
        let at = opened.last_at.plus_ms(1);
        ledger::append(opened, at, &command)
    };
    commands.into_iter().map(row).collect()
}

/// A customer with money and own stock to spend it on.
fn furnish(opened: &mut Opened, numbers: u64) {
    let Furniture { keys, account, deposit, provider, offers, stock } = ledger::furniture(numbers);
    ledger::make_key_files(opened);
    append(opened, keys.map(Into::into));
    append(opened, [account.into(), deposit.into(), provider.into(), offers.into(), stock.into()]);
}

/// Orders that end in each way there is.
fn trade(opened: &mut Opened, orders: u32) {
    for n in 0..orders {
        let placed = append(opened, [ledger::order().into()]);
        let Reply::Placed(Placed::Filled(id)) = placed[0] else { panic!("{placed:?}") };
        match n % 3 {
            0 => append(opened, [Command::Cancel(Cancel { order: id, caller: Caller::System })]),
            1 => append(opened, delivered(id)),
            _ => Vec::new(),
        };
    }
}

fn delivered(order: OrderId) -> [Command; 2] {
    let finish = Finish { order, caller: Caller::Account(ACCOUNT) };
    [ledger::message(order, u128::from(order.0)).into(), finish.into()]
}

fn folder_with_trade(dir: &Path) -> Folder {
    folder::init(dir).unwrap();
    let mut opened = opened(dir);
    furnish(&mut opened, 50);
    trade(&mut opened, 30);
    opened.folder
}
