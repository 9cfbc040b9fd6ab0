//! Reads an address as other Postgres programs write it. The driver has one word for an encrypted connection,
//! `require`, and here that judges the server's chain and its host, as `verify-full` does elsewhere.

use std::borrow::Cow;

use tokio_postgres::{Config, Error};

const URLS: [&str; 2] = ["postgres://", "postgresql://"];

/// Parses an address. Which roots are believed the options say, so an address need not be understood that names a file
/// of them: without the options the system's are believed, and refuse what only that file would let in.
pub(crate) fn parse(address: &str) -> Result<Config, Error> {
    let is_url = URLS.iter().any(|scheme| address.starts_with(scheme));
    if is_url { url(address).parse() } else { pairs(address).parse() }
}

/// Says what stands for an option of an address; nothing, where it is left out.
fn told<'a>(key: &str, whole: &'a str, value: &str) -> Cow<'a, str> {
    match (key, value) {
        ("sslmode", "verify-full" | "verify-ca") => "sslmode=require".into(),
        ("sslrootcert", _) => "".into(),
        _ => whole.into(),
    }
}

fn url(address: &str) -> String {
    // What comes before the host may be a password, and is let be.
    let host = address.find('@').unwrap_or(0);
    let Some(mark) = address[host..].find('?').map(|at| host + at) else { return address.to_owned() };
    let one = |whole| {
        let (key, value) = str::split_once(whole, '=').unwrap_or((whole, ""));
        told(key, whole, value)
    };
    let (place, options) = address.split_at(mark + 1);
    let options: Vec<_> = options.split('&').map(one).filter(|option| !option.is_empty()).collect();
    format!("{place}{}", options.join("&"))
}

fn pairs(address: &str) -> String {
    let (mut pairs, mut rest) = (Vec::new(), address.trim_start());
    while let Some((key, value)) = rest.split_once('=') {
        let value = value.trim_start();
        let after = &value[end(value)..];
        let whole = &rest[..rest.len() - after.len()];
        pairs.push(told(key.trim_end(), whole, value[..end(value)].trim_matches('\'')));
        rest = after.trim_start();
    }
    pairs.push(rest.into());
    pairs.join(" ")
}

/// Says where the value ends that a text begins with: at its quote if it has one, else at a space, and at neither that
/// follows a backslash.
fn end(text: &str) -> usize {
    let quoted = text.starts_with('\'');
    let mut escaped = false;
    for (at, char) in text.char_indices().skip(usize::from(quoted)) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' if quoted => return at + 1,
            _ if !quoted && char.is_whitespace() => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::SslMode;

    use super::*;

    #[test]
    fn an_address_may_ask_for_a_judged_certificate_in_the_words_of_others() {
        for address in [
            "postgres://u:p@h/d?sslmode=verify-full",
            "postgresql://h/d?sslrootcert=/etc/root.pem&connect_timeout=3&sslmode=verify-ca",
            "postgres://h?sslmode=require&sslrootcert=system",
            "host=h sslmode=verify-full sslrootcert=/etc/root.pem",
            "  sslmode = 'verify-full'  host=h  sslrootcert='/etc/my roots.pem' dbname=d",
            r"sslrootcert=/etc/my\ roots.pem host=h sslmode=verify-ca",
        ] {
            let config = parse(address).unwrap_or_else(|error| panic!("{address}: {error}"));
            assert_eq!(config.get_ssl_mode(), SslMode::Require, "{address}");
            assert_eq!(config.get_hosts().len(), 1, "{address}");
        }
    }

    #[test]
    fn every_other_word_of_an_address_stays() {
        for address in [
            "postgres://u:sslmode=verify-full?x@h:1/d?options=-c%20x%3D1&application_name=n",
            "postgres:///d?host=/run/x&user=u",
            r"password='sslmode=verify-full \' x' host=h options='-c x=1' user=u\ v",
            "host=h password=a=b sslmode=disable",
            "",
        ] {
            let told: Config = address.parse().expect("an address");
            assert!(parse(address).expect("an address") == told, "{address}");
        }
        for address in ["host=h sslmode=verify-nothing", "postgres://h?sslmode=allow", "host", "sqlite://x", "host='a"]
        {
            assert!(parse(address).is_err(), "{address}");
        }
    }
}
