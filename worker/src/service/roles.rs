//! What a worker process does: everything by default, or parts that are deployed alone and meet in one store.

use std::{collections::BTreeSet, fmt, str::FromStr};

/// A part of the worker.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Reads the chain.
    Index,
    /// Builds programs.
    Build,
    /// Runs programs.
    Execute,
    /// Publishes outcomes.
    Publish,
    /// Answers questions over HTTP.
    Api,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Index, Self::Build, Self::Execute, Self::Publish, Self::Api];

    /// The role's stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Build => "build",
            Self::Execute => "execute",
            Self::Publish => "publish",
            Self::Api => "api",
        }
    }
}

/// The roles of one process; at least one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Roles(BTreeSet<Role>);

impl Default for Roles {
    fn default() -> Self {
        Self(Role::ALL.into())
    }
}

impl Roles {
    /// Whether the process has this role.
    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// Whether anything of it speaks with the chain.
    #[must_use]
    pub fn need_chain(&self) -> bool {
        self.has(Role::Index) || self.has(Role::Publish)
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(roles.into_iter().collect())
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|role| role.as_str()).collect();
        f.write_str(&names.join(","))
    }
}

/// The text names no role.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is not a role; there are index, build, execute, publish, api, and all")]
pub struct ParseRolesError(String);

/// `all`, or names with commas between them.
impl FromStr for Roles {
    type Err = ParseRolesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "all" {
            return Ok(Self::default());
        }
        text.split(',')
            .map(|name| {
                let found = Role::ALL.into_iter().find(|role| role.as_str() == name.trim());
                found.ok_or_else(|| ParseRolesError(name.chars().take(80).collect()))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_read_back_and_unknown_ones_are_named() {
        assert_eq!("all".parse(), Ok(Roles::default()));
        let some: Roles = [Role::Publish, Role::Index].into_iter().collect();
        assert_eq!(some.to_string(), "index,publish");
        assert_eq!("publish, index".parse(), Ok(some));
        for text in ["", "index,", "indexer"] {
            assert!(text.parse::<Roles>().is_err(), "{text}");
        }
    }
}
