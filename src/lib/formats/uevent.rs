//! The kernel's events for devices that are added, removed or changed (uevents).
//!
//! A message is `ACTION@DEVPATH`, a NUL, and any number of `KEY=VALUE` properties, each followed by a NUL. Contract:
//! the kernel's `lib/kobject_uevent.c`, whose messages contain both parts of the header as properties too.

use crate::error::FormatError;

/// A device event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// The action: `add`, `remove`, `change`, `bind`, ...
    pub action: &'a [u8],
    /// The device, as a path below /sys with a leading slash.
    pub path: &'a [u8],
    /// The aliases by which drivers are found. Most devices have none, some have several.
    pub modaliases: Vec<&'a [u8]>,
}

impl<'a> Event<'a> {
    /// Parses a message.
    ///
    /// Errors: malformed if the message has no header, an invalid property, or a property that contradicts the header.
    pub fn parse(message: &'a [u8]) -> Result<Self, FormatError> {
        let mut parts = message.strip_suffix(b"\0").unwrap_or(message).split(|&byte| byte == 0);
        let head = parts.next().unwrap_or_default();
        let at = head.iter().position(|&byte| byte == b'@').ok_or_else(|| bad("missing header"))?;
        let (action, path) = (head.get(..at), head.get(at + 1..));
        let (Some(action), Some(path)) = (action, path) else { return Err(bad("missing header")) };
        if action.is_empty() || !path.starts_with(b"/") {
            return Err(bad("missing header"));
        }
        let mut event = Self { action, path, modaliases: Vec::new() };
        for part in parts {
            event.take(part)?;
        }
        Ok(event)
    }

    fn take(&mut self, property: &'a [u8]) -> Result<(), FormatError> {
        let at = property.iter().position(|&byte| byte == b'=').filter(|&at| at > 0);
        let at = at.ok_or_else(|| bad("property without a name or a value"))?;
        let (key, value) = (&property[..at], &property[at + 1..]);
        match key {
            b"ACTION" if value != self.action => return Err(bad("ACTION differs from the header")),
            b"DEVPATH" if value != self.path => return Err(bad("DEVPATH differs from the header")),
            b"MODALIAS" if !value.is_empty() => self.modaliases.push(value),
            _ => {}
        }
        Ok(())
    }

    /// Whether the device was removed.
    pub fn is_removal(&self) -> bool {
        self.action == b"remove"
    }

    /// Whether there may be a module to load for the device: only if it was just added. Some of the other events are
    /// sent while a driver is being removed, and loading the driver again would undo that.
    pub fn wants_drivers(&self) -> bool {
        !self.modaliases.is_empty() && self.action == b"add"
    }
}

fn bad(reason: &'static str) -> FormatError {
    FormatError::malformed(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<(String, String, Vec<String>), FormatError> {
        let message = text.replace('|', "\0");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let event = Event::parse(message.as_bytes())?;
        Ok((text(event.action), text(event.path), event.modaliases.into_iter().map(text).collect()))
    }

    #[test]
    fn messages_of_the_kernel() {
        let message = "add@/devices/pci0/x|ACTION=add|DEVPATH=/devices/pci0/x|SUBSYSTEM=pci|\
                       MODALIAS=pci:v=1@x|SEQNUM=7|";
        let expected = ("add".into(), "/devices/pci0/x".into(), vec!["pci:v=1@x".to_owned()]);
        assert_eq!(parsed(message), Ok(expected.clone()));
        assert_eq!(parsed(message.trim_end_matches('|')), Ok(expected));
        assert!(parsed("change@/a").unwrap().2.is_empty());
        assert_eq!(parsed("add@/a|MODALIAS=|MODALIAS=x|MODALIAS=y|").unwrap().2, ["x", "y"]);
        assert_eq!(parsed("bind@/a@b|").unwrap().1, "/a@b");
    }

    #[test]
    fn malformed_messages_are_rejected() {
        for (text, reason) in [
            ("", "missing header"),
            ("|", "missing header"),
            ("add", "missing header"),
            ("@/a", "missing header"),
            ("add@", "missing header"),
            ("add@a", "missing header"),
            ("libudev|||", "missing header"),
            ("add@/a||", "property without a name or a value"),
            ("add@/a|x|", "property without a name or a value"),
            ("add@/a|=x|", "property without a name or a value"),
            ("add@/a|ACTION=remove|", "ACTION differs from the header"),
            ("add@/a|DEVPATH=/b|", "DEVPATH differs from the header"),
        ] {
            assert_eq!(parsed(text), Err(FormatError::malformed(reason)), "{text:?}");
        }
    }

    #[test]
    fn only_added_devices_need_drivers() {
        let wants = |text: &str| Event::parse(text.replace('|', "\0").as_bytes()).unwrap().wants_drivers();
        assert!(wants("add@/a|MODALIAS=x|") && !wants("add@/a|"));
        let is_removal = |text: &str| Event::parse(text.as_bytes()).unwrap().is_removal();
        assert!(is_removal("remove@/a") && !is_removal("add@/a") && !is_removal("removed@/a"));
        for action in ["remove", "unbind", "offline", "change", "bind"] {
            assert!(!wants(&format!("{action}@/a|MODALIAS=x|")), "{action}");
        }
    }

    /// Every truncation and every changed byte yields a result and never a panic.
    #[test]
    fn damaged_messages_do_not_cause_panics() {
        let message = b"add@/devices/x\0ACTION=add\0DEVPATH=/devices/x\0MODALIAS=pci:x\0".to_vec();
        for len in 0..=message.len() {
            let _ = Event::parse(&message[..len]);
            for byte in [0, b'=', b'@', b'/', 0xff] {
                let mut other = message.clone();
                if let Some(place) = other.get_mut(len) {
                    *place = byte;
                }
                let _ = Event::parse(&other);
            }
        }
    }
}
