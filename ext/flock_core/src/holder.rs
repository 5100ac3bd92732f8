//! Who holds a certificate: a node, or an operator, a person who works from a workstation without an agent.

use std::fmt;

use crate::{
    Error, Result,
    id::{NodeName, escape},
};

/// What an operator's name begins with wherever nodes' names may stand as well; no node's name holds a slash.
pub const OPERATOR_PREFIX: &str = "operator/";

/// The name of an operator, of the same characters as a node's.
///
/// ```
/// use flock_core::holder::OperatorName;
/// let alice = OperatorName::parse("alice")?;
/// assert_eq!((alice.name(), alice.to_string().as_str()), ("alice", "operator/alice"));
/// # Ok::<(), flock_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperatorName(String);

impl OperatorName {
    /// Checks a name, written without the prefix.
    ///
    /// # Errors
    /// `configuration` with code `bad_operator_name`.
    pub fn parse(name: &str) -> Result<Self> {
        match NodeName::parse(name) {
            Ok(name) => Ok(Self(format!("{OPERATOR_PREFIX}{name}"))),
            Err(_) => Err(Error::configuration(format!(
                "{name:?} is not the name of an operator: 1 to 255 bytes without spaces, slashes or control characters"
            ))
            .with_code("bad_operator_name")),
        }
    }

    /// The name without the prefix.
    pub fn name(&self) -> &str {
        self.0.get(OPERATOR_PREFIX.len()..).unwrap_or_default()
    }

    /// The name with the prefix, as rules and logs have it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OperatorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who asks for something.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Holder {
    /// A node.
    Node(NodeName),
    /// A person.
    Operator(OperatorName),
}

impl Holder {
    /// Reads `bender1` or `operator/alice`.
    ///
    /// # Errors
    /// `configuration` with code `bad_node_name` or `bad_operator_name`.
    pub fn parse(text: &str) -> Result<Self> {
        match text.strip_prefix(OPERATOR_PREFIX) {
            Some(name) => OperatorName::parse(name).map(Self::Operator),
            None => NodeName::parse(text).map(Self::Node),
        }
    }

    /// Who is meant where a message of `node` may name an operator, without the prefix: that one, or the node itself.
    ///
    /// # Errors
    /// As [`Holder::parse`].
    pub fn of(node: &str, operator: &str) -> Result<Self> {
        match operator {
            "" => NodeName::parse(node).map(Self::Node),
            operator => OperatorName::parse(operator).map(Self::Operator),
        }
    }

    /// The name as [`Holder::parse`] reads it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Node(name) => name.as_str(),
            Self::Operator(name) => name.as_str(),
        }
    }

    /// The name alone, which says nothing of whether it is a node's.
    pub fn name(&self) -> &str {
        match self {
            Self::Node(name) => name.as_str(),
            Self::Operator(name) => name.name(),
        }
    }

    /// The name as one segment of a registry path.
    pub fn escaped(&self) -> String {
        escape(self.as_str())
    }

    /// Whether it is a person.
    pub fn is_operator(&self) -> bool {
        matches!(self, Self::Operator(_))
    }

    /// The node, if it is one.
    pub fn node(&self) -> Option<&NodeName> {
        match self {
            Self::Node(name) => Some(name),
            Self::Operator(_) => None,
        }
    }
}

/// What a policy judges by: a name, and whose it is.
pub trait Asker: fmt::Display {
    /// As rules have it: `bender1`, `operator/alice`.
    fn as_str(&self) -> &str;
    /// Whether it is a person.
    fn is_operator(&self) -> bool;
}

impl Asker for NodeName {
    fn as_str(&self) -> &str {
        self.as_str()
    }

    fn is_operator(&self) -> bool {
        false
    }
}

impl Asker for Holder {
    fn as_str(&self) -> &str {
        self.as_str()
    }

    fn is_operator(&self) -> bool {
        self.is_operator()
    }
}

impl From<NodeName> for Holder {
    fn from(name: NodeName) -> Self {
        Self::Node(name)
    }
}

impl From<&NodeName> for Holder {
    fn from(name: &NodeName) -> Self {
        Self::Node(name.clone())
    }
}

impl From<&Holder> for Holder {
    fn from(holder: &Holder) -> Self {
        holder.clone()
    }
}

impl PartialEq<NodeName> for Holder {
    fn eq(&self, name: &NodeName) -> bool {
        self.node() == Some(name)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_and_an_operator_of_one_name_are_two() {
        let (node, operator) = (
            Holder::parse("alice").unwrap(),
            Holder::parse("operator/alice").unwrap(),
        );
        assert_ne!(node, operator);
        assert_eq!((node.name(), operator.name()), ("alice", "alice"));
        assert_eq!((node.as_str(), operator.as_str()), ("alice", "operator/alice"));
        assert_eq!(operator.escaped(), "operator%2Falice");
        assert!(operator.is_operator() && operator.node().is_none() && !node.is_operator());
        assert!(node == NodeName::parse("alice").unwrap() && operator != NodeName::parse("alice").unwrap());
    }

    #[test]
    fn no_node_is_called_like_an_operator() {
        assert_eq!(NodeName::parse("operator/alice").unwrap_err().code(), "bad_node_name");
        for bad in ["operator/", "operator/a b", "operator/a/b"] {
            assert_eq!(Holder::parse(bad).unwrap_err().code(), "bad_operator_name", "{bad}");
        }
        assert_eq!(Holder::parse("hub/a").unwrap_err().code(), "bad_node_name");
    }
}
