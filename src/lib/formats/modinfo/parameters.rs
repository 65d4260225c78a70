//! Module parameters: `parm=name:description` and `parmtype=name:type` merged by name.
//!
//! Owns the merging. Must not word or print. As in kmod a later description or type of the same parameter replaces the
//! earlier, and the list is handed out in reverse order of first appearance.

use indexmap::IndexMap;

use super::strings::Entry;

/// One parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// What `parm` says about it.
    pub description: Option<&'a [u8]>,
    /// What `parmtype` says about it.
    pub kind: Option<&'a [u8]>,
}

/// A `parm` or `parmtype` string whose value has no `:`, hence no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadParameter<'a>(pub Entry<'a>);

/// The parameters of one module.
#[derive(Debug, Default)]
pub struct Parameters<'a>(IndexMap<&'a [u8], Texts<'a>>);

/// Description and type of a parameter.
type Texts<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

impl<'a> Parameters<'a> {
    /// Takes a string in if it is about a parameter, and tells whether it was.
    ///
    /// Errors: [`BadParameter`] for one without a name; it is ignored.
    pub fn take(&mut self, entry: Entry<'a>) -> Result<bool, BadParameter<'a>> {
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

    /// The parameters, last seen first.
    pub fn iter(&self) -> impl Iterator<Item = Parameter<'a>> {
        self.0.iter().rev().map(|(&name, &(description, kind))| Parameter { name, description, kind })
    }
}
