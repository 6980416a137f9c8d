//! Own stock: numbers that the operator holds, put on sale.

use nexnum_engine::command::{ListOffers, LoadStock, NameVariant};
use nexnum_engine::decide::check_load;
use nexnum_engine::event::DestroyReason;
use nexnum_engine::group::Origin;
use nexnum_engine::ids::{CountryId, Number, OfferId, Product, VariantId};
use nexnum_engine::money::Micros;
use nexnum_engine::product::OfferKey;
use nexnum_engine::reject::Reject;
use nexnum_engine::sealed::KeyOwner;

use super::Supply;
use crate::market::Refused;
use crate::market::sealing::SealedLoad;

/// Numbers to put on sale.
#[derive(Clone, Debug)]
pub struct StockLoad {
    /// Country and service.
    pub product: Product,
    /// The carrier's name; `None` for any.
    pub carrier: Option<Box<str>>,
    /// What a number costs us.
    pub cost: Micros,
    /// What it is sold for.
    pub price: Micros,
    /// The numbers, in the order they will be sold.
    pub numbers: Vec<Number>,
}

/// Why no number of a load was put on sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadRefusal {
    /// A number is of another country than the load's: no buyer could use it as what was bought.
    OtherCountry {
        /// The number.
        number: Number,
        /// The load's country.
        country: CountryId,
    },
    /// A number stands twice in the load, or is in stock, at rest or in use for the service already.
    Duplicate {
        /// The number.
        number: Number,
    },
    /// The engine refused.
    Refused(Refused),
}

impl From<Refused> for LoadRefusal {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// What a load did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The offer.
    pub offer: OfferId,
    /// Numbers added to it.
    pub count: u32,
}

impl Supply {
    /// Puts numbers on sale: their carrier is named and their offer listed, where they are
    /// new.
    ///
    /// # Errors
    /// The refusal; no number is added then.
    pub async fn load(&self, origin: &Origin, load: StockLoad) -> Result<Loaded, LoadRefusal> {
        // 1. Refused before its carrier is named and its offer is listed, which are events.
        let (lookups, today) = (self.market.sealing.lookups(), self.market.clock.now().day());
        let tokens: Vec<_> = load.numbers.iter().map(|it| lookups.on(today).token(*it)).collect();
        let numbers = load.numbers.clone();
        let refused = |refused| match refused {
            Refused::Rejected(Reject::DuplicateNumber(index)) => {
                LoadRefusal::Duplicate { number: numbers[index as usize] }
            }
            refused => LoadRefusal::Refused(refused),
        };
        check_load(load.cost, load.price, &tokens).map_err(|reject| refused(reject.into()))?;
        self.check_country(&load)?;
        // 2. The offer.
        let variant = self.name_variant(origin, load.carrier).await?;
        let offer = self.list_own(origin, OfferKey::of(load.product, variant)).await?;
        // 3. The numbers.
        let StockLoad { cost, price, .. } = load;
        let sealed = self.market.seal_load(offer, load.numbers).await.map_err(Refused::from)?;
        let SealedLoad { numbers, others } = sealed;
        let key = numbers.first().map(|number| number.sealed.handle);
        let load = LoadStock { offer, cost, price, numbers, others };
        let loaded = self.market.execute(origin, load).await;
        if let (Err(Refused::Rejected(_) | Refused::Busy), Some(key)) = (&loaded, key)
            && let Err(error) =
                self.market.destroy_key((key, KeyOwner::Load(offer)), DestroyReason::Unused).await
        {
            tracing::warn!(%error, %key, "the key of a load that was refused stays");
        }
        let count = loaded.map_err(refused)?;
        Ok(Loaded { offer, count })
    }

    fn check_country(&self, load: &StockLoad) -> Result<(), LoadRefusal> {
        let id = load.product.country;
        let Some(country) = self.market.catalog.country(id) else { return Ok(()) };
        let other = load.numbers.iter().find(|number| !country.may_have(**number));
        let refusal = |number: &Number| LoadRefusal::OtherCountry { number: *number, country: id };
        other.map_or(Ok(()), |number| Err(refusal(number)))
    }

    async fn name_variant(
        &self,
        origin: &Origin,
        carrier: Option<Box<str>>,
    ) -> Result<VariantId, Refused> {
        let Some(name) = carrier else { return Ok(VariantId::ANY) };
        self.market.execute(origin, NameVariant::of_carrier(name)).await
    }

    /// The own offer's id, listed now if it was not before.
    async fn list_own(&self, origin: &Origin, key: OfferKey) -> Result<OfferId, Refused> {
        let provider = self.own;
        let known = || self.market.read_model.directory().offer(provider, key);
        if let Some(offer) = known() {
            return Ok(offer);
        }
        let command = ListOffers { provider, offers: vec![key] };
        match self.market.execute(origin, command).await {
            Ok(listed) => Ok(listed.first),
            // Another load listed it meanwhile; its event is published before this answer.
            Err(Refused::Rejected(Reject::DuplicateOffer)) => {
                known().ok_or(Refused::Rejected(Reject::DuplicateOffer))
            }
            Err(refused) => Err(refused),
        }
    }
}
