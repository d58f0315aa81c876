use std::fmt::Write as _;

/// Where a value lands in a request, and so how it is kept from breaking out of its place.
///
/// | place | what is done to the value |
/// | --- | --- |
/// | `Path` | all but RFC 3986's unreserved characters are percent-encoded, so that it stays within its segment. A value that is empty, `.` or `..` is refused |
/// | `Query`, `Form` | nothing here: names and values are encoded as a whole when they are put together |
/// | `Header` | control characters, CR and LF among them, and what is not ASCII are refused |
/// | `Json` | nothing here: the text becomes a JSON string as a whole |
/// | `Credential` | nothing here: it is put into base64, or into a form, as a whole |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Path,
    Query,
    Header,
    Json,
    Form,
    Credential,
}

/// Why a value cannot stand in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Misplaced(pub(crate) &'static str);

impl Place {
    pub(crate) const ALL: [Self; 6] = [Self::Path, Self::Query, Self::Header, Self::Json, Self::Form, Self::Credential];

    /// Returns the name that a template of this place has.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Json => "json",
            Self::Form => "form",
            Self::Credential => "credential",
        }
    }

    pub(crate) fn named(name: &str) -> Self {
        // Whatever has another name is treated as the strictest place.
        Self::ALL.into_iter().find(|place| place.name() == name).unwrap_or(Self::Path)
    }

    /// Writes a value as it may stand in this place.
    pub(crate) fn encode(self, value: &str, out: &mut String) -> Result<(), Misplaced> {
        match self {
            Self::Path => {
                if matches!(value, "" | "." | "..") {
                    return Err(Misplaced("is empty, `.` or `..`, which cannot be a part of a path"));
                }
                for byte in value.bytes() {
                    match byte {
                        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                            out.push(char::from(byte));
                        }
                        _ => write!(out, "%{byte:02X}").expect("writing to a string cannot fail"),
                    }
                }
            }
            Self::Header => {
                if !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
                    return Err(Misplaced("has a line break or another character that no header may have"));
                }
                out.push_str(value);
            }
            Self::Query | Self::Json | Self::Form | Self::Credential => out.push_str(value),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(place: Place, value: &str) -> Result<String, Misplaced> {
        let mut out = String::new();
        place.encode(value, &mut out).map(|()| out)
    }

    #[test]
    fn a_value_cannot_leave_its_segment() {
        assert_eq!(encoded(Place::Path, "../users?x=1#y").unwrap(), "..%2Fusers%3Fx%3D1%23y");
        assert_eq!(encoded(Place::Path, "a b\u{e4}%2f").unwrap(), "a%20b%C3%A4%252f");
        for value in ["", ".", ".."] {
            encoded(Place::Path, value).unwrap_err();
        }
    }

    #[test]
    fn a_value_cannot_begin_another_header() {
        for value in ["a\r\nX: y", "a\n", "a\0", "a\u{7f}", "\u{e4}"] {
            encoded(Place::Header, value).unwrap_err();
        }
        assert_eq!(encoded(Place::Header, "token a~1\"").unwrap(), "token a~1\"");
    }

    proptest! {
        #[test]
        fn any_value_is_one_segment_and_is_read_back_as_it_was(value in "\\PC{1,20}") {
            prop_assume!(value != "." && value != "..");
            let path = encoded(Place::Path, &value).unwrap();
            let mut url = url::Url::parse("https://api.example.com/v1/").unwrap();
            url.set_path(&format!("/v1/keys/{path}/end"));
            prop_assert_eq!(url.host_str(), Some("api.example.com"));
            let segments: Vec<_> = url.path_segments().unwrap().collect();
            prop_assert_eq!(segments.len(), 4);
            let read = percent_encoding::percent_decode_str(segments[2]).decode_utf8().unwrap();
            prop_assert_eq!(read, value);
        }
    }
}
