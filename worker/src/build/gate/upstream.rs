//! The operator's own proxy, behind which a worker may have to live: as its environment says, in curl's words.

use base64::{Engine, prelude::BASE64_STANDARD};
use url::Url;

/// A proxy that speaks HTTP without encryption.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Upstream {
    /// `host:port`.
    pub(super) address: String,
    /// A line for the head of each request, or nothing.
    pub(super) authorization: String,
}

/// The proxies of a worker.
#[derive(Clone, Debug, Default)]
pub(super) struct Upstreams {
    for_http: Option<Upstream>,
    for_https: Option<Upstream>,
    /// Hosts that are reached without; `*` is all.
    except: Vec<String>,
}

impl Upstreams {
    /// Reads the variables that the configuration lets builds know, from the environment that `variable` looks in.
    pub(super) fn read(known: &[String], variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&str]| {
            let mut values =
                names.iter().filter(|name| known.iter().any(|each| each == *name)).map(|name| variable(name));
            values.find_map(|value| value.filter(|value| !value.is_empty()))
        };
        let proxy = |names: &[&str]| first(names).and_then(|text| Upstream::parse(&text));
        let except = first(&["no_proxy", "NO_PROXY"]).unwrap_or_default();
        Self {
            for_http: proxy(&["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]),
            for_https: proxy(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            except: except.split(',').map(|host| host.trim().trim_start_matches('.').to_lowercase()).collect(),
        }
    }

    /// The proxy for a host, if it is reached by one.
    pub(super) fn of(&self, host: &str, encrypted: bool) -> Option<&Upstream> {
        let upstream = if encrypted { self.for_https.as_ref() } else { self.for_http.as_ref() };
        let host = host.to_lowercase();
        let excepted = |except: &String| {
            let within = host.strip_suffix(except.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
            !except.is_empty() && (except == "*" || within)
        };
        upstream.filter(|_| !self.except.iter().any(excepted))
    }
}

impl Upstream {
    fn parse(text: &str) -> Option<Self> {
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&with_scheme).ok()?;
        if url.scheme() != "http" {
            tracing::warn!(
                event = "build.proxy_unusable",
                scheme = url.scheme(),
                "builds reach the network through http proxies only; this one is not used"
            );
            return None;
        }
        let address = format!("{}:{}", url.host_str()?, url.port_or_known_default()?);
        let authorization = match (url.username(), url.password()) {
            ("", None) => String::new(),
            (user, password) => {
                let pair = BASE64_STANDARD.encode(format!("{user}:{}", password.unwrap_or_default()));
                format!("Proxy-Authorization: Basic {pair}\r\n")
            }
        };
        Some(Self { address, authorization })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn proxies_are_read_as_curl_reads_them() {
        let known: Vec<String> = ["https_proxy", "no_proxy", "ALL_PROXY"].map(Into::into).into();
        let upstreams = Upstreams::read(&known, |name| match name {
            "https_proxy" => Some("http://me:pw@proxy.example:3128".to_owned()),
            "http_proxy" => Some("http://unknown.example:1".to_owned()),
            "ALL_PROXY" => Some("other.example:8080".to_owned()),
            "no_proxy" => Some("inner.example, .near.example".to_owned()),
            _ => None,
        });
        let https = upstreams.of("github.com", true).unwrap();
        assert_eq!(https.address, "proxy.example:3128");
        assert_eq!(https.authorization, "Proxy-Authorization: Basic bWU6cHc=\r\n");
        assert_eq!(upstreams.of("github.com", false).unwrap().address, "other.example:8080");
        for host in ["inner.example", "git.inner.example", "Near.example"] {
            assert_eq!(upstreams.of(host, true), None, "{host}");
        }
        assert!(upstreams.of("notinner.example", true).is_some());
        assert_eq!(Upstream::parse("socks5://proxy.example:1080"), None);
    }
}
