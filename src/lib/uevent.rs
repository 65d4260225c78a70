//! The kernel's messages about devices that come, go and change.
//!
//! A message is `ACTION@DEVPATH`, a NUL, then `KEY=VALUE` and a NUL, again and again. Contract: the kernel's
//! `lib/kobject_uevent.c`, whose messages hold both parts of the head as properties too.

use crate::error::FormatError;

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// What happened: `add`, `remove`, `change`, `bind`, ...
    pub action: &'a [u8],
    /// The device, as a path below /sys; it begins with a slash.
    pub path: &'a [u8],
    /// What its drivers are found by; most devices have none.
    pub modalias: Option<&'a [u8]>,
}

impl<'a> Event<'a> {
    /// Reads a message.
    ///
    /// Errors: malformed, when it has no head, properties that are none, or ones that contradict the head.
    pub fn parse(message: &'a [u8]) -> Result<Self, FormatError> {
        let mut parts = message.strip_suffix(b"\0").unwrap_or(message).split(|&byte| byte == 0);
        let head = parts.next().unwrap_or_default();
        let at = head.iter().position(|&byte| byte == b'@').ok_or_else(|| bad("no head"))?;
        let (action, path) = (head.get(..at), head.get(at + 1..));
        let (Some(action), Some(path)) = (action, path) else { return Err(bad("no head")) };
        if action.is_empty() || !path.starts_with(b"/") {
            return Err(bad("no head"));
        }
        let mut event = Self { action, path, modalias: None };
        for part in parts {
            event.take(part)?;
        }
        Ok(event)
    }

    fn take(&mut self, property: &'a [u8]) -> Result<(), FormatError> {
        let at = property.iter().position(|&byte| byte == b'=').filter(|&at| at > 0);
        let at = at.ok_or_else(|| bad("a property without a name or a value"))?;
        let (key, value) = (&property[..at], &property[at + 1..]);
        match key {
            b"ACTION" if value != self.action => return Err(bad("another action than its head")),
            b"DEVPATH" if value != self.path => return Err(bad("another path than its head")),
            // The first counts: a device that has several shows the others in its own file.
            b"MODALIAS" if self.modalias.is_none() && !value.is_empty() => self.modalias = Some(value),
            _ => {}
        }
        Ok(())
    }

    /// Whether there may be something to load for the device: it is there.
    pub fn wants_drivers(&self) -> bool {
        self.modalias.is_some() && self.action != b"remove"
    }
}

fn bad(reason: &'static str) -> FormatError {
    FormatError::malformed(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<(String, String, Option<String>), FormatError> {
        let message = text.replace('|', "\0");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let event = Event::parse(message.as_bytes())?;
        Ok((text(event.action), text(event.path), event.modalias.map(text)))
    }

    #[test]
    fn messages_of_the_kernel() {
        let message = "add@/devices/pci0/x|ACTION=add|DEVPATH=/devices/pci0/x|SUBSYSTEM=pci|\
                       MODALIAS=pci:v=1@x|SEQNUM=7|";
        let expected = ("add".into(), "/devices/pci0/x".into(), Some("pci:v=1@x".into()));
        assert_eq!(parsed(message), Ok(expected.clone()));
        assert_eq!(parsed(message.trim_end_matches('|')), Ok(expected));
        assert_eq!(parsed("change@/a").unwrap().2, None);
        assert_eq!(parsed("add@/a|MODALIAS=|MODALIAS=x|MODALIAS=y|").unwrap().2.as_deref(), Some("x"));
        assert_eq!(parsed("bind@/a@b|").unwrap().1, "/a@b");
    }

    #[test]
    fn what_is_no_message() {
        for (text, reason) in [
            ("", "no head"),
            ("|", "no head"),
            ("add", "no head"),
            ("@/a", "no head"),
            ("add@", "no head"),
            ("add@a", "no head"),
            ("libudev|||", "no head"),
            ("add@/a||", "a property without a name or a value"),
            ("add@/a|x|", "a property without a name or a value"),
            ("add@/a|=x|", "a property without a name or a value"),
            ("add@/a|ACTION=remove|", "another action than its head"),
            ("add@/a|DEVPATH=/b|", "another path than its head"),
        ] {
            assert_eq!(parsed(text), Err(FormatError::malformed(reason)), "{text:?}");
        }
    }

    #[test]
    fn devices_that_are_gone_want_nothing() {
        let wants = |text: &str| Event::parse(text.replace('|', "\0").as_bytes()).unwrap().wants_drivers();
        assert!(wants("add@/a|MODALIAS=x|") && wants("change@/a|MODALIAS=x|"));
        assert!(!wants("add@/a|") && !wants("remove@/a|MODALIAS=x|"));
    }

    /// Hostile bytes: every cut and every flipped byte is answered.
    #[test]
    fn damaged_messages_are_answered() {
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
