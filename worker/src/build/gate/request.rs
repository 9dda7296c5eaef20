//! A request to the gate, and how it goes on: pure.

/// A request to a proxy.
#[derive(Debug)]
pub(in crate::build) struct Request<'a> {
    /// Whether it asks for a tunnel, in which everything is encrypted.
    pub(super) tunnel: bool,
    /// Without the brackets of an address.
    pub(in crate::build) host: String,
    pub(in crate::build) port: u16,
    method: &'a str,
    pub(in crate::build) target: &'a str,
    headers: &'a str,
}

impl<'a> Request<'a> {
    /// Reads a head up to its empty line; [`None`] when it is none, or may read differently elsewhere: what is passed on is
    /// read by others, some of whom end a line at a line feed alone.
    pub(in crate::build) fn parse(head: &'a str) -> Option<Self> {
        let is_plain = |line: &str| line.chars().all(|c| c == '\t' || !c.is_control());
        let (line, headers) = head.split_once("\r\n")?;
        if !head.split("\r\n").all(is_plain) || line.contains('\t') {
            return None;
        }
        let mut words = line.split(' ');
        let (method, target, _version) = (words.next()?, words.next()?, words.next()?);
        let tunnel = method == "CONNECT";
        let authority = match tunnel {
            true => target,
            false => target.strip_prefix("http://")?.split(['/', '?', '#']).next()?,
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ if tunnel => return None,
            _ => (authority, 80),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).to_owned();
        // Credentials never belong here, and would hide the host from whoever reads a log.
        (!host.is_empty() && !host.contains('@')).then_some(Self { tunnel, host, port, method, target, headers })
    }

    /// The target as the server itself knows it.
    pub(super) fn path(&self) -> &'a str {
        let rest = self.target.strip_prefix("http://").unwrap_or(self.target);
        rest.find('/').and_then(|start| rest.get(start..)).unwrap_or("/")
    }

    /// The head for the next hop: one request on this connection, without what is said to this hop only.
    pub(in crate::build) fn forwarded(&self, target: &str, further: &str) -> String {
        let for_us = |line: &&str| {
            let name = line.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
            line.is_empty() || name == "connection" || name.starts_with("proxy-")
        };
        let mut head = format!("{} {target} HTTP/1.1\r\n", self.method);
        for line in self.headers.split("\r\n").filter(|line| !for_us(line)) {
            head.push_str(line);
            head.push_str("\r\n");
        }
        head.push_str(further);
        head.push_str("Connection: close\r\n\r\n");
        head
    }
}
