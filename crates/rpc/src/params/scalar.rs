//! Quantities and data as the Ethereum JSON-RPC specification wants them.

use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};
use std::fmt;

/// A quantity of at most 64 bits: `0x`, no leading zeros, `0x0` for zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Quantity(pub(crate) u64);

/// A quantity of at most 256 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Word(pub(crate) U256);

/// Bytes: `0x`, an even number of digits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Data(pub(crate) Bytes);

/// An address in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Addr(pub(crate) Address);

/// 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Hash(pub(crate) B256);

/// A storage slot: up to 32 bytes, odd lengths and leading zeros allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Slot {
    /// The slot.
    pub(crate) key: B256,
    /// Whether it was given as 32 bytes, so that the answer repeats it so.
    pub(crate) full: bool,
}

/// The digits behind `0x`.
fn digits(text: &str) -> Result<&str, String> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let digits = digits.ok_or_else(|| "hex string without 0x prefix".to_owned())?;
    match digits.bytes().find(|byte| !byte.is_ascii_hexdigit()) {
        Some(_) => Err("invalid hex string".into()),
        None => Ok(digits),
    }
}

fn word(text: &str, bits: usize) -> Result<U256, String> {
    let digits = digits(text)?;
    if digits.is_empty() {
        return Err("hex string \"0x\" is no number".into());
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return Err("hex number with leading zero digits".into());
    }
    if digits.len() > bits / 4 {
        return Err(format!("hex number > {bits} bits"));
    }
    U256::from_str_radix(digits, 16).map_err(|error| error.to_string())
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let digits = digits(text)?;
    if digits.len() % 2 != 0 {
        return Err("hex string of odd length".into());
    }
    hex::decode(digits).map_err(|error| error.to_string())
}

fn exactly<const N: usize>(text: &str) -> Result<[u8; N], String> {
    let bytes = bytes(text)?;
    let got = bytes.len();
    bytes
        .try_into()
        .map_err(|_| format!("hex string has {got} bytes, want {N}"))
}

fn slot(text: &str) -> Result<Slot, String> {
    let digits = digits(text)?;
    if digits.is_empty() || digits.len() > 64 {
        return Err("storage slot is not 1 to 32 bytes".into());
    }
    let key = U256::from_str_radix(digits, 16).map_err(|error| error.to_string())?;
    Ok(Slot {
        key: key.into(),
        full: digits.len() == 64,
    })
}

macro_rules! from_text {
    ($($name:ty, $what:literal, $parse:expr;)*) => {$(
        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                $parse(text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($what)
                    }
                    fn visit_str<E: Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(|why: String| E::custom(format_args!("{why}, expected {}", $what)))
                    }
                    fn visit_unit<E: Error>(self) -> Result<$name, E> {
                        Err(E::invalid_type(Unexpected::Unit, &self))
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    )*};
}

from_text! {
    Quantity, "a quantity such as \"0x1f\"", |text| word(text, 64).map(|word| Self(word.to()));
    Word, "a quantity such as \"0x1f\"", |text| word(text, 256).map(Self);
    Data, "data such as \"0x00ff\"", |text| bytes(text).map(|bytes| Self(bytes.into()));
    Addr, "an address of 20 bytes", |text| exactly::<20>(text).map(|bytes| Self(bytes.into()));
    Hash, "a hash of 32 bytes", |text| exactly::<32>(text).map(|bytes| Self(bytes.into()));
    Slot, "a storage slot", slot;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantity(text: &str) -> Result<Quantity, String> {
        text.parse()
    }

    #[test]
    fn quantities_have_no_leading_zeros() {
        assert_eq!(quantity("0x0"), Ok(Quantity(0)));
        assert_eq!(quantity("0xffffffffffffffff"), Ok(Quantity(u64::MAX)));
        for bad in [
            "",
            "0x",
            "0x00",
            "0x01",
            "1",
            "0x10000000000000000",
            "0xg",
            "0x-1",
            " 0x1",
        ] {
            assert!(quantity(bad).is_err(), "{bad}");
        }
        assert!("0x10000000000000000".parse::<Word>().is_ok());
    }

    #[test]
    fn data_have_an_even_number_of_digits_and_a_prefix() {
        assert_eq!("0x".parse(), Ok(Data::default()));
        assert!("0x0".parse::<Data>().is_err());
        assert!("00".parse::<Data>().is_err());
        assert!("0x00".parse::<Addr>().is_err());
        let mixed = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
        assert_eq!(mixed.parse::<Addr>(), mixed.to_lowercase().parse());
    }

    #[test]
    fn short_slots_are_padded() {
        let slot: Slot = "0xabc".parse().unwrap();
        assert_eq!(
            slot,
            Slot {
                key: B256::from(U256::from(0xabc)),
                full: false
            }
        );
        assert!(format!("0x{}", "0".repeat(65)).parse::<Slot>().is_err());
        assert!(
            format!("0x{}", "0".repeat(64))
                .parse::<Slot>()
                .unwrap()
                .full
        );
    }
}
