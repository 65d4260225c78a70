//! JSON objects, whose members keep the order in which they are added, and the representation of text that is not UTF-8.
//!
//! JSON has no byte strings, but the kernel's names and values may contain any bytes. Valid UTF-8 is written unchanged. In
//! other text, invalid parts are replaced by U+FFFD, and in addition to the member `x` there is a member `x_hex` with all
//! bytes in hexadecimal. If `x` is an array, `x_hex` is an array of the same length, with null for the valid texts.

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

    /// Adds a value that is valid JSON: a number, a boolean, a string of our own.
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// Adds a text.
    pub fn text(self, name: &str, bytes: &[u8]) -> Self {
        let object = self.set(name, lossy(bytes));
        match hex_if_invalid(bytes) {
            Some(hex) => object.set(&hex_name(name), hex),
            None => object,
        }
    }

    /// Adds a text, or null.
    pub fn maybe_text<T: AsRef<[u8]> + ?Sized>(self, name: &str, bytes: Option<&T>) -> Self {
        match bytes {
            Some(bytes) => self.text(name, bytes.as_ref()),
            None => self.set(name, Value::Null),
        }
    }

    /// Adds an array of texts.
    pub fn texts<T: AsRef<[u8]>>(self, name: &str, list: &[T]) -> Self {
        let (texts, hex) = texts(list);
        let object = self.set(name, texts);
        match hex {
            Some(hex) => object.set(&hex_name(name), hex),
            None => object,
        }
    }

    /// Adds an object whose members are arrays of texts.
    pub fn lists<'l>(self, name: &str, lists: impl Iterator<Item = (&'l str, &'l [&'l [u8]])>) -> Self {
        let (mut all, mut invalid) = (Self::new(), Self::new());
        for (key, list) in lists {
            let (texts, hex) = texts(list);
            all = all.set(key, texts);
            if let Some(hex) = hex {
                invalid = invalid.set(key, hex);
            }
        }
        let object = self.set(name, all.0);
        if invalid.0.is_empty() { object } else { object.set(&hex_name(name), invalid.0) }
    }

    /// Adds an object.
    pub fn object(self, name: &str, object: Self) -> Self {
        self.set(name, object.0)
    }

    /// Adds an array of objects.
    pub fn objects(self, name: &str, list: impl IntoIterator<Item = Self>) -> Self {
        let list: Vec<Value> = list.into_iter().map(|object| Value::Object(object.0)).collect();
        self.set(name, list)
    }

    /// Returns the object as JSON on one line.
    pub fn into_bytes(self) -> Vec<u8> {
        Value::Object(self.0).to_string().into_bytes()
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object.0)
    }
}

/// Returns the bytes in hexadecimal, two lower-case digits each.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len().saturating_mul(2)), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn hex_name(name: &str) -> String {
    format!("{name}_hex")
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Returns the bytes in hexadecimal if they are not valid UTF-8.
fn hex_if_invalid(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).is_err().then(|| hex(bytes))
}

/// Returns the array of texts, and the array for the member `x_hex` if any text is not valid UTF-8.
fn texts<T: AsRef<[u8]>>(list: &[T]) -> (Value, Option<Value>) {
    let hex: Vec<Option<String>> = list.iter().map(|bytes| hex_if_invalid(bytes.as_ref())).collect();
    let hex = hex.iter().any(Option::is_some).then(|| hex.into());
    (list.iter().map(|bytes| lossy(bytes.as_ref())).collect(), hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(object: Object) -> String {
        String::from_utf8(object.into_bytes()).unwrap()
    }

    #[test]
    fn invalid_text_has_a_hex_member() {
        let object = Object::new().text("a", "\u{fffd}\u{e9}\n\"".as_bytes()).text("b", b"J\xfcrgen");
        assert_eq!(
            shown(object),
            "{\"a\":\"\u{fffd}\u{e9}\\n\\\"\",\"b\":\"J\u{fffd}rgen\",\"b_hex\":\"4afc7267656e\"}"
        );
        assert_eq!(shown(Object::new().maybe_text::<[u8]>("a", None).text("b", b"")), r#"{"a":null,"b":""}"#);
    }

    #[test]
    fn lists_with_invalid_text_have_a_hex_member() {
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
