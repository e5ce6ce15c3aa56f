//! What addresses are, and what of them may be shown.

/// Where the `://` of an address of a server of files stands. Schemes are the same in capital letters (RFC 3986, section 3.1).
pub(crate) fn http_scheme(url: &str) -> Option<usize> {
    let is_http = |scheme: &str| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    url.find("://").filter(|at| is_http(&url[..*at]))
}

/// An address without what may be secret: users, passwords and queries.
pub(crate) fn shown(url: &str) -> String {
    let plain = url.split(['?', '#']).next().unwrap_or_default();
    match plain.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            format!("{scheme}://{}{path}", host.rsplit('@').next().unwrap_or_default())
        }
        None => plain.to_owned(),
    }
}
