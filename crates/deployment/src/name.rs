//! Names that are safe in paths, URLs and metrics.

use perennial_core::{Error, Result};

/// The longest name.
const LONGEST: usize = 100;

/// Names that Windows keeps for devices, whatever ending follows.
const DEVICES: [&str; 4] = ["CON", "PRN", "AUX", "NUL"];

/// Refuses names that could lead out of a directory or mean something else in a URL or a metric.
///
/// A name has 1 to 100 ASCII letters, digits, `.`, `_` and `-`, begins with a letter or a digit, does not end
/// with `.`, and is not a device of Windows such as `CON` or `com1.txt`.
///
/// ```
/// assert!(perennial_deployment::check_name("rent-2024.v2").is_ok());
/// for name in ["", ".", "../x", "a/b", "%2e%2e%2f", "CON", "a\0b"] {
///     assert!(perennial_deployment::check_name(name).is_err());
/// }
/// ```
///
/// # Errors
/// [`ErrorKind::InvalidName`](perennial_core::ErrorKind::InvalidName) with the rule that is broken.
pub fn check_name(name: &str) -> Result<()> {
    let refuse = |rule: &str| {
        let shown: String = name.chars().take(64).collect();
        Err(Error::invalid_name(format!("the name {shown:?} {rule}")))
    };
    if name.is_empty() || name.len() > LONGEST {
        return refuse(&format!("must have 1 to {LONGEST} characters"));
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')) {
        return refuse("may only have ASCII letters, digits, `.`, `_` and `-`");
    }
    if !name.starts_with(|first: char| first.is_ascii_alphanumeric()) || name.ends_with('.') {
        return refuse("must begin with a letter or a digit and must not end with `.`");
    }
    let stem = name.split('.').next().unwrap_or_default().to_ascii_uppercase();
    let numbered = |port: &str| {
        stem.strip_prefix(port)
            .is_some_and(|number| number.len() == 1 && number.as_bytes()[0].is_ascii_digit())
    };
    if DEVICES.contains(&stem.as_str()) || numbered("COM") || numbered("LPT") {
        return refuse("is a device on Windows; choose another");
    }
    Ok(())
}
