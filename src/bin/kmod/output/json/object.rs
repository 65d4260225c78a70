//! JSON objects with members in the order in which they are added, and the one rule for bytes that are not UTF-8.
//!
//! JSON knows no bytes, the kernel's names and values are nothing else. So text that is UTF-8 stands as it is; of any
//! other the invalid parts are replaced by U+FFFD, and beside the member `x` a member `x_hex` holds all its bytes, two
//! lower-case digits each. Where `x` is an array, `x_hex` is one of the same length, with null for what is exact.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// An object under construction.
#[derive(Debug, Default, Clone)]
pub struct Object(Map<String, Value>);

impl Object {
    /// `{}`.
    pub fn new() -> Self {
        Self::default()
    }

    /// A member that cannot be anything but JSON: number, flag, word of our own.
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// A text.
    pub fn text(self, name: &str, bytes: &[u8]) -> Self {
        let whole = self.set(name, lossy(bytes));
        match inexact(bytes) {
            Some(hex) => whole.set(&beside(name), hex),
            None => whole,
        }
    }

    /// A text, null where there is none.
    pub fn maybe_text<T: AsRef<[u8]> + ?Sized>(self, name: &str, bytes: Option<&T>) -> Self {
        match bytes {
            Some(bytes) => self.text(name, bytes.as_ref()),
            None => self.set(name, Value::Null),
        }
    }

    /// A list of texts.
    pub fn texts<T: AsRef<[u8]>>(self, name: &str, list: &[T]) -> Self {
        let (texts, hex) = texts(list);
        let whole = self.set(name, texts);
        match hex {
            Some(hex) => whole.set(&beside(name), hex),
            None => whole,
        }
    }

    /// An object of lists of texts.
    pub fn lists<'l>(self, name: &str, lists: impl Iterator<Item = (&'l str, &'l [&'l [u8]])>) -> Self {
        let (mut plain, mut exact) = (Self::new(), Self::new());
        for (key, list) in lists {
            let (texts, hex) = texts(list);
            plain = plain.set(key, texts);
            if let Some(hex) = hex {
                exact = exact.set(key, hex);
            }
        }
        let whole = self.set(name, plain.0);
        if exact.0.is_empty() { whole } else { whole.set(&beside(name), exact.0) }
    }

    /// An object in this one.
    pub fn object(self, name: &str, object: Self) -> Self {
        self.set(name, object.0)
    }

    /// A list of objects.
    pub fn objects(self, name: &str, list: impl IntoIterator<Item = Self>) -> Self {
        let list: Vec<Value> = list.into_iter().map(|object| Value::Object(object.0)).collect();
        self.set(name, list)
    }

    /// As it is printed, on one line.
    pub fn into_bytes(self) -> Vec<u8> {
        Value::Object(self.0).to_string().into_bytes()
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object.0)
    }
}

/// All bytes, two lower-case digits each.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len().saturating_mul(2)), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn beside(name: &str) -> String {
    format!("{name}_hex")
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The bytes, if [`lossy`] loses any.
fn inexact(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).is_err().then(|| hex(bytes))
}

/// The texts, and what stands beside them if that is needed.
fn texts<T: AsRef<[u8]>>(list: &[T]) -> (Value, Option<Value>) {
    let exact: Vec<Option<String>> = list.iter().map(|bytes| inexact(bytes.as_ref())).collect();
    let hex = exact.iter().any(Option::is_some).then(|| exact.into());
    (list.iter().map(|bytes| lossy(bytes.as_ref())).collect(), hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(object: Object) -> String {
        String::from_utf8(object.into_bytes()).unwrap()
    }

    #[test]
    fn text_is_exact_or_has_its_bytes_beside_it() {
        let object = Object::new().text("a", "\u{fffd}\u{e9}\n\"".as_bytes()).text("b", b"J\xfcrgen");
        assert_eq!(
            shown(object),
            "{\"a\":\"\u{fffd}\u{e9}\\n\\\"\",\"b\":\"J\u{fffd}rgen\",\"b_hex\":\"4afc7267656e\"}"
        );
        assert_eq!(shown(Object::new().maybe_text::<[u8]>("a", None).text("b", b"")), r#"{"a":null,"b":""}"#);
    }

    #[test]
    fn lists_have_lists_beside_them() {
        let list: [&[u8]; 3] = [b"x", b"\xff", b""];
        assert_eq!(
            shown(Object::new().texts("l", &list)),
            "{\"l\":[\"x\",\"\u{fffd}\",\"\"],\"l_hex\":[null,\"ff\",null]}"
        );
        let lists: [(&str, &[&[u8]]); 2] = [("good", &list[..1]), ("bad", &list[1..])];
        assert_eq!(
            shown(Object::new().lists("m", lists.into_iter())),
            "{\"m\":{\"good\":[\"x\"],\"bad\":[\"\u{fffd}\",\"\"]},\"m_hex\":{\"bad\":[\"ff\",null]}}"
        );
        assert_eq!(shown(Object::new().texts("l", &list[..1])), r#"{"l":["x"]}"#);
        assert_eq!(shown(Object::new().objects("o", [])), r#"{"o":[]}"#);
    }
}
