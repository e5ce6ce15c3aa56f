//! Units by their symbols.

use perennial_core::{Error, Result};

/// What a unit measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantity {
    Length,
    Area,
    Volume,
    Mass,
    Time,
    Speed,
    Temperature,
}

impl Quantity {
    fn name(self) -> &'static str {
        match self {
            Quantity::Length => "a length",
            Quantity::Area => "an area",
            Quantity::Volume => "a volume",
            Quantity::Mass => "a mass",
            Quantity::Time => "a time",
            Quantity::Speed => "a speed",
            Quantity::Temperature => "a temperature",
        }
    }
}

/// A number of a unit is `(number - zero) * over / under` of the first unit of its quantity; all of them are so by definition, not
/// by measurement.
struct Unit {
    symbols: &'static [&'static str],
    quantity: Quantity,
    over: u64,
    under: u64,
    zero: f64,
}

const fn unit(symbols: &'static [&'static str], quantity: Quantity, over: u64, under: u64) -> Unit {
    Unit { symbols, quantity, over, under, zero: 0.0 }
}

/// The international yard and pound of 1959, the US gallon of 231 cubic inches, and the units of the SI brochure.
const UNITS: &[Unit] = &[
    unit(&["m"], Quantity::Length, 1, 1),
    unit(&["nm"], Quantity::Length, 1, 1_000_000_000),
    unit(&["µm", "μm", "um"], Quantity::Length, 1, 1_000_000),
    unit(&["mm"], Quantity::Length, 1, 1000),
    unit(&["cm"], Quantity::Length, 1, 100),
    unit(&["dm"], Quantity::Length, 1, 10),
    unit(&["km"], Quantity::Length, 1000, 1),
    unit(&["in"], Quantity::Length, 254, 10_000),
    unit(&["ft"], Quantity::Length, 3048, 10_000),
    unit(&["yd"], Quantity::Length, 9144, 10_000),
    unit(&["mi"], Quantity::Length, 1_609_344, 1000),
    unit(&["nmi"], Quantity::Length, 1852, 1),
    unit(&["m²", "m2"], Quantity::Area, 1, 1),
    unit(&["cm²", "cm2"], Quantity::Area, 1, 10_000),
    unit(&["km²", "km2"], Quantity::Area, 1_000_000, 1),
    unit(&["ha"], Quantity::Area, 10_000, 1),
    unit(&["ft²", "ft2"], Quantity::Area, 9_290_304, 100_000_000),
    unit(&["acre"], Quantity::Area, 40_468_564_224, 10_000_000),
    unit(&["l", "L"], Quantity::Volume, 1, 1),
    unit(&["ml", "mL"], Quantity::Volume, 1, 1000),
    unit(&["m³", "m3"], Quantity::Volume, 1000, 1),
    unit(&["gal"], Quantity::Volume, 3_785_411_784, 1_000_000_000),
    unit(&["g"], Quantity::Mass, 1, 1),
    unit(&["µg", "μg", "ug"], Quantity::Mass, 1, 1_000_000),
    unit(&["mg"], Quantity::Mass, 1, 1000),
    unit(&["kg"], Quantity::Mass, 1000, 1),
    unit(&["t"], Quantity::Mass, 1_000_000, 1),
    unit(&["oz"], Quantity::Mass, 45_359_237, 1_600_000),
    unit(&["lb"], Quantity::Mass, 45_359_237, 100_000),
    unit(&["st"], Quantity::Mass, 14 * 45_359_237, 100_000),
    unit(&["s"], Quantity::Time, 1, 1),
    unit(&["ns"], Quantity::Time, 1, 1_000_000_000),
    unit(&["µs", "μs", "us"], Quantity::Time, 1, 1_000_000),
    unit(&["ms"], Quantity::Time, 1, 1000),
    unit(&["min"], Quantity::Time, 60, 1),
    unit(&["h"], Quantity::Time, 3600, 1),
    unit(&["d"], Quantity::Time, 86_400, 1),
    unit(&["wk"], Quantity::Time, 604_800, 1),
    unit(&["m/s"], Quantity::Speed, 1, 1),
    unit(&["km/h"], Quantity::Speed, 1000, 3600),
    unit(&["mph", "mi/h"], Quantity::Speed, 1_609_344, 3_600_000),
    unit(&["kn"], Quantity::Speed, 1852, 3600),
    unit(&["°C", "degC"], Quantity::Temperature, 1, 1),
    Unit { symbols: &["K"], quantity: Quantity::Temperature, over: 1, under: 1, zero: 273.15 },
    Unit { symbols: &["°F", "degF"], quantity: Quantity::Temperature, over: 5, under: 9, zero: 32.0 },
    Unit { symbols: &["°R", "degR"], quantity: Quantity::Temperature, over: 5, under: 9, zero: 491.67 },
];

const MONEY: &[&str] = &[
    "$", "€", "£", "¥", "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "INR", "JPY",
    "KRW", "MXN", "NOK", "NZD", "PLN", "SEK", "SGD", "TRY", "USD", "ZAR",
];
/// Times that are of several lengths.
const VAGUE: &[&str] = &["month", "mo", "year", "yr", "a", "quarter"];

/// How a number of one unit becomes one of another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Conversion {
    zero: f64,
    over: f64,
    under: f64,
    to_zero: f64,
}

impl Conversion {
    /// From one unit to another, both by their symbols.
    pub(crate) fn new(from: &str, to: &str) -> Result<Self> {
        let (one, other) = (find(from)?, find(to)?);
        if one.quantity != other.quantity {
            return Err(Error::unsupported(format!(
                "`{from}` is {} and `{to}` is {}",
                one.quantity.name(),
                other.quantity.name()
            )));
        }
        let (over, under) = (u128::from(one.over * other.under), u128::from(one.under * other.over));
        let common = common(over, under);
        Ok(Conversion {
            zero: one.zero,
            over: (over / common) as f64,
            under: (under / common) as f64,
            to_zero: other.zero,
        })
    }

    /// A number in the other unit. Factors are fractions of whole numbers: 68 °F are 20 °C. Whole results are exact, but for those of `K` and
    /// `°R`, whose zeros are no binary numbers.
    pub(crate) fn convert(&self, number: f64) -> f64 {
        // Adding 0 would make a 0 of a -0.
        let moved = if self.zero == 0.0 { number } else { number - self.zero };
        let product = moved * self.over;
        let scaled = if product.is_finite() { product / self.under } else { moved / self.under * self.over };
        if self.to_zero == 0.0 { scaled } else { scaled + self.to_zero }
    }
}

fn find(symbol: &str) -> Result<&'static Unit> {
    if let Some(unit) = UNITS.iter().find(|unit| unit.symbols.contains(&symbol)) {
        return Ok(unit);
    }
    if MONEY.contains(&symbol) {
        return Err(Error::unsupported(format!(
            "`{symbol}` is a currency, worth another number of others each day; multiply by a rate that you choose, with `unit`"
        )));
    }
    if VAGUE.contains(&symbol) {
        return Err(Error::unsupported(format!(
            "`{symbol}` is not always as long; multiply by the number of days that you mean, with `unit`"
        )));
    }
    let known: Vec<&str> = UNITS.iter().map(|unit| unit.symbols[0]).collect();
    Err(Error::unknown(format!("no unit is written `{symbol}`; there are: {}", known.join(", "))))
}

fn common(one: u128, other: u128) -> u128 {
    if other == 0 { one.max(1) } else { common(other, one % other) }
}
