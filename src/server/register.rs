//! Registering a provider in the ledger.

use nexnum_engine::command::RegisterProvider;
use nexnum_engine::event::ProviderKind;
use nexnum_engine::group::Actor;
use nexnum_engine::ids::ProviderId;
use nexnum_engine::reject::Reject;

use super::start_error::StartError;
use crate::market::Market;

/// Gives a provider its id; one of the same name keeps its own.
pub(super) async fn register(
    market: &Market,
    name: &str,
    kind: ProviderKind,
) -> Result<ProviderId, StartError> {
    let failed = |reason: String| StartError::Register { name: name.to_owned(), reason };
    let register = RegisterProvider { name: name.into(), kind };
    let answer = market
        .handle
        .ask(Actor::System, register)
        .await
        .map_err(|error| failed(error.to_string()))?;
    answer.map_err(|reject| match reject {
        Reject::NameTaken => {
            failed("the ledger knows own stock by this name: choose another".to_owned())
        }
        reject => failed(reject.code().to_owned()),
    })
}
