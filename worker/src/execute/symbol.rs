//! Names of functions as their authors wrote them.

/// Where a compiler's hash begins in a path: `h` and sixteen digits.
const HASH_LENGTH: usize = 17;

/// The path in a symbol that Rust's older scheme has mangled (`_ZN4core9panicking9panic_fmt17h0123456789abcdefE`), without
/// its hash; any other name as it is.
pub(super) fn readable(name: &str) -> String {
    path(name).unwrap_or_else(|| name.to_owned())
}

fn path(name: &str) -> Option<String> {
    let mut rest = name.strip_prefix("_ZN")?;
    let mut parts = Vec::new();
    while !rest.starts_with('E') {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (length, after) = rest.split_at_checked(digits)?;
        let (part, after) = after.split_at_checked(length.parse().ok()?)?;
        parts.push(part);
        rest = after;
    }
    if parts.last().is_some_and(|part| part.len() == HASH_LENGTH && part.starts_with('h')) {
        parts.pop();
    }
    Some(parts.iter().map(|part| unescape(part)).collect::<Vec<_>>().join("::"))
}

/// The characters that a symbol cannot hold.
fn unescape(part: &str) -> String {
    let escapes = [("$LT$", "<"), ("$GT$", ">"), ("$RF$", "&"), ("$C$", ","), ("$u20$", " "), ("..", "::")];
    let plain = escapes.iter().fold(part.to_owned(), |text, (escape, plain)| text.replace(escape, plain));
    plain.strip_prefix("_<").map_or_else(|| plain.clone(), |rest| format!("<{rest}"))
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn a_mangled_name_reads_as_its_path_and_any_other_as_itself() {
        for (name, path) in [
            ("_ZN4trap4main17he6ca3cab8deb1a29E", "trap::main"),
            (
                "_ZN58_$LT$alloc..string..String$u20$as$u20$core..fmt..Write$GT$9write_str17h0123456789abcdefE",
                "<alloc::string::String as core::fmt::Write>::write_str",
            ),
            ("main", "main"),
            ("_ZN", "_ZN"),
            ("_ZN99shortE", "_ZN99shortE"),
            ("_ZN3\u{fc}ab", "_ZN3\u{fc}ab"),
            ("_ZN4294967296000000000000xE", "_ZN4294967296000000000000xE"),
        ] {
            assert_eq!(readable(name), path);
        }
    }
}
