//! Module parameters: `parm=name:description` and `parmtype=name:type` merged by name.
//!
//! Owns the merging. Must not format or print. As in kmod, a later description or type of a parameter replaces an
//! earlier one, and the parameters are listed in reverse order of their first occurrence.

use super::strings::Field;
use crate::hash::IndexMap;

/// One parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// The description, from `parm`.
    pub description: Option<&'a [u8]>,
    /// The type, from `parmtype`.
    pub kind: Option<&'a [u8]>,
}

/// A `parm` or `parmtype` string whose value has no `:` and thus no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadParameter<'a>(pub Field<'a>);

/// The parameters of one module.
#[derive(Debug, Default)]
pub struct Parameters<'a>(IndexMap<&'a [u8], Texts<'a>>);

/// The description and type of a parameter.
type Texts<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

impl<'a> Parameters<'a> {
    /// Merges the strings that describe parameters. Returns the parameters, and the strings that should describe one but
    /// lack its name.
    pub fn of(entries: impl Iterator<Item = Field<'a>>) -> (Self, Vec<Field<'a>>) {
        let mut parameters = Self::default();
        let bad = entries.filter_map(|entry| parameters.take(entry).err()).map(|bad| bad.0).collect();
        (parameters, bad)
    }

    /// Adds a string if it describes a parameter. Returns whether it does.
    ///
    /// Errors: [`BadParameter`] for a string without a name, which is ignored.
    pub fn take(&mut self, entry: Field<'a>) -> Result<bool, BadParameter<'a>> {
        let description = match entry.key {
            b"parm" => true,
            b"parmtype" => false,
            _ => return Ok(false),
        };
        let Some((name, text)) = bstr::ByteSlice::split_once_str(entry.value, ":") else {
            return Err(BadParameter(entry));
        };
        let known = self.0.entry(name).or_default();
        if description {
            known.0 = Some(text);
        } else {
            known.1 = Some(text);
        }
        Ok(true)
    }

    /// The parameters, the last new one first.
    pub fn iter(&self) -> impl Iterator<Item = Parameter<'a>> {
        self.0.iter().rev().map(|(&name, &(description, kind))| Parameter { name, description, kind })
    }
}
