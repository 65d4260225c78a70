//! POSIX fnmatch without flags, in the C locale, on bytes.
//!
//! `*` matches any run, `?` any byte, and `[...]` one byte of a set (`!` or `^` negates it; ranges, `[:class:]`,
//! `[=x=]` and `[.x.]` are supported); `\` quotes the next byte. An unclosed `[` matches itself. A pattern that ends in
//! a lone `\` matches nothing, as in glibc. The time is at most pattern length times text length: only the last `*` is
//! ever retried, because a longer match of an earlier one cannot help.

/// Whether the whole of `text` matches `pattern`.
#[inline]
pub fn fnmatch(pattern: &[u8], text: &[u8]) -> bool {
    // Most patterns are names and begin with another letter than the text, so this check saves time.
    match (pattern.first(), text.first()) {
        (Some(head), Some(byte)) if head.is_ascii_alphanumeric() && head != byte => false,
        _ => matches(pattern, text),
    }
}

fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to resume if the match fails: the pattern position after the last `*`, and the text position that this `*`
    // consumes next.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match pattern.get(p) {
            Some(b'*') => {
                p += 1;
                retry = Some((p, t));
                continue;
            }
            None if t == text.len() => return true,
            Some(_) if t < text.len() => {
                if let Some(len) = match_one(&pattern[p..], text[t]) {
                    p += len;
                    t += 1;
                    continue;
                }
            }
            _ => {}
        }
        match retry {
            Some((back, from)) if from < text.len() => {
                p = back;
                t = from + 1;
                retry = Some((back, t));
            }
            _ => return false,
        }
    }
}

/// Matches one byte against the element at the start of `pattern`. Returns the length of the element if it matches.
fn match_one(pattern: &[u8], byte: u8) -> Option<usize> {
    match *pattern.first()? {
        b'?' => Some(1),
        b'\\' => (*pattern.get(1)? == byte).then_some(2),
        b'[' => match bracket(pattern, byte) {
            Some((len, matched)) => matched.then_some(len),
            None => (byte == b'[').then_some(1),
        },
        literal => (literal == byte).then_some(1),
    }
}

/// Evaluates a bracket expression: its length and whether it matches `byte`; `None` if it is never closed.
fn bracket(pattern: &[u8], byte: u8) -> Option<(usize, bool)> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let start = 1 + usize::from(negated);
    let mut at = start;
    let mut found = false;
    loop {
        if *pattern.get(at)? == b']' && at > start {
            return Some((at + 1, found != negated));
        }
        if let Some((len, member)) = class(&pattern[at..], byte) {
            found |= member;
            at += len;
            continue;
        }
        let (low, len) = element(&pattern[at..])?;
        at += len;
        // A `-` makes a range unless it is the last member of the set.
        if pattern.get(at) == Some(&b'-') && pattern.get(at + 1).is_some_and(|&next| next != b']') {
            let (high, len) = element(&pattern[at + 1..])?;
            at += 1 + len;
            found |= (low..=high).contains(&byte);
        } else {
            found |= low == byte;
        }
    }
}

/// Parses one end of a range or a single member: a byte, a quoted byte, `[.x.]` or `[=x=]`.
fn element(pattern: &[u8]) -> Option<(u8, usize)> {
    match *pattern {
        [b'\\', quoted, ..] => Some((quoted, 2)),
        [b'[', open @ (b'.' | b'='), byte, close, b']', ..] if open == close => Some((byte, 5)),
        [byte, ..] => Some((byte, 1)),
        [] => None,
    }
}

/// Evaluates a `[:class:]` inside a bracket expression: its length and whether it contains `byte`.
fn class(pattern: &[u8], byte: u8) -> Option<(usize, bool)> {
    let rest = pattern.strip_prefix(b"[:")?;
    let len = rest.windows(2).position(|pair| pair == b":]")?;
    let member = match &rest[..len] {
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"alpha" => byte.is_ascii_alphabetic(),
        b"blank" => matches!(byte, b' ' | b'\t'),
        b"cntrl" => byte.is_ascii_control(),
        b"digit" => byte.is_ascii_digit(),
        b"graph" => byte.is_ascii_graphic(),
        b"lower" => byte.is_ascii_lowercase(),
        b"print" => byte == b' ' || byte.is_ascii_graphic(),
        b"punct" => byte.is_ascii_punctuation(),
        b"space" => byte.is_ascii_whitespace() || byte == 0x0b,
        b"upper" => byte.is_ascii_uppercase(),
        b"xdigit" => byte.is_ascii_hexdigit(),
        _ => return None,
    };
    Some((len + 4, member))
}

/// One element of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    /// `*`: any number of bytes, including none.
    Run,
    /// `?`: any byte.
    Any,
    /// This byte.
    Byte(u8),
    /// `[...]`: a byte of these ranges, which are in order, disjoint and not adjacent. May be empty.
    Set(Vec<(u8, u8)>),
}

/// Splits a pattern into its elements; `None` if it matches nothing because it ends in a lone `\`.
pub fn elements(pattern: &[u8]) -> Option<Vec<Element>> {
    let mut elements = Vec::new();
    let mut rest = pattern;
    while let Some(&byte) = rest.first() {
        let (element, len) = match byte {
            b'*' => (Element::Run, 1),
            b'?' => (Element::Any, 1),
            b'\\' => (Element::Byte(*rest.get(1)?), 2),
            b'[' => match bracket(rest, 0) {
                Some((len, _)) => (Element::Set(ranges(rest)), len),
                None => (Element::Byte(b'['), 1),
            },
            literal => (Element::Byte(literal), 1),
        };
        elements.push(element);
        rest = &rest[len..];
    }
    Some(elements)
}

/// Returns the bytes that the bracket expression at the start of `pattern` matches, without zero, which ends a string.
fn ranges(pattern: &[u8]) -> Vec<(u8, u8)> {
    let mut ranges: Vec<(u8, u8)> = Vec::new();
    for byte in 1..=u8::MAX {
        if !bracket(pattern, byte).is_some_and(|(_, matched)| matched) {
            continue;
        }
        match ranges.last_mut() {
            Some((_, high)) if *high == byte - 1 => *high = byte,
            _ => ranges.push((byte, byte)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;

    use oxmod_test_support::Random;

    use super::{Element, elements, fnmatch};

    #[test]
    fn elements_of_patterns() {
        use Element::{Any, Byte, Run, Set};
        let cases: [(&str, &[Element]); 6] = [
            ("", &[]),
            ("a*?", &[Byte(b'a'), Run, Any]),
            ("[0-9A-E]", &[Set(vec![(b'0', b'9'), (b'A', b'E')])]),
            ("[!a]", &[Set(vec![(1, b'a' - 1), (b'b', 255)])]),
            (r"\*[", &[Byte(b'*'), Byte(b'[')]),
            ("[ba]]", &[Set(vec![(b'a', b'b')]), Byte(b']')]),
        ];
        for (pattern, expected) in cases {
            assert_eq!(elements(pattern.as_bytes()).as_deref(), Some(expected), "{pattern}");
        }
        assert_eq!(elements(b"a\\"), None);
    }

    fn libc_fnmatch(pattern: &[u8], text: &[u8]) -> bool {
        let (pattern, text) = (CString::new(pattern).unwrap(), CString::new(text).unwrap());
        #[allow(unsafe_code)]
        // SAFETY: both are NUL-terminated strings that outlive the call.
        let answer = unsafe { libc::fnmatch(pattern.as_ptr(), text.as_ptr(), 0) };
        answer == 0
    }

    #[test]
    fn agrees_with_the_c_library_on_random_patterns() {
        // Without `.`, `:` and `=`, because unclosed `[.`, `[:` and `[=` are undefined and glibc treats each in its own
        // way.
        let alphabet = b"abc-]*?[!^\\09";
        let mut random = Random::new(0x2545_f491_4f6c_dd1d);
        let mut matched = 0;
        for _ in 0..400_000 {
            let plen = random.below(9);
            let pattern: Vec<u8> = (0..plen).map(|_| alphabet[random.below(alphabet.len())]).collect();
            let tlen = random.below(6);
            let text: Vec<u8> = (0..tlen).map(|_| alphabet[random.below(alphabet.len())]).collect();
            let (ours, theirs) = (fnmatch(&pattern, &text), libc_fnmatch(&pattern, &text));
            matched += usize::from(ours);
            assert_eq!(
                ours,
                theirs,
                "{} ~ {}",
                String::from_utf8_lossy(&pattern),
                String::from_utf8_lossy(&text)
            );
        }
        assert!(matched > 10_000, "the random patterns hardly ever match: {matched}");
    }

    #[test]
    fn classes_and_ranges() {
        for (pattern, text, expected) in [
            ("pci:v*d[0-9A-E]*", "pci:v1d5x", true),
            ("[[:digit:]]x", "4x", true),
            ("[![:digit:]]x", "4x", false),
            ("[[.a.]-c]", "b", true),
            ("[[=a=]]", "a", true),
            ("[a-]", "-", true),
            ("[]a]", "]", true),
            ("*.conf", "a.conf", true),
        ] {
            assert_eq!(fnmatch(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
            assert_eq!(libc_fnmatch(pattern.as_bytes(), text.as_bytes()), expected, "libc {pattern} {text}");
        }
    }

    #[test]
    fn many_stars_are_matched_quickly() {
        let pattern: Vec<u8> = b"*a".repeat(200).into_iter().chain(*b"b").collect();
        assert!(!fnmatch(&pattern, &vec![b'a'; 64 << 10]));
    }
}
